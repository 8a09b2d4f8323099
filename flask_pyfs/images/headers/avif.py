"""AVIF: the boxes of ISO 14496-12 and 23008-12, and the sequence headers of AV1 (AV1 5.5), which alone do not lie."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .reader import Header, Reader, exif_cost, refuse_steps

if TYPE_CHECKING:
    from ...seekable import FileView

_PARENTS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"meta": 4, b"iprp": 0, b"ipco": 0}
_MOST_LEVELS = 10
_MOST_STEPS = 100_000
# what reading a sequence header costs beside other pieces
_SEQUENCE_STEPS = 5
_SEQUENCE_HEADER = 1
_SEQUENCE_SIZE = 600
_LARGEST_GRID = 12

# the file is read, joined and kept
_COPIES = 3
# what libavif keeps for each frame of a sequence
_SAMPLE = 200
# what a decoder keeps for each pixel that the header does not admit
_HIDDEN = 16

# those of sRGB and what is taken for it (ITU-T H.273, with 2 for unknown ones)
_SRGB_PRIMARIES = (1, 2)
_SRGB_TRANSFERS = (1, 2, 6, 13)


@dataclass
class _Boxes:
    sizes: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    # the pieces of each item or sample: their offsets and lengths
    items: list[list[tuple[int, int]]] = field(default_factory=list)
    inner_items: list[list[tuple[int, int]]] = field(default_factory=list)
    inner_start: int = 0
    # the tables of a track: offsets of chunks, how many samples each has from which chunk on, sizes of samples
    chunks: list[int] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    frames: int = 1
    exif: int = 0
    is_deep: bool = False
    colours: bytes = b""
    steps: int = 0

    def step(self, steps: int = 1) -> None:
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


def read(view: FileView, header: Header) -> None:
    """Read the boxes, and the sequence headers of all items and samples."""
    boxes = _Boxes()
    _walk(view, 0, header.length, boxes, _MOST_LEVELS)
    boxes.end_track()
    boxes.items += [[(boxes.inner_start + at, size) for at, size in item] for item in boxes.inner_items]
    header.frames = boxes.frames
    header.size = max(boxes.sizes, key=lambda size: size[0] * size[1])
    header.opening = _COPIES * header.length + boxes.frames * _SAMPLE + exif_cost(boxes.exif)
    header.variant = "deep" if boxes.is_deep else ""
    if boxes.colours:
        header.colours[b"nclx"] = boxes.colours
    coded = [_coded_pixels(_Item(view, item), boxes) for item in boxes.items]
    header.steps = boxes.steps
    # colours and alpha are two items; the cells of a grid are as large as the image together
    hidden = max(coded, default=0) - header.pixels
    if boxes.frames == 1:
        hidden = max(hidden, sum(coded) - 3 * header.pixels)
    header.decoding = max(hidden, 0) * _HIDDEN


def _walk(view: FileView, start: int, end: int, boxes: _Boxes, levels: int) -> None:
    while start + 8 <= end and levels:
        boxes.step()
        reader = Reader(view, start)
        length, name, content = reader.number(4), reader.take(4), start + 8
        if length == 1:
            length, content = reader.number(8), start + 16
        elif length == 0:
            length = end - start
        stop = min(start + length, end)
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


def _ispe(reader: Reader, length: int, boxes: _Boxes) -> None:
    boxes.sizes.append(struct.unpack(">4xII", reader.take(12).ljust(12, b"\0")))


def _av1c(reader: Reader, length: int, boxes: _Boxes) -> None:
    boxes.is_deep |= bool(reader.take(4).ljust(4, b"\0")[2] & 0x40)


def _colr(reader: Reader, length: int, boxes: _Boxes) -> None:
    kind, primaries, transfer = struct.unpack(">4sHH", reader.take(8).ljust(8, b"\0"))
    if kind == b"nclx" and (primaries not in _SRGB_PRIMARIES or transfer not in _SRGB_TRANSFERS):
        boxes.colours = struct.pack(">HH", primaries, transfer)


def _tkhd(reader: Reader, length: int, boxes: _Boxes) -> None:
    reader.skip(length - 8)
    boxes.sizes.append((reader.number(4) >> 16, reader.number(4) >> 16))


def _iloc(reader: Reader, length: int, boxes: _Boxes) -> None:
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


def _stsz(reader: Reader, length: int, boxes: _Boxes) -> None:
    reader.skip(4)
    size, count = reader.number(4), reader.number(4)
    refuse_steps("frames", count, _MOST_STEPS)
    boxes.samples = []
    for _ in range(count if size else min(count, (length - 12) // 4)):
        boxes.step()
        boxes.samples.append(size or reader.number(4))


def _stsc(reader: Reader, length: int, boxes: _Boxes) -> None:
    reader.skip(4)
    for _ in range(min(reader.number(4), length // 12)):
        boxes.step()
        boxes.runs.append((reader.number(4), reader.number(4)))
        reader.skip(4)


def _stco(reader: Reader, length: int, boxes: _Boxes, size: int = 4) -> None:
    reader.skip(4)
    for _ in range(min(reader.number(4), length // size)):
        boxes.step()
        boxes.chunks.append(reader.number(size))


def _co64(reader: Reader, length: int, boxes: _Boxes) -> None:
    _stco(reader, length, boxes, 8)


_READERS: dict[bytes, Callable[[Reader, int, _Boxes], None]] = {
    b"ispe": _ispe,
    b"av1C": _av1c,
    b"colr": _colr,
    b"tkhd": _tkhd,
    b"iloc": _iloc,
    b"stsz": _stsz,
    b"stsc": _stsc,
    b"stco": _stco,
    b"co64": _co64,
}


class _Item:
    """Reads the pieces of an item as one."""

    def __init__(self, view: FileView, pieces: list[tuple[int, int]]) -> None:
        self._view = view
        self._pieces = [piece for piece in reversed(pieces) if piece[0] < 2**62]
        self.length = sum(size for _, size in self._pieces)

    def take(self, size: int) -> bytes:
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
        while size and self._pieces:
            offset, length = self._pieces.pop()
            passed = min(size, length)
            size -= passed
            if length > passed:
                self._pieces.append((offset + passed, length - passed))


def _coded_pixels(item: _Item, boxes: _Boxes) -> int:
    """Return the pixels that the largest sequence header in an item allows."""
    if item.length <= _LARGEST_GRID:
        # an item so short has no image in it, but may be a grid (ISO 23008-12, 6.6.2.3)
        grid = item.take(_LARGEST_GRID).ljust(_LARGEST_GRID, b"\0")
        width, height = struct.unpack_from(">II" if grid[1] & 1 else ">HH", grid, 4)
        return int(width * height) if grid[0] == 0 else 0
    largest = 0
    # AV1 5.3: a header, with a byte more for layers, and the size in groups of seven bits
    while head := item.take(1):
        boxes.step()
        item.skip(head[0] >> 2 & 1)
        size = shift = 0
        while head[0] & 2 and (byte := item.take(1)) and shift < 56:
            size |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                break
        if head[0] >> 3 & 15 == _SEQUENCE_HEADER:
            boxes.step(_SEQUENCE_STEPS)
            start = item.take(min(size, _SEQUENCE_SIZE) if head[0] & 2 else _SEQUENCE_SIZE)
            largest = max(largest, _largest_frame(start))
            size -= len(start)
        if not head[0] & 2:
            break
        item.skip(max(size, 0))
    return largest


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, size: int) -> int:
        self._left -= size
        return self._value >> self._left & ((1 << size) - 1) if self._left >= 0 else 0


def _largest_frame(data: bytes) -> int:
    """Return the pixels of max_frame_width_minus_1 and max_frame_height_minus_1 (AV1 5.5.1)."""
    bits = _Bits(data)
    bits.take(4)
    if bits.take(1):
        bits.take(5)
    else:
        has_model = False
        delay_size = 0
        if bits.take(1):
            bits.take(64)
            if bits.take(1):
                zeros = 0
                while zeros < 32 and not bits.take(1):
                    zeros += 1
                bits.take(zeros)
            if has_model := bool(bits.take(1)):
                delay_size = bits.take(5) + 1
                bits.take(42)
        has_delays = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if has_model and bits.take(1):
                bits.take(2 * delay_size + 1)
            if has_delays and bits.take(1):
                bits.take(4)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    return (bits.take(across) + 1) * (bits.take(down) + 1)
