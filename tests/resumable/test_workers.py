"""Workers that take the pieces of one upload at the same time, in any order of their requests, and that are killed.

Whatever happens: nothing that was acknowledged is lost, the file has each byte once, it appears once, and what was
cancelled or refused does not appear.
"""

from __future__ import annotations

import io
import itertools
import threading
from types import SimpleNamespace
from typing import Any

import flask
import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from stepped import MANY, Operation

import flask_pyfs as fs
from flask_pyfs import unfinished
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.store import UPLOADS, StoreFS
from flask_pyfs.leases import held as leases
from flask_pyfs.leases import shared
from flask_pyfs.names import Reserved
from flask_pyfs.resumable import pieces
from flask_pyfs.resumable.outcomes import Status, WrongOffset
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.signals import file_uploaded
from flask_pyfs.unfinished import Busy, Ended

NAME, DATA = "a.txt", b"abcdefghijk"
LENGTH = len(DATA)

# more than that wait for each other only
WORKERS = 3

REQUESTS = {
    *("facts", "fetch", "has_file", "read_file", "put", "replace_version", "delete_version", "delete_tree"),
    *("iter_facts", "copy_file", "move_file"),
}


class Stepped:
    """A store that goes through a gate before each request."""

    def __init__(self, store: Any, gate: Any) -> None:
        self._store, self._gate = store, gate

    def isclosed(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in REQUESTS:
            return found

        def request(*arguments: Any, **options: Any) -> Any:
            self._gate()
            result = found(*arguments, **options)
            return iter(list(result)) if name == "iter_facts" else result

        return request

    def join_files(self, paths: Any, target: str, *, sizes: Any, **options: Any) -> Any:
        # what is read may be gone when the file appears
        content = b"".join([self.read_file(path) for path in paths])
        return self.put(target, io.BytesIO(content), **options)


class Broken(Exception):
    pass


class Breaking(io.BytesIO):
    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        if not count:
            raise Broken
        return count


class Holders:
    """Which lease belongs to which thread: a worker that stands still lives, and one that was killed is silent."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.threads: dict[bytes, threading.Thread] = {}
        self.beats, clock = itertools.count(), itertools.count()
        self.real_init, self.real_said = leases.Held.__init__, shared.look
        holders = self

        def init(held: Any, *arguments: Any) -> None:
            holders.real_init(held, *arguments)
            holders.threads[held._token] = threading.current_thread()

        def said(store: Any, path: Any) -> Any:
            facts, content = holders.real_said(store, path)
            is_alive = facts is not None and holders.threads[content].is_alive()
            return facts, content + (b" %d" % next(holders.beats) if is_alive else b"")

        patch.setattr(leases.Held, "__init__", init)
        patch.setattr(leases.Held, "_keep", lambda held: None)
        patch.setattr(leases, "look", said)
        patch.setattr(leases, "time", SimpleNamespace(sleep=lambda seconds: None, monotonic=lambda: next(clock)))
        patch.setattr(unfinished.upload, "SILENCE", 2)


class Workers(RuleBasedStateMachine):
    """The requests to one upload, and a request at a time of each worker."""

    @initialize(
        overwrite=st.booleans(), is_taken=st.booleans(), is_told=st.booleans(), size=st.sampled_from([3, LENGTH])
    )
    def begin(self, overwrite: bool = False, is_taken: bool = False, is_told: bool = True, size: int = 3) -> None:
        self.patch = pytest.MonkeyPatch()
        Holders(self.patch)
        self.patch.setattr(pieces, "_READ_SIZE", 2)
        # of two pieces of one length, the one that came later counts
        marks = itertools.count(2**64 - 1, -1)
        self.patch.setattr(pieces, "new_mark", lambda: f"{next(marks):016x}")
        self.patch.setattr(StoreFS, "piece_size", size)
        self.store: Any = self.open_store(size)
        self.running: list[tuple[Operation, int, Any]] = []
        self.before = b"first" if is_taken else None
        self.acknowledged = self.signals = self.kills = 0
        self.is_stored = self.cancels = self.is_cancelled = self.is_refused = False
        self.is_told = is_told
        # once the file is there, or cannot be any more
        self.settled: list[bytes | None] = []
        self.may_store = overwrite or not is_taken
        app, storage = self.worker(self.store)
        with app.test_request_context():
            if is_taken:
                storage.write(NAME, b"first")
            url = storage.resumable_url(NAME, expires=60, unique=False, overwrite=overwrite).url
            self.token = Upload.begin(url.rpartition("/")[2], length=LENGTH if is_told else None).token

    def open_store(self, size: int) -> Any:
        return GenericStore(MemoryFS())

    def stepped(self, gate: Any) -> Any:
        """Return the store as a worker has it, which goes through a gate before each request."""
        return Stepped(self.store, gate)

    def worker(self, store: Any) -> tuple[flask.Flask, fs.Storage]:
        app, storage = flask.Flask("tests"), fs.Storage("files", fs.ALL)
        app.config.update(SECRET_KEY="secret", FILES_FS_BACKEND="memory")
        fs.init_app(app, storage)
        storage.last_state.backend._store = store
        return app, storage

    def start(self, act: Any) -> Operation:
        def count(sender: Any, filename: str) -> None:
            self.signals += 1

        def run(gate: Any) -> Any:
            app, storage = self.worker(self.stepped(gate))
            with app.app_context(), file_uploaded.connected_to(count, storage):
                return act(Upload.opened(self.token))

        operation = Operation(run)
        self.running.append((operation, self.acknowledged, act))
        return operation

    has_room = precondition(lambda self: len(self.running) < WORKERS)
    is_busy = precondition(lambda self: self.running)

    @has_room
    @rule(
        # mostly where it is to go on
        ahead=st.sampled_from([0, 0, 0, -1, 1, -LENGTH]),
        count=st.integers(0, LENGTH),
        breaks=st.booleans(),
        is_other=st.booleans(),
    )
    def append(self, ahead: int, count: int, breaks: bool, is_other: bool) -> None:
        offset = max(self.acknowledged + ahead, 0)
        content = DATA[offset : offset + count].upper() if is_other else DATA[offset : offset + count]
        stream, length = (Breaking if breaks else io.BytesIO)(content), None if self.is_told else LENGTH
        self.start(lambda upload: upload.append(stream, offset, length=length))

    @has_room
    @rule()
    def send_all(self) -> None:
        offset = self.acknowledged
        self.start(lambda upload: upload.append(io.BytesIO(DATA[offset:]), offset, is_last=True))

    @has_room
    @rule()
    def look(self) -> None:
        self.start(Upload.status)

    @has_room
    @rule(sure=st.integers(0, 3))
    def cancel(self, sure: int = 3) -> None:
        # else most uploads end so
        if sure == 3:
            self.cancels = True
            self.start(Upload.cancel)

    @is_busy
    @rule(number=st.integers(0, WORKERS - 1), steps=st.integers(1, 6))
    def step(self, number: int, steps: int) -> None:
        self.advance(self.running[number % len(self.running)], steps)

    @is_busy
    @rule(number=st.integers(0, WORKERS - 1))
    def finish(self, number: int) -> None:
        self.advance(self.running[number % len(self.running)], MANY)

    @is_busy
    @rule(number=st.integers(0, WORKERS - 1))
    def kill(self, number: int) -> None:
        running = self.running[number % len(self.running)]
        running[0].kill()
        self.kills += 1
        self.running.remove(running)

    def advance(self, running: tuple[Operation, int, Any], steps: int) -> None:
        """Let a worker go on, for so many requests, if it is not done."""
        while steps and not running[0].is_done and not running[0].is_killed:
            running[0].step()
            steps -= 1
            self.nothing_is_lost()
            if running[0].is_done:
                self.end(running)

    def end(self, running: tuple[Operation, int, Any]) -> None:
        """Judge the answer to a request."""
        self.running.remove(running)
        operation, before, act = running
        self.last = operation
        error, status = operation.error, operation.result
        if isinstance(error, WrongOffset):
            status, error = error.status, None
        if isinstance(error, fs.FileExists):
            assert not self.may_store
            self.is_refused = True
        elif isinstance(error, Ended):
            assert self.cancels or (act == Upload.cancel and self.is_refused)
        elif error is not None:
            assert isinstance(error, (Broken, Busy)), error
        elif isinstance(status, Status):
            assert status.offset >= before
            self.acknowledged = max(self.acknowledged, status.offset)
            if status.stored is not None:
                assert self.may_store
                assert (status.stored, status.offset, status.length) == (NAME, LENGTH, LENGTH)
                self.is_stored = True
                self.settled.append(self.content())
        else:
            self.is_cancelled = True
            self.settled.append(self.content())

    def listed(self) -> set[str]:
        return set(self.store.iter_files(""))

    def content(self) -> bytes | None:
        return self.store.read_file(NAME) if self.store.has_file(NAME) else None

    @invariant()
    def nothing_is_lost(self) -> None:
        content = self.content()
        assert content == self.before or (self.may_store and content.lower() == DATA)
        assert self.listed() <= {NAME}
        if self.is_stored:
            assert content.lower() == DATA
            assert self.signals
        assert set(self.settled) <= {content}

    def teardown(self) -> None:
        if not hasattr(self, "token"):
            return
        try:
            while self.running:
                self.finish(0)
                self.nothing_is_lost()
            # a client that does not give up
            while not (self.is_stored or self.cancels or self.is_refused):
                self.send_all()
                self.finish(0)
            self.look()
            self.finish(0)
            self.nothing_is_lost()
            self.nothing_is_left()
        finally:
            self.patch.undo()

    def nothing_is_left(self) -> None:
        kept = {path.split("/", 3)[3] for path in self.store.iter_files(Reserved(f"{UPLOADS}/"))}
        if self.is_cancelled or (self.is_refused and not self.cancels):
            # a lease that was taken after that is swept with the rest
            assert kept <= {"ended", "done"} or (self.is_cancelled and "open/lease" in kept and self.kills)
        elif self.is_stored and not self.cancels:
            assert kept == {"done"}


def test_any_order_of_the_requests_of_workers(soak):
    examples, steps = (2000, 60) if soak else (30, 30)
    run_state_machine_as_test(Workers, settings=settings(max_examples=examples, stateful_step_count=steps))


def send_other(workers):
    workers.append(0, LENGTH, False, True)


def send_half(workers):
    workers.append(0, 4, True, True)


BEGINNINGS: dict[str, dict[str, Any]] = {
    "new": {},
    "taken": {"is_taken": True},
    "replaced": {"is_taken": True, "overwrite": True},
    "deferred": {"is_told": False},
    # a file of one piece
    "whole": {"size": LENGTH},
    "whole replaced": {"size": LENGTH, "is_taken": True, "overwrite": True},
}
OTHERS = {"other": send_other, "half": send_half, "cancel": Workers.cancel, "look": Workers.look}


#: One in so many cases is tried, with --soak and without.
SHARES = {True: 10, False: 397}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_two_workers_at_each_of_their_requests(beginning, other, soak):
    """The first one stops at each of its requests until the second one has made so many; then it goes on, and dies."""
    workers = begun(beginning)
    workers.send_all()
    workers.advance(workers.running[0], MANY)
    requests = range(workers.last.steps + 1)
    workers.teardown()
    # the second one may have to wait, and looks again then
    cases = list(itertools.product(requests, range(len(requests) + 3), requests))
    # other cases for each of the parameters
    start = (list(OTHERS).index(other) * len(BEGINNINGS) + list(BEGINNINGS).index(beginning)) % SHARES[soak]
    for first, second, third in cases[start :: SHARES[soak]]:
        workers = begun(beginning)
        try:
            workers.send_all()
            ours = workers.running[0]
            workers.advance(ours, first)
            OTHERS[other](workers)
            workers.advance(workers.running[-1], second)
            workers.advance(ours, third)
            if not ours[0].is_done:
                workers.kill(0)
        finally:
            workers.teardown()


def begun(beginning):
    workers = Workers()
    workers.begin(**BEGINNINGS[beginning])
    return workers
