"""Uploads through the app that survive interruptions, to any store: tus 1.0.0, and the IETF's Resumable Uploads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..backends.contract import UploadURL
from ..state import find
from ..unfinished import Unfinished, new_identifier
from ..uploads.terms import Terms
from ..web.access import require_permission
from ..web.urls import room_url
from .tokens import begin_token

__all__ = ["begin"]


def begin(storage: Any, terms: Terms, expires: float | timedelta, *, external: bool) -> UploadURL:
    """Return the URL at which a client begins an upload; see :meth:`flask_pyfs.Storage.resumable_url`."""
    state = find(storage)
    require_permission(state, terms.name, "write")
    # refuses a backend that keeps none
    _ = Unfinished(state, new_identifier()).store
    url = room_url(state.app, storage.name, "upload", begin_token(state, terms, expires), external)
    return UploadURL(terms.name, url, original_name=terms.original_name)
