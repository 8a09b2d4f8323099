"""Encrypts files anew with the first key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..storage import Storage
from .commands import command, json_option
from .exits import DONE, FAILED, INTERRUPTED, TRY_AGAIN
from .output import Output
from .places import STORAGE, chosen
from .progress import showing
from .sizes import counted, size_text
from .transfers import failure_text, jobs_option, shard_option

if TYPE_CHECKING:
    from ..rekeying import Event, Holding, Origin, Report

# how a file ended, and what is said of it
_COUNTED = {"replaced": "encrypted", "same": "same", "gone": "deleted meanwhile", "failed": "failed"}


@command()
@click.argument("storage", type=STORAGE)
@click.argument("prefix", default="", metavar="[PREFIX]")
@jobs_option
@shard_option
@click.option("--dry-run", is_flag=True, help="Say which key each file has, and do nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Name each file that is done.")
@click.option("-q", "--quiet", is_flag=True, help="Print the failures alone.")
@json_option
def rekey(storage: str, prefix: str, as_json: bool, verbose: bool, quiet: bool, **options: Any) -> int:
    """Encrypt the files of a storage with its first key.

    It takes those that have another key of ENCRYPTION_KEYS, that flask-fs2 encrypted, or that are not encrypted. With
    PREFIX, only files whose names begin with it. In the end it says how many files each key has: one that has none can
    be removed, once all processes of the app write with the first one. What the app writes and deletes meanwhile stays.

    After Ctrl-C, or if files failed, run the same command again: it goes on with what is missing.

    \b
    Examples:
        flask fs rekey --dry-run photos
        flask fs rekey photos
        flask fs rekey --shard 1/4 --jobs 16 photos 2026/
    """
    [found] = chosen([storage])
    return _Task(found, as_json, verbose, quiet, options["dry_run"]).run(prefix, options)


class _Task:
    """Encrypts files, and says so."""

    def __init__(self, storage: Storage, as_json: bool, verbose: bool, quiet: bool, dry_run: bool) -> None:
        self._storage = storage
        self._as_json = as_json
        self._quiet = quiet
        self._dry_run = dry_run
        self._names_files = (verbose or dry_run or as_json) and not quiet

    def run(self, prefix: str, options: dict[str, Any]) -> int:
        from .. import rekeying

        begin = time.monotonic()
        # what is known if it is interrupted
        told = rekeying.Report()
        with showing(self._quiet) as progress:
            out = Output(self._as_json, progress.echo)

            def on_event(event: Any) -> None:
                told.add(event)
                progress.add(event)
                self._tell(out, event)

            try:
                if not self._quiet and not self._dry_run:
                    for window in rekeying.windows(self._storage):
                        out.note(f"Note: {window}")
                report = rekeying.rekey(self._storage, prefix, on_event=on_event, **options)
            except KeyboardInterrupt:
                self._sum_up(out, told, begin, interrupted=True)
                out.note("Stopped. No file is half done. To go on, run the same command again.")
                return INTERRUPTED
        self._sum_up(out, report, begin)
        if not self._quiet:
            self._say_keys(out, report, is_whole=not prefix and options["shard"] is None)
        if report.failed:
            return TRY_AGAIN if report.is_worth_retrying else FAILED
        return DONE

    def _tell(self, out: Output, event: Event) -> None:
        if event.kind == "failed":
            out.note(failure_text(event))
            if self._as_json:
                out.result("", kind=event.kind, name=event.name, error=str(event.error))
        elif event.kind == "replaced" and self._names_files:
            side, key = event.holding or ("", "")
            words = f"{'would encrypt' if self._dry_run else 'encrypted'} {event.name}"
            fields = {"side": side, "name": event.name, "size": event.size, "key": key, "dry_run": self._dry_run}
            out.result(f"{side}: {words}" if side else words, kind=event.kind, **fields)

    def _sum_up(self, out: Output, report: Report, begin: float, *, interrupted: bool = False) -> None:
        seconds = time.monotonic() - begin
        counts = {kind: report.counts[kind] for kind in _COUNTED}
        if self._as_json:
            facts: dict[str, Any] = {"bytes": report.bytes, "seconds": round(seconds, 3), "dry_run": self._dry_run}
            if not interrupted:
                facts["keys"] = [_fields(report, *each) for each in report.keys.items()]
            out.result("", kind="interrupted" if interrupted else "done", **counts, **facts)
        elif not self._quiet:
            words = ", ".join(f"{counts[kind]:,} {word}" for kind, word in _COUNTED.items())
            start = "dry run, nothing was done: " if self._dry_run else ""
            out.result(f"{start}{words}; {size_text(report.bytes)} in {seconds:,.1f} s")

    def _say_keys(self, out: Output, report: Report, *, is_whole: bool) -> None:
        # a key of other files may still be needed
        is_sure = is_whole and not report.failed
        for holding, files in report.keys.items():
            origin = report.origins.get(holding)
            line = f"{_named(holding, origin)}: {counted(files, 'file')}"
            if holding in report.firsts:
                line += " (new files get it)"
            elif origin is not None and origin.is_for_new_files:
                line += f" ({origin.setting} lets new ones be plain until {origin.until:%Y-%m-%d %H:%M %Z})"
            elif is_sure and origin is not None and not report.is_needed(holding):
                line += f", so {_unneeded(holding, origin)}"
            if not self._as_json:
                out.result(f"{holding.side}: {line}" if holding.side else line)
        if is_whole and not any(report.keys.values()):
            name = self._storage.name
            out.note(f"The storage has no file. If it should have, its settings are wrong: flask fs settings {name}")


def _fields(report: Report, holding: Holding, files: int) -> dict[str, Any]:
    origin = report.origins.get(holding)
    where: dict[str, Any] = {"setting": None, "number": None, "others": [], "until": None}
    if origin is not None:
        where = {**origin._asdict(), "others": list(origin.others)}
    return {**holding._asdict(), "files": files, **where}


def _named(holding: Holding, origin: Origin | None) -> str:
    # identifiers are in no setting, so the place there is told
    if origin is not None and origin.number is not None:
        return f"key {holding.key} (number {origin.number} of {origin.setting})"
    words = {"AES256_KEY": origin and origin.setting, "plain": "not encrypted", "unknown": "no key that is set"}
    return words.get(holding.key) or f"key {holding.key}"


def _unneeded(holding: Holding, origin: Origin) -> str:
    what = "it can be removed" if origin.number is not None else f"{origin.setting} can be unset"
    if holding.key == "AES256_KEY":
        # it is refused without the key
        what += ", and AES256_ENCRYPTED with it"
    if not origin.others:
        return what
    commands = " and ".join(f"'flask fs rekey {name}'" for name in origin.others)
    return f"{what} once no other storage that has this setting needs it: run {commands}"
