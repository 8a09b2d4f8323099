"""Workers that are killed, or late, while they have to do with pieces that become segments of Swift."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from killing import Killed, Killing
from swift_pieces import DATA, REQUESTS, SIZE, append, start, swept

from flask_pyfs import unfinished
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift import upload as swift_upload
from flask_pyfs.filesystems.swift.account import Account
from flask_pyfs.filesystems.swift.joins import Joins
from flask_pyfs.leases import held as leases
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.unfinished import Ended

pytestmark = pytest.mark.server


@pytest.fixture
def mortal(monkeypatch):
    """Workers that are killed say so by their silence."""
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.05)
    monkeypatch.setattr(SwiftFS, "settling", 0.01)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("is_sent", [False, True])
def test_a_worker_is_killed_at_each_request_to_swift(swift_storage, bucket, begin, overwrite, is_sent, mortal, soak):
    last, is_done, step = 1 + 4 * overwrite + 8 * is_sent, False, 1 if soak else 23
    names = []
    while not is_done:
        names.append(f"{last}.bin")
        if overwrite:
            swift_storage.write(names[-1], DATA * 2)
        upload = start(swift_storage, begin, names[-1], overwrite=overwrite)
        with pytest.MonkeyPatch.context() as patch:
            killing = Killing(patch, last, is_sent=is_sent, requests=REQUESTS)
            with suppress(Killed):
                append(upload, 0, 256)
            is_done = killing.left > 0
        status = upload.status()
        if status.stored is None:
            status = append(upload, status.offset, 256)
        assert (status.stored, swift_storage.read(names[-1])) == (names[-1], DATA)
        last += step
    swept(swift_storage)
    assert set().union(*(bucket.of(f"in/side/{name}") for name in names)) == bucket.segments()
    assert [swift_storage.read(name) for name in names] == [DATA] * len(names)
    for name in names:
        swift_storage.delete(name)
    assert bucket.segments() == set()


@pytest.mark.parametrize("is_sent", [False, True])
def test_one_is_killed_that_removes_the_file_or_cancels_the_upload(swift_storage, bucket, begin, is_sent, mortal, soak):
    for act in ("delete", "cancel"):
        last, is_done, step = 1 + 4 * is_sent, False, 1 if soak else 13
        while not is_done:
            name = f"{act}-{last}.bin"
            upload = start(swift_storage, begin, name)
            append(upload, 0, 256 if act == "delete" else 200)
            with pytest.MonkeyPatch.context() as patch:
                killing = Killing(patch, last, is_sent=is_sent, requests=REQUESTS)
                with suppress(Killed):
                    swift_storage.delete(name) if act == "delete" else Upload.opened(upload.token).cancel()
                is_done = killing.left > 0
            if swift_storage.exists(name):
                assert swift_storage.read(name) == DATA
                swift_storage.delete(name)
            last += step
    swept(swift_storage)
    assert bucket.segments() == set()


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("act", ["finish", "cancel"])
def test_one_looks_while_another_ends_the_upload(swift_storage, begin, number, act, mortal, monkeypatch):
    upload, real, requests = start(swift_storage, begin), Account.request, itertools.count(1)
    append(upload, 0, 200)

    def request(account, *arguments, **options):
        if next(requests) == number:
            append(upload, 200, 256) if act == "finish" else Upload.opened(upload.token).cancel()
        return real(account, *arguments, **options)

    monkeypatch.setattr(Account, "request", request)
    if act == "finish":
        assert upload.status().stored == "a.bin"
    else:
        with pytest.raises(Ended):
            upload.status()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_workers_make_the_file_of_the_same_pieces(
    swift_storage, bucket, begin, when, overwrite, mortal, monkeypatch
):
    if overwrite:
        swift_storage.write("a.bin", DATA * 2)
    # all are segments: one that is read would be missed
    upload = start(swift_storage, begin, overwrite=overwrite, length=2 * SIZE)
    found, real = [], Joins.join

    def join(*arguments, **options):
        if found:
            return real(*arguments, **options)
        found.append(None)
        stored = real(*arguments, **options) if when == "after" else None
        found.append(Upload.opened(upload.token).status().stored)
        return stored or real(*arguments, **options)

    monkeypatch.setattr(Joins, "join", join)
    assert append(upload, 0, 2 * SIZE).stored == found[1] == "a.bin"
    assert swift_storage.read("a.bin") == DATA[: 2 * SIZE]
    swept(swift_storage)
    assert (swift_storage.read("a.bin"), bucket.segments()) == (DATA[: 2 * SIZE], bucket.of("in/side/a.bin"))


@pytest.mark.parametrize("most", [2, 1000])
def test_one_that_makes_the_file_when_it_was_deleted_fails(swift_storage, bucket, begin, most, mortal, monkeypatch):
    monkeypatch.setattr(swift_upload, "_IN_MANIFEST", most)
    upload, real, joins = start(swift_storage, begin, length=3 * SIZE), Joins.join, itertools.count()

    def join(*arguments, **options):
        if next(joins) == 0:
            # another takes it for dead, and the file that it makes is removed before this one goes on
            assert Upload.opened(upload.token).status().stored == "a.bin"
            swift_storage.delete("a.bin")
        return real(*arguments, **options)

    monkeypatch.setattr(Joins, "join", join)
    assert append(upload, 0, 3 * SIZE, DATA * 2).stored == "a.bin"
    assert (swift_storage.exists("a.bin"), bucket.segments()) == (False, set())


def test_an_upload_has_ended_whose_file_was_deleted_before_it_was_known(
    swift_storage, bucket, begin, mortal, monkeypatch
):
    upload, real = start(swift_storage, begin), Joins.join

    def kill(*arguments, **options):
        real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Joins, "join", kill)
        with pytest.raises(Killed):
            append(upload, 0, 256)
    swift_storage.delete("a.bin")
    # not one that has no bytes yet: nothing would come of those that are sent again
    with pytest.raises(Ended):
        upload.status()
    assert swept(swift_storage) == 1
    assert bucket.segments() == set()


def test_pieces_stay_that_a_request_of_a_killed_worker_may_still_join(
    swift_storage, bucket, begin, mortal, monkeypatch
):
    upload, late = start(swift_storage, begin), []

    def kill(*arguments, **options):
        late.append((arguments, options))
        raise Killed

    with monkeypatch.context() as patch:
        real = Joins.join
        patch.setattr(Joins, "join", kill)
        with pytest.raises(Killed):
            append(upload, 0, 256)
    upload.cancel()
    with pytest.raises(Ended):
        upload.status()
    assert not swift_storage.exists("a.bin")
    # Swift carries it out now
    real(*late[0][0], **late[0][1])
    assert swift_storage.read("a.bin") == DATA
    assert swept(swift_storage) == 1
    assert (swift_storage.read("a.bin"), bucket.segments()) == (DATA, bucket.of("in/side/a.bin"))
    swift_storage.delete("a.bin")
    assert bucket.segments() == set()
