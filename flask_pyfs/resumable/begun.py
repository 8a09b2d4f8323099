"""Begins an upload, and tells the client its URL."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from flask import Response, url_for

from ..state import find
from .answers import final, progress
from .upload import Status, Upload

__all__ = ["begun", "located"]


def begun(token: str, length: int | None, original_name: str | None) -> Upload:
    """Begin an upload with the token of a URL that :meth:`~flask_pyfs.Storage.resumable_url` returned. No request."""
    return Upload.begin(None, token, length=length, original_name=original_name or None)


def located(upload: Upload, length: int | None, status: Status | None = None) -> Response:
    """Return what tells the client where the upload goes on, and what it has become if that were all bytes.

    :param status: how far it is, if the request had content.
    """
    if status is None:
        lifetime = timedelta(seconds=find(upload.storage).config["upload_lifetime"])
        status = Status(0, length, datetime.now(timezone.utc) + lifetime)
    response = progress(upload, status, 201) if status.stored is None else final(upload, status, 201)
    # a path alone is right also where the app does not know the host and the scheme that its clients use
    response.headers["Location"] = url_for("fs.call_room", room="upload", rest=upload.token)
    return response
