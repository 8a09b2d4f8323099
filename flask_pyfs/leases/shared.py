"""What all leases have in common: how one is read and removed, and how long others wait between two looks."""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
from fs import errors

from ..errors import Undecipherable
from ..filesystems.store import Facts, StoreFS
from ..names import Reserved

# in seconds
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


class Busy(Exception):
    """Another holder of the lease is still at it."""


def look(store: StoreFS, path: Reserved) -> tuple[Facts | None, bytes]:
    """Return the facts of a lease, and what it says; None and nothing if it is free. One request.

    Of one that another process wrote with keys that this one has not, it is the version, which changes as what it says
    does. That takes one request more.
    """
    try:
        try:
            facts, file = store.fetch(path)
            with file:
                return facts, file.read()
        except Undecipherable:
            facts = store.bare.facts(path)
            return facts, str(facts.version or facts.modified).encode()
    except errors.ResourceNotFound:
        return None, b""


def remove(store: StoreFS, path: Reserved, version: str | None) -> None:
    """Remove a lease, if it still is this version, where the store knows versions."""
    if version is None:
        store.delete_tree(path)
    else:
        store.delete_version(path, version)
