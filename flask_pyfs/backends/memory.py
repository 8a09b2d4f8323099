"""Files in the memory of the process."""

from __future__ import annotations

from ..config import Config
from ..filesystems.memory import MemoryFS
from .base import BaseBackend

__all__ = ["MemoryBackend"]


class MemoryBackend(BaseBackend):
    """Keeps files in memory, apart for each app and storage. Meant for tests."""

    options = ()

    def __init__(self, name: str, config: Config) -> None:
        super().__init__(name, config)
        self._files = MemoryFS()

    def open_fs(self) -> MemoryFS:
        # the handle that an app closes must not take the files with it
        self._files = MemoryFS(self._files)
        return self._files
