"""The routes of the companion that Uppy's ``@uppy/aws-s3`` asks, below the URL of one upload."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from ..arrivals import require_allowed
from ..errors import NotAuthorized
from ..filesystems.parts import MOST_PARTS, WrongParts
from ..state import find
from ..unfinished import Busy, Ended
from ..uploads.refusals import wrong_media_type
from ..web import links
from ..web.outcomes import BUSY, ENDED, Outcome, in_json
from .finish import finished, listed
from .tokens import Begun, Permit
from .upload import PART_LIFETIME, Upload

__all__ = ["respond"]

# of the longest body: that which names 10,000 parts
_LONGEST = 2 * 1024 * 1024

# of the signatures of S3, in seconds; the client asks for the form right before it sends the file
_LONGEST_FORM = 7 * 24 * 60 * 60

_WRONG_PARTS = Outcome(400, "WrongParts", "These are not the parts that were sent. Send the file again.")


def respond(rest: str) -> ResponseReturnValue:
    """Answer a request to ``/-/multipart/<token>/s3/…``, with JSON."""
    token, _, below = rest.partition("/")
    permit = Permit.of(_app(), token)
    try:
        response = _answer(permit, below.split("/"))
    except Busy:
        response = in_json(BUSY)
    except Ended:
        response = in_json(ENDED)
    except WrongParts:
        response = in_json(_WRONG_PARTS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _answer(permit: Permit, path: list[str]) -> Response:
    answers: dict[str, Callable[[], Response]]
    match path:
        case ["s3", "params"]:
            answers = {"GET": lambda: _form(permit)}
        case ["s3", "multipart"]:
            answers = {"POST": lambda: _begin(permit)}
        case ["s3", "multipart", token]:
            answers = {"GET": lambda: _list(_upload(permit, token)), "DELETE": lambda: _cancel(_upload(permit, token))}
        case ["s3", "multipart", token, "complete"]:
            answers = {"POST": lambda: _complete(_upload(permit, token))}
        case ["s3", "multipart", token, number]:
            answers = {"GET": lambda: _sign(_upload(permit, token), number)}
        case _:
            abort(404)
    if request.method not in answers:
        abort(405, valid_methods=[*answers])
    return answers[request.method]()


def _form(permit: Permit) -> Response:
    """Return the form for a file that is not sent in parts: one of the store, or else one of the app's own route."""
    _require_type(permit, request.args.get("type"))
    left = min(_time_left(permit), _LONGEST_FORM)
    state, storage = find(permit.storage), permit.storage
    is_checked = storage.inspects or state.config["confirm"]
    upload = links.signed_upload(state, permit.terms, left, external=True, verifies=is_checked)
    if upload.method != "POST":
        # the client sends forms alone
        upload = links.signed_upload(state, permit.terms, left, external=True, verifies=True)
    # the client wants a key, also for the app's own route
    return jsonify(method=upload.method, url=upload.url, fields={"key": upload.name, **upload.fields})


def _begin(permit: Permit) -> Response:
    asked = _body()
    _time_left(permit)
    require_allowed(find(permit.storage), permit.terms)
    _require_type(permit, asked.get("type"))
    upload = Upload.begin(permit)
    return jsonify(key=permit.key, uploadId=upload.token(_app()))


def _list(upload: Upload) -> Response:
    return jsonify([{"PartNumber": number, "Size": size, "ETag": etag} for number, size, etag in listed(upload)])


def _sign(upload: Upload, number: str) -> Response:
    return jsonify(url=upload.signed_part(_number(number)), expires=PART_LIFETIME)


def _complete(upload: Upload) -> Response:
    parts = _body().get("parts")
    if not isinstance(parts, list):
        raise WrongParts
    wanted = [_part(each) for each in parts]
    numbers = [number for number, _ in wanted]
    if not wanted or numbers != sorted(set(numbers)):
        raise WrongParts
    name = finished(upload, wanted)
    return jsonify(key=name, location=upload.storage.url(name, external=True))


def _cancel(upload: Upload) -> Response:
    upload.cancel()
    return jsonify({})


# What clients send


def _upload(permit: Permit, token: str) -> Upload:
    begun = Begun.of(_app(), permit, token)
    if request.args.get("key") != permit.key:
        raise _unsigned(f"the key is not that of the upload of {permit.terms.name!r}")
    return Upload(permit, begun)


def _body() -> dict[str, Any]:
    # Werkzeug limits no body unless the app does
    sent = request.stream.read(_LONGEST + 1)
    try:
        body = json.loads(sent) if len(sent) <= _LONGEST else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        abort(400)
    return body


def _part(sent: Any) -> tuple[int, str]:
    number, etag = (sent.get("PartNumber"), sent.get("ETag")) if isinstance(sent, dict) else (None, None)
    if type(number) is not int or not isinstance(etag, str):
        raise WrongParts
    return _number(str(number)), etag.strip('"')


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= MOST_PARTS:
        raise _unsigned(f"a part has a number from 1 to {MOST_PARTS}")
    return number


def _require_type(permit: Permit, media_type: Any) -> None:
    terms = permit.terms
    if terms.content_type is not None and str(media_type).partition(";")[0].strip().lower() != terms.content_type:
        raise wrong_media_type(permit.storage.name, terms.name, terms.content_type)


def _time_left(permit: Permit) -> float:
    left = permit.expires - time.time()
    if left <= 0:
        raise _unsigned(f"the URL for the upload of {permit.terms.name!r} has expired")
    return left


def _unsigned(reason: str) -> NotAuthorized:
    return NotAuthorized(
        f"{reason}: the app has not signed this request",
        user_message="This link is not valid, or not any more. Ask for a new one.",
    )


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app
