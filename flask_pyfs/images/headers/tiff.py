"""TIFF: TIFF 6.0, and BigTIFF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from ..refusals import damaged, other_format
from .reader import ENTRY, Header, Reader, refuse_steps

if TYPE_CHECKING:
    from ...seekable import FileView

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIPS = 256, 257, 258, 259, 273
_BANDS, _ROWS, _STRIP_SIZES, _PLANAR = 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES = 322, 323, 324, 325
_ORIENTATION = 274
_PALETTE, _EXTRA, _FORMATS, _TABLES, _COEFFICIENTS, _REFERENCES, _PROFILE = 320, 338, 339, 347, 529, 532, 34675
_DIRECTORIES = (34665, 34853, 40965)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES, _FRACTIONS = (1, 2, 6, 7), (5, 10)

# what Pillow makes of each value: the bytes and a copy, a number, or an object that divides two
_VALUE = 80
_FRACTION = 600
_COPIES = 2
# what Pillow makes of each piece of an image that is not compressed
_PIECE = 800

_MOST_ENTRIES = 4096
_MOST_ENTRIES_OF_ALL = 200_000
_MOST_PAGES = 10_000
_MOST_PIECES = 4_000_000
_AT_ONCE = 4096
_AHEAD = 256
_RAW, _JPEG, _LZMA, _ZSTD = 1, (6, 7), 34925, 50000
_ZSTD_WINDOW = 128 * 1024 * 1024


@dataclass
class _Directory:
    values: dict[int, tuple[int, int]] = field(default_factory=dict)
    # of the tags that have many: the type of their values, and where these are
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    cost: int = 0
    # the bytes that are copied once more when the image is decoded
    copied: int = 0
    following: int = 0
    # where the directory, and the values that its picture needs, end
    end: int = 0

    def value_count(self, tag: int) -> int:
        return self.values.get(tag, (0, 0))[0]

    def value(self, tag: int, default: int) -> int:
        return self.values.get(tag, (1, default))[1]


class _File:
    def __init__(self, view: FileView) -> None:
        self._view = view
        self._entries = 0
        head = Reader(view).take(16).ljust(16, b"\0")
        self._order = "<" if head[:2] == b"II" else ">"
        self._big = 43 in head[2:4]
        self.first = self._unpack("Q", head[8:]) if self._big else self._unpack("I", head[4:8])

    def _unpack(self, kind: str, data: bytes) -> int:
        size = struct.calcsize(kind)
        return int(struct.unpack(self._order + kind, data[:size].ljust(size, b"\0"))[0])

    def directory(self, offset: int) -> _Directory:
        reader = Reader(self._view, offset, _AHEAD)
        count, size = ("Q", 8) if self._big else ("H", 2)
        entries = self._unpack(count, reader.take(size))
        refuse_steps("entries in a directory of TIFF", entries, _MOST_ENTRIES)
        # directories may overlap
        self._entries += entries
        refuse_steps("entries in all directories of TIFF", self._entries, _MOST_ENTRIES_OF_ALL)
        inline = 8 if self._big else 4
        found = _Directory(end=offset + size + entries * (4 + 2 * inline) + inline)
        for _ in range(entries):
            entry = reader.take(4 + 2 * inline)
            if len(entry) < 4 + 2 * inline:
                break
            tag, kind = self._unpack("H", entry), self._unpack("H", entry[2:])
            number = self._unpack("Q" if self._big else "I", entry[4:])
            if kind not in _SIZES:
                continue
            data = entry[4 + inline :]
            if tag in _PIECES:
                is_inline = number * _SIZES[kind] <= inline
                found.places[tag] = (
                    kind,
                    reader.tell() - inline if is_inline else self._unpack("Q" if self._big else "I", data),
                )
            if number * _SIZES[kind] > inline:
                # the first value says enough: Pillow refuses an image whose size is several numbers
                place = self._unpack("Q" if self._big else "I", data)
                if tag in _SHOWN:
                    found.end = max(found.end, place + number * _SIZES[kind])
                data = Reader(self._view, place, 8).take(8) if 0 <= place < 2**62 and tag in _NEEDED else b""
            if tag in found.values and tag in _NEEDED:
                raise damaged(f"the TIFF has the tag {tag} twice")
            value = self._unpack({1: "B", 3: "H"}.get(kind, "Q" if _SIZES[kind] == 8 else "I"), data)
            found.values[tag] = (number, value)
            found.cost += ENTRY + self._cost(kind, number)
            found.copied += number if kind in _BYTES else 0
        found.following = self._unpack("Q" if self._big else "I", reader.take(inline))
        return found

    def numbers(self, directory: _Directory, tag: int) -> Iterator[int]:
        """Yield all values of a tag."""
        kind, place = directory.places.get(tag, (4, 2**62))
        size = _SIZES[kind]
        letter = {2: "H", 8: "Q"}.get(size, "I")
        reader, left = Reader(self._view, place, size), directory.values.get(tag, (0, 0))[0]
        while left > 0 and 0 <= place < 2**62:
            data = reader.take(min(left, _AT_ONCE) * size)
            if len(data) < size:
                return
            yield from struct.unpack(f"{self._order}{len(data) // size}{letter}", data[: len(data) // size * size])
            left -= _AT_ONCE

    def _cost(self, kind: int, number: int) -> int:
        if kind in _BYTES:
            return _COPIES * number
        return number * (_FRACTION if kind in _FRACTIONS else _VALUE)


_PIECES = (_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES)
_NEEDED = (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _BANDS, _ROWS, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT)
# without these a picture is another: other tags may point anywhere, as those that editors copy without their values
_SHOWN = (*_PIECES, *_NEEDED, _PALETTE, _EXTRA, _FORMATS, _TABLES, _COEFFICIENTS, _REFERENCES, _PROFILE)


def read(view: FileView, header: Header) -> None:
    """Read the first directory, and those that it refers to."""
    file = _File(view)
    if not 0 <= file.first < 2**62:
        return
    _set_page(file, file.directory(file.first), header)


def _set_page(file: _File, directory: _Directory, header: Header) -> None:
    header.opening = directory.cost
    header.decoding = directory.copied
    for tag in _DIRECTORIES:
        if tag in directory.values and (place := directory.value(tag, 0)) < 2**62:
            inner = file.directory(place)
            header.opening += inner.cost
            header.decoding += inner.copied
    width, height = directory.value(_WIDTH, 0), directory.value(_HEIGHT, 0)
    header.size = (width, height)
    bands = directory.value(_BANDS, 1)
    across, down = width, min(directory.value(_ROWS, height), height)
    if not {_TILE_WIDTH, _TILE_HEIGHT, _TILES}.isdisjoint(directory.values):
        # Pillow and libtiff disagree about what makes tiles of strips
        across, down = max(across, directory.value(_TILE_WIDTH, 0)), max(down, directory.value(_TILE_HEIGHT, 0))
    number = sum(directory.value_count(tag) for tag in (_STRIPS, _TILES))
    compression = directory.value(_COMPRESSION, _RAW)
    header.variant = "turned" if directory.value(_ORIENTATION, 1) != 1 else ""
    if compression == _LZMA:
        raise other_format("the TIFF is compressed with LZMA, whose memory nobody knows beforehand", "a TIFF with LZMA")
    if compression == _RAW:
        header.opening += number * _PIECE
        # pieces may overlap
        header.passes = max(1, -(-number * across * down // max(1, header.pixels)))
        return
    piece = across * down * bands * max(8, directory.value(_BITS, 1)) // 8
    # Pillow reads the whole file, and has one piece as it is decoded, with four bands if it is JPEG
    header.decoding += header.length + max(piece, across * down * 4 if compression in _JPEG else 0)
    header.decoding += _ZSTD_WINDOW if compression == _ZSTD else 0
    header.passes = max(1, -(-across * down // max(1, header.pixels)))
    smallest = min(across, directory.value(_TILE_WIDTH, across)) * min(down, directory.value(_TILE_HEIGHT, down))
    header.steps = number + header.pixels // max(1, smallest)


def pages(view: FileView) -> list[Header]:
    """Return what each page costs.

    :raises UnauthorizedFileType: if there are more pages than 10,000, or more than 200,000 entries in all of them.
    """
    file = _File(view)
    found: list[Header] = []
    seen: set[int] = set()
    place = file.first
    while place and place not in seen and place < 2**62:
        refuse_steps("pages", len(found) + 1, _MOST_PAGES)
        seen.add(place)
        directory = file.directory(place)
        header = Header(length=0)
        _set_page(file, directory, header)
        found.append(header)
        place = directory.following
    return found


def _largest_last(directory: _Directory, count: int) -> int:
    """Return the bytes that the last strip has if it is not compressed: some programs write the size of a full one."""
    if directory.value(_COMPRESSION, _RAW) != _RAW or directory.value(_PLANAR, 1) != 1:
        return 2**62
    height = directory.value(_HEIGHT, 0)
    rows = height - (count - 1) * min(directory.value(_ROWS, height), height)
    bits = directory.value(_WIDTH, 0) * directory.value(_BANDS, 1) * directory.value(_BITS, 1)
    return max(rows, 0) * -(-bits // 8)


def is_cut(view: FileView, length: int) -> bool:
    """Return whether a piece of a page, or of its directory, ends after the file, or is missing.

    :param length: the length of the file, in bytes.
    :raises UnauthorizedFileType: as :func:`pages` does, and if there are more than four million pieces.
    """
    file = _File(view)
    seen: set[int] = set()
    place, pieces = file.first, 0
    while place and place not in seen:
        refuse_steps("pages", len(seen) + 1, _MOST_PAGES)
        seen.add(place)
        directory = file.directory(place) if place < length else _Directory(end=length + 1)
        if directory.end > length:
            return True
        for tag, sizes in ((_STRIPS, _STRIP_SIZES), (_TILES, _TILE_SIZES)):
            count = directory.value_count(tag)
            pieces += count
            refuse_steps("pieces", pieces, _MOST_PIECES)
            most = _largest_last(directory, count) if tag == _STRIPS else 2**62
            places = islice(file.numbers(directory, tag), count)
            for number, (offset, size) in enumerate(
                zip_longest(places, islice(file.numbers(directory, sizes), count), fillvalue=0), 1
            ):
                if offset + (min(size, most) if number == count else size) > length:
                    return True
        place = directory.following
    return not seen
