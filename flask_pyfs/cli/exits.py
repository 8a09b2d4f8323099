"""The exit codes of the commands, and the errors that end them."""

from __future__ import annotations

import click

from ..errors import BackendError, FileNotFound, FSError

__all__ = ["DIFFERENT", "DONE", "FAILED", "INTERRUPTED", "NO_FILE", "NO_STORAGE", "TRY_AGAIN", "Stopped", "code_of"]

DONE = 0
FAILED = 1
#: click's own, for wrong arguments.
USAGE = 2
NO_STORAGE = 3
NO_FILE = 4
TRY_AGAIN = 5
DIFFERENT = 9
#: What a shell says of a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED = 130


class Stopped(click.ClickException):
    """Ends a command with one line on standard error.

    :param message: what is wrong, and what to do.
    :param code: the exit code.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        # click declares it for the class
        vars(self)["exit_code"] = code


def code_of(error: Exception) -> int:
    """Return the exit code for an error."""
    if isinstance(error, FileNotFound):
        return NO_FILE
    return TRY_AGAIN if isinstance(error, BackendError) else FAILED


def stopped_by(error: FSError) -> Stopped:
    """Return what ends a command that failed with an error."""
    return Stopped(str(error), code_of(error))
