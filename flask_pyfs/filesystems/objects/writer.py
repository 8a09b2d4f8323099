"""An object being written: put whole if it is small, else sent in parts."""

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

# how many parts are sent at the same time
_AT_ONCE = 2


class Upload(ABC):
    """One new object. Either ``put`` is called, once; or ``begin``, ``send_part`` for each part, and ``complete``.

    Nothing of the object is seen before ``put`` or ``complete`` has it whole. If one of them fails, the key is as it
    was.
    """

    @abstractmethod
    def put(self, content: bytearray) -> None:
        """Store all content.

        :raises fs.errors.FileExists: if the key is taken and the upload may not replace an object.
        """

    @abstractmethod
    def begin(self) -> None:
        """Prepare for parts. A key that is taken may be refused here already, before much is sent.

        :raises fs.errors.FileExists: as :meth:`put` does.
        """

    def digest_part(self, content: bytearray) -> None:  # noqa: B027
        """Add a part to a checksum before it is sent. One thread calls it, in the order of the parts."""

    @abstractmethod
    def send_part(self, number: int, content: bytearray) -> None:
        """Send a part.

        Several threads call it at once, in no order. It must not keep the content, which is used again.

        :param number: the number of the part, from 1.
        :param content: all parts but the last have the same length.
        """

    @abstractmethod
    def complete(self) -> None:
        """Make the object of the parts, all of which were sent.

        :raises fs.errors.FileExists: as :meth:`put` does.
        """

    @abstractmethod
    def abort(self) -> None:
        """Remove what was sent; called in place of ``complete`` or after it failed, also if nothing was sent.

        Nobody waits for the outcome, so it logs a failure of the store and raises nothing.
        """


@contextmanager
def in_parts(upload: Upload) -> Iterator[None]:
    """Begin an upload in parts, complete it after the block, and abort it if any of this fails."""
    try:
        upload.begin()
        yield
        upload.complete()
    except BaseException:
        upload.abort()
        raise


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
            with holding_deferred():
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
        call_or_defer(self._abort)

    def _abort(self) -> None:
        # a part that arrived later would be kept
        self._stop()
        self._upload.abort()

    def _stop(self) -> None:
        if self._senders is not None:
            # a sender that drops the file itself cannot wait for itself
            with suppress(RuntimeError):
                self._senders.shutdown(cancel_futures=True)
