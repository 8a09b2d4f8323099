"""The sides and the options that the commands between two sides share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .parameters import ParamType
from .places import Place, require_path

if TYPE_CHECKING:
    from ..transfer import Event, Side

__all__ = ["checksum_option", "choosing", "failure_text", "jobs_option", "shard_option", "sides"]


class _ShardType(ParamType[tuple[int, int]]):
    name = "I/N"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, int]:
        """Return the two numbers of ``I/N``."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", str(value))
        shard, shards = map(int, found.groups()) if found else (0, 0)
        if not 1 <= shard <= shards:
            self.fail(f"{value!r} is no part: write I/N, such as 1/4 to 4/4", parameter, context)
        return shard, shards


_Option = Callable[[Callable[..., Any]], Callable[..., Any]]

checksum_option: _Option = click.option(
    "--checksum",
    is_flag=True,
    help="Compare checksums of the content. Where the stores have none of one kind, files are read.",
)

jobs_option: _Option = click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", default=8, show_default=True, help="How many files at a time."
)

shard_option: _Option = click.option(
    "--shard",
    type=_ShardType(),
    metavar="I/N",
    help="Only part I of N, by a hash of the name. N machines with 1/N to N/N do the whole.",
)

_OPTIONS = (
    checksum_option,
    jobs_option,
    click.option(
        "--include", multiple=True, metavar="PATTERN", help="Only these files: a pattern as in .gitignore. Repeatable."
    ),
    click.option(
        "--exclude", multiple=True, metavar="PATTERN", help="Not these files: a pattern as in .gitignore. Repeatable."
    ),
    shard_option,
)


def choosing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how files are compared, and which."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def sides(source: Place, target: Place) -> tuple[Side, Side]:
    """Return the sides that two arguments name.

    :raises click.UsageError: if an argument names no side, or both name the same one.
    :raises Failure: if the app has no such storage.
    """
    if _parts(source) == _parts(target):
        raise click.UsageError(f"{str(source)!r} and {str(target)!r} are the same")
    return _side(source), _side(target)


def failure_text(event: Event) -> str:
    """Return the line for a file that failed. It names the file."""
    error = str(event.error)
    return f"Error: {error}" if repr(event.name) in error else f"Error: {event.name}: {error}"


def _side(place: Place) -> Side:
    from ..transfer import Side

    if place.is_standard:
        raise click.UsageError("a side is a directory or a storage; '-' is neither")
    if place.storage_name is not None:
        return Side.of(place.storage, place.name)
    require_path(place)
    return Side.of(place.name)


def _parts(place: Place) -> list[str | None]:
    name = place.name if place.storage_name is not None else os.path.realpath(place.name)
    return [place.storage_name, *(part for part in name.split("/") if part not in ("", "."))]
