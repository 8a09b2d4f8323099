"""A new object that is made of files of its store: which of them the store copies, and which are read and sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from .deferred import holding_deferred
from .writer import Upload, in_parts

__all__ = ["Part", "Range", "make_parts", "plan"]

# how many parts are made at the same time, and how many of these may be in memory
_AT_ONCE = 8
_IN_MEMORY = 2


class Range(NamedTuple):
    """Bytes of one of several files.

    :param number: the number of the file.
    :param start: the offset of the first byte.
    :param stop: the offset to stop before.
    """

    number: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.stop - self.start


@dataclass(frozen=True)
class Part:
    """A part of a new object, made of ranges that follow each other.

    :param is_copied: whether the store copies it, from its only range; otherwise it is read and sent.
    """

    ranges: list[Range] = field(default_factory=list)
    is_copied: bool = False

    @property
    def size(self) -> int:
        """The number of bytes."""
        return sum(each.size for each in self.ranges)


def plan(sizes: Sequence[int], least: int, most: int, *, splits: bool = True) -> list[Part]:
    """Return the parts of an object that has the content of files.

    A file of at least ``least`` bytes is copied; smaller ones are read, and sent together.

    :param sizes: the lengths of the files in bytes.
    :param least: the length below which no part but the last may be, in bytes.
    :param most: the length above which no copied part may be: at least twice ``least``.
    :param splits: whether a part that is too short takes bytes of the large file after it. Otherwise it stays so short:
        for a store that bears short parts, but not many.
    """
    parts: list[Part] = []
    held = Part()
    for number, size in enumerate(sizes):
        start = 0
        if held.ranges and (size < least or splits):
            missing = least - held.size
            # the rest would be too short to be copied
            start = size if size - missing < least else missing
            if start:
                held.ranges.append(Range(number, 0, start))
            if held.size >= least:
                parts.append(held)
                held = Part()
        if start == size:
            continue
        if held.ranges:
            parts.append(held)
            held = Part()
        if size - start < least:
            held.ranges.append(Range(number, start, size))
        else:
            parts += _copied(number, start, size, most)
    return [*parts, held] if held.ranges else parts


def _copied(number: int, start: int, stop: int, most: int) -> list[Part]:
    # of about the same length, so that the last is not too short
    count = -(-(stop - start) // most)
    edges = [start + (stop - start) * each // count for each in range(count + 1)]
    return [Part([Range(number, before, after)], is_copied=True) for before, after in pairwise(edges)]


def make_parts(
    upload: Upload, parts: Sequence[Part], copy: Callable[[int, Range], None], read: Callable[[Range], bytes]
) -> None:
    """Store an object in parts, several at once.

    :param upload: the upload of the object.
    :param copy: lets the store copy a range as the part of this number.
    :param read: returns the content of a range.
    """
    memory, failed = threading.BoundedSemaphore(_IN_MEMORY), threading.Event()

    def make(number: int, part: Part) -> None:
        if failed.is_set():
            # the caller gets the error of the part that failed
            return
        try:
            with holding_deferred():
                if part.is_copied:
                    copy(number, *part.ranges)
                else:
                    send(number, part)
        except BaseException:
            failed.set()
            raise

    def send(number: int, part: Part) -> None:
        with memory:
            content = bytearray()
            for each in part.ranges:
                content += read(each)
            upload.send_part(number, content)

    with in_parts(upload), ThreadPoolExecutor(_AT_ONCE, "join") as makers:
        # the executor waits for all parts before an error leaves the block
        for made in [makers.submit(make, number, part) for number, part in enumerate(parts, 1)]:
            made.result()
