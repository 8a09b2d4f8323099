"""What is made of an uploaded image: the smaller one that is shown, and its thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

__all__ = ["Renditions", "render"]

_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Renditions:
    """What is to be stored of an image.

    :param main: what is shown.
    :param is_source: whether that is the upload, byte for byte.
    :param thumbnails: the thumbnails by their sizes.
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
    """Make what is to be stored of an image. Nothing is stored.

    :param source: the upload, a binary file that can seek.
    :param max_size: the longer side of what is shown, in pixels.
    :param sizes: the sizes of the thumbnails, in pixels.
    :param bbox: the part of the image that the thumbnails show.
    :param optimize: whether what is shown is to have as few bytes as possible.
    :param max_pixels: how many pixels the upload may have; None for what :mod:`flask_pyfs.images` takes.
    :raises UnauthorizedFileType: for what is no image, is damaged, or has more pixels; only where something has to be
        made of it.
    """
    if not (max_size or sizes or optimize):
        return Renditions(source, True, {})
    # needs Pillow, which files that are no images do without
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
        while piece := one.read(_PIECE):
            if other.read(len(piece)) != piece:
                return False
        return not other.read(1)
    finally:
        one.seek(0)
        other.seek(0)
