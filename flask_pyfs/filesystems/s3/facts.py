"""The facts of an object, from the responses of S3."""

from __future__ import annotations

import base64
import re
from typing import Any

from fs import errors

from ..objects.http import content_range, known_type, strong_tag
from ..store import Facts


def member(answer: Any, name: str) -> Any:
    """Return a required member of a response.

    :raises fs.errors.RemoteConnectionError: if the response does not have it.
    """
    if name not in answer:
        raise errors.RemoteConnectionError(msg=f"the response of the server is incomplete: {name} is missing")
    return answer[name]


def range_of(answer: Any) -> tuple[int, int, int]:
    """Return the offset of the first byte, the offset after the last byte, and the size of the object, all in bytes."""
    return content_range(answer.get("ContentRange"), _length(answer))


def facts_of(answer: Any, size: int | None = None) -> Facts:
    """Return the facts of an object, from a response to GET or HEAD.

    :param size: the size of the object in bytes, if the response contains only a range of it.
    """
    return Facts(
        size=_length(answer) if size is None else size,
        modified=answer.get("LastModified"),
        etag=_etag(answer),
        content_type=known_type(answer.get("ContentType")),
        checksum=_checksum(answer),
    )


def listed_facts(entry: Any) -> Facts:
    """Return the facts of an object, from an entry of a listing."""
    # HEAD reports whole seconds
    return Facts(size=entry["Size"], modified=entry["LastModified"].replace(microsecond=0), etag=_etag(entry))


def _length(answer: Any) -> int:
    # http.client takes a connection that closes within the headers for their end
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
            # older servers mark a checksum over the checksums of the parts by a suffix only ("-2")
            if re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
                return f"{algorithm.lower()}:{base64.b64decode(value).hex()}"
    return None
