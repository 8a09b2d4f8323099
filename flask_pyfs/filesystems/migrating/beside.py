"""The target of a migration in a store without notes: tombstones, and what copies mirror, lie beside the files.

The file itself decides: a name that has a file has that file, whatever lies beside it. So each change is one step, the
one in which the file comes, is replaced, or goes:

- A tombstone counts while its name has no file. It is there before the file goes, and is removed after a file came.
- What a file mirrors is kept for its name and its version. It is there before the file comes, and is never changed.

A process that dies between two steps leaves what does not count.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from heapq import merge
from typing import Any, BinaryIO, NamedTuple, cast

from fs import errors

from ...names import RESERVED, Reserved
from ..base import Readable
from ..store import Description, Facts, OtherVersion, StoreFS
from ..streams import PendingFile
from .content import listed
from .journal import Journal
from .shelf import Shelf
from .target import ABSENT, ANYTHING, NOTHING, Entry, Expected, Listed, Unread, known_version, of_another

__all__ = ["BesideTarget"]

# the rooms of the shelf
_DELETED, _COPIED = "deleted", "copied"

# what is said by a text that is not whole, because the power failed and nobody waited for the disk
_DAMAGED = "damaged"


class _Text(NamedTuple):
    path: str
    version: str
    source: str
    mirrors: str | None

    def encode(self) -> bytes:
        return json.dumps(self).encode()

    @classmethod
    def decode(cls, text: bytes) -> _Text:
        try:
            return cls(*json.loads(text))
        except (ValueError, TypeError):
            return cls("", _DAMAGED, "", _DAMAGED)

    @property
    def facts(self) -> Facts:
        return Facts(0, None, mark=self.version)


class BesideTarget:
    """The entries of a store that keeps no notes, and on which processes can lock names.

    A lock is held for renames and removals, and never while content is read or written. Who finds a file needs none;
    that there is no file is said under the lock.

    :param store: the store.
    :param shelf: what it keeps beside its files.
    :param journal: tells what was left by another migration: its files count as the app's own.
    """

    is_exact = True
    window = None

    def __init__(self, store: StoreFS, shelf: Shelf, journal: Journal) -> None:
        self.store = store
        self._journal = journal
        self._shelf = shelf
        # of such a store it takes a version, too
        self._move: Any = store.move_file

    def look(self, path: str) -> Entry | None:
        while (facts := self._file(path)) is not None:
            if (entry := self._of_file(path, facts)) is not None:
                return entry
        return self._without_file(path)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Entry, BinaryIO | None] | None:
        while True:
            try:
                facts, file = self.store.fetch(path, start, stop, unless=unless)
            except ABSENT:
                entry = self._without_file(path)
                if entry is None or entry.is_deleted:
                    return None if entry is None else (entry, None)
                continue
            try:
                entry = self._of_file(path, facts)
            except BaseException:
                file.close()
                raise
            if entry is not None:
                return entry, file
            file.close()

    def _of_file(self, path: str, facts: Facts) -> Entry | None:
        """Return the entry of a file that was seen; None if that is not known, because it was replaced since."""
        version = known_version(facts.version)
        mirrors = self._mirrored(path, version)
        if mirrors is None:
            # what a file mirrors is kept as long as the file is there
            again = self._file(path)
            if again is None or again.version != version:
                return None
        return Entry(facts, version, mirrors=mirrors)

    def _without_file(self, path: str) -> Entry | None:
        """Return the entry of a name that had no file."""
        with self._shelf.seen(self._key(path)) as is_used:
            return self._state(path) if is_used else None

    def _state(self, path: str) -> Entry | None:
        """Return the entry of a name whose lock is held."""
        facts = self._file(path)
        if facts is not None:
            version = known_version(facts.version)
            return Entry(facts, version, mirrors=self._mirrored(path, version))
        text = self._shelf.read(_DELETED, self._key(path))
        if text is None:
            return None
        kept = _Text.decode(text)
        return Entry(kept.facts, kept.version, is_deleted=True, mirrors=self._meant(kept, is_deleted=True))

    def _meant(self, kept: _Text, *, is_deleted: bool) -> str | None:
        return kept.mirrors if self._journal.is_mirrored(kept.source) else of_another(is_deleted)

    def _file(self, path: str) -> Facts | None:
        try:
            return self.store.facts(path)
        except ABSENT:
            return None

    def _mirrored(self, path: str, version: str) -> str | None:
        text = self._shelf.read(_COPIED, self._key(path, version))
        return None if text is None else self._meant(_Text.decode(text), is_deleted=False)

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
        self._require_soon(path, expected)
        staged = _staged()
        try:
            self.store.put(staged, file)
            return self._publish(staged, path, expected, mirrors)
        finally:
            self.store.delete_tree(staged)

    def open_write(self, path: str, expected: Expected, *, content_type: str | None = None) -> BinaryIO:
        self._require_soon(path, expected)
        staged = _staged()

        def publish() -> None:
            try:
                self._publish(staged, path, expected, None)
            finally:
                discard()

        def discard() -> None:
            self.store.delete_tree(staged)

        return cast(BinaryIO, PendingFile(self.store.open_write(staged), "wb", publish, discard))

    def copy_in(
        self, store: StoreFS, path: str, target: str, expected: Expected, *, mirrors: str | None = None
    ) -> bool:
        staged = _staged()
        try:
            if not self.store.copy_from(store, path, staged):
                return False
            self._publish(staged, target, expected, mirrors)
        finally:
            self.store.delete_tree(staged)
        return True

    def _require_soon(self, path: str, expected: Expected) -> None:
        # before the content is read; and again under the lock
        if expected is not ANYTHING:
            _require(path, self.look(path), expected)

    def _publish(self, staged: Reserved, path: str, expected: Expected, mirrors: str | None) -> str:
        """Give a complete file its name, and return its version."""
        version = known_version(self.store.facts(staged).version)
        if mirrors is not None:
            self._journal.named()
        with self._shelf.locked(self._key(path)):
            before = self._state(path)
            _require(path, before, expected)
            if mirrors is not None:
                self._keep(path, version, mirrors)
            self._rename(staged, path, expected, before)
            made = known_version(self.store.facts(path).version)
            if mirrors is not None and made != version:
                # it was copied once more, to another disk that is mounted below the root
                self._keep(path, made, mirrors)
                self._shelf.remove(_COPIED, self._key(path, version))
            self._forget(path, before)
        return made

    def _rename(self, path: str, target: str, expected: Expected, there: Entry | None) -> None:
        # a process that knows this store alone heeds no lock
        if isinstance(expected, str) and there is not None and not there.is_deleted:
            self._move(path, target, version=expected)
        else:
            self.store.move_file(path, target, overwrite=expected is ANYTHING)

    def _keep(self, path: str, version: str, mirrors: str) -> None:
        self._shelf.write(
            _COPIED, self._key(path, version), _Text(path, version, self._journal.source, mirrors).encode()
        )

    def _forget(self, path: str, before: Entry | None) -> None:
        """Remove what lies beside of an entry that is no more."""
        if before is not None and before.is_deleted:
            self._shelf.remove(_DELETED, self._key(path))
        elif before is not None and before.mirrors is not None:
            self._shelf.remove(_COPIED, self._key(path, before.version))

    def move(self, path: str, version: str, target: str, expected: Expected) -> bool:
        if self._key(path) == self._key(target):
            return False
        self._journal.named()
        with self._shelf.locked(self._key(path), self._key(target)):
            before, there = self._state(path), self._state(target)
            if before is None or before.is_deleted or before.version != version:
                raise OtherVersion(path)
            _require(target, there, expected)
            self._bury(path, None)
            self._rename(path, target, expected, there)
            self._forget(path, before)
            self._forget(target, there)
        return True

    def bury(self, path: str, expected: Expected, *, mirrors: str | None = None) -> str:
        # before a lock is held
        self._journal.named()
        while True:
            with self._shelf.locked(self._key(path)):
                before = self._state(path)
                _require(path, before, expected)
                token = self._bury(path, mirrors)
                if before is None or before.is_deleted:
                    return token
                if self.store.delete_version(path, before.version):
                    self._forget(path, before)
                    return token
            # a process that knows this store alone replaced or deleted it

    def _bury(self, path: str, mirrors: str | None) -> str:
        token = f"deleted-{secrets.token_hex(12)}"
        text = _Text(self.store.canonical(path), token, self._journal.source, mirrors)
        self._shelf.write(_DELETED, self._key(path), text.encode())
        return token

    def drop(self, path: str, version: str) -> bool:
        with self._shelf.locked(self._key(path)):
            before = self._state(path)
            if before is None or before.version != version:
                return False
            # one that does not count would count as soon as the file is gone
            self._shelf.remove(_DELETED, self._key(path))
            if not before.is_deleted:
                if not self.store.delete_version(path, version):
                    return False
                self._forget(path, before)
            return True

    def entries(self, prefix: str = "", *, unread: Unread | None = None) -> Iterator[tuple[str, Listed]]:
        """Takes memory for the paths of all tombstones below the prefix, and reads those of the whole store."""
        files = ((path, Listed(facts, False)) for path, facts in listed(self.store, prefix, unread))
        last = None
        for path, entry in merge(files, self._tombstones(prefix), key=lambda item: item[0]):
            # a file comes first, and the tombstone of its name does not count
            if path != last:
                yield path, entry
            last = path

    def _tombstones(self, prefix: str) -> Iterator[tuple[str, Listed]]:
        found = {}
        for name in self._shelf.names(_DELETED):
            text = self._shelf.read(_DELETED, name)
            kept = None if text is None else _Text.decode(text)
            if kept is not None and kept.path and kept.path.startswith(prefix):
                found[kept.path] = Listed(kept.facts, True)
        return iter(sorted(found.items(), key=lambda item: item[0]))

    def clear(self) -> None:
        self._shelf.clear()

    def _key(self, path: str, version: str = "") -> str:
        # a store without notes is a tree of directories, in which a//b is a/b
        name = f"{self.store.canonical(path)}\0{version}"
        return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()


def _staged() -> Reserved:
    # removed with the leftovers of uploads
    return Reserved(f"{RESERVED}/{secrets.token_hex(12)}")


def _require(path: str, entry: Entry | None, expected: Expected) -> None:
    if expected is NOTHING:
        if entry is not None:
            raise errors.FileExists(path)
    elif expected is not ANYTHING and (entry is None or entry.version != expected):
        raise OtherVersion(path)
