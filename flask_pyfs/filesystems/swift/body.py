"""Request bodies that stream a file to Swift."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from fs import errors

from ..base import CHUNK_SIZE, Readable


class KnownFile:
    """A seekable binary file of known size.

    :param file: the file.
    :param start: the position in the file at which the content begins.
    :param size: the size of the content in bytes.
    :param beginning: the bytes already read; the position of the file is after them.
    """

    def __init__(self, file: Any, start: int, size: int, beginning: bytearray) -> None:
        self.size = size
        self._file = file
        self._start = start
        self._beginning = beginning
        self._position = len(beginning)

    def read(self, position: int, size: int) -> Any:
        """Read up to ``size`` bytes from a position in the content. Seek only if the file is elsewhere."""
        if position < len(self._beginning):
            return bytes(self._beginning[position : position + size])
        if position != self._position:
            self._file.seek(self._start + position)
        piece = self._file.read(size)
        self._position = position + len(piece)
        return piece


class StreamedBody:
    """A range of a file, read while it is sent. A retry reads the range again.

    :param file: the file.
    :param start: the position in the content of the file at which the range begins.
    :param size: the size of the range in bytes.
    :ivar error: the exception that reading the file raised, or None.
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
                # a retry may read other bytes than the first attempt did; stop before the last piece, because the
                # server would store the complete body
                if self._sent == before and self._digest.digest() != digest.digest():
                    raise errors.OperationFailed(msg="the source cannot be read again: it returned other bytes")
                yield piece
        except Exception as error:
            self.error = error
            raise

    def _pieces(self, before: int) -> Iterator[bytes]:
        while self._sent < self._size:
            position = self._start + self._sent
            # a piece ends where the previous attempt ended, to compare the digests there
            wanted = min(CHUNK_SIZE, (before if self._sent < before else self._size) - self._sent)
            piece = self._file.read(position, wanted)
            if not piece:
                raise errors.OperationFailed(msg=f"the source ended {self._size - self._sent} bytes too early")
            ends = position + len(piece) == self._file.size
            if len(piece) > wanted or (ends and self._file.read(self._file.size, 1)):
                raise errors.OperationFailed(msg="the source is longer than its size, or grew while it was sent")
            self._sent += len(piece)
            self._digest.update(piece)
            yield piece

    def md5(self) -> str:
        """Return the MD5 of the bytes sent, in hexadecimal digits."""
        return self._digest.hexdigest()


def known_file(file: Readable, beginning: bytearray) -> KnownFile | None:
    """Return a seekable file whose beginning has been read, or None if it cannot seek."""
    source: Any = file
    try:
        position = source.tell()
        end = source.seek(0, os.SEEK_END)
        end = source.tell() if end is None else end
    except Exception:
        return None
    # not caught: if this fails, the rest of the file cannot be read either way
    source.seek(position)
    start = position - len(beginning)
    return KnownFile(source, start, end - start, beginning) if start >= 0 and end >= position else None
