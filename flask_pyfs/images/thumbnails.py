"""Thumbnails, smaller images and smaller files, with Pillow (the extra ``images``).

Every function keeps the format: a JPEG gives a JPEG, an animated GIF, WebP, PNG or AVIF stays animated, and transparent
pixels stay transparent. The EXIF orientation is applied, and all metadata is dropped, except what says how colours are
seen: the colour profile, and gAMA, cHRM, sRGB and cICP of a PNG. A file is read from its first byte and left open; its
position is restored afterwards. One that cannot seek is read to its end.

Files that are not images, are damaged, or would take too much memory or time raise
:exc:`~flask_pyfs.errors.UnauthorizedFileType`.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import BinaryIO, cast, overload

from PIL import Image
from werkzeug.datastructures import FileStorage

from ..seekable import rewindable
from .jobs import length, make, temporary_file
from .limits import Limits
from .wanted import BBox, Optimized, Smaller, Thumbnail, Wanted, square

#: A binary file, an upload, or the path of a file on this machine, as Pillow takes them.
ImageFile = BinaryIO | FileStorage | str | bytes | os.PathLike[str]

# larger copies of unchanged input are temporary files
_MAX_IN_MEMORY = 16 * 1024 * 1024


def make_thumbnail(
    file: ImageFile,
    size: int,
    bbox: BBox | None = None,
    *,
    max_pixels: int | None = None,
    max_memory: int | None = None,
) -> io.BytesIO:
    """Return a square thumbnail of an image or a part of it.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (800, 600), "teal").save(file, "JPEG")
    >>> with Image.open(make_thumbnail(file, 100)) as whole:
    ...     whole.format, whole.size
    ('JPEG', (100, 100))
    >>> corner = make_thumbnail(file, 100, bbox=(0, 0, 300, 300))

    :param file: the image: a binary file, an upload, or the path of a file on this machine.
    :param size: the width and height of the thumbnail, in pixels.
    :param bbox: the part, as in :func:`crop_thumbnail`; without it or with an empty one the result is that of
        :func:`center_thumbnail`.
    :param max_pixels: the number of pixels that the image may have in all its frames; None for any number.
    :param max_memory: the memory that making the thumbnail may take, in bytes; None for 256 MiB
        (:data:`flask_pyfs.images.limits.MAX_MEMORY`). With 256 MiB it takes at most ten seconds, with twice as much
        twice the time.
    :raises UnauthorizedFileType: if the file is not an image, is damaged, or exceeds a limit.
    :raises ValueError: if the size is below 1 or the part is invalid.
    :raises OSError: if there is no file at the path, or it cannot be read.
    """
    if not bbox:
        return center_thumbnail(file, size, max_pixels=max_pixels, max_memory=max_memory)
    return crop_thumbnail(file, size, bbox, max_pixels=max_pixels, max_memory=max_memory)


@overload
def center_thumbnail(
    file: Image.Image, size: int, *, max_pixels: int | None = ..., max_memory: int | None = ...
) -> Image.Image: ...


@overload
def center_thumbnail(
    file: ImageFile, size: int, *, max_pixels: int | None = ..., max_memory: int | None = ...
) -> io.BytesIO: ...


def center_thumbnail(
    file: ImageFile | Image.Image, size: int, *, max_pixels: int | None = None, max_memory: int | None = None
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

    :param file: see :func:`make_thumbnail`; or a Pillow image as in Flask-FS, which returns a Pillow image.
    :param size: the width and height of the thumbnail, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :param max_memory: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: if the size is below 1.
    """
    require_size(size)
    if isinstance(file, Image.Image):
        return square(file, size, None, 1, file.format or "PNG")
    return _thumbnail(file, size, None, max_pixels, max_memory)


@overload
def crop_thumbnail(
    file: Image.Image, size: int, bbox: BBox, *, max_pixels: int | None = ..., max_memory: int | None = ...
) -> Image.Image: ...


@overload
def crop_thumbnail(
    file: ImageFile, size: int, bbox: BBox, *, max_pixels: int | None = ..., max_memory: int | None = ...
) -> io.BytesIO: ...


