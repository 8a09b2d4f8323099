"""What the bytes of an image say about its cost, before Pillow sees them: read in constant memory, and quickly."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from . import avif, bmp, boxes, gif, heif, jpeg, png, tiff, webp
from .gif import count_frames
from .reader import Header, Reader
from .tiff import pages

if TYPE_CHECKING:
    from ...seekable import FileView

__all__ = ["Header", "count_frames", "is_cut", "pages", "read_header"]

_READERS = {"JPEG": jpeg.read, "PNG": png.read, "GIF": gif.read, "BMP": bmp.read, "WEBP": webp.read}
_CUT = {"JPEG": jpeg.is_cut, "PNG": png.is_cut, "GIF": gif.is_cut}
_SHORT = {"WEBP": webp.is_cut, "BMP": bmp.is_cut}
_PLACED = {"TIFF": tiff.read, "AVIF": avif.read, "HEIF": heif.read}


def read_header(view: FileView, name: str) -> Header:
    """Read what an image costs to open, and what it will cost to decode.

    :param view: the file.
    :param name: Pillow's name of the format.
    :raises UnauthorizedFileType: if the file has so many pieces that reading them takes too long.
    """
    header = Header(length=view.seek(0, io.SEEK_END))
    if name in _PLACED:
        _PLACED[name](view, header)
    else:
        _READERS[name](Reader(view), header)
    return header


def is_cut(view: FileView, name: str) -> bool:
    """Return whether something is missing of an image, usually its end, without decoding it.

    The memory is constant. A PNG, a GIF and the data of a JPEG are read from end to end.

    :param name: Pillow's name of the format.
    :raises UnauthorizedFileType: if the file has so many pieces that reading them takes too long.
    """
    length = view.seek(0, io.SEEK_END)
    if name == "TIFF":
        return tiff.is_cut(view, length)
    if name in ("AVIF", "HEIF"):
        return boxes.is_cut(view, length)
    if name in _SHORT:
        return _SHORT[name](Reader(view), length)
    return _CUT[name](Reader(view))
