"""The files that a store of objects opens: one is read by ranges, the other written in parts."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from fs.errors import FSError, RemoteConnectionError

from .deferred import outside_collection, sending_a_part

__all__ = ["Body", "ObjectReader", "PartBuffer", "Upload", "drain"]

# less than this is read, rather than a connection cut off or a request sent
_DRAIN = 64 * 1024

# what is asked for at first where the reader jumps about
_BLOCK = 1024 * 1024


# how many parts are sent at the same time
_AT_ONCE = 2


class Body(Protocol):
    """The content of an object from some byte on, as it comes from the store. Its errors are ``fs.errors``."""

    def read(self, size: int, /) -> bytes | memoryview: ...

    def close(self, left: int = 0, /) -> None:
        """Give back what it holds, with so many bytes unread."""


class Upload(ABC):
    """One new object: put whole, or in parts and completed. To abort does nothing where nothing was sent."""

    @abstractmethod
    def put(self, content: bytearray) -> None:
        """Store all content."""

    @abstractmethod
    def begin(self) -> None:
        """Announce that the content comes in parts."""

    def digest_part(self, content: bytearray) -> None:  # noqa: B027
        """Take note of the next part before it is sent. The parts come in their order."""

    @abstractmethod
    def send_part(self, number: int, content: bytearray) -> None:
        """Send a part, of which the first has the number 1. Several threads do it at once."""

    @abstractmethod
    def complete(self) -> None:
        """Make the object of the parts."""

    @abstractmethod
    def abort(self) -> None:
        """Forget what was sent."""


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
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        position = offset + (0, self._position, self._size)[whence]
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        self._require_open()
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        self._require_open()
        pieces = []
        while piece := self._read(self._size - self._position, to_end=True):
            pieces.append(piece)
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

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

    def _drop_body(self) -> None:
        body, self._body = self._body, None
        if body is None or self._owner != os.getpid():
            return
        outside_collection(partial(body.close, self._body_stop - self._body_at))

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def close(self) -> None:
        if not self.closed:
            try:
                self._drop_body()
            finally:
                super().close()


class PartBuffer(io.BufferedIOBase):
    """An object being written. A part is sent when it is full and more comes, so a small object takes one request.

    Two parts are under way while the next one is filled.

    :param upload: the new object.
    :param part_size: the length of a part in bytes.
    """

    def __init__(self, upload: Upload, part_size: int) -> None:
        super().__init__()
        self._upload = upload
        self._part_size = part_size
        # the first one grows, because most files are smaller
        self._part = bytearray()
        self._filled = 0
        self._sent = 0
        self._senders: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[bytearray]] = deque()
        self._failed = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._sent * self._part_size + self._filled

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        length = len(view)
        while view:
            if self._filled == self._part_size:
                self._send(self._part)
                self._part = self._free_part()
                self._filled = 0
            piece = view[: self._part_size - self._filled]
            self._part[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            view = view[len(piece) :]
        return length

    def _send(self, part: bytearray) -> None:
        if self._senders is None:
            self._upload.begin()
            self._senders = ThreadPoolExecutor(_AT_ONCE, "upload")
        self._sent += 1
        self._upload.digest_part(part)
        try:
            self._under_way.append(self._senders.submit(self._send_part, self._sent, part))
        except RuntimeError:
            # the interpreter is ending, and takes no more work for threads
            done: Future[bytearray] = Future()
            done.set_result(self._send_part(self._sent, part))
            self._under_way.append(done)

    def _send_part(self, number: int, part: bytearray) -> bytearray:
        if self._failed:
            # whoever waits is told of the one that failed first, and need not wait for these
            raise RemoteConnectionError(msg="an earlier part could not be sent")
        try:
            with sending_a_part():
                self._upload.send_part(number, part)
        except BaseException:
            self._failed = True
            raise
        return part

    def _free_part(self) -> bytearray:
        # memory that was used is not zeroed again, nor is more of it taken
        if len(self._under_way) > _AT_ONCE:
            return self._under_way.popleft().result()
        return bytearray(self._part_size)

    def finish(self) -> None:
        """Make the object visible."""
        del self._part[self._filled :]
        if not self._sent:
            self._upload.put(self._part)
            return
        self._send(self._part)
        while self._under_way:
            self._under_way.popleft().result()
        self._stop()
        self._upload.complete()

    def abort(self) -> None:
        """Forget what was sent."""
        outside_collection(self._abort)

    def _abort(self) -> None:
        # a part that arrived later would be kept
        self._stop()
        self._upload.abort()

    def _stop(self) -> None:
        if self._senders is not None:
            # a sender that drops the file itself cannot wait for itself
            with suppress(RuntimeError):
                self._senders.shutdown(cancel_futures=True)
