"""The facts of an object, from the responses of Swift."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ..objects.http import content_range, known_encoding, known_type, strong_tag
from ..objects.notes import sealed, unsealed
from ..store import Description, Facts
from .answers import length_of
from .errors import is_of_swift

Headers = Mapping[str, str]

# a write of ours leaves the first one with the object, and a copy of ours adds the second one to those of the source
_WRITTEN = "X-Object-Meta-Pyfs-Version"
_COPIED = "X-Object-Meta-Pyfs-Copy"

# the start of the headers that have the note of an object
_NOTE = "X-Object-Meta-Pyfs-Note-"


# what describes an object besides its user metadata, as far as a copy by Swift keeps it
_DESCRIPTION = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Type",
    "Expires",
    "X-Delete-At",
    "X-Robots-Tag",
)


def written_mark() -> tuple[str, dict[str, str]]:
    """Return a new mark for an object to be written, and its header."""
    mark = secrets.token_hex(16)
    return mark, {_WRITTEN: mark}


def copied_mark() -> tuple[str, dict[str, str]]:
    """Return a new mark for an object to be copied, and its header."""
    mark = secrets.token_hex(16)
    return mark, {_COPIED: mark}


def noted(note: str | None, path: str, mark: str) -> dict[str, str]:
    """Return the headers of a new object with a note, or none without.

    :param path: the path of the object, with its container.
    :param mark: the mark of the new object.
    :raises ValueError: if the text can be no note.
    """
    return sealed(note, _NOTE, path, mark)


def note_of(headers: Headers, path: str) -> str | None:
    """Return the note of an object.

    :param path: its path, with its container.
    """
    return unsealed(headers, _NOTE, path, mark_of(headers) or "") if f"{_NOTE}1" in headers else None


def mark_of(headers: Headers) -> str | None:
    """Return what tells this write of an object from all others, or None."""
    # X-Timestamp: Swift refuses a write that is not later than the object, so no two of them have the same
    return headers.get(_COPIED) or headers.get(_WRITTEN) or headers.get("X-Timestamp") or None


def version_of(headers: Headers) -> str | None:
    """Return :attr:`Facts.version` of an object."""
    return mark_of(headers) or strong_tag(headers.get("Etag"))


def description_of(headers: Headers) -> dict[str, Any]:
    """Return the headers with which a copy of an object has the description of the object.

    They are bytes: swiftclient would send text as UTF-8, but it reads headers as ISO-8859-1.
    """
    kept = {name: headers[name] for name in _DESCRIPTION if name in headers}
    for name, value in headers.items():
        title = name.title()
        if title.startswith("X-Object-Meta-") and title not in (_WRITTEN, _COPIED) and not title.startswith(_NOTE):
            kept[name] = value
    return {name: value.encode("iso-8859-1") for name, value in kept.items()}


def described(description: Description) -> dict[str, Any]:
    """Return the headers of a new object that has a description, as :func:`description_of` does."""
    values = {
        "Content-Encoding": description.content_encoding,
        "Content-Disposition": description.content_disposition,
        "Content-Language": description.content_language,
    }
    return {name: value.encode("iso-8859-1", "replace") for name, value in values.items() if value is not None}


def is_copied(answer: Headers, source: Headers) -> bool:
    """Return whether a copy was made of a version of its source.

    :param answer: the headers of the answer to COPY, to which Swift adds the metadata of the source.
    :param source: the headers of the version.
    """
    if answer.get(_WRITTEN) != source.get(_WRITTEN):
        return False
    if not is_segmented(source) and strong_tag(answer.get("Etag")) != strong_tag(source.get("Etag")):
        return False
    return _WRITTEN in source or answer.get("X-Copied-From-Last-Modified") == source.get("Last-Modified")


def range_of(status: int, headers: Headers) -> tuple[int, int, int]:
    """Return the offset of the first byte, the offset after the last byte, and the size of the object, all in bytes.

    :param status: the status of a response to GET: 200 for the whole object, 206 for a range.
    :raises ValueError: if the headers do not fit it.
    """
    length = length_of(headers)
    if status == 200:
        return 0, length, length
    first, last, size = content_range(headers.get("Content-Range") if status == 206 else None, length)
    if "Content-Range" not in headers or not first < last <= size or last - first != length:
        raise ValueError(f"the status is {status}, Content-Range {headers.get('Content-Range')!r}, and {length} bytes")
    return first, last, size


def size_beyond(headers: Headers) -> int | None:
    """Return the size of an object from a 416 response (RFC 9110, section 14.4), or None if the response has none."""
    match = re.fullmatch(r"bytes \*/([0-9]{1,18})", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def facts_of(headers: Headers, size: int | None = None) -> Facts:
    """Return the facts of an object, from the headers of a response to GET or HEAD.

    :param size: the size of the object in bytes, if the response contains only a range of it.
    :raises ValueError: if they are not those of an object of Swift, like other errors of what reads them.
    """
    if not is_of_swift(headers):
        raise ValueError("X-Trans-Id is missing: it is no answer of Swift")
    etag, encoding = strong_tag(headers.get("Etag")), headers.get("Content-Encoding")
    return Facts(
        size=length_of(headers) if size is None else size,
        modified=_modified(headers),
        etag=etag,
        content_type=known_type(headers.get("Content-Type")),
        checksum=None if is_segmented(headers) else _checksum(etag),
        mark=mark_of(headers),
        content_encoding=known_encoding(encoding) if encoding else None,
        content_disposition=headers.get("Content-Disposition") or None,
        content_language=headers.get("Content-Language") or None,
    )


def listed_facts(entry: Mapping[str, Any]) -> Facts:
    """Return the facts of an object, from an entry of a listing.

    :raises ValueError: if they are odd.
    """
    etag = strong_tag(entry.get("slo_etag") or entry["hash"])
    return Facts(
        size=entry["bytes"],
        modified=listed_time(entry),
        etag=etag,
        content_type=known_type(entry.get("content_type")),
        checksum=None if "slo_etag" in entry else _checksum(etag),
        marked=False,
    )


def listed_time(entry: Mapping[str, Any]) -> datetime:
    """Return the time of the last write of an object, from an entry of a listing. Like HEAD, in whole seconds.

    :raises ValueError: if it is none.
    """
    return datetime.fromisoformat(f"{entry['last_modified'][:19]}+00:00")


def is_static(headers: Headers) -> bool:
    """Return whether an object is a static large object of Swift: a list of its segments."""
    return headers.get("X-Static-Large-Object", "").lower() == "true"


def is_segmented(headers: Headers) -> bool:
    """Return whether an object consists of others (a static or a dynamic large object of Swift)."""
    return is_static(headers) or "X-Object-Manifest" in headers


def is_marker(content_type: str | None, size: int) -> bool:
    """Return whether the tools of OpenStack treat an object as a directory.

    :param size: the size of the object in bytes.
    """
    return size == 0 and (content_type or "").partition(";")[0] == "application/directory"


def _checksum(etag: str | None) -> str | None:
    return f"md5:{etag}" if re.fullmatch(r"[0-9a-f]{32}", etag or "") else None


def _modified(headers: Headers) -> datetime | None:
    # X-Timestamp first, because Swift rounds Last-Modified up
    timestamp = headers.get("X-Timestamp", "")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", timestamp):
        return datetime.fromtimestamp(int(timestamp.partition(".")[0]), timezone.utc)
    date = headers.get("Last-Modified")
    return parsedate_to_datetime(date) if date else None
