"""AVIF: boxes, and the sequence headers of AV1 (AV1 5.5), which alone do not lie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from .boxes import Boxes, Item, read_boxes
from .reader import Bits, Header

if TYPE_CHECKING:
    from ...seekable import FileView

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


def read(view: FileView, header: Header) -> None:
    """Read the boxes, and the sequence headers of all items and samples."""
    boxes = read_boxes(view, header.length)
    header.frames = boxes.frames
    header.size = max(boxes.sizes, key=lambda size: size[0] * size[1])
    header.opening = _COPIES * header.length + boxes.frames * _SAMPLE
    header.variant = "deep" if boxes.is_deep else "4:2:0" if boxes.has_half_chroma else ""
    if boxes.colours:
        header.colours[b"nclx"] = boxes.colours
    coded = [_coded_pixels(Item(view, item), boxes) for item in boxes.items]
    header.steps = boxes.steps
    # colours and alpha are two items; the cells of a grid are as large as the image together
    hidden = max(coded, default=0) - header.pixels
    if boxes.frames == 1:
        hidden = max(hidden, sum(coded) - 3 * header.pixels)
    header.decoding = max(hidden, 0) * _HIDDEN


def _coded_pixels(item: Item, boxes: Boxes) -> int:
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


def _largest_frame(data: bytes) -> int:
    """Return the pixels of max_frame_width_minus_1 and max_frame_height_minus_1 (AV1 5.5.1)."""
    bits = Bits(data)
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
