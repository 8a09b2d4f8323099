"""The names of the pieces of an upload that is not finished, in the directory of the upload."""

from __future__ import annotations

import re
from typing import NamedTuple

from .store import PART

__all__ = ["PieceName"]

_PIECE = re.compile(rf"([0-9a-f]{{16}})-([0-9a-f]{{16}})(c?)({re.escape(PART)})?")


class PieceName(NamedTuple):
    """The name of a piece. ``str()`` returns it as text.

    :param offset: where the piece begins, in bytes.
    :param mark: what the names of the pieces of one request have in common, and no others.
    :param waits: whether it does not count before its request has proved a checksum of more than this piece.
    :param in_place: whether it may become a part of the file where it lies.
    """

    offset: int
    mark: str
    waits: bool = False
    in_place: bool = False

    def __str__(self) -> str:
        return f"{self.offset:016x}-{self.mark}{'c' if self.waits else ''}{PART if self.in_place else ''}"

    @classmethod
    def parsed(cls, name: str) -> PieceName | None:
        """Return what a name says; None if it is not that of a piece."""
        found = _PIECE.fullmatch(name)
        return found and cls(int(found[1], 16), found[2], bool(found[3]), bool(found[4]))
