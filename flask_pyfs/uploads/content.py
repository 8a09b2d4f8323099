"""Whether the bytes of a file are what its extension says."""

from __future__ import annotations

import re
from functools import cache
from typing import BinaryIO

from .. import files
from ..errors import UnauthorizedFileType

__all__ = ["has_pillow", "verify"]

# formats of plain text, which no signature tells apart
_TEXT = {*files.TEXT, *files.DATA, *files.SCRIPTS, "css", "htm", "html", "log", "md", "rst", "toml", "tsv"}
_HEAD = 8192
_BINARY = {"plist": (b"bplist",)}
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@cache
def has_pillow() -> bool:
    """Whether Pillow is installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


def verify(file: BinaryIO, ext: str, max_pixels: int | None = None) -> None:
    """Look at the start and the end of a file, but not at SVG, for which there is :mod:`~flask_pyfs.uploads.svg`.

    Images are opened by Pillow where it is installed, which reads their header. Text is whatever has no NUL, or has the
    byte order mark of UTF-16 or UTF-32. For other files puremagic is asked; where it knows no signature of such files,
    they may hold anything.

    :param file: a binary file that can seek, which is looked at from its first byte.
    :param ext: the extension, in lower case.
    :param max_pixels: how many pixels an image may have, where Pillow is installed; None for any number.
    :raises UnauthorizedFileType: where the content does not fit, or there is none.
    """
    file.seek(0)
    head = file.read(_HEAD)
    if not head:
        raise UnauthorizedFileType("it is empty")
    if ext in _TEXT:
        if b"\0" in head and not head.startswith((*_WIDE, *_BINARY.get(ext, ()))):
            raise UnauthorizedFileType(f"its content is not the text that {ext!r} says")
        return
    _verify_signature(file, ext)
    if has_pillow():
        _verify_image(file, ext, max_pixels)


def _verify_image(file: BinaryIO, ext: str, max_pixels: int | None) -> None:
    from ..images import codec as pictures
    from ..images import limits as costs

    formats = [name for name in pictures.EXTENSIONS.get(ext, ()) if pictures.is_readable(name)]
    if not formats:
        return
    with pictures.opened(file) as image:
        if image.format not in formats:
            raise UnauthorizedFileType(f"its content is {image.format}, not the {formats[0]} that {ext!r} says")
        if max_pixels is not None:
            costs.require_pixels(image.width * image.height * costs.frame_count(image), max_pixels)


def _verify_signature(file: BinaryIO, ext: str) -> None:
    import puremagic

    if f".{ext}" not in _signed():
        return
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"RIFF") and head[8:] != _RIFF.get(ext, head[8:]):
        raise UnauthorizedFileType(f"its content is not what {ext!r} says")
    if ext in _MORE and _MORE[ext].match(head):
        return
    file.seek(0)
    try:
        found = {match.extension for match in puremagic.magic_stream(file)}
    except puremagic.PureError:
        found = set()
    if not found & {f".{same}" for same in _SAME.get(ext, (ext,))}:
        raise UnauthorizedFileType(f"its content is not what {ext!r} says")


@cache
def _signed() -> frozenset[str]:
    from puremagic import main

    rows = [*main.magic_header_array, *main.magic_footer_array]
    rows += [row for several in main.multi_part_dict.values() for row in several]
    return frozenset(row.extension for row in rows)


# what puremagic does not know: frames of MPEG audio without a tag (ISO 11172-3, 2.4.1.3), and more
_MORE = {
    "mp3": re.compile(rb"\xff[\xe2-\xff]"),
    "odf": re.compile(rb"PK\x03\x04"),
    "so": re.compile(rb"\x7fELF"),
    "heic": re.compile(rb".{4}ftyp(he|mif1)", re.DOTALL),
}

# what is in one container, of which puremagic takes the first bytes to be enough
_RIFF = {"wav": b"WAVE", "avi": b"AVI ", "webp": b"WEBP"}

# extensions that stand for one format
_SAME = {
    **dict.fromkeys(("jpg", "jpe", "jpeg", "jfif"), ("jpg", "jpe", "jpeg", "jfif")),
    **dict.fromkeys(("tif", "tiff"), ("tif", "tiff")),
    **dict.fromkeys(("png", "apng"), ("png", "apng")),
    **dict.fromkeys(("ogg", "oga"), ("ogg", "oga", "ogv", "ogx")),
    **dict.fromkeys(("gz", "tgz"), ("gz", "tgz")),
}
