"""Images whose magic number is short, or that contain others. Pillow opens the common ones afterwards.

Sources: TIFF 6.0, 2, and the design of BigTIFF by Aware Systems; "Bitmap Header Types" and "Icons" of the Windows
documentation.
"""

from __future__ import annotations

from .source import Check, Source, any_of, starts

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_ICONS = 256
_BITMAP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)

is_png: Check = starts(_PNG)

#: TIFF and BigTIFF in both orders of bytes.
is_tiff: Check = starts(b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")


def is_bmp(source: Source) -> bool:
    """Tell whether the file is a bitmap of Windows or OS/2."""
    return source.at(0, 2) == b"BM" and source.little(14, 4) in _BITMAP_HEADERS


def _is_icons(source: Source) -> bool:
    count = source.little(4, 2)
    if source.at(0, 4) != b"\0\0\1\0" or not 0 < count <= _MOST_ICONS:
        return False
    places = [(source.little(entry + 12, 4), source.little(entry + 8, 4)) for entry in range(6, 6 + 16 * count, 16)]
    are_inside = all(size and 6 + 16 * count <= start and start + size <= source.size for start, size in places)
    first = places[0][0]
    return are_inside and (source.at(first, 8) == _PNG or source.little(first, 4) in _BITMAP_HEADERS)


#: Icons of Windows, and PNG, which browsers take for them.
is_ico: Check = any_of(_is_icons, is_png)
