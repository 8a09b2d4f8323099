"""Writes BMP with an alpha channel, which Pillow reads but does not write."""

from __future__ import annotations

import struct
from typing import BinaryIO

from PIL import Image

# BITMAPFILEHEADER and BITMAPV4HEADER:
# https://learn.microsoft.com/windows/win32/api/wingdi/ns-wingdi-bitmapv4header
_FILE_HEADER = 14
_V4_HEADER = 108
_BITFIELDS = 3
_MASKS = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
_SRGB = 0x73524742

_PIXELS_AT_A_TIME = 250_000


def write_alpha(image: Image.Image, out: BinaryIO) -> None:
    """Write an RGBA image."""
    width, height = image.size
    start, length = _FILE_HEADER + _V4_HEADER, 4 * width * height
    out.write(struct.pack("<2sIHHI", b"BM", start + length, 0, 0, start))
    out.write(struct.pack("<IiiHHIIiiII", _V4_HEADER, width, height, 1, 32, _BITFIELDS, length, 0, 0, 0, 0))
    out.write(struct.pack("<4II48x", *_MASKS, _SRGB))
    rows = max(1, _PIXELS_AT_A_TIME // width)
    for bottom in range(height, 0, -rows):
        part = image.crop((0, max(0, bottom - rows), width, bottom))
        out.write(part.tobytes("raw", "BGRA", 0, -1))


def has_no_alpha(image: Image.Image) -> bool:
    """Return whether the alpha of a BMP means nothing, because it is 0 everywhere: programs show such files opaque."""
    return image.mode == "RGBA" and image.getextrema()[3] == (0, 0)  # type: ignore[misc]
