"""PNG: https://www.w3.org/TR/png-3/#5Chunk-layout."""

from __future__ import annotations

import struct
import zlib

from .reader import ENTRY, LONGEST_EXIF, Header, Reader, exif_copies, exif_cost, refuse_steps

# libpng and its peers write pieces of 8 KiB or more
_MOST_CHUNKS = 250_000
_MOST_TEXT = 64 * 1024 * 1024
_INFLATED_TEXT = 1024 * 1024
# Pillow inflates each of these, even those that are damaged and that it does not keep; the standard allows one profile
_MOST_INFLATED = 500
_MOST_SINGLE = 4
# https://www.w3.org/TR/png-3/#11addnlcolinfo and #11tRNS, with the lengths of those that say it in numbers
_COLOURS = {b"tRNS": 256, b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"cICP": 4}
_TRUE_COLOUR = 2
# the other half of the bits, and masks
_KEY_OF_16_BITS = 11

# without what browsers do not need
_CHECKED = (b"IHDR", b"PLTE", b"IDAT", b"fdAT", b"IEND")
_AT_ONCE = 64 * 1024


def read(reader: Reader, header: Header) -> None:
    """Read the chunks."""
    reader.skip(8)
    texts = chunks = 0
    single = {b"iCCP": 0, b"eXIf": 0}
    has_pixels = False
    colour_type = 0
    while len(head := reader.take(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        chunks += 1
        refuse_steps("chunks", chunks, _MOST_CHUNKS)
        if name == b"IHDR":
            *size, header.depth, colour_type = struct.unpack(">IIBB", reader.take(10).ljust(10, b"\0"))
            header.size = (size[0], size[1])
            length -= 10
        elif name == b"IEND":
            break
        elif name in (b"zTXt", b"iTXt", b"iCCP"):
            texts += min(length * 1000, _INFLATED_TEXT)
            refuse_steps("megabytes of compressed texts", texts // _INFLATED_TEXT, _MOST_INFLATED)
        elif name == b"eXIf":
            data = reader.take(min(length, LONGEST_EXIF))
            header.opening += exif_cost(length) + exif_copies(data) + 2 * len(data)
            length -= len(data)
        elif name in _COLOURS and not has_pixels and name not in header.colours:
            data = reader.take(min(length, _COLOURS[name]))
            header.colours[name] = data
            length -= len(data)
        if name in single:
            single[name] += 1
            refuse_steps(f"chunks of the type {name.decode()}", single[name], _MOST_SINGLE)
        if name == b"IDAT":
            has_pixels = True
        elif has_pixels and name in (b"eXIf", b"iTXt", b"zTXt", b"tEXt"):
            header.is_late = True
        if name not in (b"IDAT", b"fdAT"):
            # Pillow reads the pieces of a chunk, and joins them
            header.opening += 2 * length + ENTRY
        reader.skip(length + 4)
    header.opening += 3 * min(texts, _MOST_TEXT)
    header.steps = chunks
    if header.depth == 16 and colour_type == _TRUE_COLOUR and b"tRNS" in header.colours:
        header.decoding = _KEY_OF_16_BITS * header.pixels
        header.passes = 2


def is_cut(reader: Reader) -> bool:
    """Return whether a PNG has not all of its chunks up to IEND, or those with pixels are damaged."""
    reader.skip(8)
    has_pixels = False
    steps = 0
    while len(head := reader.take(8)) == 8:
        steps += 1
        refuse_steps("chunks", steps, _MOST_CHUNKS)
        length, name = struct.unpack(">I4s", head)
        if name not in _CHECKED:
            reader.skip(length + 4)
            continue
        checksum = zlib.crc32(name)
        while length and (piece := reader.take(min(length, _AT_ONCE))):
            checksum = zlib.crc32(piece, checksum)
            length -= len(piece)
        if length or reader.take(4) != struct.pack(">I", checksum):
            return True
        has_pixels |= name == b"IDAT"
        if name == b"IEND":
            return not has_pixels
    return True
