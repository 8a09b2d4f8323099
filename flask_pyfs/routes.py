"""The app's routes: they serve files, and accept uploads with a signed URL."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from . import names
from .arrivals import require_allowed, stored
from .backends.contract import StoredName
from .errors import FileNotFound, InvalidPath, NotAuthorized
from .keys import storage_key
from .state import find
from .storage import Storage
from .uploads.refusals import NOTHING_CHOSEN, too_large, unmeasured
from .uploads.terms import Terms
from .web.cors import allow_pages
from .web.delivery import claims_of
from .web.failures import answered, http_error
from .web.signing import RENDER, SIGNATURE
from .web.urls import NameConverter, with_query

_log = logging.getLogger(__name__)

#: The group of entry points that name rooms with routes of their own.
ROOMS = "flask_pyfs.routes"

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

# the bytes that a form may have besides its file
_FORM = 64 * 1024


def make_blueprint() -> Blueprint:
    """Return the blueprint ``fs`` with the routes ``fs.get_file``, ``fs.put_file`` and ``fs.call_room``."""
    blueprint = Blueprint("fs", __name__)
    blueprint.record(lambda setup: setup.app.url_map.converters.update(fs_name=NameConverter))
    url = "/<fs>/<fs_name:filename>"
    blueprint.add_url_rule(url, "get_file", _get_file, provide_automatic_options=False)
    blueprint.add_url_rule(url, "put_file", _put_file, methods=["POST", "OPTIONS"], provide_automatic_options=False)
    # no storage has this name
    blueprint.add_url_rule("/-/<room>", "call_room", call_room, methods=_METHODS)
    blueprint.add_url_rule("/-/<room>/<path:rest>", "call_room", call_room, methods=_METHODS)
    return blueprint


def call_room(room: str, rest: str = "") -> ResponseReturnValue:
    """Answer a request below ``/-/``, whatever FS_SERVE says: each room above has a name there and answers itself.

    A room registers a callable, ``respond(rest)``, by an entry point with its name. Its first request imports it.
    """
    entry = _rooms().get(room)
    if entry is None:
        abort(404)
    if (preflight := allow_pages(_METHODS)) is not None:
        return preflight
    with answered():
        respond: Callable[[str], ResponseReturnValue] = entry.load()
        return respond(rest)


@cache
def _rooms() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ROOMS)}


def _served(name: str, filename: str) -> tuple[Storage, str]:
    storage: Storage | None = current_app.extensions["fs"].get(name)
    if storage is None and filename.startswith("/") and current_app.url_map.merge_slashes:
        # Werkzeug does this for the other routes of the app, from which this one takes the URL
        merged = quote(re.sub("/{2,}", "/", request.root_path + request.path))
        query = request.query_string.decode("latin-1")
        abort(redirect(with_query(merged, query) if query else merged, 308))
    if storage is None:
        abort(404)
    if not storage.is_served:
        raise http_error(_unserved(storage))
    # Werkzeug replaces the bytes that are not UTF-8
    return storage, _as_sent(filename) if "\ufffd" in filename else filename


def _as_sent(filename: str) -> str:
    # a disk may have names that are not UTF-8 (PEP 383)
    sent = request.environ["PATH_INFO"].encode("latin-1").split(b"/")
    return b"/".join(sent[-1 - filename.count("/") :]).decode(errors="surrogateescape")


def _unserved(storage: Storage) -> FileNotFound:
    key = storage_key(storage.name, "SERVE")
    message = f"storage {storage.name!r} is not served, so its URLs are answered 404: set FS_SERVE or {key} to True"
    if find(storage).is_first("not served"):
        _log.warning("%s", message)
    return FileNotFound(message, storage=storage.name)


def _get_file(fs: str, filename: str) -> Response:
    storage, filename = _served(fs, filename)
    if SIGNATURE not in request.args and not storage.config["private"]:
        return storage.serve(filename)
    state = find(storage)
    # a signature is one of exactly this spelling
    is_known = not names.is_refused(filename)
    is_rendition = is_known and RENDER in request.args and _lazy().is_wanted(state, filename)
    is_readable = is_known and claims_of(state, filename, "read") is not None
    if not is_readable and (storage.config["private"] or not is_rendition):
        raise http_error(_unsigned(storage, filename))
    return _lazy().respond(storage, filename) if is_rendition else storage.serve(filename)


def _lazy() -> ModuleType:
    # only the URLs of thumbnails need it
    from .renditions import lazy

    return lazy


def _unsigned(storage: Storage, filename: str) -> NotAuthorized:
    return NotAuthorized(
        f"the URL of {filename!r} in storage {storage.name!r} has no valid signature, or one that has expired",
        path=filename,
        storage=storage.name,
        user_message="This link is not valid, or not any more. Ask for a new one.",
    )


def _put_file(fs: str, filename: str) -> ResponseReturnValue:
    # a form needs no preflight, but a script that shows how far it is does
    preflight = allow_pages(["POST"]) if SIGNATURE in request.args else None
    if request.method == "OPTIONS":
        return preflight or current_app.make_default_options_response()
    storage, filename = _served(fs, filename)
    if SIGNATURE not in request.args:
        abort(405, valid_methods=["GET", "HEAD", "OPTIONS"])
    with answered():
        known = _stored(storage, filename)
    return jsonify(name=known, url=storage.url(known)), 201


def _stored(storage: Storage, filename: str) -> StoredName:
    try:
        name = names.normalize(names.given(filename))
    except InvalidPath as error:
        raise _unsigned(storage, filename) from error
    state = find(storage)
    claims = claims_of(state, filename, "write")
    if claims is None:
        raise _unsigned(storage, filename)
    sizes = [state.config["max_size"], int(claims["size"]) if "size" in claims else None]
    limit = min((size for size in sizes if size is not None), default=None)
    terms = Terms(name, "overwrite" in claims, claims.get("type"), limit)
    require_allowed(state, terms)
    return stored(storage, _uploaded(storage.name, name, limit), terms)


def _uploaded(storage: str, name: str, limit: int | None) -> FileStorage:
    if limit is not None:
        # before any of the body is read
        if request.content_length is None:
            raise unmeasured(storage, name, limit)
        if request.content_length > limit + _FORM:
            raise too_large(storage, name, limit)
    upload = request.files.get("file")
    size = None if upload is None else _size_of(upload)
    if upload is None or not (size or upload.filename):
        raise InvalidPath("the form has no file in its field 'file'", storage=storage, user_message=NOTHING_CHOSEN)
    if limit is not None and size is not None and size > limit:
        raise too_large(storage, name, limit)
    return upload


def _size_of(upload: FileStorage) -> int:
    size = upload.stream.seek(0, os.SEEK_END)
    upload.stream.seek(0)
    return size
