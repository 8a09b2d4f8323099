"""The pieces of uploads to Swift, which become the segments of the file where they lie."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from counting_requests import Sent, requests_in
from opened import open_files
from places import make_place
from servers.faults import FaultProxy
from swift_pieces import DATA, SIZE, append, small_pieces, start, swept

import flask_pyfs as fs
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift import upload as swift_upload
from flask_pyfs.names import Reserved
from flask_pyfs.resumable.outcomes import ChecksumMismatch
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.unfinished import Ended

pytestmark = pytest.mark.server

MIB = 1024 * 1024


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_file_consists_of_the_pieces(swift_storage, bucket, begin, overwrite):
    if overwrite:
        swift_storage.write("a.bin", DATA * 2)
    upload = start(swift_storage, begin, overwrite=overwrite)
    append(upload, 0, 210)
    pieces = bucket.segments() - (bucket.of("in/side/a.bin") if overwrite else set())
    assert len(pieces) == 3
    status = append(upload, 210, 256)
    assert (status.stored.size, swift_storage.read("a.bin")) == (256, DATA)
    assert status.stored.version == swift_storage.version("a.bin")
    # what has fewer bytes than Swift likes is read, and sent as one
    assert len(pieces & bucket.of("in/side/a.bin")) == 2
    assert bucket.segments() == bucket.of("in/side/a.bin")
    # what comes later finds them as those of any file
    assert swept(swift_storage) == 1
    swift_storage.copy("a.bin", "b.bin")
    swift_storage.move("a.bin", "c.bin")
    assert (swift_storage.read("b.bin"), swift_storage.read("c.bin"), bucket.segments()) == (DATA, DATA, set())


@pytest.mark.parametrize("ending", ["delete", "replace", "again"])
def test_the_pieces_go_with_the_file(swift_storage, bucket, begin, ending):
    append(start(swift_storage, begin), 0, 256)
    if ending == "delete":
        swift_storage.delete("a.bin")
    elif ending == "replace":
        swift_storage.write("a.bin", b"small", overwrite=True)
    else:
        append(start(swift_storage, begin, overwrite=True), 0, 256, DATA[::-1])
        assert swift_storage.read("a.bin") == DATA[::-1]
        assert bucket.segments() == bucket.of("in/side/a.bin")
        swift_storage.delete("a.bin")
    assert bucket.segments() == set()


def test_what_the_file_does_not_need_is_removed(swift_storage, bucket, begin):
    upload = start(swift_storage, begin)
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
    assert swift_storage.read("a.bin") == DATA
    assert bucket.segments() == bucket.of("in/side/a.bin")
    swift_storage.delete("a.bin")
    assert bucket.segments() == set()


def test_a_checksum_of_several_pieces(swift_storage, bucket, begin):
    upload = start(swift_storage, begin)
    status = upload.append(io.BytesIO(DATA), 0, checksum=("sha256", hashlib.sha256(DATA).digest()))
    assert swift_storage.read(status.stored) == DATA
    assert bucket.segments() == bucket.of("in/side/a.bin")


@pytest.mark.parametrize("reason", ["taken", "cancelled", "filter"])
def test_nothing_is_left_of_what_does_not_become_a_file(swift_storage, bucket, begin, reason):
    name = "a.bin"
    upload = start(swift_storage, begin, name)
    append(upload, 0, 200)
    assert len(bucket.segments()) == 2
    if reason == "cancelled":
        upload.cancel()
    else:
        if reason == "taken":
            swift_storage.write("a.bin", b"theirs")
        else:
            swift_storage.extensions = ("txt",)
        with pytest.raises(fs.FSError):
            append(upload, 200, 256)
    with pytest.raises((Ended, fs.FSError)):
        upload.status()
    assert bucket.segments() == set()
    assert list(swift_storage.list_files()) == ["a.bin"] * (reason == "taken")


def test_the_content_is_checked_before_it_is_the_file(open_storage, begin):
    storage = open_storage("swift", VERIFY=True)
    small_pieces(storage.backend.store)
    upload = begin(storage, "a.pdf", unique=False, length=len(DATA))
    with pytest.raises(fs.UnauthorizedFileType):
        append(upload, 0, 256)
    assert not list(storage.list_files())


def test_small_files_and_long_names_have_pieces_like_others(swift_storage, bucket, begin):
    long = "x" * 940
    for name, length in (("a.bin", SIZE), (long, len(DATA))):
        upload = begin(swift_storage, name, unique=False, length=length)
        append(upload, 0, 50)
        found = [
            path for path in swift_storage.backend.store.iter_files(Reserved(f"in/side/{UPLOADS}/")) if "/open/" in path
        ]
        assert (len(found), bucket.segments()) == (1, set())
        upload.cancel()


@pytest.mark.parametrize(
    "name",
    [
        "x/\u00fc %25 ?#&;=+.bin",
        "\u65e5\u672c/\u00e9" + "x" * 900,
        # looks like a piece of an upload of the file a
        "a/flask-pyfs/upload-8-0123/open/x.part",
    ],
    ids=["odd", "long", "piece"],
)
def test_the_name_of_the_file_is_any(swift_storage, bucket, begin, name):
    upload = start(swift_storage, begin, name)
    append(upload, 0, 200)
    append(upload, 200, 256)
    before = bucket.segments()
    assert before == bucket.of(f"in/side/{name}")
    swept(swift_storage)
    assert (swift_storage.read(name), bucket.segments()) == (DATA, before)
    swift_storage.delete(name)
    assert bucket.segments() == set()


def test_more_pieces_than_a_manifest_lists(swift_storage, bucket, begin, monkeypatch):
    monkeypatch.setattr(swift_upload, "_IN_MANIFEST", 2)
    for content in (DATA * 2, DATA[::-1] * 2):
        append(start(swift_storage, begin, length=512, overwrite=True), 0, 512, content)
        assert swift_storage.read("a.bin") == content
        assert bucket.segments() == bucket.of("in/side/a.bin")
    swept(swift_storage)
    assert bucket.segments() == bucket.of("in/side/a.bin")
    swift_storage.delete("a.bin")
    assert bucket.segments() == set()


@pytest.mark.parametrize("length", [None, 2 * MIB, 16 * MIB])
def test_workers_with_another_segment_size_find_the_pieces(swift_place, length):
    login = (swift_place.auth_url, swift_place.user, swift_place.key)
    stores = [SwiftFS("container", *login, segment_size=size) for size in (MIB, 1024 * MIB)]
    assert len({store.for_upload(f"{UPLOADS}/x", "a.bin", length).joins_in_place for store in stores}) == 1


def test_pieces_of_a_file_with_another_spelling_are_copied(swift_storage, bucket, begin):
    # the file that has the name in another form is replaced
    swift_storage.backend.store.put("in/side/e\u0301.bin", io.BytesIO(b"old"))
    upload = start(swift_storage, begin, "\u00e9.bin", overwrite=True)
    status = append(upload, 0, 256)
    assert swift_storage.read(status.stored) == DATA
    assert bucket.segments() == bucket.of("in/side/e\u0301.bin")
    assert all(name.startswith("in/side/e\u0301.bin/") for name in bucket.segments())


def test_nothing_but_what_is_old_and_no_file_s_is_swept(swift_storage, bucket, begin, monkeypatch):
    leftovers = swift_storage.backend.remove_leftovers
    begun = start(swift_storage, begin, "begun.bin")
    append(begun, 0, 200)
    append(start(swift_storage, begin, "whole.bin"), 0, 256)
    other = swift_storage.backend.store.for_upload(f"{UPLOADS}/x", "in/side/of-another", None)
    other.put(Reserved(f"{UPLOADS}/x/open/1.part"), io.BytesIO(b"theirs"))
    before = bucket.segments()
    assert leftovers(-60) == 0
    swift_storage.backend.config["upload_lifetime"] = -3600
    # one that goes on, and the answer of the one that is done
    assert leftovers(-60, dry_run=True) == 2
    assert leftovers(3600) == 0
    assert bucket.segments() == before
    assert leftovers(-60) == 2
    assert bucket.segments() == bucket.of("in/side/whole.bin") | {
        name for name in before if name.startswith("in/side/of-another/")
    }
    assert leftovers(-60) == 0
    assert swift_storage.backend.store.remove_uploads(-60) == 1
    assert bucket.segments() == bucket.of("in/side/whole.bin")


def test_an_upload_goes_on_while_the_storage_moves(swift_storage, bucket, begin, tmp_path, swift_place):
    upload = start(swift_storage, begin)
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


@pytest.fixture
def encrypting(swift_storage, bucket, swift_place, tmp_path):
    """A function that lets the storage encrypt from now on; its block is within the app."""

    @contextmanager
    def encrypting(**settings):
        login = {"AUTHURL": swift_place.auth_url, "USER": swift_place.user, "KEY": swift_place.key}
        place = {"BACKEND": "swift", "CONTAINER": bucket.container, "PREFIX": "in/side", "AUTH_VERSION": "1", **login}
        keys = base64.b64encode(bytes(32)).decode()
        app, storage = open_files({**place, "ENCRYPTION_KEYS": keys, **settings}, tmp_path)
        with app.test_request_context():
            small_pieces(storage.backend.bare)
            yield storage

    return encrypting


AHEAD = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()


@pytest.mark.parametrize("reads_plain", [True, False])
def test_an_upload_while_the_storage_begins_to_encrypt(swift_storage, bucket, begin, encrypting, reads_plain):
    upload = start(swift_storage, begin)
    append(upload, 0, 150)
    with encrypting(**({"ENCRYPTION_READ_PLAIN": AHEAD} if reads_plain else {})) as storage:
        offset = Upload.opened(upload.token).status().offset
        # without, no piece can be read, and the client begins again
        assert offset == (150 if reads_plain else 0)
        append(upload, offset, 200)
        status = append(upload, 200, 256)
        assert (status.stored, storage.read("a.bin")) == ("a.bin", DATA)
        assert DATA not in storage.backend.bare.read_file("in/side/a.bin")
        swept(storage)
        assert storage.read("a.bin") == DATA
    assert bucket.segments() == set()


def test_pieces_stay_that_a_dead_worker_may_still_join(swift_storage, bucket, begin, encrypting):
    upload = start(swift_storage, begin)
    append(upload, 0, 200)
    # a worker that knows no encryption was killed
    assert upload._unfinished.write_begun(b"")
    pieces = bucket.segments()
    with encrypting(ENCRYPTION_READ_PLAIN=AHEAD) as storage:
        Upload.opened(upload.token).cancel()
        assert bucket.segments() == pieces != set()
        assert swept(storage) == 1
    assert bucket.segments() == set()


def test_an_upload_with_pieces_in_both_stores_is_swept_once(swift_place):
    login = (swift_place.auth_url, swift_place.user, swift_place.key)
    sides = [SwiftFS(f"{secrets.token_hex(8)}", *login, create_container=True) for _ in range(2)]
    directory = f"{UPLOADS}/0123"
    for number, side in enumerate(sides):
        piece = Reserved(f"{directory}/open/{number:016x}-0.part")
        side.for_upload(directory, "a.bin", None).put(piece, io.BytesIO(b"content"))
    store = MigratingFS(*sides)
    before = datetime.now(timezone.utc) + timedelta(minutes=1)
    assert [directory for directory, _, _ in store.iter_elsewhere("", before)] == [directory]
    assert store.remove_uploads(-60) == 1
    assert [list(side.iter_elsewhere("", before)) for side in sides] == [[], []]


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
            look = [Sent("GET", "container", True), Sent("GET", "container")]
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
