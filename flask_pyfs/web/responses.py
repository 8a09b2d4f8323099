"""Responses with files: status, headers and body, for the current request."""

from __future__ import annotations

import io
import os
import re
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timezone
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from flask import Response, abort, current_app, request
from werkzeug.wsgi import FileWrapper, wrap_file

from ..backends.contract import Wanted
from ..config import Config
from ..display_names import attachment
from ..files import mime
from ..filesystems.base import CHUNK_SIZE
from ..filesystems.store import Facts
from .charset import LOOKED_AT, charset_of, is_worth_looking
from .conditions import CONDITIONS, range_applies, status_of, version_known

_BINARY = "application/octet-stream"
# the JavaScript MIME types (WHATWG MIME Sniffing, section 4.6)
_SCRIPT = re.compile(r"(application|text)/(x-)?(ecma|java)script|text/(javascript1\.[0-5]|jscript|livescript)")
# the names of encodings (WHATWG Encoding, section 4.2)
_CHARSET = re.compile(r"[\w.:+-]+", re.ASCII)
_DOCUMENTS = {"text/html", "text/xml", "text/xsl", "application/xml", "application/x-shockwave-flash", "text/mathml"}

# in ISO-8859-1, as a store sends it and as WSGI takes it
_HEADER_VALUE = re.compile("[!-~\x80-\xff]([\t -~\x80-\xff]*[!-~\x80-\xff])?")

_YEAR = 365 * 24 * 60 * 60


def wanted() -> Wanted:
    """Return what the current request asks for."""
    start, stop = (0, 0) if request.method == "HEAD" else _range() or (0, None)
    unless, conditional = version_known() if _is_conditional() else (None, False)
    return Wanted(start, stop, unless, conditional)


def _is_conditional() -> bool:
    return not CONDITIONS.isdisjoint(request.environ)


class _Pieces(FileWrapper):
    def __init__(self, file: BinaryIO, guard: AbstractContextManager[Any]) -> None:
        super().__init__(file, CHUNK_SIZE)
        self._guard = guard
        self._first = b""

    def __del__(self) -> None:
        # a test client may drop a response unread; files of stores close themselves
        if _is_real(self.file):
            self.close()

    def release(self) -> BinaryIO:
        """Return the file, at its beginning. The caller has to close it."""
        if self._first:
            self.file.seek(0)
        file, self.file = cast(BinaryIO, self.file), io.BytesIO()
        return file

    def first(self, size: int) -> bytes:
        """Return the first bytes, which will be sent as any."""
        while len(self._first) < size and (piece := self._read(size - len(self._first))):
            self._first += piece
        return self._first

    def __next__(self) -> bytes:
        piece, self._first = self._first, b""
        piece = piece or self._read(self.buffer_size)
        if not piece:
            raise StopIteration
        return piece

    def _read(self, size: int) -> bytes:
        with self._guard:
            # unlike read, it does not ask for bytes behind the range to make a full piece
            read = getattr(self.file, "read1", self.file.read)
            piece: bytes = read(size)
        return piece

    def seek(self, *arguments: int) -> None:
        with self._guard:
            super().seek(*arguments)

    def close(self) -> None:
        with self._guard:
            super().close()


def _is_real(file: Any) -> bool:
    # a file of the operating system, not a wrapper
    return isinstance(getattr(file, "raw", None), io.FileIO)


def respond(config: Config, name: str, facts: Facts, file: BinaryIO, guard: AbstractContextManager[Any]) -> Response:
    """Return a response with a file: 200, or 206 or 304 as the headers of the current request demand.

    :param config: the settings of the storage.
    :param name: the file's name.
    :param facts: the facts of the file.
    :param file: its content, seekable. The response closes it.
    :param guard: the context that translates the errors of reading the file.
    :raises werkzeug.exceptions.HTTPException: 412 if a condition fails, 416 if the file has none of the bytes.
    """
    response = _described(config, name, facts.content_type)
    # Werkzeug seeks to the start of the range
    response.response = pieces = _Pieces(file, guard)
    response.content_length = facts.size
    response.last_modified = facts.modified
    if facts.etag is not None:
        response.set_etag(facts.etag)
    status = status_of(facts) if _is_conditional() else 200
    if status == 412:
        abort(412)
    # Range applies only if the response would be 200 (RFC 9110, section 13.2.2)
    asked = _range() if status == 200 else None
    if asked is not None and range_applies(facts):
        response.make_conditional(_range_environ(facts, asked), accept_ranges=True, complete_length=facts.size)
    else:
        # Werkzeug would parse the date that was just formatted, for conditions that are judged already
        _offer_ranges(response)
    if status == 304:
        response.status_code = status
    if response.status_code != 304 and (facts.content_encoding or facts.content_disposition or facts.content_language):
        _describe_as_stored(response, facts)
    if request.method == "HEAD" or response.status_code == 304:
        # without a body, the connection to the store can be freed before the client reads
        response.close()
    elif response.status_code == 200:
        if _may_lack_charset(response):
            _add_charset(response, pieces.first(min(facts.size, LOOKED_AT)))
        if "wsgi.file_wrapper" in request.environ and _is_real(file):
            # the server may send a file of the operating system faster, as by sendfile
            response.response = wrap_file(request.environ, pieces.release(), CHUNK_SIZE)
    return response


def not_modified(config: Config, name: str, etag: str) -> Response:
    """Return a response with the status 304.

    :param etag: the entity tag of the current version, which the client has.
    """
    response = _described(config, name, None)
    response.status_code = 304
    _offer_ranges(response)
    response.set_etag(etag)
    return response


