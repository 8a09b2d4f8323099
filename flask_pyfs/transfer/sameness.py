"""Tells whether a file of the target is the same as that of the source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from .. import names
from ..filesystems.base import CHUNK_SIZE
from ..filesystems.store import Facts
from .sides import Side

__all__ = ["is_same", "moment_of", "same_checksum", "same_content"]

# where the stores keep checksums of different algorithms, or none
_ALGORITHM = "sha256"

_SECOND = timedelta(seconds=1)

#: Called before each piece is read. Raises an exception to end it.
Proceed = Callable[[], object]


def is_same(source: Facts, target: Facts) -> bool:
    """Return whether two files are the same, by what listings tell: the same size, and the same checksum if both have
    one of the same algorithm; else the target must not be older than the source.

    A store may cut a time to whole seconds. So where the source tells no part of a second, the target must be a second
    newer: what was written to the source later in that second is never missed. A time that is unknown, or has no time
    zone, is older than any.
    """
    if source.size != target.size:
        return False
    if (equal := _equal(source.checksum, target.checksum)) is not None:
        return equal
    ours, theirs = moment_of(source), moment_of(target)
    if ours is None or theirs is None:
        return False
    return theirs >= (ours if ours.microsecond else ours + _SECOND)


def _equal(checksum: str | None, other: str | None) -> bool | None:
    if checksum is None or other is None or _algorithm(checksum) != _algorithm(other):
        return None
    return checksum.lower() == other.lower()


def _algorithm(checksum: str) -> str:
    return checksum.partition(":")[0].lower()


def moment_of(facts: Facts) -> datetime | None:
    """Return the time of the last write, or None if it is unknown: an old backend may tell anything, or a time without
    a zone.
    """
    found: Any = facts.modified
    return found if isinstance(found, datetime) and found.tzinfo is not None else None


class Located:
    """A file on one side.

    :param side: the side.
    :param name: its name there, in this spelling alone.
    :param facts: what the listing tells of it.
    """

    def __init__(self, side: Side, name: str, facts: Facts) -> None:
        self.facts = facts
        self._operations = side.operations
        self._name = names.Exact(side.full_name(name))

    def known_checksum(self) -> str | None:
        """Return a checksum for which the file is not read: that of the listing, or one that the store keeps.

        At most one request.
        """
        if self.facts.checksum is not None:
            return self.facts.checksum
        return self._stored_checksum() if self._store_keeps_checksums else None

    @property
    def _store_keeps_checksums(self) -> bool:
        return bool(getattr(getattr(self._operations, "store", None), "keeps_checksums", False))

    def _stored_checksum(self) -> str | None:
        found = self._operations.metadata(self._name, checksum=True).get("checksum")
        return found if isinstance(found, str) and ":" in found else None

    def computed_checksum(self, algorithm: str, proceed: Proceed) -> str:
        """Return the checksum of what is read."""
        digest = hashlib.new(algorithm, usedforsecurity=False)
        for piece in self.pieces(proceed):
            digest.update(piece)
        return f"{algorithm}:{digest.hexdigest()}"

    def pieces(self, proceed: Proceed) -> Generator[bytes, None, None]:
        """Iterate over the content."""
        pieces = self._operations.read_chunks(self._name, CHUNK_SIZE)
        try:
            for piece in pieces:
                proceed()
                yield piece
        finally:
            # of other code, it may be any iterator
            if close := getattr(pieces, "close", None):
                close()


def same_checksum(source: Located, target: Located, proceed: Proceed) -> bool:
    """Return whether two files have the same checksum, of one algorithm.

    Nothing is read if the sizes differ, or if both stores know a checksum of the same algorithm. If only one knows it,
    the other is read; else both are.

    :raises flask_pyfs.errors.FSError: if a file cannot be read.
    """
    if source.facts.size != target.facts.size:
        return False
    ours, theirs = source.known_checksum(), target.known_checksum()
    if (equal := _equal(ours, theirs)) is not None:
        return equal
    for known, other in ((ours, target), (theirs, source)):
        if known is not None and _algorithm(known) in hashlib.algorithms_available:
            return _equal(known, other.computed_checksum(_algorithm(known), proceed)) is True
    return source.computed_checksum(_ALGORITHM, proceed) == target.computed_checksum(_ALGORITHM, proceed)


def same_content(source: Located, target: Located, proceed: Proceed) -> bool:
    """Return whether two files have the same bytes. Both are read at once, up to the first difference, in constant
    memory; nothing is read if the sizes differ.

    :raises flask_pyfs.errors.FSError: if a file cannot be read.
    """
    if source.facts.size != target.facts.size:
        return False
    with closing(source.pieces(proceed)) as ours, closing(target.pieces(proceed)) as theirs:
        mine = its = memoryview(b"")
        while True:
            mine, its = mine or _next(ours), its or _next(theirs)
            length = min(len(mine), len(its))
            if not length:
                return len(mine) == len(its)
            if mine[:length] != its[:length]:
                return False
            mine, its = mine[length:], its[length:]


def _next(pieces: Iterator[bytes]) -> memoryview:
    for piece in pieces:
        if piece:
            return memoryview(piece)
    return memoryview(b"")
