"""Signed URLs: with one, whoever has it may read or upload a file for a while."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from .access import Access, is_allowed
from .errors import PermissionDenied
from .handles import UploadURL
from .responses import attachment
from .signing import lifetime_of, signed_query
from .state import State
from .urls import file_url, with_query

if TYPE_CHECKING:
    from .storage import Storage

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
    storage: Storage,
    state: State,
    name: str,
    expires: float | timedelta,
    *,
    external: bool,
    unique: bool,
    overwrite: bool,
    content_type: str | None,
    max_size: int | None,
) -> UploadURL:
    """Return where a file may be sent: to the store where that holds what is asked, else to the app's own route."""
    _require_allowed(storage, name, "write")
    if max_size is not None and (not isinstance(max_size, int) or max_size < 1):
        raise ValueError(f"max_size is a whole number of bytes, 1 or more, not {max_size!r}")
    if content_type is not None and not re.fullmatch(r"[\w.+-]+/[\w.+-]+", content_type, re.ASCII):
        raise ValueError(f"content_type is a media type without parameters, such as 'image/png', not {content_type!r}")
    content_type = content_type and content_type.lower()
    until, lifetime = lifetime_of(expires)
    upload = state.operations.signed_upload(
        name, until, lifetime, overwrite=overwrite or unique, content_type=content_type, max_size=max_size
    )
    if upload is None:
        said = {"expires": str(until), "overwrite": "1" if overwrite else None, "type": content_type, "size": max_size}
        query = signed_query(
            state.app,
            storage.name,
            "write",
            name,
            {key: str(value) for key, value in said.items() if value is not None},
        )
        upload = UploadURL(name, with_query(file_url(state.app, storage.name, None, name, external), query))
    return upload


def _require_allowed(storage: Storage, name: str, action: str) -> None:
    if not is_allowed(Access(storage, name, action)):
        raise PermissionDenied(
            f"AUTHORIZE of storage {storage.name!r} does not allow to {action} {name!r}",
            path=name,
            storage=storage.name,
        )
