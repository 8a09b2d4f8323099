"""Tells whether two images show the same, to the bit, without having both in memory."""

from __future__ import annotations

import hashlib

from PIL import Image

_PIXELS_AT_A_TIME = 250_000


def digest(image: Image.Image, is_blind: bool) -> bytes:
    """Return a digest of the pixels of an image as they are seen, whatever the mode: palettes count as their colours.

    :param is_blind: whether colours that are transparent do not count.
    """
    width, height = image.size
    found = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
    rows = max(1, _PIXELS_AT_A_TIME // width)
    for top in range(0, height, rows):
        part = _comparable(image.crop((0, top, width, min(top + rows, height))))
        if is_blind and part.mode == "RGBA":
            part.paste((0, 0, 0, 0), mask=part.getchannel("A").point([255] + [0] * 255))
        found.update(part.mode.encode() + part.tobytes())
    if image.mode.startswith("I"):
        found.update(repr(image.info.get("transparency")).encode())
    return found.digest()


def _comparable(part: Image.Image) -> Image.Image:
    if part.mode.startswith("I;"):
        return part.convert("I")
    return part if part.mode in ("I", "F", "CMYK", "LAB", "RGBA") else part.convert("RGBA")
