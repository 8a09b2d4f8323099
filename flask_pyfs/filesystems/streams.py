"""Files being written that appear when they are complete."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, cast

__all__ = ["PendingFile", "PendingText"]


class PendingFile(io.BufferedIOBase):
    """A file being written: closing it publishes it, an exception inside ``with`` or dropping it discards it.

    :param file: the unfinished file.
    :param mode: the mode that it was opened with.
    :param publish: called once, after the file was closed, to give it its name.
    :param discard: called once instead of it, or after it failed, to remove what was written.
    """

    def __init__(self, file: BinaryIO, mode: str, publish: Callable[[], None], discard: Callable[[], None]) -> None:
        super().__init__()
        self._file = file
        self._publish = publish
        self._discard = discard
        self._owner = os.getpid()
        self._ended = False
        self._failed = False
        self.mode = mode

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size)

    def readline(self, size: int | None = -1) -> bytes:
        return self._file.readline(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except BaseException:
            self._failed = True
            raise

    def readinto(self, buffer: Any) -> int:
        return cast(int, cast(Any, self._file).readinto(buffer))

    def read1(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def fileno(self) -> int:
        return self._file.fileno()

    def flush(self) -> None:
        if not self._ended:
            self._file.flush()

    def close(self) -> None:
        """Publish the file.

        :raises fs.errors.FileExists: for a new file whose name was taken in the meantime.
        :raises OSError: where a write had failed; nothing is published then.
        """
        if self._ended:
            return
        try:
            if self._failed:
                raise OSError("a write failed, so the file was not stored")
            self._file.close()
            self._publish()
        except BaseException:
            self.discard()
            raise
        self._ended = True
        super().close()

    def discard(self) -> None:
        """Close the file and remove what was written; its name is as it was."""
        if self._ended:
            return
        self._ended = True
        super().close()
        with suppress(OSError):
            self._file.close()
        # a forked child that drops its copy must not remove the parent's
        if os.getpid() == self._owner:
            self._discard()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if hasattr(self, "_ended"):
            self.discard()


class PendingText(io.TextIOWrapper):
    """Text over a file being written, with the same promise."""

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
        cast(PendingFile, self.buffer).discard()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        self.discard()
