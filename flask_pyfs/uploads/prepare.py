"""What happens to an upload before it is stored: its content is verified, and SVG may be stripped."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from ..config import Config
from ..errors import UnauthorizedFileType
from ..files import extension
from ..seekable import View, rewindable
from .content import verify

__all__ = ["prepared"]


@contextmanager
def prepared(file: Any, filename: str, config: Config, storage: str) -> Iterator[Any]:
    """Return what is to be stored for an upload, inside the block: the file from where it stands, or another.

    :param file: a ``FileStorage`` or a binary file.
    :param filename: the name that it will have.
    :param config: the settings of the storage.
    :param storage: the name of the storage, for messages.
    :raises UnauthorizedFileType: where the content is not what the extension says, or cannot be read as an image.
    :raises ConfigurationError: where SVG is to be stripped and py-svg-hush is not installed.
    """
    with rewindable(file) as content:
        start = content.tell()
        try:
            stripped = _verified(content, start, extension(filename), config)
        except UnauthorizedFileType as error:
            message = f"storage {storage!r} does not take {filename!r}: {error}"
            raise UnauthorizedFileType(message, path=filename, storage=storage) from error
        content.seek(start)
        if stripped is not None:
            yield stripped
        else:
            yield file if content is getattr(file, "stream", file) else content


def _verified(content: BinaryIO, start: int, ext: str, config: Config) -> io.BytesIO | None:
    view = cast(BinaryIO, View(content, start))
    if ext != "svg":
        verify(view, ext, config["images_max_pixels"])
        return None
    view.seek(0)
    from . import svg

    if config["verify_svg"] == "strip":
        return io.BytesIO(svg.strip(view))
    svg.check(view)
    return None
