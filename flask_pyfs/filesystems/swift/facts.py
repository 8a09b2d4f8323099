"""The facts of an object, from the responses of Swift."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from fs import errors

from ..objects.http import content_range, known_type, strong_tag
from ..store import Facts

Headers = Mapping[str, str]


def range_of(headers: Headers) -> tuple[int, int, int]:
    """Return the offset of the first byte, the offset after the last byte, and the size of the object, all in bytes."""
    return content_range(headers.get("Content-Range"), _length(headers))


def size_beyond(headers: Headers) -> int | None:
    """Return the size of an object from a 416 response (RFC 9110, section 14.4), or None if the response has none."""
    match = re.fullmatch(r"bytes \*/(\d+)", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def facts_of(headers: Headers, size: int | None = None) -> Facts:
    """Return the facts of an object, from the headers of a response to GET or HEAD.

    :param size: the size of the object in bytes, if the response contains only a range of it.
    """
    etag = strong_tag(headers.get("Etag"))
    whole = re.fullmatch(r"[0-9a-f]{32}", etag or "") and not is_segmented(headers)
    return Facts(
        size=_length(headers) if size is None else size,
        modified=_modified(headers),
        etag=etag,
        content_type=known_type(headers.get("Content-Type")),
        checksum=f"md5:{etag}" if whole else None,
    )


def listed_facts(entry: Mapping[str, Any]) -> Facts:
    """Return the facts of an object, from an entry of a listing."""
    return Facts(
        size=entry["bytes"],
        # HEAD reports whole seconds
        modified=datetime.fromisoformat(entry["last_modified"][:19]).replace(tzinfo=timezone.utc),
        etag=strong_tag(entry.get("slo_etag") or entry["hash"]),
        content_type=known_type(entry.get("content_type")),
    )


def is_segmented(headers: Headers) -> bool:
    """Return whether an object consists of others (a static or a dynamic large object of Swift)."""
    return headers.get("X-Static-Large-Object", "").lower() == "true" or "X-Object-Manifest" in headers


def is_marker(content_type: str | None, size: int) -> bool:
    """Return whether the tools of OpenStack treat an object as a directory.

    :param size: the size of the object in bytes.
    """
    return size == 0 and (content_type or "").partition(";")[0] == "application/directory"


def _length(headers: Headers) -> int:
    # http.client takes a connection that closes within the headers for their end
    if not headers.get("Content-Length", "").isdigit():
        raise errors.RemoteConnectionError(msg="the response of the server is incomplete: Content-Length is missing")
    return int(headers["Content-Length"])


def _modified(headers: Headers) -> datetime | None:
    # X-Timestamp first, because Swift rounds Last-Modified up
    timestamp = headers.get("X-Timestamp", "")
    if re.fullmatch(r"\d+(\.\d+)?", timestamp):
        return datetime.fromtimestamp(int(timestamp.partition(".")[0]), timezone.utc)
    date = headers.get("Last-Modified")
    return parsedate_to_datetime(date) if date else None
