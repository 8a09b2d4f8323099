"""The files that a storage gives to users of fsspec."""

from __future__ import annotations

import io
from contextlib import nullcontext, suppress
from typing import Any

from fsspec.compression import compr
from fsspec.core import get_compression

from ...backends.handles import StorageFile
from ...filesystems.streams import Discardable, WrappedFile


class OpenedFile(StorageFile):
    """A file of a storage, with what fsspec expects of one.

    :param fs: the filesystem of fsspec.
    :param path: the name of the file.
    :param file: the file as the storage opened it, which translates errors already.
    :param autocommit: whether ``close`` stores what was written. Otherwise the transaction of the filesystem calls
        ``commit`` or ``discard``.
    """

    def __init__(self, fs: Any, path: str, file: Any, autocommit: bool) -> None:
        super().__init__(file, nullcontext())
        self.fs = fs
        self.path = path
        self.autocommit = autocommit

    @property
    def size(self) -> int:
        """The length of a file that is read, in bytes. No request where the store told it when the file was opened."""
        position = self.tell()
        size = self.seek(0, io.SEEK_END)
        self.seek(position)
        return size

    def close(self) -> None:
        """Store what was written, or keep it for the end of the transaction."""
        if self.autocommit:
            super().close()
        else:
            io.BufferedIOBase.close(self)

    def commit(self) -> None:
        """Store what was written."""
        self._file.close()

    def discard(self) -> None:
        """Close the file without storing what was written, also if it is closed and waits for its transaction."""
        getattr(self._file, "discard", self._file.close)()
        super().discard()


class Compressed(Discardable, WrappedFile):
    """A file that is compressed, whose end is the end of the file below, too.

    :param file: the file below.
    :param compression: a name that fsspec knows, or ``'infer'``.
    """

    def __init__(self, file: OpenedFile, compression: str) -> None:
        self._below = file
        try:
            name = get_compression(file.path, compression)
            mode = file.mode[:1].replace("x", "w")
            compressed: Any = compr[name](file, mode=mode) if name else file
            super().__init__(compressed)
        except BaseException:
            file.discard()
            raise

    def close(self) -> None:
        """Store what was written."""
        if not self.closed:
            try:
                super().close()
            except BaseException:
                self._below.discard()
                raise
            self._below.close()

    def discard(self) -> None:
        """Close the file without storing what was written."""
        if not self.closed:
            self._below.discard()
            # its last bytes find no place
            with suppress(OSError, ValueError):
                super().close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.discard()
