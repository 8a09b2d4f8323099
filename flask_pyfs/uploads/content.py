"""Checks that the bytes of a file are what its extension claims."""

from __future__ import annotations

import re
from functools import cache
from typing import BinaryIO

from .. import files
from ..errors import UnauthorizedFileType

# plain text formats have no signature
_TEXT = {*files.TEXT, *files.DATA, *files.SCRIPTS, "css", "htm", "html", "log", "md", "rst", "toml", "tsv"}
_HEAD_SIZE = 8192
_BINARY_VARIANTS = {"plist": (b"bplist",)}
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@cache
def has_pillow() -> bool:
    """Return whether Pillow is installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


def verify(file: BinaryIO, ext: str, max_pixels: int | None = None, max_memory: int | None = None) -> None:
    """Check that a file has the type that its extension claims.

    Only the start and the end of most files are read. If Pillow is installed, it opens images and reads their header.
    Text passes if it contains no NUL or starts with the byte order mark of UTF-16 or UTF-32. puremagic identifies
    other files; if it knows no signature for the extension, any content passes. SVG is not checked here but in
    :mod:`flask_pyfs.uploads.svg`.

    >>> import io
    >>> verify(io.BytesIO(b"plain text"), "txt")
    >>> verify(io.BytesIO(b"plain text"), "png")
    Traceback (most recent call last):
    ...
    flask_pyfs.errors.UnauthorizedFileType: the content is not of the type 'png'

    :param file: a binary file that can seek; it is read from its first byte, and its position changes.
    :param ext: the extension, in lower case, without its dot.
    :param max_pixels: the number of pixels that an image may have in all its frames; None for any number. It is
        ignored if Pillow is not installed.
    :param max_memory: the memory that opening an image may take, in bytes; None for 256 MiB. WebP and AVIF are read as
        a whole, and three times as much memory as the file has bytes is allowed for that.
    :raises UnauthorizedFileType: if the content does not match or the file is empty.
    """
    file.seek(0)
    head = file.read(_HEAD_SIZE)
    if not head:
        raise UnauthorizedFileType("the file is empty")
    if ext in _TEXT:
        if b"\0" in head and not head.startswith((*_WIDE_BOMS, *_BINARY_VARIANTS.get(ext, ()))):
            raise UnauthorizedFileType(f"the content is binary, but {ext!r} is a text format")
        return
    _verify_signature(file, ext)
    if has_pillow():
        _verify_image(file, ext, max_pixels, max_memory)


def _verify_image(file: BinaryIO, ext: str, max_pixels: int | None, max_memory: int | None) -> None:
    from ..images.limits import Limits
    from ..images.verification import verify_image

    verify_image(file, ext, Limits.of(max_pixels, max_memory))


def _verify_signature(file: BinaryIO, ext: str) -> None:
    import puremagic

    if f".{ext}" not in _extensions_with_signature():
        return
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"RIFF") and head[8:] != _RIFF_TYPES.get(ext, head[8:]):
        raise UnauthorizedFileType(f"the content is not of the type {ext!r}")
    if ext in _MORE_SIGNATURES and _MORE_SIGNATURES[ext].match(head):
        return
    file.seek(0)
    try:
        found = {match.extension for match in puremagic.magic_stream(file)}
    except puremagic.PureError:
        found = set()
    if not found & {f".{same}" for same in _SYNONYMS.get(ext, (ext,))}:
        raise UnauthorizedFileType(f"the content is not of the type {ext!r}")


@cache
def _extensions_with_signature() -> frozenset[str]:
    from puremagic import main

    rows = [*main.magic_header_array, *main.magic_footer_array]
    rows += [row for several in main.multi_part_dict.values() for row in several]
    return frozenset(row.extension for row in rows)


# signatures that puremagic lacks, such as MPEG audio frames without a tag (ISO 11172-3, 2.4.1.3)
_MORE_SIGNATURES = {
    "mp3": re.compile(rb"\xff[\xe2-\xff]"),
    "odf": re.compile(rb"PK\x03\x04"),
    "so": re.compile(rb"\x7fELF"),
    "heic": re.compile(rb".{4}ftyp(he|mif1)", re.DOTALL),
}

# puremagic accepts any RIFF container for these
_RIFF_TYPES = {"wav": b"WAVE", "avi": b"AVI ", "webp": b"WEBP"}

# extensions of the same format
_SYNONYMS = {
    **dict.fromkeys(("jpg", "jpe", "jpeg", "jfif"), ("jpg", "jpe", "jpeg", "jfif")),
    **dict.fromkeys(("tif", "tiff"), ("tif", "tiff")),
    **dict.fromkeys(("png", "apng"), ("png", "apng")),
    **dict.fromkeys(("ogg", "oga"), ("ogg", "oga", "ogv", "ogx")),
    **dict.fromkeys(("gz", "tgz"), ("gz", "tgz")),
}
