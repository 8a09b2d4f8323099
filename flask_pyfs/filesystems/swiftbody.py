"""The content of objects in Swift, on its way there and from there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any, cast

from fs import errors
from requests import Response

from .objectfiles import drain
from .store import CHUNK_SIZE, Readable
from .swiftaccount import swift_errors

__all__ = ["ReceivedBody", "StreamedBody", "beginning_of", "rest_of"]


class ReceivedBody:
    """The content of an object, as it comes.

    :param response: the answer that holds it.
    :param container: the container, for errors, like the path.
    """

    def __init__(self, response: Response, container: str, path: str) -> None:
        self._response = response
        self._container = container
        self._path = path

    def read(self, size: int) -> bytes:
        with swift_errors(self._container, self._path):
            return cast(bytes, self._response.raw.read(size))

    def close(self, left: int = 0) -> None:
        drain(self, left)
        self._response.close()


def beginning_of(file: Readable, size: int) -> tuple[bytearray, bool]:
    """Read so many bytes of a file, and return them and whether they were bytes, not text."""
    # of text, nobody knows how many bytes its rest will be
    content, binary = bytearray(), True
    while len(content) < size and (piece := file.read(size - len(content))):
        binary = binary and not isinstance(piece, str)
        content += piece.encode() if isinstance(piece, str) else piece
    return content, binary


class StreamedBody:
    """So many bytes of a file, which are read while they are sent; once more where they are sent again.

    :param file: the file, which can be set back.
    :param start: where in the file they begin.
    :param size: how many they are.
    :param last: whether the file must end with them.
    :ivar error: what the file raised.
    """

    def __init__(self, file: Any, start: int, size: int, *, last: bool) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._last = last
        self._digest = hashlib.md5(usedforsecurity=False)
        self.error: BaseException | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        self._digest = hashlib.md5(usedforsecurity=False)
        try:
            self._file.seek(self._start)
            yield from self._pieces()
        except Exception as error:
            self.error = error
            raise

    def _pieces(self) -> Iterator[bytes]:
        left = self._size
        while left:
            piece = self._file.read(min(CHUNK_SIZE, left))
            if not piece:
                raise errors.OperationFailed(msg=f"the source ended {left} bytes before its end")
            left -= len(piece)
            if not left and self._last and self._file.read(1):
                raise errors.OperationFailed(msg="the source grew while it was sent")
            self._digest.update(piece)
            yield piece

    def md5(self) -> str:
        """Return the MD5 of what was sent."""
        return self._digest.hexdigest()


def rest_of(file: Readable, read: int) -> tuple[int, int] | None:
    """Return where in a binary file that can be set back its content began, and how many bytes it has from there on.

    :param read: how many bytes of it have been read.
    :returns: None for another file.
    """
    source: Any = file
    try:
        position = source.tell()
        end = source.seek(0, os.SEEK_END)
        end = source.tell() if end is None else end
    except Exception:
        return None
    # a failure here is the caller's: what is left of the file cannot be read any longer
    source.seek(position)
    start = position - read
    return (start, end - start) if start >= 0 and end >= position else None
