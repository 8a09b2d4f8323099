"""WebP: https://developers.google.com/speed/webp/docs/riff_container."""

from __future__ import annotations

import struct

from .reader import LONGEST_EXIF, Header, Reader, exif_copies, exif_cost, refuse_steps

_MOST_CHUNKS = 250_000
# the file is read, joined and kept
_WEBP_COPIES = 3


def read(reader: Reader, header: Header) -> None:
    """Read the chunks."""
    header.frames = 0
    offset = 12
    reader.skip(offset)
    while len(head := reader.take(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        header.steps += 1
        refuse_steps("chunks", header.steps, _MOST_CHUNKS)
        end = offset + 8 + length + length % 2
        if name == b"ANMF":
            # its 16 bytes are followed by the chunks of the frame
            header.frames += 1
            reader.skip(16)
            inner = reader.take(4)
            header.variant = "lossless" if inner == b"VP8L" else header.variant
        else:
            start = reader.take(min(length, 10)).ljust(10, b"\0")
            size = header.size
            if name == b"VP8X":
                size = (1 + int.from_bytes(start[4:7], "little"), 1 + int.from_bytes(start[7:10], "little"))
            elif name == b"VP8L":
                bits = int.from_bytes(start[1:5], "little")
                size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
                header.variant = "lossless"
            elif name == b"VP8 ":
                size = int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF
            elif name == b"EXIF":
                data = start + reader.take(max(0, min(length, LONGEST_EXIF) - len(start)))
                header.opening += exif_cost(length) + exif_copies(data)
            header.size = max(size[0], header.size[0]), max(size[1], header.size[1])
        reader.skip(end - reader.tell())
        offset = end
    header.frames = max(1, header.frames)
    header.opening += _WEBP_COPIES * header.length


def is_cut(reader: Reader, length: int) -> bool:
    """Return whether a file of so many bytes is shorter than it says."""
    (size,) = struct.unpack("<4xI", reader.take(8).ljust(8, b"\0"))
    return int(size) + 8 > length
