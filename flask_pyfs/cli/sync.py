"""Makes one side hold what the other does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from .commands import command, json_option
from .exits import DONE, FAILED, INTERRUPTED, TRY_AGAIN
from .output import Output
from .places import PLACE, Place
from .progress import showing
from .sizes import counted, size_text
from .transfers import choosing, failure_text, sides

if TYPE_CHECKING:
    from ..transfer import Event

# what is said of a file: done, and by a dry run
_WORDS = {
    "copied": ("copied", "would copy"),
    "replaced": ("replaced", "would replace"),
    "deleted": ("deleted", "would delete"),
}


@command()
@click.argument("source", metavar="A", type=PLACE)
@click.argument("target", metavar="B", type=PLACE)
@choosing
@click.option("--delete", is_flag=True, help="Delete at B what A does not have. Not after an error.")
@click.option("--delete-all", is_flag=True, help="With --delete: also if A has no file at all, or is gone.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Name each file that is done.")
@click.option("-q", "--quiet", is_flag=True, help="Print the failures alone.")
@json_option
def sync(source: Place, target: Place, dry_run: bool, verbose: bool, quiet: bool, as_json: bool, **options: Any) -> int:
    """Copy the files of A to B that B lacks, or has otherwise.

    A and B are storages, directories in them (photos:2026), or directories of this machine. A file is the same if its
    size is, and its checksum if both stores list one of the same kind, else if B's file is not older
    (a second newer, where A tells whole seconds alone).

    After Ctrl-C, or if files failed, run the same command again: it goes on with what is missing.

    \b
    Examples:
        flask fs sync photos: /srv/backup/photos
        flask fs sync --dry-run --delete photos:2026 archive:2026
        flask fs sync --exclude '*.tmp' --shard 1/4 photos: archive:
    """
    if options["delete_all"] and not options["delete"]:
        raise click.UsageError("--delete-all needs --delete")
    from .. import transfer

    first, second = sides(source, target)
    begin = time.monotonic()
    # counts what the report cannot tell if the transfer is interrupted
    told = transfer.Report()
    interrupted = False
    with showing(quiet) as progress:
        out = Output(as_json, progress.echo)
        teller = _Teller(out, dry_run=dry_run, listing=dry_run or verbose, quiet=quiet)

        def on_event(event: Event) -> None:
            told.add(event)
            progress.add(event)
            teller.tell(event)

        try:
            told = transfer.sync(first, second, dry_run=dry_run, on_event=on_event, **options)
        except KeyboardInterrupt:
            interrupted = True
    teller.sum_up(told, time.monotonic() - begin, interrupted)
    if interrupted:
        return INTERRUPTED
    if told.failed:
        return TRY_AGAIN if told.is_worth_retrying else FAILED
    return DONE


class _Teller:
    # says what happens, in words or as JSON
    def __init__(self, out: Output, *, dry_run: bool, listing: bool, quiet: bool) -> None:
        self._out = out
        self._dry_run = dry_run
        self._listing = listing
        self._quiet = quiet

    def tell(self, event: Event) -> None:
        if event.kind == "failed":
            self._out.note(failure_text(event))
            if self._out.as_json:
                self._out.result("", kind=event.kind, name=event.name, error=str(event.error))
        elif event.kind in _WORDS:
            if self._out.as_json:
                self._out.result("", kind=event.kind, name=event.name, size=event.size, dry_run=self._dry_run)
            elif self._listing and not self._quiet:
                self._out.result(f"{_WORDS[event.kind][self._dry_run]} {event.name}")

    def sum_up(self, report: Any, seconds: float, interrupted: bool) -> None:
        kinds = ("copied", "replaced", "deleted", "same", "failed")
        counts = {kind: report.counts[kind] for kind in kinds}
        if self._out.as_json:
            kind = "interrupted" if interrupted else "done"
            facts = {"bytes": report.bytes, "seconds": round(seconds, 3), "dry_run": self._dry_run}
            self._out.result("", kind=kind, **counts, **facts)
        elif not self._quiet:
            words = [f"{counts[kind]:,} {kind}" for kind in kinds]
            start = "dry run, nothing was done: " if self._dry_run else ""
            self._out.result(f"{start}{', '.join(words)}; {size_text(report.bytes)} in {seconds:,.1f} s")
        if report.kept:
            self._out.note(f"Not deleted, because files failed: {counted(report.kept, 'file')} of the target.")
        if interrupted:
            self._out.note("Stopped. No file is half copied. To go on, run the same command again.")