def _offer_ranges(response: Response) -> None:
    response.date = datetime.now(timezone.utc)
    response.accept_ranges = "bytes"


def respond_by_server(config: Config, name: str, facts: Facts, path: str, below: str) -> Response:
    """Return a response without a body that tells the web server in front of the app to send a file.

    :param path: the absolute path of the file in the operating system.
    :param below: its path below the directory that ACCEL_URL stands for.
    """
    response = _described(config, name, facts.content_type)
    if request.method == "GET" and _may_lack_charset(response):
        with suppress(OSError), open(path, "rb") as file:
            _add_charset(response, file.read(LOOKED_AT))
    if is_active(response.mimetype):
        # nginx drops Content-Security-Policy from a response with X-Accel-Redirect
        response.headers["Content-Disposition"] = attachment(name)
    if config["accel_url"]:
        sent = quote(os.path.normpath(below).lstrip("/"), errors="surrogateescape")
        response.headers["X-Accel-Redirect"] = f"{config['accel_url'].rstrip('/')}/{sent}"
    else:
        response.headers["X-Sendfile"] = quote(os.path.normpath(path), errors="surrogateescape")
    return response


def redirection(url: str) -> Response:
    """Return a redirect to a signed URL. No cache may reuse it without asking the app."""
    response = current_app.response_class(status=302)
    response.location = url
    response.cache_control.no_cache = True
    return response


def harden(config: Config, response: Response) -> None:
    """Stop browsers from running the content of a file, and shared caches from keeping a private one."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if is_script(response.mimetype):
        # with this type and nosniff, a page cannot load the file as a script
        charset = _CHARSET.fullmatch(response.mimetype_params.get("charset", ""))
        # the setter of Werkzeug would add a charset
        response.headers["Content-Type"] = f"text/plain; charset={charset[0]}" if charset else "text/plain"
    if is_active(response.mimetype):
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if config["private"] or config["authorize"] is not None:
        response.cache_control.public = False
        response.cache_control.private = True


def is_script(media_type: str | None) -> bool:
    """Return whether a page can load a file of this media type as a script."""
    return media_type is not None and _SCRIPT.fullmatch(media_type.lower()) is not None


def is_active(media_type: str | None) -> bool:
    """Return whether a browser may run content of this media type, such as the scripts of a page."""
    return media_type is not None and (media_type in _DOCUMENTS or media_type.endswith("+xml"))


def _described(config: Config, name: str, content_type: str | None) -> Response:
    media_type, parameters = _type_of(name, content_type)
    response = current_app.response_class(direct_passthrough=True)
    # Werkzeug would add a charset to a mimetype
    response.headers["Content-Type"] = media_type + parameters
    _set_cache_control(config, response, name)
    return response


def _describe_as_stored(response: Response, facts: Facts) -> None:
    """Pass on what the store keeps about the content, unless it is no value of a header (RFC 9110, section 5.5)."""
    kept = {
        "Content-Encoding": facts.content_encoding,
        "Content-Language": facts.content_language,
        # what the client asked for, or what is safe, goes first
        "Content-Disposition": None if "Content-Disposition" in response.headers else facts.content_disposition,
    }
    for header, value in kept.items():
        if value is not None and _HEADER_VALUE.fullmatch(value):
            response.headers[header] = value


def _may_lack_charset(response: Response) -> bool:
    kind = response.mimetype or ""
    if "Content-Encoding" in response.headers:
        # these bytes are not the text
        return False
    return "charset" not in response.mimetype_params and (is_worth_looking(kind) or is_script(kind))


def _add_charset(response: Response, head: bytes) -> None:
    if charset := charset_of(response.mimetype or "", head):
        response.headers["Content-Type"] += f"; charset={charset}"


def _range() -> tuple[int, int | None] | None:
    if "HTTP_RANGE" not in request.environ:
        return None
    asked = request.range
    # RFC 9110, section 14.2: Range is defined only for GET; a server ignores an invalid one, and may ignore several
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    start, stop = asked.ranges[0]
    return start, stop


def _range_environ(facts: Facts, asked: tuple[int, int | None]) -> dict[str, Any]:
    environ = {name: value for name, value in request.environ.items() if not name.startswith("HTTP_IF_")}
    if facts.size and asked[0] < -facts.size:
        # a suffix longer than the file means the whole file (RFC 9110, section 14.1.2)
        environ["HTTP_RANGE"] = "bytes=0-"
    return environ


def _type_of(name: str, content_type: str | None) -> tuple[str, str]:
    """Return the media type of a file, in lower case, and its parameters."""
    known = content_type or mime(name, _BINARY)
    match = re.fullmatch(r"([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(;[ -~]*)?", known.strip(), re.ASCII)
    # if there are several types, browsers use the last one
    if match is None or "," in known:
        return _BINARY, ""
    media_type = match[1].lower()
    if media_type.startswith("multipart/"):
        # a browser would show each part with the type that the part claims
        return _BINARY, ""
    return media_type, match[2] or ""


def _set_cache_control(config: Config, response: Response, name: str) -> None:
    max_age: float | None = config["max_age"]
    if max_age is None:
        max_age = _YEAR if config["immutable"] else current_app.get_send_file_max_age(name)
    control = response.cache_control
    if max_age is None:
        control.no_cache = True
    else:
        control.public = True
        control.max_age = int(max_age)
        control.immutable = config["immutable"]
