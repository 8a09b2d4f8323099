"""The files that can be made of an image: what each does with a frame, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from .codec import Job, is_shared, orientation_of, oriented
from .costs import Output
from .opening import Opened
from .resampling import bbox_before_orientation, bbox_in_draft, centered, eight_bit, resampled

BBox = Sequence[float]

#: A job that only decodes the image, to see whether it is damaged.
CHECK = Job(None, Output(0, is_resampled=False), scale=0)

#: The most pixels, in all frames, of a PNG that is compressed as well as possible. The best level takes at most six
#: microseconds for each (pixels that are only black or white), which is 3 seconds; the default takes one at most.
BEST_PNG_PIXELS = 500_000

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
        size, bbox, name, full_size = self._size, self._bbox, opened.format, opened.image.size
        # a draft must be large enough for the part
        longer_side = max(full_size) if bbox is None else max(1.0, bbox[2] - bbox[0], bbox[3] - bbox[1])

        def change(frame: Image.Image, orientation: int) -> Image.Image:
            part = None
            if bbox is not None:
                # a draft is smaller than the image, and Pillow rotates a TIFF when it loads it
                whole = full_size if name == "JPEG" else frame.size
                part = bbox_in_draft(bbox_before_orientation(bbox, whole, orientation), whole, frame.size)
            return square(frame, size, part, orientation, name)

        return Job(change, Output(size * size, turns=True), size / longer_side)


class Smaller:
    """An image scaled down to a maximum width and height, and upright."""

    is_optional = False

    def __init__(self, size: int) -> None:
        self._size = size

    def job(self, opened: Opened) -> Job:
        size, image = self._size, opened.image
        if max(image.size) > size:
            scale = size / max(image.size)
            pixels = round(image.width * image.height * scale * scale)
            return Job(
                lambda frame, orientation: oriented(_within(frame, size), orientation), _output(opened, pixels), scale
            )
        if orientation_of(image) != 1:
            return Job(oriented, _output(opened, image.width * image.height, is_resampled=False))
        return CHECK


class Optimized:
    """An image in fewer bytes, and upright."""

    is_optional = True

    def job(self, opened: Opened) -> Job:
        image = opened.image
        tiles = getattr(image, "tile", ())
        # Pillow decodes 8 bits of 16
        is_deep = opened.format == "PNG" and image.mode[0] != "I" and any("16" in str(tile[3]) for tile in tiles)
        if is_deep or opened.header.pages > 1:
            return CHECK
        options: dict[str, object] = {}
        if isinstance(image, JpegImageFile):
            options = _jpeg_options(image)
        elif opened.format == "PNG" and opened.header.pixels * opened.header.frames <= BEST_PNG_PIXELS:
            options = {"optimize": True}
        return Job(oriented, _output(opened, image.width * image.height, is_resampled=False), options=options)


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
        if fits and self._optimize:
            self._is_optimized = True
            return Optimized().job(opened)
        return Smaller(self._max_size).job(opened) if self._max_size else CHECK


def _output(opened: Opened, pixels: int, is_resampled: bool = True) -> Output:
    turns = opened.header.is_late or orientation_of(opened.image) != 1
    in_memory = pixels * opened.header.frames * 4 <= _MAX_IN_MEMORY
    return Output(pixels, is_resampled, not is_resampled and not turns and is_shared(opened), turns, in_memory)


def _jpeg_options(image: JpegImageFile) -> dict[str, object]:
    options: dict[str, object] = {"quality": -1, "qtables": image.quantization, "optimize": True}
    sampling = get_sampling(image)
    if sampling >= 0:
        options["subsampling"] = sampling
    return options


def square(frame: Image.Image, size: int, part: BBox | None, orientation: int, name: str) -> Image.Image:
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
