"""Asks a store for the segments that a reader wants, and for no others."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, cast

from ...encryption.keys import Keyring
from ...encryption.segments import HEADER, SEGMENT, segment_at
from ..store import Facts, RangeNotSatisfiable, StoreFS, is_as_seen
from .reading import DecryptedFile

__all__ = ["fetch_segments"]


def fetch_segments(
    store: StoreFS,
    path: str,
    start: int,
    stop: int | None,
    *,
    unless: str | None,
    keyring: Keyring,
    facts_of: Callable[[Facts], Facts],
) -> tuple[Facts, BinaryIO]:
    """Return the facts of the content of an encrypted file, and the content; see :meth:`StoreFS.fetch`.

    One request if the first segment is wanted or none, else two: the first one asks for the header. The first segment
    that is wanted is decrypted here, so that a file that cannot be read is known before anything is answered.

    :param keyring: the keys.
    :param facts_of: returns the facts of the content for those of the file.
    """
    is_empty = stop is not None and start >= stop
    while True:
        kept, file = _beginning(store, path, start, 0 if is_empty else stop, unless)
        header = b""
        try:
            facts = facts_of(kept)
            first = max(0, facts.size + start) if start < 0 else start
            last = facts.size if stop is None else min(stop, facts.size)
            if first < last and segment_at(first)[0]:
                header = file.read(HEADER)
                rest = _segments(store, path, kept, first, last)
                file.close()
                if rest is None:
                    # the file was replaced in between
                    continue
                file = rest
        except BaseException:
            file.close()
            raise
        reader = _Reader(DecryptedFile(path, file, kept.size, facts.size, keyring, header=header), file)
        if not is_empty and (first < last or not facts.size):
            reader.begin(first if facts.size else 0)
        return facts, cast(BinaryIO, reader)


def _beginning(store: StoreFS, path: str, start: int, stop: int | None, unless: str | None) -> tuple[Facts, BinaryIO]:
    reach = None if stop is None else _end(stop)
    if reach != 0 and (start < 0 or segment_at(start)[0]):
        reach = HEADER
    try:
        return store.fetch(path, 0, reach, unless=unless)
    except RangeNotSatisfiable:
        # it is empty, so it is none of ours
        return store.fetch(path, 0, 0)


def _segments(store: StoreFS, path: str, kept: Facts, first: int, last: int) -> BinaryIO | None:
    """Return the segments that have some bytes, or None if the file is another one by now."""
    number = segment_at(first)[0]
    try:
        found, file = store.fetch(path, number * SEGMENT, min(_end(last), kept.size))
    except RangeNotSatisfiable:
        return None
    if is_as_seen(kept, found):
        return file
    file.close()
    return None


def _end(stop: int) -> int:
    return (segment_at(stop - 1)[0] + 1) * SEGMENT if stop else 0


class _Reader(io.BufferedReader):
    """The content of an encrypted file.

    :param raw: reads it.
    :param file: the encrypted file.
    """

    mode = "rb"

    def __init__(self, raw: DecryptedFile, file: BinaryIO) -> None:
        super().__init__(raw, SEGMENT)
        self.content_type: str | None = getattr(file, "content_type", None)
        self.is_steady: bool = getattr(file, "is_steady", False)

    def begin(self, offset: int) -> None:
        """Decrypt the segment of a byte, which is going to be read."""
        try:
            self.seek(offset)
            self.peek(1)
            self.seek(0)
        except BaseException:
            self.close()
            raise
