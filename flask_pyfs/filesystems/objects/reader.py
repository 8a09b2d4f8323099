"""An object being read, by ranges."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from fs.errors import FSError, RemoteConnectionError

from ..streams import sought
from .deferred import call_or_defer

# less than this is read, rather than a connection cut off or a request sent
_DRAIN = 64 * 1024

# what is asked for at first where the reader jumps about
_BLOCK = 1024 * 1024


class Body(Protocol):
    """The content of an object from some byte on, as it comes from the store. One thread at a time uses it.

    Its errors are ``fs.errors``.
    """

    def read(self, size: int, /) -> bytes | memoryview:
        """Return at least one and at most so many of the next bytes, or nothing at the end.

        An end that comes too early need not be noticed here: the reader knows how many bytes there must be.
        """

    def close(self, left: int = 0, /) -> None:
        """Give back what it holds, such as a connection. It is closed once, and not read afterwards.

        :param left: how many bytes were not read.
        """


def drain(body: Body, left: int) -> None:
    """Read the rest of a body that comes over a connection, where that is short and lets it be used again."""
    # nobody waits for these bytes
    with suppress(FSError):
        while 0 < left <= _DRAIN and (piece := body.read(left)):
            left -= len(piece)


class ObjectReader(io.BufferedReader):
    """An object being read.

    :param size: its length in bytes.
    :param get: returns the content between two bytes, the second of which may be None for the end.
    :param body: content that has been asked for already.
    :param start: the byte at which that begins.
    :param stop: the byte before which it ends.
    :param content_type: the media type of the object, if known.
    """

    #: Who replaces an object does not change what was begun to be read.
    is_steady = True

    def __init__(
        self,
        size: int,
        get: Callable[[int, int | None], Body],
        body: Body | None = None,
        start: int = 0,
        stop: int | None = None,
        content_type: str | None = None,
    ) -> None:
        raw = _Ranges(size, get, body, start, size if stop is None else stop)
        super().__init__(raw, 64 * 1024)
        self.content_type = content_type


class _Ranges(io.RawIOBase):
    mode = "rb"

    def __init__(
        self, size: int, get: Callable[[int, int | None], Body], body: Body | None, start: int, stop: int
    ) -> None:
        super().__init__()
        self._size = size
        self._get = get
        self._body = body
        self._body_at = start
        self._body_stop = stop
        self._position = 0
        self._jumps = 0
        self._block = _BLOCK
        self._owner = os.getpid()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._require_open()
        self._position = sought(offset, whence, self._position, self._size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        self._require_open()
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        self._require_open()
        # grows as the content comes, and is not copied at the end
        content = io.BytesIO()
        while piece := self._read(self._size - self._position, to_end=True):
            content.write(piece)
        return content.getvalue()

    def _read(self, wanted: int, *, to_end: bool = False) -> bytes | memoryview:
        wanted = min(wanted, self._size - self._position)
        if wanted <= 0:
            return b""
        body = self._body_for(None if to_end else wanted)
        piece = self._some(body, min(wanted, self._body_stop - self._position))
        self._position = self._body_at = self._position + len(piece)
        if self._body_at == self._body_stop:
            self._drop_body()
        return piece

    def _body_for(self, wanted: int | None) -> Body:
        if self._owner != os.getpid():
            # the connection belongs to the parent
            self._body, self._owner = None, os.getpid()
        if self._body is not None and not self._reach(self._body):
            self._drop_body()
            self._jumps += 1
            self._block = _BLOCK
        if self._body is None:
            self._body_stop = self._stop(wanted)
            self._body = self._get(self._position, None if self._body_stop == self._size else self._body_stop)
            self._body_at = self._position
        return self._body

    def _reach(self, body: Body) -> bool:
        # to read a little that nobody wants is quicker than to ask again
        if not self._body_at <= self._position < min(self._body_stop, self._body_at + _DRAIN):
            return False
        while self._body_at < self._position:
            self._body_at += len(self._some(body, self._position - self._body_at))
        return True

    def _some(self, body: Body, wanted: int) -> bytes | memoryview:
        piece = body.read(wanted)
        if not piece:
            raise RemoteConnectionError(msg=f"the content ended after {self._body_at} of {self._size} bytes")
        return piece

    def _stop(self, wanted: int | None) -> int:
        # after one jump all the rest may be wanted; who jumps again reads an archive, or something like it
        if wanted is None or self._jumps < 2:
            return self._size
        block, self._block = max(wanted, self._block), self._block * 2
        return min(self._size, self._position + block)

    def _drop_body(self, call: Callable[[Callable[[], object]], object] = lambda close: close()) -> None:
        body, self._body = self._body, None
        if body is not None and self._owner == os.getpid():
            call(partial(body.close, self._body_stop - self._body_at))

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def close(self) -> None:
        if not self.closed:
            try:
                # a collection may close it
                self._drop_body(call_or_defer)
            finally:
                super().close()
