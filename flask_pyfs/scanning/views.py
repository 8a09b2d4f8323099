"""An upload as a file that a scanner of the app can read as any other."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from ..seekable import FileView

_BUFFER = 64 * 1024


def readable(view: FileView) -> BinaryIO:
    """Return a binary file with all methods of reading. To close it does not close the upload."""
    return cast(BinaryIO, io.BufferedReader(_Raw(view), _BUFFER))


class _Raw(io.RawIOBase):
    def __init__(self, view: FileView) -> None:
        super().__init__()
        self._view = view
        view.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._view.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._view.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._view.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
