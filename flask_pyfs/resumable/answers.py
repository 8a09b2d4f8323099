"""The answers of both protocols: how far an upload is, which file it has become, and which error it has."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from math import ceil
from typing import Any

from flask import Response, jsonify
from werkzeug.http import http_date

from ..unfinished import Busy, Ended
from ..uploads.terms import Terms
from ..web.outcomes import BUSY, ENDED, with_patience
from .outcomes import ChecksumMismatch, Failed, Status, WrongLength, WrongOffset
from .pieces import TooManyPieces
from .upload import Upload

__all__ = ["FAILURES", "empty", "limits", "problem", "progress", "refused"]

#: The errors that only these protocols know.
FAILURES = (Busy, ChecksumMismatch, Ended, Failed, TooManyPieces, WrongLength, WrongOffset)

# the registry of RFC 9457, section 4.2
_TYPES = "https://iana.org/assignments/http-problem-types#"


def empty(code: int) -> Response:
    """Return a response without content."""
    response = Response(status=code)
    del response.headers["Content-Type"]
    return response


def progress(upload: Upload, status: Status, code: int, final: int | None = None) -> Response:
    """Return a response that says how far an upload is. It has the fields of both protocols, which mean the same.

    :param code: the status of the response.
    :param final: the status if the upload is finished, and the response may also say which file it has become.
    """
    if status.stored is not None and final is not None:
        response = jsonify(name=status.stored, url=upload.storage.url(status.stored))
        response.status_code = final
    else:
        response = empty(code)
    headers = response.headers
    headers["Upload-Offset"] = str(status.offset)
    headers["Upload-Complete"] = "?0" if status.stored is None else "?1"
    if status.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(status.length)
    if upload.terms.original_name:
        name = upload.terms.original_name.encode(errors="replace")
        headers["Upload-Metadata"] = f"filename {b64encode(name).decode()}"
    if status.stored is None:
        headers["Upload-Expires"] = http_date(status.expires)
    headers["Upload-Limit"] = limits(upload.terms, status.expires.timestamp() - time.time())
    return response


def limits(terms: Terms, seconds: float | None = None) -> str:
    """Return the draft's ``Upload-Limit``.

    :param seconds: how long the upload lives yet.
    """
    known = {
        "max-size": terms.max_size,
        # an upload that has expired is answered 410
        "max-age": None if seconds is None else max(0, ceil(seconds)),
    }
    # the draft wants one limit at least
    return ", ".join(f"{name}={value}" for name, value in known.items() if value is not None) or "min-size=0"


def problem(status: str, title: str, kind: str | None = None, **members: Any) -> Response:
    """Return a response with a problem for programs (RFC 9457).

    :param status: the status; it may have a reason of its own: ``'460 Checksum Mismatch'``.
    :param kind: the type of the problem in the registry of IANA.
    """
    body = {"type": _TYPES + kind if kind else "about:blank", "title": title, "status": int(status[:3]), **members}
    return Response(json.dumps(body), status, mimetype="application/problem+json")


def refused(error: Exception, provided: int | None, *, mismatch: str) -> Response:
    """Return the answer to one of :data:`FAILURES`.

    :param provided: the offset that the client said.
    :param mismatch: the status for bytes that have another checksum.
    """
    if isinstance(error, WrongOffset):
        known = error.status.offset
        response = problem(
            "409",
            "The offset is not that of the upload.",
            "mismatching-upload-offset",
            **{"expected-offset": known, "provided-offset": provided},
        )
        response.headers["Upload-Offset"] = str(known)
    elif isinstance(error, Busy):
        response = with_patience(problem(str(BUSY.code), BUSY.description), BUSY)
    elif isinstance(error, Failed):
        response = problem("503", "The upload could not be finished. All of it is kept. Ask again.")
        response.headers["Retry-After"] = str(ceil(error.seconds))
    elif isinstance(error, Ended):
        return problem(str(ENDED.code), ENDED.description)
    elif isinstance(error, ChecksumMismatch):
        response = problem(mismatch, "The content has another checksum. Nothing of it was kept.")
    elif isinstance(error, TooManyPieces):
        title = f"The upload has too many small parts. Send it in parts of at least {error.size} bytes."
        response = problem("400", title)
    else:
        response = problem("400", "The upload has another length.", "inconsistent-upload-length")
    response.headers["Upload-Complete"] = "?0"
    return response
