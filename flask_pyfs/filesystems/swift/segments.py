"""The segments of large objects: which belong to which, and which belong to none."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fs import errors

from ..objects.errors import literal
from ..store import OtherVersion
from .answers import Entry, manifest_of, odd_answers
from .container import SwiftContainer
from .deletion import delete
from .facts import facts_of, is_static, listed_time, mark_of
from .listing import entries, name_of

_log = logging.getLogger(__name__)

# the name of a segment: the key of the object, the start and the random id of the upload, the number of the segment
_SEGMENT = re.compile(r"(?P<upload>(?P<key>.+)/flask-pyfs/\d+-[0-9a-f]+)/\d{8}", re.DOTALL)

# the deepest nesting that Swift follows
_DEEPEST = 10


def segments_of(container: SwiftContainer, segments: SwiftContainer, key: str) -> list[str]:
    """Return the keys of the segments of an object, including nested manifests.

    No request if the container of segments is missing; otherwise one request, and one more per manifest.
    """
    try:
        if not segments.exists():
            return []
    except errors.PermissionDenied:
        # a user without access to the container has no segments in it
        return []
    try:
        headers = container.head(key).headers
    except (errors.ResourceNotFound, errors.InvalidPath):
        # InvalidPath: HTTP clients cannot request a key with dot segments
        return []
    return _segments_below(container, segments, key) if is_static(headers) else []


def segments_now(container: SwiftContainer, segments: SwiftContainer, key: str) -> list[str]:
    """Return the keys of the segments of an object, if all servers that have it are asked which is the newest version.
    One request, and one per manifest.

    :raises OtherVersion: if the object was replaced in between.
    """
    try:
        headers = container.head(key, newest=True).headers
    except errors.ResourceNotFound:
        return []
    return segments_in(container, segments, key, headers)


def segments_in(container: SwiftContainer, segments: SwiftContainer, key: str, headers: Mapping[str, str]) -> list[str]:
    """Return the keys of the segments of a version that has these headers. One request per manifest.

    :raises OtherVersion: if the object was replaced since.
    """
    return _segments_below(container, segments, key, mark_of(headers)) if is_static(headers) else []


def _segments_below(
    container: SwiftContainer, segments: SwiftContainer, key: str, mark: str | None = None
) -> list[str]:
    above = segments.path("")
    return [name[len(above) :] for name in _names_below(container, key, above, (), mark)]


def _names_below(
    container: SwiftContainer, key: str, above: str, inside: tuple[str, ...], mark: str | None = None
) -> Iterator[str]:
    inside = (*inside, container.path(key))
    try:
        parts = manifest(container, key, mark)
    except errors.ResourceNotFound:
        # another process may delete the manifest in the meantime
        return
    for part in parts:
        name = part.get("name", "")
        # segments in other containers belong to other tools, and maybe to other objects too
        if name.startswith(above):
            if part.get("sub_slo"):
                if name in inside or len(inside) > _DEEPEST:
                    message = f"container {container.name!r}: the manifest {key!r} names itself, or is nested too deep"
                    raise errors.RemoteConnectionError(key, msg=literal(message))
                yield from _names_below(*container.place(name), above, inside)
            yield name


def remove_segments(segments: SwiftContainer, key: str, names: list[str]) -> None:
    """Delete the segments of an object that was replaced or deleted. One request per 1,000 segments.

    The operation on the object has already succeeded, so a failure is logged, not raised.
    """
    try:
        delete(segments, names)
    except errors.FSError as error:
        _log.warning(
            "container %r: could not delete old segments of %r. They take space until remove_leftovers() deletes "
            "them: %s",
            segments.name,
            key,
            error,
        )


def manifest(container: SwiftContainer, key: str, mark: str | None = None) -> list[Entry]:
    """Return the entries of the manifest of an object; an empty list if it has no segments. One request.

    :param mark: the mark of the version that is meant, or None for any.
    :raises OtherVersion: if the object has another mark.
    """
    answer = container.finish("GET", key, query="multipart-manifest=get")
    with odd_answers(container.name, key):
        facts_of(answer.headers)
        if mark not in (None, mark_of(answer.headers)):
            raise OtherVersion(key)
        # another process may have replaced it by an object without segments
        return manifest_of(answer.content) if is_static(answer.headers) else []


def whole_segments(container: SwiftContainer, key: str) -> Iterator[tuple[SwiftContainer, str, dict[str, Any]]] | None:
    """Return an iterator over the segments of an object: their container, key and manifest entry. One request.

    :returns: None if a segment is not a whole object, but inline data, a range or another manifest.
    """
    parts = manifest(container, key)
    if not parts or any("name" not in part or "range" in part or part.get("sub_slo") for part in parts):
        return None
    return ((*container.place(part["name"]), part) for part in parts)


@dataclass
class _Leftover:
    """The segments of an upload that is perhaps unfinished.

    :param key: the key of the object.
    :param newest: when the last segment was written, in seconds since 1970.
    """

    key: str
    newest: float = 0
    names: list[str] = field(default_factory=list)


def remove_leftovers(
    container: SwiftContainer, segments: SwiftContainer, older_than: float, prefix: str, *, dry_run: bool
) -> int:
    """Delete the segments of unfinished uploads, and return the number of these uploads.

    Right before each deletion, one request looks whether the upload has been completed meanwhile.

    :param older_than: the minimum age of the last segment of an upload, in seconds.
    :param prefix: only uploads of objects whose keys start with this prefix.
    :param dry_run: count the uploads without deleting anything.
    """
    found: dict[str, _Leftover] = {}
    for entry in entries(segments, prefix):
        if match := _SEGMENT.fullmatch(name_of(entry)):
            upload = found.setdefault(match["upload"], _Leftover(match["key"]))
            with odd_answers(segments.name, match["key"]):
                upload.newest = max(upload.newest, listed_time(entry).timestamp())
            upload.names.append(name_of(entry))
    latest, count = time.time() - older_than, 0
    for upload in found.values():
        if upload.newest < latest and not _is_completed(container, segments, upload):
            count += 1
            if not dry_run:
                delete(segments, upload.names)
    return count


def _is_completed(container: SwiftContainer, segments: SwiftContainer, upload: _Leftover) -> bool:
    try:
        headers = container.head(upload.key).headers
    except errors.InvalidPath:
        # HTTP clients cannot ask for it, so it is none of ours
        return True
    except errors.ResourceNotFound:
        return False
    try:
        return not set(segments_in(container, segments, upload.key, headers)).isdisjoint(upload.names)
    except OtherVersion:
        # perhaps it has just been completed
        return True
