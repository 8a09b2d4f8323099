"""Signed URLs: anybody who has one may read or upload a file until it expires."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ..backends.contract import UploadURL
from ..state import State
from ..uploads.terms import Terms
from .access import require_permission
from .downloads import PARAMETER, given_download
from .signing import lifetime_of, signed_query
from .urls import file_url, with_query


def signed_url(
    state: State, name: str, expires: float | timedelta, *, external: bool, download: bool | str | None
) -> str:
    """Return a signed URL to read a file: one of the store if it signs URLs, else one of the app's own route.

    :param download: whether browsers save the file, or under which name; None is False.
    :raises NotAuthorized: if AUTHORIZE denies it.
    """
    require_permission(state, name, "read")
    until, lifetime = lifetime_of(expires)
    saved = given_download(download)
    disposition = saved and saved.disposition_of(name)
    url = state.operations.signed_url(name, until, lifetime, disposition=disposition)
    if url is None:
        claims = {"expires": str(until), **({PARAMETER: saved.name} if saved else {})}
        url = _route_url(state, name, "read", claims, external=external)
    return url


def signed_upload(
    state: State, terms: Terms, expires: float | timedelta, *, external: bool, verifies: bool
) -> UploadURL:
    """Return a signed URL to upload a file: one of the store if it can enforce the terms, else one of the app's own
    route.

    :param verifies: whether the content must be checked, which only the app can do.
    :raises NotAuthorized: if AUTHORIZE denies it.
    """
    require_permission(state, terms.name, "write")
    until, lifetime = lifetime_of(expires)
    upload = None if verifies else state.operations.signed_upload(terms.name, terms.for_store(until, lifetime))
    if upload is None:
        claims = {
            "expires": until,
            "overwrite": 1 if terms.overwrite else None,
            "size": terms.max_size,
            "type": terms.content_type,
        }
        known = {key: str(value) for key, value in claims.items() if value is not None}
        upload = UploadURL(terms.name, _route_url(state, terms.name, "write", known, external=external))
    return upload


def rendition_url(
    state: State, name: str, claims: Mapping[str, str], expires: float | timedelta | None, *, external: bool
) -> str:
    """Return the signed URL of the app's own route for a thumbnail that is made at the first request.

    :param claims: what the thumbnail shows.
    :param expires: for how long the URL permits to read the file; with None, it permits only to make it, for ever.
    :raises NotAuthorized: with ``expires``, if AUTHORIZE denies it.
    """
    if expires is None:
        return _route_url(state, name, "render", dict(claims), external=external)
    require_permission(state, name, "read")
    until, _ = lifetime_of(expires)
    return _route_url(state, name, "read", {**claims, "expires": str(until)}, external=external)


def _route_url(state: State, name: str, action: str, claims: dict[str, str], *, external: bool) -> str:
    query = signed_query(state.app, state.storage.name, action, name, claims)
    return with_query(file_url(state.app, state.storage.name, None, name, external), query)
