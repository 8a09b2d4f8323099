"""What stores that speak HTTP have in common: ranges, entity tags and media types."""

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
    """The content of an object, as an answer brings it.

    :param stream: what is read.
    :param answer: what is closed.
    :param guard: the context that translates errors.
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
    """Return the Range header (RFC 9110, section 14.2) for the bytes from ``start`` to before ``stop``.

    :param start: the first byte; a negative number counts from the end.
    :param stop: None for the end.
    :returns: None for the whole object.
    """
    if start < 0:
        return f"bytes={start}"
    if start == 0 and stop is None:
        return None
    return f"bytes={start}-{'' if stop is None else stop - 1}"


def content_range(header: str | None, length: int) -> tuple[int, int, int]:
    """Return the first byte, the byte after the last one, and the size of the object.

    :param header: the Content-Range of an answer (RFC 9110, section 14.4), or None if it has none.
    :param length: the Content-Length of the answer.
    """
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", header or "")
    if match is None:
        return 0, length, length
    first, last, size = map(int, match.groups())
    return first, last + 1, size


def require_start(key: str, first: int, start: int) -> None:
    """Refuse an answer that does not begin with the byte that was asked for.

    :raises fs.errors.OperationFailed: if the server ignores ranges.
    """
    if first != start:
        raise errors.OperationFailed(key, msg="the server does not answer requests for a range of '{path}'")


@contextmanager
def closed_on_error(answer: Closable) -> Iterator[None]:
    """Close an answer if the block fails, so that its connection is not held."""
    try:
        yield
    except BaseException:
        answer.close()
        raise


def replaced(key: str, error: Exception) -> errors.OperationFailed:
    """Return the error for an object that was replaced while it was read."""
    return errors.OperationFailed(key, exc=error, msg="path '{path}' was replaced while it was read")


def known_type(content_type: str | None) -> str | None:
    """Return a media type that a store gives for a file, or None for those that it gives where it was told none."""
    return None if content_type in ("binary/octet-stream", "application/octet-stream", "") else content_type


def strong_tag(etag: str | None) -> str | None:
    """Return an entity tag without its quotes; None for a weak one, which proxies make, and for what is none."""
    match = re.fullmatch(r'"?([!#-\x7e]+)"?', etag or "")
    return match[1] if match else None
