"""The body of a request, as a stream that fails where the client breaks off."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from typing import Any

from werkzeug import Request
from werkzeug.exceptions import BadRequest, ClientDisconnected, HTTPException, LengthRequired

__all__ = ["Body", "linger"]

# no less than a piece of upload.js, and no more than a worker reads in a moment
_LINGERED = 16 * 1024 * 1024
_SECONDS = 10


class Body(io.RawIOBase):
    """The body of a request. If it breaks off, reading it fails, so that no file is cut.

    MAX_CONTENT_LENGTH of Flask does not bound it: the size was agreed on when the URL was signed, and no more than a
    piece is in memory.

    :ivar length: how many bytes it has, or None if it comes in chunks (RFC 9112, section 7.1).
    :ivar read_so_far: how many bytes of it were read.
    :raises BadRequest: if the request says no possible length.
    :raises LengthRequired: if it comes in chunks, and the server does not tell where it ends.
    """

    length: int | None

    def __init__(self, request: Request) -> None:
        environ = request.environ
        # a hook of the app, such as one that logs requests, may have read it
        known = getattr(request, "_cached_data", None)
        self._sent: Any = environ["wsgi.input"] if known is None else io.BytesIO(known)
        length = environ.get("CONTENT_LENGTH") or ""
        if "HTTP_TRANSFER_ENCODING" in environ and not length:
            if not environ.get("wsgi.input_terminated"):
                raise LengthRequired("The server in front of the app takes no chunked body: send a Content-Length.")
            self.length = None
        elif length and not (length.isascii() and length.isdigit() and len(length) < 20):
            raise BadRequest("Content-Length is no number of bytes.")
        else:
            self.length = int(length or 0)
        self.read_so_far: int = 0
        self._refusal: Exception | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the client sends no content."""
        return self.length == 0

    def refuse(self, error: Exception) -> None:
        """Let the first read raise an error."""
        self._refusal = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._refusal is not None:
            raise self._refusal
        wanted = len(buffer) if self.length is None else min(len(buffer), self.length - self.read_so_far)
        if wanted == 0:
            return 0
        try:
            data = self._sent.read(wanted)
        except HTTPException:
            raise
        except Exception as error:
            # each server has errors of its own for broken chunks, and some are no OSError
            raise ClientDisconnected() from error
        if not data and self.length is not None:
            raise ClientDisconnected()
        buffer[: len(data)] = data
        self.read_so_far += len(data)
        return len(data)


def linger(request: Request) -> None:
    """Read the bytes that a client still sends after its answer. If a server closes a connection with unread bytes,
    it resets the connection, and many clients never see the answer (RFC 9112, section 9.6).
    """
    environ, left, end = request.environ, _LINGERED, time.monotonic() + _SECONDS
    if not environ.get("wsgi.input_terminated"):
        # to read on would wait for ever
        return
    # the connection may break, and nobody waits for it
    with suppress(Exception):
        while left > 0 and time.monotonic() < end and (data := environ["wsgi.input"].read(min(left, 64 * 1024))):
            left -= len(data)
