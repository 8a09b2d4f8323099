"""The copy of a file that is checked becomes the segment of the file in Swift, so that Swift copies it once."""

from collections import Counter
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from fs import errors
from killing import Killed, Killing
from places import make_place  # noqa: F401  (it knows where the helpers are)
from servers.faults import FaultProxy

import flask_pyfs as fs

# packages of drivers have the names of their directories
from counting_requests import Sent, requests_in  # isort: skip
from swift_pieces import DATA, REQUESTS, SIZE, Bucket, small_pieces, swept  # isort: skip

from flask_pyfs import unfinished
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift.container import SwiftContainer
from flask_pyfs.leases import held as leases

pytestmark = [pytest.mark.server, pytest.mark.parametrize("place", ["swift"], indirect=True)]


@pytest.fixture
def begin(configured, send):
    """A function that configures a storage, and returns it and an upload whose file a client has sent."""

    def begin(name="a.bin", content=DATA, terms=(), storage=None, **settings):
        if storage is None:
            storage = configured(PREFIX="in/side", **settings)
            small_pieces(storage.backend.store)
        upload = storage.upload_url(name, expires=600, unique=False, **dict(terms))
        assert send(upload, content) == 201
        return storage, upload

    return begin


@pytest.fixture
def bucket(place, swift_place):
    """What Swift itself says of the container."""
    bucket = Bucket(swift_place, place["CONTAINER"])
    with closing(bucket.connection):
        yield bucket


def no_segments_left(storage, bucket, *names):
    swept(storage)
    return bucket.segments() == set().union(*(bucket.of(f"in/side/{name}") for name in names))


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_copy_is_the_segment(begin, bucket, leftovers, overwrite):
    storage, upload = begin(terms={"overwrite": overwrite})
    if overwrite:
        storage.write("a.bin", DATA * 2)
    name = storage.confirm(upload.token)
    (segment,) = bucket.segments()
    assert bucket.of("in/side/a.bin") == {segment}
    assert segment.endswith(".part")
    assert (storage.read(name), name.size, name.version) == (DATA, 256, storage.version("a.bin"))
    assert storage.confirm(upload.token) == name
    assert leftovers(storage) == ["done"]
    assert swept(storage) == 1
    assert storage.read(name) == DATA
    storage.delete(name)
    assert bucket.segments() == set()


def test_the_requests_for_a_large_file(begin, place, swift_place):
    address = urlsplit(place["AUTHURL"])
    with FaultProxy(address.hostname, address.port) as proxy:
        storage, upload = begin("warm.bin", AUTHURL=proxy.url + address.path, SEGMENT_SIZE="1 MiB")
        # there is a container of segments then
        storage.confirm(upload.token)
        storage, upload = begin(content=bytes(3 * 2**20), storage=storage)
        proxy.reset()
        storage.confirm(upload.token)
        sent = Counter(requests_in(proxy.requests))
    # although it is longer than a segment should be, it is neither read nor sent
    assert sent[Sent("COPY", "object")] == 1
    assert sent[Sent("PUT", "object", True)] == 0
    assert sum(sent.values()) == 18, sent


def test_what_is_refused_leaves_no_copy(begin, bucket, leftovers):
    verdicts = [None, None, False]

    def scan(file, filename):
        assert len(bucket.segments()) == 1
        verdict = verdicts.pop(0)
        if verdict is None:
            raise ConnectionError
        return verdict

    storage, upload = begin(SCAN=scan)
    for error in (fs.BackendError, fs.BackendError, fs.UnauthorizedFileType):
        with pytest.raises(error):
            storage.confirm(upload.token)
        assert bucket.segments() == set()
    storage, upload = begin(storage=storage)
    storage.write("a.bin", b"theirs")
    verdicts.append(True)
    with pytest.raises(fs.FileExists):
        storage.confirm(upload.token)
    assert (bucket.segments(), storage.read("a.bin")) == (set(), b"theirs")


@pytest.mark.parametrize("is_stored", [False, True])
def test_nobody_knows_whether_swift_makes_the_file(begin, bucket, leftovers, is_stored, monkeypatch):
    storage, upload = begin()
    real = SwiftContainer.put

    def put(container, key, *arguments, query="", **options):
        version = real(container, key, *arguments, query=query, **options) if is_stored or not query else None
        if query:
            raise errors.OperationTimeout(key)
        return version

    with monkeypatch.context() as patch:
        patch.setattr(SwiftContainer, "put", put)
        with pytest.raises(fs.BackendError):
            storage.confirm(upload.token)
    # a manifest that comes late finds it
    assert len(bucket.segments()) == 1
    if is_stored:
        assert storage.read("a.bin") == DATA
    assert storage.confirm(upload.token) == "a.bin"
    assert storage.read("a.bin") == DATA
    assert bucket.segments() == bucket.of("in/side/a.bin")


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_worker_is_killed_at_each_request(begin, bucket, is_sent, soak, monkeypatch):
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.05)
    monkeypatch.setattr(SwiftFS, "settling", 0.01)
    last, is_done, step, names, storage = 1 + 4 * is_sent, False, 1 if soak else 9, [], None
    while not is_done:
        names.append(f"{last}.bin")
        storage, upload = begin(names[-1], storage=storage)
        with pytest.MonkeyPatch.context() as patch:
            killing = Killing(patch, last, is_sent=is_sent, requests=REQUESTS)
            with suppress(Killed):
                storage.confirm(upload.token)
            is_done = killing.left > 0
        assert storage.confirm(upload.token) == names[-1]
        assert storage.read(names[-1]) == DATA
        last += step
    assert no_segments_left(storage, bucket, *names)
    assert [storage.read(name) for name in names] == [DATA] * len(names)


def test_a_storage_that_moves_to_swift(app, place, send, bucket):
    storage = fs.Storage("files", fs.ALL)
    target = {f"FILES_FS_TARGET_{key}": value for key, value in place.items() if key != "BACKEND"}
    app.config.update(target, FILES_FS_BACKEND="migrating", FILES_FS_SOURCE="memory", FILES_FS_TARGET="swift")
    app.config["FILES_FS_CONFIRM"] = True
    fs.init_app(app, storage)
    with app.app_context():
        small_pieces(storage.backend.store.target.whole)
        upload = storage.upload_url("a.bin", expires=60)
        assert send(upload, DATA) == 201
        assert upload.token is not None
        assert storage.read(storage.confirm(upload.token)) == DATA
        assert swept(storage) == 1
    assert bucket.segments() == bucket.of(upload.name)


def test_the_client_sends_a_shorter_file_while_a_worker_is_killed(begin, bucket, send, monkeypatch):
    def scan(file, filename):
        if len(file.read()) > SIZE:
            raise Killed
        return True

    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.05)
    storage, upload = begin(SCAN=scan)
    with pytest.MonkeyPatch.context() as patch:
        # it removes nothing any more
        patch.setattr(SwiftContainer, "remove", lambda *arguments: True)
        with pytest.raises(Killed):
            storage.confirm(upload.token)
    assert len(bucket.segments()) == 1
    assert send(upload, b"short") == 201
    assert storage.read(storage.confirm(upload.token)) == b"short"
    assert no_segments_left(storage, bucket, "a.bin")
    assert storage.read("a.bin") == b"short"
