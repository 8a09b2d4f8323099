"""Finds the installed backends by their entry points, and builds them."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..config import Config, storage_key
from ..errors import ConfigurationError
from ..options import Option
from .base import BaseBackend
from .contract import Operations
from .flaskfs import FlaskFSBackend

#: The group of entry points that name backends.
GROUP = "fs.backend"

_PACKAGE = __name__.partition(".")[0]


@cache
def installed() -> dict[str, EntryPoint]:
    """Return the entry points of all backends by their names. No other package can replace a built-in backend."""
    found = entry_points(group=GROUP)
    return {entry.name: entry for entry in sorted(found, key=_is_own)}


def load(name: str, storage: str) -> Any:
    """Return the class of a backend.

    :param name: the backend's name.
    :param storage: the storage's name, for the message.
    :raises ConfigurationError: if no package registers the name, or its module cannot be imported.
    """
    entry = installed().get(name)
    if entry is None:
        raise ConfigurationError(
            f"storage {storage!r}: there is no backend {name!r}: set {storage_key(storage, 'BACKEND')} or FS_BACKEND "
            f"to one of {', '.join(sorted(installed()))}",
            storage=storage,
        )
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise _not_importable(entry, storage, error) from error


def build(name: str, backend_class: Any, storage: str, config: Config) -> tuple[Any, Operations]:
    """Return an instance of a backend, and the object that a storage calls. They are the same for a backend with a
    filesystem.

    :param name: the backend's name.
    :param backend_class: the backend's class.
    :param storage: the storage's name.
    :param config: the storage's settings.
    :raises ConfigurationError: if the driver of the backend is not installed, or the backend rejects a setting.
    """
    try:
        backend = backend_class(storage, config)
    except ImportError as error:
        raise _not_importable(installed()[name], storage, error) from error
    return backend, operations_of(backend, storage, config["prefix"])


def operations_of(backend: Any, storage: str, prefix: str) -> Operations:
    """Return the object that a storage calls for a backend: itself if it has a filesystem, else an adapter."""
    if isinstance(backend, BaseBackend) and type(backend).open_fs is not BaseBackend.open_fs:
        return backend
    return FlaskFSBackend(backend, storage, prefix)


def options_of(backend_class: Any) -> tuple[Option, ...] | None:
    """Return the options that a backend declares, or None if it accepts any key."""
    if isinstance(backend_class, type) and issubclass(backend_class, BaseBackend):
        return None if backend_class.options is None else tuple(backend_class.options)
    return None


def all_options() -> dict[str, tuple[Option, ...]]:
    """Return the options of each installed backend. One that declares none, or cannot be imported, has no options."""
    declared: dict[str, tuple[Option, ...]] = {}
    for name, entry in installed().items():
        try:
            declared[name] = options_of(entry.load()) or ()
        except (ImportError, AttributeError):
            declared[name] = ()
    return declared


def _is_own(entry: EntryPoint) -> bool:
    return entry.module.startswith(f"{_PACKAGE}.")


def _not_importable(entry: EntryPoint, storage: str, error: Exception) -> ConfigurationError:
    hint = f": pip install '{_PACKAGE}[{entry.name}]'" if _is_own(entry) else ""
    return ConfigurationError(
        f"storage {storage!r}: the backend {entry.name!r} cannot be imported ({error}){hint}", storage=storage
    )
