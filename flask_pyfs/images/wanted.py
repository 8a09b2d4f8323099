"""The files that can be made of an image: what each does with a frame, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from .codec import Job, is_lossless_jpeg, is_shared, orientation_of, oriented
from .costs import Output
from .opening import Opened
from .resampling import bbox_before_orientation, centered, eight_bit, in_draft, resampled, within

BBox = Sequence[float]

#: A job that only decodes the image, to see whether it is damaged.
CHECK = Job(None, Output(0, is_resampled=False), scale=0)

#: The most pixels, in all frames, of a PNG that is compressed as well as possible. The best level takes at most six
#: microseconds for each (pixels that are only black or white), which is 3 seconds; the default takes one at most.
BEST_PNG_PIXELS = 500_000

# WebP has both kinds
_LOSSLESS = ("PNG", "GIF", "BMP", "TIFF")
# TIFF 6.0
_BITS_PER_SAMPLE = 258
_SAMPLES_PER_PIXEL = 277
_EXTRA_SAMPLES = 338
_ASSOCIATED_ALPHA = 1
# EXIF orientations from this on swap width and height, and Pillow's number for 4:2:2
_FIRST_THAT_SWAPS = 5
_HALF_WIDTH = 1

# larger files are temporary files
_MAX_IN_MEMORY = 16 * 1024 * 1024


class Wanted(Protocol):
    """A file that is wanted of an image."""

    @property
    def is_optional(self) -> bool:
        """Whether the image itself will do, if the file costs too much or has more bytes."""

    def job(self, opened: Opened) -> Job:
        """Return what to do with each frame; :data:`CHECK` if the image itself is the file."""


class Thumbnail:
    """A square that shows an image, or a part of it."""

    is_optional = False

    def __init__(self, size: int, bbox: BBox | None) -> None:
        self._size = size
        self._bbox = bbox

    def job(self, opened: Opened) -> Job:
        size, bbox, full_size = self._size, self._bbox, opened.image.size
        # not opened itself, which would keep the decoded image
        name, made = opened.format, opened.made
        # a draft must be large enough for the part
        longer_side = max(full_size) if bbox is None else max(1.0, bbox[2] - bbox[0], bbox[3] - bbox[1])

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            # Pillow rotates a TIFF when it loads it
            whole = full_size if name == "JPEG" else frame.size
            part = None if bbox is None else bbox_before_orientation(bbox, whole, orientation)
            return square(frame, size, part, orientation, made, whole)

        return Job(change, Output(size * size, turns=True), size / longer_side)


class Smaller:
    """An image scaled down to a maximum width and height, and upright."""

    is_optional = False

    def __init__(self, size: int) -> None:
        self._size = size

    def job(self, opened: Opened) -> Job:
        size, image, name, full_size = self._size, opened.image, opened.format, opened.image.size

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            whole = full_size if name == "JPEG" else frame.size
            return oriented(resampled(frame, within(whole, size), in_draft((0, 0, *whole), whole, frame)), orientation)

        if max(full_size) > size:
            width, height = within(full_size, size)
            return Job(change, _output(opened, width * height), size / max(full_size))
        if orientation_of(image) != 1 or opened.made != opened.format:
            return Job(oriented, _output(opened, image.width * image.height, is_resampled=False))
        return CHECK


class Optimized:
    """An image in fewer bytes, and upright."""

    is_optional = True

    def job(self, opened: Opened) -> Job:
        image = opened.image
        if opened.header.pages > 1 or opened.made != opened.format or _has_more(opened):
            return CHECK
        options: dict[str, object] = {}
        if isinstance(image, JpegImageFile):
            if is_lossless_jpeg(image):
                return CHECK
            options = _jpeg_options(image)
        elif opened.format == "PNG" and opened.header.pixels * opened.header.frames <= BEST_PNG_PIXELS:
            options = {"optimize": True}
        elif image.info.get("compression") == "raw":
            options = {"compression": "tiff_adobe_deflate"}
        output = _output(opened, image.width * image.height, is_resampled=False)
        is_lossless = opened.format in _LOSSLESS or bool(image.info.get("lossless"))
        return Job(oriented, replace(output, is_compared=is_lossless), options=options)


class Displayed:
    """The image that a page shows: scaled down if it is too large, optimized otherwise if that is wanted."""

    def __init__(self, max_size: int | None, optimize: bool) -> None:
        self._max_size = max_size
        self._optimize = optimize
        self._is_optimized = False

    @property
    def is_optional(self) -> bool:
        return self._is_optimized

    def job(self, opened: Opened) -> Job:
        fits = not self._max_size or max(opened.image.size) <= self._max_size
        is_converted = bool(self._max_size) and opened.made != opened.format
        if fits and self._optimize and not is_converted:
            self._is_optimized = True
            return Optimized().job(opened)
        return Smaller(self._max_size).job(opened) if self._max_size else CHECK


def _output(opened: Opened, pixels: int, is_resampled: bool = True) -> Output:
    turns = opened.header.is_late or orientation_of(opened.image) != 1
    in_memory = pixels * opened.header.frames * 4 <= _MAX_IN_MEMORY
    return Output(pixels, is_resampled, not is_resampled and not turns and is_shared(opened), turns, in_memory)


def _has_more(opened: Opened) -> bool:
    """Return whether an image has more than Pillow decodes: bits, samples, colours, or what is behind it."""
    image, header = opened.image, opened.header
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    depth = header.depth if opened.format == "PNG" else max(tags.get(_BITS_PER_SAMPLE, (8,)))
    return (
        (depth > 8 and image.mode[0] not in "IF")
        or tags.get(_SAMPLES_PER_PIXEL, 1) > len(image.getbands())
        # Pillow divides the colours by it, and rounds them
        or _ASSOCIATED_ALPHA in tags.get(_EXTRA_SAMPLES, ())
        or (opened.format == "AVIF" and (header.variant == "deep" or b"nclx" in header.colours))
        # Pillow fills with a colour what a GIF clears
        or header.variant == "cleared"
    )


def _jpeg_options(image: JpegImageFile) -> dict[str, object]:
    options: dict[str, object] = {"quality": -1, "qtables": image.quantization, "optimize": True}
    sampling = get_sampling(image)
    is_turned = orientation_of(image) >= _FIRST_THAT_SWAPS
    if sampling >= 0:
        options["subsampling"] = 0 if sampling == _HALF_WIDTH and is_turned else sampling
    elif image.mode == "RGB":
        # one that Pillow has no name for, such as 4:4:0, which halves the height alone
        options["subsampling"] = 0
    if image.mode == "RGB" and _has_no_chroma(image):
        options["keep_rgb"] = True
    return options


def _has_no_chroma(image: JpegImageFile) -> bool:
    """Return whether a JPEG has red, green and blue instead of brightness and chroma, as libjpeg tells them."""
    transform = image.info.get("adobe_transform")
    return transform == 0 if transform is not None else [layer[0] for layer in image.layer] == [*b"RGB"]


def square(
    frame: Image.Image,
    size: int,
    part: BBox | None,
    orientation: int,
    name: str,
    full_size: tuple[int, int] | None = None,
) -> Image.Image:
    """Return a thumbnail of a frame, or of a part in the coordinates of the frame before it is rotated.

    :param full_size: the width and height of the image, if the frame is a draft.
    """
    whole = full_size or frame.size
    left, top, right, bottom = (0.0, 0.0, *map(float, whole)) if part is None else part
    left, top = (min(max(low, 0.0), side - 1.0) for low, side in zip((left, top), whole, strict=True))
    right = min(max(right, left + 1), whole[0])
    bottom = min(max(bottom, top + 1), whole[1])
    inner = within((right - left, bottom - top), size)
    small = eight_bit(resampled(frame, inner, in_draft((left, top, right, bottom), whole, frame)))
    return centered(oriented(small, orientation), size, name)
