"""Listings of a bucket, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from fs import errors

from ..objects.errors import literal
from .bucket import S3Bucket

# the parameters that ask for the page that follows, and the members of a page that give their values
_OBJECTS = {"ContinuationToken": "NextContinuationToken"}
_UPLOADS = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
_PARTS = {"PartNumberMarker": "NextPartNumberMarker"}

# S3 may send pages without entries, but not without end
_MOST_EMPTY = 100


def list_keys(bucket: S3Bucket, prefix: str, delimiter: str | None, limit: int | None) -> Iterator[tuple[str, Any]]:
    """Iterate over the keys that start with a prefix, with their entries of the listing. 1,000 keys per request.

    :param delimiter: group the keys that contain it after the prefix: each group yields once its common part, up to and
        including the delimiter, with None.
    :param limit: the maximum number of keys.
    """
    parameters: dict[str, Any] = {"Prefix": prefix}
    if delimiter is not None:
        parameters["Delimiter"] = delimiter
    if limit is not None:
        parameters["MaxKeys"] = limit
    return islice(_entries(bucket, parameters), limit)


def _entries(bucket: S3Bucket, parameters: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for page in _pages(bucket, "list_objects_v2", _OBJECTS, dict(parameters)):
        for below in page.get("CommonPrefixes", ()):
            yield _within(bucket, below["Prefix"], parameters["Prefix"]), None
        for entry in page.get("Contents", ()):
            yield _within(bucket, entry["Key"], parameters["Prefix"]), entry


def list_uploads(bucket: S3Bucket, prefix: str) -> Iterator[Any]:
    """Iterate over the unfinished multipart uploads of keys that start with a prefix. 1,000 per request."""
    for page in _pages(bucket, "list_multipart_uploads", _UPLOADS, {"Prefix": prefix}):
        for upload in page.get("Uploads", ()):
            _within(bucket, upload["Key"], prefix)
            yield upload


def list_parts(bucket: S3Bucket, key: str, upload: str) -> Iterator[Any]:
    """Iterate over the parts of an unfinished upload. 1,000 per request.

    :raises S3Refused: if it no longer exists.
    """
    for page in _pages(bucket, "list_parts", _PARTS, {"Key": key, "UploadId": upload}):
        yield from page.get("Parts", ())


def _within(bucket: S3Bucket, key: str, prefix: str) -> str:
    # what is listed may be deleted
    if not key.startswith(prefix):
        raise _odd(bucket, f"{key!r} is in the listing of {prefix!r}")
    return key


def _pages(bucket: S3Bucket, operation: str, following: dict[str, str], parameters: dict[str, Any]) -> Iterator[Any]:
    seen: set[Any] = set()
    empty = 0
    while True:
        try:
            page = bucket.read(operation, **parameters)
        except errors.ResourceNotFound:
            return
        first = _first_of(page)
        empty = 0 if first else empty + 1
        if first in seen or empty > _MOST_EMPTY:
            raise _odd(bucket, "the listing repeats itself, and has no end")
        if first:
            seen.add(first)
        yield page
        if not page.get("IsTruncated"):
            return
        markers = {name: page.get(member) for name, member in following.items()}
        if None in markers.values():
            raise _odd(
                bucket, f"a listing that goes on does not say where: {' or '.join(following.values())} is missing"
            )
        step = ("next", *markers.values())
        if step in seen:
            raise _odd(bucket, "the listing repeats itself, and has no end")
        seen.add(step)
        parameters.update(markers)


def _first_of(page: Any) -> tuple[Any, ...]:
    for name in ("Contents", "CommonPrefixes", "Uploads", "Parts"):
        for entry in page.get(name, ()):
            return name, *(entry.get(member) for member in ("Key", "Prefix", "UploadId", "PartNumber"))
    return ()


def _odd(bucket: S3Bucket, what: str) -> errors.RemoteConnectionError:
    return errors.RemoteConnectionError(
        msg=literal(f"bucket {bucket.name!r}: the server's answer is not one of S3: {what}")
    )
