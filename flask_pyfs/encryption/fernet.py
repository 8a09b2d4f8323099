"""The format of the files that flask-fs2 encrypted: binary Fernet.

A file begins with 0x80, the time of the encryption in 8 bytes, and the initialisation vector of AES-128-CBC in 16. The
blocks of 16 bytes follow; the last one is padded (PKCS #7). At the end is the HMAC-SHA256 of all that, in 32 bytes. The
first half of the key signs, the second one encrypts.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .segments import Damaged

__all__ = ["BLOCK", "FIRST_BYTE", "HEADER", "MAC", "TAIL", "Fernet", "has_length", "has_time", "padding_of"]

#: The first byte of each file.
FIRST_BYTE = 0x80

#: The lengths of the header, of a block, and of the MAC in bytes.
HEADER, BLOCK, MAC = 25, 16, 32

#: How many bytes at the end of a file tell how long its content is: the last block, what is before it, and the MAC.
TAIL = 2 * BLOCK + MAC

_SHORTEST = HEADER + BLOCK + MAC

# a clock that is wrong tells the year 1970 or 2000, and flask-fs2 is younger
_FIRST_TIME, _LAST_TIME = 2**30, 2**32


def has_length(length: int) -> bool:
    """Whether a file of this length in bytes can be one."""
    return length >= _SHORTEST and (length - _SHORTEST) % BLOCK == 0


def has_time(start: bytes) -> bool:
    """Whether a file begins as one does, with a time between the years 2004 and 2106.

    :param start: its first nine bytes, or more.
    """
    time = int.from_bytes(start[1:9], "big")
    return len(start) >= 9 and start[0] == FIRST_BYTE and _FIRST_TIME <= time < _LAST_TIME


def padding_of(block: bytes) -> int:
    """Return the length of the padding in bytes.

    :param block: the last block, decrypted.
    :raises Damaged: if it has none.
    """
    count = block[-1]
    if not 1 <= count <= BLOCK or block[-count:] != bytes([count]) * count:
        raise Damaged
    return count


class Fernet:
    """What the key does.

    :param key: the key, 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._signing, self._encrypting = key[:16], key[16:]

    def signature(self) -> hmac.HMAC:
        """Return what computes the MAC of a file from all before it."""
        return hmac.new(self._signing, digestmod=hashlib.sha256)

    def decrypted(self, blocks: bytes) -> bytes:
        """Return the content of blocks, with the padding if the last one is among them.

        :param blocks: the blocks, after the one before them, or after the vector.
        """
        decryptor = Cipher(algorithms.AES(self._encrypting), modes.CBC(blocks[:BLOCK])).decryptor()
        return decryptor.update(memoryview(blocks)[BLOCK:]) + decryptor.finalize()

    def size(self, length: int, tail: bytes) -> int:
        """Return the length of the content in bytes. It is not verified.

        :param length: the length of the file in bytes.
        :param tail: its last :data:`TAIL` bytes.
        :raises Damaged: if they are fewer, or the last block has no padding.
        """
        if len(tail) < TAIL:
            raise Damaged
        return length - HEADER - MAC - padding_of(self.decrypted(tail[:-MAC]))
