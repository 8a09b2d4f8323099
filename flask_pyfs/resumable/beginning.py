"""Begins an upload, gives it bytes, and tells the client its URL."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from flask import Response

from ..state import find
from ..uploads.refusals import too_large
from ..web.urls import room_url
from .answers import progress
from .body import Body
from .outcomes import Status
from .upload import Upload

__all__ = ["append_to", "begin", "created"]


def begin(token: str, length: int | None, original_name: str | None) -> Upload:
    """Begin an upload with the token of a URL that :meth:`~flask_pyfs.Storage.resumable_url` returned. No request."""
    return Upload.begin(token, length=length, original_name=original_name or None)


def append_to(
    upload: Upload,
    body: Body,
    offset: int,
    length: int | None,
    *,
    is_last: bool = False,
    checksum: tuple[str, bytes] | None = None,
) -> Status:
    """Give an upload the next bytes; see :meth:`Upload.append`.

    :raises flask_pyfs.errors.FileTooLarge: also before any byte is read, if the request has more than the terms permit.
    """
    most = upload.terms.max_size
    if most is not None and body.length is not None and offset + body.length > most:
        # not now: if the offset is wrong, the client must learn that first
        body.refuse(too_large(upload.storage.name, upload.terms.name, most))
    return upload.append(body, offset, length=length, is_last=is_last, checksum=checksum)


def created(upload: Upload, length: int | None, status: Status | None = None) -> Response:
    """Return the answer to a request that has begun an upload: the URL of the upload, and how far it is.

    :param status: how far it is, if the request had content.
    """
    if status is None:
        lifetime = timedelta(seconds=find(upload.storage).config["upload_lifetime"])
        status = Status(0, length, datetime.now(timezone.utc) + lifetime)
    response = progress(upload, status, 201, final=201)
    # a path alone is right also where the app does not know the host and the scheme that its clients use
    app, name = find(upload.storage).app, upload.storage.name
    response.headers["Location"] = room_url(app, name, "upload", upload.token, external=False)
    return response
