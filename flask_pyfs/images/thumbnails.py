"""Thumbnails, smaller images and smaller files, with Pillow (the extra ``images``).

Every function keeps the format of the file: what is made of a JPEG is a JPEG, what is made of an animated GIF, WebP,
PNG or AVIF is animated, and what is transparent stays so. The EXIF orientation is applied and all metadata dropped but
the colour profile. The file that is given is read from its first byte, left open, and stands afterwards where it stood.

A file that is no image, is damaged, or has too many pixels raises
:exc:`~flask_pyfs.errors.UnauthorizedFileType`.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Sequence
from numbers import Integral, Real
from typing import BinaryIO, cast, overload

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from .codec import Picture, opened, oriented, read, written
from .limits import frame_count, is_affordable, require_pixels
from .resampling import bbox_in_draft, bbox_of_stored, centered, eight_bit, resampled

__all__ = ["center_thumbnail", "crop_thumbnail", "make_thumbnail", "optimize", "resize"]

BBox = Sequence[float]

# what is returned as it is may be of any size: above so many bytes it is a temporary file
_IN_MEMORY = 16 * 1024 * 1024


def make_thumbnail(file: BinaryIO, size: int, bbox: BBox | None = None, *, max_pixels: int | None = None) -> io.BytesIO:
    """Return a square thumbnail of an image: of a part of it, or of all.

    :param file: the image, a binary file that can seek.
    :param size: the width and the height, in pixels.
    :param bbox: the part, see :func:`crop_thumbnail`; without it, see :func:`center_thumbnail`.
    :param max_pixels: how many pixels the image may have, in all its frames. Without it, what would take more than
        200 MiB (:data:`flask_pyfs.images.limits.MAX_MEMORY`) is refused; with it, only that is.
    :raises UnauthorizedFileType: for what is no image, is damaged, or has more pixels.
    :raises ValueError: for a size below 1, or a part that is not one.
    """
    if bbox is None:
        return center_thumbnail(file, size, max_pixels=max_pixels)
    return crop_thumbnail(file, size, bbox, max_pixels=max_pixels)


@overload
def center_thumbnail(file: Image.Image, size: int, *, max_pixels: int | None = ...) -> Image.Image: ...


@overload
def center_thumbnail(file: BinaryIO, size: int, *, max_pixels: int | None = ...) -> io.BytesIO: ...


def center_thumbnail(
    file: BinaryIO | Image.Image, size: int, *, max_pixels: int | None = None
) -> io.BytesIO | Image.Image:
    """Return a square thumbnail that shows all of an image.

    The image is scaled, up or down, and stands in the middle. What is left of the square is transparent; white, where
    the format has no transparency.

    :param file: the image, a binary file; or an image of Pillow, as Flask-FS took, for which one is returned.
    :param size: the width and the height, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: for a size below 1.
    """
    _require_size(size)
    if isinstance(file, Image.Image):
        return _square(file, size, None, 1, file.format or "PNG")
    return _thumbnail(file, size, None, max_pixels)


@overload
def crop_thumbnail(file: Image.Image, size: int, bbox: BBox, *, max_pixels: int | None = ...) -> Image.Image: ...


@overload
def crop_thumbnail(file: BinaryIO, size: int, bbox: BBox, *, max_pixels: int | None = ...) -> io.BytesIO: ...


def crop_thumbnail(
    file: BinaryIO | Image.Image, size: int, bbox: BBox, *, max_pixels: int | None = None
) -> io.BytesIO | Image.Image:
    """Return a square thumbnail of a part of an image.

    :param file: the image, a binary file; or an image of Pillow, as Flask-FS took, for which one is returned.
    :param size: the width and the height, in pixels.
    :param bbox: the part: left, top, right and bottom, in pixels of the image as it is seen, with its orientation
        applied. What lies outside the image is cut off. A part that is not square stands in the middle, as with
        :func:`center_thumbnail`.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: for a size below 1, or a part that is not one.
    """
    _require_size(size)
    is_numbers = len(bbox) == 4 and all(isinstance(side, Real) for side in bbox)
    if not is_numbers or not (bbox[0] < bbox[2] and bbox[1] < bbox[3]):
        raise ValueError(f"a part of an image is (left, top, right, bottom), not {bbox!r}")
    if isinstance(file, Image.Image):
        return _square(file, size, bbox, 1, file.format or "PNG")
    return _thumbnail(file, size, bbox, max_pixels)


def resize(file: BinaryIO, size: int, *, max_pixels: int | None = None) -> BinaryIO:
    """Return an image that is at most so wide and so high, in its proportions. It is never made larger.

    An image that is small enough and stands upright is returned as it is, byte for byte.

    :param file: the image, a binary file that can seek.
    :param size: the longer side, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: for a size below 1.
    """
    _require_size(size)
    picture = _resized(file, size, max_pixels)
    return _whole(file) if picture is None else written(picture)


def _resized(file: BinaryIO, size: int, max_pixels: int | None) -> Picture | None:
    with opened(file) as image:
        scale = min(1.0, size / max(image.size))
        fits = scale == 1
        upright = True

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            nonlocal upright
            upright = upright and orientation == 1
            return oriented(frame if fits else _within(frame, size), orientation)

        made = round(image.width * image.height * scale * scale)
        picture = read(image, change, made, max_pixels, scale)
    return None if fits and upright else picture


def optimize(file: BinaryIO, *, max_pixels: int | None = None) -> BinaryIO:
    """Return an image in as few bytes as its format needs, and never in more than it has.

    A JPEG keeps its quality, and what has no loss gets none. Where nothing is won the file is returned as it is, byte
    for byte; so is one of several pages, one of 16 bits for each colour (Pillow knows 8), and one that would take more
    than 200 MiB to be made again.

    :param file: the image, a binary file that can seek.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    """
    picture = _optimized(file, max_pixels)
    optimized = None if picture is None else written(picture)
    if optimized is not None and optimized.getbuffer().nbytes < _length(file):
        return optimized
    return _whole(file)


def _optimized(file: BinaryIO, max_pixels: int | None) -> Picture | None:
    with opened(file) as image:
        made = image.width * image.height
        pages = getattr(image, "n_frames", 1)
        tiles = getattr(image, "tile", ())
        deep = image.format == "PNG" and image.mode[0] != "I" and any("16" in str(tile[3]) for tile in tiles)
        paged = image.format != "MPO" and pages != frame_count(image)
        if max_pixels is not None:
            require_pixels(made * frame_count(image), max_pixels)
        if deep or paged or not is_affordable(image, image.size, made):
            return None
        options = _jpeg_options(image) if isinstance(image, JpegImageFile) else {}
        picture = read(image, oriented, made, max_pixels)
        picture.options.update(options)
        return picture


def _jpeg_options(image: JpegImageFile) -> dict[str, object]:
    options: dict[str, object] = {"quality": -1, "qtables": image.quantization, "optimize": True}
    sampling = get_sampling(image)
    if sampling >= 0:
        options["subsampling"] = sampling
    return options


def _thumbnail(file: BinaryIO, size: int, bbox: BBox | None, max_pixels: int | None) -> io.BytesIO:
    return written(_thumbnails(file, size, bbox, max_pixels))


def _thumbnails(file: BinaryIO, size: int, bbox: BBox | None, max_pixels: int | None) -> Picture:
    with opened(file) as image:
        full = image.size
        name = "JPEG" if image.format == "MPO" else image.format or ""
        # the part has to be large enough, not the whole
        part_of = max(full) if bbox is None else max(1.0, bbox[2] - bbox[0], bbox[3] - bbox[1])

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            part = None
            if bbox is not None:
                # only a draft has another size than the image; Pillow turns a TIFF as it is loaded
                whole = full if isinstance(image, JpegImageFile) else frame.size
                part = bbox_in_draft(bbox_of_stored(bbox, whole, orientation), whole, frame.size)
            return _square(frame, size, part, orientation, name)

        return read(image, change, size * size, max_pixels, size / part_of)


def _square(frame: Image.Image, size: int, part: BBox | None, orientation: int, name: str) -> Image.Image:
    """Make a thumbnail of a frame, of a part in the coordinates of the stored frame."""
    left, top, right, bottom = (0.0, 0.0, *map(float, frame.size)) if part is None else part
    left, top = (min(max(low, 0.0), side - 1.0) for low, side in zip((left, top), frame.size, strict=True))
    right = min(max(right, left + 1), frame.width)
    bottom = min(max(bottom, top + 1), frame.height)
    scale = size / max(right - left, bottom - top)
    inner = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    small = eight_bit(resampled(frame, inner, (left, top, right, bottom)))
    return centered(oriented(small, orientation), size, name)


def _within(image: Image.Image, size: int) -> Image.Image:
    # of a JPEG, a draft may be small enough by itself
    scale = min(1.0, size / max(image.size))
    return resampled(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _require_size(size: int) -> None:
    if not isinstance(size, Integral) or size < 1:
        raise ValueError(f"an image is at least 1 pixel wide, in whole pixels, not {size!r}")


def _length(file: BinaryIO) -> int:
    position = file.tell()
    try:
        return file.seek(0, io.SEEK_END)
    finally:
        file.seek(position)


def _whole(file: BinaryIO) -> BinaryIO:
    copy: BinaryIO = io.BytesIO()
    if _length(file) > _IN_MEMORY:
        copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    position = file.tell()
    try:
        file.seek(0)
        shutil.copyfileobj(file, copy)
    finally:
        file.seek(position)
    copy.seek(0)
    return copy
