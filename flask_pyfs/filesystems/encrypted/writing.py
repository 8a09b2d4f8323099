"""An encrypted file that is written."""

from __future__ import annotations

import io
import threading
from typing import Any, BinaryIO, cast

from ...encryption.segments import Encryptor
from ..base import CHUNK_SIZE
from ..streams import PendingFile

__all__ = ["encrypting"]


def encrypting(target: BinaryIO, key: bytes) -> BinaryIO:
    """Return a file that encrypts what is written to it, as it comes. It cannot seek.

    :param target: a new file of a store. It is published or discarded with this one.
    :param key: the key of the storage, 32 bytes.
    """
    file = _EncryptingFile(target, key)
    return cast(BinaryIO, PendingFile(cast(BinaryIO, file), "wb", file.finish, cast(PendingFile, target).discard))


class _EncryptingFile(io.BufferedIOBase):
    def __init__(self, target: BinaryIO, key: bytes) -> None:
        super().__init__()
        self._target = target
        self._encryptor = Encryptor(key)
        self._size = 0
        # two threads must not encrypt with one nonce
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        # what is encrypted at once is in memory twice
        with self._lock:
            for start in range(0, len(view), CHUNK_SIZE):
                for piece in self._encryptor.update(view[start : start + CHUNK_SIZE]):
                    self._target.write(piece)
            self._size += len(view)
        return len(view)

    def finish(self) -> None:
        """Write the last bytes, and publish the file."""
        for piece in self._encryptor.finish():
            self._target.write(piece)
        self._target.close()
