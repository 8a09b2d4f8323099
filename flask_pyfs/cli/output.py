"""What the commands print: lines for people, or one JSON object a line."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

__all__ = ["Output", "flush", "printable"]


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
        line = json.dumps(fields, default=_plain) if self.as_json else printable(text)
        self._echo(_encodable(line, sys.stdout))

    def note(self, text: str) -> None:
        """Print a line about the work, to standard error."""
        self._echo(_encodable(printable(text), sys.stderr), err=True)


def printable(text: str) -> str:
    """Return a text without characters that could control a terminal, such as a name of a file may have. They are
    written as in Python: a line break is ``\\n``. No text becomes more than one line.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text)


def flush() -> None:
    """Write out what was printed.

    :raises OSError: if it cannot be written. It is forgotten then: the end of the process would try it again.
    """
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(io.UnsupportedOperation):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, sys.stdout.fileno())
            os.close(nothing)
        raise


def _encodable(text: str, stream: Any) -> str:
    # a terminal need not have all characters
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
