"""A new object in a container: put whole, streamed, or made of segments."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from fs import errors

from ..objects.writer import Upload
from .body import StreamedBody
from .container import SwiftContainer, md5
from .errors import SwiftRefused, swift_errors

log = logging.getLogger(__name__)

# the segments of an upload: the object's key, what tells the upload from others, when it began, the number
SEGMENT_NAME = r"(?P<upload>(?P<key>.+)/flask-pyfs/(?P<begun>\d+)-[0-9a-f]+)/\d{8}"

# how many segments a manifest has at most; of more, manifests are made
_IN_MANIFEST = 1000

# how long the name of an object may be, in bytes, and the number of a segment is
_LONGEST = 1024
_NUMBER = 8

# how long a server that failed is waited for once more
_ABORT_SECONDS = 1.0


class SwiftUpload(Upload):
    """A new object.

    :param container: where it goes.
    :param segments: where its segments go.
    :param key: its key.
    :param overwrite: replace an object of that key.
    :param headers: its media type.
    """

    def __init__(
        self, container: SwiftContainer, segments: SwiftContainer, key: str, *, overwrite: bool, headers: dict[str, str]
    ) -> None:
        self._container = container
        self._segments = segments
        self._key = key
        self._overwrite = overwrite
        self._headers = headers
        self._prefix = f"{key}/flask-pyfs/{int(time.time())}-{secrets.token_hex(8)}/"
        self._too_long = len(self._prefix.encode()) + _NUMBER > _LONGEST
        self._parts: dict[int, dict[str, Any]] = {}
        self._sent: list[str] = []
        self._failed = False

    def put(self, content: bytearray) -> None:
        """Store all content. One request, and one more where objects of the container may have segments."""
        tag = md5(content)
        self._publish(content or b"", lambda: tag, {"ETag": tag})

    def stream(self, body: StreamedBody) -> None:
        """Store all content. One request, and one more where objects of the container may have segments."""
        self._container.prepare()
        self._publish(body, body.md5, {})

    def _publish(self, body: Any, digest: Any, headers: dict[str, str], query: str = "") -> None:
        old = segments_of(self._container, self._segments, self._key) if self._overwrite else []
        headers = {**self._headers, **headers}
        self._container.put(self._key, body, digest, overwrite=self._overwrite, headers=headers, query=query)
        # the new one is complete, and nobody begins to read the old one
        remove_segments(self._segments, self._key, old)

    def begin(self) -> None:
        """Find out whether the name is taken before much is sent. One request without ``overwrite``, else none.

        :raises fs.errors.InvalidPath: for a name that is too long for segments.
        """
        if self._too_long:
            raise errors.InvalidPath(self._key, "the names of the segments of '{path}' would be too long")
        if not self._overwrite and self._container.is_taken(self._key):
            raise errors.FileExists(self._key)

    def send_part(self, number: int, content: bytearray) -> None:
        """Store a segment. One request."""
        tag = md5(content)
        self._send(number, content, len(content), lambda: tag, {"ETag": tag})

    def stream_part(self, number: int, body: StreamedBody) -> None:
        """Store a segment. One request."""
        self._segments.prepare()
        self._send(number, body, len(body), body.md5, {})

    def _send(self, number: int, body: Any, size: int, digest: Any, headers: dict[str, str]) -> None:
        self._put_segment(f"{self._prefix}{number:08d}", body, digest, headers)
        self._note(number, size, digest())

    def _put_segment(self, key: str, body: Any, digest: Any, headers: dict[str, str], query: str = "") -> None:
        self._sent.append(key)
        try:
            self._segments.put(key, body, digest, overwrite=True, headers=headers, query=query)
        except (errors.OperationTimeout, errors.RemoteConnectionError):
            self._failed = True
            raise

    def copy_part(self, number: int, container: SwiftContainer, key: str, size: int, tag: str) -> None:
        """Make a segment of another object. One request."""
        target = f"{self._prefix}{number:08d}"
        self._sent.append(target)
        container.copy(key, self._segments, target)
        self._note(number, size, tag)

    def _note(self, number: int, size: int, tag: str) -> None:
        path = self._segments.path(f"{self._prefix}{number:08d}")
        self._parts[number] = {"path": path, "size_bytes": size, "etag": tag}

    def complete(self) -> None:
        """Make the object of its segments. One request, and one for each thousand of them where they are more."""
        parts = [part for _, part in sorted(self._parts.items()) if part["size_bytes"]]
        level = 0
        while len(parts) > _IN_MANIFEST:
            level += 1
            parts = [
                self._manifest_of(parts[start : start + _IN_MANIFEST], f"{self._prefix}{90 + level}{start:06d}")
                for start in range(0, len(parts), _IN_MANIFEST)
            ]
        body, tag = _manifest(parts)
        sent, self._sent = self._sent, []
        try:
            self._publish(body, lambda: tag, {}, "multipart-manifest=put")
        except (errors.FileExists, errors.PermissionDenied, errors.InsufficientStorage, SwiftRefused):
            self._sent = sent
            raise
        except BaseException:
            # the object may be there, or still come, and needs its segments
            self._warn("may be unfinished, so its segments stay")
            raise

    def _manifest_of(self, parts: list[dict[str, Any]], key: str) -> dict[str, Any]:
        body, tag = _manifest(parts)
        self._put_segment(key, body, lambda: tag, {}, "multipart-manifest=put")
        return {"path": self._segments.path(key), "size_bytes": sum(part["size_bytes"] for part in parts), "etag": tag}

    def abort(self) -> None:
        """Forget what was sent. One request for each thousand segments."""
        sent, self._sent = self._sent, []
        try:
            self._segments.delete(sent, _ABORT_SECONDS if self._failed else None)
        except errors.FSError as error:
            self._warn(f"is unfinished, and its segments could not be deleted: {error}")

    def _warn(self, problem: str) -> None:
        log.warning(
            "container %r: %r %s. They are %s… in %r",
            self._container.name,
            self._key,
            problem,
            self._prefix,
            self._segments.name,
        )


def _manifest(parts: list[dict[str, Any]]) -> tuple[bytes, str]:
    return json.dumps(parts).encode(), md5("".join(part["etag"] for part in parts).encode())


def segments_of(container: SwiftContainer, segments: SwiftContainer, key: str) -> list[str]:
    """Return the keys of the segments of an object, those of manifests in them too.

    No request where there are no segments, one for an object without them, else one more for each manifest.
    """
    try:
        if not segments.exists():
            return []
    except errors.PermissionDenied:
        # who may not see them has made none
        return []
    try:
        head = container.head(key).headers
    except (errors.ResourceNotFound, errors.InvalidPath):
        # of a name that no client leaves as it is, nothing can be asked
        return []
    if head.get("X-Static-Large-Object", "").lower() != "true":
        return []
    above = segments.path("")
    return [name[len(above) :] for name in _names_below(container, key, above)]


def _names_below(container: SwiftContainer, key: str, above: str) -> Iterator[str]:
    # a manifest that is gone names nothing
    with suppress(errors.ResourceNotFound):
        for part in manifest(container, key):
            name = part.get("name", "")
            # those of other tools may be anywhere, and belong to other objects too
            if name.startswith(above):
                if part.get("sub_slo"):
                    yield from _names_below(*container.place(name), above)
                yield name


def remove_segments(segments: SwiftContainer, key: str, names: list[str]) -> None:
    """Delete the segments of an object that is not there any longer. One request for each thousand of them.

    What was to be done with the object is done, whatever happens here, so a failure is logged.
    """
    try:
        segments.delete(names)
    except errors.FSError as error:
        log.warning("container %r: old segments of %r could not be deleted: %s", segments.name, key, error)


def manifest(container: SwiftContainer, key: str) -> list[dict[str, Any]]:
    """Return what the manifest of an object says of its segments. One request."""
    response, _ = container.request("GET", key, query="multipart-manifest=get")
    with swift_errors(container.name, key), response:
        # another one may have replaced it by an object without segments
        if response.headers.get("X-Static-Large-Object", "").lower() != "true":
            return []
        parts: list[dict[str, Any]] = response.json()
    return parts


def whole_segments(container: SwiftContainer, key: str) -> Iterator[tuple[SwiftContainer, str, dict[str, Any]]] | None:
    """Iterate over where the segments of an object are, with what its manifest says of them.

    :returns: None where it is not made of whole objects alone.
    """
    parts = manifest(container, key)
    if any("name" not in part or "range" in part or part.get("sub_slo") for part in parts):
        return None
    return ((*container.place(part["name"]), part) for part in parts)
