"""The arguments that say where files are: ``STORAGE:name``, a path of this machine, or ``-``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import click
from flask import current_app

from ..errors import ConfigurationError
from ..state import require_registry
from ..storage import Storage
from .exits import NO_STORAGE, Stopped

__all__ = ["FILE", "PLACE", "Place", "storage_named"]


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
    def storage(self) -> Storage:
        """The storage, on the current app.

        :raises Stopped: if the app has no storage of this name.
        """
        assert self.storage_name is not None
        return storage_named(self.storage_name)


def storage_named(name: str) -> Storage:
    """Return a storage of the current app.

    :raises Stopped: with the exit code 3, if it has none of this name.
    """
    try:
        registry = require_registry(current_app)
    except ConfigurationError as error:
        raise Stopped(str(error), NO_STORAGE) from error
    if name not in registry:
        known = ", ".join(sorted(registry)) or "none"
        raise Stopped(f"the app has no storage {name!r}; it has: {known}. A path is written ./{name}:…", NO_STORAGE)
    storage: Storage = registry[name]
    return storage


if TYPE_CHECKING:
    _ParamType = click.ParamType[Place]
else:
    # older versions of click take no type
    _ParamType = click.ParamType


class _PlaceType(_ParamType):
    name = "place"

    def __init__(self, *, needs_storage: bool = False) -> None:
        self._needs_storage = needs_storage

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> Place:
        """Return the place that an argument names."""
        if isinstance(value, Place):
            return value
        text = str(value)
        # a path with a colon has a slash before it, as with scp
        if found := re.fullmatch(r"(\w[\w.-]*):(.*)", text, re.DOTALL):
            return Place(*found.groups())
        if self._needs_storage:
            self.fail(f"{text!r} names no storage: write STORAGE:NAME", parameter, context)
        return Place(None, text)


#: ``STORAGE:name``, a path of this machine, or ``-``.
PLACE = _PlaceType()
#: ``STORAGE:name`` alone.
FILE = _PlaceType(needs_storage=True)
