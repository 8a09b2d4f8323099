"""What the answers of S3 say of an object."""

from __future__ import annotations

import base64
import re
from typing import Any

from fs import errors

from ..objects.http import content_range, known_type, strong_tag
from ..store import Facts


def member(answer: Any, name: str) -> Any:
    """Return a member of an answer that must be there.

    :raises fs.errors.RemoteConnectionError: where it is not.
    """
    if name not in answer:
        raise errors.RemoteConnectionError(msg=f"the answer of the server is not complete: it has no {name}")
    return answer[name]


def range_of(answer: Any) -> tuple[int, int, int]:
    """Return the first byte, the byte after the last one, and the size of the object."""
    return content_range(answer.get("ContentRange"), _length(answer))


def facts_of(answer: Any, size: int | None = None) -> Facts:
    """Return what an answer to GET or HEAD says of its object.

    :param size: the length of the object, where the answer holds a part of it.
    """
    return Facts(
        size=_length(answer) if size is None else size,
        modified=answer.get("LastModified"),
        etag=_etag(answer),
        content_type=known_type(answer.get("ContentType")),
        checksum=_checksum(answer),
    )


def listed_facts(entry: Any) -> Facts:
    """Return what a listing says of an object."""
    # HEAD knows no fractions of a second
    return Facts(size=entry["Size"], modified=entry["LastModified"].replace(microsecond=0), etag=_etag(entry))


def _length(answer: Any) -> int:
    # a connection that is closed within the headers looks like their end
    return int(member(answer, "ContentLength"))


def _etag(answer: Any) -> str | None:
    return strong_tag(answer.get("ETag"))


def _checksum(answer: Any) -> str | None:
    etag = _etag(answer) or ""
    encrypted = answer.get("SSECustomerAlgorithm") or "kms" in answer.get("ServerSideEncryption", "")
    if re.fullmatch(r"[0-9a-f]{32}", etag) and not encrypted:
        return f"md5:{etag}"
    if answer.get("ChecksumType") != "COMPOSITE":
        for algorithm in ("SHA256", "SHA1", "MD5", "CRC64NVME", "CRC32C", "CRC32"):
            value = answer.get(f"Checksum{algorithm}", "")
            # older servers mark one that is made of the parts' by a suffix alone
            if re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
                return f"{algorithm.lower()}:{base64.b64decode(value).hex()}"
    return None
