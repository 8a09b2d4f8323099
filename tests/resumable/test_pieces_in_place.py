"""The pieces of uploads to Swift, which become the segments of the file where they lie."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import sys
import uuid
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fs import errors
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from opened import open_files
from servers.faults import FaultProxy
from test_workers import NAME, OTHERS, Workers

# packages of the drivers have the names of this directory
sys.path.append(str(Path(__file__).parents[1] / "swift"))

from containers import bare_connection
from counting_requests import Sent, requests_in
from places import make_place
from swiftclient.client import ClientException

import flask_pyfs as fs
from flask_pyfs import unfinished
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift.account import Account
from flask_pyfs.leases import held as leases
from flask_pyfs.names import Reserved
from flask_pyfs.resumable.outcomes import ChecksumMismatch
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.unfinished import Ended

pytestmark = pytest.mark.server

SIZE = 100
DATA = bytes(range(256))


def small_pieces(store):
    """Let pieces of so many bytes become segments; shorter ones are read, and sent again."""
    store.piece_size = store.part_size = SIZE


class Bucket:
    """What Swift itself says of a container."""

    def __init__(self, place, container):
        self.connection, self.container = bare_connection(place), container

    def segments(self):
        """The names of all objects in the container of segments."""
        try:
            listed = self.connection.get_container(f"{self.container}_segments", full_listing=True)[1]
        except ClientException as error:
            if error.http_status != 404:
                raise
            listed = []
        return {each["name"] for each in listed}

    def of(self, key):
        """The names of the segments of an object."""
        headers, body = self.connection.get_object(self.container, key, query_string="multipart-manifest=get")
        listed = json.loads(body) if "x-static-large-object" in headers else []
        return {each["name"].split("/", 2)[2] for each in listed}


@pytest.fixture
def storage(open_storage):
    storage = open_storage("swift", PREFIX="in/side")
    small_pieces(storage.backend.store)
    return storage


@pytest.fixture
def bucket(storage, swift_place):
    bucket = Bucket(swift_place, storage.backend.config["container"])
    with closing(bucket.connection):
        yield bucket


def append(upload, start, stop, data=DATA):
    return Upload.opened(upload.token).append(io.BytesIO(data[start:stop]), start)


def start(storage, begin, name="a.bin", *, length=256, **terms):
    return begin(storage, name, unique=False, length=length, **terms)


def swept(storage):
    """Remove all that is left of uploads."""
    storage.backend.config["upload_lifetime"] = -3600
    return storage.backend.remove_leftovers(-60)


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_file_consists_of_the_pieces(storage, bucket, begin, overwrite):
    if overwrite:
        storage.write("a.bin", DATA * 2)
    upload = start(storage, begin, overwrite=overwrite)
    append(upload, 0, 210)
    pieces = bucket.segments() - (bucket.of("in/side/a.bin") if overwrite else set())
    assert len(pieces) == 3
    status = append(upload, 210, 256)
    assert (status.stored.size, storage.read("a.bin")) == (256, DATA)
    assert status.stored.version == storage.version("a.bin")
    # what has fewer bytes than Swift likes is read, and sent as one
    assert len(pieces & bucket.of("in/side/a.bin")) == 2
    assert bucket.segments() == bucket.of("in/side/a.bin")
    # what comes later finds them as those of any file
    assert swept(storage) == 1
    storage.copy("a.bin", "b.bin")
    storage.move("a.bin", "c.bin")
    assert (storage.read("b.bin"), storage.read("c.bin"), bucket.segments()) == (DATA, DATA, set())


@pytest.mark.parametrize("ending", ["delete", "replace", "again"])
def test_the_pieces_go_with_the_file(storage, bucket, begin, ending):
    append(start(storage, begin), 0, 256)
    if ending == "delete":
        storage.delete("a.bin")
    elif ending == "replace":
        storage.write("a.bin", b"small", overwrite=True)
    else:
        append(start(storage, begin, overwrite=True), 0, 256, DATA[::-1])
        assert storage.read("a.bin") == DATA[::-1]
        assert bucket.segments() == bucket.of("in/side/a.bin")
        storage.delete("a.bin")
    assert bucket.segments() == set()


def test_what_the_file_does_not_need_is_removed(storage, bucket, begin):
    upload = start(storage, begin)
    append(upload, 0, 150)
    small, middle = (io.BytesIO(DATA[150:200]) for _ in range(2))

    class Other(io.BytesIO):
        def readinto(self, buffer):
            # another worker takes the same bytes
            Upload.opened(upload.token).append(small, 150) if not small.tell() else None
            return super().readinto(buffer)

    Upload.opened(upload.token).append(Other(middle.getvalue()), 150)
    wrong = ("sha256", hashlib.sha256(b"").digest())
    with pytest.raises(ChecksumMismatch):
        upload.append(io.BytesIO(DATA[200:]), 200, checksum=wrong)
    append(upload, 200, 256)
    assert storage.read("a.bin") == DATA
    assert bucket.segments() == bucket.of("in/side/a.bin")
    storage.delete("a.bin")
    assert bucket.segments() == set()


def test_a_checksum_of_several_pieces(storage, bucket, begin):
    upload = start(storage, begin)
    status = upload.append(io.BytesIO(DATA), 0, checksum=("sha256", hashlib.sha256(DATA).digest()))
    assert storage.read(status.stored) == DATA
    assert bucket.segments() == bucket.of("in/side/a.bin")


@pytest.mark.parametrize("reason", ["taken", "cancelled", "filter"])
def test_nothing_is_left_of_what_does_not_become_a_file(storage, bucket, begin, reason):
    name = "a.bin"
    upload = start(storage, begin, name)
    append(upload, 0, 200)
    assert len(bucket.segments()) == 2
    if reason == "cancelled":
        upload.cancel()
    else:
        if reason == "taken":
            storage.write("a.bin", b"theirs")
        else:
            storage.extensions = ("txt",)
        with pytest.raises(fs.FSError):
            append(upload, 200, 256)
    with pytest.raises((Ended, fs.FSError)):
        upload.status()
    assert bucket.segments() == set()
    assert list(storage.list_files()) == ["a.bin"] * (reason == "taken")


def test_the_content_is_checked_before_it_is_the_file(open_storage, begin):
    storage = open_storage("swift", VERIFY=True)
    small_pieces(storage.backend.store)
    upload = begin(storage, "a.pdf", unique=False, length=len(DATA))
    with pytest.raises(fs.UnauthorizedFileType):
        append(upload, 0, 256)
    assert not list(storage.list_files())


def test_small_files_and_long_names_have_pieces_like_others(storage, bucket, begin):
    long = "x" * 940
    for name, length in (("a.bin", SIZE), (long, len(DATA))):
        upload = begin(storage, name, unique=False, length=length)
        append(upload, 0, 50)
        found = [path for path in storage.backend.store.iter_files(Reserved(f"in/side/{UPLOADS}/")) if "/open/" in path]
        assert (len(found), bucket.segments()) == (1, set())
        upload.cancel()


def test_pieces_of_a_file_with_another_spelling_are_copied(storage, bucket, begin):
    # the file that has the name in another form is replaced
    storage.backend.store.put("in/side/e\u0301.bin", io.BytesIO(b"old"))
    upload = start(storage, begin, "\u00e9.bin", overwrite=True)
    status = append(upload, 0, 256)
    assert storage.read(status.stored) == DATA
    assert bucket.segments() == bucket.of("in/side/e\u0301.bin")
    assert all(name.startswith("in/side/e\u0301.bin/") for name in bucket.segments())


def test_nothing_but_what_is_old_and_no_file_s_is_swept(storage, bucket, begin, monkeypatch):
    leftovers = storage.backend.remove_leftovers
    begun = start(storage, begin, "begun.bin")
    append(begun, 0, 200)
    append(start(storage, begin, "whole.bin"), 0, 256)
    other = storage.backend.store.for_upload(f"{UPLOADS}/x", "in/side/of-another", None)
    other.put(Reserved(f"{UPLOADS}/x/open/1.part"), io.BytesIO(b"theirs"))
    before = bucket.segments()
    assert leftovers(-60) == 0
    storage.backend.config["upload_lifetime"] = -3600
    # one that goes on, and the answer of the one that is done
    assert leftovers(-60, dry_run=True) == 2
    assert leftovers(3600) == 0
    assert bucket.segments() == before
    assert leftovers(-60) == 2
    assert bucket.segments() == bucket.of("in/side/whole.bin") | {
        name for name in before if name.startswith("in/side/of-another/")
    }
    assert leftovers(-60) == 0
    assert storage.backend.store.remove_uploads(-60) == 1
    assert bucket.segments() == bucket.of("in/side/whole.bin")


class Killed(BaseException):
    pass


class Killing:
    """Kills a worker at one of the requests that it sends, before it or after it, and at all that it sends later."""

    def __init__(self, patch, last, *, is_sent):
        self.left, real = last, Account.request

        def request(account, *arguments, **options):
            self.left -= 1
            if self.left < 0 or (self.left == 0 and not is_sent):
                raise Killed
            answer = real(account, *arguments, **options)
            if self.left == 0:
                raise Killed
            return answer

        patch.setattr(Account, "request", request)


@pytest.fixture
def mortal(monkeypatch):
    """Workers that are killed say so by their silence."""
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished, "SILENCE", 0.05)
    monkeypatch.setattr(SwiftFS, "settling", 0.01)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("is_sent", [False, True])
def test_a_worker_is_killed_at_each_request_to_swift(storage, bucket, begin, overwrite, is_sent, mortal, soak):
    last, is_done, step = 1 + overwrite + 2 * is_sent, False, 1 if soak else 5
    names = []
    while not is_done:
        names.append(f"{last}.bin")
        if overwrite:
            storage.write(names[-1], DATA * 2)
        upload = start(storage, begin, names[-1], overwrite=overwrite)
        with pytest.MonkeyPatch.context() as patch:
            killing = Killing(patch, last, is_sent=is_sent)
            with suppress(Killed):
                append(upload, 0, 256)
            is_done = killing.left > 0
        status = upload.status()
        if status.stored is None:
            status = append(upload, status.offset, 256)
        assert (status.stored, storage.read(names[-1])) == (names[-1], DATA)
        last += step
    swept(storage)
    assert set().union(*(bucket.of(f"in/side/{name}") for name in names)) == bucket.segments()
    assert [storage.read(name) for name in names] == [DATA] * len(names)
    for name in names:
        storage.delete(name)
    assert bucket.segments() == set()


@pytest.mark.parametrize("is_sent", [False, True])
def test_one_is_killed_that_removes_the_file_or_cancels_the_upload(storage, bucket, begin, is_sent, mortal, soak):
    for act in ("delete", "cancel"):
        last, is_done, step = 1 + is_sent, False, 1 if soak else 3
        while not is_done:
            name = f"{act}-{last}.bin"
            upload = start(storage, begin, name)
            append(upload, 0, 256 if act == "delete" else 200)
            with pytest.MonkeyPatch.context() as patch:
                killing = Killing(patch, last, is_sent=is_sent)
                with suppress(Killed):
                    storage.delete(name) if act == "delete" else Upload.opened(upload.token).cancel()
                is_done = killing.left > 0
            if storage.exists(name):
                assert storage.read(name) == DATA
                storage.delete(name)
            last += step
    swept(storage)
    assert bucket.segments() == set()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_workers_make_the_file_of_the_same_pieces(storage, bucket, begin, when, overwrite, mortal, monkeypatch):
    if overwrite:
        storage.write("a.bin", DATA * 2)
    # all are segments: one that is read would be missed
    upload = start(storage, begin, overwrite=overwrite, length=2 * SIZE)
    found, real = [], SwiftFS._join

    def join(*arguments, **options):
        if found:
            return real(*arguments, **options)
        found.append(None)
        stored = real(*arguments, **options) if when == "after" else None
        found.append(Upload.opened(upload.token).status().stored)
        return stored or real(*arguments, **options)

    monkeypatch.setattr(SwiftFS, "_join", join)
    assert append(upload, 0, 2 * SIZE).stored == found[1] == "a.bin"
    assert storage.read("a.bin") == DATA[: 2 * SIZE]
    swept(storage)
    assert (storage.read("a.bin"), bucket.segments()) == (DATA[: 2 * SIZE], bucket.of("in/side/a.bin"))


def test_one_that_makes_the_file_when_it_was_deleted_fails(storage, bucket, begin, mortal, monkeypatch):
    upload, real, joins = start(storage, begin, length=2 * SIZE), SwiftFS._join, itertools.count()

    def join(*arguments, **options):
        if next(joins) == 0:
            # another takes it for dead, and the file that it makes is removed before this one goes on
            assert Upload.opened(upload.token).status().stored == "a.bin"
            storage.delete("a.bin")
        return real(*arguments, **options)

    monkeypatch.setattr(SwiftFS, "_join", join)
    assert append(upload, 0, 2 * SIZE).stored == "a.bin"
    assert (storage.exists("a.bin"), bucket.segments()) == (False, set())


def test_pieces_stay_that_a_request_of_a_killed_worker_may_still_join(storage, bucket, begin, mortal, monkeypatch):
    upload, late = start(storage, begin), []

    def kill(*arguments, **options):
        late.append((arguments, options))
        raise Killed

    with monkeypatch.context() as patch:
        real = SwiftFS._join
        patch.setattr(SwiftFS, "_join", kill)
        with pytest.raises(Killed):
            append(upload, 0, 256)
    upload.cancel()
    with pytest.raises(Ended):
        upload.status()
    assert not storage.exists("a.bin")
    # Swift carries it out now
    real(*late[0][0], **late[0][1])
    assert storage.read("a.bin") == DATA
    assert swept(storage) == 1
    assert (storage.read("a.bin"), bucket.segments()) == (DATA, bucket.of("in/side/a.bin"))
    storage.delete("a.bin")
    assert bucket.segments() == set()


def test_an_upload_goes_on_while_the_storage_moves(storage, bucket, begin, tmp_path, swift_place):
    upload = start(storage, begin)
    append(upload, 0, 150)
    app, moving = open_files(
        {
            "BACKEND": "migrating",
            "SOURCE": "swift",
            "SOURCE_PREFIX": "in/side",
            "SOURCE_AUTHURL": swift_place.auth_url,
            "SOURCE_USER": swift_place.user,
            "SOURCE_KEY": swift_place.key,
            "SOURCE_AUTH_VERSION": "1",
            "SOURCE_CONTAINER": bucket.container,
            "TARGET": "local",
            "TARGET_ROOT": str(tmp_path / "target"),
        },
        tmp_path,
    )
    with app.test_request_context():
        small_pieces(moving.backend.store.source.whole)
        assert Upload.opened(upload.token).status().offset == 150
        append(upload, 150, 200)
        status = append(upload, 200, 256)
        assert (status.stored, moving.read("a.bin")) == ("a.bin", DATA)
        assert bucket.segments() == set()


def test_the_requests_of_an_upload_to_swift(swift_place, request, tmp_path, begin):
    address = urlsplit(swift_place.auth_url)
    with FaultProxy(address.hostname, address.port) as proxy, make_place("swift", request) as place:
        app, storage = open_files({**place, "AUTHURL": proxy.url + address.path}, tmp_path)
        with app.test_request_context():
            small_pieces(storage.backend.store)
            append(start(storage, begin, "warm.bin"), 0, 256)
            upload = start(storage, begin)
            proxy.reset()
            append(upload, 0, 200)
            look = [Sent("GET", "container"), Sent("GET", "container", True)]
            piece = Sent("PUT", "object", True)
            assert requests_in(proxy.requests) == [*look, piece, piece, *look]
            proxy.reset()
            append(upload, 200, 256)
            sent = Counter(requests_in(proxy.requests))
            proxy.reset()
            upload.status()
            assert requests_in(proxy.requests) == [*look, Sent("GET", "object")]
    assert sent == {
        # two looks, and what is to be removed
        Sent("GET", "container"): 3,
        Sent("GET", "container", True): 3,
        # the last piece, which is short: it is read, and sent again as a segment
        Sent("PUT", "object", True): 2,
        Sent("GET", "object", True): 1,
        # the lease, that somebody has begun, the manifest, and what the upload has become
        Sent("PUT", "object"): 4,
        # whether the lease is ours; the manifest
        Sent("GET", "object"): 2,
        # whether the name is free; the new object, twice; what is replaced, and what is deleted
        Sent("HEAD", "object"): 5,
        # the last piece; the rest
        Sent("DELETE", "object", True): 1,
        Sent("POST", "account"): 1,
    }


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
        store.piece_size, store.part_size = self.size, 2
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
    examples, steps = (300, 60) if soak else (4, 25)
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
    share = 197 if soak else 46000
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
