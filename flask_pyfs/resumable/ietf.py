"""Resumable Uploads for HTTP, draft-ietf-httpbis-resumable-upload-13, interop version 10. WSGI can send no status 104,
so a client begins with an empty request, or with the first part of its content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, after_this_request, request
from werkzeug import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.http import parse_options_header

from ..errors import FSError
from ..uploads.refusals import wrong_media_type
from ..web.failures import is_of_client
from .answers import progress
from .beginning import append_to, begin, created
from .body import Body
from .fields import boolean, digest, integer
from .outcomes import Status, WrongLength
from .upload import Upload

__all__ = ["append", "create", "processing", "speaks"]

#: The media type of a part.
PART = "application/partial-upload"


def speaks(request: Request) -> bool:
    """Return whether the client speaks this protocol."""
    return "Upload-Complete" in request.headers or request.mimetype == PART


@contextmanager
def processing() -> Iterator[None]:
    """Say ``Upload-Complete: ?1`` with an error that refuses the file: to go on with the upload would not help."""
    try:
        yield
    except FSError as error:
        if is_of_client(error):
            after_this_request(_completed)
        raise


def _completed(response: Response) -> Response:
    response.headers["Upload-Complete"] = "?1"
    return response


def create(token: str) -> Response:
    """Begin an upload, with as much of its content as the request has."""
    headers, body = request.headers, Body(request)
    is_last, checksum = _is_last(), digest(headers)
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        # the file would be that of the coding
        raise UnsupportedMediaType("The content must have no Content-Encoding.")
    length = _length(0, body, is_last)
    _, disposition = parse_options_header(headers.get("Content-Disposition"))
    with processing():
        upload = begin(token, length, disposition.get("filename"))
        agreed, sent = upload.terms.content_type, request.mimetype
        if agreed is not None and sent not in ("", agreed, PART):
            raise wrong_media_type(upload.storage.name, upload.terms.name, agreed)
        if body.is_empty and not is_last:
            return created(upload, length)
        return created(upload, length, _appended(upload, body, 0, length, is_last, checksum))


def append(token: str) -> Response:
    """Take the next bytes of an upload."""
    upload = Upload.opened(token)
    if request.mimetype != PART:
        raise UnsupportedMediaType(f"The content must be {PART}.")
    offset, is_last, checksum = integer(request.headers, "Upload-Offset"), _is_last(), digest(request.headers)
    if offset is None:
        raise BadRequest("Say Upload-Offset: <number>.")
    body = Body(request)
    with processing():
        status = _appended(upload, body, offset, _length(offset, body, is_last), is_last, checksum)
    return progress(upload, status, 204, final=201)


def _is_last() -> bool:
    is_last = boolean(request.headers, "Upload-Complete")
    if is_last is None:
        raise BadRequest("Say Upload-Complete: ?0 or ?1.")
    return is_last


def _length(offset: int, body: Body, is_last: bool) -> int | None:
    """Return the length of the upload, if the request says it.

    :raises WrongLength: if it says two.
    """
    length = integer(request.headers, "Upload-Length")
    if not is_last or body.length is None:
        return length
    if length not in (None, offset + body.length):
        raise WrongLength()
    return offset + body.length


def _appended(
    upload: Upload, body: Body, offset: int, length: int | None, is_last: bool, checksum: tuple[str, bytes] | None
) -> Status:
    try:
        return append_to(upload, body, offset, length, is_last=is_last, checksum=checksum)
    except WrongLength:
        status = upload.status()
        sent = body.read_so_far if body.length is None else body.length
        says_nothing_else = length in (None, status.length)
        if status.stored is None and says_nothing_else and offset + sent > (status.length or 0):
            # the draft allows no further interaction
            upload.cancel()
        raise
