"""What the commands print: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

__all__ = ["Output"]


class Output:
    """The output of a command. Results go to standard output, everything else to standard error.

    :param as_json: print one JSON object a line instead of text.
    :param echo: prints a line, as :func:`click.echo`; a bar on the terminal has one of its own.
    """

    def __init__(self, as_json: bool = False, echo: Callable[..., object] = click.echo) -> None:
        self.as_json = as_json
        self._echo = echo

    def result(self, text: str, **fields: Any) -> None:
        """Print one result.

        :param text: the line for people.
        :param fields: the fields of the JSON object. Times are written as ISO 8601.
        """
        self._echo(json.dumps(fields, default=_plain) if self.as_json else printable(text))

    def note(self, text: str) -> None:
        """Print a line about the work, to standard error."""
        self._echo(printable(text), err=True)


def printable(text: str) -> str:
    """Return a text without characters that could control a terminal, such as a name of a file may have."""
    return "".join(each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
