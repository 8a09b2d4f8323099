"""Workers that take one upload to Swift at the same time, each of which stops at each of its requests."""

from __future__ import annotations

import itertools
import uuid
from contextlib import closing, suppress
from typing import Any

import pytest
from fs import errors
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from swift_pieces import Bucket
from test_workers import NAME, OTHERS, Workers

from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift.account import Account
from flask_pyfs.names import Reserved

pytestmark = pytest.mark.server


class Gated:
    """An account that goes through a gate before each request."""

    def __init__(self, account: Account, gate: Any) -> None:
        self._account, self._gate = account, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def request(self, *arguments: Any, **options: Any) -> Any:
        self._gate()
        return self._account.request(*arguments, **options)


class SwiftWorkers(Workers):
    """Workers that stop at each of their requests to Swift."""

    place: Any

    def open_store(self, size: int) -> SwiftFS:
        self.size = size
        self.container = f"container-{uuid.uuid4()}"
        return self.opened()

    def opened(self) -> SwiftFS:
        place = self.place
        store = SwiftFS(self.container, place.auth_url, place.user, place.key, create_container=True)
        # so all pieces are segments
        store.piece_size = store.small_upload = self.size
        store.part_size = 2
        return store

    def stepped(self, gate: Any) -> SwiftFS:
        store = self.opened()
        account = Gated(store._container.account, gate)
        store._container._accounts = store._segments._accounts = lambda: account  # type: ignore[assignment]
        # not known by another worker
        store._segments._seen = store._container._seen = float("inf")
        return store

    def content(self) -> bytes | None:
        # the requests of the test are most of all
        with suppress(errors.ResourceNotFound):
            return self.store.read_file(NAME)
        return None

    def listed(self) -> set[str]:
        return {NAME}

    def nothing_is_left(self) -> None:
        bucket = Bucket(self.place, self.container)
        with closing(bucket.connection):
            content = self.content()
            self.store.remove_uploads(-3600)
            self.store.remove_leftovers(-3600)
            assert list(self.store.iter_files(Reserved(f"{UPLOADS}/"))) == []
            assert self.content() == content
            if content is not None:
                self.store.delete_tree(NAME)
            assert bucket.segments() == set()


@pytest.fixture
def workers(swift_place, monkeypatch):
    monkeypatch.setattr(SwiftWorkers, "place", swift_place, raising=False)
    return SwiftWorkers


def test_any_order_of_the_requests_of_workers_to_swift(workers, soak):
    examples, steps = (300, 60) if soak else (1, 25)
    # no case is made smaller, which takes minutes
    phases = [Phase.generate]
    sizes = settings(max_examples=examples, stateful_step_count=steps, phases=phases, deadline=None)
    run_state_machine_as_test(workers, settings=sizes)


BEGINNINGS = {"new": {}, "replaced": {"is_taken": True, "overwrite": True}}

#: More requests than a worker makes that is alone, and one that another one is in the way of.
CASES = list(itertools.product(range(35), range(38), range(35)))


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_two_workers_at_each_of_their_requests_to_swift(workers, beginning, other, soak):
    number = list(OTHERS).index(other) * len(BEGINNINGS) + list(BEGINNINGS).index(beginning)
    share = 197 if soak else len(CASES)
    for first, second, third in CASES[(number * 5077) % share :: share]:
        made = workers()
        made.begin(**BEGINNINGS[beginning])
        try:
            made.send_all()
            ours = made.running[0]
            made.advance(ours, first)
            OTHERS[other](made)
            made.advance(made.running[-1], second)
            made.advance(ours, third)
            if not ours[0].is_done:
                made.kill(0)
        finally:
            made.teardown()
