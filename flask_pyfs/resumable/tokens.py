"""The tokens in the URLs of uploads: one permits to begin, and one stands for an upload that has begun."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from flask import Flask, current_app

from ..state import State
from ..storage import Storage
from ..unfinished import new_identifier
from ..uploads.terms import Terms
from ..web.signing import lifetime_of, not_given, opened, signed_token

_BEGIN, _UPLOAD = "resumable", "resuming"


def begin_token(state: State, terms: Terms, expires: float | timedelta) -> str:
    """Return a token with which a client may begin an upload until it expires."""
    # without a nonce, two clients that are to upload a file of one name would get the same
    claims = {"expires": lifetime_of(expires)[0], "nonce": new_identifier(), **terms.claims()}
    return _signed(state, _BEGIN, claims)


def upload_token(state: State, terms: Terms, length: int | None) -> str:
    """Return the token of a new upload: it holds all that does not change."""
    claims = {"id": new_identifier(), "began": int(time.time()), **terms.claims()}
    return _signed(state, _UPLOAD, claims if length is None else {"length": length, **claims})


def claims_to_begin(token: str) -> tuple[Storage, dict[str, Any]]:
    """Return the storage and the claims of a token that permits to begin an upload.

    :raises flask_pyfs.errors.NotAuthorized: if it is none, or has expired.
    """
    storage, claims = _opened(_BEGIN, token)
    if time.time() >= claims["expires"]:
        raise not_given(storage.name)
    return storage, claims


def claims_of_upload(token: str) -> tuple[Storage, dict[str, Any]]:
    """Return the storage and the claims of the token of an upload.

    :raises flask_pyfs.errors.NotAuthorized: if it is none.
    """
    return _opened(_UPLOAD, token)


def _signed(state: State, purpose: str, claims: dict[str, Any]) -> str:
    return signed_token(state.app, state.storage.name, purpose, {"storage": state.storage.name, **claims})


def _opened(purpose: str, token: str) -> tuple[Storage, dict[str, Any]]:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return opened(app, purpose, token)
