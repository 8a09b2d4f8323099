"""Tells of each name whether it is where the migration is to have it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Literal

from ..errors import translated
from ..filesystems.base import CHUNK_SIZE
from ..filesystems.migrating.content import found, revision
from ..filesystems.migrating.copiers import Ended
from ..filesystems.store import Facts
from ..storage import Storage
from ..transfer.patience import Patience, Stopped
from ..transfer.report import Event, OnEvent
from ..transfer.workers import in_threads, require_jobs
from .migrating import migration_of
from .report import Report
from .walking import Name, refusal, require_source, walk

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["MISSING", "Comparison", "compare", "size_of", "verify"]

Tell = Callable[[Event], object]

Kind = Literal["same", "own", "only_source", "only_target", "differs"]

#: What is not where it is to be.
MISSING = ("only_source", "only_target", "differs")

# how many names that listings miss are looked at: more are missing indeed
_DOUBTED = 1000

# a copy that is so much newer than the file shows it as it is now, unless the clocks of the stores differ by more
_SKEW = timedelta(minutes=5)

# where no listing tells a checksum
_ALGORITHM = "sha256"


def verify(
    storage: Storage,
    *,
    jobs: int = 8,
    shard: tuple[int, int] | None = None,
    checksum: bool = False,
    on_event: OnEvent | None = None,
) -> Report:
    """Compare both stores of a storage, and write nothing.

    Forward, each file of the source must have the same content in the target, or a later version or a deletion by the
    app. Back, the target must have no file. After the end nothing is compared: one store alone counts.

    What listings tell is enough for most names: one listing of each store. One or two requests more are made for each
    file of another size, and one to the target for each that was written less than five minutes before it was copied,
    and for each of the first 1,000 that the listings miss: while an app writes, they are of different moments.

    :param jobs: how many files are looked at at a time.
    :param shard: ``(i, n)``: only the part i of n of the names.
    :param checksum: compare the content. Files of which no listing tells a checksum are read.
    :param on_event: is called in this thread for each name, with an event of the kind ``same``, ``own``,
        ``only_source``, ``only_target``, ``differs`` or ``failed``; also ``failed`` for each directory of either store
        that cannot be read.
    :raises flask_pyfs.errors.ConfigurationError: if the storage is not migrating, or the shard is invalid;
        forward, if the source has no file at all, but the target has copies of its files.
    :raises flask_pyfs.errors.FSError: if a listing fails.
    :raises ValueError: if ``jobs`` is less than 1.
    """
    require_jobs(jobs)
    patience = Patience()
    comparison = Comparison(migration_of(storage), checksum=checksum, check=patience.check)
    report = Report()

    def tell(event: Event) -> None:
        report.add(event)
        if on_event is not None:
            on_event(event)

    with translated(storage.name):
        if comparison.fs.journal.finished(comparison.fs.direction, 0):
            # the other store does not count, and may be gone
            report.finished = True
            return report
        require_source(comparison.fs, storage.name)
        compare(storage, comparison, jobs, shard, patience, tell)
        report.source_files = comparison.source_files
    report.missing = sum(report.counts[kind] for kind in MISSING)
    return report


def compare(
    storage: Storage,
    comparison: Comparison,
    jobs: int,
    shard: tuple[int, int] | None,
    patience: Patience,
    tell: Tell,
    mend: Callable[[Name], Event] | None = None,
) -> None:
    """Tell of each name what :class:`Comparison` finds, in threads where the listings do not tell enough.

    :param mend: is called in such a thread for each name that is not where it is to be, forward, and returns what to
        tell.
    """

    def work(name: Name, tell: Tell) -> None:
        def look() -> Event:
            with translated(storage.name, name.path):
                kind = comparison.looked(name)
                return mend(name) if mend and kind in MISSING else Event(kind, name.path, size_of(name))

        try:
            tell(patience.persist(look))
        except Stopped:
            pass
        except (MemoryError, Ended):
            raise
        except Exception as error:
            tell(Event("failed", name.path, error=error))

    with closing(_unknown(comparison, shard, tell, MISSING if mend else ())) as tasks:
        in_threads(tasks, work, jobs, patience, tell)


def size_of(name: Name) -> int:
    """Return the size of the file that is moved, or of the other one."""
    if name.target is not None and (name.source is None or not name.target.is_deleted):
        return name.target.facts.size
    return name.source.size if name.source is not None else 0


def _unknown(
    comparison: Comparison, shard: tuple[int, int] | None, tell: Tell, again: Collection[str]
) -> Generator[Name, None, None]:
    # tells the names of which the listings tell enough, but for some kinds
    other = comparison.fs.target if comparison.fs.direction == "forward" else comparison.fs.source
    doubted = 0

    def unread(path: str, error: Exception) -> None:
        tell(Event("failed", path, error=error))

    for name in walk(comparison.fs, unread, shard):
        kind = comparison.listed(name)
        if kind in ("only_source", "only_target") and (refused := refusal(other, name.path)) is not None:
            tell(Event("failed", name.path, error=refused))
        elif kind == "unknown" or kind in again or (kind in MISSING and (doubted := doubted + 1) <= _DOUBTED):
            yield name
        elif kind is not None:
            tell(Event(kind, name.path, size_of(name)))


class Comparison:
    """Compares what the stores of a migration have.

    :param checksum: compare the content, too.
    :param is_strict: also look at what may have changed since it was copied, by the times.
    :param check: raises an exception to end the reading of a file.
    """

    def __init__(
        self,
        fs: MigratingFS,
        *,
        checksum: bool = False,
        is_strict: bool = True,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self.fs = fs
        self._checksum = checksum
        self._is_strict = is_strict
        self._check = check
        #: How many tombstones were seen.
        self.deleted: int = 0
        #: How many files of the source were seen.
        self.source_files: int = 0
        #: Back, how many bytes the source has already, as far as listings tell: what it has in the same size is nearly
        #: always what it was copied from, so it need not move.
        self.left_there: int = 0

    def listed(self, name: Name) -> Kind | Literal["unknown"] | None:
        """Return what the listings tell of a name; None if it is no concern of the migration. No request."""
        _, source, target = name
        self.deleted += target is not None and target.is_deleted
        self.source_files += source is not None
        if self.fs.direction == "back":
            if target is None:
                return "same"
            if target.is_deleted:
                return None if source is None else "own"
            if source is not None and source.size == target.facts.size:
                self.left_there += source.size
            return "only_target"
        if target is None:
            return "only_source"
        if source is None:
            # processes that know the source alone may have deleted what was copied
            return "unknown" if self.fs.writes == "both" and not target.is_deleted else None
        # a tombstone may follow a deletion in the source, which has a new file since
        if target.is_deleted or source.size != target.facts.size:
            return "unknown"
        if source.checksum and target.facts.checksum and _algorithm(source) == _algorithm(target.facts):
            return "same" if source.checksum == target.facts.checksum else "unknown"
        is_doubtful = self._checksum or (self._is_strict and not _is_newer(target.facts, source))
        return "unknown" if is_doubtful else "same"

    def looked(self, name: Name) -> Kind:
        """Return what is there now of a name. One request to the target; forward, one to the source, unless the target
        has a copy of the version that the source listed, and those of a comparison of the content.
        """
        path = name.path
        entry = self.fs.entries_of_target.look(path)
        if self.fs.direction == "back":
            return "same" if entry is None or entry.is_deleted else "only_target"
        if entry is None:
            return "same" if found(self.fs.source, path) is None else "only_source"
        if entry.mirrors is None:
            return "own"
        facts = name.source
        if facts is None or entry.mirrors != revision(facts):
            facts = found(self.fs.source, path)
        if facts is None:
            return "same" if entry.is_deleted or self.fs.writes == "target" else "differs"
        if entry.mirrors != revision(facts):
            return "differs"
        if entry.is_deleted:
            return "own"
        if facts.size != entry.facts.size or (self._checksum and not self._has_same_content(name)):
            return "differs"
        return "same"

    def _has_same_content(self, name: Name) -> bool:
        assert name.source is not None
        assert name.target is not None
        ours, theirs = name.source.checksum, name.target.facts.checksum
        known = theirs or ours
        algorithm = known.partition(":")[0] if known else _ALGORITHM
        if algorithm not in hashlib.algorithms_available:
            ours = theirs = None
            algorithm = _ALGORITHM
        if ours is None or not ours.startswith(f"{algorithm}:"):
            ours = self._digest(algorithm, self.fs.source.fetch(name.path)[1])
        if theirs is None:
            theirs = self._digest(algorithm, self.fs.target.fetch(name.path)[1])
        return ours == theirs

    def _digest(self, algorithm: str, file: IO[Any]) -> str:
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with file:
            while piece := file.read(CHUNK_SIZE):
                self._check()
                digest.update(piece)
        return f"{algorithm}:{digest.hexdigest()}"


def _algorithm(facts: Facts) -> str:
    return (facts.checksum or "").partition(":")[0]


def _is_newer(copy: Facts, file: Facts) -> bool:
    if copy.modified is None or file.modified is None:
        return False
    return copy.modified - file.modified > _SKEW
