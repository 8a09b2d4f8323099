"""Renders the displayed image and the thumbnails of an uploaded image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from ..seekable import FileView


@dataclass(frozen=True)
class Renditions:
    """The files that are stored for an image.

    :param main: the displayed image.
    :param is_source: whether the displayed image is the upload, byte for byte.
    :param thumbnails: the thumbnails by their sizes, in pixels.
    :param ext: the extension of what was made, with its dot; None for that of the upload.
    """

    main: BinaryIO
    is_source: bool
    thumbnails: dict[int, BinaryIO]
    ext: str | None = None


def render(
    source: BinaryIO,
    *,
    max_size: int | None = None,
    sizes: Sequence[int] = (),
    bbox: Sequence[float] | None = None,
    optimize: bool = False,
    max_pixels: int | None = None,
    max_memory: int | None = None,
) -> Renditions:
    """Render the files that are stored for an image, without storing them. The image is decoded once if it can.

    :param source: the upload, a binary file that can seek.
    :param max_size: the maximum width and height of the displayed image, in pixels; None for any size.
    :param sizes: the sizes of the thumbnails, in pixels.
    :param bbox: the part of the image that the thumbnails show; None for the whole image.
    :param optimize: whether the displayed image is optimized, if it is not scaled down.
    :param max_pixels: the number of pixels that the upload may have; None for any number.
    :param max_memory: the memory that all files together may take, in bytes, and with it the time; None for the default
        of :mod:`flask_pyfs.images`.
    :raises UnauthorizedFileType: if there is something to render and the upload is not an image, is damaged, or exceeds
        a limit.
    :raises ConfigurationError: if there is something to render of a HEIC, and pillow-heif is not installed.
    """
    if not (max_size or sizes or optimize):
        return Renditions(source, True, {})
    # needs Pillow, which may be missing if nothing is rendered
    from ..images.jobs import make
    from ..images.limits import Limits
    from ..images.opening import format_of
    from ..images.thumbnails import require_bbox, require_size
    from ..images.wanted import Displayed, Thumbnail, Wanted

    for size in (*sizes, *([max_size] if max_size else [])):
        require_size(size)
    if bbox is not None:
        require_bbox(bbox)
    wanted: list[Wanted] = [Thumbnail(size, bbox) for size in sizes]
    *thumbnails, main = make(source, [*wanted, Displayed(max_size, optimize)], Limits.of(max_pixels, max_memory))
    made = {size: cast(BinaryIO, thumbnail) for size, thumbnail in zip(sizes, thumbnails, strict=True)}
    # no browser but Safari shows HEIC
    ext = ".jpg" if format_of(FileView(source)) == "HEIF" else None
    return Renditions(source if main is None else main, main is None, made, ext)
