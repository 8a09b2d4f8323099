"""The facts of a file, from its GridFS document."""

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
    """Chunks of a file are missing."""

    default_message = "'{path}' was replaced or deleted while it was read, or some of its chunks are missing"


@dataclass(frozen=True, kw_only=True)
class Revision(Facts):
    """One version of a file.

    :param id: the ``_id``, of any BSON type.
    :param filename: the name of the file.
    :param date: the ``uploadDate``; the epoch if the document has none.
    :param chunk_size: the size of a chunk in bytes.
    :param document: the whole document.
    """

    id: Any
    filename: str
    date: datetime
    chunk_size: int
    document: dict[str, Any] = field(repr=False)

    @property
    def chunk_count(self) -> int:
        """The number of chunks."""
        return -(-self.size // self.chunk_size)


def revision_of(document: dict[str, Any]) -> Revision:
    """Return the revision that a document describes.

    :raises fs.errors.OperationFailed: if the document lacks a valid length or chunk size.
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
    # unlike an ObjectId, another id may be reused
    identity = repr((document["_id"], document.get("uploadDate"), document.get("length")))
    return hashlib.md5(identity.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _checksum(md5: Any) -> str | None:
    return f"md5:{md5}" if isinstance(md5, str) and re.fullmatch(r"[0-9a-f]{32}", md5) else None
