"""Several files of a store as one file, read one after the other."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, BinaryIO, Protocol

from fs.errors import RemoteConnectionError

from .streams import sought


class Fetching(Protocol):
    """The store of the files: a :class:`~flask_pyfs.filesystems.store.StoreFS`."""

    def fetch(self, path: str, start: int = 0, /) -> tuple[Any, BinaryIO]: ...


class JoinedFile(io.RawIOBase):
    """Reads files of a store as if they were one. It can seek, and has one of them open at a time.

    Each file that is reached costs one request.

    :param store: the store.
    :param paths: the files, in order.
    :param sizes: the length of each in bytes.
    :raises fs.errors.FSError: while it is read: as ``fetch`` does.
    """

    def __init__(self, store: Fetching, paths: Sequence[str], sizes: Sequence[int]) -> None:
        super().__init__()
        self._store = store
        self._paths = paths
        self._starts = [0, *accumulate(sizes)]
        self._position = self._read_to = 0
        self._number = -1
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = sought(offset, whence, self._position, self._starts[-1])
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return self.readall()
        parts = [self._next(size)]
        missing = size - len(parts[0])
        # a caller that reads the head of a file expects all of it at once
        while missing and parts[-1]:
            parts.append(self._next(missing))
            missing -= len(parts[-1])
        return b"".join(parts)

    def _next(self, size: int) -> bytes:
        number = bisect_right(self._starts, self._position) - 1
        if not size or number >= len(self._paths):
            return b""
        piece = self._opened(number).read(min(size, self._starts[number + 1] - self._position))
        if not piece:
            there = self._position - self._starts[number]
            raise RemoteConnectionError(self._paths[number], msg=f"'{{path}}' ended after {there} bytes")
        self._position += len(piece)
        self._read_to = self._position
        return piece

    def _opened(self, number: int) -> BinaryIO:
        offset = self._position - self._starts[number]
        if self._file is None or number != self._number:
            self._close_file()
            self._file, self._number = self._store.fetch(self._paths[number], offset)[1], number
            if offset:
                self._file.seek(offset)
        elif self._position != self._read_to:
            self._file.seek(offset)
        return self._file

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def close(self) -> None:
        if not self.closed:
            self._close_file()
        super().close()
