"""Asks a store for the segments that a reader wants, and for no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

from ...encryption.keys import Keyring
from ...encryption.segments import HEADER, SEGMENT, segment_at
from ..store import Facts, RangeNotSatisfiable, StoreFS, is_as_seen
from .begun import some_of
from .reading import ContentReader, DecryptedFile, Undecipherable

__all__ = ["end_of", "fetch_again", "fetch_segments", "is_behind_first", "is_nothing", "segments_of", "span"]


def is_nothing(start: int, stop: int | None) -> bool:
    """Whether no byte will be read, see :meth:`StoreFS.fetch`."""
    return stop is not None and 0 <= stop <= start


def is_behind_first(start: int) -> bool:
    """Whether the beginning of a file may not have the first byte that will be read."""
    return start < 0 or segment_at(start)[0] > 0


def span(size: int, start: int, stop: int | None) -> tuple[int, int]:
    """Return the first byte that will be read, and the one before which reading will stop.

    :param size: the length of the content.
    """
    return max(0, size + start) if start < 0 else start, size if stop is None else min(stop, size)


def end_of(stop: int) -> int:
    """Return the offset in an encrypted file at which the segment ends that has the content before ``stop``."""
    return (segment_at(stop - 1)[0] + 1) * SEGMENT if stop else 0


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
    while True:
        kept, file = _beginning(store, path, start, stop, unless)
        try:
            facts = facts_of(kept)
            content = segments_of(store, path, kept, file, facts.size, start, stop, keyring)
        except BaseException:
            file.close()
            raise
        if content is not None:
            return facts, content


def _beginning(store: StoreFS, path: str, start: int, stop: int | None, unless: str | None) -> tuple[Facts, BinaryIO]:
    if is_nothing(start, stop):
        reach: int | None = 0
    elif is_behind_first(start):
        reach = HEADER
    else:
        reach = None if stop is None else end_of(stop)
    try:
        return store.fetch(path, 0, reach, unless=unless)
    except RangeNotSatisfiable:
        # it is empty, so it is none of ours
        return store.fetch(path, 0, 0)


def segments_of(
    store: StoreFS, path: str, kept: Facts, file: BinaryIO, size: int, start: int, stop: int | None, keyring: Keyring
) -> BinaryIO | None:
    """Return the content of an encrypted file, or None if the file was replaced meanwhile.

    :param kept: the facts of the file.
    :param file: the file, at its beginning. It is closed if it is not needed any more.
    :param size: the length of the content in bytes.
    """
    header, (first, last) = b"", span(size, start, stop)
    if first < last and segment_at(first)[0]:
        header = some_of(file, HEADER)
        rest = fetch_again(store, path, kept, segment_at(first)[0] * SEGMENT, min(end_of(last), kept.size))
        file.close()
        if rest is None:
            return None
        file = rest
    reader = ContentReader(DecryptedFile(path, file, kept.size, size, keyring, header=header, stop=last), file)
    if not is_nothing(start, stop) and (first < last or not size):
        try:
            reader.begin(first if size else 0)
        except Undecipherable:
            if not header or _begins_with(store, path, header):
                raise
            # a store without versions did not tell
            return None
    return cast(BinaryIO, reader)


def _begins_with(store: StoreFS, path: str, header: bytes) -> bool:
    with store.fetch(path, 0, HEADER)[1] as file:
        return some_of(file, HEADER) == header


def fetch_again(store: StoreFS, path: str, kept: Facts, start: int, stop: int) -> BinaryIO | None:
    """Return other bytes of a file, as :meth:`StoreFS.fetch` does, or None if the file was replaced meanwhile.

    :param kept: the facts of the file.
    """
    try:
        found, file = store.fetch(path, start, stop)
    except RangeNotSatisfiable:
        return None
    if is_as_seen(kept, found):
        return file
    file.close()
    return None
