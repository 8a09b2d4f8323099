"""The exit codes of the commands, and the errors that end them."""

from __future__ import annotations

from typing import Any

import click

from ..errors import FileNotFound, FSError, is_worth_retrying
from .output import Output, printable

__all__ = [
    "CLOSED",
    "DIFFERENT",
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "NO_FILE",
    "NO_STORAGE",
    "TRY_AGAIN",
    "Failure",
    "Failures",
    "code_of",
    "failure_of",
]

DONE = 0
FAILED = 1
# 2 is click's own, for wrong arguments
NO_STORAGE = 3
NO_FILE = 4
TRY_AGAIN = 5
DIFFERENT = 9
#: What a shell says of a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED = 130
#: What a shell says of a program whose reader went away: 128 and the number of SIGPIPE.
CLOSED = 141


class Failure(click.ClickException):
    """Ends a command with one line on standard error.

    :param message: what is wrong, and what to do.
    :param code: the exit code.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(printable(message))
        # click declares it for the class
        vars(self)["exit_code"] = code


class Failures:
    """The failures of a command that goes on after each. Each is one line on standard error, and one object if the
    command prints JSON.

    :param out: the output of the command, if it prints results.
    """

    def __init__(self, out: Output | None = None) -> None:
        self._out = out or Output()
        self._codes: set[int] = set()

    def add(self, error: Exception, **fields: Any) -> None:
        """Tell a failure.

        :param error: one of this package, or a :exc:`Failure`.
        :param fields: the fields of the JSON object that say what failed.
        """
        failure = error if isinstance(error, Failure) else failure_of(error)
        self._out.note(f"Error: {failure.message}")
        if self._out.as_json:
            self._out.result("", **fields, error=failure.message)
        self._codes.add(failure.exit_code)

    @property
    def code(self) -> int:
        """The exit code: that of the failures if they all have the same, else :data:`FAILED`."""
        if not self._codes:
            return DONE
        return self._codes.copy().pop() if len(self._codes) == 1 else FAILED


def code_of(error: Exception) -> int:
    """Return the exit code for an error."""
    if isinstance(error, FileNotFound):
        return NO_FILE
    return TRY_AGAIN if is_worth_retrying(error) else FAILED


def failure_of(error: Exception) -> Failure:
    """Return what ends a command that failed with an error."""
    if isinstance(error, OSError) and not isinstance(error, FSError):
        # without its number
        file = f"{error.filename}: " if error.filename else ""
        return Failure(f"{file}{error.strerror or error}")
    return Failure(str(error), code_of(error))
