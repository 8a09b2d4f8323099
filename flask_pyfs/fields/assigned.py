"""Uploads that were assigned to fields, and are stored when the row is flushed or the document is saved."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, TypeGuard

from werkzeug.datastructures import FileStorage

from ..display_names import display_name
from ..web.json import InJSON

#: What can be assigned to a field to be stored: an upload of a form, or a binary file with a name.
Upload = FileStorage | IO[bytes]

# the streams that were stored and cannot seek
_read: weakref.WeakSet[Any] = weakref.WeakSet()


@dataclass(frozen=True)
class Assigned:
    """An upload that is not stored yet.

    :param upload: the upload as it was assigned.
    :param file: the same, with the name of the client as ``filename``.
    :param start: where it was then; None if it cannot seek.
    :param former: the versions of the files that it may replace, by their names.
    """

    upload: Any
    file: Any
    start: int | None
    former: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, upload: Any) -> Assigned:
        """Return an upload as it is now."""
        file = upload
        if not isinstance(upload, FileStorage) and sent_name(upload) is None:
            file = FileStorage(upload, os.path.basename(upload.name))
        return cls(upload, file, _position(upload))

    def rewind(self) -> None:
        """Go back to where the upload was when it was assigned: it may be assigned to several fields.

        :raises ValueError: if it was closed meanwhile, or was read before and cannot seek.
        """
        if _is_closed(self.upload):
            raise ValueError(
                f"the upload {self.file.filename!r} was closed before it was stored: a request closes its uploads when "
                "it ends, so flush the session or save the document before that"
            )
        if self.start is not None:
            self.upload.seek(self.start)
            return
        stream = getattr(self.upload, "stream", self.upload)
        if stream in _read:
            raise ValueError(
                f"the upload {self.file.filename!r} was read before, and its stream cannot seek: to store it in "
                "several fields, or again after a failure, assign what can, such as io.BytesIO or a temporary file"
            )
        # of one without weak references nothing is known
        with suppress(TypeError):
            _read.add(stream)


def is_upload(value: Any) -> TypeGuard[Upload]:
    """Return whether a value is an upload: a ``FileStorage``, or a binary file with a name."""
    if isinstance(value, FileStorage):
        return True
    # a reference has a name and is read, too
    if not callable(getattr(value, "read", None)) or isinstance(value, (io.TextIOBase, InJSON)):
        return False
    return any(isinstance(getattr(value, attribute, None), str) for attribute in ("filename", "name"))


def is_empty_field(value: Any) -> bool:
    """Return whether a value is what a form sends if no file was chosen: without a name and without content."""
    if not isinstance(value, FileStorage) or value.filename or _is_closed(value):
        return False
    start = _position(value)
    if start is None:
        return False
    is_empty = not value.read(1)
    value.seek(start)
    return is_empty


def original_name_of(file: Any) -> str | None:
    """Return what the client calls an upload, or None if it is not known."""
    return display_name(sent_name(file))


def sent_name(file: Any) -> str | None:
    """Return the name that the client sent with an upload, or None."""
    name = getattr(file, "filename", None)
    return name if isinstance(name, str) else None


def _is_closed(file: Any) -> bool:
    return getattr(file, "closed", False) is True


def _position(file: Any) -> int | None:
    try:
        position = file.tell()
        file.seek(position)
    except (AttributeError, OSError, ValueError):
        return None
    return int(position)
