"""The route of uploads that survive interruptions: two protocols on one URL, told apart by the fields of requests."""

from __future__ import annotations

from functools import partial

from flask import Response, abort, after_this_request, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, LengthRequired, UnsupportedMediaType

from ..errors import FileExists, FileTooLarge, NotAuthorized
from ..uploads.terms import Terms
from . import ietf, tus
from .answers import FAILURES, empty, limits, problem, progress, refused
from .beginning import begin
from .body import linger
from .fields import integer
from .outcomes import WrongLength
from .upload import Upload

__all__ = ["respond"]

_METHODS = ["OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"]


def respond(token: str) -> ResponseReturnValue:
    """Answer a request to ``/-/upload/<token>``: as tus 1.0.0 if it has ``Tus-Resumable``, else as the IETF's draft.

    POST begins an upload with the token of a URL that :meth:`~flask_pyfs.Storage.resumable_url` returned. All other
    methods are for the URL that its answer names.
    """
    if not token:
        abort(404)
    after_this_request(_described)
    method = request.headers.get("X-HTTP-Method-Override", request.method).strip().upper()
    if method not in _METHODS:
        abort(405, valid_methods=_METHODS)
    if method != "OPTIONS" and request.headers.get("Tus-Resumable", tus.VERSION) != tus.VERSION:
        return tus.wrong_version()
    try:
        return _answer(method, token)
    except FAILURES as error:
        if isinstance(error, WrongLength):
            _tell_limits(token)
        mismatch = "460 Checksum Mismatch" if tus.speaks(request) else "400"
        return refused(error, integer(request.headers, "Upload-Offset"), mismatch=mismatch)
    except (BadRequest, LengthRequired, UnsupportedMediaType) as error:
        # a program reads it, whatever pages of errors the app has
        return problem(str(error.code), str(error.description))
    except FileTooLarge:
        _tell_limits(token)
        raise
    except FileExists as error:
        if tus.speaks(request):
            # for a client of tus, 409 is a wrong offset: some would begin again and again, and send the whole file
            error.code = 422
        raise


def _described(response: Response) -> Response:
    response.headers["Tus-Resumable"] = tus.VERSION
    # a cache may keep some statuses of errors as well, and no answer is true for long
    response.headers["Cache-Control"] = "no-store"
    if response.status_code >= 400:
        response.call_on_close(partial(linger, request._get_current_object()))  # type: ignore[attr-defined]
    return response


def _tell_limits(token: str) -> None:
    limit = limits(_terms(token))

    @after_this_request
    def tell(response: Response) -> Response:
        response.headers["Upload-Limit"] = limit
        return response


def _answer(method: str, token: str) -> Response:
    if method == "OPTIONS":
        return _options(token)
    if method in ("POST", "PATCH"):
        if tus.speaks(request):
            return tus.create(token) if method == "POST" else tus.append(token)
        if ietf.speaks(request):
            return ietf.create(token) if method == "POST" else ietf.append(token)
        if tus.speaks_no_version(request):
            return tus.wrong_version()
        return problem("400", "Say Tus-Resumable: 1.0.0, or Upload-Complete: ?0 or ?1.")
    upload = Upload.opened(token)
    if method == "DELETE":
        upload.cancel()
        return empty(204)
    with ietf.processing():
        status = upload.status()
    # Werkzeug sends no content for HEAD
    return progress(upload, status, 204, final=200)


def _options(token: str) -> Response:
    terms = _terms(token)
    response = tus.options(terms)
    response.headers["Upload-Limit"] = limits(terms)
    response.headers["Allow"] = ", ".join(_METHODS)
    return response


def _terms(token: str) -> Terms:
    try:
        return Upload.opened(token).terms
    except NotAuthorized:
        return begin(token, None, None).terms
