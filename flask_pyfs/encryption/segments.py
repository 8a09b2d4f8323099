"""The format of encrypted files: Tink's AES-GCM-HKDF streaming AEAD with segments of 65,536 bytes.

A file begins with a header of 40 bytes: their number, a random salt of 32 bytes, and the first 7 bytes of each nonce.
The key of the file comes from that of the storage and the salt (RFC 5869, SHA-256, without info). Each segment is
encrypted on its own with AES-256-GCM, whose nonce has the number of the segment and whether it is the last one, so
that none can be moved, left out or repeated. The first segment is shorter by the header. An empty file has one segment.
"""

from __future__ import annotations

import os
import struct
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["HEADER", "SEGMENT", "Cipher", "Damaged", "EncryptedStream", "encrypted_size", "plain_size", "segment_at"]

#: The length of a segment in bytes, the first one with the header.
SEGMENT = 65_536

#: The length of the header in bytes.
HEADER = 40

_TAG = 16
_SALT = 32
_NONCE = 7
_FIRST = SEGMENT - HEADER - _TAG
_REST = SEGMENT - _TAG
_MOST = 2**32


class Damaged(Exception):
    """A segment that no key opens: it was changed, moved or cut, or it was encrypted with another key."""


def encrypted_size(size: int) -> int:
    """Return the length of an encrypted file in bytes.

    :param size: the length of its content.
    """
    return HEADER + size + _TAG * _count(size)


def plain_size(size: int) -> int | None:
    """Return the length of the content in bytes, or None if no encrypted file has this length.

    :param size: the length of the encrypted file.
    """
    count = max(1, -(-size // SEGMENT))
    content = size - HEADER - _TAG * count
    return content if content >= 0 and _count(content) == count else None


def _count(size: int) -> int:
    return 1 if size <= _FIRST else 1 + -(-(size - _FIRST) // _REST)


def segment_at(offset: int) -> tuple[int, int]:
    """Return the number of the segment that has a byte of the content, and where the content of that segment begins.

    :param offset: the offset of the byte.
    """
    if offset < _FIRST:
        return 0, 0
    number = 1 + (offset - _FIRST) // _REST
    return number, _FIRST + (number - 1) * _REST


class Cipher:
    """Encrypts and decrypts the segments of one file.

    :param key: the key of the storage.
    :param header: the header of the file.
    """

    def __init__(self, key: bytes, header: bytes) -> None:
        salt = header[1 : 1 + _SALT]
        derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"").derive(key)
        self._aead = AESGCM(derived)
        self._prefix = header[1 + _SALT : HEADER]

    def seal(self, number: int, content: Any, *, is_last: bool) -> bytes:
        """Return an encrypted segment."""
        return self._aead.encrypt(self._nonce(number, is_last), content, None)

    def open(self, number: int, segment: Any, *, is_last: bool) -> bytes:
        """Return the content of a segment.

        :raises Damaged: if it is not this segment, as it was encrypted with this key.
        """
        try:
            return self._aead.decrypt(self._nonce(number, is_last), segment, None)
        except InvalidTag:
            raise Damaged from None

    def _nonce(self, number: int, is_last: bool) -> bytes:
        if number >= _MOST:
            raise OverflowError("an encrypted file has at most 2**32 segments")
        return self._prefix + struct.pack(">I?", number, is_last)


def new_header() -> bytes:
    """Return the header of a new file."""
    return bytes([HEADER]) + os.urandom(_SALT + _NONCE)


class Readable(Protocol):
    def read(self, size: int = -1, /) -> Any: ...


class EncryptedStream:
    """Reads a stream, and returns it encrypted.

    :param file: the stream, from its current position to its end.
    :param key: the key of the storage.
    :ivar size: how many bytes of content were read.
    """

    def __init__(self, file: Readable, key: bytes) -> None:
        header = new_header()
        self._file = file
        self._cipher = Cipher(key, header)
        self._content = bytearray()
        self._ready = bytearray(header)
        self._number = 0
        self._ended = False
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Return at most so many of the next bytes; fewer only at the end."""
        while not self._ended and (size < 0 or len(self._ready) < size):
            self._fill()
        cut = len(self._ready) if size < 0 else size
        piece = bytes(memoryview(self._ready)[:cut])
        del self._ready[:cut]
        return piece

    def _fill(self) -> None:
        # a segment is encrypted when it is known whether it is the last one
        piece = self._file.read(16 * SEGMENT)
        self.size += len(piece)
        self._content += piece
        start = 0
        with memoryview(self._content) as content:
            while (stop := start + (_REST if self._number else _FIRST)) < len(content):
                self._ready += self._cipher.seal(self._number, content[start:stop], is_last=False)
                start, self._number = stop, self._number + 1
            if not piece:
                self._ready += self._cipher.seal(self._number, content[start:], is_last=True)
                start, self._ended = len(content), True
        del self._content[:start]