def crop_thumbnail(
    file: ImageFile | Image.Image,
    size: int,
    bbox: BBox,
    *,
    max_pixels: int | None = None,
    max_memory: int | None = None,
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

    :param file: see :func:`make_thumbnail`; or a Pillow image as in Flask-FS, which returns a Pillow image.
    :param size: the width and height of the thumbnail, in pixels.
    :param bbox: the part, as left, top, right and bottom in pixels of the upright image. It is clipped to the image. A
        part that is not square is centred as in :func:`center_thumbnail`.
    :param max_pixels: see :func:`make_thumbnail`.
    :param max_memory: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: if the size is below 1 or the part is invalid.
    """
    require_size(size)
    require_bbox(bbox)
    if isinstance(file, Image.Image):
        return square(file, size, bbox, 1, file.format or "PNG")
    return _thumbnail(file, size, bbox, max_pixels, max_memory)


def resize(file: ImageFile, size: int, *, max_pixels: int | None = None, max_memory: int | None = None) -> BinaryIO:
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

    :param file: see :func:`make_thumbnail`.
    :param size: the maximum width and height, in pixels.
    :param max_pixels: see :func:`make_thumbnail`.
    :param max_memory: see :func:`make_thumbnail`.
    :raises UnauthorizedFileType: see :func:`make_thumbnail`.
    :raises ValueError: if the size is below 1.
    """
    require_size(size)
    return _made(file, Smaller(size), max_pixels, max_memory)


def optimize(file: ImageFile, *, max_pixels: int | None = None, max_memory: int | None = None) -> BinaryIO:
    """Return an image encoded in fewer bytes, if its format allows.

    A JPEG keeps its quality. A PNG, GIF, BMP, TIFF or lossless WebP keeps every pixel of every frame: the result is
    decoded and compared. If it differs or is not smaller, the file is returned unchanged, byte for byte. So are files
    with several pages, with more than Pillow decodes (16 bits for each colour, samples that are no colours, an AVIF of
    other colours than sRGB, lossless JPEG), and files whose encoding would exceed the limits.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (80, 40), "teal").save(file, "PNG", compress_level=0)
    >>> len(optimize(file).read()) < len(file.getvalue())
    True

    :param file: see :func:`make_thumbnail`.
    :param max_pixels: the number of pixels that the image may have in all its frames; None for any number.
    :raises UnauthorizedFileType: if the file is not an image, is damaged, or has too many pixels.
    """
    return _made(file, Optimized(), max_pixels, max_memory)


def _made(file: ImageFile, wanted: Wanted, max_pixels: int | None, max_memory: int | None) -> BinaryIO:
    with _readable(file) as source:
        made = make(source, [wanted], Limits.of(max_pixels, max_memory))[0]
        return _copy(source) if made is None else made


@contextmanager
def _readable(file: ImageFile) -> Iterator[BinaryIO]:
    if isinstance(file, (str, bytes, os.PathLike)):
        with open(file, "rb") as opened:
            yield opened
    else:
        with rewindable(file) as source:
            yield source


def _thumbnail(
    file: ImageFile, size: int, bbox: BBox | None, max_pixels: int | None, max_memory: int | None
) -> io.BytesIO:
    return cast(io.BytesIO, _made(file, Thumbnail(size, bbox), max_pixels, max_memory))


def require_size(size: int) -> None:
    """Raise ValueError unless a size is possible."""
    if not isinstance(size, Integral) or size < 1:
        raise ValueError(f"size must be a whole number of pixels, at least 1, not {size!r}")


def require_bbox(bbox: BBox) -> None:
    """Raise ValueError unless a part of an image is possible."""
    is_numbers = len(bbox) == 4 and all(isinstance(side, Real) for side in bbox)
    if not is_numbers or not (bbox[0] < bbox[2] and bbox[1] < bbox[3]):
        raise ValueError(f"bbox must be (left, top, right, bottom) with left < right and top < bottom, not {bbox!r}")


def _copy(file: BinaryIO) -> BinaryIO:
    copy: BinaryIO = io.BytesIO()
    if length(file) > _MAX_IN_MEMORY:
        copy = temporary_file()
    position = file.tell()
    try:
        file.seek(0)
        shutil.copyfileobj(file, copy)
    finally:
        file.seek(position)
    copy.seek(0)
    return copy
