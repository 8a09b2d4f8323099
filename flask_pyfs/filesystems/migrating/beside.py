"""The target of a migration in a store without notes: tombstones, and what copies mirror, lie beside the files.

The file itself decides: a name that has a file has that file, whatever lies beside it. So each change is one step, the
one in which the file comes, is replaced, or goes:

- A tombstone counts while its name has no file. It is there before the file goes, and is removed after a file came.
- What a file mirrors is kept for its name and its version. It is there before the file comes.

A process that dies between two steps leaves what does not count.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from typing import BinaryIO, cast

from fs import errors

from ...names import RESERVED, Reserved
from ..base import Readable
from ..store import Description, Facts, OtherVersion, StoreFS
from ..streams import PendingFile
from .shelf import Shelf
from .target import ANYTHING, NOTHING, Entry, Expected, Listed

__all__ = ["BesideTarget"]

# the rooms of the shelf
_DELETED, _COPIED = "deleted", "copied"


class BesideTarget:
    """The entries of a store that keeps no notes, and on which processes can lock names.

    A lock is held for renames and removals, and never while content is read or written.

    :param store: the store.
    :param shelf: what it keeps beside its files.
    """

    is_exact = True
    window: str | None = None

    def __init__(self, store: StoreFS, shelf: Shelf) -> None:
        self.store = store
        self._shelf = shelf

    def look(self, path: str) -> Entry | None:
        while (facts := self._file(path)) is not None:
            if (entry := self._entry(path, facts)) is not None:
                return entry
        with self._shelf.locked(self._key(path), shared=True):
            return self._state(path)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Entry, BinaryIO | None] | None:
        while True:
            with suppress(errors.ResourceNotFound, errors.FileExpected, errors.DirectoryExpected):
                facts, file = self.store.fetch(path, start, stop, unless=unless)
                try:
                    entry = self._entry(path, facts)
                except BaseException:
                    file.close()
                    raise
                if entry is not None:
                    return entry, file
                file.close()
                continue
            found = self.look(path)
            if found is None or found.is_deleted:
                return None if found is None else (found, None)

    def _entry(self, path: str, facts: Facts) -> Entry | None:
        """Return the entry of a file that was just seen; None if it was replaced since, so that it is not known."""
        version = _version(facts)
        kept = self._shelf.read(_COPIED, self._key(path, version))
        if kept is not None:
            return Entry(facts, version, mirrors=_loaded(kept)["mirrors"])
        again = self._file(path)
        return Entry(facts, version) if again is not None and again.version == version else None

    def _state(self, path: str) -> Entry | None:
        # under the lock
        facts = self._file(path)
        if facts is not None:
            kept = self._shelf.read(_COPIED, self._key(path, _version(facts)))
            return Entry(facts, _version(facts), mirrors=None if kept is None else _loaded(kept)["mirrors"])
        kept = self._shelf.read(_DELETED, self._key(path))
        return None if kept is None else _tombstone(_loaded(kept))

    def _file(self, path: str) -> Facts | None:
        try:
            return self.store.facts(path)
        except (errors.ResourceNotFound, errors.FileExpected, errors.DirectoryExpected):
            return None

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
        if expected is not ANYTHING:
            # before the stream is read
            _require(path, self.look(path), expected)
        staged = _staged()
        try:
            self.store.put(staged, file)
            return self._publish(staged, path, expected, mirrors)
        finally:
            self.store.delete_tree(staged)

    def open_write(self, path: str, expected: Expected, *, content_type: str | None = None) -> BinaryIO:
        if expected is not ANYTHING:
            _require(path, self.look(path), expected)
        staged = _staged()

        def discard() -> None:
            self.store.delete_tree(staged)

        def publish() -> None:
            try:
                self._publish(staged, path, expected, None)
            finally:
                discard()

        return cast(BinaryIO, PendingFile(self.store.open_write(staged), "wb", publish, discard))

    def copy_in(
        self, store: StoreFS, path: str, target: str, expected: Expected, *, mirrors: str | None = None
    ) -> bool:
        staged = _staged()
        try:
            if not self.store.copy_from(store, path, staged):
                return False
            self._publish(staged, target, expected, mirrors)
            return True
        finally:
            self.store.delete_tree(staged)

    def _publish(self, staged: Reserved, path: str, expected: Expected, mirrors: str | None) -> str:
        """Give a complete file its name, and return its version."""
        version = _version(self.store.facts(staged))
        with self._shelf.locked(self._key(path)):
            before = self._state(path)
            _require(path, before, expected)
            if mirrors is not None:
                self._shelf.write(_COPIED, self._key(path, version), _dumped(path, mirrors))
            self.store.move_file(staged, path, overwrite=expected is not NOTHING)
            self._forget(path, before)
        return version

    def _forget(self, path: str, before: Entry | None) -> None:
        """Remove what lies beside of an entry that is no more."""
        self._uncopy(path, before)
        self._shelf.remove(_DELETED, self._key(path))

    def _uncopy(self, path: str, before: Entry | None) -> None:
        if before is not None and before.mirrors is not None and not before.is_deleted:
            self._shelf.remove(_COPIED, self._key(path, before.version))

    def move(self, path: str, version: str, target: str, expected: Expected) -> bool:
        if self.store.canonical(path) == self.store.canonical(target):
            return False
        with self._shelf.locked(self._key(path), self._key(target)):
            before, there = self._state(path), self._state(target)
            if before is None or before.is_deleted:
                raise OtherVersion(path)
            _require(path, before, version)
            _require(target, there, expected)
            self._bury(path, None)
            self.store.move_file(path, target, overwrite=expected is not NOTHING)
            self._forget(target, there)
            self._uncopy(path, before)
        return True

    def bury(self, path: str, expected: Expected, *, mirrors: str | None = None) -> str:
        with self._shelf.locked(self._key(path)):
            before = self._state(path)
            _require(path, before, expected)
            token = self._bury(path, mirrors)
            if before is not None and not before.is_deleted:
                if not self.store.delete_version(path, before.version):
                    raise OtherVersion(path)
                self._uncopy(path, before)
            return token

    def _bury(self, path: str, mirrors: str | None) -> str:
        token = f"deleted-{secrets.token_hex(12)}"
        self._shelf.write(_DELETED, self._key(path), _dumped(self.store.canonical(path), mirrors, token))
        return token

    def drop(self, path: str, version: str) -> bool:
        with self._shelf.locked(self._key(path)):
            before = self._state(path)
            if before is None or before.version != version:
                return False
            # one that does not count would count when the file is gone
            self._shelf.remove(_DELETED, self._key(path))
            dropped = before.is_deleted or self.store.delete_version(path, version)
            if dropped:
                self._forget(path, before)
            return dropped

    def entries(self, prefix: str = "") -> Iterator[tuple[str, Listed]]:
        files = ((path, Listed(facts, False)) for path, facts in self.store.iter_facts(prefix))
        last = None
        for path, listed in merge(files, self._tombstones(prefix), key=lambda item: item[0]):
            # a file comes first, and a tombstone of its name does not count
            if path != last:
                yield path, listed
            last = path

    def _tombstones(self, prefix: str) -> Iterator[tuple[str, Listed]]:
        found = {}
        for name in self._shelf.names(_DELETED):
            kept = self._shelf.read(_DELETED, name)
            if kept is not None:
                mark = _loaded(kept)
                if mark["path"].startswith(prefix):
                    found[mark["path"]] = Listed(_tombstone(mark).facts, True)
        yield from sorted(found.items(), key=lambda item: item[0])

    def _key(self, path: str, version: str = "") -> str:
        name = f"{self.store.canonical(path)}\0{version}" if version else self.store.canonical(path)
        return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()


def _staged() -> Reserved:
    return Reserved(f"{RESERVED}/{secrets.token_hex(12)}")


def _version(facts: Facts) -> str:
    if facts.version is None:
        raise TypeError("a store without versions cannot be the target of a migration")
    return facts.version


def _require(path: str, entry: Entry | None, expected: Expected) -> None:
    if expected is NOTHING:
        if entry is not None:
            raise errors.FileExists(path)
    elif expected is not ANYTHING and (entry is None or entry.version != expected):
        raise OtherVersion(path)


def _dumped(path: str, mirrors: str | None, version: str | None = None) -> bytes:
    return json.dumps({"path": path, "mirrors": mirrors, "version": version}).encode()


def _loaded(kept: bytes) -> dict[str, str]:
    return cast("dict[str, str]", json.loads(kept))


def _tombstone(kept: dict[str, str]) -> Entry:
    version = kept["version"]
    return Entry(Facts(0, None, mark=version), version, is_deleted=True, mirrors=kept["mirrors"])
