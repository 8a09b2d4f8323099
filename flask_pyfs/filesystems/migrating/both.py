"""Writes to the source and to the target, while processes run that know the source alone."""

from __future__ import annotations

from typing import BinaryIO

from fs import errors

from ..store import Facts, OtherVersion, StoreFS
from .content import Content, found, remove, revision
from .forward import Forward
from .moving import Outcome, follow
from .reading import Held, Mode
from .target import Entry, Expected, Listed

__all__ = ["Both"]


class Both(Forward):
    """Forward, with ``WRITES=both``: what the source has counts, and the target mirrors it before a write is
    acknowledged. Only what a process wrote to the target alone counts there, and stays there.
    """

    @property
    def written(self) -> tuple[StoreFS, ...]:
        return (self.source, self.target.store)

    def counts(self, entry: Entry) -> bool:
        return entry.mirrors is None or self.is_finished()

    def is_open(self, ours: Listed | None, theirs: Facts | None) -> bool:
        if ours is None or (theirs is None and ours.is_deleted) or self.is_finished():
            return False
        # a mirror has the size of the file
        return theirs is None or ours.is_deleted or ours.facts.size != theirs.size

    def of_both(self, ours: Facts, theirs: Facts | None) -> Facts:
        # one that the app wrote to the target alone, and that has the size of the older file, is not told from a mirror
        return ours if theirs is None or self.is_finished() else theirs

    def _fetch_of_target(
        self, path: str, start: int, stop: int | None, unless: str | None
    ) -> tuple[Entry, BinaryIO | None] | None:
        # most files are read from the source
        entry = self.target.look(path)
        if entry is None or entry.is_deleted or not self.counts(entry):
            return None if entry is None else (entry, None)
        return super()._fetch_of_target(path, start, stop, unless)

    def streams(self, path: str, *, overwrite: bool) -> Expected | None:
        return Mode.streams(self, path, overwrite=overwrite)

    def move(self, path: str, held: Held, target: str, *, overwrite: bool) -> bool:
        return False

    def write(self, path: str, content: Content, *, overwrite: bool = True) -> str | None:
        entry = self.target.look(path)
        if self._is_own(entry):
            return super().write(path, content, overwrite=overwrite)
        content.keep()
        version = content.store(self.source, path, overwrite=overwrite)
        moved = follow(self.source, self.target, path, entry)
        if moved.outcome not in (Outcome.OWN, Outcome.DELETED):
            return version
        # a process that writes to the target alone was first
        if moved.outcome is Outcome.OWN and not overwrite:
            if version is not None:
                self.source.delete_version(path, version)
            raise errors.FileExists(path)
        return super().write(path, content, overwrite=overwrite)

    def _is_own(self, entry: Entry | None) -> bool:
        return self.is_finished() if entry is None else self.counts(entry)

    def replace(self, path: str, content: Content, version: str) -> str | None:
        entry = self.target.look(path)
        if self._is_own(entry):
            return super().replace(path, content, version)
        there = self._there(path, entry, version)
        if there is None:
            raise OtherVersion(path)
        made = content.store(self.source, path, version=there.version)
        follow(self.source, self.target, path, entry)
        return made

    def _there(self, path: str, entry: Entry | None, version: str) -> Facts | None:
        """Return the facts of the file of the source, if it has a version, there or in its mirror."""
        there = found(self.source, path)
        if there is None or version == revision(there):
            return there
        is_mirrored = entry is not None and not entry.is_deleted and entry.mirrors == revision(there)
        return there if is_mirrored and entry is not None and entry.version == version else None

    def delete(self, path: str) -> None:
        entry = self.target.look(path)
        if self._is_own(entry):
            super().delete(path)
            return
        while (there := found(self.source, path)) is not None and not remove(self.source, path, there):
            pass
        if entry is not None or there is not None:
            follow(self.source, self.target, path, entry)

    def delete_version(self, path: str, version: str) -> bool:
        entry = self.target.look(path)
        if self._is_own(entry):
            return super().delete_version(path, version)
        there = self._there(path, entry, version)
        if there is None or not remove(self.source, path, there):
            return False
        follow(self.source, self.target, path, entry)
        return True
