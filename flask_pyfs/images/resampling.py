"""Resamples images of any of Pillow's modes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image

from .costs import BAND_PIXELS, GAP

Box = tuple[float, float, float, float]

# those of libjpeg
_DIVISORS = (1, 2, 4, 8)

_LANCZOS = Image.Resampling.LANCZOS

_DEEPEST = 65535

# formats without transparency, but for a BMP that has it already
_OPAQUE = ("JPEG", "BMP")


def resamplable(image: Image.Image) -> Image.Image:
    """Return an image in a mode that resamples without loss: palettes and single bits become colours."""
    if image.mode[0] == "I" and "transparency" in image.info:
        return _with_deep_key(image, image.info["transparency"])
    if image.has_transparency_data and image.mode not in ("RGBA", "LA"):
        return image.convert("LA" if image.mode in ("1", "L", "La") else "RGBA")
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "I", "F"):
        return image
    if image.mode.startswith("I;16"):
        return image.convert("I")
    return image.convert("L" if image.mode == "1" else "RGB")


def _with_deep_key(image: Image.Image, key: int) -> Image.Image:
    """Return a 16-bit image with a transparent gray in 8 bits with alpha, as Pillow has no deeper mode with alpha."""
    wide = image if image.mode == "I" else image.convert("I")
    gray = wide.point([(value * 255 + _DEEPEST // 2) // _DEEPEST for value in range(_DEEPEST + 1)], "L")
    gray.putalpha(wide.point([255 * (value != key) for value in range(_DEEPEST + 1)], "L"))
    return gray


def resampled(image: Image.Image, size: tuple[int, int], box: Box | None = None) -> Image.Image:
    """Return a part of an image in another size, in a :func:`resamplable` mode.

    Only the part is converted and resampled, and in bands, because Pillow copies what it converts.

    :param size: the new width and height, in pixels.
    :param box: the part, as left, top, right, bottom; None for the whole image.
    """
    left, top, right, bottom = box or (0.0, 0.0, float(image.width), float(image.height))
    across, down = (right - left) / size[0], (bottom - top) / size[1]
    # each pixel depends on those around it: Lanczos reaches three pixels of the new size
    beside, around = _margin(across), _margin(down)
    columns = max(0, int(left) - beside), min(image.width, math.ceil(right) + beside)
    factors = max(1, int(across / GAP)), max(1, int(down / GAP))
    if max(factors) > 1:
        rows = max(0, int(top) - around), min(image.height, math.ceil(bottom) + around)
        small = _reduced(image, columns, rows, factors)
        part = ((left - columns[0]) / factors[0], (top - rows[0]) / factors[1])
        return _scaled(
            small, size, (*part, part[0] + (right - left) / factors[0], part[1] + (bottom - top) / factors[1])
        )
    height = max(1, int(BAND_PIXELS / (columns[1] - columns[0]) / down))
    whole: Image.Image | None = None
    for first in range(0, size[1], height):
        last = min(first + height, size[1])
        start, end = top + first * down, top + last * down
        low, high = max(0, int(start) - around), min(image.height, math.ceil(end) + around)
        band = _premultiplied(image, (columns[0], low, columns[1], high))
        part_of_band = (left - columns[0], start - low, right - columns[0], min(end - low, high - low))
        result = _scaled(band, (size[0], last - first), part_of_band)
        if last - first == size[1]:
            return result
        whole = whole or Image.new(result.mode, size)
        whole.paste(result, (0, first))
    assert whole is not None
    return whole


def _margin(scale: float) -> int:
    return 3 * math.ceil(max(1.0, scale)) + 2


def _reduced(
    image: Image.Image, columns: tuple[int, int], rows: tuple[int, int], factors: tuple[int, int]
) -> Image.Image:
    """Return the means of blocks of pixels, as the reducing_gap of Pillow makes them, but of one band after another."""
    down = factors[1]
    width, height = (-(-(end - start) // factor) for (start, end), factor in zip((columns, rows), factors, strict=True))
    band_rows = max(1, BAND_PIXELS // (columns[1] - columns[0]) // down) * down
    whole: Image.Image | None = None
    for low in range(*rows, band_rows):
        band = _premultiplied(image, (columns[0], low, columns[1], min(low + band_rows, rows[1]))).reduce(factors)
        whole = whole or Image.new(band.mode, (width, height))
        whole.paste(band, (0, (low - rows[0]) // down))
    assert whole is not None
    return whole


def _premultiplied(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    part = image if box == (0, 0, *image.size) else image.crop(box)
    part = resamplable(part)
    mode = {"RGBA": "RGBa", "LA": "La"}.get(part.mode, part.mode)
    return part if part.mode == mode else part.convert(mode)


def _scaled(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    box = (max(0.0, box[0]), max(0.0, box[1]), min(box[2], image.width), min(box[3], image.height))
    result = image.resize(size, _LANCZOS, box)
    if result.mode in ("RGBa", "La"):
        return result.convert({"RGBa": "RGBA", "La": "LA"}[result.mode])
    if result.mode == "I" and _is_16_bit(image):
        # Lanczos overshoots at edges, and mode I does not clip
        result = result.convert("I;16").convert("I")
    return result


def _is_16_bit(image: Image.Image) -> bool:
    low, high = image.getextrema()
    return low >= 0 and high <= _DEEPEST  # type: ignore[operator]


def eight_bit(image: Image.Image) -> Image.Image:
    """Return an image with 8 bits for each colour; deeper grays are scaled, not clipped."""
    if image.mode == "I":
        # the 16 bits of a PNG, or the range of a scientific TIFF
        top = _DEEPEST if _is_16_bit(image) else max(map(abs, image.getextrema()))  # type: ignore[arg-type]
        return image.convert("F").point(lambda value: value * (255 / top) + 0).convert("L")
    if image.mode == "F":
        low, high = image.getextrema()
        span = (high - low) or 1  # type: ignore[operator]
        return image.point(lambda value: value * (255 / span) + (-low * 255 / span)).convert("L")  # type: ignore
    return image


def centered(image: Image.Image, size: int, name: str) -> Image.Image:
    """Return a square with an image in its middle.

    :param size: the width and height of the square, in pixels.
    :param name: Pillow's name of the format. The rest of the square is white if the format has no transparency.
    """
    if image.size == (size, size):
        return image
    if image.mode == "CMYK":
        square = Image.new("CMYK", (size, size), (0, 0, 0, 0))
    elif name in _OPAQUE and image.mode != "RGBA":
        square = Image.new(image.mode, (size, size), "white")
    else:
        gray = image.mode in ("L", "LA")
        square = Image.new("LA" if gray else "RGBA", (size, size), (255, 0) if gray else (255, 255, 255, 0))
    place = ((size - image.width) // 2, (size - image.height) // 2)
    square.paste(image.convert(square.mode), place)
    return square


def bbox_before_orientation(bbox: Sequence[float], size: tuple[int, int], orientation: int) -> Sequence[float]:
    """Convert the coordinates of a part of the upright image to those of the stored image.

    :param bbox: left, top, right and bottom of the part, in pixels.
    :param size: the width and height of the stored image, in pixels.
    :param orientation: the EXIF orientation of the stored image.
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


def within(size: Sequence[float], longest: int) -> tuple[int, int]:
    """Return the width and height of an image in its proportions whose longer side has a length, at least 1 each."""
    across, down = (max(1, round(side * longest / max(size))) for side in size)
    return across, down


def in_draft(part: Box, full_size: tuple[int, int], draft: Image.Image) -> Box:
    """Convert the coordinates of a part of an image to those of a draft of it.

    A draft is the image divided by a whole number. Its last pixel may reach over the edge of the image.
    """
    divisor = next((number for number in _DIVISORS if _divided(full_size, number) == draft.size), 1)
    left, top, right, bottom = (side / divisor for side in part)
    return left, top, right, bottom


def _divided(size: tuple[int, int], divisor: int) -> tuple[int, int]:
    return -(-size[0] // divisor), -(-size[1] // divisor)
