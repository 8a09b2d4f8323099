"""HEIF with HEVC in it, as .heic: boxes, and the sequence parameter sets of H.265 (7.3.2.2), which alone do not lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .boxes import Boxes, Item, read_boxes
from .reader import Bits, Header

if TYPE_CHECKING:
    from ...seekable import FileView

_SEQUENCE_STEPS = 5
_SEQUENCE_PARAMETERS = 33
_SEQUENCE_SIZE = 600
_CONFIGURATION_SIZE = 22
_GENERAL_PROFILE, _PROFILE, _LEVEL = 96, 88, 8

# the decoder's bytes for each pixel of monochrome, 4:2:0, 4:2:2 and 4:4:4 (chroma_format_idc)
_PLANES = (1, 1.5, 5, 6)
_COLOURS_OF_DEEP = 1.5
# what a decoder keeps for each pixel that the boxes do not admit
_HIDDEN = 8


def read(view: FileView, header: Header) -> None:
    """Read the boxes, and the parameter sets beside the items and in them."""
    boxes = read_boxes(view, header.length)
    header.size = max(boxes.sizes, key=lambda size: size[0] * size[1])
    header.opening = header.length
    coded, planes = 0, 1.0
    for configuration in boxes.configurations:
        # chroma_format_idc and bit_depth_luma_minus8 (ISO 14496-15, 8.3.3.1)
        chroma, depth = configuration[16:18].ljust(2, b"\0")
        own = _PLANES[chroma & 3]
        planes = max(planes, 2 * own + _COLOURS_OF_DEEP if depth & 7 else own)
        coded = max(coded, *map(_pixels, _units_beside(configuration)), 0)
    for item in boxes.items:
        coded = max(coded, *map(_pixels, _units_inside(Item(view, item), boxes)), 0)
    header.steps = boxes.steps
    header.decoding = int(planes * header.pixels) + max(coded - header.pixels, 0) * _HIDDEN


def _units_beside(configuration: bytes) -> Iterator[bytes]:
    """Yield the parameter sets of a configuration (ISO 14496-15, 8.3.3.1)."""
    place = _CONFIGURATION_SIZE + 1
    for _ in range(configuration[_CONFIGURATION_SIZE] if len(configuration) >= place else 0):
        count = int.from_bytes(configuration[place + 1 : place + 3], "big")
        place += 3
        for _ in range(count):
            size = int.from_bytes(configuration[place : place + 2], "big")
            if place >= len(configuration):
                return
            yield configuration[place + 2 : place + 2 + size]
            place += 2 + size


def _units_inside(item: Item, boxes: Boxes) -> Iterator[bytes]:
    """Yield the starts of the units of an item: each has its length before it."""
    left = item.length
    while left > 4:
        boxes.step()
        size = int.from_bytes(item.take(4), "big")
        left -= 4 + size
        if left < 0:
            # this item is something else
            return
        start = item.take(min(size, 2))
        if _kind(start) == _SEQUENCE_PARAMETERS:
            boxes.step(_SEQUENCE_STEPS)
            start += item.take(min(size - len(start), _SEQUENCE_SIZE))
            yield start
        item.skip(size - len(start))


def _kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63 if unit else 0


def _pixels(unit: bytes) -> int:
    """Return the pixels that a sequence parameter set allows, 0 if the unit is something else."""
    if _kind(unit) != _SEQUENCE_PARAMETERS:
        return 0
    # bytes that keep the content from looking like the start of a unit (7.3.1.1)
    bits = Bits(unit[2:_SEQUENCE_SIZE].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + _GENERAL_PROFILE)
    present = [(bits.take(1), bits.take(1)) for _ in range(8 if layers else 0)]
    for has_profile, has_level in present[:layers]:
        bits.take(_PROFILE * has_profile + _LEVEL * has_level)
    bits.take_golomb()
    if bits.take_golomb() == 3:
        bits.take(1)
    return bits.take_golomb() * bits.take_golomb()
