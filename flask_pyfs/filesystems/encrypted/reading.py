"""An encrypted file that is read."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

from fs import errors

from ...encryption.keys import Key, Keyring
from ...encryption.segments import HEADER, SEGMENT, Cipher, Damaged, segment_at

__all__ = ["DecryptedFile", "Undecipherable"]


class Undecipherable(errors.RemoteConnectionError):
    """The content was changed since it was encrypted, or no key decrypts it."""


class DecryptedFile(io.RawIOBase):
    """An encrypted file that is read. It can seek.

    :param path: its path, for errors.
    :param file: the encrypted file.
    :param length: its length in bytes.
    :param size: the length of its content in bytes.
    :param keyring: the keys.
    """

    def __init__(self, path: str, file: BinaryIO, length: int, size: int, keyring: Keyring) -> None:
        super().__init__()
        self._path, self._file, self._length, self._size, self._keyring = path, file, length, size, keyring
        self._position = 0
        self._header = b""
        self._key: Key | None = None
        self._cipher: Cipher | None = None
        self._number, self._content, self._start = -1, b"", 0

    @property
    def key(self) -> Key:
        """The key that decrypts it. The first segment is read for it, if none was read before."""
        if self._key is None:
            self._load(0)
        assert self._key is not None
        return self._key

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        position = offset + (0, self._position, self._size)[whence]
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            if not self._size:
                self._load(0)
            return 0
        number, start = segment_at(self._position)
        if number != self._number:
            self._load(number)
            self._start = start
        offset = self._position - self._start
        piece = self._content[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load(self, number: int) -> None:
        if not self._header:
            self._file.seek(0)
            self._header = self._exactly(HEADER)
        start = max(HEADER, number * SEGMENT)
        stop = min((number + 1) * SEGMENT, self._length)
        self._file.seek(start)
        segment = self._exactly(stop - start)
        self._content, self._number = self._opened(number, segment, is_last=stop == self._length), number

    def _opened(self, number: int, segment: bytes, *, is_last: bool) -> bytes:
        for key in self._keyring if self._key is None else [self._key]:
            cipher = self._cipher or Cipher(key.secret, self._header)
            try:
                content = cipher.open(number, segment, is_last=is_last)
            except Damaged:
                continue
            self._key, self._cipher = key, cipher
            return content
        raise Undecipherable(self._path, msg="'{path}' was changed since it was encrypted, or no key of it is set")

    def _exactly(self, size: int) -> bytes:
        content = self._file.read(size)
        if len(content) < size:
            raise Undecipherable(self._path, msg="'{path}' was cut")
        return content

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
