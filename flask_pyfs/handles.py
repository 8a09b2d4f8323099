"""What a storage hands out to read from and takes to write from, with errors of this package."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, cast

from .filesystems.store import Readable

__all__ = ["Chunks", "Source", "StorageFile"]

Guard = Callable[[], AbstractContextManager[None]]


class Source:
    """What is to be stored, as a stream: text (UTF-8), anything like bytes, or a file, which is left open.

    :ivar error: what the caller's own file raised while it was read, or None.
    :raises TypeError: for anything else.
    """

    def __init__(self, content: Any) -> None:
        self.error: Exception | None = None
        if isinstance(content, str):
            content = content.encode()
        if hasattr(content, "read"):
            self._file: Readable = content
        elif isinstance(content, bytes):
            self._file = io.BytesIO(content)
        else:
            try:
                self._file = _View(memoryview(content).cast("B"))
            except TypeError:
                raise TypeError(f"cannot store {type(content).__name__}: give str, bytes or a file") from None

    def read(self, size: int = -1) -> Any:
        try:
            return self._file.read(size)
        except Exception as error:
            self.error = error
            raise


class _View:
    def __init__(self, view: memoryview) -> None:
        self._view = view

    def read(self, size: int = -1) -> bytes:
        end = len(self._view) if size < 0 else size
        piece, self._view = bytes(self._view[:end]), self._view[end:]
        return piece


class StorageFile(io.BufferedIOBase):
    """A binary file of a storage. What its filesystem raises becomes an error of this package.

    :param file: the file of a filesystem.
    :param guard: returns the context that translates errors.
    """

    def __init__(self, file: BinaryIO, guard: Guard) -> None:
        super().__init__()
        self._file = file
        self._guard = guard

    @property
    def mode(self) -> str:
        return getattr(self._file, "mode", "rb")

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return self._file.writable()

    def seekable(self) -> bool:
        return self._file.seekable()

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int | None = -1) -> bytes:
        with self._guard():
            return self._file.read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        return self.read(io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    def readinto(self, buffer: Any) -> int:
        with self._guard():
            return cast(int, cast(Any, self._file).readinto(buffer))

    def readline(self, size: int | None = -1) -> bytes:
        with self._guard():
            return self._file.readline(-1 if size is None else size)

    def write(self, data: Any) -> int:
        with self._guard():
            return self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._guard():
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        with self._guard():
            return self._file.truncate(size)

    def flush(self) -> None:
        if not self._file.closed:
            with self._guard():
                self._file.flush()

    def close(self) -> None:
        """Close the file; one that was written gets its name now."""
        if not self.closed:
            try:
                with self._guard():
                    self._file.close()
            finally:
                super().close()

    def discard(self) -> None:
        """Close the file; one that was written is forgotten."""
        getattr(self._file, "discard", self._file.close)()
        super().close()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if hasattr(self, "_guard") and not self.closed:
            self.discard()


class Chunks(Iterator[bytes]):
    """The content of a file, piece by piece. The file is closed at its end, or by ``close``.

    :param file: the file.
    :param size: the most bytes of a piece.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def __next__(self) -> bytes:
        if self._file.closed:
            raise StopIteration
        piece = self._file.read(self._size)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()
