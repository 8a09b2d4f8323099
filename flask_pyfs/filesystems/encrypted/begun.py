"""A file whose beginning was read, to be read again from there."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

from ..streams import sought

__all__ = ["BegunFile", "some_of"]


class BegunFile(io.RawIOBase):
    """A file whose beginning was read. It is not read again, as a store on a network would be asked again.

    :param file: the file, behind its beginning.
    :param start: its beginning.
    """

    def __init__(self, file: BinaryIO, start: bytes) -> None:
        super().__init__()
        self._file, self._start = file, start
        self._position, self._behind = 0, len(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = 0
        if whence == os.SEEK_END:
            size = self._behind = self._file.seek(0, whence)
        self._position = sought(offset, whence, self._position, size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        piece: Any = memoryview(self._start)[self._position : self._position + len(buffer)]
        if not piece:
            if self._behind != self._position:
                self._file.seek(self._position)
            # unlike read, it does not ask for bytes behind those that will be read
            piece = getattr(self._file, "read1", self._file.read)(len(buffer))
            self._behind = self._position + len(piece)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def some_of(file: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a file whose ``read`` may return less; fewer only at the end."""
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    # one piece is not copied
    return b"".join(pieces)
