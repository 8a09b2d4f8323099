"""The arguments that say where files are: ``STORAGE:name``, a path of this machine, or ``-``; and storages by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import click
from flask import current_app

from .. import names
from ..errors import ConfigurationError, InvalidPath
from ..state import Registry, require_registry
from ..storage import Storage
from .exits import NO_STORAGE, Failure
from .parameters import ParamType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["FILE", "PLACE", "STORAGE", "Place", "chosen", "registry", "require_path"]

_WITH_STORAGE = r"(\w[\w.-]*):(.*)"


class Place(NamedTuple):
    """Where a file or a directory is.

    :param storage_name: the name of the storage, or None for a path of this machine.
    :param name: the name in the storage, or the path; ``'-'`` without a storage is standard input or output.
    """

    storage_name: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.storage_name is None else f"{self.storage_name}:{self.name}"

    @property
    def is_standard(self) -> bool:
        """Whether this is standard input or output."""
        return self.storage_name is None and self.name == "-"

    @property
    def is_directory(self) -> bool:
        """Whether it is written as a directory: it ends with a slash, or is a whole storage."""
        return self.name.endswith("/") or (self.storage_name is not None and not self.name)

    @property
    def storage(self) -> Storage:
        """The storage, on the current app.

        :raises Failure: if the app has no storage of this name.
        """
        assert self.storage_name is not None
        return _named(self.storage_name, f". A path is written ./{self.storage_name}:…")


def registry() -> Registry:
    """Return the storages of the current app, each by its name.

    :raises Failure: with the exit code 3, if it has none.
    """
    try:
        found = require_registry(current_app)
    except ConfigurationError as error:
        raise Failure(str(error), NO_STORAGE) from error
    if not found:
        raise Failure(f"the app {current_app.name!r} has no storages: give them to init_app", NO_STORAGE)
    return found


def chosen(storage_names: Iterable[str]) -> list[Storage]:
    """Return the storages of the current app that have some names, each once; all of them if there are no names.

    :raises Failure: with the exit code 3, if it has none of a name, or none at all.
    """
    return [_named(name) for name in dict.fromkeys(storage_names)] or [*registry().values()]


def _named(name: str, hint: str = "") -> Storage:
    known = registry()
    if name not in known:
        raise Failure(f"the app has no storage {name!r}; it has: {', '.join(sorted(known))}{hint}", NO_STORAGE)
    storage: Storage = known[name]
    return storage


def require_path(place: Place) -> None:
    """Raise an error if a path has the name of a storage: nobody would see the mistake.

    :raises click.UsageError: if it has.
    """
    if place.storage_name is None and place.name in registry():
        name = place.name
        raise click.UsageError(f"{name!r} is a path: write {name}: for the storage, or ./{name} for the path")


class _PlaceType(ParamType[Place]):
    name = "place"

    def __init__(self, *, needs_storage: bool = False) -> None:
        self._needs_storage = needs_storage

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> Place:
        """Return the place that an argument names."""
        if isinstance(value, Place):
            return value
        text = str(value)
        # a path with a colon has a slash before it, as with scp
        if found := re.fullmatch(_WITH_STORAGE, text, re.DOTALL):
            storage_name, name = found.groups()
            # the whole storage
            if all(part in ("", ".") for part in name.split("/")):
                return Place(storage_name, "")
            try:
                return Place(storage_name, names.given(name))
            except InvalidPath as error:
                self.fail(str(error), parameter, context)
        if self._needs_storage:
            self.fail(f"{text!r} names no storage: write STORAGE:NAME", parameter, context)
        if not text or "\0" in text:
            self.fail(f"{text!r} is no path", parameter, context)
        return Place(None, text)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the storages, and the files in them, whose places begin with a text."""
        from .completion import places

        return places(context, incomplete, with_paths=not self._needs_storage)


class _StorageType(ParamType[str]):
    name = "storage"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """Return the name of a storage, which may have a colon behind it, as a whole storage has elsewhere."""
        name, _, inside = str(value).partition(":")
        if not name or inside:
            self.fail(f"{value!r} is no whole storage: write its name alone", parameter, context)
        return name

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the storages whose names begin with a text."""
        from .completion import storages

        return storages(context, incomplete)


#: ``STORAGE:name``, a path of this machine, or ``-``.
PLACE = _PlaceType()
#: ``STORAGE:name`` alone.
FILE = _PlaceType(needs_storage=True)
#: The name of a storage.
STORAGE = _StorageType()
