"""Reads the fields of requests: those of tus, and the structured ones of the IETF's draft (RFC 9651)."""

from __future__ import annotations

import base64
import binascii
import re

from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest

__all__ = ["boolean", "checksum", "digest", "integer", "metadata", "number"]

#: The names of tus for the checksums that are known.
CHECKSUMS = ("sha1", "md5", "sha256")

# the names of RFC 9530, which advises against the others
_DIGESTS = {"sha-512": "sha512", "sha-256": "sha256"}

_MOST = 2**63 - 1
_PARAMETERS = r"(?:; *[a-z*][a-z0-9_.*-]*(?:=[^;,]*)?)*"
_INTEGER = re.compile(rf" *([0-9]{{1,15}}|-0{{1,15}}){_PARAMETERS} *")
_BOOLEAN = re.compile(rf" *\?([01]){_PARAMETERS} *")
_DIGEST = re.compile(rf" *([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):{_PARAMETERS} *")


def number(headers: Headers, name: str) -> int | None:
    """Return the number in a field of tus, or None if the request does not have it.

    :raises BadRequest: if the field has another value.
    """
    value = headers.get(name)
    if value is None:
        return None
    text = value.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _MOST):
        raise BadRequest(f"{name} is no number of bytes.")
    return int(text)


def integer(headers: Headers, name: str) -> int | None:
    """Return the Integer in a field of the draft. None if it has another value, which counts as no field."""
    match = _INTEGER.fullmatch(headers.get(name, ""))
    return int(match[1]) if match else None


def boolean(headers: Headers, name: str) -> bool | None:
    """Return the Boolean in a field of the draft, or None as above."""
    match = _BOOLEAN.fullmatch(headers.get(name, ""))
    return match[1] == "1" if match else None


def metadata(headers: Headers) -> dict[str, str]:
    """Return the keys and values of tus' ``Upload-Metadata``.

    :raises BadRequest: if it is not of its form.
    """
    found: dict[str, str] = {}
    value = headers.get("Upload-Metadata", "").strip()
    for pair in value.split(",") if value else ():
        key, _, encoded = pair.strip().partition(" ")
        if not key or key in found:
            raise BadRequest("Upload-Metadata has a key that is empty, or twice.")
        found[key] = _decoded(encoded.strip(), "Upload-Metadata").decode(errors="replace")
    return found


def checksum(headers: Headers) -> tuple[str, bytes] | None:
    """Return the algorithm and the digest in tus' ``Upload-Checksum``, or None without that field.

    :raises BadRequest: if the algorithm is not known, or the field is not of its form.
    """
    value = headers.get("Upload-Checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    if algorithm not in CHECKSUMS:
        raise BadRequest(f"Upload-Checksum must have one of {', '.join(CHECKSUMS)}.")
    return algorithm, _decoded(encoded.strip(), "Upload-Checksum")


def digest(headers: Headers) -> tuple[str, bytes] | None:
    """Return the algorithm and the digest in ``Content-Digest`` (RFC 9530, section 2), or None if it has no known one.

    :raises BadRequest: if the field is not of its form.
    """
    value = headers.get("Content-Digest")
    if value is None:
        return None
    found: dict[str, str] = {}
    for member in value.split(","):
        match = _DIGEST.fullmatch(member)
        if match is None:
            raise BadRequest("Content-Digest is no dictionary of digests.")
        found[match[1]] = match[2]
    known = next((name for name in _DIGESTS if name in found), None)
    return None if known is None else (_DIGESTS[known], _decoded(found[known], "Content-Digest"))


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{name} has a value that is no Base64.") from error
