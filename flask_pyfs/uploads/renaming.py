"""VERIFY_RENAME: an image of another type than its name says is stored under the right extension."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..config import Config
from ..errors import UnauthorizedFileType
from ..files import extension
from ..seekable import FileView, as_given, rewindable
from .content import has_pillow
from .intake import Receiver, accepted_name

# the extension that most programs give first: the storage may take only another one
_EXTENSIONS = {
    "JPEG": ("jpg", "jpeg", "jpe"),
    "PNG": ("png",),
    "GIF": ("gif",),
    "WEBP": ("webp",),
    "AVIF": ("avif",),
    "BMP": ("bmp",),
    "TIFF": ("tif", "tiff"),
    "HEIF": ("heic",),
}


@contextmanager
def renamed(storage: Receiver, file: Any, name: str, config: Config) -> Iterator[tuple[Any, str]]:
    """Yield an upload and its name. The name gets the extension of the content if its own stands for another format of
    images, and the storage takes a file of that name. VERIFY judges the content afterwards, by this extension.

    An SVG is XML with rules of its own, so it neither loses nor gets its extension in this way.

    :param name: a name that the storage takes.
    """
    with rewindable(file, config["max_size"]) as content:
        start = content.tell()
        for candidate in _candidates(FileView(content, start), name):
            content.seek(start)
            try:
                name = accepted_name(storage, as_given(file, content), candidate, config)
                break
            except UnauthorizedFileType:
                continue
        content.seek(start)
        yield as_given(file, content), name


def _candidates(view: FileView, name: str) -> list[str]:
    if not has_pillow():
        return []
    from ..images.opening import EXTENSIONS, format_of

    claimed = EXTENSIONS.get(extension(name))
    # not opened: that needs another package for HEIC
    found = claimed and format_of(view)
    if found is None or found == claimed:
        return []
    stem = os.path.splitext(name)[0]
    return [f"{stem}.{ext}" for ext in _EXTENSIONS.get(found, ())]
