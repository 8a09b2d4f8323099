"""Files that keep a promise which the file below them does not."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, TypeVar, cast

from fs.errors import RemoteConnectionError

Result = TypeVar("Result")


class WrappedFile(io.BufferedIOBase):
    """A binary file over another. Every operation on that one goes through :meth:`_call`.

    :param file: the file below.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def _call(self, operation: Callable[..., Result], *arguments: Any) -> Result:
        # a file of MemoryFS takes what is written after it was closed
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return operation(*arguments)

    @property
    def mode(self) -> str:
        return getattr(self._file, "mode", "rb")

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return self._file.writable()

    def seekable(self) -> bool:
        return self._file.seekable()

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int | None = -1) -> bytes:
        return self._call(self._file.read, -1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        read1 = getattr(self._file, "read1", None)
        size = io.DEFAULT_BUFFER_SIZE if size < 0 else size
        return self.read(size) if read1 is None else self._call(read1, size)

    def readinto(self, buffer: Any) -> int:
        return cast(int, self._call(cast(Any, self._file).readinto, buffer))

    def readline(self, size: int | None = -1) -> bytes:
        return self._call(self._file.readline, -1 if size is None else size)

    def write(self, data: Any) -> int:
        return self._call(self._file.write, data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._call(self._file.seek, offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._call(self._file.truncate, size)

    def flush(self) -> None:
        if not self._file.closed:
            self._call(self._file.flush)

    def close(self) -> None:
        if not self.closed:
            try:
                self._call(self._file.close)
            finally:
                super().close()


class Discardable:
    """What is opened to be written: an exception inside ``with`` discards it, anything else closes it."""

    close: Callable[[], None]
    discard: Callable[[], None]

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class WholeFile(WrappedFile):
    """A file being read whose end is an error unless all its bytes came: FTPFS takes a lost connection for the end.

    :param file: the file below.
    :param size: how many bytes it has.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self._check(len(content), size)
        return content

    def read1(self, size: int = -1) -> bytes:
        content = super().read1(size)
        self._check(len(content), size)
        return content

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self._check(count, len(buffer))
        return count

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n"):
            self._check(len(line), size)
        return line

    def _check(self, got: int, wanted: int | None) -> None:
        at_end = wanted is None or wanted < 0 or (got == 0 and wanted > 0)
        if at_end and self.tell() < self._size:
            raise RemoteConnectionError(msg=f"the file ended after {self.tell()} of {self._size} bytes")


class PendingFile(Discardable, WrappedFile):
    """A file being written: closing it publishes it, an exception inside ``with`` or dropping it discards it.

    :param file: the unfinished file.
    :param mode: the mode that it was opened with.
    :param publish: called once, after the file was closed, to give it its name.
    :param discard: called once instead of it, or after it failed, to remove what was written.
    """

    def __init__(self, file: BinaryIO, mode: str, publish: Callable[[], None], discard: Callable[[], None]) -> None:
        super().__init__(file)
        self._publish = publish
        self._discard = discard
        self._owner = os.getpid()
        self._failed = False
        self._opened = mode

    @property
    def mode(self) -> str:
        return self._opened

    def write(self, data: Any) -> int:
        self._require_owner()
        try:
            return super().write(data)
        except BaseException:
            self._failed = True
            raise

    def close(self) -> None:
        """Publish the file.

        :raises fs.errors.FileExists: for a new file whose name was taken in the meantime.
        :raises OSError: where a write had failed, or in a child of the process that opened the file; nothing is
            published then.
        """
        if self.closed:
            return
        try:
            self._require_owner()
            if self._failed:
                raise OSError("a write failed, so the file was not stored")
            self._file.close()
            self._publish()
        except BaseException:
            self.discard()
            raise
        super().close()

    def _require_owner(self) -> None:
        # what the parent has not written yet is here too, and its connections are
        if os.getpid() != self._owner:
            raise OSError("the file belongs to the process that opened it, which alone can write and store it")

    def discard(self) -> None:
        """Close the file and remove what was written; its name is as it was."""
        if self.closed:
            return
        forked = os.getpid() != self._owner
        try:
            if forked:
                # what the parent's buffer held at the fork must not be written twice
                _disconnect(self._file)
            with suppress(OSError):
                self._file.close()
            if not forked:
                self._discard()
        finally:
            super().close()

    def __del__(self) -> None:
        if hasattr(self, "_owner"):
            self.discard()


def _disconnect(file: BinaryIO) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(nowhere, file.fileno())
        finally:
            os.close(nowhere)


class PendingText(Discardable, io.TextIOWrapper):
    """Text over a file being written, with the same promise.

    :raises LookupError: for an unknown encoding, ValueError for another wrong option; the file is discarded then.
    """

    def __init__(self, buffer: Any, *arguments: Any) -> None:
        try:
            super().__init__(buffer, *arguments)
        except BaseException:
            buffer.discard()
            raise

    def tell(self) -> int:
        """Return how many bytes were written, also where the file cannot seek."""
        if self.seekable():
            return super().tell()
        self.flush()
        return cast(BinaryIO, self.buffer).tell()

    def close(self) -> None:
        """Publish the file; where the last text cannot be written, discard it and raise."""
        if not self.closed:
            try:
                self.flush()
            except BaseException:
                self.discard()
                raise
        super().close()

    def discard(self) -> None:
        """Close the file and remove what was written."""
        # none is there after detach(), which leaves the file to its new owner
        with suppress(ValueError):
            if self.buffer is not None:
                cast(PendingFile, self.buffer).discard()

    def __del__(self) -> None:
        self.discard()
