"""Renders the displayed image and the thumbnails of an uploaded image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

_READ_SIZE = 1024 * 1024


@dataclass(frozen=True)
class Renditions:
    """The files that are stored for an image.

    :param main: the displayed image.
    :param is_source: whether the displayed image is the upload, byte for byte.
    :param thumbnails: the thumbnails by their sizes, in pixels.
    """

    main: BinaryIO
    is_source: bool
    thumbnails: dict[int, BinaryIO]


def render(
    source: BinaryIO,
    *,
    max_size: int | None = None,
    sizes: Sequence[int] = (),
    bbox: Sequence[float] | None = None,
    optimize: bool = False,
    max_pixels: int | None = None,
) -> Renditions:
    """Render the files that are stored for an image, without storing them.

    :param source: the upload, a binary file that can seek.
    :param max_size: the maximum width and height of the displayed image, in pixels; None for any size.
    :param sizes: the sizes of the thumbnails, in pixels.
    :param bbox: the part of the image that the thumbnails show; None for the whole image.
    :param optimize: whether the displayed image is optimized.
    :param max_pixels: the number of pixels that the upload may have; None for the default of :mod:`flask_pyfs.images`.
    :raises UnauthorizedFileType: if there is something to render and the upload is not an image, is damaged, or has too
        many pixels.
    """
    if not (max_size or sizes or optimize):
        return Renditions(source, True, {})
    # needs Pillow, which may be missing if nothing is rendered
    from ..images import thumbnails as images

    limit: dict[str, Any] = {} if max_pixels is None else {"max_pixels": max_pixels}
    thumbnails: dict[int, BinaryIO] = {size: images.make_thumbnail(source, size, bbox, **limit) for size in sizes}
    main = source
    if max_size:
        main = images.resize(main, max_size, **limit)
    if optimize:
        main = images.optimize(main, **limit)
    return Renditions(main, main is source or _is_same(main, source), thumbnails)


def _is_same(one: BinaryIO, other: BinaryIO) -> bool:
    one.seek(0)
    other.seek(0)
    try:
        while piece := one.read(_READ_SIZE):
            if other.read(len(piece)) != piece:
                return False
        return not other.read(1)
    finally:
        one.seek(0)
        other.seek(0)
