"""Files in the memory of the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..filesystems.memory import MemoryFS
from ..options import Option
from .base import BaseBackend

__all__ = ["MemoryBackend"]


class MemoryBackend(BaseBackend):
    """Keeps files in the memory of the process, separately for each app and storage. It is meant for tests."""

    options: ClassVar[Sequence[Option]] = ()

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        super().__init__(name, config)
        self._files = MemoryFS()

    def obstacle_to(self, serve_mode: str) -> str | None:
        # a test keeps the settings of the real backend, and the app streams
        return None

    def open_fs(self) -> MemoryFS:
        # the files must outlive a filesystem that an app closes
        self._files = MemoryFS(self._files)
        return self._files
