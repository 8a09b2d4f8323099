"""Which copiers run. Each keeps a file in the target, and writes it anew every few seconds.

The files have numbers, because not every store lists reserved names. A copier takes the first one that is free, and
empties it when it ends, so there is no gap, and who looks for all of them stops at the first number that is missing.
No clocks are compared: a copier whose file does not change for :data:`EXPIRY` seconds of our own clock is dead.
"""

from __future__ import annotations

import io
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from fs import errors

from ...names import Reserved
from ..store import MIGRATING, Facts, OtherVersion, StoreFS
from .journal import Direction, Journal, Phase, State

__all__ = [
    "EXPIRY",
    "LOOK",
    "RENEWAL",
    "Copier",
    "Ended",
    "Seen",
    "have_run",
    "remove_all",
    "seen_copiers",
    "wait_for_others",
]

#: How often a copier writes its file and looks into the journal, in seconds.
RENEWAL = 3.0

#: A copier begins nothing if its last look into the journal is older, in seconds.
LOOK = 5.0

#: A copier whose file does not change for so many seconds is dead.
EXPIRY = 20.0

# a file that has not changed for so long may be taken over; if that was wrong, its copier takes another
_ABANDONED = timedelta(hours=1)


class Ended(Exception):
    """The journal says that this copier is to end: the migration is being finished, or goes the other way."""


class Copier:
    """A copier that runs, as long as the block does.

    :param journal: that of the migration.
    :param direction: the one that it copies in.
    :raises Ended: at the start of the block, if the journal says that no copier of this direction is to run.
    """

    def __init__(self, journal: Journal, direction: Direction) -> None:
        self._journal = journal
        self._store = journal.store
        self._direction = direction
        self._token = secrets.token_hex(8)
        self._beats = 0
        #: How many files it has done, and how many bytes. Others read it in its file.
        self.done: tuple[int, int] = (0, 0)
        self._held: tuple[Reserved, str]
        self._ended = threading.Event()
        self._leaving = threading.Event()
        self._looked = float("-inf")
        self._thread = threading.Thread(target=self._renew_until_left, name="flask_pyfs-copier", daemon=True)

    def __enter__(self) -> Copier:
        self._take()
        try:
            self._look()
            self.check()
        except BaseException:
            self._release()
            raise
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._leaving.set()
        self._thread.join()
        # who waits for it then waits for its expiry
        with suppress(errors.FSError):
            self._release()

    def check(self) -> float:
        """Do nothing if a copy may begin, and return the time. One request if the last look is too old.

        :raises Ended: if none may.
        """
        if time.monotonic() - self._looked > LOOK:
            self._look()
        if self._ended.is_set():
            raise Ended
        return time.monotonic()

    def overtaken(self, began: float) -> State | None:
        """Return the end of the migration, if a copy may have been made after it. One request if the copy took long.

        :param began: what :meth:`check` returned before it.
        """
        if time.monotonic() - began <= LOOK:
            return None
        state = self._journal.state()
        return state if state is not None and state.phase is Phase.FINISHED else None

    def _look(self) -> None:
        asked = time.monotonic()
        state = self._journal.state()
        if state is None or (state.direction, state.phase) != (self._direction, Phase.COPYING):
            self._ended.set()
        self._looked = max(self._looked, asked)

    def _renew_until_left(self) -> None:
        # also after the end: what is under way may take long
        while not self._leaving.wait(RENEWAL):
            # if the store fails, the next copy looks for itself, and raises the error
            with suppress(errors.FSError):
                self._renew()
                self._look()

    def _content(self) -> io.BytesIO:
        self._beats += 1
        return io.BytesIO(json.dumps([self._direction, self._token, self._beats, *self.done]).encode())

    def _take(self) -> None:
        for path, facts in _all(self._store):
            with suppress(errors.FileExists, OtherVersion):
                if facts is None:
                    self._held = path, _known(self._store.put(path, self._content(), overwrite=False))
                    return
                if facts.size == 0 or _is_abandoned(facts.modified):
                    version = self._store.replace_version(path, self._content(), _known(facts.version))
                    self._held = path, _known(version)
                    return

    def _renew(self) -> None:
        path, version = self._held
        try:
            self._held = path, _known(self._store.replace_version(path, self._content(), version))
        except OtherVersion:
            # another took it for abandoned, or it was removed
            self._take()

    def _release(self) -> None:
        path, version = self._held
        with suppress(OtherVersion):
            self._store.replace_version(path, io.BytesIO(), version)


class Seen(NamedTuple):
    """What the file of a copier says, which may be dead.

    :param path: the path of the file.
    :param version: its version, which changes every few seconds while the copier lives.
    :param token: what tells the copier from all others.
    :param beats: how many times it has written its file, every :data:`RENEWAL` seconds.
    :param done: as :attr:`Copier.done`.
    """

    path: str
    version: str
    direction: Direction
    token: str
    beats: int
    done: tuple[int, int]


def seen_copiers(store: StoreFS) -> Iterator[Seen]:
    """Iterate over the copiers that have not ended. Two requests for each, and one."""
    for path, facts in _there(store):
        if facts.size:
            with suppress(errors.ResourceNotFound):
                found, file = store.fetch(path)
                with file:
                    content = file.read()
                if content:
                    direction, token, beats, *done = json.loads(content)
                    yield Seen(path, _known(found.version), direction, token, beats, tuple(done))


def wait_for_others(
    journal: Journal, direction: Direction | None = None, on_wait: Callable[[int], object] | None = None
) -> None:
    """Wait until no copier is left. The numbers of dead ones are free then.

    :param direction: leave out those of this direction.
    :param on_wait: is called every second with the number of copiers that may be alive.
    """
    known: dict[str, tuple[str, float]] = {}
    while True:
        now, alive = time.monotonic(), 0
        for seen in seen_copiers(journal.store):
            if seen.direction != direction:
                if known.get(seen.token, ("", now))[0] != seen.version:
                    known[seen.token] = seen.version, now
                if now - known[seen.token][1] < EXPIRY:
                    alive += 1
                else:
                    with suppress(OtherVersion):
                        journal.store.replace_version(seen.path, io.BytesIO(), seen.version)
        if not alive:
            return
        if on_wait is not None:
            on_wait(alive)
        time.sleep(min(1, EXPIRY / 4))


def have_run(store: StoreFS) -> bool:
    """Return whether any copier has run since the last end. One request."""
    return next(_there(store), None) is not None


def remove_all(store: StoreFS) -> None:
    """Remove the files of copiers, the last one first. None may be alive."""
    for path, facts in reversed(list(_there(store))):
        store.delete_version(path, _known(facts.version))


def _there(store: StoreFS) -> Iterator[tuple[Reserved, Facts]]:
    for path, facts in _all(store):
        if facts is None:
            return
        yield path, facts


def _all(store: StoreFS) -> Iterator[tuple[Reserved, Facts | None]]:
    """Iterate over the files of copiers, each with its facts, and then over those that are missing, without an end."""
    for number in itertools.count():
        path = Reserved(f"{MIGRATING}/copier-{number}")
        try:
            facts = store.facts(path)
        except errors.ResourceNotFound:
            facts = None
        yield path, facts


def _known(version: str | None) -> str:
    # the target of a migration tells versions
    assert version is not None
    return version


def _is_abandoned(modified: datetime | None) -> bool:
    return modified is not None and datetime.now(timezone.utc) - modified > _ABANDONED
