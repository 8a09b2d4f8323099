"""What a storage takes and hands out: sources to store, and files to read and write."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, BinaryIO

from ..filesystems.base import Readable
from ..filesystems.streams import Discardable, Result, WrappedFile


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
                self._file = _BufferFile(memoryview(content).cast("B"))
            except TypeError:
                raise TypeError(f"cannot store {type(content).__name__}: give str, bytes or a file") from None
        self._start = _position(self._file)

    def rewind(self) -> None:
        """Set the file to where it stood, if it can be, so that it can be stored under another name."""
        if self._start is not None:
            with suppress(Exception):
                self._file.seek(self._start)  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = 0) -> Any:
        return self._file.seek(offset, whence)  # type: ignore[attr-defined]

    def tell(self) -> Any:
        return self._file.tell()  # type: ignore[attr-defined]

    def read(self, size: int = -1) -> Any:
        try:
            piece = self._file.read(size)
            if piece is None:
                raise BlockingIOError("the source has nothing to read yet, and what it has later would be lost")
        except Exception as error:
            self.error = error
            raise
        return piece


def _position(file: Any) -> int | None:
    # a pipe has neither, and what stands in for a file may have anything
    with suppress(Exception):
        return int(file.tell())
    return None


class _BufferFile(io.RawIOBase):
    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._view[self._position :][: len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, len(self._view))[whence])
        return self._position

    def tell(self) -> int:
        return self._position


class StorageFile(Discardable, WrappedFile):
    """A binary file of a storage. What its filesystem raises becomes an error of this package.

    :param file: the file of a filesystem.
    :param guard: the context that translates errors, which is entered again for each operation.
    """

    def __init__(self, file: BinaryIO, guard: AbstractContextManager[Any]) -> None:
        super().__init__(file)
        self._guard = guard

    def _call(self, operation: Callable[..., Result], *arguments: Any) -> Result:
        with self._guard:
            return super()._call(operation, *arguments)

    def discard(self) -> None:
        """Close the file; one that was written is forgotten."""
        if self.closed:
            return
        try:
            self._call(getattr(self._file, "discard", self._file.close))
        finally:
            super().close()

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
