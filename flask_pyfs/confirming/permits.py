"""What permits a client to send a file to a store under a reserved name, and what the app knows it by afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flask import Flask, current_app

from ..backends.contract import UploadTerms, UploadURL
from ..errors import OperationNotSupported
from ..files import mime
from ..names import Reserved
from ..state import State, find
from ..storage import Storage
from ..unfinished import INCOMING, Unfinished, new_identifier
from ..uploads.terms import Terms
from ..web.access import require_permission
from ..web.signing import lifetime_of, opened, signed_token
from ..web.urls import room_url

__all__ = ["begin", "permitted", "storage_of"]

_PURPOSE = "confirm"


def begin(storage: Storage, terms: Terms, expires: float | timedelta, *, external: bool) -> UploadURL | None:
    """Return a request with which a client sends a file to the store, and the token that stands for it; None if the
    store signs no uploads. See :meth:`flask_pyfs.Storage.upload_url`.

    The store enforces what it can of the terms, and :func:`~flask_pyfs.confirming.confirm` all of them.

    :raises NotAuthorized: if AUTHORIZE denies it.
    """
    state, identifier = find(storage), new_identifier()
    try:
        path = Unfinished(state, identifier).path(INCOMING)
    except OperationNotSupported:
        return None
    media_type = terms.content_type or mime(terms.name, state.callee.kind.DEFAULT_MIME)
    upload = _signed(state, path, media_type, terms.max_size, expires)
    if upload is None:
        # whoever signs instead asks AUTHORIZE
        return None
    require_permission(state, terms.name, "write")
    claims = {"storage": storage.name, "id": identifier, **terms.claims()}
    token = signed_token(state.app, storage.name, _PURPOSE, claims)
    url = room_url(state.app, storage.name, "confirm", token, external)
    return replace(upload, name=terms.name, token=token, confirm_url=url)


def _signed(
    state: State, path: Reserved, media_type: str, max_size: int | None, expires: float | timedelta
) -> UploadURL | None:
    until, lifetime = lifetime_of(expires)
    if lifetime > (longest := state.config["upload_lifetime"]):
        # later, nothing tells that the file was confirmed, and may have been deleted since
        until, lifetime = lifetime_of(longest)
    # whoever has the URL may replace what came by it: no other file has the name
    whole = UploadTerms(until, lifetime, True, media_type, max_size)
    upload = state.operations.signed_upload(path, whole)
    if upload is None:
        upload = state.operations.signed_upload(path, UploadTerms(until, lifetime, True))
    if upload is not None and "Content-Type" in upload.headers:
        upload = replace(upload, headers={**upload.headers, "Content-Type": media_type})
    return upload


def storage_of(token: str) -> Storage:
    """Return the storage of the current app that has given a token. No request.

    :raises NotAuthorized: if none has.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    storage: Storage = opened(app, _PURPOSE, token)[0]
    return storage


def permitted(state: State, token: str) -> tuple[Terms, str]:
    """Return what a token stands for: what was agreed on, and the identifier of the upload. No request.

    :raises NotAuthorized: if it is no token of this storage.
    """
    _, claims = opened(state.app, _PURPOSE, token, state.storage.name)
    return Terms.of(claims), str(claims["id"])
