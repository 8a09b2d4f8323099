"""Moves the files of a storage from one of its stores to the other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, VersionChanged, translated
from ..filesystems.migrating.copiers import Copier, Ended, wait_for_others
from ..filesystems.migrating.journal import State
from ..filesystems.migrating.moving import Moved, Outcome, bring, settle
from ..storage import Storage
from ..transfer.patience import Patience, Stopped
from ..transfer.report import Event, Kind, OnEvent
from ..transfer.workers import in_threads, require_jobs
from .comparing import MISSING, Comparison, compare, size_of
from .migrating import migration_of
from .report import Report
from .turning import turn
from .walking import Name, refusal, require_source, walk

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["migrate"]

Tell = Callable[[Event], object]

_KINDS: dict[Outcome, Kind] = {
    Outcome.COPIED: "copied",
    Outcome.AGAIN: "replaced",
    Outcome.THERE: "same",
    Outcome.OWN: "own",
    Outcome.DELETED: "deleted",
    Outcome.GONE: "own",
}


def migrate(
    storage: Storage,
    *,
    jobs: int = 8,
    shard: tuple[int, int] | None = None,
    checksum: bool = False,
    on_event: OnEvent | None = None,
) -> Report:
    """Move the files of a migrating storage to the store that the app writes to: the target, or with DIRECTION back
    the source. Then compare both, and copy what other processes wrote to the source meanwhile. Call it again to go on
    after it was interrupted, in whatever way.

    What the app writes or deletes meanwhile is not undone. Several may run at once, best with a shard each.

    If the migration is finished in the other direction, it turns: the store that does not count any more first loses
    all that the other one does not have, then all processes change at one moment. No process may run then that has the
    settings of one store alone. This takes 12 seconds, and two requests for each name of that store.

    Each store is listed three times: to tell how much there is to do, to do it, and to compare. Forward, a file of the
    source that the target lacks costs three requests: it is read, written, and looked at again. No signals are sent.

    :param jobs: how many files are moved at a time.
    :param shard: ``(i, n)`` for the i-th of n parts of the names, counted from 1, for n processes at once.
    :param checksum: compare the content of the files in the end. Those of which no listing tells a checksum are read.
    :param on_event: is called in this thread for each :class:`Event`: ``planned``, with the number of names that may
        need something, and for each of them ``copied``, ``replaced``, ``deleted``, ``same``, ``own`` or ``failed``.
    :returns: what was done, and how much is still missing. If the migration is finished already, nothing is done.
    :raises flask_pyfs.errors.ConfigurationError: if the storage is not migrating; if the shard is invalid; if the
        migration was turned in the other direction, and is not finished; or, forward, if the source has no
        file at all, but the target has copies of its files, or with WRITES both any file.
    :raises flask_pyfs.errors.VersionChanged: if another process finishes the migration, or turns its direction.
    :raises flask_pyfs.errors.FSError: if a listing or the journal fails.
    :raises ValueError: if ``jobs`` is less than 1.
    """
    require_jobs(jobs)
    fs, report = migration_of(storage), Report()
    told = on_event or (lambda event: None)

    def tell(event: Event) -> None:
        report.add(event)
        told(event)

    with translated(storage.name):
        turn(storage, fs, jobs, tell)
        fs.journal.begin(fs.direction)
        if fs.journal.finished(fs.direction, 0):
            report.finished = True
            return report
        wait_for_others(fs.journal, fs.direction)
        require_source(fs, storage.name)
        try:
            with Copier(fs.journal, fs.direction) as copier:
                _Run(storage, fs, copier, jobs, shard, report, tell).run(checksum)
        except Ended:
            message = f"the migration of {storage.name!r} is finished, or turned, by another process: look at --status"
            raise VersionChanged(message, storage=storage.name) from None
    return report


class _Run:
    """One run of a copier."""

    def __init__(
        self,
        storage: Storage,
        fs: MigratingFS,
        copier: Copier,
        jobs: int,
        shard: tuple[int, int] | None,
        report: Report,
        tell: Tell,
    ) -> None:
        self._storage = storage
        self._fs = fs
        self._copier = copier
        self._jobs = jobs
        self._shard = shard
        self._report = report
        self._say = tell
        self._patience = Patience()
        self._comparison = Comparison(fs)
        self._unread: dict[str, Exception] = {}
        self._other = fs.target if fs.direction == "forward" else fs.source

    def run(self, checksum: bool) -> None:
        needs_work = self._plan()
        if needs_work:
            with closing(self._tasks()) as tasks:
                in_threads(tasks, self._work, self._jobs, self._patience, self._tell)
        if needs_work or checksum:
            self._compare(checksum)

    def _compare(self, checksum: bool) -> None:
        # the times need not be looked at again
        comparison = Comparison(self._fs, checksum=checksum, is_strict=False, check=self._patience.check)
        known = {event.name for event in self._report.failures}

        def tell(event: Event) -> None:
            fails = event.kind == "failed"
            self._report.missing += event.kind in MISSING or fails
            if event.kind in ("copied", "replaced") or (fails and event.name not in known):
                self._tell(event)

        def mend(name: Name) -> Event:
            # written by a process that knows the source alone, or that is between its two writes
            event = self._move(name)
            return Event(comparison.looked(name), name.path, event.size) if event.kind == "same" else event

        # back, nothing comes into the target
        mends = mend if self._fs.direction == "forward" else None
        compare(self._storage, comparison, self._jobs, self._shard, self._patience, tell, mends)

    def _plan(self) -> bool:
        files = size = of_target = 0
        for name in walk(self._fs, self._unread.setdefault, self._shard):
            of_target += name.target is not None and not name.target.is_deleted
            kind = self._needed(name)
            if kind == "move":
                size += size_of(name)
            files += kind is not None
        self._report.source_files = self._comparison.source_files
        if self._fs.writes == "both" and of_target and not self._report.source_files:
            raise ConfigurationError(
                "the source has no file, so all that was copied from it would be deleted in the target: nothing was. "
                "Is the right SOURCE set, and is it mounted?",
                storage=self._storage.name,
            )
        self._tell(Event("planned", size=size - self._comparison.left_there, files=files))
        for path, error in self._unread.items():
            self._tell(Event("failed", path, error=error))
        return files > 0

    def _needed(self, name: Name) -> str | None:
        kind = self._comparison.listed(name)
        if kind in ("only_source", "only_target"):
            return "move"
        # a delete that crashed left a file under a tombstone
        is_left = name.source is not None and name.target is not None and name.target.is_deleted
        return "look" if kind == "unknown" or is_left else None

    def _tasks(self) -> Generator[Name, None, None]:
        # what cannot be read was told, or is when both are compared
        for name in walk(self._fs, self._unread.setdefault, self._shard):
            needed = self._needed(name)
            if needed is None:
                continue
            refused = refusal(self._other, name.path)
            if refused is None:
                yield name
            else:
                self._tell(Event("failed", name.path, error=refused))

    def _tell(self, event: Event) -> None:
        self._say(event)
        if event.kind in ("copied", "replaced"):
            self._copier.done = self._report.counts["copied"] + self._report.counts["replaced"], self._report.bytes

    def _work(self, name: Name, tell: Tell) -> None:
        try:
            tell(self._patience.persist(partial(self._move, name)))
        except Stopped:
            # nobody listens
            pass
        except (MemoryError, Ended):
            raise
        except Exception as error:
            tell(Event("failed", name.path, error=error))

    def _move(self, name: Name) -> Event:
        began = self._copier.check()
        with translated(self._storage.name, name.path):
            event, moved = self._moved(name)
            end = self._copier.overtaken(began)
            if end is not None and moved is not None:
                self._take_back(name.path, moved, end)
        return event

    def _moved(self, name: Name) -> tuple[Event, Moved | None]:
        fs = self._fs
        if fs.direction == "back":
            moved = settle(fs.source, fs.entries_of_target, name.path)
        else:
            if name.target is not None and not name.target.is_deleted:
                kind = self._comparison.looked(name)
                if kind in ("same", "own"):
                    return Event(kind, name.path, size_of(name)), None
            moved = bring(fs.source, fs.entries_of_target, name.path, follows=fs.writes == "both")
        return Event(_KINDS[moved.outcome], name.path, moved.size), moved

    def _take_back(self, path: str, moved: Moved, end: State) -> None:
        """Remove a copy that came after the end of the migration, from when on a delete leaves nothing behind.

        What came before it was verified, or is in the place of a tombstone. The target's clock has dated both.
        """
        if self._fs.direction == "back" or moved.version is None or end.since is None:
            return
        if moved.outcome in (Outcome.COPIED, Outcome.AGAIN):
            entry = self._fs.entries_of_target.look(path)
            if entry is not None and entry.version == moved.version:
                modified = entry.facts.modified
                if modified is not None and modified > end.since:
                    self._fs.entries_of_target.drop(path, entry.version)
