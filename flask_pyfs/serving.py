"""Files over HTTP: a file of a storage becomes a response."""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Any, BinaryIO
from urllib.parse import quote

from flask import Blueprint, Response, abort, current_app, request
from werkzeug.wsgi import FileWrapper

from . import files
from .filesystems.store import CHUNK_SIZE, Facts

__all__ = ["make_blueprint", "respond", "wanted"]

_BINARY = "application/octet-stream"
_SCRIPTS = {"application/ecmascript", "application/javascript", "application/x-javascript", "text/ecmascript"}
_DOCUMENTS = {"text/html", "text/xml", "text/xsl", "application/xml", "application/x-shockwave-flash", "text/mathml"}


def make_blueprint() -> Blueprint:
    """Return the blueprint ``fs`` with the route ``fs.get_file``."""
    blueprint = Blueprint("fs", __name__)
    blueprint.add_url_rule("/<fs>/<path:filename>", "get_file", _get_file)
    return blueprint


def _get_file(fs: str, filename: str) -> Response:
    storage: Any = current_app.extensions["fs"].get(fs)
    if storage is None or not storage.is_served:
        abort(404)
    response: Response = storage.serve(filename)
    return response


def wanted() -> tuple[int, int | None]:
    """Return the first byte that the current request asks for, which is negative where it counts from the end, and the
    byte before which it stops, None for the end.
    """
    if request.method == "HEAD":
        return 0, 0
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return 0, None
    start, stop = asked.ranges[0]
    return start, stop


class _Pieces(FileWrapper):
    def __next__(self) -> bytes:
        # unlike read, it does not ask for bytes behind the range to make a full piece
        piece: bytes = self.file.read1(self.buffer_size)  # type: ignore[attr-defined]
        if not piece:
            raise StopIteration
        return piece


def respond(name: str, facts: Facts, file: BinaryIO) -> Response:
    """Answer the current request with a file, or with 304, 206 or 416 as its headers ask for.

    :param name: the file's name.
    :param facts: what its store says of it.
    :param file: its content, seekable; it is closed with the response.
    """
    media_type, parameters = _type_of(name, facts)
    # a body that can seek starts where the range does
    response = Response(_Pieces(file, CHUNK_SIZE), mimetype=media_type, direct_passthrough=True)
    if parameters:
        response.headers["Content-Type"] = media_type + parameters
    response.content_length = facts.size
    response.last_modified = facts.modified
    if facts.etag is not None:
        response.set_etag(facts.etag)
    _set_cache_control(response, name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if media_type in _DOCUMENTS or media_type.endswith("+xml"):
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if request.args.get("download", "0") not in ("", "0"):
        _set_attachment(response, name.rpartition("/")[2])
    environ = dict(request.environ)
    _simplify_range(environ, facts.size)
    response.make_conditional(environ, accept_ranges=True, complete_length=facts.size)
    if response.status_code == 412:
        abort(412)
    if request.method == "HEAD" or response.status_code == 304:
        # the body is not wanted, so its connection need not wait for the client
        response.close()
    return response


def _simplify_range(environ: dict[str, Any], size: int) -> None:
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        # several ranges may be answered with the whole (RFC 9110, section 14.2), and what is none must be
        environ.pop("HTTP_RANGE", None)
    elif size and asked.ranges[0][0] < -size:
        # a suffix that is longer than the file is the file (RFC 9110, section 14.1.2)
        environ["HTTP_RANGE"] = "bytes=0-"


def _type_of(name: str, facts: Facts) -> tuple[str, str]:
    """Return the media type of a file, in lower case, and its parameters."""
    known = facts.content_type or files.mime(name, _BINARY)
    # of several, browsers take the last one
    match = None if "," in known else re.fullmatch(r"([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(;.*)?", known.strip(), re.ASCII)
    if match is None:
        return _BINARY, ""
    media_type = match[1].lower()
    if media_type in _SCRIPTS or media_type.endswith("/javascript"):
        # with nosniff, a page cannot load it as a script
        media_type = "text/plain"
    return media_type, match[2] or ""


def _set_cache_control(response: Response, name: str) -> None:
    max_age = current_app.get_send_file_max_age(name)
    if max_age is None:
        response.cache_control.no_cache = True
    else:
        response.cache_control.public = True
        response.cache_control.max_age = max_age


def _set_attachment(response: Response, basename: str) -> None:
    # RFC 6266, section 4.3, with the encoding of RFC 8187
    plain = unicodedata.normalize("NFKD", basename).encode("ascii", "ignore").decode()
    stem, ext = os.path.splitext(plain)
    if stem.startswith(".") and not ext and not basename.startswith("."):
        # nothing of the name but its extension is ASCII
        stem, ext = "", stem
    parameters = {"filename": (stem or "download") + ext}
    if plain != basename:
        parameters["filename*"] = f"UTF-8''{quote(basename, safe='')}"
    response.headers.set("Content-Disposition", "attachment", **parameters)
