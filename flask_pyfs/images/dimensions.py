"""The width and height of an image, from its header."""

from __future__ import annotations

from typing import Any, BinaryIO

from .codec import orientation_of
from .limits import Limits
from .opening import open_image

# those that lie on their side
_SWAPPED = (5, 6, 7, 8)
# ImageWidth and ImageLength (TIFF 6.0)
_WIDTH, _HEIGHT = 256, 257


def dimensions_of(file: BinaryIO, limits: Limits) -> tuple[int, int]:
    """Return the width and height of an image in pixels, upright. Nothing is decoded; the position is restored.

    :param limits: how much opening it may take.
    :raises UnauthorizedFileType: if the file is not an image, or takes too much to open.
    :raises ConfigurationError: if it is a HEIC, and pillow-heif is not installed.
    """
    with open_image(file, limits) as opened:
        width, height = opened.image.size
        # newer Pillow says how a TIFF will be when it is loaded
        tags: Any = getattr(opened.image, "tag_v2", {}) if opened.format == "TIFF" else {}
        width, height = tags.get(_WIDTH, width), tags.get(_HEIGHT, height)
        # Pillow looks for the EXIF data of a PNG behind the pixels, and decodes these; browsers do not look there
        if opened.format == "PNG" and "exif" not in opened.image.info:
            return width, height
        return (height, width) if orientation_of(opened.image) in _SWAPPED else (width, height)
