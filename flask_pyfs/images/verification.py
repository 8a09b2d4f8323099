"""Verifies uploaded images: they are of the format that their extension claims, and nothing is missing at their end."""

from __future__ import annotations

from typing import BinaryIO

from ..seekable import FileView
from .headers import is_cut, read_header
from .limits import Limits, require_openable, require_pixels
from .opening import EXTENSIONS, format_of, is_readable, open_image, translated_errors
from .refusals import damaged, other_format


def verify_image(file: BinaryIO, ext: str, limits: Limits) -> None:
    """Check that a file is a whole image of the format that its extension claims. No pixels are decoded.

    Nothing is checked if the extension is of no known format, or Pillow cannot read the format. HEIC is not opened, so
    it needs no other package. The position of the file is restored.

    :param ext: the extension, in lower case, without its dot.
    :raises UnauthorizedFileType: if the image is of another format, is truncated, has more pixels than allowed, or
        would take too much memory to open.
    """
    # icons may be PNG; those of Windows are not opened
    name = "PNG" if ext == "ico" and format_of(FileView(file)) == "PNG" else EXTENSIONS.get(ext)
    if name == "HEIF":
        _verify_heif(file, limits)
    elif name is not None and is_readable(name):
        with open_image(file, limits, [name]) as opened:
            if limits.max_pixels is not None:
                opened.count_frames()
                require_pixels(opened.header.pixels * opened.header.frames, limits)
            require_whole(opened.view, name)


def _verify_heif(file: BinaryIO, limits: Limits) -> None:
    view = FileView(file)
    position = file.tell()
    try:
        with translated_errors(view):
            found = format_of(view)
            if found != "HEIF":
                raise other_format(f"the content is {found or 'no image'}, but HEIF is wanted", found)
            header = read_header(view, found)
            require_openable(header, limits)
            require_pixels(header.pixels, limits)
            require_whole(view, found)
    finally:
        file.seek(position)


def require_whole(view: FileView, name: str) -> None:
    """Refuse an image of which something is missing, without decoding it.

    :param name: Pillow's name of the format.
    :raises UnauthorizedFileType: if it is truncated.
    """
    if is_cut(view, name):
        raise damaged(f"the {name} is truncated: its end is missing, or its data are damaged")
