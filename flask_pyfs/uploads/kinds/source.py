"""Reads the content of a file anywhere in it, at most 1 MiB in all."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from ...errors import UnauthorizedFileType

_PAGE = 4096
_MOST_PAGES = 256


class Source:
    """The bytes of a file, read in pages of 4 KiB that are kept.

    :param file: a binary file that can seek.
    :ivar size: the length of the file, in bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.size: int = file.seek(0, io.SEEK_END)
        self._file = file
        self._pages: dict[int, bytes] = {}

    def at(self, offset: int, size: int) -> bytes:
        """Return bytes from an offset on, fewer at the end of the file.

        :raises UnauthorizedFileType: if 1 MiB of the file was read before.
        """
        end = min(offset + size, self.size)
        if not 0 <= offset < end:
            return b""
        first, last = offset // _PAGE, (end - 1) // _PAGE
        pages = b"".join(self._page(number) for number in range(first, last + 1))
        return pages[offset - first * _PAGE : end - first * _PAGE]

    def big(self, offset: int, size: int) -> int:
        """Return a number of so many bytes, the most significant first."""
        return int.from_bytes(self.at(offset, size), "big")

    def little(self, offset: int, size: int) -> int:
        """Return a number of so many bytes, the least significant first."""
        return int.from_bytes(self.at(offset, size), "little")

    def _page(self, number: int) -> bytes:
        page = self._pages.get(number)
        if page is None:
            if len(self._pages) == _MOST_PAGES:
                raise UnauthorizedFileType(
                    "what tells its type is spread over more than 1 MiB of the file",
                    user_message="The type of the file cannot be recognized.",
                )
            self._file.seek(number * _PAGE)
            page = self._file.read(_PAGE)
            while len(page) < _PAGE and (more := self._file.read(_PAGE - len(page))):
                page += more
            self._pages[number] = page
        return page


#: Tells whether the content is of one kind.
Check = Callable[[Source], bool]


def any_of(*checks: Check) -> Check:
    """Return a check for what passes one of several."""
    return lambda source: any(check(source) for check in checks)


def starts(*beginnings: bytes, at: int = 0) -> Check:
    """Return a check for what has one of these bytes at an offset."""
    return lambda source: source.at(at, max(map(len, beginnings))).startswith(beginnings)
