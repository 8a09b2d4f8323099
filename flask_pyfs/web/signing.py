"""Signs and verifies URLs of the app's own route."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from ..errors import ConfigurationError, NotAuthorized

#: The parameter of a query that has the signature.
SIGNATURE = "signature"

#: The parameters of the URL of a thumbnail that is made at the first request: the image, the size and the part.
OF, RENDER = "of", "render"

# the parameters that a signature covers, besides the file
_CLAIMS = ("download", "expires", "overwrite", "size", "type", OF, RENDER)


def lifetime_of(expires: float | timedelta) -> tuple[int, int]:
    """Return when a URL signed now expires, in seconds since 1970, and for how long it is signed, in seconds.

    The expiry is rounded down to a quarter of ``expires``, so calls that follow each other closely return the same.

    :param expires: the longest time that the URL is valid, in seconds; it is valid for at least three quarters of it.
    :raises ValueError: if the time is not positive or not finite.
    """
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    if not 0 < seconds < math.inf:
        raise ValueError(f"expires must be a positive number of seconds, not {seconds}")
    window, end = int(seconds / 4), time.time() + seconds
    return (int(end // window * window) if window else math.ceil(end)), math.ceil(seconds)


def signed_query(app: Flask, storage: str, action: str, filename: str, claims: Mapping[str, str]) -> str:
    """Return the query of a signed URL: the claims and the signature.

    :param storage: the storage's name.
    :param action: ``'read'``, ``'write'``, or ``'render'``, which permits only to make a thumbnail and never expires.
    :param filename: the file's name.
    :param claims: the other signed parameters, such as the time of expiry.
    :raises flask_pyfs.errors.ConfigurationError: if the app has no SECRET_KEY.
    """
    signer = _required(app, storage)
    signature = signer.get_signature(_message(storage, action, filename, claims)).decode()
    return urlencode({**claims, SIGNATURE: signature})


def verified(app: Flask, storage: str, action: str, filename: str, query: Mapping[str, str]) -> dict[str, str] | None:
    """Return the claims of a query's signature; None if it is invalid or expired.

    A signature made with a key in SECRET_KEY_FALLBACKS is valid too.
    """
    claims = {name: query[name] for name in _CLAIMS if name in query}
    signer, signature = _signer(app), query.get(SIGNATURE, "").encode()
    if signer is None or not signer.verify_signature(_message(storage, action, filename, claims), signature):
        return None
    # several base64 texts decode to the same bytes; only one is accepted
    canonical = signature == base64_encode(base64_decode(signature))
    return claims if canonical and (action == "render" or time.time() < int(claims["expires"])) else None


def signed_token(app: Flask, storage: str, purpose: str, claims: Mapping[str, Any]) -> str:
    """Return a text of letters, digits, ``-``, ``_`` and ``.`` that holds claims, and that nobody else can make.

    Anybody can read it.

    :param storage: the storage's name.
    :param purpose: what the token is for; it is no token for anything else.
    :param claims: what it holds, as JSON.
    :raises flask_pyfs.errors.ConfigurationError: if the app has no SECRET_KEY.
    """
    signer = _required(app, storage)
    # as short as may be: gunicorn takes no line of a request beyond 4,094 bytes
    text = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
    payload = base64_encode(text.encode(errors="surrogatepass")).decode()
    return f"{payload}.{signer.get_signature(_token_message(storage, purpose, payload)).decode()}"


def claims_in(app: Flask, storage: str, purpose: str, token: str) -> dict[str, Any] | None:
    """Return the claims of a token that :func:`signed_token` made; None if it is none, of whatever type.

    When it expires is for the caller to know: an upload that has begun outlives the time in which it may begin.
    """
    if not isinstance(token, str) or not token.isascii():
        # an app takes it out of any JSON
        return None
    payload, _, signature = token.partition(".")
    signer = _signer(app)
    if signer is None or not signer.verify_signature(_token_message(storage, purpose, payload), signature.encode()):
        return None
    if signature.encode() != base64_encode(base64_decode(signature)):
        return None
    claims: dict[str, Any] = json.loads(base64_decode(payload))
    return claims


def storage_in(token: str) -> str | None:
    """Return the name of the storage that the claims of a token have as ``storage``, or None. Anybody may have written
    that: who knows the name can ask :func:`claims_in`.
    """
    try:
        claims = json.loads(base64_decode(token.partition(".")[0]))
    except (BadData, ValueError, RecursionError):
        return None
    name = claims.get("storage") if isinstance(claims, dict) else None
    return name if isinstance(name, str) else None


def opened(app: Flask, purpose: str, token: str, storage: str | None = None) -> tuple[Any, dict[str, Any]]:
    """Return the storage and the claims of a token that clients have.

    :param storage: the name of the storage that it must be of; None if any of the app will do.
    :raises flask_pyfs.errors.NotAuthorized: if it is none of this app and purpose.
    """
    name = storage_in(token) if storage is None else storage
    found = app.extensions["fs"].get(name)
    claims = None if found is None else claims_in(app, found.name, purpose, token)
    if claims is None:
        raise not_given(None if found is None else found.name)
    return found, claims


def not_given(storage: str | None) -> NotAuthorized:
    """Return the error for what is no token, or not any more.

    :param storage: the name of the storage, if that is known.
    """
    place = "the app" if storage is None else f"storage {storage!r}"
    return NotAuthorized(
        f"{place} has given no such token, or it has expired: pass that of an UploadURL as it is",
        storage=storage,
        user_message="The upload is not valid, or not any more. Begin it again.",
    )


def signs(app: Flask) -> bool:
    """Return whether an app can sign URLs."""
    return _signer(app) is not None


def _required(app: Flask, storage: str) -> Signer:
    signer = _signer(app)
    if signer is None:
        raise ConfigurationError(f"storage {storage!r}: the app cannot sign URLs: set its SECRET_KEY", storage=storage)
    return signer


def _signer(app: Flask) -> Signer | None:
    if not app.secret_key:
        return None
    older = app.config.get("SECRET_KEY_FALLBACKS") or ()
    if isinstance(older, (str, bytes)):
        # a str from the environment is one key, not one per letter
        older = [older]
    # Signer signs with the last key
    keys = [*filter(None, older), app.secret_key]
    return Signer(keys, salt=b"flask_pyfs", key_derivation="hmac", digest_method=hashlib.sha256)


def _message(storage: str, action: str, filename: str, claims: Mapping[str, str]) -> bytes:
    return json.dumps([storage, action, filename, sorted(claims.items())]).encode()


def _token_message(storage: str, purpose: str, payload: str) -> bytes:
    return json.dumps([storage, purpose, payload]).encode()
