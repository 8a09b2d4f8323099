"""What the bytes of an image say about its cost, before Pillow sees them: read in constant memory, and quickly."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from . import avif, bmp, gif, jpeg, png, tiff, webp
from .gif import count_frames
from .reader import Header, Reader
from .tiff import pages

if TYPE_CHECKING:
    from ...seekable import FileView

__all__ = ["Header", "count_frames", "pages", "read_header"]

_READERS = {"JPEG": jpeg.read, "PNG": png.read, "GIF": gif.read, "BMP": bmp.read, "WEBP": webp.read}
_PLACED = {"TIFF": tiff.read, "AVIF": avif.read}


def read_header(view: FileView, name: str) -> Header:
    """Read what an image costs to open, and what it will cost to decode.

    :param view: the file.
    :param name: Pillow's name of the format. MPO is JPEG.
    :raises UnauthorizedFileType: if the file has so many pieces that reading them takes too long.
    """
    header = Header(length=view.seek(0, io.SEEK_END))
    if name in _PLACED:
        _PLACED[name](view, header)
    else:
        _READERS[name](Reader(view), header)
    return header
