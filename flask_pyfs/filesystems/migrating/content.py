"""What is found in one of two stores, and what is written to it: a stream, or a copy of a file."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Protocol, TypeVar, cast

from fs import errors

from ...names import has_reserved
from ..base import Readable, copy_stream
from ..store import Description, Facts, StoreFS
from .target import Expected, Target, Unread

__all__ = [
    "CannotCopy",
    "Content",
    "CopyOf",
    "Stream",
    "first_file",
    "found",
    "kept_by",
    "listed",
    "remove",
    "revision",
    "side_by_side",
    "write",
]

One = TypeVar("One")
Other = TypeVar("Other")


def found(store: StoreFS, path: str) -> Facts | None:
    """Return the facts of a file, or None if there is none. One request."""
    try:
        return store.facts(path)
    except (errors.ResourceNotFound, errors.FileExpected):
        return None


def listed(store: StoreFS, prefix: str = "", unread: Unread | None = None) -> Iterator[tuple[str, Facts]]:
    """Iterate over the files of a store, as :meth:`StoreFS.iter_facts` does.

    :param unread: is called with each directory that cannot be read, if the store tells them.
    """
    if unread is None or "unread" not in inspect.signature(store.iter_facts).parameters:
        return store.iter_facts(prefix)
    listing: Any = store.iter_facts
    return cast(Iterator[tuple[str, Facts]], listing(prefix, unread=unread))


def first_file(store: StoreFS) -> str | None:
    """Return the first file of a store, but for reserved ones, which some stores list; None if it has none. One
    request.
    """
    return next((path for path, _ in store.iter_facts() if not has_reserved(path)), None)


def side_by_side(
    ones: Iterator[tuple[str, One]], others: Iterator[tuple[str, Other]]
) -> Iterator[tuple[str, One | None, Other | None]]:
    """Iterate over the names of two listings in key order, each with what both have. The first one is ahead: what moves
    from its store to the other is not in neither.
    """
    one, other = next(ones, None), next(others, None)
    while one is not None or other is not None:
        path = min(each[0] for each in (one, other) if each is not None)
        is_one, is_other = one is not None and one[0] == path, other is not None and other[0] == path
        yield path, one[1] if one and is_one else None, other[1] if other and is_other else None
        one = next(ones, None) if is_one else one
        other = next(others, None) if is_other else other


def revision(facts: Facts) -> str:
    """Return the version of a file; of a store without versions, what tells most writes from each other."""
    if facts.version is not None:
        return facts.version
    return f"{facts.size}-{facts.modified.timestamp() if facts.modified else ''}-{facts.etag or ''}"


def remove(store: StoreFS, path: str, facts: Facts) -> bool:
    """Delete a file if it is as it was seen; of a store without versions, whatever it is. Return whether it was."""
    if facts.version is not None:
        return store.delete_version(path, facts.version)
    store.delete_tree(path)
    return True


def kept_by(store: StoreFS, path: str, description: Description | None) -> Description | None:
    """Return what a store keeps of a description.

    :raises fs.errors.Unsupported: if the content is encoded, and the store does not keep how.
    """
    if description is None or store.keeps_descriptions:
        return description
    if description.content_encoding is not None:
        raise errors.Unsupported(
            msg=f"{path!r} has the Content-Encoding {description.content_encoding!r}, which the other store cannot "
            "keep: decode the file first"
        )
    return None


def write(
    store: StoreFS,
    path: str,
    file: Readable,
    *,
    overwrite: bool = True,
    version: str | None = None,
    content_type: str | None = None,
    description: Description | None = None,
) -> str | None:
    """Store a stream as ``put`` does, or with a version as ``replace_version`` does.

    :raises fs.errors.Unsupported: if the content is encoded, and the store does not keep how.
    """
    kept: dict[str, Any] = {"content_type": content_type}
    if (description := kept_by(store, path, description)) is not None:
        kept["description"] = description
    if version is not None:
        return store.replace_version(path, file, version, **kept)
    return store.put(path, file, overwrite=overwrite, **kept)


class CannotCopy(Exception):
    """No server has both files."""


class Content(Protocol):
    """What is written. It may be written several times, until one succeeds."""

    def keep(self) -> None:
        """Make sure that it can be written once more."""

    def store(self, store: StoreFS, path: str, *, overwrite: bool = True, version: str | None = None) -> str | None:
        """Write it to a store, as :func:`write` does, and return the version if the write told it."""

    def enter(self, target: Target, path: str, expected: Expected) -> str | None:
        """Write it to the target, as :meth:`Target.write` does, and return the version if it is known."""


class Stream:
    """A stream, from its current position to its end.

    :param file: the stream. It is left open.
    """

    def __init__(self, file: Readable, content_type: str | None = None, description: Description | None = None) -> None:
        self._file = cast(Any, file)
        self._content_type = content_type
        self._description = description
        self._start: Any = None
        # a pipe has no position, and an object like a file may raise anything
        with suppress(Exception):
            start = self._file.tell()
            self._file.seek(start)
            self._start = start
        self._is_read = False
        self._kept: IO[bytes] | None = None

    def keep(self) -> None:
        if self._start is None and not self._is_read:
            self._kept = tempfile.TemporaryFile()  # noqa: SIM115
            copy_stream(self._file, self._kept)
            self._kept.seek(0)
            self._file, self._start = self._kept, 0

    def close(self) -> None:
        """Forget what was kept. The stream itself is left open."""
        if self._kept is not None:
            self._kept.close()

    def _again(self) -> Readable:
        if self._is_read:
            self._file.seek(self._start)
        self._is_read = True
        return cast(Readable, self._file)

    def store(self, store: StoreFS, path: str, *, overwrite: bool = True, version: str | None = None) -> str | None:
        content_type, description = self._content_type, self._description
        condition: dict[str, Any] = {"overwrite": overwrite, "version": version}
        return write(store, path, self._again(), content_type=content_type, description=description, **condition)

    def enter(self, target: Target, path: str, expected: Expected) -> str:
        description = kept_by(target.store, path, self._description)
        return target.write(path, self._again(), expected, content_type=self._content_type, description=description)


class CopyOf:
    """The content of a file of a store, which the store itself copies if it can.

    :param origin: the store, or the target, whose tombstones are no files.
    :param path: the path there.
    :param streams: read the file if no server can copy it. Without it, :exc:`CannotCopy` is raised then.
    """

    def __init__(self, origin: StoreFS | Target, path: str, *, streams: bool = True) -> None:
        self._origin = origin
        self._path = path
        self._streams = streams

    def keep(self) -> None:
        """It can be read at any time."""

    def store(self, store: StoreFS, path: str, *, overwrite: bool = True, version: str | None = None) -> str | None:
        # what is a tombstone by now must not be copied, and only who reads it can tell
        if isinstance(self._origin, StoreFS) and store.copy_from(
            self._origin, self._path, path, overwrite=overwrite, version=version
        ):
            # what is found there now may be another one's
            return None
        with self._read() as stream:
            return stream.store(store, path, overwrite=overwrite, version=version)

    def enter(self, target: Target, path: str, expected: Expected) -> str | None:
        origin = self._origin if isinstance(self._origin, StoreFS) else self._origin.store
        if target.copy_in(origin, self._path, path, expected):
            return None
        with self._read() as stream:
            return stream.enter(target, path, expected)

    @contextmanager
    def _read(self) -> Iterator[Stream]:
        if not self._streams:
            raise CannotCopy
        if isinstance(self._origin, StoreFS):
            facts, file = self._origin.fetch(self._path)
        else:
            got = self._origin.fetch(self._path)
            if got is None or got[1] is None:
                raise errors.ResourceNotFound(self._path)
            facts, file = got[0].facts, got[1]
        with file:
            yield Stream(file, facts.content_type, facts.description)
