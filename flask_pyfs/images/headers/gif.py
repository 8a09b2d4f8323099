"""GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from .reader import ENTRY, Header, Reader, refuse_steps

if TYPE_CHECKING:
    from ...seekable import FileView

_MOST_BLOCKS = 5_000_000
# extensions, and bytes that are of no block: Pillow reads them one by one, and slowly
_MOST_OTHERS = 250_000

# a graphic control extension: its flags say what becomes of the frame, and whether one of its colours is transparent
_CONTROL = b"\xf9"
_HAS_TRANSPARENCY = 1
_CLEARED = 2


def read(reader: Reader, header: Header) -> None:
    """Read the blocks up to the first frame."""
    _read(reader, header, 1)


def count_frames(view: FileView, header: Header) -> None:
    """Count the frames of a GIF, and make its size that of the largest frame if a frame exceeds the canvas."""
    header.frames = header.steps = header.opening = 0
    _read(Reader(view), header, None)


def _read(reader: Reader, header: Header, most_frames: int | None) -> None:
    control = 0
    head = reader.take(13).ljust(13, b"\0")
    width, height, flags = struct.unpack("<6xHHB2x", head)
    canvas = (0, 0, width, height)
    reader.skip(3 << ((flags & 7) + 1) if flags & 128 else 0)
    frames = others = comments = 0
    while frames != most_frames and (kind := reader.take(1)) not in (b"", b";"):
        if kind != b",":
            others += 1
            refuse_steps("extensions and other bytes between its frames", others, _MOST_OTHERS)
        if kind == b"!":
            label = reader.take(1)
            before, place = header.steps, reader.tell()
            size = reader.take(1)
            if label == _CONTROL and size > b"\0":
                control = (reader.take(1) or b"\0")[0]
                reader.skip(size[0] - 1)
            elif size:
                reader.skip(size[0])
            if size > b"\0":
                _skip_blocks(reader, header)
            if label == b"\xfe":
                comments += reader.tell() - place + (header.steps - before) * ENTRY
        elif kind == b",":
            left, top, across, down, flags = struct.unpack("<HHHHB", reader.take(9).ljust(9, b"\0"))
            is_part = not frames and (left, top, across, down) != canvas
            if (is_part or control >> 2 & 7 == _CLEARED) and not control & _HAS_TRANSPARENCY:
                header.variant = "cleared"
            control = 0
            width, height = max(width, left + across), max(height, top + down)
            frames += 1
            if frames == most_frames:
                break
            reader.skip((3 << ((flags & 7) + 1) if flags & 128 else 0) + 1)
            _skip_blocks(reader, header)
        else:
            header.steps += 1
    header.frames, header.size = max(1, frames), (width, height)
    header.opening += comments


def _skip_blocks(reader: Reader, header: Header) -> bool:
    """Pass over blocks, and return whether they end."""
    steps = header.steps
    while (size := reader.take(1)) not in (b"", b"\0"):
        reader.skip(size[0])
        steps += 1
        if steps > _MOST_BLOCKS:
            break
    header.steps = steps + 1
    refuse_steps("blocks", steps, _MOST_BLOCKS)
    return size == b"\0"


def is_cut(reader: Reader) -> bool:
    """Return whether the data of a frame do not end; or those of an animation end, but not the animation.

    Some programs leave out the last byte of a GIF with one frame, and browsers show it whole.
    """
    header = Header()
    head = reader.take(13).ljust(13, b"\0")
    reader.skip(3 << ((head[10] & 7) + 1) if head[10] & 128 else 0)
    frames = others = 0
    while (kind := reader.take(1)) != b";":
        if not kind:
            return frames != 1
        if kind != b",":
            others += 1
            refuse_steps("extensions and other bytes between its frames", others, _MOST_OTHERS)
        if kind == b"!":
            reader.skip(1)
        elif kind == b",":
            flags = reader.take(9).ljust(9, b"\0")[8]
            reader.skip((3 << ((flags & 7) + 1) if flags & 128 else 0) + 1)
            frames += 1
        else:
            continue
        if not _skip_blocks(reader, header):
            return True
    return not frames
