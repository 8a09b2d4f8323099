"""Checks that the bytes of a file are what its extension claims."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO

from ..errors import UnauthorizedFileType
from .kinds import KINDS, Source


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

    What is looked at depends on the kind; see :ref:`the table <verify>`. At most 1 MiB of the file is read for it, and
    any content passes for extensions outside of the table. If Pillow is installed, it opens images as well. SVG is not
    checked here but in :mod:`flask_pyfs.uploads.svg`.

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
    source = Source(file)
    if not source.size:
        raise UnauthorizedFileType("the file is empty", user_message="The file is empty.")
    if ext in KINDS and not KINDS[ext](source):
        raise UnauthorizedFileType(
            f"the content is not of the type {ext!r}",
            user_message=f"The file is not what its name says: its content is not that of a {ext} file.",
        )
    if has_pillow():
        _verify_image(file, ext, max_pixels, max_memory)


def _verify_image(file: BinaryIO, ext: str, max_pixels: int | None, max_memory: int | None) -> None:
    from ..images.limits import Limits
    from ..images.verification import verify_image

    verify_image(file, ext, Limits.of(max_pixels, max_memory))
