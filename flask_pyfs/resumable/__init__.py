"""Uploads through the app that survive interruptions, to any store: tus 1.0.0, and the IETF's Resumable Uploads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..backends.contract import UploadURL
from ..uploads.terms import Terms

__all__ = ["begin"]


def begin(storage: Any, terms: Terms, expires: float | timedelta, *, external: bool) -> UploadURL:
    """Return the URL at which a client begins an upload; see :meth:`flask_pyfs.Storage.resumable_url`."""
    raise NotImplementedError
