"""Counts and removes what killed uploads left in the stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from ..errors import FSError, OperationNotSupported
from ..state import find
from .commands import command, json_option
from .durations import AGE
from .exits import Failures
from .output import Output
from .places import STORAGE, chosen


@command()
@click.argument("storages", nargs=-1, type=STORAGE, metavar="[STORAGE]...")
@click.option("--delete", is_flag=True, help="Remove them.")
@click.option(
    "--older-than",
    type=AGE,
    metavar="AGE",
    default="1d",
    show_default=True,
    help="Leave younger ones alone, such as 12h or 2d: their upload may still run.",
)
@json_option
def leftovers(storages: Sequence[str], delete: bool, older_than: timedelta, as_json: bool) -> int:
    """Count what killed uploads left, and remove it.

    Without STORAGE, it takes all storages. Nothing is removed without --delete. No listing shows these leftovers, but
    they take space. They are counted by upload. Of several storages in one bucket of GridFS, or in one directory, each
    has all leftovers of it. A local storage that is used for the first time in a process removes its own that are older
    than a day, so they are not counted.

    \b
    Examples:
        flask fs leftovers
        flask fs leftovers --delete --older-than 2d
    """
    out = Output(as_json)
    failures = Failures(out)
    for each in chosen(storages):
        count, reason = None, None
        try:
            count = find(each).operations.remove_leftovers(older_than.total_seconds(), dry_run=not delete)
        except OperationNotSupported as error:
            reason = str(error)
        except FSError as error:
            failures.add(error, storage=each.name)
            continue
        text = reason if count is None else f"{count} {'removed' if delete else 'unfinished'}"
        out.result(
            f"{each.name}: {text}",
            storage=each.name,
            leftovers=count,
            deleted=delete and count is not None,
            reason=reason,
        )
    return failures.code
