"""Thumbnails, smaller images and smaller files, with Pillow (the extra ``images``).

Every function keeps the format: a JPEG gives a JPEG, an animated GIF, WebP, PNG or AVIF stays animated, and transparent
pixels stay transparent. The EXIF orientation is applied, and all metadata except the colour profile is dropped. The
input is read from its first byte and left open; its position is restored afterwards.

Files that are not images, are damaged or have too many pixels raise
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

from .codec import Picture, decode, encode, open_image, oriented
from .limits import frame_count, is_affordable, require_pixels
from .resampling import bbox_before_orientation, bbox_in_draft, centered, eight_bit, resampled

BBox = Sequence[float]

# larger copies of unchanged input are temporary files
_MAX_IN_MEMORY = 16 * 1024 * 1024


def make_thumbnail(file: BinaryIO, size: int, bbox: BBox | None = None, *, max_pixels: int | None = None) -> io.BytesIO:
    """Return a square thumbnail of an image or a part of it.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (800, 600), "teal").save(file, "JPEG")
    >>> with Image.open(make_thumbnail(file, 100)) as whole:
    ...     whole.format, whole.size
    ('JPEG', (100, 100))
    >>> corner = make_thumbnail(file, 100, bbox=(0, 0, 300, 300))

    :param file: the image, a binary file that can seek.
    :param size: the width and height of the thumbnail, in pixels.
    :param bbox: the part, as in :func:`crop_thumbnail`; without it the result is that of :func:`center_thumbnail`.
    :param max_pixels: the number of pixels that the image may have in all its frames. Without it, images that would
        take more than 200 MiB of memory (:data:`flask_pyfs.images.limits.MAX_MEMORY`) are refused.
    :raises UnauthorizedFileType: if the file is not an image, is damaged, or has too many pixels.
    :raises ValueError: if the size is below 1 or the part is invalid.
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
    """Return a square thumbnail that shows the whole image.

    The image is scaled up or down and centred. The rest of the square is transparent, or white if the format has no
    transparency.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (80, 40), "teal").save(file, "PNG")
    >>> with Image.open(center_thumbnail(file, 20)) as thumbnail:
    ...     thumbnail.size, thumbnail.getpixel((10, 10)), thumbnail.getpixel((10, 0))
    ((20, 20), (0, 128, 128, 255), (255, 255, 255, 0))

    :param file: the image, a binary file that can seek; or a Pillow image as in Flask-FS, which returns a Pillow image.
    :param size: the width and height of the thumbnail, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: if the size is below 1.
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

    >>> import io
    >>> from PIL import Image
    >>> image = Image.new("RGB", (80, 40), "teal")
    >>> image.paste("white", (0, 0, 10, 10))
    >>> file = io.BytesIO()
    >>> image.save(file, "PNG")
    >>> with Image.open(crop_thumbnail(file, 20, (0, 0, 10, 10))) as thumbnail:
    ...     thumbnail.size, thumbnail.getpixel((10, 10))
    ((20, 20), (255, 255, 255))

    :param file: the image, a binary file that can seek; or a Pillow image as in Flask-FS, which returns a Pillow image.
    :param size: the width and height of the thumbnail, in pixels.
    :param bbox: the part, as left, top, right and bottom in pixels of the upright image. It is clipped to the image. A
        part that is not square is centred as in :func:`center_thumbnail`.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: if the size is below 1 or the part is invalid.
    """
    _require_size(size)
    is_numbers = len(bbox) == 4 and all(isinstance(side, Real) for side in bbox)
    if not is_numbers or not (bbox[0] < bbox[2] and bbox[1] < bbox[3]):
        raise ValueError(f"bbox must be (left, top, right, bottom) with left < right and top < bottom, not {bbox!r}")
    if isinstance(file, Image.Image):
        return _square(file, size, bbox, 1, file.format or "PNG")
    return _thumbnail(file, size, bbox, max_pixels)


def resize(file: BinaryIO, size: int, *, max_pixels: int | None = None) -> BinaryIO:
    """Return an image scaled down to a maximum width and height, with its proportions kept.

    An image that is small enough and upright is returned unchanged, byte for byte.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (800, 600), "teal").save(file, "PNG")
    >>> with Image.open(resize(file, 400)) as image:
    ...     image.size
    (400, 300)
    >>> resize(file, 1000).read() == file.getvalue()
    True

    :param file: the image, a binary file that can seek.
    :param size: the maximum width and height, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: if the size is below 1.
    """
    _require_size(size)
    picture = _resized(file, size, max_pixels)
    return _copy(file) if picture is None else encode(picture)


def _resized(file: BinaryIO, size: int, max_pixels: int | None) -> Picture | None:
    with open_image(file) as image:
        scale = min(1.0, size / max(image.size))
        fits = scale == 1
        upright = True

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            nonlocal upright
            upright = upright and orientation == 1
            return oriented(frame if fits else _within(frame, size), orientation)

        output_pixels = round(image.width * image.height * scale * scale)
        picture = decode(image, change, output_pixels, max_pixels, scale)
    return None if fits and upright else picture


