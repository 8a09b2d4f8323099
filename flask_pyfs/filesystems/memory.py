"""A filesystem in memory, which fixes the ways in which PyFilesystem's loses files."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any, BinaryIO, cast

import fs.memoryfs
from fs import errors
from fs.enums import ResourceType
from fs.info import Info
from fs.mode import Mode

from .base import CarefulFS
from .streams import ForReading

__all__ = ["MemoryFS"]


# numbers the writes of the process
_WRITES = itertools.count(1)


class _Entry(fs.memoryfs._DirEntry):
    """An entry that is numbered anew by each write, because two writes may see the same time."""

    @property
    def modified_time(self) -> float:
        return self._modified

    @modified_time.setter
    def modified_time(self, time: float) -> None:
        self._modified = time
        self._number = next(_WRITES)

    def to_info(self, namespaces: Collection[str] | None = None) -> Info:
        raw = {name: dict(facts) for name, facts in super().to_info(namespaces).raw.items()}
        if "details" in raw:
            raw["details"]["version"] = self._number
        return Info(raw)


class MemoryFS(CarefulFS, fs.memoryfs.MemoryFS):
    """PyFilesystem's ``MemoryFS``, in which a file survives a copy or a move onto itself.

    :param other: a filesystem whose files this one shares. It may be closed.
    """

    root: _Entry

    #: Whether the details of a file tell which write it is.
    numbers_writes = True

    def __init__(self, other: MemoryFS | None = None) -> None:
        super().__init__()
        if other is not None:
            self.root, self._lock = other.root, other._lock

    def _make_dir_entry(self, resource_type: ResourceType, name: str) -> _Entry:
        return _Entry(resource_type, name)

    def close(self) -> None:
        # the base deletes its files; and no module is there any more when the interpreter ends
        self._closed = True

    def openbin(self, path: str, mode: str = "r", buffering: int = -1, **options: Any) -> BinaryIO:
        file = super().openbin(path, mode, buffering, **options)
        return file if Mode(mode).writing else cast(BinaryIO, ForReading(file))

    def copy(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        if not self._is_same(src_path, dst_path, overwrite):
            super().copy(src_path, dst_path, overwrite, preserve_time)

    def move(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        with self.lock():
            if self._is_same(src_path, dst_path, overwrite):
                return
            # the base would replace the directory and everything below it by the file
            if self.isdir(dst_path) and self.isfile(src_path):
                raise errors.DirectoryExists(dst_path) if overwrite else errors.DestinationExists(dst_path)
            # with preserve_time, the base looks for the old path; a moved entry keeps its times anyway
            super().move(src_path, dst_path, overwrite, False)  # type: ignore[no-untyped-call]

    def removedir(self, path: str) -> None:
        # the base checks that the directory is empty and removes it later, with files that came in between
        with self.lock():
            super().removedir(path)

    def _is_same(self, path: str, other: str, overwrite: bool) -> bool:
        if not overwrite or self.validatepath(path) != self.validatepath(other):
            return False
        if self.getinfo(path).is_dir:
            raise errors.FileExpected(path)
        return True
