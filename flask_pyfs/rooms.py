"""Finds the rooms above Storage that it hands work to. Each may be missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import OperationNotSupported

__all__ = ["room"]

_PACKAGE = __name__.partition(".")[0]


def room(name: str, storage: str) -> Any:
    """Import a room when it is needed, and return its module. Storage is below it, so no import statement may do this.

    :param name: the name of the module: ``"fsspec"`` is ``flask_pyfs.fsspec``.
    :param storage: the name of the storage, for the error.
    :raises OperationNotSupported: if this installation lacks the room.
    :raises ModuleNotFoundError: if it lacks a package that the room needs; the message names the extra.
    """
    path = f"{_PACKAGE}.{name}"
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != _PACKAGE:
            raise
        message = f"storage {storage!r} cannot do this without {path}, which this installation lacks: install all of it"
        raise OperationNotSupported(message, storage=storage) from error
