"""Uploads in parts, straight from browsers to S3: the companion of Uppy's ``@uppy/aws-s3``."""

from __future__ import annotations

from datetime import timedelta
from secrets import token_hex

from ..backends.contract import UploadURL
from ..errors import OperationNotSupported
from ..state import find
from ..storage import Storage
from ..uploads.terms import Terms
from ..web.access import require_permission
from ..web.signing import lifetime_of
from ..web.urls import room_url
from .tokens import Permit
from .upload import takes_parts

__all__ = ["begin"]


def begin(storage: Storage, terms: Terms, expires: float | timedelta, *, external: bool) -> UploadURL:
    """Return the URL of the companion for one upload; see :meth:`flask_pyfs.Storage.multipart_url`."""
    state = find(storage)
    require_permission(state, terms.name, "write")
    until, _ = lifetime_of(expires)
    if not takes_parts(state):
        raise OperationNotSupported(
            f"storage {storage.name!r}: only S3 takes files in parts from clients, and {state.kind_of_store}: "
            "call resumable_url",
            path=terms.name,
            storage=storage.name,
        )
    token = Permit(storage, terms, until, token_hex(8)).token(state.app)
    url = room_url(state.app, storage.name, "multipart", token, external)
    return UploadURL(terms.name, url, original_name=terms.original_name)
