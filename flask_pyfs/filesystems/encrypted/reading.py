"""An encrypted file that is read, and the buffer in front of it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from ...encryption.keys import Key, Keyring
from ...encryption.segments import HEADER, SEGMENT, Cipher, Damaged, segment_at
from ...errors import Undecipherable
from ..streams import sought
from .begun import some_of
from .failures import changed, unopened

__all__ = ["ContentReader", "DecryptedFile", "Undecipherable"]

# how many segments are read at once: the system gives and takes back the memory of more each time
_AT_ONCE = 4


class DecryptedFile(io.RawIOBase):
    """An encrypted file that is read. It can seek.

    Content is given out after its segment was decrypted, and the end of the file after its last segment was. The first
    segment that cannot be decrypted ends all reading: from then on each read raises the same error.

    :param path: its path, for errors.
    :param file: the encrypted file. It is closed with this one.
    :param length: its length in bytes.
    :param size: the length of its content in bytes.
    :param keyring: the keys.
    :param header: the header of the file, if it is known. Otherwise it is read.
    :param stop: the byte before which reading will stop. A call that begins before it ends there, so that no more is
        asked for; another one may follow. None for the end.
    """

    def __init__(
        self,
        path: str,
        file: BinaryIO,
        length: int,
        size: int,
        keyring: Keyring,
        header: bytes = b"",
        stop: int | None = None,
    ) -> None:
        super().__init__()
        self._stop = size if stop is None else stop
        self._path, self._file, self._length, self._size, self._keyring = path, file, length, size, keyring
        self._header = header
        self._opener: tuple[Key, Cipher] | None = None
        self._position = 0
        # segments that were read, and the offset of the first one
        self._segments, self._offset = memoryview(b""), 0
        # the segment that was decrypted last
        self._number, self._content = -1, memoryview(b"")
        self._has_end = False
        self._failure: Callable[[str, Keyring], Undecipherable] | None = None

    @property
    def key(self) -> Key:
        """The key that decrypts it. The first segment is read for it, if none was read before.

        :raises Undecipherable: if none does.
        """
        self._require_readable()
        if self._opener is None:
            self._decrypt(0, 0)
        assert self._opener is not None
        return self._opener[0]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._require_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._require_open()
        self._position = sought(offset, whence, self._position, self._size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view, start, filled = memoryview(buffer).cast("B"), self._position, 0
        at_once = len(view) > SEGMENT
        if start < self._stop:
            view = view[: self._stop - start]
        try:
            while filled < len(view) and (piece := self._next(len(view) - filled)):
                view[filled : filled + len(piece)] = piece
                filled += len(piece)
                if not at_once:
                    break
        except BaseException:
            self._position = start
            raise
        return filled

    def readall(self) -> bytes:
        # grows as the content comes, and is not copied at the end
        content, start = io.BytesIO(), self._position
        try:
            while piece := self._next(_AT_ONCE * SEGMENT):
                content.write(piece)
        except BaseException:
            self._position = start
            raise
        return content.getvalue()

    def _next(self, wanted: int) -> memoryview:
        """Return at least one and at most so many of the next bytes, or nothing at the end."""
        self._require_readable()
        if self._position >= self._size:
            self._check_end()
            return memoryview(b"")
        number, start = segment_at(self._position)
        if number != self._number:
            self._decrypt(number, self._reach(number, wanted))
        offset = self._position - start
        piece = self._content[offset : offset + wanted]
        self._position += len(piece)
        return piece

    def _check_end(self) -> None:
        # an attacker may have cut it, also to nothing
        if not self._has_end:
            last, _ = segment_at(max(0, self._size - 1))
            self._decrypt(last, last)

    def _reach(self, number: int, wanted: int) -> int:
        """Return the number of the last segment that is read with this one."""
        if wanted <= SEGMENT:
            # it may be for the buffer of a reader that needs less
            return number
        last, _ = segment_at(min(self._position + wanted, self._size) - 1)
        return min(last, number + _AT_ONCE - 1)

    def _decrypt(self, number: int, last: int) -> None:
        """Decrypt a segment. Those after it up to ``last`` are read with it."""
        if not self._header:
            self._header = bytes(self._read(0, HEADER))
        start, stop = self._place(number)
        if not self._offset <= start < stop <= self._offset + len(self._segments):
            self._segments = memoryview(b"")
            self._segments, self._offset = self._read(start, self._place(last)[1]), start
        segment = self._segments[start - self._offset : stop - self._offset]
        self._content = memoryview(self._opened(number, segment, is_last=stop == self._length))
        self._number = number
        if stop == self._offset + len(self._segments):
            # many files may be open
            self._segments = memoryview(b"")
        self._has_end = self._has_end or stop == self._length

    def _place(self, number: int) -> tuple[int, int]:
        return max(HEADER, number * SEGMENT), min((number + 1) * SEGMENT, self._length)

    def _read(self, start: int, stop: int) -> memoryview:
        self._file.seek(start)
        content = some_of(self._file, stop - start)
        if len(content) < stop - start:
            raise self._fails(changed)
        return memoryview(content)

    def _opened(self, number: int, segment: memoryview, *, is_last: bool) -> bytes:
        if self._opener is not None:
            try:
                return self._opener[1].open(number, segment, is_last=is_last)
            except Damaged:
                raise self._fails(changed) from None
        for key in self._keyring:
            with suppress(Damaged):
                cipher = Cipher(key.secret, self._header)
                content = cipher.open(number, segment, is_last=is_last)
                self._opener = key, cipher
                return content
        raise self._fails(partial(unopened, start=self._header))

    def _fails(self, failure: Callable[[str, Keyring], Undecipherable]) -> Undecipherable:
        self._failure = failure
        # nothing more of it is read, and who gets the error may keep this file
        self._file.close()
        return failure(self._path, self._keyring)

    def _require_readable(self) -> None:
        self._require_open()
        if self._failure is not None:
            raise self._failure(self._path, self._keyring)

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def close(self) -> None:
        if not self.closed:
            try:
                self._file.close()
            finally:
                super().close()


class ContentReader(io.BufferedReader):
    """The content of a file.

    :param raw: reads it.
    :param file: the file as it is kept.
    """

    mode = "rb"

    def __init__(self, raw: io.RawIOBase, file: BinaryIO) -> None:
        super().__init__(raw, SEGMENT)
        self.content_type: str | None = getattr(file, "content_type", None)
        self.is_steady: bool = getattr(file, "is_steady", False)

    def begin(self, offset: int) -> None:
        """Decrypt the segment of a byte, which is going to be read."""
        try:
            self.seek(offset)
            self.peek(1)
            self.seek(0)
        except BaseException:
            self.close()
            raise
