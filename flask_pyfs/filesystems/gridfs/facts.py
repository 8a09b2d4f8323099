"""The facts of a file, from its GridFS document."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from bson import Code, DatetimeMS, Int64, MaxKey, ObjectId, Regex, Timestamp
from fs import errors

from ..objects.errors import literal
from ..objects.http import known_type
from ..objects.notes import require_note
from ..store import Facts

#: The field of a document that has the note of the file.
NOTE = "pyfsNote"

#: The field of a document whose file has chunks of another one: ``of``, the ``_id`` of that one, and ``first``, the
#: number of the first of these chunks.
STRETCH = "pyfsStretch"

_MD5 = re.compile("[0-9a-f]{32}")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# the types that MongoDB sorts after dates
_AFTER_DATES = (Timestamp, Regex, Code, MaxKey)

# numbers of chunks must be integers of BSON
_LONGEST = 2**63 - 1


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
    def identity(self) -> dict[str, Any]:
        """The query for this revision as long as it has this name, and not for a later one that has its id."""
        query: dict[str, Any] = {"_id": self.id, "filename": self.filename}
        if not isinstance(self.id, ObjectId):
            query |= {key: {"$eq": self.document.get(key)} for key in ("uploadDate", "length")}
        return query

    @property
    def chunk_count(self) -> int:
        """The number of chunks."""
        return -(-self.size // self.chunk_size)

    @property
    def holder(self) -> Any:
        """The ``files_id`` of the chunks: the id, unless they are those of another document."""
        return self._stretch.get("of", self.id)

    @property
    def first_chunk(self) -> int:
        """The number of the first chunk."""
        return int(self._stretch.get("first", 0))

    @property
    def _stretch(self) -> dict[str, Any]:
        found = self.document.get(STRETCH)
        return found if isinstance(found, dict) else {}


def revision_of(document: dict[str, Any]) -> Revision:
    """Return the revision that a document describes.

    :raises fs.errors.OperationFailed: if it describes no file.
    """
    size, chunk_size = _whole(document.get("length")), _whole(document.get("chunkSize"))
    name = document.get("filename")
    if size is None or chunk_size is None or (size and not chunk_size) or not isinstance(name, str):
        message = f"the document with the _id {document['_id']!r} is no file of GridFS"
        raise errors.OperationFailed(str(name), msg=f"'{{path}}': {literal(message)}")
    return _revision(document, size, max(1, chunk_size))


def any_revision(document: dict[str, Any]) -> Revision:
    """Return the revision that a document describes, even if its length or its chunk size is none. They are 0 then."""
    try:
        return revision_of(document)
    except errors.OperationFailed:
        return _revision(document, 0, 1)


def _revision(document: dict[str, Any], size: int, chunk_size: int) -> Revision:
    metadata, date, modified = document.get("metadata"), document.get("uploadDate"), document.get("replacedAt")
    metadata = metadata if isinstance(metadata, dict) else {}
    content_type = document.get("contentType") or metadata.get("contentType")
    return Revision(
        size=size,
        modified=modified if isinstance(modified, datetime) else date if isinstance(date, datetime) else None,
        etag=_etag(document),
        content_type=known_type(content_type) if isinstance(content_type, str) else None,
        checksum=_checksum(metadata.get("md5") or document.get("md5")),
        note=_note(document),
        id=document["_id"],
        filename=document["filename"],
        date=date if isinstance(date, datetime) else _EPOCH,
        chunk_size=chunk_size,
        document=document,
    )


def following_date(revision: Revision) -> datetime:
    """Return a date that MongoDB sorts after that of a revision: a millisecond later.

    :raises fs.errors.OperationFailed: if there is none.
    """
    date = revision.document.get("uploadDate")
    try:
        if isinstance(date, _AFTER_DATES) or (isinstance(date, DatetimeMS) and int(date) > 0):
            raise OverflowError
        return revision.date + timedelta(milliseconds=1)
    except OverflowError as error:
        message = "'{path}' cannot be replaced, because its uploadDate is the latest possible date: delete it first"
        raise errors.OperationFailed(revision.filename, exc=error, msg=message) from error


def _whole(number: Any) -> int | None:
    if type(number) in (int, Int64) and 0 <= number <= _LONGEST:
        return int(number)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= _LONGEST:
        return None
    return int(number) if number == int(number) else None


def _etag(document: dict[str, Any]) -> str:
    if isinstance(document["_id"], ObjectId):
        return str(document["_id"])
    # unlike an ObjectId, another id may be reused
    identity = repr((document["_id"], document.get("uploadDate"), document.get("length")))
    return hashlib.md5(identity.encode(errors="replace"), usedforsecurity=False).hexdigest()


def noted(note: str | None, filename: str) -> dict[str, Any]:
    """Return the field of a document for a note, or none without.

    The name is there because a driver that renames a file takes its fields along.

    :raises ValueError: if the text can be no note.
    """
    if note is None:
        return {}
    require_note(note)
    return {NOTE: {"filename": filename, "text": note}}


def _note(document: dict[str, Any]) -> str | None:
    note = document.get(NOTE)
    if not isinstance(note, dict) or note.get("filename") != document["filename"]:
        return None
    text = note.get("text")
    return text if isinstance(text, str) else None


def _checksum(md5: Any) -> str | None:
    return f"md5:{md5}" if isinstance(md5, str) and _MD5.fullmatch(md5) else None
