"""Which of two stores has the file of a name, while files move from one to the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, Literal

from fs import errors

from ..store import Facts, StoreFS
from .content import Content, found, listed, revision, side_by_side
from .journal import MAX_AGE, Direction, Journal
from .target import Entry, Expected, Listed, Target, Unread

__all__ = ["Held", "Mode", "Side"]

#: One of the two stores.
Side = Literal["source", "target"]


@dataclass(frozen=True)
class Held:
    """The file that a name has.

    :param side: the store that has it.
    :param facts: its facts there.
    """

    side: Side
    facts: Facts

    @property
    def version(self) -> str:
        return revision(self.facts)


class Mode(ABC):
    """What a name has, and how it is written, in one direction.

    :param source: the source.
    :param target: the entries of the target.
    :param journal: says whether the migration is finished, so that only the side counts that is written to.
    """

    #: The direction.
    direction: ClassVar[Direction]

    def __init__(self, source: StoreFS, target: Target, journal: Journal) -> None:
        self.source = source
        self.target = target
        self.journal = journal

    def is_finished(self, max_age: float = MAX_AGE) -> bool:
        """Return whether the migration is finished, as it was said at most some seconds ago."""
        return self.journal.finished(self.direction, max_age)

    def looks_at_source(self) -> bool:
        """Return whether what the source has counts."""
        return not self.is_finished()

    def in_source(self, path: str) -> Facts | None:
        """Return the facts of the file of the source, if that has one that may count. One request."""
        return found(self.source, path) if self.looks_at_source() else None

    @property
    @abstractmethod
    def written(self) -> tuple[StoreFS, ...]:
        """The stores that a write reaches before it is acknowledged, the one that decides it first."""

    @abstractmethod
    def counts(self, entry: Entry) -> bool:
        """Return whether an entry of the target counts, whatever the source has."""

    def look(self, path: str) -> Entry | None:
        """Return what the target has. One request."""
        return self.target.look(path)

    def entries(self, prefix: str, unread: Unread | None) -> Iterator[tuple[str, Listed]]:
        """Iterate over what the target has, in key order."""
        return self.target.entries(prefix, unread=unread)

    def held(self, path: str) -> Held | None:
        """Return the file of a name, or None. One request if the target has it, else two."""
        entry = self.look(path)
        if entry is not None and self.counts(entry):
            return None if entry.is_deleted else Held("target", without_note(entry.facts))
        facts = self.shown(path, entry)
        return None if facts is None else Held("source", without_note(facts))

    def shown(self, path: str, entry: Entry | None) -> Facts | None:
        """Return the facts of the file of the source, if what the target has does not hide it. One request."""
        facts = self.in_source(path)
        return None if facts is None or _hides(entry, facts) else facts

    def settled(self, path: str) -> Held | None:
        """Do as :meth:`held` does, but first move the file, if it is to move before its version can be relied on."""
        return self.held(path)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        """Return the facts and the content of a file, as :meth:`StoreFS.fetch` does."""
        got = self._fetch_of_target(path, start, stop, unless)
        entry = None
        if got is not None:
            entry, file = got
            if self.counts(entry):
                if file is None:
                    raise errors.ResourceNotFound(path)
                return without_note(entry.facts), file
            if file is not None:
                file.close()
        if not self.looks_at_source():
            raise errors.ResourceNotFound(path)
        facts, content = self.source.fetch(path, start, stop, unless=unless)
        if _hides(entry, facts):
            content.close()
            raise errors.ResourceNotFound(path)
        return without_note(facts), content

    def _fetch_of_target(
        self, path: str, start: int, stop: int | None, unless: str | None
    ) -> tuple[Entry, BinaryIO | None] | None:
        return self.target.fetch(path, start, stop, unless=unless)

    def listed(self, prefix: str, unread: Unread | None = None) -> Iterator[tuple[str, Facts]]:
        """Iterate over the files that start with a prefix, as :meth:`StoreFS.iter_facts` does. The target is asked for
        an entry only where it depends on more than a listing tells which store has the file.
        """
        for path, ours, theirs in self._both(prefix, unread):
            if self.is_open(ours, theirs):
                # the source may have lost it, or got it, since it was listed
                if (held := self.held(path)) is not None:
                    yield path, held.facts
            elif ours is None or ours.is_deleted:
                if theirs is not None and ours is None:
                    yield path, without_note(theirs)
            else:
                yield path, without_note(self.of_both(ours.facts, theirs))

    def of_both(self, ours: Facts, theirs: Facts | None) -> Facts:
        """Return the facts of a file that both stores may have, where it is not open which one counts."""
        return ours

    @abstractmethod
    def is_open(self, ours: Listed | None, theirs: Facts | None) -> bool:
        """Return whether listings do not tell which store has the file of a name.

        :param ours: what the target lists.
        :param theirs: what the source lists.
        """

    def _both(self, prefix: str, unread: Unread | None = None) -> Iterator[tuple[str, Listed | None, Facts | None]]:
        def source() -> Iterator[tuple[str, Facts]]:
            # no earlier than the target: what is moved meanwhile would be in neither
            if self.looks_at_source():
                yield from listed(self.source, prefix, unread)

        return side_by_side(self.entries(prefix, unread), source())

    def names(self, prefix: str, unread: Unread | None = None) -> Iterator[str]:
        """Iterate over the names that start with a prefix and have anything, also what lies under a tombstone."""
        for path, ours, theirs in self._both(prefix, unread):
            if theirs is not None or (ours is not None and not ours.is_deleted):
                yield path

    def streams(self, path: str, *, overwrite: bool) -> Expected | None:
        """Return what the target must have until a file is written that can go straight there; None if that depends on
        what there is when the file is complete.

        :raises fs.errors.FileExists: without ``overwrite``, if there is a file.
        """
        if not overwrite and self.held(path) is not None:
            raise errors.FileExists(path)
        return None

    def move(self, path: str, held: Held, target: str, *, overwrite: bool) -> bool:
        """Move a file as :meth:`StoreFS.move_file` does, if that is one step; else return False and do nothing."""
        return False

    @abstractmethod
    def write(self, path: str, content: Content, *, overwrite: bool = True) -> str | None:
        """Write a file as :meth:`StoreFS.put` does, and return its version if it is known."""

    @abstractmethod
    def replace(self, path: str, content: Content, version: str) -> str | None:
        """Replace a version of a file as :meth:`StoreFS.replace_version` does. Return the new one if it is known."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete a file, if there is one."""

    @abstractmethod
    def delete_version(self, path: str, version: str) -> bool:
        """Delete a version of a file as :meth:`StoreFS.delete_version` does."""


def _hides(entry: Entry | None, facts: Facts) -> bool:
    # a tombstone of one version of the source
    return entry is not None and entry.is_deleted and entry.mirrors == revision(facts)


def without_note(facts: Facts) -> Facts:
    """Return facts without what the migration itself noted."""
    return facts if facts.note is None else replace(facts, note=None)
