"""What the answers of Swift say of an object."""

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
    """Return the first byte, the byte after the last one, and the size of the object."""
    return content_range(headers.get("Content-Range"), _length(headers))


def size_beyond(headers: Headers) -> int | None:
    """Return the size of an object from the refusal of a range that it does not have, which need not say it."""
    match = re.fullmatch(r"bytes \*/(\d+)", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def facts_of(headers: Headers, size: int | None = None) -> Facts:
    """Return what an answer to GET or HEAD says of its object.

    :param size: the length of the object, where the answer holds a part of it.
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
    """Return what a listing says of an object."""
    return Facts(
        size=entry["bytes"],
        # HEAD knows no fractions of a second
        modified=datetime.fromisoformat(entry["last_modified"][:19]).replace(tzinfo=timezone.utc),
        etag=strong_tag(entry.get("slo_etag") or entry["hash"]),
        content_type=known_type(entry.get("content_type")),
    )


def is_segmented(headers: Headers) -> bool:
    """Whether an object is made of others (a static or a dynamic large object of Swift)."""
    return headers.get("X-Static-Large-Object", "").lower() == "true" or "X-Object-Manifest" in headers


def is_marker(content_type: str | None, size: int) -> bool:
    """Whether an object is a directory to the tools of OpenStack."""
    return size == 0 and (content_type or "").partition(";")[0] == "application/directory"


def _length(headers: Headers) -> int:
    # a connection that is closed within the headers looks like their end
    if not headers.get("Content-Length", "").isdigit():
        raise errors.RemoteConnectionError(msg="the answer of the server is not complete: it has no Content-Length")
    return int(headers["Content-Length"])


def _modified(headers: Headers) -> datetime | None:
    # Last-Modified is rounded up
    timestamp = headers.get("X-Timestamp", "")
    if re.fullmatch(r"\d+(\.\d+)?", timestamp):
        return datetime.fromtimestamp(int(timestamp.partition(".")[0]), timezone.utc)
    said = headers.get("Last-Modified")
    return parsedate_to_datetime(said) if said else None
