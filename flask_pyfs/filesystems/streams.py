"""File wrappers: they publish on close, discard on error, and detect truncation."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, BinaryIO, TypeVar, cast

from fs.errors import RemoteConnectionError

Result = TypeVar("Result")

_UNGUARDED = nullcontext()
_FOR_READING = "the file is open for reading: open it again to write to it"


def sought(offset: int, whence: int, position: int, size: int) -> int:
    """Return the position to which a seek goes.

    :param position: the current one.
    :param size: the length of the file in bytes.
    :raises ValueError: if there is none.
    """
    if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
        raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
    found = offset + (0, position, size)[whence]
    if found < 0:
        raise ValueError(f"negative seek position {found}")
    return found


class WrappedFile(io.BufferedIOBase):
    """A wrapper of a binary file. Every operation that may fail goes through :meth:`_call`.

    :param file: the wrapped file.
    :param guard: a context that each of these operations enters.
    """

    def __init__(self, file: BinaryIO, guard: AbstractContextManager[Any] = _UNGUARDED) -> None:
        super().__init__()
        self._file = file
        self._guard = guard

    def _call(self, operation: Callable[..., Result], *arguments: Any) -> Result:
        # a closed file of MemoryFS still accepts writes
        if self.closed:
            raise ValueError("I/O operation on closed file")
        with self._guard:
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
    """A file opened for writing: ``with`` closes it, or discards it if an exception ends the block."""

    close: Callable[[], None]
    discard: Callable[[], None]

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class ForReading(WrappedFile):
    """A file opened for reading, which cannot be changed: FTPFS and MemoryFS truncate it even so."""

    def write(self, data: Any) -> int:
        raise io.UnsupportedOperation(_FOR_READING)

    def truncate(self, size: int | None = None) -> int:
        raise io.UnsupportedOperation(_FOR_READING)


class WholeFile(ForReading):
    """A file opened for reading, which raises an error if it ends too early: FTPFS treats a lost connection as the end.

    :param file: the wrapped file.
    :param size: the size of the file in bytes.
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
    """A file opened for writing. ``close`` publishes it; an exception inside ``with``, or garbage collection, discards
    it.

    :param file: the unfinished file.
    :param mode: the mode that the file was opened with.
    :param publish: a callable that gives the closed file its name. It is called at most once.
    :param discard: a callable that removes the unfinished file. It is called instead of ``publish``, or after
        ``publish`` failed.
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
            if "a" in self._opened:
                self.seek(0, os.SEEK_END)
            return super().write(data)
        except BaseException:
            self._failed = True
            raise

    def close(self) -> None:
        """Publish the file.

        :raises fs.errors.FileExists: if the file must be new, and its name was taken in the meantime.
        :raises OSError: if a write failed before, or in a child of the process that opened the file. Nothing is
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
        # a fork copies the parent's unwritten buffer and shares its connections
        if os.getpid() != self._owner:
            raise OSError("the file was opened before a fork: only the process that opened it can write and store it")

    def discard(self) -> None:
        """Close the file and remove its content. An old file of its name stays as it was."""
        if self.closed:
            return
        forked = os.getpid() != self._owner
        try:
            if forked:
                # closing would write the copy of the parent's buffer once more
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


def spooled(
    publish: Callable[[BinaryIO], object], mode: str = "wb", fill: Callable[[BinaryIO], object] = lambda file: None
) -> BinaryIO:
    """Open a temporary file for writing. When it is closed, its content is published, as that of a
    :class:`PendingFile`.

    :param publish: gets the content.
    :param mode: the mode of the file.
    :param fill: writes what the file has from the start.
    """
    with tempfile.TemporaryFile(buffering=0) as temporary:
        fill(cast(BinaryIO, temporary))
        file, content = (os.fdopen(os.dup(temporary.fileno()), each) for each in (mode.replace("x", "w"), "rb"))

    def complete() -> None:
        with content:
            content.seek(0)
            publish(cast(BinaryIO, content))

    return cast(BinaryIO, PendingFile(cast(BinaryIO, file), mode, complete, content.close))


def _disconnect(file: BinaryIO) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(nowhere, file.fileno())
        finally:
            os.close(nowhere)


class PendingText(Discardable, io.TextIOWrapper):
    """A text file over a :class:`PendingFile`, which it publishes or discards likewise.

    :raises LookupError: if the encoding is unknown. The file is discarded then.
    :raises ValueError: if another option is invalid. The file is discarded then.
    """

    def __init__(self, buffer: Any, *arguments: Any) -> None:
        try:
            super().__init__(buffer, *arguments)
        except BaseException:
            buffer.discard()
            raise

    def tell(self) -> int:
        """Return the position: the number of bytes written, if the file cannot seek."""
        if self.seekable():
            return super().tell()
        self.flush()
        return cast(BinaryIO, self.buffer).tell()

    def close(self) -> None:
        """Publish the file. If the last text cannot be written, discard the file and raise the error."""
        if not self.closed:
            try:
                self.flush()
            except BaseException:
                self.discard()
                raise
        super().close()

    def discard(self) -> None:
        """Close the file and remove its content."""
        # after detach() there is no buffer: the file belongs to its new owner
        with suppress(ValueError):
            if self.buffer is not None:
                cast(PendingFile, self.buffer).discard()

    def __del__(self) -> None:
        self.discard()
