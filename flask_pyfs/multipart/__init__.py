"""Uploads in parts, straight from browsers to S3: the companion of Uppy's ``@uppy/aws-s3``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..backends.contract import UploadURL
from ..uploads.terms import Terms

__all__ = ["begin"]


def begin(storage: Any, terms: Terms, expires: float | timedelta, *, external: bool) -> UploadURL:
    """Return the URL of the companion for one upload; see :meth:`flask_pyfs.Storage.multipart_url`."""
    raise NotImplementedError
