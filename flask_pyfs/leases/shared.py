"""What all leases have in common: how one is read and removed, and how long others wait between two looks."""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
from fs import errors

from ..filesystems.store import Facts, StoreFS
from ..names import Reserved

# in seconds
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


class Busy(Exception):
    """Another holder of the lease is still at it."""


def look(store: StoreFS, path: Reserved) -> tuple[Facts | None, bytes]:
    """Return the facts of a lease, and what it says; None and nothing if it is free. One request."""
    try:
        facts, file = store.fetch(path)
    except errors.ResourceNotFound:
        return None, b""
    with file:
        return facts, file.read()


def remove(store: StoreFS, path: Reserved, version: str | None) -> None:
    """Remove a lease, if it still is this version, where the store knows versions."""
    if version is None:
        store.delete_tree(path)
    else:
        store.delete_version(path, version)
