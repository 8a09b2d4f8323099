"""What all commands have in common: the app, its errors, ``--json``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

import click
from flask.cli import ScriptInfo

from ..errors import FSError
from ..extras import MissingExtra
from .exits import CLOSED, INTERRUPTED, Failure, failure_of
from .output import flush
from .stopping import stoppable

__all__ = ["command", "json_option"]

#: The option with which a command prints one JSON object a line.
json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line."
)


def command(name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function that runs in the context of the app.

    An error of this package, or of the operating system, ends it with one line on standard error and an exit code;
    so does an error of this package in the app's own factory, and Ctrl-C or SIGTERM. The function returns the exit
    code, or None.

    :param name: the name of the command; that of the function by default.
    :param options: as for :func:`click.command`.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(*arguments: Any, **values: Any) -> None:
            context = click.get_current_context()
            with stoppable(), _ended_in_one_line():
                app = context.ensure_object(ScriptInfo).load_app()
                with app.app_context(), _ended_by_the_system():
                    code = context.invoke(function, *arguments, **values)
                    flush()
            context.exit(code or 0)

        make: Any = click.command(name or function.__name__, **options)
        made: click.Command = make(run)
        return made

    return decorate


@contextmanager
def _ended_in_one_line() -> Iterator[None]:
    try:
        yield
    except (FSError, MissingExtra) as error:
        raise failure_of(error) from error
    except KeyboardInterrupt as error:
        raise Failure("interrupted: no file is half-done", INTERRUPTED) from error


@contextmanager
def _ended_by_the_system() -> Iterator[None]:
    # the app's own errors are no concern of these
    try:
        yield
    except FSError:
        raise
    except OSError as error:
        with suppress(OSError):
            flush()
        if isinstance(error, BrokenPipeError):
            # the reader has enough, as "head" has
            raise click.exceptions.Exit(CLOSED) from error
        raise failure_of(error) from error
