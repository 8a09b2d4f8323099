"""The route with which a client confirms what it has sent to the store."""

from __future__ import annotations

from flask import Response, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from ..storage import Storage
from ..unfinished import Busy
from ..web.signing import storage_in
from .permits import unknown
from .taking import take

__all__ = ["respond"]


def respond(token: str) -> ResponseReturnValue:
    """Answer a request to ``/-/confirm/<token>``: POST confirms, and answers 201 with the ``name`` and the ``url``."""
    if request.method != "POST":
        abort(405, valid_methods=["POST"])
    storage: Storage | None = current_app.extensions["fs"].get(storage_in(token))
    if storage is None:
        raise unknown("the app")
    try:
        name = take(storage, token)
    except Busy:
        response = Response(status=423, headers={"Retry-After": "1"})
    else:
        response = jsonify(name=name, url=storage.url(name))
        response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response
