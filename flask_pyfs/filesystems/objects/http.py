"""Helpers for stores that speak HTTP: ranges, entity tags and media types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, cast

from fs import errors

from .reader import drain


class Closable(Protocol):
    def close(self) -> object: ...


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

    def read(self, size: int) -> bytes:
        with self._guard:
            return cast(bytes, self._stream.read(size))

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


def replaced(key: str, error: Exception) -> errors.OperationFailed:
    """Return the error to raise if an object was replaced while it was read."""
    return errors.OperationFailed(key, exc=error, msg="path '{path}' was replaced while it was read")


def known_type(content_type: str | None) -> str | None:
    """Return the media type of an object, or None if it is one of the defaults that a store gives untyped objects."""
    return None if content_type in ("binary/octet-stream", "application/octet-stream", "") else content_type


def strong_tag(etag: str | None) -> str | None:
    """Return an entity tag (RFC 9110, section 8.8.3) without its quotes, or None if it is weak or invalid.

    Proxies that compress a response make its entity tag weak.
    """
    match = re.fullmatch(r'"?([!#-\x7e]+)"?', etag or "")
    return match[1] if match else None
