"""The app's routes: they serve files, and accept uploads with a signed URL."""

from __future__ import annotations

import os

from flask import Blueprint, Response, abort, current_app, jsonify, request
from werkzeug.datastructures import FileStorage

from . import names
from .errors import FileExists, InvalidPath, UnauthorizedFileType
from .signals import file_uploaded
from .state import find
from .storage import Storage
from .web.access import is_allowed
from .web.delivery import claims_of
from .web.signing import SIGNATURE

# the bytes that a form may have besides its file
_FORM = 64 * 1024


def make_blueprint() -> Blueprint:
    """Return the blueprint ``fs`` with the routes ``fs.get_file`` and ``fs.put_file``."""
    blueprint = Blueprint("fs", __name__)
    blueprint.add_url_rule("/<fs>/<path:filename>", "get_file", _get_file)
    blueprint.add_url_rule("/<fs>/<path:filename>", "put_file", _put_file, methods=["POST"])
    return blueprint


def _served(name: str) -> Storage:
    storage: Storage | None = current_app.extensions["fs"].get(name)
    if storage is None or not storage.is_served:
        abort(404)
    return storage


def _get_file(fs: str, filename: str) -> Response:
    storage = _served(fs)
    if (storage.config["private"] or SIGNATURE in request.args) and not _is_signed(storage, filename):
        abort(403)
    return storage.serve(filename)


def _is_signed(storage: Storage, filename: str) -> bool:
    try:
        name = names.normalize(filename)
    except InvalidPath:
        return False
    return claims_of(find(storage), name, "read") is not None


def _put_file(fs: str, filename: str) -> tuple[Response, int]:
    storage = _served(fs)
    if SIGNATURE not in request.args:
        abort(405, valid_methods=["GET", "HEAD", "OPTIONS"])
    try:
        name = names.normalize(filename)
    except InvalidPath:
        abort(403)
    state = find(storage)
    claims = claims_of(state, name, "write")
    if claims is None or not is_allowed(state, name, "write", signed=True):
        abort(403)
    upload = _uploaded(int(claims["size"]) if "size" in claims else None)
    media_type = claims.get("type")
    if upload.mimetype != (media_type or upload.mimetype) or not storage.file_allowed(upload, name.rpartition("/")[2]):
        abort(415)
    options = {} if media_type is None else {"content_type": media_type}
    try:
        with storage.prepared(upload, name) as content:
            state.operations.save(content, name, overwrite="overwrite" in claims, **options)
    except (FileExists, InvalidPath):
        # InvalidPath: a parent of the name is a file
        abort(409)
    except UnauthorizedFileType:
        abort(415)
    file_uploaded.send(storage, filename=name)
    return jsonify(name=name, url=storage.url(name)), 201


def _uploaded(limit: int | None) -> FileStorage:
    if limit is not None and (request.content_length is None or request.content_length > limit + _FORM):
        # before any of the body is read
        abort(413)
    upload = request.files.get("file")
    if upload is None:
        abort(400, "the form has no file in its field 'file'")
    if limit is not None and _size_of(upload) > limit:
        abort(413)
    return upload


def _size_of(upload: FileStorage) -> int:
    size = upload.stream.seek(0, os.SEEK_END)
    upload.stream.seek(0)
    return size
