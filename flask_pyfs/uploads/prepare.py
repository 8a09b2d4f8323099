"""Prepares an upload for the store: verifies its content, and strips SVG if the storage is set up so."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from ..config import Config
from ..errors import UnauthorizedFileType
from ..files import extension
from ..seekable import FileView, as_given, rewindable
from .content import verify


@contextmanager
def prepared(file: Any, filename: str, config: Config, storage: str) -> Iterator[Any]:
    """Yield the content to store for an upload: the file from its current position on, or a stripped SVG.

    :param file: a ``FileStorage`` or a binary file.
    :param filename: the name under which it is stored.
    :param config: the settings of the storage.
    :param storage: the name of the storage, for messages.
    :raises UnauthorizedFileType: if the content does not match the extension, or is a damaged image.
    """
    with rewindable(file) as content:
        start = content.tell()
        try:
            stripped = _verify(content, start, extension(filename), config)
        except UnauthorizedFileType as error:
            message = f"storage {storage!r} does not take {filename!r}: {error}"
            raise UnauthorizedFileType(
                message, path=filename, storage=storage, user_message=error.user_message
            ) from error
        finally:
            content.seek(start)
        if stripped is not None:
            yield stripped
        else:
            yield as_given(file, content)


def _verify(content: BinaryIO, start: int, ext: str, config: Config) -> io.BytesIO | None:
    """Verify the content; return the stripped SVG if there is one."""
    view = cast(BinaryIO, FileView(content, start))
    if ext != "svg":
        verify(view, ext, config["images_max_pixels"], config["images_max_memory"])
        return None
    view.seek(0)
    from . import svg

    if config["verify_svg"] == "strip":
        return io.BytesIO(svg.strip(view))
    svg.check(view)
    return None
