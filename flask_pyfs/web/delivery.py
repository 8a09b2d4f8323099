"""The app's routes: files go out, and uploads for which a URL was signed come in."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request
from werkzeug.datastructures import FileStorage

from .. import files, names
from ..errors import FileExists, FileNotFound, InvalidPath, UnauthorizedFileType
from ..signals import before_display, file_uploaded
from ..state import State, find
from ..uploads.prepare import prepared
from . import responses
from .access import Access, is_allowed
from .signing import SIGNATURE, lifetime_of, verified

__all__ = ["make_blueprint", "serve"]

# seconds for which a client that is sent to the store may read there
_REDIRECTED = 60 * 60

# what a form may be longer than the file in it, in bytes
_FORM = 64 * 1024


def make_blueprint() -> Blueprint:
    """Return the blueprint ``fs`` with the routes ``fs.get_file`` and ``fs.put_file``."""
    blueprint = Blueprint("fs", __name__)
    blueprint.add_url_rule("/<fs>/<path:filename>", "get_file", _get_file)
    blueprint.add_url_rule("/<fs>/<path:filename>", "put_file", _put_file, methods=["POST"])
    return blueprint


def _served(fs: str) -> Any:
    storage = current_app.extensions["fs"].get(fs)
    if storage is None or not storage.is_served:
        abort(404)
    return storage


def _get_file(fs: str, filename: str) -> Response:
    storage = _served(fs)
    if _signed_until(storage, filename) is None and (storage.config["private"] or SIGNATURE in request.args):
        abort(403)
    response: Response = storage.serve(filename)
    return response


def _signed_until(storage: Any, filename: str) -> int | None:
    try:
        name = names.normalize(filename)
    except InvalidPath:
        return None
    said = verified(current_app, storage.name, "read", name, request.args)
    return None if said is None else int(said["expires"])


def serve(storage: Any, state: State, name: str) -> Response:
    """Answer the current request with a file of a storage.

    :raises werkzeug.exceptions.HTTPException: 403 where AUTHORIZE does not allow it, 404 where there is no such file.
    """
    until = _signed_until(storage, name)
    if not is_allowed(Access(storage, name, "read", signed=until is not None)):
        abort(403)
    try:
        response = current_app.make_response(_answer(storage, state, name))
    except (FileNotFound, InvalidPath):
        abort(404)
    responses.harden(state.config, response)
    if until is not None and response.cache_control.max_age:
        # nobody may have it from a cache for longer than from here
        response.cache_control.max_age = min(response.cache_control.max_age, int(until - time.time()))
    return response


def _answer(storage: Any, state: State, name: str) -> Response:
    config = state.config

    def announce() -> None:
        before_display.send(storage, filename=name)

    media_type = files.mime(name)
    # the store would not say nosniff, without which a page can load a script
    if config["serve_mode"] == "redirect" and request.method == "GET" and not responses.is_script(media_type):
        active = responses.is_active(media_type)
        disposition = responses.attachment(name) if active or responses.is_download() else None
        if url := state.operations.signed_url(name, *lifetime_of(_REDIRECTED), disposition=disposition):
            announce()
            return responses.redirection(url)
    if config["serve_mode"] == "sendfile" and storage.root and (facts := state.operations.facts(name)):
        announce()
        return responses.respond_by_server(config, name, facts, storage.root)
    return state.operations.serve(name, partial(responses.respond, config), announce, responses.wanted())


def _put_file(fs: str, filename: str) -> tuple[Response, int]:
    storage = _served(fs)
    if SIGNATURE not in request.args:
        abort(405, valid_methods=["GET", "HEAD", "OPTIONS"])
    try:
        name = names.normalize(filename)
    except InvalidPath:
        abort(403)
    said = verified(current_app, storage.name, "write", name, request.args)
    if said is None or not is_allowed(Access(storage, name, "write", signed=True)):
        abort(403)
    limit = int(said["size"]) if "size" in said else None
    if limit is not None and (request.content_length is None or request.content_length > limit + _FORM):
        # before anything of it is read
        abort(413)
    upload = request.files.get("file")
    if upload is None:
        abort(400, "the form has no file in its field 'file'")
    if limit is not None and _size_of(upload) > limit:
        abort(413)
    media_type = said.get("type")
    if upload.mimetype != (media_type or upload.mimetype) or not storage.file_allowed(upload, name.rpartition("/")[2]):
        abort(415)
    options = {} if media_type is None else {"content_type": media_type}
    try:
        state = find(storage)
        with prepared(upload, name, storage.extensions, state.config, storage.name) as content:
            state.operations.save(content, name, overwrite="overwrite" in said, **options)
    except (FileExists, InvalidPath):
        # or a parent of it is a file
        abort(409)
    except UnauthorizedFileType:
        abort(415)
    file_uploaded.send(storage, filename=name)
    return jsonify(name=name, url=storage.url(name)), 201


def _size_of(upload: FileStorage) -> int:
    size = upload.stream.seek(0, os.SEEK_END)
    upload.stream.seek(0)
    return size
