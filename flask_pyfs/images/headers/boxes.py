"""The boxes of AVIF and HEIF: ISO 14496-12 and 23008-12."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .reader import Reader, refuse_steps

if TYPE_CHECKING:
    from ...seekable import FileView

_PARENTS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"meta": 4, b"iprp": 0, b"ipco": 0}
_NEEDED = {b"ftyp", b"meta", b"moov", b"mdat"}
_MOST_LEVELS = 10
_MOST_STEPS = 100_000
_AHEAD = 256
_LONGEST_CONFIGURATION = 4096

# those of sRGB and what is taken for it (ITU-T H.273, with 2 for unknown ones)
_SRGB_PRIMARIES = (1, 2)
_SRGB_TRANSFERS = (1, 2, 6, 13)


@dataclass
class Boxes:
    """What the boxes of a file say.

    :param sizes: the widths and heights that they name, in pixels.
    :param items: the pieces of each item or sample: their offsets and lengths.
    :param frames: the number of frames of a sequence.
    :param is_deep: whether AV1 has more than 8 bits for each colour.
    :param has_half_chroma: whether all AV1 is 4:2:0 or monochrome.
    :param colours: the primaries and the transfer of nclx, if they are not those of sRGB.
    :param configurations: the headers of HEVC: the content of hvcC.
    :param steps: the number of pieces that were read.
    :param is_cut: whether the file ends inside a box that an image needs.
    """

    sizes: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    items: list[list[tuple[int, int]]] = field(default_factory=list)
    inner_items: list[list[tuple[int, int]]] = field(default_factory=list)
    inner_start: int = 0
    # the tables of a track: offsets of chunks, how many samples each has from which chunk on, sizes of samples
    chunks: list[int] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    frames: int = 1
    is_deep: bool = False
    has_half_chroma: bool = True
    colours: bytes = b""
    configurations: list[bytes] = field(default_factory=list)
    steps: int = 0
    is_cut: bool = False

    def step(self, steps: int = 1) -> None:
        """Count pieces, and refuse a file with too many."""
        self.steps += steps
        refuse_steps("boxes and samples", self.steps, _MOST_STEPS)

    def end_track(self) -> None:
        """Make items of the samples of a track."""
        samples = iter(self.samples)
        # the last run that has begun counts
        runs = sorted((first, place, count) for place, (first, count) in enumerate(self.runs))
        passed, latest = 0, (-1, 0)
        for number, offset in enumerate(self.chunks, 1):
            while passed < len(runs) and runs[passed][0] <= number:
                latest = max(latest, runs[passed][1:])
                passed += 1
            for _, size in zip(range(latest[1]), samples, strict=False):
                self.step()
                self.items.append([(offset, size)])
                offset += size
        self.frames = max(self.frames, len(self.samples))
        self.chunks, self.runs, self.samples = [], [], []


def read_boxes(view: FileView, length: int) -> Boxes:
    """Read the boxes of a file of so many bytes, without what is in its items."""
    boxes = Boxes()
    _walk(view, 0, length, boxes, _MOST_LEVELS)
    boxes.end_track()
    boxes.items += [[(boxes.inner_start + at, size) for at, size in item] for item in boxes.inner_items]
    return boxes


def is_cut(view: FileView, length: int) -> bool:
    """Return whether a piece of an item or sample ends after the file, or there is none."""
    boxes = read_boxes(view, length)
    ends = [offset + size for item in boxes.items for offset, size in item]
    return boxes.is_cut or not ends or max(ends) > length


def _walk(view: FileView, start: int, end: int, boxes: Boxes, levels: int) -> None:
    while start + 8 <= end and levels:
        boxes.step()
        reader = Reader(view, start, _AHEAD)
        length, name, content = reader.number(4), reader.take(4), start + 8
        if length == 1:
            length, content = reader.number(8), start + 16
        elif length == 0:
            length = end - start
        stop = min(start + length, end)
        # what other programs append is no box
        boxes.is_cut |= start + length > end and name in _NEEDED
        if stop <= content:
            return
        if name == b"trak":
            boxes.end_track()
        if name in _PARENTS:
            _walk(view, content + _PARENTS[name], stop, boxes, levels - 1)
        elif name in _READERS:
            _READERS[name](reader, stop - content, boxes)
        elif name == b"idat":
            boxes.inner_start = content
        start = stop


def _ispe(reader: Reader, length: int, boxes: Boxes) -> None:
    boxes.sizes.append(struct.unpack(">4xII", reader.take(12).ljust(12, b"\0")))


def _av1c(reader: Reader, length: int, boxes: Boxes) -> None:
    flags = reader.take(4).ljust(4, b"\0")[2]
    # high_bitdepth, monochrome, chroma_subsampling_x and _y
    boxes.is_deep |= bool(flags & 0x40)
    boxes.has_half_chroma &= bool(flags & 0x10) or flags & 0x0C == 0x0C


def _colr(reader: Reader, length: int, boxes: Boxes) -> None:
    kind, primaries, transfer = struct.unpack(">4sHH", reader.take(8).ljust(8, b"\0"))
    if kind == b"nclx" and (primaries not in _SRGB_PRIMARIES or transfer not in _SRGB_TRANSFERS):
        boxes.colours = struct.pack(">HH", primaries, transfer)


def _hvcc(reader: Reader, length: int, boxes: Boxes) -> None:
    boxes.configurations.append(reader.take(min(length, _LONGEST_CONFIGURATION)))


def _tkhd(reader: Reader, length: int, boxes: Boxes) -> None:
    reader.skip(length - 8)
    boxes.sizes.append((reader.number(4) >> 16, reader.number(4) >> 16))


def _iloc(reader: Reader, length: int, boxes: Boxes) -> None:
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    for _ in range(reader.number(4 if version == 2 else 2)):
        boxes.step()
        reader.skip(4 if version == 2 else 2)
        is_inner = bool(version) and reader.number(2) & 15 == 1
        reader.skip(2)
        base = reader.number(base_size)
        item = []
        for _ in range(reader.number(2)):
            boxes.step()
            reader.skip(index_size if version else 0)
            item.append((base + reader.number(offset_size), reader.number(length_size)))
        (boxes.inner_items if is_inner else boxes.items).append(item)


def _stsz(reader: Reader, length: int, boxes: Boxes) -> None:
    reader.skip(4)
    size, count = reader.number(4), reader.number(4)
    refuse_steps("frames", count, _MOST_STEPS)
    boxes.samples = []
    for _ in range(count if size else min(count, (length - 12) // 4)):
        boxes.step()
        boxes.samples.append(size or reader.number(4))


def _stsc(reader: Reader, length: int, boxes: Boxes) -> None:
    reader.skip(4)
    for _ in range(min(reader.number(4), length // 12)):
        boxes.step()
        boxes.runs.append((reader.number(4), reader.number(4)))
        reader.skip(4)


def _stco(reader: Reader, length: int, boxes: Boxes, size: int = 4) -> None:
    reader.skip(4)
    for _ in range(min(reader.number(4), length // size)):
        boxes.step()
        boxes.chunks.append(reader.number(size))


def _co64(reader: Reader, length: int, boxes: Boxes) -> None:
    _stco(reader, length, boxes, 8)


_READERS: dict[bytes, Callable[[Reader, int, Boxes], None]] = {
    b"ispe": _ispe,
    b"av1C": _av1c,
    b"hvcC": _hvcc,
    b"colr": _colr,
    b"tkhd": _tkhd,
    b"iloc": _iloc,
    b"stsz": _stsz,
    b"stsc": _stsc,
    b"stco": _stco,
    b"co64": _co64,
}


class Item:
    """Reads the pieces of an item as one."""

    def __init__(self, view: FileView, pieces: list[tuple[int, int]]) -> None:
        self._view = view
        self._pieces = [piece for piece in reversed(pieces) if piece[0] < 2**62]
        self.length: int = sum(size for _, size in self._pieces)

    def take(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end."""
        found = b""
        while size and self._pieces:
            offset, length = self._pieces.pop()
            self._view.seek(offset)
            piece = self._view.read(min(size, length))
            found, size = found + piece, size - min(size, length)
            if length > len(piece) > 0:
                self._pieces.append((offset + len(piece), length - len(piece)))
        return found

    def skip(self, size: int) -> None:
        """Pass over bytes."""
        while size and self._pieces:
            offset, length = self._pieces.pop()
            passed = min(size, length)
            size -= passed
            if length > passed:
                self._pieces.append((offset + passed, length - passed))
