"""Copiers that are killed while an app writes and reads: nothing is lost, and nothing comes back."""

import random
from contextlib import ExitStack

import pytest
from busy import Busy, Files, assert_same, content_of
from killable import CONTEXT, end, start
from load import open_storage
from places import make_place
from two_stores import sides

from flask_pyfs.filesystems.migrating import copiers, journal
from flask_pyfs.migration import finish, status

pytestmark = [pytest.mark.server, pytest.mark.slow]


def complete(busy, storage, settings, kills, names):
    """Kill copiers, let one run to its end, and finish, while the app goes on.

    :param kills: how many are killed, two at a time.
    """
    for _ in range(0, kills, 2):
        for copier in [start(settings, random.randint(1, names)) for _ in range(2)]:
            # one may have nothing left to do
            end(copier)
        busy.check()
    told = CONTEXT.SimpleQueue()
    assert not end(start(settings, 0, told))
    assert told.get() == (0, [])
    assert finish(storage).finished
    assert status(storage).phase == "finished"
    busy.go_on(20)


@pytest.fixture
def hasty(monkeypatch):
    """Ends of migrations that wait as long as a killed copier of the tests may live."""
    monkeypatch.setattr(copiers, "EXPIRY", 1.0)
    monkeypatch.setattr(journal, "MAX_AGE", 0.5)


def test_forward_and_back(request, soak, tmp_path, hasty):
    forward_and_back(("local", "s3-moto"), request, tmp_path / "first", *((5000, 20, 0) if soak else (60, 2, 0.5)))
    if soak:
        forward_and_back(("gridfs", "local"), request, tmp_path / "second", 5000, 20, 0)


def forward_and_back(pair, request, tmp_path, count, kills, pause):
    """Move files from one store to another and finish, and then back to the first."""
    with ExitStack() as stack:
        first, second = (
            {"BACKEND": "local", "ROOT": str(tmp_path / "files")}
            if kind == "local"
            else stack.enter_context(make_place(kind, request))
            for kind in pair
        )
        there = {f"{number % 7}/{number:04}": content_of(str(number), 0, number % 20_000) for number in range(count)}
        old = open_storage(first)[0]
        for name, content in there.items():
            old.write(name, content)
        files = Files(there)

        settings = sides(first, second)
        storage = open_storage(settings)[0]
        with Busy(files, lambda: storage, pause=pause) as busy:
            complete(busy, storage, settings, kills, count // kills)
        assert min(busy.done, busy.reads) > 20
        new = open_storage(second)[0]
        assert_same(files, new)
        assert_same(files, storage)

        settings = sides(first, second, DIRECTION="back")
        storage = open_storage(settings)[0]
        with Busy(files, lambda: storage, pause=pause) as busy:
            complete(busy, storage, settings, kills, count // kills)
        assert_same(files, old)
        assert_same(files, storage)
        assert list(new.list_files()) == []
