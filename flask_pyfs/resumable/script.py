"""Serves ``upload.js``, with which pages send files by :meth:`flask_pyfs.Storage.resumable_url`."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Response, abort, request, url_for

__all__ = ["respond", "script_url"]

_YEAR = 365 * 24 * 60 * 60


def script_url() -> str:
    """Return the URL of the script for the current app. It changes with the script, so browsers may keep it.

    >>> import flask, flask_pyfs
    >>> app = flask.Flask("app")
    >>> flask_pyfs.init_app(app)
    >>> with app.test_request_context():
    ...     script_url()
    '/-/upload.js?v=...'
    """
    return url_for("fs.call_room", room="upload.js", v=_script()[1])


def respond(rest: str) -> Response:
    """Answer a request for the script.

    With its version in the query, browsers keep it for a year (RFC 8246). Otherwise they ask for it each time, and get
    304 while it is the same (RFC 9110, section 13.1.2).
    """
    if rest:
        abort(404)
    if request.method not in ("GET", "HEAD"):
        abort(405, valid_methods=["GET", "HEAD"])
    content, version = _script()
    response = Response(content, content_type="text/javascript; charset=utf-8")
    response.set_etag(version)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.args.get("v") == version:
        response.cache_control.public = response.cache_control.immutable = True
        response.cache_control.max_age = _YEAR
    else:
        response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


@cache
def _script() -> tuple[bytes, str]:
    content = Path(__file__).with_name("upload.js").read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]
