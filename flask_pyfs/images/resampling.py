"""Other sizes for images of any of Pillow's modes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image

__all__ = ["bbox_in_draft", "bbox_of_stored", "centered", "eight_bit", "resampled", "workable"]

_LANCZOS = Image.Resampling.LANCZOS

# how many pixels are resampled at a time
_BAND = 2_000_000

#: Formats without transparency, or whose transparency nothing else reads.
_OPAQUE = ("JPEG", "BMP")


def workable(image: Image.Image) -> Image.Image:
    """Return an image in a mode that can be resampled without a loss: palettes and single bits become colours."""
    if image.has_transparency_data and image.mode not in ("RGBA", "LA"):
        return image.convert("LA" if image.mode in ("1", "L", "La") else "RGBA")
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "I", "F"):
        return image
    if image.mode.startswith("I;16"):
        return image.convert("I")
    return image.convert("L" if image.mode == "1" else "RGB")


def resampled(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    """Return a part of an image in another size, in a mode that is :func:`workable`.

    It is made in bands, because Pillow makes copies of what it is given.

    :param size: the new width and height.
    :param box: the part; None means all.
    """
    left, top, right, bottom = box or (0.0, 0.0, float(image.width), float(image.height))
    scale = (bottom - top) / size[1]
    rows = max(1, int(_BAND / (image.width * scale)))
    if rows >= size[1]:
        return _resampled(image, size, (left, top, right, bottom))
    # a row is made of the rows around it: of three in the new size, and what reduces them first
    around = 4 * math.ceil(max(1.0, scale)) + 2
    whole: Image.Image | None = None
    for first in range(0, size[1], rows):
        last = min(first + rows, size[1])
        start, end = top + first * scale, top + last * scale
        low, high = max(0, int(start) - around), min(image.height, math.ceil(end) + around)
        band = image.crop((0, low, image.width, high))
        made = _resampled(band, (size[0], last - first), (left, start - low, right, min(end - low, high - low)))
        whole = whole or Image.new(made.mode, size)
        whole.paste(made, (0, first))
    assert whole is not None
    return whole


def _resampled(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    image = workable(image)
    # by itself Pillow would multiply the colours by the alpha, but not reduce them first
    multiplied = {"RGBA": "RGBa", "LA": "La"}.get(image.mode, image.mode)
    made = image.convert(multiplied).resize(size, _LANCZOS, box, reducing_gap=2.0).convert(image.mode)
    if image.mode == "I" and _is_16_bit(image):
        # beside an edge Pillow goes beyond what it was given, which only modes with a bound cut off
        made = made.convert("I;16").convert("I")
    return made


def _is_16_bit(image: Image.Image) -> bool:
    low, high = image.getextrema()
    return low >= 0 and high <= 65535  # type: ignore[operator]


def eight_bit(image: Image.Image) -> Image.Image:
    """Return an image with 8 bits for each colour; what is gray and deeper is scaled, not cut off."""
    if image.mode == "I":
        # the 16 bits of a PNG, or all that a scientific TIFF holds
        top = 65535 if _is_16_bit(image) else max(map(abs, image.getextrema()))  # type: ignore[arg-type]
        return image.convert("F").point(lambda value: value * (255 / top) + 0).convert("L")
    if image.mode == "F":
        low, high = image.getextrema()
        span = (high - low) or 1  # type: ignore[operator]
        return image.point(lambda value: value * (255 / span) + (-low * 255 / span)).convert("L")  # type: ignore
    return image


def centered(image: Image.Image, size: int, name: str) -> Image.Image:
    """Return a square with an image in its middle.

    :param size: its width and height.
    :param name: what Pillow calls the format, which decides what is around the image.
    """
    if image.size == (size, size):
        return image
    if image.mode == "CMYK":
        square = Image.new("CMYK", (size, size), (0, 0, 0, 0))
    elif name in _OPAQUE:
        square = Image.new(image.mode, (size, size), "white")
    else:
        gray = image.mode in ("L", "LA")
        square = Image.new("LA" if gray else "RGBA", (size, size), (255, 0) if gray else (255, 255, 255, 0))
    place = ((size - image.width) // 2, (size - image.height) // 2)
    square.paste(image.convert(square.mode), place)
    return square


def bbox_of_stored(bbox: Sequence[float], size: tuple[int, int], orientation: int) -> Sequence[float]:
    """Return where a part of an image that is seen upright lies in the image as it is stored.

    :param bbox: left, top, right, bottom of the part.
    :param size: width and height of the stored image.
    :param orientation: its EXIF orientation.
    """
    width, height = size
    left, top, right, bottom = bbox
    return {
        2: (width - right, top, width - left, bottom),
        3: (width - right, height - bottom, width - left, height - top),
        4: (left, height - bottom, right, height - top),
        5: (top, left, bottom, right),
        6: (top, height - right, bottom, height - left),
        7: (width - bottom, height - right, width - top, height - left),
        8: (width - bottom, left, width - top, right),
    }.get(orientation, bbox)


def bbox_in_draft(bbox: Sequence[float], full: tuple[int, int], draft: tuple[int, int]) -> Sequence[float]:
    """Return where a part of an image lies in the same image in another size."""
    across, down = draft[0] / full[0], draft[1] / full[1]
    return bbox[0] * across, bbox[1] * down, bbox[2] * across, bbox[3] * down
