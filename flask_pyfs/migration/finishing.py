"""Ends a migration: from then on, one of the stores is the only one."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, FSError, VersionChanged, translated
from ..filesystems.migrating.content import first_file
from ..filesystems.migrating.copiers import have_run, remove_all, wait_for_others
from ..filesystems.migrating.journal import Interrupted, until_known
from ..filesystems.migrating.moving import bring, settle
from ..keys import storage_key
from ..storage import Storage
from ..transfer.patience import Patience, Stopped
from ..transfer.report import Event, OnEvent
from ..transfer.workers import in_threads
from .comparing import verify
from .migrating import migration_of
from .report import Report
from .walking import walk

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["finish"]


def finish(
    storage: Storage,
    *,
    jobs: int = 8,
    checksum: bool = False,
    on_event: OnEvent | None = None,
    on_wait: Callable[[int], object] | None = None,
) -> Report:
    """Finish the migration of a storage, if :func:`verify` finds all files. Else nothing is done.

    All copiers end. Then a mark is written in the target, by which every process that still has the settings of the
    migration goes on with one store alone: the target, or back the source. Then tombstones are removed. It takes 6
    seconds at least, and 20 if a copier was killed. Call it again if it was interrupted.

    :param checksum: as for :func:`verify`.
    :param on_event: as for :func:`verify`.
    :param on_wait: is called every second while copiers end, with their number.
    :returns: what :func:`verify` found. Its ``finished`` says whether the migration is finished.
    :raises flask_pyfs.errors.ConfigurationError: if the storage is not migrating, if WRITES is both, or if
        the migration is finished in the other direction, or was turned there; forward, if the source has no file, and
        no copier has run, or as for :func:`verify`.
    :raises flask_pyfs.errors.VersionChanged: if a copier is started meanwhile.
    :raises flask_pyfs.errors.FSError: if a store fails.
    """
    fs = migration_of(storage)
    if fs.direction == "forward" and fs.writes == "both":
        raise ConfigurationError(
            f"with {storage_key(storage.name, 'WRITES')} = 'both', there may be processes that know the source alone: "
            "let flask fs migrate run when there are none, set it to 'target' for all processes, and then finish",
            storage=storage.name,
        )
    with translated(storage.name):
        state = fs.journal.required(fs.direction)
        report = Report(finished=state is not None and state.direction == fs.direction and state.is_finished)
        if not report.finished:
            if fs.direction == "forward" and first_file(fs.source) is None and not have_run(fs.target):
                raise ConfigurationError(
                    "the source has no file, and nothing was ever copied from it: is the right SOURCE set, and is it "
                    f"mounted? If it is to be empty, run flask fs migrate {storage.name} first, and then finish",
                    storage=storage.name,
                )
            report = verify(storage, jobs=jobs, checksum=checksum, on_event=on_event)
            if not report.is_complete:
                return report
            try:
                _end(storage, fs, jobs, on_wait)
            except BaseException as error:
                # else the app would go on asking before each operation
                with suppress(Exception):
                    fs.journal.begin(fs.direction)
                if isinstance(error, Interrupted):
                    message = f"a copier of {storage.name!r} was started meanwhile: finish again when it has ended"
                    raise VersionChanged(message, storage=storage.name) from error
                raise
            report.finished = True
        _remove_tombstones(storage, fs, jobs)
        # one that turns needs what lies there
        if fs.journal.forgets(fs.direction, 0):
            fs.entries_of_target.clear()
            remove_all(fs.target)
    return report


def _end(storage: Storage, fs: MigratingFS, jobs: int, on_wait: Callable[[int], object] | None) -> None:
    state = fs.journal.finishing(fs.direction)
    until = time.monotonic() + until_known()
    wait_for_others(fs.journal, on_wait=on_wait)
    _complete_deletions(storage, fs, jobs)
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)
    fs.journal.finish(state)


def _complete_deletions(storage: Storage, fs: MigratingFS, jobs: int) -> None:
    # those that crashed between the two stores
    move = bring if fs.direction == "forward" else settle
    unread: dict[str, Exception] = {}

    def left() -> Generator[str, None, None]:
        for path, source, target in walk(fs, unread.setdefault):
            if source is not None and target is not None and target.is_deleted:
                yield path

    with closing(left()) as paths:
        _do(storage, paths, lambda path: move(fs.source, fs.entries_of_target, path), jobs)
    for error in unread.values():
        raise error


def _remove_tombstones(storage: Storage, fs: MigratingFS, jobs: int) -> None:
    target = fs.entries_of_target

    def tombstones() -> Generator[str, None, None]:
        for path, listed in target.entries():
            if listed.is_deleted:
                yield path

    def remove(path: str) -> None:
        entry = target.look(path)
        # looked at before: so it is one from before a turn
        if entry is not None and entry.is_deleted and fs.journal.forgets(fs.direction, 0):
            target.drop(path, entry.version)

    with closing(tombstones()) as paths:
        _do(storage, paths, remove, jobs)


def _do(storage: Storage, paths: Generator[str, None, None], work: Callable[[str], object], jobs: int) -> None:
    patience = Patience()
    failures: list[Exception] = []

    def attempt(path: str, tell: Callable[[Event], None]) -> None:
        def once() -> None:
            with translated(storage.name, path):
                work(path)

        try:
            patience.persist(once)
        except Stopped:
            pass
        except FSError as error:
            tell(Event("failed", path, error=error))

    in_threads(paths, attempt, jobs, patience, lambda event: failures.append(event.error))
    if failures:
        raise failures[0]
