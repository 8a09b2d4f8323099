"""Files in the memory of the process."""

from __future__ import annotations

from ..filesystems.memory import MemoryFS
from . import BaseBackend

__all__ = ["MemoryBackend"]


class MemoryBackend(BaseBackend):
    """Keeps files in memory, apart for each app and storage. Meant for tests."""

    options = ()

    def open_fs(self) -> MemoryFS:
        return MemoryFS()
