"""A filesystem in memory, which fixes the ways in which PyFilesystem's loses files."""

from __future__ import annotations

import fs.memoryfs
from fs import errors
from fs.base import FS

from .base import CarefulFS

__all__ = ["MemoryFS"]


class MemoryFS(CarefulFS, fs.memoryfs.MemoryFS):
    """PyFilesystem's ``MemoryFS``, in which a file survives a copy or a move onto itself.

    :param other: a filesystem whose files this one shares. It may be closed.
    """

    def __init__(self, other: MemoryFS | None = None) -> None:
        super().__init__()
        if other is not None:
            self.root = other.root

    def close(self) -> None:
        # the base deletes its files
        FS.close(self)

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
