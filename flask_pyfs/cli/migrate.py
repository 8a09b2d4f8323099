"""Moves the files of a storage to another store, while the app runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ..keys import storage_key
from ..storage import Storage
from .commands import command, json_option
from .exits import DIFFERENT, DONE, FAILED, INTERRUPTED, TRY_AGAIN
from .output import Output
from .places import STORAGE, chosen
from .progress import showing
from .sizes import counted, size_text, time_text
from .transfers import checksum_option, failure_text, jobs_option, shard_option

if TYPE_CHECKING:
    from ..migration import Event, Report, Status

# what is said of a file, and of how many
_COPIED = {
    "copied": "copied",
    "replaced": "replaced",
    "deleted": "deleted",
    "same": "same",
    "own": "written by the app",
    "failed": "failed",
}
_COMPARED = {
    "same": "same",
    "own": "written by the app",
    "only_source": "not copied",
    "only_target": "not moved back",
    "differs": "different",
    "failed": "failed",
}
_UNNAMED = ("same", "own")

_PHASES = {"new": "not started"}

# what each task does nothing with
_UNUSED = {
    "verify": ("verbose",),
    "status": ("verbose", "quiet", "shard", "checksum"),
    "finish": ("verbose", "shard"),
}


@command()
@click.argument("storage", type=STORAGE)
@click.option("--status", is_flag=True, help="Say how far it is. Nothing is copied.")
@click.option("--verify", is_flag=True, help="Compare both stores, and name what is missing. Nothing is copied.")
@click.option(
    "--finish", is_flag=True, help="Compare both stores. If nothing is missing, go on with one of them alone."
)
@jobs_option
@shard_option
@checksum_option
@click.option("-v", "--verbose", is_flag=True, help="Name each file that is done.")
@click.option("-q", "--quiet", is_flag=True, help="Print the failures alone.")
@json_option
def migrate(storage: str, as_json: bool, **options: Any) -> int:
    """Move the files of a storage to another store, while the app runs.

    The storage has the backend migrating, with a SOURCE and a TARGET. Its files are copied to the target; if its
    DIRECTION is back, they move to the source. What the app writes and deletes meanwhile counts. Then both stores are
    compared.

    After Ctrl-C, or if files failed, run the same command again: it goes on with what is missing. Several may run at
    once.

    \b
    Examples:
        flask fs migrate photos
        flask fs migrate photos --status
        flask fs migrate photos --shard 1/4 --jobs 16
        flask fs migrate photos --finish

    Exit codes: 0 nothing is missing, 1 files failed, 5 worth trying again, 9 something is missing.
    """
    tasks = [task for task in _UNUSED if options.pop(task)]
    if len(tasks) > 1:
        raise click.UsageError(f"--{tasks[0]} and --{tasks[1]}: one at a time")
    task = tasks[0] if tasks else "copy"
    for name in _UNUSED.get(task, ()):
        if options.pop(name):
            raise click.UsageError(f"--{name} has no meaning with --{task}")
    [found] = chosen([storage])
    if task == "status":
        return _say_status(found, Output(as_json), options["jobs"])
    return _Task(found, task, as_json, options.pop("quiet"), options.pop("verbose", True)).run(options)


class _Task:
    """Copies, compares or finishes, and says so."""

    def __init__(self, storage: Storage, task: str, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._storage = storage
        self._task = task
        self._as_json = as_json
        self._quiet = quiet
        # a file that is only where it is to be is none of those that move
        left_out = "only_source" if storage.config.get("direction") == "back" else "only_target"
        words = _COPIED if task == "copy" else _COMPARED
        self._words = {kind: word for kind, word in words.items() if kind != left_out}
        self._names_files = (verbose or as_json) and not quiet

    def run(self, options: Mapping[str, Any]) -> int:
        from .. import migration

        begin = time.monotonic()
        # what is known if it is interrupted
        told = migration.Report()
        with showing(self._quiet) as progress:
            out = Output(self._as_json, progress.echo)

            def on_event(event: Event) -> None:
                told.add(event)
                progress.add(event)
                self._tell(out, event)

            try:
                report = self._call(out)(self._storage, on_event=on_event, **options)
            except KeyboardInterrupt:
                self._sum_up(out, told, begin, interrupted=True)
                out.note("Stopped. No file is half copied. To go on, run the same command again.")
                return INTERRUPTED
        self._sum_up(out, report, begin)
        if not self._quiet or report.missing:
            self._say_what_next(out, report, options.get("shard"))
        if report.failed:
            return TRY_AGAIN if report.is_worth_retrying else FAILED
        return DONE if report.is_complete else DIFFERENT

    def _call(self, out: Output) -> Callable[..., Report]:
        from .. import migration
        from ..migration.migrating import losses

        if self._task == "verify":
            return migration.verify
        if self._task == "copy":
            # what is deleted is said in any case
            notes = losses if self._quiet else migration.windows
            for note in notes(self._storage):
                out.note(f"Note: {note}")
            return migration.migrate
        waited_for: set[int] = set()

        def say(number: int) -> None:
            if number not in waited_for:
                waited_for.add(number)
                out.note(f"Waiting until {counted(number, 'copier')} ended.")

        return lambda *arguments, **options: migration.finish(*arguments, on_wait=say, **options)

    def _tell(self, out: Output, event: Event) -> None:
        from ..migration.comparing import MISSING

        kind = event.kind
        if kind == "failed":
            out.note(failure_text(event))
            if self._as_json:
                out.result("", kind=kind, name=event.name, error=str(event.error))
        elif self._quiet and self._task != "copy" and kind in MISSING:
            out.note(f"{self._words[kind]} {event.name}")
        elif self._names_files and kind in self._words and kind not in _UNNAMED:
            out.result(f"{self._words[kind]} {event.name}", kind=kind, name=event.name, size=event.size)

    def _sum_up(self, out: Output, report: Report, begin: float, *, interrupted: bool = False) -> None:
        seconds = time.monotonic() - begin
        # after the end nothing is compared
        is_counted = self._task == "copy" or not report.finished or report.source_files is not None
        counts = {kind: report.counts[kind] for kind in self._words} if is_counted else {}
        if self._as_json:
            kind = "interrupted" if interrupted else "done"
            facts = {"missing": report.missing, "finished": report.finished, "bytes": report.bytes}
            out.result("", kind=kind, **counts, **facts, seconds=round(seconds, 3))
        elif is_counted and not self._quiet:
            words = ", ".join(f"{counts[kind]:,} {word}" for kind, word in self._words.items())
            size = f"; {size_text(report.bytes)}" if self._task == "copy" else ""
            out.result(f"{words}{size} in {seconds:,.1f} s")

    def _say_what_next(self, out: Output, report: Report, shard: tuple[int, int] | None) -> None:
        name, config = self._storage.name, self._storage.config
        is_forward = config["direction"] == "forward"
        _, goal = _sides(self._storage)
        if report.finished:
            key = storage_key(name, "BACKEND")
            backend = config["target" if is_forward else "source"]
            out.note(f"Finished: {name} uses {goal} alone. Deploy {key} = {backend!r} and its settings.")
            if is_forward and report.source_files == 0:
                out.note(f"The source had no file. If it should have, its settings are wrong: flask fs settings {name}")
        elif not report.is_complete:
            again = "Run the same command again." if self._task == "copy" else f"Run: flask fs migrate {name}"
            out.note(f"Not complete: {counted(report.missing, 'file')} missing, {report.failed} failed. {again}")
        elif is_forward and shard is None and not report.source_files:
            out.note(f"The source has no file. If it should have, its settings are wrong: flask fs settings {name}")
        elif config["writes"] == "both":
            key = storage_key(name, "WRITES")
            out.note(f"Complete: {goal} has all files. If no old process ran meanwhile, deploy {key} = 'target'.")
        elif shard is not None:
            out.note(f"Complete: {goal} has all files of part {shard[0]}/{shard[1]}.")
        else:
            out.note(f"Complete: {goal} has all files. To use it alone: flask fs migrate {name} --finish")


def _sides(storage: Storage) -> tuple[str, str]:
    """Return what to call the stores that the files come from and go to, which may be of one backend."""
    source, target = f"the source ({storage.config['source']})", f"the target ({storage.config['target']})"
    return (target, source) if storage.config["direction"] == "back" else (source, target)


def _say_status(storage: Storage, out: Output, jobs: int) -> int:
    from .. import migration

    found: Status = migration.status(storage, jobs=jobs)
    if out.as_json:
        out.result("", storage=storage.name, **asdict(found))
        return DONE
    origin, goal = _sides(storage)
    copiers = counted(found.copiers, "copier")
    out.result(f"{storage.name}: from {origin} to {goal}, {_PHASES.get(found.phase, found.phase)}, {copiers}")
    if found.bytes is None:
        return DONE
    out.result(f"to do      {found.to_do:,} files, {size_text(found.bytes)}")
    out.result(f"done       {found.done:,} files")
    out.result(f"differing  {found.differing:,} files")
    out.result(f"deleted    {found.deleted:,} names")
    if found.rate is not None:
        left = "" if found.seconds_left is None else f", {time_text(found.seconds_left)} left"
        out.result(f"rate       {size_text(found.rate)}/s{left}")
    return DONE
