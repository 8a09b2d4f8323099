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


def content_of(store: StoreFS, path: Reserved) -> bytes | None:
    try:
        return store.read_file(path)
    except errors.ResourceNotFound:
        return None


def look(store: StoreFS, path: Reserved) -> tuple[Facts | None, bytes]:
    try:
        facts, file = store.fetch(path)
    except errors.ResourceNotFound:
        return None, b""
    with file:
        return facts, file.read()
