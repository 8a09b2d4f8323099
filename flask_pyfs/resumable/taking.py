"""Takes the bytes of one request, in pieces, with a checksum or without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, Protocol

from fs import errors

from ..filesystems.piece_names import PieceName
from ..filesystems.store import Facts
from . import pieces
from .outcomes import ChecksumMismatch
from .storing import Storing

__all__ = ["InMemory", "Taking"]

Cut = Iterable[tuple[memoryview, bool]]


class InMemory(NamedTuple):
    """A piece that was just stored, and its content."""

    name: str
    content: bytes


class PartMark(Protocol):
    """Returns what :meth:`StoreFS.part_mark` does."""

    def __call__(self, mark: str, offset: int, size: int, /, *, waits: bool) -> str | None: ...


class Taking:
    """The pieces of one request.

    :param put: stores a piece under a name.
    :param remove: removes one.
    :param part_mark: see :class:`PartMark`.
    :ivar taken: what was stored so far, by name, also if that failed in the middle.
    :ivar whole: the only piece, if it may be the whole file, else None.
    """

    def __init__(
        self, put: Callable[[str, memoryview], object], remove: Callable[[str], object], part_mark: PartMark
    ) -> None:
        self._put, self._remove, self._part_mark = put, remove, part_mark
        self._mark = pieces.new_mark()
        self.taken: dict[str, Facts] = {}
        self.whole: InMemory | None = None

    def take(self, cut: Cut, offset: int) -> None:
        """Store the pieces that :func:`pieces.cut` yields. Each counts when it is stored.

        :param offset: where they begin.
        """
        with Storing(self._put) as storing:
            for piece, is_end in cut:
                self._take(storing, piece, offset, is_end=is_end)
                offset += len(piece)

    def take_checked(self, cut: Cut, offset: int, algorithm: str, expected: bytes) -> None:
        """Store the pieces; all count, or none, because they have a checksum together.

        :raises ChecksumMismatch: if it is another one.
        """
        digest, waiting = hashlib.new(algorithm, usedforsecurity=False), list[str]()
        try:
            with Storing(self._put) as storing:
                for piece, is_end in cut:
                    digest.update(piece)
                    if is_end and not waiting:
                        # a single one is checked before it is stored, and needs no proof
                        _require_same(digest.digest(), expected)
                        self._take(storing, piece, offset, is_end=True)
                    else:
                        waiting.append(self._name(offset, len(piece), waits=True))
                        self._take(storing, piece, offset, is_end=is_end, waits=True)
                    offset += len(piece)
            _require_same(digest.digest(), expected)
        except BaseException:
            # these count for nothing; another worker may have made a part of the file of a single one already
            with suppress(errors.FSError):
                for name in waiting:
                    self._remove(name)
            raise
        if waiting:
            proof = pieces.name_of_proof(self._mark)
            self.taken[proof] = Facts(0, None)
            self._put(proof, memoryview(b""))

    def _name(self, offset: int, size: int, *, waits: bool) -> str:
        mark = self._part_mark(self._mark, offset, size, waits=waits)
        return str(PieceName(offset, mark or self._mark, waits, in_place=mark is not None))

    def _take(self, storing: Storing, piece: memoryview, offset: int, *, is_end: bool, waits: bool = False) -> None:
        name = self._name(offset, len(piece), waits=waits)
        self.taken[name] = Facts(len(piece), None)
        storing.put(name, piece, is_end=is_end)
        self.whole = InMemory(name, bytes(piece)) if is_end and not offset else None


def _require_same(digest: bytes, expected: bytes) -> None:
    if digest != expected:
        raise ChecksumMismatch
