"""The commands ``flask fs``. Each module has some of them, and is imported only when one of them is used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

__all__ = ["fs"]

_PACKAGE = __name__.partition(".")[0]

# each command: its module here, and the room that does its work if that is not Storage itself
_COMMANDS: dict[str, tuple[str, str | None]] = {
    "adopt": ("adopt", "adoption"),
    "cat": ("files", None),
    "check": ("check", "transfer"),
    "cp": ("copies", "transfer"),
    "doctor": ("doctor", "doctor"),
    "du": ("files", None),
    "keygen": ("keygen", "encryption"),
    "leftovers": ("leftovers", None),
    "ls": ("files", None),
    "migrate": ("migrate", "migration"),
    "mv": ("copies", "transfer"),
    "orphans": ("orphans", "orphans"),
    "rekey": ("rekey", "rekeying"),
    "rm": ("files", None),
    "settings": ("settings", "settings"),
    "sync": ("sync", "transfer"),
    "url": ("files", None),
}


class _Commands(click.Group):
    """A group whose commands are imported when they are used: Flask loads the group for each of its own commands."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands whose rooms this installation has."""
        return [name for name in _COMMANDS if not _missing(name)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, or None if there is none of that name."""
        if name not in _COMMANDS or _missing(name):
            return None
        try:
            command: click.Command = getattr(import_module(f"{__name__}.{_COMMANDS[name][0]}"), name)
        except ModuleNotFoundError as error:
            if (error.name or _PACKAGE).partition(".")[0] == _PACKAGE:
                raise
            return _without(name, error)
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with; if there is none, say what is close."""
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            name = str(arguments[0])
            if self.get_command(context, name) is not None or name.startswith("-"):
                raise
            raise click.UsageError(_unknown(name, self.list_commands(context)), context) from error


def _missing(name: str) -> list[str]:
    """Return the modules that a command needs, and this installation lacks."""
    module, room = _COMMANDS[name]
    needed = [f"{__name__}.{module}", *([f"{_PACKAGE}.{room}"] if room else [])]
    return [each for each in needed if find_spec(each) is None]


def _unknown(name: str, known: list[str]) -> str:
    if name in _COMMANDS:
        return f"{name!r} needs {_missing(name)[-1]}, which this installation lacks: install all of it."
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"No such command {name!r}." + (f" Did you mean {close[0]!r}?" if close else "")


def _without(name: str, error: ModuleNotFoundError) -> click.Command:
    """Return a command that only says which package is missing."""
    from ..extras import MissingExtra

    install = f"pip install '{_PACKAGE}[cli]'"
    said = str(error) if isinstance(error, MissingExtra) else f"flask fs {name} needs {error.name}: {install}"

    def stop(**_: Any) -> None:
        raise click.ClickException(said)

    settings: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=stop, context_settings=settings, add_help_option=False, short_help=f"({said})")


@click.group("fs", cls=_Commands, no_args_is_help=True)
def fs() -> None:
    """See, check, copy and repair the storages of the app.

    A file is STORAGE:NAME, such as photos:2026/a.jpg. Anything else is a path of this machine, and "-" is standard
    input or output. A path with a colon is written ./a:b.

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 no such storage, 4 no such file, 5 worth trying again,
    9 check or orphans found something, or migrate is not complete.

    \b
    Example:
        flask fs ls -l photos:2026/
    """
