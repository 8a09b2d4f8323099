"""Helpers for stores that speak HTTP: ranges, entity tags and media types."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, cast

from fs import errors

from .reader import drain

# the most bytes that are read at once
_PIECE = 256 * 1024

_STRONG = re.compile(r'"?([!#-\x7e]+)"?')


class Closable(Protocol):
    def close(self) -> object: ...


class Pace:
    """Notices a server that drips: TIMEOUT bounds the wait for each piece, but not for all of them.

    :param is_patient: whether the server may send nothing but blanks while it works.
    """

    #: Seconds of waiting after which the pace is judged, again and again.
    span: float = 60.0
    #: Bytes a second. Slow but honest links are faster.
    least = 1024
    #: Seconds of waiting for an answer that blanks keep alive.
    patience: float = 3600.0

    def __init__(self, *, is_patient: bool = False) -> None:
        self._span = self.patience if is_patient else self.span
        self._waited = 0.0
        self._came = self._pieces = 0

    def read(self, stream: Any, size: int) -> bytes:
        """Read at most so many of the next bytes, as they come, or nothing at the end.

        :param stream: what to read, with ``read1`` if it can return a part of what it is asked for.
        :raises fs.errors.OperationTimeout: if the server is too slow.
        """
        began = time.monotonic()
        # urllib3 has it since 2.0; a large piece would be allocated at once
        piece = getattr(stream, "read1", stream.read)(min(size, _PIECE))
        self._waited += time.monotonic() - began
        self._came += len(piece)
        self._pieces += 1
        # a single piece that was long in coming is no drop
        if piece and self._pieces > 1 and self._waited >= self._span:
            if self._came < self.least * self._span:
                slow = f"the server sent only {self._came} bytes in {self._waited:.1f} seconds"
                raise errors.OperationTimeout(msg=slow)
            self._waited, self._came, self._pieces = 0.0, 0, 0
        return cast(bytes, piece)


class HTTPBody:
    """The content of an object, read from the body of a response.

    :param stream: the stream to read.
    :param answer: the response to close.
    :param guard: a reusable context that translates the errors of the driver.
    """

    def __init__(self, stream: Any, answer: Closable, guard: AbstractContextManager[Any]) -> None:
        self._stream = stream
        self._answer = answer
        self._guard = guard
        self._pace = Pace()

    def read(self, size: int) -> bytes:
        pieces, left = [], min(size, _PIECE)
        with self._guard:
            while left and (piece := self._pace.read(self._stream, left)):
                pieces.append(piece)
                left -= len(piece)
        return b"".join(pieces)

    def close(self, left: int = 0) -> None:
        drain(self, left)
        self._answer.close()


def byte_range(start: int, stop: int | None) -> str | None:
    """Return the Range header (RFC 9110, section 14.2) for the bytes from ``start`` up to, but not including, ``stop``.

    :param start: the offset of the first byte; a negative number counts from the end.
    :param stop: the offset to stop before, or None for the end.
    :returns: None for the whole object.
    """
    if start < 0:
        return f"bytes={start}"
    if start == 0 and stop is None:
        return None
    return f"bytes={start}-{'' if stop is None else stop - 1}"


def content_range(header: str | None, length: int) -> tuple[int, int, int]:
    """Return the offset of the first byte, the offset after the last byte, and the size of the object, all in bytes.

    :param header: the Content-Range of a response (RFC 9110, section 14.4), or None if it has none.
    :param length: the Content-Length of the response, in bytes.
    """
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", header or "")
    if match is None:
        return 0, length, length
    first, last, size = map(int, match.groups())
    return first, last + 1, size


def require_start(key: str, first: int, start: int) -> None:
    """Check that a response begins at the requested byte.

    :param first: the offset of the first byte of the response.
    :param start: the requested offset.
    :raises fs.errors.OperationFailed: if they differ, because the server ignores the Range header.
    """
    if first != start:
        raise errors.OperationFailed(key, msg="the server ignores the Range header of requests for '{path}'")


@contextmanager
def closed_on_error(answer: Closable) -> Iterator[None]:
    """Close a response if the block fails, to release its connection."""
    try:
        yield
    except BaseException:
        answer.close()
        raise


def replaced(key: str, error: Exception | None = None) -> errors.OperationFailed:
    """Return the error to raise if an object was replaced while it was read."""
    return errors.OperationFailed(key, exc=error, msg="path '{path}' was replaced while it was read")


def known_type(content_type: str | None) -> str | None:
    """Return the media type of an object, or None if it is one of the defaults that a store gives untyped objects."""
    return None if content_type in ("binary/octet-stream", "application/octet-stream", "") else content_type


def known_encoding(content_encoding: str) -> str | None:
    """Return the Content-Encoding of an object (RFC 9110, section 8.4) without what was only said of its upload.

    Some clients and servers leave ``aws-chunked`` with the object, though the server has decoded that.
    """
    codings = [coding.strip() for coding in content_encoding.split(",")]
    return ", ".join(coding for coding in codings if coding and coding.lower() != "aws-chunked") or None


def strong_tag(etag: str | None) -> str | None:
    """Return an entity tag (RFC 9110, section 8.8.3) without its quotes, or None if it is weak or invalid.

    Proxies that compress a response make its entity tag weak.
    """
    match = _STRONG.fullmatch(etag or "")
    return match[1] if match else None
