"""The content of objects in Swift, on its way there and from there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from fs import errors

from ..base import CHUNK_SIZE, Readable


class KnownFile:
    """A binary file whose length is known, and which can be set back.

    :param file: the file.
    :param start: where in the file its content began.
    :param size: how long that is, in bytes.
    :param beginning: what has been read of it; the file stands behind that.
    """

    def __init__(self, file: Any, start: int, size: int, beginning: bytearray) -> None:
        self.size = size
        self._file = file
        self._start = start
        self._beginning = beginning
        self._stands = len(beginning)

    def read(self, position: int, size: int) -> Any:
        """Read from some position on. The file is set there only where it does not stand there."""
        if position < len(self._beginning):
            return bytes(self._beginning[position : position + size])
        if position != self._stands:
            self._file.seek(self._start + position)
        piece = self._file.read(size)
        self._stands = position + len(piece)
        return piece


class StreamedBody:
    """So many bytes of a file, which are read while they are sent; once more where they are sent again.

    :param file: the file.
    :param start: the position in its content at which they begin.
    :param size: how many they are.
    :ivar error: what the file raised.
    """

    def __init__(self, file: KnownFile, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._sent = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self.error: BaseException | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        before, digest = self._sent, self._digest
        self._sent, self._digest = 0, hashlib.md5(usedforsecurity=False)
        try:
            for piece in self._pieces(before):
                # what a file gives when it is set back need not be what it gave before; a server that had the last
                # piece would store it
                if self._sent == before and self._digest.digest() != digest.digest():
                    raise errors.OperationFailed(msg="the source cannot be read again")
                yield piece
        except Exception as error:
            self.error = error
            raise

    def _pieces(self, before: int) -> Iterator[bytes]:
        while self._sent < self._size:
            position = self._start + self._sent
            # one piece ends where the former sending did
            wanted = min(CHUNK_SIZE, (before if self._sent < before else self._size) - self._sent)
            piece = self._file.read(position, wanted)
            if not piece:
                raise errors.OperationFailed(msg=f"the source ended {self._size - self._sent} bytes before its end")
            ends = position + len(piece) == self._file.size
            if len(piece) > wanted or (ends and self._file.read(self._file.size, 1)):
                raise errors.OperationFailed(msg="the source is longer than it says, or grew while it was sent")
            self._sent += len(piece)
            self._digest.update(piece)
            yield piece

    def md5(self) -> str:
        """Return the MD5 of what was sent."""
        return self._digest.hexdigest()


def known_file(file: Readable, beginning: bytearray) -> KnownFile | None:
    """Return a binary file of which the beginning has been read, or None for one that cannot be set back."""
    source: Any = file
    try:
        position = source.tell()
        end = source.seek(0, os.SEEK_END)
        end = source.tell() if end is None else end
    except Exception:
        return None
    # a failure here is the caller's: what is left of the file cannot be read any longer
    source.seek(position)
    start = position - len(beginning)
    return KnownFile(source, start, end - start, beginning) if start >= 0 and end >= position else None
