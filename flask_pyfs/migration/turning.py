"""Turns a migration that is finished, so that the files go in the other direction."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import FSError, translated
from ..filesystems.migrating.content import found, remove, revision
from ..filesystems.migrating.journal import Phase, State, until_known
from ..storage import Storage
from ..transfer.patience import Patience, Stopped
from ..transfer.report import Event
from ..transfer.workers import in_threads
from .walking import refusal, walk

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["loses", "turn"]

Tell = Callable[[Event], object]


class _Turned(Exception):
    """Another process took the next step."""


def loses(fs: MigratingFS) -> str | None:
    """Return which store loses all that the other one does not have before a copier starts, ``source`` or ``target``;
    None if none does. One request.
    """
    state = fs.journal.to_turn(fs.direction)
    if state is None or state.phase is Phase.TURNING:
        return None
    return "source" if state.direction == "forward" else "target"


def turn(storage: Storage, fs: MigratingFS, jobs: int, tell: Tell) -> None:
    """Turn a migration that is finished in the other direction; do nothing with any other. One request then.

    Any number of processes may do so at once, and any may be killed: each step is right after whatever came before it.
    """
    while (state := fs.journal.to_turn(fs.direction)) is not None:
        if state.phase is Phase.FINISHED:
            fs.journal.turn(state)
            continue
        # until each process knows this phase
        time.sleep(until_known())
        try:
            if state.phase is Phase.CLEARING:
                _clear(storage, fs, state, jobs, tell)
        except _Turned:
            continue
        fs.journal.turn(state)


def _clear(storage: Storage, fs: MigratingFS, state: State, jobs: int, tell: Tell) -> None:
    """Delete all that the store has that does not count, and that the other one does not have as well.

    What the app deletes meanwhile leaves a tombstone, which still hides it after the turn.
    """
    patience = Patience()
    failures: list[Exception] = []
    clear = _clear_source if state.direction == "forward" else _clear_target

    def unread(path: str, error: Exception) -> None:
        # there may be names that do not count
        failures.append(error)

    def names() -> Generator[str, None, None]:
        for path, source, target in walk(fs, unread):
            if (source if state.direction == "forward" else target) is not None:
                yield path

    def attempt(path: str, tell: Tell) -> None:
        def once() -> int | None:
            with translated(storage.name, path):
                return clear(fs, state, path)

        try:
            size = patience.persist(once)
        except Stopped:
            pass
        except FSError as error:
            tell(Event("failed", path, error=error))
        else:
            if size is not None:
                tell(Event("deleted", path, size))

    def told(event: Event) -> None:
        if event.error is not None:
            failures.append(event.error)
        else:
            tell(event)

    with closing(names()) as paths:
        in_threads(paths, attempt, jobs, patience, told)
    if failures:
        raise failures[0]


def _clear_source(fs: MigratingFS, state: State, path: str) -> int | None:
    """Delete what the source has, if the target lost or replaced it. Return its size if it was deleted.

    A copy that is as it was need not be moved back; what the app wrote to the target replaces what the source has.
    """
    size = None
    while (there := found(fs.source, path)) is not None:
        entry = None if refusal(fs.target, path) else fs.entries_of_target.look(path)
        if entry is not None and not entry.is_deleted and entry.mirrors in (None, revision(there)):
            break
        # after the look: so what was seen is from before the turn, and nothing but that is deleted
        _require(fs, state)
        if remove(fs.source, path, there):
            size = there.size
    return size


def _clear_target(fs: MigratingFS, state: State, path: str) -> int | None:
    entry = fs.entries_of_target.look(path)
    _require(fs, state)
    if entry is None or not fs.entries_of_target.drop(path, entry.version) or entry.is_deleted:
        return None
    return entry.facts.size


def _require(fs: MigratingFS, state: State) -> None:
    if (now := fs.journal.state()) is None or now.version != state.version:
        raise _Turned
