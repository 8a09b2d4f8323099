"""The migration of a storage, and what may go wrong where a store does not decide conditions."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..backends.base import BaseBackend
from ..errors import ConfigurationError, translated
from ..filesystems.store import MIGRATING, StoreFS
from ..keys import storage_key
from ..names import Reserved
from ..state import find
from ..storage import Storage
from .turning import loses

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["losses", "migration_of", "windows"]


def migration_of(storage: Storage) -> MigratingFS:
    """Return the two stores of a storage. No request.

    :raises flask_pyfs.errors.ConfigurationError: if the storage has only one.
    """
    from ..filesystems.migrating.filesystem import MigratingFS

    backend = find(storage).operations
    store = backend.store if isinstance(backend, BaseBackend) else None
    if not isinstance(store, MigratingFS):
        start = storage_key(storage.name, "")
        raise ConfigurationError(
            f"storage {storage.name!r} has one store, and nothing to migrate: set {start}BACKEND to 'migrating', "
            f"{start}SOURCE to the backend that it has now, and {start}TARGET to the one that it is to have",
            storage=storage.name,
        )
    return store


def windows(storage: Storage) -> list[str]:
    """Return what may go wrong while this storage is migrated, a sentence for each; nothing if its stores decide the
    conditions of writes themselves.

    Two requests for the journal and, before a migration begins, one for a file of the target, which none should have.
    Four requests to S3 for each side that is written to on conditions, to see whether the server decides them.

    :raises flask_pyfs.errors.ConfigurationError: if the storage is not migrating.
    :raises flask_pyfs.errors.FSError: if a store fails.
    """
    fs, found = migration_of(storage), list[str]()
    with translated(storage.name):
        found += losses(storage)
        backend = find(storage).operations
        found += backend.doubts() if isinstance(backend, BaseBackend) else []
        _learn(fs.target)
        if not fs.entries_of_target.is_exact and fs.entries_of_target.window:
            found.append(f"target: {fs.entries_of_target.window}")
        if fs.direction == "back" or fs.writes == "both":
            _learn(fs.source)
            found += _windows_of_source(fs.source)
    return found


def losses(storage: Storage) -> list[str]:
    """Return what a store loses before a copier starts, a sentence or none. One request. Errors as for
    :func:`windows`.
    """
    fs = migration_of(storage)
    with translated(storage.name):
        side = loses(fs)
    if side is None:
        return []
    other = "target" if side == "source" else "source"
    return [f"{side}: it loses all files that the {other} does not have, before anything is moved to it"]


def _windows_of_source(source: StoreFS) -> list[str]:
    found = []
    if not source.decides_versions:
        found.append(
            "source: it looks at a file, and then replaces or deletes it, so what the app writes under this name "
            "between these two requests may be lost"
        )
    if source.settling:
        found.append(
            f"source: of several writes without overwrite within {source.settling:g} seconds, each may succeed, and "
            "the last one counts"
        )
    return found


def _learn(store: StoreFS) -> None:
    # some servers ignore conditions, which only an attempt shows
    store.learn_conditions(Reserved(f"{MIGRATING}/probe-{secrets.token_hex(8)}"))
