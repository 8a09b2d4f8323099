"""The target of a migration in a store with notes: the note of a file says whether it is a tombstone or a copy.

A tombstone is a small file. Each has another content, because some stores tell two writes of one name from each other
by a digest of the content alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote

from fs import errors

from ...names import has_reserved
from ..base import Readable
from ..store import Description, Facts, RangeNotSatisfiable, StoreFS
from ..streams import spooled
from .content import listed
from .journal import Journal
from .target import ABSENT, ANYTHING, NOTHING, Entry, Expected, Listed, Unread, known_version, of_another

__all__ = ["NotedTarget"]

# the start of a note, and what follows it
_START, _COPIED, _DELETED = "migrating", "copied", "deleted"

# listings of some stores tell the media type too
_TYPE = "application/x-flask-pyfs-deleted"

_TEXT = "This file was deleted while its storage moved to this store, which then removes this. {}\n"

_DIGITS = 32

_SIZE = len(_TEXT.format("0" * _DIGITS))

# how many names are kept in memory that listings do not tell from tombstones
_REMEMBERED = 10_000


class NotedTarget:
    """The entries of a store that keeps notes.

    If listings of the store do not tell notes, one costs one request more for each tombstone, and for each file of the
    size of one. What they were is remembered, for some thousands of them.

    :param store: the store.
    :param journal: tells what was left by another migration: its files count as the app's own.
    """

    def __init__(self, store: StoreFS, journal: Journal) -> None:
        self.store = store
        self._journal = journal
        # of those that a listing does not tell from tombstones: the entity tag, and whether it is one
        self._seen: dict[str, tuple[str, bool]] = {}
        # their signatures are those of a store that keeps notes
        self._put: Any = store.put
        self._replace: Any = store.replace_version
        self._copy: Any = store.copy_from

    @property
    def is_exact(self) -> bool:
        return self.store.decides_versions and not self.store.settling

    @property
    def window(self) -> str | None:
        if self.is_exact:
            return None
        return (
            "The store has no conditions for overwriting and deleting: what an app writes between the request that "
            "looks and the one that changes the file, some milliseconds later, is lost."
        )

    def look(self, path: str) -> Entry | None:
        try:
            return self._entry(self.store.facts(path))
        except ABSENT:
            return None

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Entry, BinaryIO | None] | None:
        try:
            facts, file = self.store.fetch(path, start, stop, unless=unless)
        except ABSENT:
            return None
        except RangeNotSatisfiable as error:
            # of a tombstone, any range is none
            entry = self.look(path) if error.size == _SIZE else None
            if entry is None or not entry.is_deleted:
                raise
            return entry, None
        entry = self._entry(facts)
        if entry.is_deleted:
            file.close()
            return entry, None
        return entry, file

    def write(
        self,
        path: str,
        file: Readable,
        expected: Expected,
        *,
        content_type: str | None = None,
        description: Description | None = None,
        mirrors: str | None = None,
    ) -> str:
        described = {} if description is None else {"description": description}
        note = None if mirrors is None else self._note(_COPIED, mirrors)
        return self._write(path, file, expected, content_type=content_type, note=note, **described)

    def _write(self, path: str, file: Readable, expected: Expected, **options: Any) -> str:
        if expected is ANYTHING or expected is NOTHING:
            return known_version(self._put(path, file, overwrite=expected is ANYTHING, **options))
        return known_version(self._replace(path, file, expected, **options))

    def open_write(self, path: str, expected: Expected, *, content_type: str | None = None) -> BinaryIO:
        if expected is ANYTHING or expected is NOTHING:
            return self.store.open_write(path, overwrite=expected is ANYTHING, content_type=content_type)
        return spooled(lambda file: self._write(path, file, expected, content_type=content_type))

    def copy_in(
        self, store: StoreFS, path: str, target: str, expected: Expected, *, mirrors: str | None = None
    ) -> bool:
        if store is self.store:
            # a server would also copy what has become a tombstone
            self._copy_here(path, target, expected, mirrors)
            return True
        options: dict[str, Any] = {} if mirrors is None else {"note": self._note(_COPIED, mirrors)}
        if isinstance(expected, str):
            options["version"] = expected
        return cast(bool, self._copy(store, path, target, overwrite=expected is not NOTHING, **options))

    def _copy_here(self, path: str, target: str, expected: Expected, mirrors: str | None) -> None:
        entry, file = self.fetch(path) or (None, None)
        if entry is None or file is None:
            raise errors.ResourceNotFound(path)
        facts = entry.facts
        with file:
            self.write(
                target,
                file,
                expected,
                content_type=facts.content_type,
                description=facts.description,
                mirrors=mirrors,
            )

    def move(self, path: str, version: str, target: str, expected: Expected) -> bool:
        return False

    def bury(self, path: str, expected: Expected, *, mirrors: str | None = None) -> str:
        content = BytesIO(_TEXT.format(secrets.token_hex(_DIGITS // 2)).encode())
        return self._write(path, content, expected, content_type=_TYPE, note=self._note(_DELETED, mirrors))

    def drop(self, path: str, version: str) -> bool:
        return self.store.delete_version(path, version)

    def entries(self, prefix: str = "", *, unread: Unread | None = None) -> Iterator[tuple[str, Listed]]:
        for path, facts in listed(self.store, prefix, unread):
            if has_reserved(path):
                continue
            if facts.marked or facts.size != _SIZE or facts.content_type not in (None, _TYPE):
                yield path, Listed(facts, _is_tombstone(facts))
                continue
            try:
                is_deleted = self._is_deleted(path, facts)
            except errors.ResourceNotFound:
                # it was removed meanwhile, and may have been a tombstone
                continue
            yield path, Listed(facts, is_deleted)

    def _is_deleted(self, path: str, listed: Facts) -> bool:
        # no two tombstones have the same content
        etag, is_deleted = self._seen.get(path, (None, False))
        if etag is None or etag != listed.etag:
            facts = self.store.facts(path)
            is_deleted = _is_tombstone(facts)
            if facts.etag is not None and facts.etag == listed.etag:
                if len(self._seen) >= _REMEMBERED:
                    # the last one, so that the others are of use for a listing that is longer
                    self._seen.popitem()
                self._seen[path] = facts.etag, is_deleted
        return is_deleted

    def clear(self) -> None:
        """Nothing lies beside the files."""

    def _note(self, kind: str, mirrors: str | None) -> str:
        start = f"{_START} {kind} {self._journal.named()}"
        # what mirrors NO_FILE ends with a space
        return start if mirrors is None else f"{start} {quote(mirrors, safe='')}"

    def _entry(self, facts: Facts) -> Entry:
        kind, source, mirrors = _noted(facts)
        is_deleted = kind == _DELETED
        if kind is not None and not self._journal.is_mirrored(source):
            mirrors = of_another(is_deleted)
        return Entry(facts, known_version(facts.version), is_deleted, mirrors)


def _is_tombstone(facts: Facts) -> bool:
    return _noted(facts)[0] == _DELETED


def _noted(facts: Facts) -> tuple[str | None, str, str | None]:
    """Return what a note says: what the file is, of which source, and what it mirrors."""
    start, _, rest = (facts.note or "").partition(" ")
    if start != _START:
        return None, "", None
    kind, _, rest = rest.partition(" ")
    source, space, mirrors = rest.partition(" ")
    return kind, source, unquote(mirrors) if space else None
