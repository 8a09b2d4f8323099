"""Limits for images: the memory that one needs is estimated from its header, before it is decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import UnauthorizedFileType

#: The memory that an image may take if no number of pixels is given, in bytes.
MAX_MEMORY = 200 * 1024 * 1024

_MIB = 1024 * 1024
_READ_SIZE = 256 * 1024
_SCAN_MARKER = b"\xff\xda"
# encoders write about ten
_MAX_SCANS = 200
_ANIMATED = ("PNG", "GIF", "WEBP", "AVIF")

# Bytes for each pixel, as measured with Pillow and the libraries in its wheels. Pillow itself takes four for each pixel
# of more than one band. A TIFF may be a single strip, which libtiff copies. The decoders of WebP and AVIF keep the
# whole canvas and return copies of it. Each frame of an animation is composed from the frames before it.
_KEPT = 4
_DECODED = {"WEBP": 17, "AVIF": 16, "TIFF": 9, "GIF": 5}
_DECODED_ANIMATED = {"GIF": 18, "PNG": 18, "WEBP": 22, "AVIF": 26}
_ENCODED = {"JPEG": 6, "MPO": 6, "PNG": 1, "GIF": 6, "WEBP": 9, "AVIF": 25, "BMP": 4, "TIFF": 4}
_ENCODED_LOSSLESS_WEBP = 30
_ENCODED_ANIMATED = {"GIF": 4, "PNG": 20, "WEBP": 42, "AVIF": 60}
# for each frame: encoders that compare frames keep them
_ENCODED_FRAME = {"GIF": 5, "PNG": 8, "WEBP": 1, "AVIF": 4}


def frame_count(image: Image.Image) -> int:
    """Return the number of frames of an animation; 1 for anything else, such as a TIFF with several pages."""
    if image.format not in _ANIMATED or not getattr(image, "is_animated", False):
        return 1
    # this includes the default image of an APNG, which viewers without animations show
    return int(getattr(image, "n_frames", 1))


def is_affordable(image: Image.Image, size: tuple[int, int], output_pixels: int) -> bool:
    """Return whether decoding, changing and encoding an image takes at most :data:`MAX_MEMORY`.

    :param image: an open image, not a draft.
    :param size: the width and height at which it is decoded, in pixels.
    :param output_pixels: the number of pixels of each frame of the output.
    """
    return _memory_needed(image, image.size, size, output_pixels) <= MAX_MEMORY


def require_affordable(
    image: Image.Image, full_size: tuple[int, int], output_pixels: int, max_pixels: int | None
) -> None:
    """Refuse an image that has too many pixels or, if no maximum is given, takes too much memory.

    :param image: an open image, which may be a draft.
    :param full_size: the width and height of the image itself, not of the draft, in pixels.
    :param output_pixels: the number of pixels of each frame of the output.
    :param max_pixels: the number of pixels that all frames together may have. The frames of the output may have as
        many, or take :data:`MAX_MEMORY` if that is more.
    :raises UnauthorizedFileType: if the image exceeds a limit, or is a JPEG with more scans than any encoder writes.
    """
    count = frame_count(image)
    if max_pixels is None:
        allowed, needed = MAX_MEMORY, _memory_needed(image, full_size, image.size, output_pixels)
    else:
        require_pixels(full_size[0] * full_size[1] * count, max_pixels)
        # a small animation may have thousands of frames, all of which are enlarged
        allowed, needed = max(MAX_MEMORY, max_pixels * _KEPT), output_pixels * count * _KEPT
    if needed > allowed:
        raise UnauthorizedFileType(
            f"the image of {full_size[0]} by {full_size[1]} pixels and {count} frames would take {needed // _MIB} MiB "
            f"of memory, more than {allowed // _MIB} MiB; set FS_IMAGES_MAX_PIXELS to allow more"
        )
    if _has_many_scans(image):
        _require_few_scans(image)


def require_pixels(pixels: int, max_pixels: int) -> None:
    """Refuse an image with more pixels than allowed.

    :raises UnauthorizedFileType: if ``pixels`` exceeds ``max_pixels``.
    """
    if pixels > max_pixels:
        raise UnauthorizedFileType(
            f"the image has {pixels} pixels in all its frames, but FS_IMAGES_MAX_PIXELS is {max_pixels}"
        )


def _memory_needed(image: Image.Image, full_size: tuple[int, int], size: tuple[int, int], output_pixels: int) -> int:
    name, count = image.format or "", frame_count(image)
    if count > 1:
        decoded = _DECODED_ANIMATED[name]
        encoded = _ENCODED_ANIMATED[name] + count * _ENCODED_FRAME[name]
    else:
        decoded = _DECODED.get(name, 1 if image.mode in ("1", "L", "P") else 4)
        encoded = _ENCODED_LOSSLESS_WEBP if image.info.get("lossless") else _ENCODED[name]
    to_decode = size[0] * size[1] * decoded
    if _has_many_scans(image):
        to_decode += _coefficient_bytes(image, full_size)
    # rotating a frame needs a copy of it
    return max(to_decode + output_pixels * (count + 1) * _KEPT, output_pixels * (count * _KEPT + encoded))


def _coefficient_bytes(image: JpegImageFile, full_size: tuple[int, int]) -> int:
    # libjpeg keeps two bytes for each sample of the full image, even for a draft
    across = [layer[1] for layer in image.layer]
    down = [layer[2] for layer in image.layer]
    samples = sum(one * other for one, other in zip(across, down, strict=True)) / (max(across) * max(down))
    return int(2 * full_size[0] * full_size[1] * samples)


def _has_many_scans(image: Image.Image) -> TypeGuard[JpegImageFile]:
    """Return whether libjpeg reads the whole file before it decodes a line: it is progressive, or not interleaved."""
    if not isinstance(image, JpegImageFile):
        return False
    if "progressive" in image.info:
        return True
    with _seeked(image, 2) as file:
        # ITU-T T.81, B.1.1.4 and B.2.3: segments with their lengths, and the number of components of the first scan
        while (marker := file.read(2)) and marker[:1] == b"\xff":
            if marker == b"\xff\xff":
                file.seek(-1, io.SEEK_CUR)
                continue
            length = int.from_bytes(file.read(2), "big")
            if marker == _SCAN_MARKER:
                return bool(file.read(1)[0] < image.layers)
            file.seek(max(length - 2, 0), io.SEEK_CUR)
    return True


def _require_few_scans(image: JpegImageFile) -> None:
    # each scan costs a pass over the whole image, however few bytes it has
    scans, last = 0, b""
    with _seeked(image, 0) as file:
        while piece := file.read(_READ_SIZE):
            scans += (last + piece).count(_SCAN_MARKER)
            last = piece[-1:]
    if scans > _MAX_SCANS:
        raise UnauthorizedFileType(f"the JPEG has {scans} scans, more than the {_MAX_SCANS} that are allowed")


@contextmanager
def _seeked(image: JpegImageFile, offset: int) -> Iterator[Any]:
    file: Any = image.fp
    position = file.tell()
    file.seek(offset)
    yield file
    file.seek(position)
