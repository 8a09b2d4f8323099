"""The commands ``flask fs``. Each module has some of them, and is imported only when one of them is used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

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
    "leftovers": ("leftovers", None),
    "ls": ("files", None),
    "mv": ("copies", "transfer"),
    "orphans": ("orphans", "orphans"),
    "rm": ("files", None),
    "settings": ("settings", None),
    "sync": ("sync", "transfer"),
    "url": ("files", None),
}


class _Commands(click.Group):
    """A group whose commands are imported when they are used: Flask loads the group for each of its own commands."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of the commands whose rooms this installation has."""
        return [name for name in _COMMANDS if self._has(name)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, or None if there is none of that name."""
        if name not in _COMMANDS or not self._has(name):
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{_COMMANDS[name][0]}"), name)
        return command

    @staticmethod
    def _has(name: str) -> bool:
        module, room = _COMMANDS[name]
        return find_spec(f"{__name__}.{module}") is not None and (
            room is None or find_spec(f"{_PACKAGE}.{room}") is not None
        )


@click.group("fs", cls=_Commands, no_args_is_help=True)
def fs() -> None:
    """See, check, copy and repair the storages of the app.

    A file is STORAGE:NAME, such as photos:2026/a.jpg. Anything else is a path of this machine, and "-" is standard
    input or output.

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 no such storage, 4 no such file, 5 worth trying again,
    9 the sides differ.
    """
