"""Which of two stores has the file of a name, while files move from one to the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby
from typing import BinaryIO, Literal

from fs import errors

from ..store import Facts, StoreFS
from .content import Content, found, revision
from .target import Entry, Target

__all__ = ["Held", "Mode"]

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
    :param is_finished: whether the migration is finished, so that the written side alone counts.
    """

    def __init__(self, source: StoreFS, target: Target, is_finished: Callable[[], bool]) -> None:
        self.source = source
        self.target = target
        self.is_finished = is_finished

    @property
    @abstractmethod
    def written(self) -> tuple[StoreFS, ...]:
        """The stores that a write reaches before it is acknowledged, the one that decides it first."""

    @abstractmethod
    def counts(self, entry: Entry) -> bool:
        """Return whether an entry of the target counts, whatever the source has."""

    @abstractmethod
    def look(self, path: str) -> Entry | None:
        """Return what the target has, or None if that does not count any more."""

    @abstractmethod
    def looks_at_source(self) -> bool:
        """Return whether what the source has counts still."""

    def held(self, path: str) -> Held | None:
        """Return the file of a name, or None. One request if the target has it, else two."""
        entry = self.look(path)
        if entry is not None and self.counts(entry):
            return None if entry.is_deleted else Held("target", without_note(entry.facts))
        facts = found(self.source, path) if self.looks_at_source() else None
        return None if facts is None or _hides(entry, facts) else Held("source", without_note(facts))

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

    def listed(self, prefix: str) -> Iterator[tuple[str, Facts]]:
        """Iterate over the files that start with a prefix, as :meth:`StoreFS.iter_facts` does."""
        ours = ((path, 0, listed.is_deleted, listed.facts) for path, listed in self.target.entries(prefix))
        theirs = ((path, 1, False, facts) for path, facts in self.source.iter_facts(prefix))
        for path, same in groupby(merge(ours, theirs, key=lambda one: one[:2]), key=lambda one: one[0]):
            _, _, is_deleted, facts = next(same)
            if not is_deleted:
                yield path, without_note(facts)

    @abstractmethod
    def write(self, path: str, content: Content, *, overwrite: bool = True) -> str | None:
        """Write a file as :meth:`StoreFS.put` does, and return its version if it is known."""

    @abstractmethod
    def replace(self, path: str, content: Content, version: str) -> str | None:
        """Replace a version of a file as :meth:`StoreFS.replace_version` does, and return the new one if it is known."""

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
