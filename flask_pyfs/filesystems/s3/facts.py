"""The facts of an object, from the responses of S3."""

from __future__ import annotations

import base64
import re
from typing import Any

from ..objects.http import content_range, known_encoding, known_type, strong_tag
from ..objects.notes import sealed, unsealed
from ..store import Description, Facts

#: The user metadata in which each of our writes leaves what tells it from all others.
MARK = "flask-pyfs-mark"

#: The start of the user metadata that has the note of an object.
NOTE = "flask-pyfs-note-"


def is_range(header: str | None, length: int) -> bool:
    """Return whether a Content-Range (RFC 9110, section 14.4) is possible for a body of this length in bytes."""
    match = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", header or "")
    if match is None:
        return False
    first, last, size = map(int, match.groups())
    return first <= last < size and last + 1 - first == length


def range_of(answer: Any) -> tuple[int, int, int]:
    """Return the offset of the first byte, the offset after the last byte, and the size of the object, all in bytes."""
    return content_range(answer.get("ContentRange"), answer["ContentLength"])


def facts_of(answer: Any, size: int | None = None) -> Facts:
    """Return the facts of an object, from a response to GET or HEAD.

    :param size: the size of the object in bytes, if the response contains only a range of it.
    """
    etag, encoding = _etag(answer), answer.get("ContentEncoding")
    return Facts(
        size=answer["ContentLength"] if size is None else size,
        modified=answer.get("LastModified"),
        etag=etag,
        content_type=known_type(answer.get("ContentType")),
        checksum=_checksum(answer, etag or ""),
        mark=_version(answer, etag),
        content_encoding=known_encoding(encoding) if encoding else None,
        content_disposition=answer.get("ContentDisposition") or None,
        content_language=answer.get("ContentLanguage") or None,
    )


def described(description: Description) -> dict[str, str]:
    """Return the parameters of the S3 API for a new object that has a description."""
    values = {
        "ContentEncoding": description.content_encoding,
        "ContentDisposition": description.content_disposition,
        "ContentLanguage": description.content_language,
    }
    return {name: value for name, value in values.items() if value is not None}


def mark_of(answer: Any) -> str | None:
    """Return the mark that one of our writes left with an object, from a response to GET or HEAD."""
    for name, value in answer.get("Metadata", {}).items():
        if name.lower() == MARK:
            return str(value)
    return None


def note_of(answer: Any, bucket: str, key: str) -> str | None:
    """Return the note of an object, from a response to GET or HEAD.

    :param bucket: the name of its bucket.
    """
    metadata = {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
    return unsealed(metadata, NOTE, bucket, key, metadata.get(MARK, "")) if f"{NOTE}1" in metadata else None


def new_metadata(metadata: dict[str, str], bucket: str, key: str, mark: str, note: str | None) -> dict[str, str]:
    """Return the user metadata of a new object.

    :param metadata: that of the settings, or of an object whose copy this is. Its mark and its note are left out.
    :param bucket: the name of its bucket.
    :param mark: its mark.
    :param note: its note, or None.
    :raises ValueError: if that can be no note.
    """
    own = {name for name in metadata if name.lower() == MARK or name.lower().startswith(NOTE)}
    kept = {name: value for name, value in metadata.items() if name not in own}
    return {**kept, MARK: mark, **sealed(note, NOTE, bucket, key, mark)}


def written_version(mark: str, answer: Any) -> str | None:
    """Return what a later HEAD will tell as the version of a write.

    :param mark: the mark of the write.
    :param answer: the response to it.
    """
    return _joined(mark, _etag(answer))


def _version(answer: Any, etag: str | None) -> str | None:
    mark, modified = mark_of(answer), answer.get("LastModified")
    # other tools may keep the mark of an object while they change its content
    if mark or etag is None or modified is None:
        return _joined(mark, etag)
    return _joined(etag, str(int(modified.timestamp())))


def _joined(*parts: str | None) -> str | None:
    return ".".join(filter(None, parts)) or None


def listed_facts(entry: Any) -> Facts:
    """Return the facts of an object, from an entry of a listing.

    They have no checksum: a listing does not tell which objects are encrypted with a key of KMS or of the customer, and
    the entity tag of those is no MD5.
    """
    # HEAD reports whole seconds
    modified = entry["LastModified"]
    if modified.microsecond:
        modified = modified.replace(microsecond=0)
    return Facts(size=entry["Size"], modified=modified, etag=_etag(entry), marked=False)


def _etag(answer: Any) -> str | None:
    return strong_tag(answer.get("ETag"))


def _checksum(answer: Any, etag: str) -> str | None:
    encrypted = answer.get("SSECustomerAlgorithm") or "kms" in answer.get("ServerSideEncryption", "")
    if re.fullmatch(r"[0-9a-f]{32}", etag) and not encrypted:
        return f"md5:{etag}"
    if answer.get("ChecksumType") != "COMPOSITE":
        for algorithm in ("SHA256", "SHA1", "MD5", "CRC64NVME", "CRC32C", "CRC32"):
            value = answer.get(f"Checksum{algorithm}", "")
            # older servers mark a checksum over the checksums of the parts by a suffix only ("-2")
            if re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
                return f"{algorithm.lower()}:{base64.b64decode(value).hex()}"
    return None
