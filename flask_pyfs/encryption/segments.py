"""The format of encrypted files: Tink's AES-GCM-HKDF streaming AEAD with segments of 65,536 bytes.

A file begins with a header of 40 bytes: their number, a random salt of 32 bytes, and the first 7 bytes of each nonce.
The key of the file comes from that of the storage and the salt (RFC 5869, SHA-256, without info). Each segment is
encrypted on its own with AES-256-GCM, whose nonce has the number of the segment and whether it is the last one, so
that none can be moved, left out or repeated. The first segment is shorter by the header. Only the segment of an empty
file is empty: Tink writes no other one, and a file that ends with one is not read.
"""

from __future__ import annotations

import io
import os
import struct
from collections import deque
from contextlib import suppress
from typing import Any, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = [
    "HEADER",
    "SEGMENT",
    "Cipher",
    "Damaged",
    "EncryptedStream",
    "Encryptor",
    "encrypted_size",
    "plain_size",
    "segment_at",
]

#: The length of a segment in bytes, the first one with the header.
SEGMENT = 65_536

#: The length of the header in bytes.
HEADER = 40

_TAG = 16
_SALT = 32
_NONCE = 7
_FIRST = SEGMENT - HEADER - _TAG
_REST = SEGMENT - _TAG
# as in Tink for Go, whose limit is the lowest
_MOST = 2**32 - 1
# how much of a stream is read at once: the system gives and takes back the memory of larger pieces each time
_PIECE = 4 * SEGMENT


class Damaged(Exception):
    """A header or a segment that cannot be used: it was changed, moved or cut, or another key encrypted it."""


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

    :param key: the key of the storage, 32 bytes.
    :param header: the header of the file.
    :raises Damaged: if it is no header of this format.
    """

    def __init__(self, key: bytes, header: bytes) -> None:
        if len(header) != HEADER or header[0] != HEADER:
            raise Damaged
        derivation = HKDF(algorithm=SHA256(), length=32, salt=header[1 : 1 + _SALT], info=b"")
        # no variable has the key of the file, as tools that report errors print them
        self._aead = AESGCM(derivation.derive(key))
        self._prefix = header[1 + _SALT :]

    def seal(self, number: int, content: Any, *, is_last: bool) -> bytes:
        """Return an encrypted segment.

        :param number: its number, from 0.
        :param content: its content, a bytes-like object of the length that it has in the format.
        :raises OverflowError: if a file has no segment of this number.
        """
        return self._aead.encrypt(self._nonce(number, is_last), content, None)

    def open(self, number: int, segment: Any, *, is_last: bool) -> bytes:
        """Return the content of a segment.

        :param number: its number, from 0.
        :param segment: the segment, a bytes-like object; the first one without the header.
        :raises Damaged: if it is not this segment, as it was encrypted with this key.
        :raises OverflowError: if a file has no segment of this number.
        """
        try:
            return self._aead.decrypt(self._nonce(number, is_last), segment, None)
        except InvalidTag:
            raise Damaged from None

    def _nonce(self, number: int, is_last: bool) -> bytes:
        if number >= _MOST:
            raise OverflowError(f"an encrypted file has at most {_MOST} segments")
        return self._prefix + struct.pack(">I?", number, is_last)


class Encryptor:
    """Encrypts the content of a new file as it comes.

    :param key: the key of the storage, 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._header = bytes([HEADER]) + os.urandom(_SALT + _NONCE)
        self._cipher = Cipher(key, self._header)
        # the tags of all segments that were encrypted
        self._tags = bytearray()
        self._owner = os.getpid()
        self.restart(0)

    def restart(self, number: int) -> int:
        """Go back to a segment, to encrypt the same content again. Return where the content of the segment begins.

        :param number: the number of a segment that was encrypted.
        """
        self._number, self._content = number, bytearray()
        self._unsent = b"" if number else self._header
        return _FIRST + (number - 1) * _REST if number else 0

    def update(self, content: Any) -> list[bytes]:
        """Take the next bytes of the content, and return the next bytes of the file, in pieces.

        :param content: a bytes-like object.
        :raises OSError: in a child of the process that began the file, or if other content was encrypted there before.
        """
        self._require_owner()
        self._content += content
        pieces, start = self._begun(), 0
        with memoryview(self._content) as held:
            # a segment is encrypted when it is known that another one follows
            while (stop := start + (_REST if self._number else _FIRST)) < len(held):
                pieces.append(self._sealed(held[start:stop], is_last=False))
                start, self._number = stop, self._number + 1
        del self._content[:start]
        return pieces

    def finish(self) -> list[bytes]:
        """Return the last bytes of the file. It is called once, after all content was given.

        :raises OSError: as :meth:`update` does.
        """
        self._require_owner()
        return [*self._begun(), self._sealed(self._content, is_last=True)]

    # If two contents are encrypted with one nonce, GCM hides neither of them

    def _sealed(self, content: Any, *, is_last: bool) -> bytes:
        segment = self._cipher.seal(self._number, content, is_last=is_last)
        start = self._number * _TAG
        if start == len(self._tags):
            self._tags += segment[-_TAG:]
        elif self._tags[start : start + _TAG] != segment[-_TAG:]:
            raise OSError("the source cannot be read again: it returned other bytes")
        return segment

    def _require_owner(self) -> None:
        if os.getpid() != self._owner:
            raise OSError("the file was begun before a fork: only the process that began it can encrypt it")

    def _begun(self) -> list[bytes]:
        header, self._unsent = self._unsent, b""
        return [header] if header else []


