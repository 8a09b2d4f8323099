"""What all commands have in common: the app, its errors, ``--json``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask.cli import ScriptInfo

from ..errors import ConfigurationError, FSError
from .exits import stopped_by

__all__ = ["command", "json_option"]

#: The option with which a command prints one JSON object a line.
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def command(name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function that runs in the context of the app.

    An error of this package ends it with one line on standard error and an exit code.

    :param name: the name of the command; that of the function by default.
    :param options: as for :func:`click.command`.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(*arguments: Any, **values: Any) -> Any:
            context = click.get_current_context()
            try:
                app = context.ensure_object(ScriptInfo).load_app()
            except ConfigurationError as error:
                raise stopped_by(error) from error
            with app.app_context():
                try:
                    return context.invoke(function, *arguments, **values)
                except FSError as error:
                    raise stopped_by(error) from error

        make: Any = click.command(name or function.__name__, **options)
        made: click.Command = make(run)
        return made

    return decorate
