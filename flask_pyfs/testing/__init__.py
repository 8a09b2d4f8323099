"""Tests for authors of backends, and storages in memory for the tests of apps.

:class:`StorageConformance` needs pytest; :func:`memory_storages` does not.
"""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
from .conformance import StorageConformance
from .memory import memory_storages

__all__ = ["StorageConformance", "memory_storages"]
