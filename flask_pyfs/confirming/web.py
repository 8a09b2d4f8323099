"""The route with which a client confirms what it has sent to the store."""

from __future__ import annotations

from flask import abort, jsonify, request
from flask.typing import ResponseReturnValue

from ..unfinished import Busy, Ended
from ..web.outcomes import BUSY, ENDED, in_json
from .permits import storage_of
from .taking import take

__all__ = ["respond"]


def respond(token: str) -> ResponseReturnValue:
    """Answer a request to ``/-/confirm/<token>``: POST confirms, and answers 201 with the ``name`` and the ``url``."""
    if request.method != "POST":
        abort(405, valid_methods=["POST"])
    storage = storage_of(token)
    try:
        name = take(storage, token)
    except Busy:
        response = in_json(BUSY)
    except Ended:
        response = in_json(ENDED)
    else:
        response = jsonify(name=name, url=storage.url(name))
        response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response
