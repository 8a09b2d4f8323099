"""Lists, shows and removes files."""

from __future__ import annotations

import click

from .commands import command, json_option
from .output import Output
from .places import FILE, Place


@command()
@click.argument("place", type=FILE)
@json_option
def ls(place: Place, as_json: bool) -> None:
    """List files.

    \b
    Example:
        flask fs ls photos:2026/
    """
    out = Output(as_json)
    for entry in place.storage.entries(place.name):
        out.result(entry.name, name=entry.name, size=entry.size, modified=entry.modified)
