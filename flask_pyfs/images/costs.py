"""What decoding, changing and encoding cost, as measured with Pillow and the libraries in its wheels.

The figures are those of the worst images that were found, mostly noise: bytes for each pixel above the decoded image,
and nanoseconds for each pixel. Pillow itself takes four bytes for each pixel of more than one band.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from .headers import Header

#: How hard the encoders try: 0 is the default of each format, higher numbers are faster.
EFFORTS = (0, 1, 2)

#: The number of pixels that are resampled at a time.
BAND_PIXELS = 2_000_000

#: Images are first reduced to so many times the new size, as Pillow does if its argument reducing_gap is 2.
GAP = 2.0

_MILLISECOND = 1e-3
_NANOSECOND = 1e-9

# libraries, tables and what else does not depend on the pixels
_FIXED = 16 * 1024 * 1024
# a part of the image, the same in another mode, and what is made of it
_BAND = 18
_BAND_UNCHANGED = 12
_BAND_REDUCED = 6
_UNCHANGED = ("L", "RGB", "CMYK", "F")

# beside the image itself: libwebp has two canvases and libavif its planes, and both return copies
_DECODED = {"WEBP": 13, "AVIF": 10, "GIF": 1}
# without alpha, and with what photos have
_DECODED_PHOTO = {("WEBP", "", "RGB"): 12, ("AVIF", "4:2:0", "RGB"): 6}
_DECODED_DEEP = 10
# libheif returns this for each pixel, and a whole image of Pillow is made of it only if that is the output
_DECODED_HEIF = {"L": 1, "LA": 2, "RGB": 3}
# libheif decodes in threads, which have memory of their own
_THREADS = {"HEIF": 18 * 1024 * 1024}
# what these decoders take besides is freed before the image is changed
_FREED = ("TIFF", "HEIF")
# each frame of an animation is composed from the frames before it
_DECODED_ANIMATED = {"GIF": 16, "PNG": 16, "WEBP": 18, "AVIF": 22}

_DECODING = {"JPEG": 14, "PNG": 60, "GIF": 20, "WEBP": 70, "AVIF": 120, "HEIF": 120, "BMP": 6, "TIFF": 30}
_DECODING_GRAY_PNG = 14
_DECODING_VARIANT = {"rle": 120, "arithmetic": 150, "scans": 14}
_DECODING_ANIMATED = 20
_DECODING_BYTE = {"JPEG": 35}
# a pass of libjpeg over coefficients that do not change, for each band
_PASS = 2
_DIGEST = 12
_FRAME = 0.4 * _MILLISECOND
_STEP = 4e-6
# for each pixel of the image, and for each that is made
_RESAMPLING = {"1": 4, "L": 4, "P": 8, "RGB": 6, "RGBA": 12, "LA": 12}
_RESAMPLING_OTHER = 10
_RESAMPLED = 60

# for each effort: bytes and nanoseconds for each pixel
_Costs = tuple[tuple[float, float], ...]
_ENCODED: dict[str, _Costs] = {
    "JPEG": ((10, 75), (10, 75), (10, 75)),
    "PNG": ((1, 420), (1, 420), (1, 170)),
    "GIF": ((43, 1050), (14, 60), (14, 60)),
    "WEBP": ((41, 310), (40, 210), (32, 140)),
    "AVIF": ((35, 2200), (35, 1500), (35, 450)),
    "BMP": ((4, 10), (4, 10), (4, 10)),
    "TIFF": ((2, 180), (2, 180), (2, 180)),
}
_ENCODED_CMYK_JPEG: _Costs = ((16, 170),) * 3
_ENCODED_LOSSLESS_WEBP: _Costs = ((42, 1000), (36, 400), (36, 400))
_ENCODED_FLAT_PNG: _Costs = ((1, 1050), (1, 420), (1, 170))
_ENCODED_ANIMATED: dict[str, _Costs] = {
    "GIF": ((43, 1100), (14, 80), (14, 80)),
    "PNG": ((20, 450), (20, 450), (20, 200)),
    "WEBP": ((60, 400), (55, 300), (50, 200)),
    "AVIF": ((60, 5500), (60, 2400), (60, 800)),
}
# alpha is an image of its own, and what is transparent becomes white
_ALPHA = 3
_WHITE = 5
_WITH_ALPHA = ("LA", "RGBA")
# for each pixel of each frame: encoders that compare frames keep them
_ENCODED_FRAME = {"GIF": 5, "PNG": 8, "WEBP": 1, "AVIF": 4}
_ENCODED_FRAME_SECONDS = 0.7 * _MILLISECOND
# the bytes of a file for each pixel, if they are fewer than those of the image
_MADE = {"JPEG": 2, "GIF": 2, "AVIF": 2}
# what is not written to a temporary file
_FILE = {"PNG": 8, "TIFF": 26, "BMP": 4}


@dataclass(frozen=True)
class Source:
    """An image that is to be decoded.

    :param format: Pillow's name of the format.
    :param mode: Pillow's name of the mode.
    :param size: the width and height at which it is decoded, in pixels.
    :param header: what is known from its bytes.
    """

    format: str
    mode: str
    size: tuple[int, int]
    header: Header

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]


@dataclass(frozen=True)
class Output:
    """An image that is to be encoded.

    :param pixels: the number of pixels of each frame; 0 for one that is only decoded.
    :param is_resampled: whether it is made of parts of the source.
    :param is_shared: whether it is the decoded image itself.
    :param turns: whether its frames are turned, and so are there twice for a moment.
    :param in_memory: whether its file is in the memory.
    :param is_compared: whether its file is decoded again, to see that it shows the same.
    """

    pixels: int
    is_resampled: bool = True
    is_shared: bool = False
    turns: bool = False
    in_memory: bool = True
    is_compared: bool = False


def bytes_per_pixel(mode: str) -> int:
    """Return what Pillow takes for each pixel of a mode."""
    return 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4


def _kept(source: Source, output: Output) -> int:
    """Return what an output takes for each of its pixels."""
    if not output.is_resampled:
        return bytes_per_pixel(source.mode)
    if source.mode.startswith("I;16"):
        # made in 32 bits, and then in 16
        return 6
    return 1 if source.mode in ("1", "L") else 4


def _resampling_bytes(source: Source, pixels: int) -> int:
    """Return the memory that it takes to scale an image to so many pixels, besides both."""
    # one with a transparent colour gets alpha, and that is multiplied into the colours
    is_unchanged = source.mode in _UNCHANGED and b"tRNS" not in source.header.colours
    rows = min(source.pixels, BAND_PIXELS)
    factor = int(math.sqrt(source.pixels / max(1, pixels)) / GAP)
    if factor < 2:
        return (_BAND_UNCHANGED if is_unchanged else _BAND) * rows
    # an image of about twice the size is made first, one part of the source after another, and then scaled in width
    reduced = source.pixels / factor**2
    scaled = 4 * math.sqrt(reduced * pixels) + (0 if is_unchanged else 4 * pixels)
    return int(4 * reduced + max((_BAND_REDUCED if is_unchanged else _BAND) * rows, scaled))


def decoding_bytes(source: Source, outputs: list[Output]) -> int:
    """Return the memory that decoding an image and changing it takes."""
    header, count = source.header, source.header.frames
    own = bytes_per_pixel(source.mode)
    if count > 1:
        own = 4 + _DECODED_ANIMATED[source.format]
    elif source.format == "HEIF":
        own = _DECODED_HEIF.get(source.mode, 4)
    else:
        usual = _DECODED.get(source.format, 0)
        own += _DECODED_PHOTO.get((source.format, header.variant, source.mode), usual)
    if header.variant == "deep" and source.format != "HEIF":
        own += _DECODED_DEEP
    elif header.variant == "turned":
        own *= 2
    changing = max((output.pixels * _kept(source, output) for output in outputs if output.turns), default=0)
    resampled = [output.pixels for output in outputs if output.is_resampled]
    if resampled:
        changing += max(map(partial(_resampling_bytes, source), resampled))
    for output in outputs:
        if not output.is_shared or source.format == "HEIF":
            changing += output.pixels * count * _kept(source, output)
    decoding = header.decoding + _THREADS.get(source.format, 0)
    if source.format == "HEIF" and source.mode in _WITH_ALPHA:
        decoding += _ALPHA * source.pixels
    beside = max(decoding, changing) if source.format in _FREED else decoding + changing
    return int(_FIXED + header.opening + own * source.pixels + beside)


def decoding_seconds(source: Source, outputs: list[Output]) -> float:
    """Return the time that decoding an image and changing it takes."""
    header = source.header
    pixels = max(header.pixels, source.pixels) * header.passes
    each = _DECODING_VARIANT.get(header.variant, _DECODING[source.format])
    if source.format == "PNG" and bytes_per_pixel(source.mode) == 1:
        each = _DECODING_GRAY_PNG
    if source.format == "JPEG":
        # most of the passes are over nothing, because the bytes count by themselves
        pixels = max(header.pixels, source.pixels)
        each += (header.passes - 1) * _PASS * (4 if source.mode == "CMYK" else 3)
    if header.frames > 1:
        each = max(each, _DECODING_ANIMATED)
    decoding = pixels * header.frames * each * _NANOSECOND
    decoding += header.length * _DECODING_BYTE.get(source.format, 0) * _NANOSECOND
    resampling = _RESAMPLING.get(source.mode, _RESAMPLING_OTHER)
    changing = sum(source.pixels * resampling + output.pixels * _RESAMPLED for output in outputs if output.is_resampled)
    return decoding + header.frames * (changing * _NANOSECOND + _FRAME) + header.steps * _STEP


def encoding(source: Source, output: Output, effort: int) -> tuple[int, float]:
    """Return the memory, besides the frames themselves, and the time that encoding takes."""
    name = "JPEG" if source.format == "HEIF" else source.format
    count = source.header.frames
    if not output.pixels:
        return 0, 0.0
    if count > 1:
        each, time = _ENCODED_ANIMATED[name][effort]
        each += count * _ENCODED_FRAME[name]
    else:
        costs = _ENCODED[name]
        if name == "JPEG" and source.mode == "CMYK":
            costs = _ENCODED_CMYK_JPEG
        elif name == "WEBP" and source.header.variant == "lossless":
            costs = _ENCODED_LOSSLESS_WEBP
        elif name == "PNG" and (source.mode == "LA" or source.mode.startswith("I")):
            costs = _ENCODED_FLAT_PNG
        each, time = costs[effort]
        if output.in_memory:
            each += _FILE.get(name, 0)
    if source.format == "HEIF" and source.mode in _WITH_ALPHA:
        each += _WHITE
    if output.is_compared:
        # with a digest of the pixels before and after
        time += _DECODING[source.format] + 2 * _DIGEST
    seconds = output.pixels * count * time * _NANOSECOND + count * _ENCODED_FRAME_SECONDS
    return int(output.pixels * each), seconds


def kept_bytes(source: Source, output: Output) -> int:
    """Return the memory of the frames of an output."""
    return output.pixels * source.header.frames * _kept(source, output)


def made_bytes(source: Source, output: Output) -> int:
    """Return the memory of the file that is made."""
    if not output.in_memory:
        return 0
    return output.pixels * source.header.frames * min(_kept(source, output), _MADE.get(source.format, 4))
