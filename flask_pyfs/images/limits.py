"""What an image takes, judged by its header: what would take too much is refused before it is decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import UnauthorizedFileType

__all__ = ["MAX_MEMORY", "frame_count", "is_affordable", "require_affordable", "require_pixels"]

#: How much memory an image may take where no number of pixels is given, in bytes.
MAX_MEMORY = 200 * 1024 * 1024

_MIB = 1024 * 1024
_PIECE = 256 * 1024
_SCAN = b"\xff\xda"
# encoders make about ten
_MAX_SCANS = 200
_ANIMATED = ("PNG", "GIF", "WEBP", "AVIF")

# Bytes for each pixel, as measured with Pillow and the libraries in its wheels. Pillow itself has four for each pixel
# of more than one band. A TIFF may be one strip, of which libtiff has a copy; the decoders of WebP and AVIF keep the
# whole canvas, and give copies of it; an animation is composed of the frames before.
_KEPT = 4
_DECODED = {"WEBP": 17, "AVIF": 16, "TIFF": 9, "GIF": 5}
_DECODED_ANIMATED = {"GIF": 18, "PNG": 18, "WEBP": 22, "AVIF": 26}
_ENCODED = {"JPEG": 6, "MPO": 6, "PNG": 1, "GIF": 6, "WEBP": 9, "AVIF": 25, "BMP": 4, "TIFF": 4}
_ENCODED_LOSSLESS_WEBP = 30
_ENCODED_ANIMATED = {"GIF": 4, "PNG": 20, "WEBP": 42, "AVIF": 60}
# and for each frame, which those that compare frames keep
_ENCODED_FRAME = {"GIF": 5, "PNG": 8, "WEBP": 1, "AVIF": 4}


def frame_count(image: Image.Image) -> int:
    """Return how many frames an animation has; 1 for anything else, such as a TIFF of several pages."""
    if image.format not in _ANIMATED or not getattr(image, "is_animated", False):
        return 1
    # the picture that an APNG shows where animations are not known is counted as well
    return int(getattr(image, "n_frames", 1))


def is_affordable(image: Image.Image, size: tuple[int, int], made: int) -> bool:
    """Whether an image takes no more than :data:`MAX_MEMORY`, from its file to another.

    :param image: an open image, not a draft.
    :param size: the width and the height at which it is decoded.
    :param made: how many pixels each frame will have afterwards.
    """
    return _needed(image, image.size, size, made) <= MAX_MEMORY


def require_affordable(image: Image.Image, full: tuple[int, int], made: int, max_pixels: int | None) -> None:
    """Refuse an image that has too many pixels, or without a number of them takes too much memory.

    :param image: an open image, which may be a draft.
    :param full: the width and the height that it has, draft or not.
    :param made: how many pixels each frame will have afterwards.
    :param max_pixels: how many pixels all frames may have; thumbnails of all frames may have as many, or fill
        :data:`MAX_MEMORY`.
    :raises UnauthorizedFileType: where it is so, and for a JPEG with more scans than any encoder makes.
    """
    count = frame_count(image)
    if max_pixels is None:
        allowed, needed = MAX_MEMORY, _needed(image, full, image.size, made)
    else:
        require_pixels(full[0] * full[1] * count, max_pixels)
        # an animation of few pixels may have thousands of frames, which are made larger
        allowed, needed = max(MAX_MEMORY, max_pixels * _KEPT), made * count * _KEPT
    if needed > allowed:
        raise UnauthorizedFileType(
            f"this image of {full[0]} by {full[1]} pixels and {count} frames would take {needed // _MIB} MiB, more "
            f"than {allowed // _MIB}; FS_IMAGES_MAX_PIXELS may allow it"
        )
    if _has_many_scans(image):
        _require_few_scans(image)


def require_pixels(pixels: int, max_pixels: int) -> None:
    """Refuse more pixels than an app takes.

    :raises UnauthorizedFileType: where it is so.
    """
    if pixels > max_pixels:
        raise UnauthorizedFileType(
            f"this image has {pixels} pixels in all its frames, more than the {max_pixels} of FS_IMAGES_MAX_PIXELS"
        )


def _needed(image: Image.Image, full: tuple[int, int], size: tuple[int, int], made: int) -> int:
    name, count = image.format or "", frame_count(image)
    if count > 1:
        decoded = _DECODED_ANIMATED[name]
        encoded = _ENCODED_ANIMATED[name] + count * _ENCODED_FRAME[name]
    else:
        decoded = _DECODED.get(name, 1 if image.mode in ("1", "L", "P") else 4)
        encoded = _ENCODED_LOSSLESS_WEBP if image.info.get("lossless") else _ENCODED[name]
    before = size[0] * size[1] * decoded
    if _has_many_scans(image):
        before += _coefficients(image, full)
    # one more while a frame is turned
    return max(before + made * (count + 1) * _KEPT, made * (count * _KEPT + encoded))


def _coefficients(image: JpegImageFile, full: tuple[int, int]) -> int:
    # libjpeg keeps two bytes for each sample of the whole image, a draft or not
    across = [layer[1] for layer in image.layer]
    down = [layer[2] for layer in image.layer]
    samples = sum(one * other for one, other in zip(across, down, strict=True)) / (max(across) * max(down))
    return int(2 * full[0] * full[1] * samples)


def _has_many_scans(image: Image.Image) -> TypeGuard[JpegImageFile]:
    """Whether libjpeg has to read all of the file before the first line: it is progressive, or has bands one by one."""
    if not isinstance(image, JpegImageFile):
        return False
    if "progressive" in image.info:
        return True
    with _at(image, 2) as file:
        # ITU-T T.81, B.1.1.4 and B.2.3: segments with their lengths, and how many components the first scan has
        while (marker := file.read(2)) and marker[:1] == b"\xff":
            if marker == b"\xff\xff":
                file.seek(-1, io.SEEK_CUR)
                continue
            length = int.from_bytes(file.read(2), "big")
            if marker == _SCAN:
                return bool(file.read(1)[0] < image.layers)
            file.seek(max(length - 2, 0), io.SEEK_CUR)
    return True


def _require_few_scans(image: JpegImageFile) -> None:
    # each goes over the whole image, and may have few bytes
    scans, last = 0, b""
    with _at(image, 0) as file:
        while piece := file.read(_PIECE):
            scans += (last + piece).count(_SCAN)
            last = piece[-1:]
    if scans > _MAX_SCANS:
        raise UnauthorizedFileType(f"this image has {scans} scans, more than any encoder makes")


@contextmanager
def _at(image: JpegImageFile, place: int) -> Iterator[Any]:
    file: Any = image.fp
    position = file.tell()
    file.seek(place)
    yield file
    file.seek(position)