class Readable(Protocol):
    def read(self, size: int = -1, /) -> Any: ...


class EncryptedStream:
    """Reads a stream, and returns it encrypted.

    It can seek if the stream can. What was read before is encrypted again then, and must not have changed.

    :param file: the stream, from its current position to its end. Text is encoded as UTF-8.
    :param key: the key of the storage, 32 bytes.
    """

    def __init__(self, file: Readable, key: bytes) -> None:
        self._file = cast(Any, file)
        self._start: int | None = None
        with suppress(Exception):
            self._start = int(self._file.tell())
        self._encryptor = Encryptor(key)
        self._ready = deque[memoryview]()
        self._ended = False
        # where the next read begins, and where what is ready begins
        self._position = self._offset = 0

    def tell(self) -> int:
        """Return the number of bytes before the next one."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position of the next byte, and return it.

        :raises io.UnsupportedOperation: if the stream cannot seek.
        """
        if self._start is None:
            raise io.UnsupportedOperation("the source cannot seek")
        start = (0, self._position, self._length(self._start) if whence == os.SEEK_END else 0)[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return at most so many of the next bytes, and none only at the end.

        :param size: how many; all that follow if it is negative.
        """
        self._reach(self._position)
        return self._taken(min(size, _PIECE))

    def _length(self, start: int) -> int:
        position = self._file.tell()
        self._file.seek(0, os.SEEK_END)
        end = self._file.tell()
        self._file.seek(position)
        return encrypted_size(max(0, end - start))

    def _reach(self, position: int) -> None:
        if position < self._offset:
            assert self._start is not None
            number = position // SEGMENT
            self._file.seek(self._start + self._encryptor.restart(number))
            self._ready.clear()
            self._offset, self._ended = number * SEGMENT, False
        while self._offset < position and self._taken(min(position - self._offset, _PIECE)):
            pass

    def _taken(self, size: int) -> bytes:
        # what it has is not copied at the end
        content = io.BytesIO()
        try:
            while (size < 0 or content.tell() < size) and (piece := self._next()):
                taken = content.write(piece if size < 0 else piece[: size - content.tell()])
                self._give_back(piece[taken:])
        except BaseException:
            # no byte is left out if it is read again
            self._give_back(memoryview(content.getvalue()))
            raise
        self._offset += content.tell()
        self._position = self._offset
        return content.getvalue()

    def _give_back(self, piece: memoryview) -> None:
        if piece:
            self._ready.appendleft(piece)

    def _next(self) -> memoryview:
        while not self._ready and not self._ended:
            piece = self._file.read(_PIECE)
            if isinstance(piece, str):
                # its positions are no numbers of bytes
                piece, self._start = piece.encode(), None
            self._ready.extend(map(memoryview, self._encryptor.update(piece)))
            if not piece:
                self._ready.extend(map(memoryview, self._encryptor.finish()))
                self._ended = True
        return self._ready.popleft() if self._ready else memoryview(b"")
