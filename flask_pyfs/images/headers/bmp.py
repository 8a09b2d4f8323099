"""BMP, of Windows or of OS/2."""

from __future__ import annotations

import struct

from ..refusals import damaged
from .reader import Header, Reader

_BMP_CORE = 12
_BMP_RLE = (1, 2)
_BMP_WITH_COMPRESSION = 40
_LARGEST_BMP_HEADER = 124


def read(reader: Reader, header: Header) -> None:
    """Read the header."""
    head = reader.take(14 + 40).ljust(54, b"\0")
    (length,) = struct.unpack_from("<I", head, 14)
    if length > _LARGEST_BMP_HEADER:
        raise damaged(f"the BMP has a header of {length} bytes, but the longest is {_LARGEST_BMP_HEADER}")
    if length == _BMP_CORE:
        header.size = struct.unpack_from("<HH", head, 18)
        return
    width, height, compression = struct.unpack_from("<Ii4xI", head, 18)
    header.size = (width, abs(height))
    if compression in _BMP_RLE:
        # Pillow decodes these itself, pixel by pixel, and then twice copies what it has
        header.variant = "rle"
        header.decoding = 2 * header.pixels


def is_cut(reader: Reader, length: int) -> bool:
    """Return whether a file of so many bytes is shorter than its rows."""
    head = reader.take(14 + 40).ljust(54, b"\0")
    start, size = struct.unpack_from("<II", head, 10)
    if size == _BMP_CORE:
        width, height, bits = struct.unpack_from("<HH2xH", head, 18)
        compression = compressed = 0
    else:
        width, height, bits, compression, compressed = struct.unpack_from("<ii2xHII", head, 18)
    if compression in _BMP_RLE and size >= _BMP_WITH_COMPRESSION:
        return int(start + compressed) > length
    row = abs(width) * bits
    # the last row may not be filled up
    return int(start + (abs(height) - 1) * (-(-row // 32) * 4) + -(-row // 8)) > length
