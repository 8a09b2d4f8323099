"""Thumbnails, smaller images and smaller files, with Pillow (the extra ``images``).

Every function keeps the format of the file: what is made of a JPEG is a JPEG, what is made of an animated GIF, WebP,
PNG or AVIF is animated, and what is transparent stays so. The EXIF orientation is applied and all metadata dropped but
the colour profile. The file that is given is read from its first byte, left open, and stands afterwards where it stood.

A file that is no image, is damaged, or has too many pixels raises
:exc:`~flask_pyfs.errors.UnauthorizedFileType`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO, overload

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from .pictures import MAX_PIXELS, frame_count, opened, oriented, pixel_count, read, require_pixels, written
from .resampling import bbox_in_draft, bbox_of_stored, centered, eight_bit, resampled, workable

__all__ = ["MAX_PIXELS", "center_thumbnail", "crop_thumbnail", "make_thumbnail", "optimize", "resize"]

# optimize leaves what would be in the memory twice, such as all frames, as it is from so many pixels on
_MAX_HELD = 25_000_000

BBox = Sequence[float]


def make_thumbnail(
    file: BinaryIO, size: int, bbox: BBox | None = None, *, max_pixels: int | None = MAX_PIXELS
) -> io.BytesIO:
    """Return a square thumbnail of an image: of a part of it, or of all.

    :param file: the image, a binary file that can seek.
    :param size: the width and the height, in pixels.
    :param bbox: the part, see :func:`crop_thumbnail`; without it, see :func:`center_thumbnail`.
    :param max_pixels: how many pixels the image may have, in all its frames; None for as many as Pillow takes.
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
    file: BinaryIO | Image.Image, size: int, *, max_pixels: int | None = MAX_PIXELS
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
    file: BinaryIO | Image.Image, size: int, bbox: BBox, *, max_pixels: int | None = MAX_PIXELS
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
    if len(bbox) != 4 or not (bbox[0] < bbox[2] and bbox[1] < bbox[3]):
        raise ValueError(f"a part of an image is (left, top, right, bottom), not {bbox!r}")
    if isinstance(file, Image.Image):
        return _square(file, size, bbox, 1, file.format or "PNG")
    return _thumbnail(file, size, bbox, max_pixels)


def resize(file: BinaryIO, size: int, *, max_pixels: int | None = MAX_PIXELS) -> io.BytesIO:
    """Return an image that is at most so wide and so high, in its proportions. It is never made larger.

    An image that is small enough and stands upright is returned as it is, byte for byte.

    :param file: the image, a binary file that can seek.
    :param size: the longer side, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: for a size below 1.
    """
    _require_size(size)
    with opened(file) as image:
        fits = max(image.size) <= size
        upright = True

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            nonlocal upright
            upright = upright and orientation == 1
            if fits and orientation == 1:
                return frame
            return oriented(_within(workable(frame), size), orientation)

        picture = read(image, change, max_pixels, 2 * size / max(image.size))
        if not (fits and upright):
            return written(picture)
    return _whole(file)


def optimize(file: BinaryIO, *, max_pixels: int | None = MAX_PIXELS) -> io.BytesIO:
    """Return an image in as few bytes as its format needs, and never in more than it has.

    A JPEG keeps its quality, and what has no loss gets none. Where nothing is won the file is returned as it is, byte
    for byte; so is one of several pages, one of 16 bits for each colour (Pillow knows 8), and one of more
    than 25 million pixels that is animated, progressive, or has to be turned.

    :param file: the image, a binary file that can seek.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    """
    optimized = None
    with opened(file) as image:
        count, pixels = frame_count(image), pixel_count(image)
        require_pixels(pixels, max_pixels)
        pages = getattr(image, "n_frames", 1)
        tiles = getattr(image, "tile", ())
        deep = image.format == "PNG" and image.mode[0] != "I" and any("16" in str(tile[3]) for tile in tiles)
        is_heavy = (count > 1 or "progressive" in image.info) and pixels > _MAX_HELD
        if not deep and not is_heavy and (image.format == "MPO" or pages == count):
            options = _jpeg_options(image) if isinstance(image, JpegImageFile) else {}
            held = True

            def change(frame: Image.Image, orientation: int) -> Image.Image:
                nonlocal held
                if orientation == 1:
                    return frame
                held = held and pixels <= _MAX_HELD
                return oriented(frame, orientation) if held else frame

            picture = read(image, change, max_pixels)
            if held:
                optimized = written(picture, **options)
    if optimized is not None and optimized.getbuffer().nbytes < _length(file):
        return optimized
    return _whole(file)


def _jpeg_options(image: JpegImageFile) -> dict[str, object]:
    options: dict[str, object] = {"quality": -1, "qtables": image.quantization, "optimize": True}
    sampling = get_sampling(image)
    if sampling >= 0:
        options["subsampling"] = sampling
    return options


def _thumbnail(file: BinaryIO, size: int, bbox: BBox | None, max_pixels: int | None) -> io.BytesIO:
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

        return written(read(image, change, max_pixels, 2 * size / part_of))


def _square(frame: Image.Image, size: int, part: BBox | None, orientation: int, name: str) -> Image.Image:
    """Make a thumbnail of a frame, of a part in the coordinates of the stored frame."""
    image = workable(frame)
    left, top, right, bottom = (0.0, 0.0, *map(float, image.size)) if part is None else part
    left, top = (min(max(low, 0.0), side - 1.0) for low, side in zip((left, top), image.size, strict=True))
    right = min(max(right, left + 1), image.width)
    bottom = min(max(bottom, top + 1), image.height)
    scale = size / max(right - left, bottom - top)
    inner = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    small = eight_bit(resampled(image, inner, (left, top, right, bottom)))
    return centered(oriented(small, orientation), size, name)


def _within(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    if scale >= 1:
        return image
    return resampled(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _require_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"an image is at least 1 pixel wide, not {size}")


def _length(file: BinaryIO) -> int:
    position = file.tell()
    try:
        return file.seek(0, io.SEEK_END)
    finally:
        file.seek(position)


def _whole(file: BinaryIO) -> io.BytesIO:
    position = file.tell()
    try:
        file.seek(0)
        return io.BytesIO(file.read())
    finally:
        file.seek(position)
