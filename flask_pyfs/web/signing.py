"""URLs of the app's own route that are valid for a while."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from flask import Flask
from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode

from ..errors import ConfigurationError

#: The name of the signature in a query.
SIGNATURE = "signature"

# what a signature may claim, beside the file
_CLAIMS = ("download", "expires", "overwrite", "size", "type")


def lifetime_of(expires: float | timedelta) -> tuple[int, int]:
    """Return when a signed URL that is made now expires, in seconds since 1970, and how long it is valid, in seconds.

    Both are the same for a while.

    :param expires: how many seconds it is valid at most, and three quarters of them at least.
    :raises ValueError: for a time that is not positive.
    """
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    if not 0 < seconds < math.inf:
        raise ValueError(f"a signed URL is valid for some seconds, not {seconds}")
    window, end = int(seconds / 4), time.time() + seconds
    return (int(end // window * window) if window else math.ceil(end)), math.ceil(seconds)


def signed_query(app: Flask, storage: str, action: str, filename: str, claims: Mapping[str, str]) -> str:
    """Return a query that lets whoever has it read or write a file.

    :param storage: the storage's name.
    :param action: ``'read'`` or ``'write'``.
    :param claims: what else is signed, such as when the signature expires.
    :raises flask_pyfs.errors.ConfigurationError: if the app has no SECRET_KEY.
    """
    signer = _signer(app)
    if signer is None:
        raise ConfigurationError("signed URLs need the app's SECRET_KEY", storage=storage)
    signature = signer.get_signature(_message(storage, action, filename, claims)).decode()
    return urlencode({**claims, SIGNATURE: signature})


def verified(app: Flask, storage: str, action: str, filename: str, query: Mapping[str, str]) -> dict[str, str] | None:
    """Return the claims of a query's signature; None if it is invalid or expired.

    Keys in SECRET_KEY_FALLBACKS count too.
    """
    claims = {name: query[name] for name in _CLAIMS if name in query}
    signer, signature = _signer(app), query.get(SIGNATURE, "").encode()
    if signer is None or not signer.verify_signature(_message(storage, action, filename, claims), signature):
        return None
    # several texts stand for the same bytes
    canonical = signature == base64_encode(base64_decode(signature))
    return claims if canonical and time.time() < int(claims["expires"]) else None


def _signer(app: Flask) -> Signer | None:
    if not app.secret_key:
        return None
    older = app.config.get("SECRET_KEY_FALLBACKS") or ()
    if isinstance(older, (str, bytes)):
        # from the environment; each letter would be a key
        older = [older]
    # the last one signs
    keys = [*filter(None, older), app.secret_key]
    return Signer(keys, salt=b"flask_pyfs", key_derivation="hmac", digest_method=hashlib.sha256)


def _message(storage: str, action: str, filename: str, claims: Mapping[str, str]) -> bytes:
    return json.dumps([storage, action, filename, sorted(claims.items())]).encode()
