"""Counts and removes what killed uploads left in the stores."""

from __future__ import annotations

from datetime import timedelta

import click
from flask import current_app

from ..errors import FSError, OperationNotSupported
from ..state import find, require_registry
from .commands import command, json_option
from .durations import DURATION
from .exits import Failures
from .output import Output
from .places import storage_named


@command()
@click.argument("storage", required=False)
@click.option("--delete", is_flag=True, help="Remove them.")
@click.option(
    "--older-than",
    type=DURATION,
    default="1d",
    show_default=True,
    help="Leave younger ones alone: their upload may still run. Seconds, or such as 12h or 2d.",
)
@json_option
def leftovers(storage: str | None, delete: bool, older_than: timedelta, as_json: bool) -> int:
    """Count what killed uploads left in all storages, or in one, and remove it.

    No listing shows these leftovers, but they take space. They are counted by upload. Of several storages in one
    bucket of GridFS, or in one directory, each has all leftovers of it. A local storage that is used for the first time
    in a process removes its own that are older than a day, so they are not counted.

    \b
    Examples:
        flask fs leftovers
        flask fs leftovers --delete --older-than 2d
    """
    out, failures = Output(as_json), Failures()
    for each in map(storage_named, [storage] if storage else sorted(require_registry(current_app))):
        count, reason = None, None
        try:
            count = find(each).operations.remove_leftovers(older_than.total_seconds(), dry_run=not delete)
        except OperationNotSupported as error:
            reason = str(error)
        except FSError as error:
            failures.add(error)
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
