"""tus 1.0.0: creation, also with content and without a length, expiration, checksum and termination."""

from __future__ import annotations

from flask import Response, request
from werkzeug import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from ..uploads.terms import Terms
from .answers import empty, problem, progress
from .beginning import append_to, begin, created
from .body import Body
from .fields import CHECKSUMS, checksum, metadata, number
from .upload import Upload

__all__ = ["VERSION", "append", "create", "options", "speaks", "speaks_no_version", "wrong_version"]

#: The version of the protocol.
VERSION = "1.0.0"

#: The media type of its content.
CONTENT = "application/offset+octet-stream"

_EXTENSIONS = ("creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination")


def speaks(request: Request) -> bool:
    """Return whether the client speaks tus."""
    return "Tus-Resumable" in request.headers


def speaks_no_version(request: Request) -> bool:
    """Return whether it speaks tus, and forgot to say which version."""
    names = ("Upload-Length", "Upload-Defer-Length", "Upload-Metadata")
    return request.mimetype == CONTENT or any(name in request.headers for name in names)


def wrong_version() -> Response:
    """Return the answer to a client of another version."""
    response = problem("412", f"This server speaks tus {VERSION}.")
    response.headers["Tus-Version"] = VERSION
    return response


def options(terms: Terms) -> Response:
    """Return the answer to OPTIONS: the version, the extensions and the largest file."""
    response = empty(204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = ",".join(_EXTENSIONS)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(CHECKSUMS)
    if terms.max_size is not None:
        response.headers["Tus-Max-Size"] = str(terms.max_size)
    return response


def create(token: str) -> Response:
    """Begin an upload, with its first bytes if the request has some."""
    headers = request.headers
    if "Upload-Concat" in headers:
        # otherwise, each part would be a file of its own
        raise BadRequest("This server has no extension concatenation: send the file as one upload.")
    length, deferred = number(headers, "Upload-Length"), headers.get("Upload-Defer-Length")
    if (deferred is None) == (length is None) or deferred not in (None, "1"):
        raise BadRequest("Say either Upload-Length, or Upload-Defer-Length: 1.")
    digest, body = checksum(headers), Body(request)
    if not body.is_empty:
        _require_content()
    upload = begin(token, length, metadata(headers).get("filename"))
    if body.is_empty and length != 0:
        return created(upload, length)
    status = append_to(upload, body, 0, None, checksum=digest)
    return created(upload, length, status)


def append(token: str) -> Response:
    """Take the next bytes of an upload."""
    headers = request.headers
    upload = Upload.opened(token)
    _require_content()
    offset = number(headers, "Upload-Offset")
    if offset is None:
        raise BadRequest("Say Upload-Offset.")
    length, digest = number(headers, "Upload-Length"), checksum(headers)
    return progress(upload, append_to(upload, Body(request), offset, length, checksum=digest), 204)


def _require_content() -> None:
    if request.mimetype != CONTENT:
        raise UnsupportedMediaType(f"The content must be {CONTENT}.")
