"""Signed URLs: with one, whoever has it may read or upload a file for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ..backends.handles import UploadTerms, UploadURL
from ..errors import PermissionDenied
from ..state import State
from .access import Access, is_allowed
from .responses import attachment
from .signing import lifetime_of, signed_query
from .urls import file_url, with_query

if TYPE_CHECKING:
    from ..storage import Storage

__all__ = ["signed_upload", "signed_url"]


def signed_url(
    storage: Storage, state: State, name: str, expires: float | timedelta, *, external: bool, download: bool
) -> str:
    """Return a URL with which a file may be read: of the store where that signs URLs, else of the app's own route."""
    _require_allowed(storage, name, "read")
    until, lifetime = lifetime_of(expires)
    disposition = attachment(name) if download else None
    url: str | None = state.operations.signed_url(name, until, lifetime, disposition=disposition)
    if url is None:
        said = {"expires": str(until), **({"download": "1"} if download else {})}
        query = signed_query(state.app, storage.name, "read", name, said)
        url = with_query(file_url(state.app, storage.name, None, name, external), query)
    return url


def signed_upload(
    storage: Storage, state: State, name: str, terms: UploadTerms, *, external: bool, unique: bool
) -> UploadURL:
    """Return where a file may be sent: to the store where that holds the terms, else to the app's own route.

    :param unique: nobody else's file can have the name, so a store may let it be replaced.
    """
    _require_allowed(storage, name, "write")
    upload = None
    if not storage.verifies:
        upload = state.operations.signed_upload(name, replace(terms, overwrite=terms.overwrite or unique))
    if upload is None:
        said = {
            "expires": terms.expires,
            "overwrite": 1 if terms.overwrite else None,
            "size": terms.max_size,
            "type": terms.content_type,
        }
        known = {key: str(value) for key, value in said.items() if value is not None}
        query = signed_query(state.app, storage.name, "write", name, known)
        upload = UploadURL(name, with_query(file_url(state.app, storage.name, None, name, external), query))
    return upload


def _require_allowed(storage: Storage, name: str, action: str) -> None:
    if not is_allowed(Access(storage, name, action)):
        raise PermissionDenied(
            f"AUTHORIZE of storage {storage.name!r} does not allow to {action} {name!r}",
            path=name,
            storage=storage.name,
        )
