"""What a file says of its colours beside its pixels: the profile, the chunks of a PNG, and its transparent colour."""

from __future__ import annotations

import struct

from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from ..seekable import FileView
from .headers import Header

# ICC.1:2022, 7.2: the header of a profile names its signature and the space of its colours
_SIGNATURE = slice(36, 40), b"acsp"
_SPACE = slice(16, 20)
_SPACES = {b"GRAY": "gray", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "LAB"}

# https://www.w3.org/TR/png-3/#color-chunk-precendence: these count only without a profile, and cICP before it
_WITHOUT_PROFILE = (b"sRGB", b"gAMA", b"cHRM")
_LENGTHS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}


def space_of(mode: str) -> str:
    """Return the colour space of a mode, which must be that of a profile."""
    if mode in ("CMYK", "LAB"):
        return mode
    return "gray" if mode in ("1", "L", "LA", "La", "F") or mode.startswith("I") else "RGB"


def fits(profile: bytes, source: str, mode: str) -> bool:
    """Return whether the profile of an image of one mode says something of an image of another."""
    place, signature = _SIGNATURE
    named = _SPACES.get(profile[_SPACE]) if profile[place] == signature else None
    return space_of(source) == space_of(mode) and named in (None, space_of(mode))


def png_info(chunks: dict[bytes, bytes], has_profile: bool) -> PngInfo:
    """Return the chunks that say how the numbers of a PNG are seen, for Pillow's ``save``."""
    info = PngInfo()
    for name in (b"cICP",) if has_profile else (b"cICP", *_WITHOUT_PROFILE):
        if len(chunks.get(name, b"")) == _LENGTHS[name]:
            info.add(name, chunks[name])
    return info


def mend_key(image: Image.Image, header: Header) -> None:
    """Scale the transparent colour of a PNG as its pixels are: Pillow leaves it as it is, even of two or four bits."""
    most = (1 << header.depth) - 1
    key = image.info.get("transparency")
    if image.mode == "L" and isinstance(key, int):
        image.info["transparency"] = (key & most) * 255 // most
    elif image.mode == "RGB" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value & most for value in key)


def has_deep_key(image: Image.Image, header: Header) -> bool:
    """Return whether an image is a PNG with a transparent colour of three times 16 bits, of which Pillow reads 8."""
    return header.depth == 16 and image.mode == "RGB" and "transparency" in image.info


def with_deep_key(image: Image.Image, view: FileView) -> Image.Image:
    """Return such an image, once decoded, with the pixels of that colour transparent.

    The file is decoded once more, for the lower bytes.

    :param view: the file.
    """
    key = struct.pack(">HHH", *image.info.pop("transparency"))
    view.seek(0)
    with Image.OPEN["PNG"][0](view, "") as low:  # type: ignore[arg-type]
        # as if the lower byte was the first
        low.tile = [(*tile[:3], "RGB;16L") for tile in low.tile]
        low.load()
        is_key = _equal(image, key[::2])
        is_key = ImageChops.multiply(is_key, _equal(low, key[1::2]))
    image.putalpha(ImageChops.invert(is_key))
    return image


def _equal(image: Image.Image, key: bytes) -> Image.Image:
    """Return a mask of 255 where an image has a colour."""
    table = [255 * (value == wanted) for wanted in key for value in range(256)]
    bands = image.point(table)
    found = bands.getchannel(0)
    for number in (1, 2):
        found = ImageChops.multiply(found, bands.getchannel(number))
    return found
