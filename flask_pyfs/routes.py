"""The app's routes: they serve files, and accept uploads with a signed URL."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, jsonify, redirect, request
from werkzeug.datastructures import FileStorage

from . import names
from .backends.contract import StoredName
from .display_names import display_name
from .errors import EmptyUpload, FileExists, FileTooLarge, InvalidPath, UnauthorizedFileType
from .signals import file_uploaded
from .state import State, find
from .storage import Storage
from .uploads.intake import allows
from .web.access import is_allowed
from .web.delivery import claims_of
from .web.signing import SIGNATURE
from .web.urls import NameConverter, with_query

# the bytes that a form may have besides its file
_FORM = 64 * 1024


def make_blueprint() -> Blueprint:
    """Return the blueprint ``fs`` with the routes ``fs.get_file`` and ``fs.put_file``."""
    blueprint = Blueprint("fs", __name__)
    blueprint.record(lambda setup: setup.app.url_map.converters.update(fs_name=NameConverter))
    blueprint.add_url_rule("/<fs>/<fs_name:filename>", "get_file", _get_file)
    blueprint.add_url_rule("/<fs>/<fs_name:filename>", "put_file", _put_file, methods=["POST"])
    return blueprint


def _served(name: str, filename: str) -> tuple[Storage, str]:
    storage: Storage | None = current_app.extensions["fs"].get(name)
    if storage is None and filename.startswith("/") and current_app.url_map.merge_slashes:
        # Werkzeug does this for the other routes of the app, from which this one takes the URL
        merged = quote(re.sub("/{2,}", "/", request.root_path + request.path))
        query = request.query_string.decode("latin-1")
        abort(redirect(with_query(merged, query) if query else merged, 308))
    if storage is None or not storage.is_served:
        abort(404)
    # Werkzeug replaces the bytes that are not UTF-8
    return storage, _as_sent(filename) if "\ufffd" in filename else filename


def _as_sent(filename: str) -> str:
    # a disk may have names that are not UTF-8 (PEP 383)
    sent = request.environ["PATH_INFO"].encode("latin-1").split(b"/")
    return b"/".join(sent[-1 - filename.count("/") :]).decode(errors="surrogateescape")


def _get_file(fs: str, filename: str) -> Response:
    storage, filename = _served(fs, filename)
    if (storage.config["private"] or SIGNATURE in request.args) and not _is_signed(storage, filename):
        abort(403)
    return storage.serve(filename)


def _is_signed(storage: Storage, filename: str) -> bool:
    # a signature is one of exactly this spelling
    return not names.is_refused(filename) and claims_of(find(storage), filename, "read") is not None


def _put_file(fs: str, filename: str) -> tuple[Response, int]:
    storage, filename = _served(fs, filename)
    if SIGNATURE not in request.args:
        abort(405, valid_methods=["GET", "HEAD", "OPTIONS"])
    try:
        name = names.normalize(names.given(filename))
    except InvalidPath:
        abort(403)
    state = find(storage)
    claims = claims_of(state, filename, "write")
    if claims is None or not is_allowed(state, name, "write", signed=True) or not _may_replace(state, name, claims):
        abort(403)
    sizes = [state.config["max_size"], int(claims["size"]) if "size" in claims else None]
    upload = _uploaded(min((size for size in sizes if size is not None), default=None))
    media_type = claims.get("type")
    if upload.mimetype != (media_type or upload.mimetype) or not allows(storage, upload, name.rpartition("/")[2]):
        abort(415)
    options = {} if media_type is None else {"content_type": media_type}
    try:
        with storage.prepared(upload, name) as content:
            stored = state.operations.save(content, name, overwrite="overwrite" in claims, **options)
    except (FileExists, InvalidPath):
        # InvalidPath: a parent of the name is a file
        abort(409)
    except UnauthorizedFileType:
        abort(415)
    except FileTooLarge:
        abort(413)
    except EmptyUpload:
        # a subclass of the app has read it
        abort(400, "nothing is left of the file")
    known = stored if isinstance(stored, StoredName) else StoredName(name)
    known.original_name = display_name(upload.filename)
    file_uploaded.send(storage, filename=known)
    return jsonify(name=known, url=storage.url(known)), 201


def _may_replace(state: State, name: str, claims: dict[str, str]) -> bool:
    if "overwrite" not in claims or state.config["authorize"] is None:
        return True
    # AUTHORIZE has allowed no other spelling when the URL was signed
    others = (each for each in state.operations.spellings(name) if each != name)
    return all(not state.operations.exists(names.Exact(each)) or is_allowed(state, each, "write") for each in others)


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
