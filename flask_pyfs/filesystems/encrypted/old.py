"""A file of flask-fs2 that is read."""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from typing import Any, BinaryIO

from ...encryption.fernet import BLOCK, HEADER, MAC, Fernet, padding_of
from ...encryption.segments import Damaged
from ..streams import sought
from .begun import some_of
from .failures import damaged

__all__ = ["OldFile"]

# of blocks that are decrypted together, in bytes
_PIECE = 1024 * 1024


class OldFile(io.RawIOBase):
    """A file of flask-fs2 that is read. It can seek.

    It is read twice: first as a whole, so that nothing is given out that was changed, and then what is asked for. What
    is read again is compared with digests of 32 bytes, one for each MiB. A file of one MiB or less is read once.

    :param path: its path, for errors.
    :param file: the encrypted file.
    :param length: its length in bytes.
    :param fernet: the key.
    :raises flask_pyfs.errors.Undecipherable: if it was changed, or encrypted with another key.
    """

    def __init__(self, path: str, file: BinaryIO, length: int, fernet: Fernet) -> None:
        super().__init__()
        self._path, self._file, self._fernet = path, file, fernet
        self._blocks = length - HEADER - MAC
        self._digests: list[bytes] = []
        self._position = 0
        self._number, self._content = -1, b""
        self._verify()
        #: The length of the content in bytes.
        self.size: int = self._blocks - self._padding
        self._content = self._content[: -self._padding]

    def _verify(self) -> None:
        self._file.seek(0)
        signature, piece, last = self._fernet.signature(), b"", self._exactly(HEADER)
        signature.update(last)
        for number in range(-(-self._blocks // _PIECE)):
            piece = last[-BLOCK:] + self._exactly(self._length_of(number))
            signature.update(memoryview(piece)[BLOCK:])
            self._digests.append(_digest(piece))
            last = piece
        if not hmac.compare_digest(signature.digest(), self._exactly(MAC)):
            raise damaged(self._path)
        self._number, self._content = len(self._digests) - 1, self._fernet.decrypted(piece)
        try:
            self._padding = padding_of(self._content)
        except Damaged:
            raise damaged(self._path) from None

    def _length_of(self, number: int) -> int:
        return min(_PIECE, self._blocks - number * _PIECE)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = sought(offset, whence, self._position, self.size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self.size:
            return 0
        number, offset = divmod(self._position, _PIECE)
        if number != self._number:
            self._load(number)
        piece = memoryview(self._content)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load(self, number: int) -> None:
        self._file.seek(HEADER - BLOCK + number * _PIECE)
        piece = self._exactly(BLOCK + self._length_of(number))
        if not hmac.compare_digest(_digest(piece), self._digests[number]):
            raise damaged(self._path)
        content = self._fernet.decrypted(piece)
        is_last = number == len(self._digests) - 1
        self._number, self._content = number, content[: -self._padding] if is_last else content

    def _exactly(self, size: int) -> bytes:
        content = some_of(self._file, size)
        if len(content) < size:
            raise damaged(self._path)
        return content

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _digest(piece: bytes) -> bytes:
    return hashlib.blake2b(piece, digest_size=32).digest()
