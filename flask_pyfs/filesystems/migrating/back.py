"""Writes to the source, while the target only loses files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, ClassVar

from fs import errors

from ..store import Facts, OtherVersion, StoreFS
from .content import Content, found, remove, revision
from .journal import Direction
from .moving import Outcome, clear, uncover
from .reading import Held, Mode
from .target import ANYTHING, NOTHING, Entry, Expected, Listed, Unread

__all__ = ["Back"]


class Back(Mode):
    """Back: what the target has counts as long as it has it. It is moved before a name is written.

    A tombstone of the target hides what the source has; one that mirrors a version hides that version alone.
    """

    direction: ClassVar[Direction] = "back"

    @property
    def written(self) -> tuple[StoreFS, ...]:
        return (self.source,)

    def counts(self, entry: Entry) -> bool:
        return not entry.is_deleted or entry.mirrors is None

    def looks_at_source(self) -> bool:
        return True

    def look(self, path: str) -> Entry | None:
        return None if self.is_finished() else self.target.look(path)

    def _fetch_of_target(
        self, path: str, start: int, stop: int | None, unless: str | None
    ) -> tuple[Entry, BinaryIO | None] | None:
        return None if self.is_finished() else super()._fetch_of_target(path, start, stop, unless)

    def entries(self, prefix: str, unread: Unread | None) -> Iterator[tuple[str, Listed]]:
        return iter(()) if self.is_finished() else super().entries(prefix, unread)

    def is_open(self, ours: Listed | None, theirs: Facts | None) -> bool:
        return ours is not None and ours.is_deleted and theirs is not None

    def settled(self, path: str) -> Held | None:
        held = self.held(path)
        if held is None or held.side == "source":
            return held
        uncover(self.source, self.target, path)
        return self.held(path)

    def write(self, path: str, content: Content, *, overwrite: bool = True) -> str | None:
        refused = False
        while not self.is_finished():
            moved = uncover(self.source, self.target, path)
            if moved.exists and not overwrite:
                if self.is_finished():
                    # it may have been what a delete left, until the end of the migration
                    break
                raise errors.FileExists(path)
            content.keep()
            try:
                if moved.outcome is Outcome.DELETED and moved.was is not None:
                    return self._write_over(path, content, moved.was)
                # a version that is deleted now must not come back as what this write replaced
                return content.store(self.source, path, overwrite=moved.exists, version=moved.version)
            except errors.FileExists:
                # without a file, it is a directory
                if refused and found(self.source, path) is None:
                    raise
                refused = True
            except OtherVersion:
                continue
        return content.store(self.source, path, overwrite=overwrite)

    def _write_over(self, path: str, content: Content, tombstone: Entry) -> str | None:
        """Write a file over a tombstone.

        :raises OtherVersion: if it is to be tried again.
        """
        there, hides = found(self.source, path), tombstone.version
        if tombstone.mirrors is not None and (there is None or revision(there) != tombstone.mirrors):
            # it hides nothing
            self.target.drop(path, hides)
            raise OtherVersion(path)
        if there is not None:
            # another one may be writing here: from now on, it does so in vain; and who hid a version knows that this
            # counts as deleted
            hides = self.target.bury(path, hides, mirrors=tombstone.mirrors)
        version = None if there is None else there.version
        made = content.store(self.source, path, overwrite=there is not None, version=version)
        if not self.target.drop(path, hides) and tombstone.mirrors is None and not self._stays(path, made):
            raise OtherVersion(path)
        return made

    def _stays(self, path: str, made: str | None) -> bool:
        """Return whether it was the end of the migration that removed the tombstone over a file."""
        if made is None or not self.is_finished(0):
            return False
        there = found(self.source, path)
        return there is not None and there.version == made

    def replace(self, path: str, content: Content, version: str) -> str | None:
        known: str | None = version
        if not self.is_finished():
            entry = self.target.look(path)
            if entry is not None and not entry.is_deleted and version not in (entry.version, entry.mirrors):
                # it is not moved, because it would get another version
                raise OtherVersion(path)
            moved = uncover(self.source, self.target, path)
            if moved.was is not None:
                is_it = moved.outcome not in (Outcome.DELETED, Outcome.OWN)
                known = moved.version if is_it and version in (moved.was.version, moved.was.mirrors) else None
        if known is None:
            raise OtherVersion(path)
        return content.store(self.source, path, version=known)

    def delete(self, path: str) -> None:
        # in this order: what is not in the target any more would be in the source already
        entry = self.look(path)
        there = found(self.source, path)
        if self.is_finished():
            # and nothing below it, as some stores have
            while there is not None and not remove(self.source, path, there):
                there = found(self.source, path)
            return
        if entry is None and there is None:
            return
        if entry is not None and entry.is_deleted and entry.mirrors is None:
            tombstone = entry.version
        else:
            # also if the target has nothing: one who moves its file may still be at it
            tombstone = self.target.bury(path, ANYTHING)
            if there is not None:
                remove(self.source, path, there)
        self._end(path, tombstone)

    def _end(self, path: str, tombstone: str) -> None:
        clear(self.source, self.target, path, tombstone)
        if self.is_finished(0):
            self.target.drop(path, tombstone)

    def delete_version(self, path: str, version: str) -> bool:
        while True:
            entry = self.look(path)
            there = found(self.source, path)
            if entry is None or not self.counts(entry):
                if there is None or revision(there) != version or (entry and entry.mirrors == version):
                    return False
                if self.is_finished():
                    return remove(self.source, path, there)
                with suppress(errors.FileExists, OtherVersion):
                    return self._delete_there(path, NOTHING if entry is None else entry.version, there)
                continue
            if entry.is_deleted or version not in (entry.version, entry.mirrors):
                return False
            if there is not None and entry.mirrors not in (None, revision(there)):
                # a process that knows the source alone replaced it
                self.target.drop(path, entry.version)
                continue
            try:
                tombstone = self.target.bury(path, entry.version)
            except OtherVersion:
                continue
            self._end(path, tombstone)
            return True

    def _delete_there(self, path: str, expected: Expected, there: Facts) -> bool:
        """Delete a version of the source: it is hidden first, and no other one."""
        version = revision(there)
        tombstone = self.target.bury(path, expected, mirrors=version)
        while (now := found(self.source, path)) is not None:
            if revision(now) != version:
                # it was replaced before it was hidden, unless somebody wrote over the tombstone
                return not self.target.drop(path, tombstone)
            if remove(self.source, path, now):
                break
        with suppress(OtherVersion):
            tombstone = self.target.bury(path, tombstone)
            self._end(path, tombstone)
        return True
