"""Checks that two sides have the same files."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from .commands import command, json_option
from .exits import DIFFERENT, DONE, FAILED, INTERRUPTED, TRY_AGAIN
from .output import Output, printable
from .places import PLACE, Place
from .progress import showing
from .transfers import choosing, failure_text, sides

if TYPE_CHECKING:
    from ..transfer import Event

_SIGNS = {"same": "=", "differs": "*", "only_source": "+", "only_target": "-", "failed": "!"}


@command()
@click.argument("source", metavar="A", type=PLACE)
@click.argument("target", metavar="B", type=PLACE)
@choosing
@click.option("--download", is_flag=True, help="Read the files of both sides, and compare their bytes.")
@click.option("--one-way", is_flag=True, help="Leave out files that only B has.")
@click.option(
    "--combined",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True),
    help="Write the lines to this file too.",
)
@click.option("-q", "--quiet", is_flag=True, help="Leave out files that are the same; print nothing if all are.")
@json_option
def check(source: Place, target: Place, combined: str | None, quiet: bool, as_json: bool, **options: Any) -> int:
    """Compare the files of A and B, and change nothing.

    One line is printed for each file: = the same, * different, + only in A, - only in B, ! an error. A file is the same
    if its size is, and its checksum if both stores list one of the same kind, else if B's file is not older
    (a second newer, where A tells whole seconds alone).

    The exit code is 9 if there are differences.

    \b
    Examples:
        flask fs check photos: archive:
        flask fs check --checksum photos:2026 /srv/backup/photos/2026
        flask fs check --download --one-way --combined found.txt photos: archive:
    """
    from .. import transfer

    first, second = sides(source, target)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        # it must be possible before anything is compared
        lines = stack.enter_context(open(combined, "w", encoding="utf-8")) if combined is not None else None
        # on a terminal, the lines themselves show how far it is
        progress = stack.enter_context(showing(quiet or sys.stdout.isatty()))
        out = Output(as_json, progress.echo)

        def on_event(event: Event) -> None:
            progress.add(event)
            counts[event.kind] += 1
            line = f"{_SIGNS[event.kind]} {event.name}"
            error = {} if event.error is None else {"error": str(event.error)}
            if not (quiet and event.kind == "same"):
                out.result(line, kind=event.kind, name=event.name, size=event.size, **error)
            if lines is not None:
                lines.write(f"{printable(line)}\n")
            if event.error is not None:
                out.note(failure_text(event))

        try:
            report = transfer.check(first, second, on_event=on_event, **options)
        except KeyboardInterrupt:
            out.note(f"Stopped, before all files were compared: {_sum(counts, source, target)}")
            return INTERRUPTED
    if not quiet or report.failed or report.differing:
        out.note(_sum(counts, source, target))
    if report.failed:
        return TRY_AGAIN if report.is_worth_retrying else FAILED
    return DIFFERENT if report.differing else DONE


def _sum(counts: Counter[str], source: Place, target: Place) -> str:
    return (
        f"{counts['same']:,} the same, {counts['differs']:,} different, {counts['only_source']:,} only in {source}, "
        f"{counts['only_target']:,} only in {target}, {counts['failed']:,} failed"
    )
