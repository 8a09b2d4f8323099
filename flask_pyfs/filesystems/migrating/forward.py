"""Writes to the target, while the source only loses files."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar

from fs import errors

from ..store import Facts, OtherVersion, StoreFS
from .content import Content, found, remove, revision
from .journal import Direction
from .moving import clear
from .reading import Held, Mode
from .target import ANYTHING, NOTHING, Entry, Expected, Listed

__all__ = ["Forward"]


class Forward(Mode):
    """Forward: a name that has anything in the target has it there alone. What the source has counts for all others."""

    direction: ClassVar[Direction] = "forward"

    @property
    def written(self) -> tuple[StoreFS, ...]:
        return (self.target.store,)

    def counts(self, entry: Entry) -> bool:
        # a tombstone that another migration left hides nothing
        return not entry.is_deleted or entry.mirrors is None

    def is_open(self, ours: Listed | None, theirs: Facts | None) -> bool:
        return ours is not None and ours.is_deleted and theirs is not None

    def streams(self, path: str, *, overwrite: bool) -> Expected | None:
        expected = ANYTHING if overwrite else self._free(path)
        # a copier may replace a tombstone until then
        return None if isinstance(expected, str) else expected

    def _free(self, path: str) -> Expected:
        """Return what the target must have until a new file is written. One request, or two.

        :raises fs.errors.FileExists: if there is a file.
        """
        entry = self.target.look(path)
        if entry is None:
            if self.looks_at_source() and self.source.has_file(path):
                raise errors.FileExists(path)
            return NOTHING
        if not entry.is_deleted or (not self.counts(entry) and self.shown(path, entry) is not None):
            raise errors.FileExists(path)
        return entry.version

    def write(self, path: str, content: Content, *, overwrite: bool = True) -> str | None:
        if overwrite:
            return content.enter(self.target, path, ANYTHING)
        while True:
            expected = self._free(path)
            if expected is NOTHING:
                # what was there in between was a file, whatever it is now
                return content.enter(self.target, path, NOTHING)
            content.keep()
            try:
                return content.enter(self.target, path, expected)
            except OtherVersion:
                # a file, or a tombstone that a copier replaced
                continue

    def replace(self, path: str, content: Content, version: str) -> str | None:
        while True:
            having = self._having(path, version)
            if having is None:
                raise OtherVersion(path)
            # a copy of this version may come in between
            content.keep()
            try:
                return content.enter(self.target, path, having[0])
            except errors.FileExists:
                # without an entry, it is a directory
                if self.target.look(path) is None:
                    raise
            except OtherVersion:
                continue

    def _having(self, path: str, version: str) -> tuple[Expected, bool] | None:
        """Return what the target has if a name has a version of a file, and whether the source alone has that; else
        None.
        """
        entry = self.target.look(path)
        if entry is not None and self.counts(entry):
            is_it = not entry.is_deleted and version in (entry.version, entry.mirrors)
            return (entry.version, False) if is_it else None
        there = self.shown(path, entry)
        if there is None or revision(there) != version:
            return None
        return NOTHING if entry is None else entry.version, True

    def move(self, path: str, held: Held, target: str, *, overwrite: bool) -> bool:
        if held.side == "source":
            return False
        with suppress(errors.FileExists, OtherVersion):
            expected = ANYTHING if overwrite else self._free(target)
            if self.target.move(path, held.version, target, expected):
                entry = self.target.look(path)
                if entry is not None and entry.is_deleted:
                    self._end(path, entry.version)
                return True
        return False

    def _forgets(self) -> bool:
        """Return whether a delete leaves no tombstone, which a process that knows the target alone takes for a file."""
        return self.is_finished() and self.journal.forgets(self.direction)

    def delete(self, path: str) -> None:
        if self._forgets():
            while (entry := self.target.look(path)) is not None and not self.target.drop(path, entry.version):
                pass
            return
        there = self.in_source(path)
        entry = self.target.look(path)
        if entry is not None and entry.is_deleted and (there is None or self.counts(entry)):
            tombstone = entry.version
        elif entry is None and there is None:
            return
        else:
            tombstone = self.target.bury(path, ANYTHING)
            if there is not None:
                remove(self.source, path, there)
        self._end(path, tombstone)

    def _end(self, path: str, tombstone: str) -> None:
        """End a delete, after the tombstone is there."""
        if self.looks_at_source():
            clear(self.source, self.target, path, tombstone)
        if self.journal.forgets(self.direction, 0):
            self.target.drop(path, tombstone)

    def delete_version(self, path: str, version: str) -> bool:
        while True:
            having = self._having(path, version)
            if having is None:
                return False
            expected, is_of_source = having
            if isinstance(expected, str) and self._forgets():
                if self.target.drop(path, expected):
                    return True
                continue
            there = self.in_source(path)
            try:
                tombstone = self.target.bury(path, expected)
            except (errors.FileExists, OtherVersion):
                continue
            is_left = there is not None and not remove(self.source, path, there)
            if is_left and is_of_source and found(self.source, path) is not None:
                # a process that writes to both replaced it
                self.target.drop(path, tombstone)
                return False
            self._end(path, tombstone)
            return True