def optimize(file: BinaryIO, *, max_pixels: int | None = None) -> BinaryIO:
    """Return an image encoded in fewer bytes, if its format allows.

    A JPEG keeps its quality, and lossless images stay lossless. If the result is not smaller, the file is returned
    unchanged, byte for byte. So are files with several pages, with 16 bits for each colour (Pillow decodes 8), and
    files whose encoding would take more than 200 MiB of memory.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (80, 40), "teal").save(file, "PNG", compress_level=0)
    >>> len(optimize(file).read()) < len(file.getvalue())
    True

    :param file: the image, a binary file that can seek.
    :param max_pixels: the number of pixels that the image may have in all its frames; None for any number.
    :raises UnauthorizedFileType: if the file is not an image, is damaged, or has too many pixels.
    """
    picture = _optimized(file, max_pixels)
    optimized = None if picture is None else encode(picture)
    if optimized is not None and optimized.getbuffer().nbytes < _length(file):
        return optimized
    return _copy(file)


def _optimized(file: BinaryIO, max_pixels: int | None) -> Picture | None:
    with open_image(file) as image:
        pixels = image.width * image.height
        pages = getattr(image, "n_frames", 1)
        tiles = getattr(image, "tile", ())
        is_deep = image.format == "PNG" and image.mode[0] != "I" and any("16" in str(tile[3]) for tile in tiles)
        has_pages = image.format != "MPO" and pages != frame_count(image)
        if max_pixels is not None:
            require_pixels(pixels * frame_count(image), max_pixels)
        if is_deep or has_pages or not is_affordable(image, image.size, pixels):
            return None
        options = _jpeg_options(image) if isinstance(image, JpegImageFile) else {}
        picture = decode(image, oriented, pixels, max_pixels)
        picture.options.update(options)
        return picture


def _jpeg_options(image: JpegImageFile) -> dict[str, object]:
    options: dict[str, object] = {"quality": -1, "qtables": image.quantization, "optimize": True}
    sampling = get_sampling(image)
    if sampling >= 0:
        options["subsampling"] = sampling
    return options


def _thumbnail(file: BinaryIO, size: int, bbox: BBox | None, max_pixels: int | None) -> io.BytesIO:
    return encode(_decode_thumbnail(file, size, bbox, max_pixels))


def _decode_thumbnail(file: BinaryIO, size: int, bbox: BBox | None, max_pixels: int | None) -> Picture:
    with open_image(file) as image:
        full_size = image.size
        name = "JPEG" if image.format == "MPO" else image.format or ""
        # a draft must be large enough for the part
        longer_side = max(full_size) if bbox is None else max(1.0, bbox[2] - bbox[0], bbox[3] - bbox[1])

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            part = None
            if bbox is not None:
                # a draft is smaller than the image, and Pillow rotates a TIFF when it loads it
                whole = full_size if isinstance(image, JpegImageFile) else frame.size
                part = bbox_in_draft(bbox_before_orientation(bbox, whole, orientation), whole, frame.size)
            return _square(frame, size, part, orientation, name)

        return decode(image, change, size * size, max_pixels, size / longer_side)


def _square(frame: Image.Image, size: int, part: BBox | None, orientation: int, name: str) -> Image.Image:
    """Return a thumbnail of a frame, or of a part in the coordinates of the frame before it is rotated."""
    left, top, right, bottom = (0.0, 0.0, *map(float, frame.size)) if part is None else part
    left, top = (min(max(low, 0.0), side - 1.0) for low, side in zip((left, top), frame.size, strict=True))
    right = min(max(right, left + 1), frame.width)
    bottom = min(max(bottom, top + 1), frame.height)
    scale = size / max(right - left, bottom - top)
    inner = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    small = eight_bit(resampled(frame, inner, (left, top, right, bottom)))
    return centered(oriented(small, orientation), size, name)


def _within(image: Image.Image, size: int) -> Image.Image:
    # the draft of a JPEG may be small enough already
    scale = min(1.0, size / max(image.size))
    return resampled(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _require_size(size: int) -> None:
    if not isinstance(size, Integral) or size < 1:
        raise ValueError(f"size must be a whole number of pixels, at least 1, not {size!r}")


def _length(file: BinaryIO) -> int:
    position = file.tell()
    try:
        return file.seek(0, io.SEEK_END)
    finally:
        file.seek(position)


def _copy(file: BinaryIO) -> BinaryIO:
    copy: BinaryIO = io.BytesIO()
    if _length(file) > _MAX_IN_MEMORY:
        copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
    position = file.tell()
    try:
        file.seek(0)
        shutil.copyfileobj(file, copy)
    finally:
        file.seek(position)
    copy.seek(0)
    return copy
