"""What the documents of GridFS say of a file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId
from fs import errors

from ..objects.http import known_type
from ..store import Facts

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Incomplete(errors.OperationFailed):
    """The chunks of a file are not there, or not all of them."""

    default_message = "'{path}' was replaced or deleted while it was read, or its chunks are not complete"


@dataclass(frozen=True, kw_only=True)
class Revision(Facts):
    """One version of a file.

    :param id: its ``_id``, of any type that BSON has.
    :param filename: the name of the file.
    :param date: its ``uploadDate``.
    :param chunk_size: the length of its chunks in bytes.
    :param document: all that is said of it.
    """

    id: Any
    filename: str
    date: datetime
    chunk_size: int
    document: dict[str, Any] = field(repr=False)

    @property
    def chunk_count(self) -> int:
        """How many chunks it has."""
        return -(-self.size // self.chunk_size)


def revision_of(document: dict[str, Any]) -> Revision:
    """Return what a document says of its file.

    :raises fs.errors.OperationFailed: where it is not one of GridFS.
    """
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    try:
        size, chunk_size, date = int(document["length"]), int(document["chunkSize"]), document.get("uploadDate")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise errors.OperationFailed(document["filename"], exc=error, msg="'{path}' is no file of GridFS") from error
    content_type = document.get("contentType") or metadata.get("contentType")
    return Revision(
        size=size,
        modified=date if isinstance(date, datetime) else None,
        etag=_etag(document),
        content_type=known_type(content_type) if isinstance(content_type, str) else None,
        checksum=_checksum(metadata.get("md5") or document.get("md5")),
        id=document["_id"],
        filename=document["filename"],
        date=date if isinstance(date, datetime) else _EPOCH,
        chunk_size=max(1, chunk_size),
        document=document,
    )


def _etag(document: dict[str, Any]) -> str:
    if isinstance(document["_id"], ObjectId):
        return str(document["_id"])
    # another id may be used again
    told = repr((document["_id"], document.get("uploadDate"), document.get("length")))
    return hashlib.md5(told.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _checksum(md5: Any) -> str | None:
    return f"md5:{md5}" if isinstance(md5, str) and re.fullmatch(r"[0-9a-f]{32}", md5) else None
