"""BMP, of Windows or of OS/2."""

from __future__ import annotations

import struct

from ...errors import UnauthorizedFileType
from .reader import Header, Reader

_BMP_CORE = 12
_BMP_RLE = (1, 2)
_LARGEST_BMP_HEADER = 124


def read(reader: Reader, header: Header) -> None:
    """Read the header."""
    head = reader.take(14 + 40).ljust(54, b"\0")
    (length,) = struct.unpack_from("<I", head, 14)
    if length > _LARGEST_BMP_HEADER:
        raise UnauthorizedFileType(f"the BMP has a header of {length} bytes, but the longest is {_LARGEST_BMP_HEADER}")
    if length == _BMP_CORE:
        header.size = struct.unpack_from("<HH", head, 18)
        return
    width, height, compression = struct.unpack_from("<Ii4xI", head, 18)
    header.size = (width, abs(height))
    if compression in _BMP_RLE:
        # Pillow decodes these itself, pixel by pixel, and then twice copies what it has
        header.variant = "rle"
        header.decoding = 2 * header.pixels
