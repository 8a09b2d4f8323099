"""How many requests each call costs. A count does not depend on the machine."""

import hashlib
import io
from itertools import islice
from urllib.parse import urlsplit

import pytest
from counting_requests import Sent, put_many, requests_in
from servers.faults import FaultProxy
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs

AUTH, INFO, BULK_DELETE = Sent("GET", "auth"), Sent("GET", "info"), Sent("POST", "account")
LIST, HEAD_CONTAINER, CREATE_CONTAINER = (Sent(method, "container") for method in ("GET", "HEAD", "PUT"))
HEAD, GET, PUT, COPY, DELETE = (Sent(method, "object") for method in ("HEAD", "GET", "PUT", "COPY", "DELETE"))
LIST_SEGMENTS, HEAD_SEGMENTS, CREATE_SEGMENTS = (Sent(method, "container", True) for method in ("GET", "HEAD", "PUT"))
SEGMENT, DELETE_SEGMENT = (Sent(method, "object", True) for method in ("PUT", "DELETE"))

MIB = 1024 * 1024
LARGE = bytes(range(256)) * (10 * MIB // 256) + b"end"
ETAG = f'"{hashlib.md5(LARGE, usedforsecurity=False).hexdigest()}"'
# of three segments
SEGMENTED = LARGE[: 5 * MIB // 2]
SEGMENTS = [SEGMENT] * 3


@pytest.fixture(autouse=True)
def lasting_proof(monkeypatch):
    """On a slow machine too, nobody asks again whether there is a container of segments."""
    monkeypatch.setattr("flask_pyfs.filesystems.swift.container._PROOF", 3600.0)


@pytest.fixture
def proxy(swift_place):
    """Stands between the storage and the server, and notes the requests."""
    address = urlsplit(swift_place.auth_url)
    with FaultProxy(address.hostname, address.port) as proxy:
        yield proxy


@pytest.fixture
def new_storage(app, make_storage, swift_place, proxy):
    """Configure a storage whose requests are noted. The address of the account is that at which Swift was asked."""
    with app.app_context():
        yield lambda **settings: make_storage(AUTHURL=proxy.url + urlsplit(swift_place.auth_url).path, **settings)


@pytest.fixture
def warm_storage(new_storage):
    """Configure a storage that has its token, and knows what the cluster can do and which containers there are."""

    def warm_storage(content=b"", **settings):
        storage = new_storage(**settings)
        write_into(storage, "warm", "wb", content)
        storage.delete("warm")
        assert "warm" not in list(storage.list_files("warm"))
        return storage

    return warm_storage


@pytest.fixture
def storage(warm_storage):
    """A storage in which nothing was ever large enough for segments, with a file."""
    storage = warm_storage()
    storage.write("a.txt", "content")
    return storage


@pytest.fixture
def segmenting(warm_storage):
    """A storage whose larger objects have segments."""
    return warm_storage(SEGMENTED, SEGMENT_SIZE=MIB)


@pytest.fixture
def cost(proxy):
    """Call something and return the requests that were sent for it."""

    def cost(call, *arguments, **options):
        proxy.reset()
        call(*arguments, **options)
        return requests_in(proxy.requests)

    return cost


def refused(error, call, *arguments, **options):
    with pytest.raises(error):
        call(*arguments, **options)


def write_into(storage, name, mode, content, error=None):
    with storage.open(name, mode) as file:
        file.write(content)
        if error:
            raise error


def test_what_needs_no_store_reaches_none(new_storage, proxy):
    storage = new_storage()
    assert storage.url("a.txt").endswith("/files/a.txt")
    assert storage.extension_allowed("txt")
    for name in ("", ".", "..", "a/../../b", "a\0b", "a\\..\\b"):
        for call in (storage.exists, storage.read, storage.metadata, storage.open, storage.delete):
            refused(fs.InvalidPath, call, name)
        refused(fs.InvalidPath, storage.write, name, "content")
        refused(fs.InvalidPath, storage.copy, "a.txt", name)
    assert (proxy.connections, proxy.requests) == (0, [])


@pytest.fixture
def missing(swift_connection, container):
    swift_connection.delete_container(container)


# no body is streamed to where there may be no container
@pytest.mark.parametrize(("content", "asked"), [(b"content", PUT), (LARGE, HEAD_CONTAINER)], ids=["small", "large"])
def test_first_write_into_a_missing_container(missing, new_storage, cost, content, asked):
    storage = new_storage()
    assert cost(storage.write, "a.txt", content) == [AUTH, asked, CREATE_CONTAINER, PUT]
    assert cost(storage.write, "b.txt", content) == [PUT]


def test_a_missing_container_has_nothing(missing, new_storage, cost):
    storage = new_storage()
    assert cost(storage.exists, "a.txt") == [AUTH, HEAD]
    assert cost(lambda: list(storage.list_files())) == [INFO, LIST]
    assert cost(storage.delete, "a.txt") == [HEAD_SEGMENTS, LIST, DELETE]


def test_an_absent_file_where_the_container_must_exist(new_storage, cost):
    storage = new_storage(CREATE_CONTAINER=False)
    # Swift does not say which of both is missing
    assert cost(storage.exists, "absent.txt") == [AUTH, HEAD, HEAD_CONTAINER]
    assert cost(storage.exists, "absent.txt") == [HEAD]


def test_read(storage, cost):
    for call, found in (
        (storage.exists, [HEAD]),
        (storage.size, [HEAD]),
        (storage.metadata, [HEAD]),
        (lambda name: storage.metadata(name, checksum=False), [HEAD]),
        (storage.read, [GET]),
    ):
        assert cost(call, "a.txt") == found
    assert cost(storage.exists, "absent.txt") == [HEAD]
    assert cost(refused, fs.FileNotFound, storage.metadata, "absent.txt") == [HEAD]
    for call in (storage.read, storage.open, storage.read_chunks):
        assert cost(refused, fs.FileNotFound, call, "absent.txt") == [GET]


def test_open_and_seek(storage, cost):
    def read_at(*starts, size=10):
        with storage.open("large.bin", "rb") as file:
            for start in starts:
                position = file.seek(start, io.SEEK_SET if start >= 0 else io.SEEK_END)
                assert file.read(size) == LARGE[position : position + size]

    storage.write("large.bin", LARGE)
    assert cost(read_at, 0, size=len(LARGE)) == [GET]
    assert cost(read_at, *range(0, len(LARGE), MIB), size=MIB) == [GET]
    assert cost(lambda: b"".join(storage.read_chunks("large.bin"))) == [GET]
    assert cost(read_at, -1000, size=1000) == [GET, GET]
    # a short way ahead is read
    assert cost(read_at, *range(0, 2 * MIB, 50_000)) == [GET]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("content", [b"new", LARGE], ids=["small", "large"])
def test_write_and_save(storage, cost, content, overwrite):
    assert cost(storage.write, "new.bin", content, overwrite=overwrite) == [PUT]
    uploaded = FileStorage(io.BytesIO(content), "saved.txt")
    assert cost(storage.save, uploaded, prefix="deep/down", overwrite=overwrite) == [PUT]
    assert storage.read("new.bin") == storage.read("deep/down/saved.txt") == content
    assert cost(refused, fs.FileExists, storage.write, "a.txt", content) == [PUT]
    assert cost(storage.write, "a.txt", content, overwrite=True) == [PUT]


@pytest.mark.parametrize("mode", ["wb", "xb"])
def test_open_for_writing(storage, cost, mode):
    assert cost(write_into, storage, "new.bin", mode, b"content") == [PUT]
    assert cost(write_into, storage, "new.bin", "ab", b" and more") == [GET, PUT]
    assert cost(refused, KeyError, write_into, storage, "other.bin", mode, b"content", KeyError) == []


# COPY has no condition on its target
@pytest.mark.parametrize(("overwrite", "asked"), [(True, []), (False, [HEAD])])
def test_copy_and_move(storage, cost, overwrite, asked):
    assert cost(storage.copy, "a.txt", "b.txt", overwrite=overwrite) == [*asked, COPY]
    assert cost(storage.move, "b.txt", "c.txt", overwrite=overwrite) == [*asked, COPY, HEAD, DELETE]
    assert list(storage.list_files()) == ["a.txt", "c.txt"]
    for transfer in (storage.copy, storage.move):
        # the second one is for the source, whose absence is the greater fault
        assert cost(refused, fs.FileExists, transfer, "a.txt", "c.txt") == [HEAD, HEAD]
        assert cost(refused, fs.FileNotFound, transfer, "absent.txt", "c.txt", overwrite=True) == [COPY]
        assert cost(transfer, "a.txt", "a.txt", overwrite=overwrite) == [HEAD]


def test_versions(storage, segmenting, cost):
    old = storage.write("v.txt", "content", overwrite=True)
    assert cost(storage.version, "v.txt") == [HEAD]
    assert cost(storage.replace_version, "v.txt", "new", old.version) == [HEAD, PUT]
    assert cost(storage.replace_version, "v.txt", LARGE, storage.version("v.txt")) == [HEAD, PUT]
    assert cost(refused, fs.VersionChanged, storage.replace_version, "v.txt", "new", old.version) == [HEAD]
    assert cost(storage.delete_version, "v.txt", old.version) == [HEAD]
    assert cost(storage.delete_version, "v.txt", storage.version("v.txt")) == [HEAD, DELETE]
    assert cost(storage.delete_version, "v.txt", old.version) == [HEAD]
    old = segmenting.write("v.txt", "content")
    new = segmenting.replace_version("v.txt", SEGMENTED, old.version)
    assert cost(refused, fs.VersionChanged, segmenting.replace_version, "v.txt", SEGMENTED, old.version) == [HEAD]
    # looked at before much is sent, and again before it counts
    replaced = [HEAD, *SEGMENTS, HEAD, GET, PUT, BULK_DELETE]
    assert cost(segmenting.replace_version, "v.txt", SEGMENTED, new.version) == replaced
    assert cost(segmenting.delete_version, "v.txt", segmenting.version("v.txt")) == [HEAD, GET, DELETE, BULK_DELETE]


def test_delete(storage, cost):
    assert cost(storage.delete, "a.txt") == [LIST, DELETE]
    assert cost(storage.delete, "absent.txt") == [LIST, DELETE]
    for name in ("tree/a.txt", "tree/deep/b.txt", "tree.txt"):
        storage.write(name, "content")
    assert cost(storage.delete, "tree") == [LIST, BULK_DELETE]
    assert list(storage.list_files()) == ["tree.txt"]


def test_write_segments(warm_storage, cost):
    segmenting = warm_storage(SEGMENT_SIZE=MIB)
    assert cost(segmenting.write, "first.bin", SEGMENTED) == [HEAD, CREATE_SEGMENTS, *SEGMENTS, PUT]
    assert cost(segmenting.write, "one.bin", bytes(MIB)) == [PUT]
    assert cost(segmenting.write, "two.bin", bytes(MIB + 1)) == [HEAD, SEGMENT, SEGMENT, PUT]
    # whether the name is taken is asked before much is sent
    assert cost(segmenting.write, "large.bin", SEGMENTED) == [HEAD, *SEGMENTS, PUT]
    assert cost(refused, fs.FileExists, segmenting.write, "large.bin", SEGMENTED) == [HEAD]
    assert cost(segmenting.write, "new.bin", SEGMENTED, overwrite=True) == [*SEGMENTS, HEAD, PUT]
    # what the old one is made of is asked for, and deleted when the new one is there
    assert cost(segmenting.write, "new.bin", SEGMENTED, overwrite=True) == [*SEGMENTS, HEAD, GET, PUT, BULK_DELETE]
    assert cost(segmenting.write, "new.bin", "small", overwrite=True) == [HEAD, GET, PUT, BULK_DELETE]
    assert cost(segmenting.read, "large.bin") == [GET]


@pytest.mark.parametrize("mode", ["wb", "xb"])
def test_write_parts_of_unknown_number(warm_storage, cost, mode):
    storage = warm_storage(LARGE)
    expected = [*[SEGMENT] * 5, HEAD, PUT] if mode == "wb" else [HEAD, *[SEGMENT] * 5, PUT]
    assert cost(write_into, storage, "large.bin", mode, bytes(20 * MIB)) == expected
    given_up = cost(refused, KeyError, write_into, storage, "large.bin", "wb", bytes(4 * MIB + 1), KeyError)
    # the part may not have been begun by then
    assert given_up in ([SEGMENT, DELETE_SEGMENT], [])


def test_where_any_object_may_have_segments(segmenting, cost):
    # only an object that goes knows of its segments
    segmenting.write("a.txt", "content")
    assert cost(segmenting.write, "b.txt", "content") == [PUT]
    assert cost(segmenting.write, "b.txt", "new", overwrite=True) == [HEAD, PUT]
    assert cost(segmenting.copy, "a.txt", "b.txt", overwrite=True) == [HEAD, COPY]
    assert cost(segmenting.move, "a.txt", "b.txt", overwrite=True) == [HEAD, COPY, HEAD, DELETE]
    assert cost(segmenting.delete, "b.txt") == [HEAD, LIST, DELETE]


def test_delete_segments(segmenting, cost):
    for name in ("large.bin", "tree/a.bin", "tree/b.bin"):
        segmenting.write(name, SEGMENTED)
    assert cost(segmenting.delete, "large.bin") == [HEAD, GET, LIST, DELETE, BULK_DELETE]
    assert cost(segmenting.delete, "tree") == [HEAD, LIST, HEAD, GET, HEAD, GET, BULK_DELETE, BULK_DELETE]


def test_remove_leftovers(segmenting, swift_connection, container, cost):
    for number in range(4):
        name = f"{number % 2}.bin/flask-pyfs/1-{number % 2:016x}/{number:08}"
        swift_connection.put_object(f"{container}_segments", name, b"left")
    remove = segmenting.backend.remove_leftovers
    # the other listings look for leases, for uploads, and for their pieces
    others = [LIST, LIST, LIST_SEGMENTS]
    assert cost(remove, dry_run=True) == cost(remove) == [LIST_SEGMENTS, *others]
    assert cost(remove, older_than=-60, dry_run=True) == [LIST_SEGMENTS, HEAD, HEAD, *others]
    # each object is looked at right before its segments are deleted
    assert cost(remove, older_than=-60) == [LIST_SEGMENTS, HEAD, BULK_DELETE, HEAD, BULK_DELETE, *others]
    assert cost(remove, older_than=-60) == [LIST_SEGMENTS, *others]


@pytest.mark.parametrize(
    ("asked", "headers", "status", "expected"),
    [
        ("GET large.bin", {}, 200, [GET]),
        ("GET large.bin", {"Range": "bytes=5000000-5000099"}, 206, [GET]),
        ("GET large.bin", {"Range": "bytes=-1000"}, 206, [GET]),
        ("GET large.bin", {"Range": "bytes=0-99,200-299"}, 200, [GET]),
        ("GET large.bin", {"If-None-Match": ETAG}, 304, [GET]),
        ("GET large.bin", {"If-None-Match": ETAG, "Range": f"bytes={len(LARGE)}-"}, 304, [GET]),
        ("GET large.bin", {"If-Match": '"other"', "Range": f"bytes={len(LARGE)}-"}, 412, [GET]),
        ("GET large.bin", {"Range": f"bytes={len(LARGE)}-"}, 416, [GET]),
        ("GET absent.bin", {}, 404, [GET]),
        ("HEAD large.bin", {}, 200, [HEAD]),
        ("HEAD large.bin", {"If-None-Match": ETAG}, 304, [HEAD]),
        ("HEAD absent.bin", {}, 404, [HEAD]),
    ],
)
def test_serve(app, storage, cost, asked, headers, status, expected):
    def answer():
        method, name = asked.split()
        with app.test_client().open(storage.url(name), method=method, headers=headers) as response:
            content = response.data
        assert response.status_code == status
        assert method == "HEAD" or status == 304 or len(content) == response.content_length

    storage.write("large.bin", LARGE)
    assert cost(answer) == expected


def test_thousands(warm_storage, swift_place, container, cost, soak, monkeypatch):
    batch = 1000 if soak else 100
    crowd = [f"tree/{number:04}.txt" for number in range(batch * 11 // 10)]
    put_many(swift_place, container, ["tree.txt", *crowd])
    storage = warm_storage()
    if not soak:
        # Swift is slow with many, and would take 10,000
        account = storage.backend.store._container.account
        fewer = {**account.capabilities(), "bulk_delete": {"max_deletes_per_request": batch}}
        monkeypatch.setattr(account, "capabilities", lambda timeout=None: fewer)
    # as many as the cluster allows
    assert cost(lambda: list(storage.list_files("tree/"))) == [LIST]
    assert cost(lambda: list(storage.entries("tree/"))) == [LIST]
    storage.backend.store._container.limit = batch * 4 // 10
    entries = storage.entries("tree/")
    assert cost(lambda: next(entries)) == [LIST]
    assert cost(lambda: list(entries)) == [LIST, LIST]
    assert [(entry.name, entry.size) for entry in storage.entries("tree/")] == [(name, 1) for name in crowd]
    # the last page is as long as the limit, and the next one is empty
    storage.backend.store._container.limit = len(crowd)
    assert cost(lambda: list(storage.entries("tree/"))) == [LIST, LIST]
    storage.backend.store._container.limit = batch * 4 // 10
    names, found = storage.list_files("tree/"), []
    assert cost(lambda: found.append(next(names))) == [LIST]
    assert cost(lambda: found.extend(islice(names, batch * 7 // 10))) == [LIST]
    assert cost(lambda: found.extend(names)) == [LIST]
    assert found == crowd
    assert cost(storage.delete, "tree") == [LIST, LIST, LIST, BULK_DELETE, BULK_DELETE]
    assert list(storage.list_files()) == ["tree.txt"]


@pytest.mark.parametrize("content", [b"small", SEGMENTED], ids=["small", "in segments"])
def test_a_note_costs_no_request(segmenting, proxy, content):
    store = segmenting.backend.store
    ways = []
    for number, note in enumerate(({}, {"note": "n" * 1000})):
        proxy.reset()
        store.put(f"a{number}", io.BytesIO(content), **note)
        version = store.put(f"b{number}", io.BytesIO(content), overwrite=False, **note)
        store.replace_version(f"b{number}", io.BytesIO(content), version, **note)
        store.copy_from(store, f"b{number}", f"c{number}", **note)
        store.facts(f"c{number}")
        list(store.iter_facts(f"c{number}"))
        ways.append(requests_in(proxy.requests))
    assert ways[0] == ways[1] != []
