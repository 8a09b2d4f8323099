"""Writing an object: a small one in one request, a larger one in parts."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from fs.errors import RemoteConnectionError

from .deferred import call_or_defer, holding_deferred

# how many parts are sent in parallel
_AT_ONCE = 2


class Upload(ABC):
    """The upload of one object: either one ``put``, or ``begin``, ``send_part`` for each part, and ``complete``.

    ``put`` and ``complete`` are atomic: readers see the whole new object or the previous state. A failure leaves the
    key unchanged.

    :ivar version: the version of the new object (``Facts.version``), after ``put`` or ``complete``; None if the store
        cannot tell it.
    """

    version: str | None = None

    @abstractmethod
    def put(self, content: bytearray) -> None:
        """Store the whole content.

        :raises fs.errors.FileExists: if the key is taken and the upload may not overwrite.
        """

    @abstractmethod
    def begin(self) -> None:
        """Begin an upload in parts. It may check here already, before any part is sent, that the key is free.

        :raises fs.errors.FileExists: as :meth:`put` does.
        """

    def digest_part(self, content: bytearray) -> None:  # noqa: B027
        """Add a part to the checksum before it is sent. Called by one thread, in the order of the parts."""

    @abstractmethod
    def send_part(self, number: int, content: bytearray) -> None:
        """Send a part.

        Several threads call this method in parallel and in any order. It must not keep the content: the caller reuses
        the buffer.

        :param number: the number of the part, starting at 1.
        :param content: the bytes of the part; all parts except the last have the same length.
        """

    @abstractmethod
    def complete(self) -> None:
        """Create the object from the parts, after all of them were sent.

        :raises fs.errors.FileExists: as :meth:`put` does.
        """

    @abstractmethod
    def abort(self) -> None:
        """Remove the parts that were sent. Called instead of ``complete`` or after it failed, even if no part was sent.

        It logs a failure of the store instead of raising it, because the caller already handles another error.
        """


@contextmanager
def in_parts(upload: Upload) -> Iterator[None]:
    """Begin an upload in parts and complete it after the block; abort it if any step fails."""
    try:
        upload.begin()
        yield
        upload.complete()
    except BaseException:
        upload.abort()
        raise


class PartBuffer(io.BufferedIOBase):
    """A binary file that uploads what is written to it.

    It sends a part only when the part is full and more data follows, so a small object takes one request. Two parts
    are sent in parallel while the next one is filled.

    :param upload: the upload of the object.
    :param part_size: the size of a part in bytes.
    """

    def __init__(self, upload: Upload, part_size: int) -> None:
        super().__init__()
        self._upload = upload
        self._part_size = part_size
        # the first buffer grows on demand, because most files are smaller than a part
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
            # the interpreter is shutting down and starts no threads: send here
            done: Future[bytearray] = Future()
            done.set_result(self._send_part(self._sent, part))
            self._under_way.append(done)

    def _send_part(self, number: int, part: bytearray) -> bytearray:
        if self._failed:
            # the caller gets the error of the part that failed, and need not wait for the later ones
            raise RemoteConnectionError(msg="an earlier part could not be sent")
        try:
            with holding_deferred():
                self._upload.send_part(number, part)
        except BaseException:
            self._failed = True
            raise
        return part

    def _free_part(self) -> bytearray:
        # a reused buffer saves allocating and zeroing a new one
        if len(self._under_way) > _AT_ONCE:
            return self._under_way.popleft().result()
        return bytearray(self._part_size)

    def finish(self) -> None:
        """Send the remaining data and create the object."""
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
        """Discard the object and remove the parts that were sent."""
        call_or_defer(self._abort)

    def _abort(self) -> None:
        # a part that arrives after the abort is never removed
        self._stop()
        self._upload.abort()

    def _stop(self) -> None:
        if self._senders is not None:
            # the last reference may be dropped in a sender thread, which cannot join itself
            with suppress(RuntimeError):
                self._senders.shutdown(cancel_futures=True)
