"""Files to store that behave badly."""

from __future__ import annotations

import io

__all__ = ["Broken", "Short"]


class Broken(io.RawIOBase):
    """A source that fails after a number of bytes."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self._good = good

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._good == 0:
            raise RuntimeError("the source broke")
        piece = b"x" * min(self._good, 65536 if size < 0 else size)
        self._good -= len(piece)
        return piece


class Short(io.RawIOBase):
    """A source whose reads return less than requested."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._file = io.BytesIO(content)
        self._sizes = iter(range(1, len(content) + 2))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(next(self._sizes))
