"""Uploading an object to a container: in one request or in segments."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fs import errors

from ...errors import StoreMisconfigured
from ..objects.notes import require_note
from ..objects.writer import Upload
from ..store import OtherVersion
from .body import StreamedBody
from .container import SwiftContainer, md5
from .deletion import delete
from .errors import SwiftRefused
from .facts import version_of
from .segments import remove_segments, segments_in, segments_of

_log = logging.getLogger(__name__)

# the most segments of a manifest; with more segments, the manifest lists other manifests
_IN_MANIFEST = 1000

# the maximum length of an object name in bytes, and the length of a segment number
_LONGEST = 1024
_NUMBER = 8

# the time limit for deleting segments after a timeout or a lost connection
_ABORT_SECONDS = 1.0


class SwiftUpload(Upload):
    """The upload of an object.

    :param container: the container of the object.
    :param segments: the container of its segments.
    :param key: the key of the object.
    :param overwrite: replace an existing object.
    :param headers: the headers of the object, such as Content-Type.
    :param replaces: the version that the new object must replace, or None.
    :param note: the note of the object, or None.
    :raises ValueError: if that can be none.
    """

    def __init__(
        self,
        container: SwiftContainer,
        segments: SwiftContainer,
        key: str,
        *,
        overwrite: bool,
        headers: Mapping[str, Any],
        replaces: str | None = None,
        note: str | None = None,
    ) -> None:
        if note is not None:
            require_note(note)
        self._container = container
        self._segments = segments
        self._key = key
        self._overwrite = overwrite
        self._headers = headers
        self._replaces = replaces
        self._note = note
        self._prefix = f"{key}/flask-pyfs/{int(time.time())}-{secrets.token_hex(8)}/"
        self._too_long = len(self._prefix.encode()) + _NUMBER > _LONGEST
        self._parts: dict[int, dict[str, Any]] = {}
        self._sent: list[str] = []
        self._adopted: set[str] = set()
        self._failed = False
        self._may_exist = False

    def put(self, content: bytearray) -> None:
        """Store the whole content. One request, and one more if the container of segments exists."""
        tag = md5(content)
        self._publish(content or b"", lambda: tag, {"ETag": tag})

    def stream(self, body: StreamedBody) -> None:
        """Store the whole content from a file. One request, and one more if the container of segments exists."""
        self._container.prepare()
        self._publish(body, body.md5, {})

    def _publish(self, body: Any, digest: Any, headers: dict[str, str], query: str = "") -> None:
        # what replaces an object that another worker has made of the same pieces consists of them
        old = [name for name in self._old_segments() if name not in self._adopted]
        headers = {**self._headers, **headers}
        self.version: str | None = self._container.put(
            self._key, body, digest, overwrite=self._overwrite, headers=headers, query=query, note=self._note
        )
        # only now: until the new object is complete, readers need the old segments
        remove_segments(self._segments, self._key, old)

    def _old_segments(self) -> list[str]:
        if self._replaces is not None:
            return segments_in(self._container, self._segments, self._key, self._replaced())
        return segments_of(self._container, self._segments, self._key) if self._overwrite else []

    def _replaced(self) -> Mapping[str, str]:
        """Return the headers of the version that the new object must replace."""
        try:
            headers = self._container.head(self._key).headers
        except errors.ResourceNotFound as error:
            raise OtherVersion(self._key, exc=error) from error
        if version_of(headers) != self._replaces:
            raise OtherVersion(self._key)
        return headers

    def begin(self) -> None:
        """Check early that the key is free, or has the version to replace. One request; none with ``overwrite``, but
        the first without ``create``.

        :raises OtherVersion: if the key does not have the version to replace.
        :raises fs.errors.InvalidPath: if the names of the segments would exceed the limit of Swift.
        """
        if self._too_long:
            raise errors.InvalidPath(self._key, "the names of the segments of '{path}' would be too long")
        if self._overwrite and not self._container.create:
            # otherwise a container of segments would be made and filled first
            self._container.prepare()
        if self._replaces is not None:
            self._replaced()
        if not self._overwrite and self._container.is_taken(self._key):
            raise errors.FileExists(self._key)

    def send_part(self, number: int, content: bytearray) -> None:
        """Store a segment. One request."""
        tag = md5(content)
        self._send(number, content, len(content), lambda: tag, {"ETag": tag})

    def stream_part(self, number: int, body: StreamedBody) -> None:
        """Store a segment from a file. One request."""
        self._segments.prepare()
        self._send(number, body, len(body), body.md5, {})

    def _send(self, number: int, body: Any, size: int, digest: Any, headers: dict[str, str]) -> None:
        self._put_segment(f"{self._prefix}{number:08d}", body, digest, headers)
        self._add_part(number, size, digest())

    def _put_segment(self, key: str, body: Any, digest: Any, headers: dict[str, str], query: str = "") -> None:
        self._sent.append(key)
        try:
            self._segments.put(key, body, digest, overwrite=True, headers=headers, query=query)
        except (errors.OperationTimeout, errors.RemoteConnectionError):
            self._failed = True
            raise
        except (errors.PermissionDenied, StoreMisconfigured):
            # nothing was stored, so there is nothing to delete
            self._sent.remove(key)
            raise

    def copy_part(self, number: int, container: SwiftContainer, key: str, size: int, tag: str | None = None) -> None:
        """Create a segment by copying another object. One request.

        :param size: the size of the other object in bytes.
        :param tag: its entity tag, or None for that of the copy.
        """
        target = f"{self._prefix}{number:08d}"
        self._sent.append(target)
        # a segment needs no metadata of the other object, and must not have the time at which Swift deletes that
        copied = container.copy(key, self._segments, target, is_bare=True)
        self._add_part(number, size, tag or copied["Etag"].strip('"'))

    def adopt_part(self, number: int, key: str, size: int) -> None:
        """Make an object in the container of segments a segment of this one, and of no other. No request. It stays if
        the upload is aborted.

        :param key: its key.
        :param size: its size in bytes.
        """
        self._adopted.add(key)
        # Swift knows its entity tag
        self._parts[number] = {"path": self._segments.path(key), "size_bytes": size, "etag": None}

    @property
    def adopted(self) -> set[str]:
        """The keys of the objects that were made segments, if the object consists of them, or may do so."""
        return self._adopted if self._may_exist else set()

    def _add_part(self, number: int, size: int, tag: str) -> None:
        path = self._segments.path(f"{self._prefix}{number:08d}")
        self._parts[number] = {"path": path, "size_bytes": size, "etag": tag}

    def complete(self) -> None:
        """Store the manifest of the object. One request, and one more per 1,000 segments if there are more than 1,000.

        After a failure that leaves its outcome unknown, the segments stay, because the object may exist.
        """
        parts = [part for _, part in sorted(self._parts.items()) if part["size_bytes"]]
        with self._explained():
            body, tag = _manifest(self._nested(parts))
            sent, self._sent = self._sent, []
            self._may_exist = True
            try:
                self._publish(body, lambda: tag, {}, "multipart-manifest=put")
            except (
                errors.FileExists,
                errors.PermissionDenied,
                errors.InsufficientStorage,
                OtherVersion,
                StoreMisconfigured,
                SwiftRefused,
            ):
                self._sent, self._may_exist = sent, False
                raise
            except BaseException:
                # Swift may have stored the manifest, or may still do so, and it needs the segments
                self._warn("it is unknown whether the upload was completed, so its segments remain")
                raise

    def _nested(self, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the parts, or manifests of them if they are too many for one."""
        level = 0
        while len(parts) > _IN_MANIFEST:
            level += 1
            parts = [
                self._manifest_of(parts[start : start + _IN_MANIFEST], f"{self._prefix}{90 + level}{start:06d}")
                for start in range(0, len(parts), _IN_MANIFEST)
            ]
        return parts

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say why Swift has refused a manifest: it looks at each segment before it stores one."""
        try:
            yield
        except SwiftRefused as error:
            if error.status != 400:
                raise
            self._require_adopted(error)
            message = (
                "'{path}' was not stored, because Swift refused the list of its segments: an upload that lasts longer "
                "than the older_than of remove_leftovers() loses them"
            )
            raise errors.OperationFailed(self._key, exc=error, msg=message) from error

    def _require_adopted(self, error: Exception) -> None:
        missing = next((key for key in sorted(self._adopted) if not self._segments.is_taken(key)), None)
        if missing is not None:
            raise errors.ResourceNotFound(missing, exc=error)

    def _manifest_of(self, parts: list[dict[str, Any]], key: str) -> dict[str, Any]:
        body, tag = _manifest(parts)
        self._put_segment(key, body, lambda: tag, {}, "multipart-manifest=put")
        size = sum(part["size_bytes"] for part in parts)
        return {"path": self._segments.path(key), "size_bytes": size, "etag": tag or None}

    def abort(self) -> None:
        """Delete the segments that were sent. One request per 1,000 segments."""
        sent, self._sent = self._sent, []
        try:
            delete(self._segments, sent, _ABORT_SECONDS if self._failed else None)
        except errors.FSError as error:
            self._warn(f"could not delete the segments of the unfinished upload: {error}")

    def _warn(self, problem: str) -> None:
        _log.warning(
            "container %r, object %r: %s. Names of the segments: %s… in container %r",
            self._container.name,
            self._key,
            problem,
            self._prefix,
            self._segments.name,
        )


def _manifest(parts: list[dict[str, Any]]) -> tuple[bytes, str]:
    """Return a manifest, and its entity tag; an empty one if that of a part is not known."""
    tags = [part["etag"] for part in parts]
    return json.dumps(parts).encode(), "" if None in tags else md5("".join(tags).encode())
