"""What clients send beside the file, again, or too late, is for nothing."""

import base64
import io
import json
import time
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

import flask_pyfs as fs
from flask_pyfs.names import Reserved

MIB = 1024 * 1024
pytestmark = pytest.mark.server
on_swift = pytest.mark.parametrize("place", ["swift"], indirect=True)
on_both = pytest.mark.parametrize("place", ["s3-moto", "swift"], indirect=True)

OWN_HEADERS = {
    "X-Delete-After": "3600",
    "Content-Encoding": "gzip",
    "Content-Disposition": 'attachment; filename="a.exe"',
    "X-Object-Meta-Own": "1",
}


@on_swift
@pytest.mark.parametrize("size", [7, 5 * MIB, 9 * MIB], ids=["one-object", "segment", "segment-in-place"])
def test_what_is_taken_has_no_header_of_the_client(configured, send, size):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60, unique=False)
    assert send(upload, bytes(size), **OWN_HEADERS) == 201
    storage.confirm(upload.token)
    connection, container = storage.backend.conn, storage.backend.container
    objects = [(container, "a.txt")]
    if size > 7:
        segments = f"{container}_segments"
        objects += [(segments, each["name"]) for each in connection.get_container(segments)[1]]
        assert len(objects) == 2
    for place in objects:
        headers = connection.head_object(*place)
        own = {"x-delete-at", "content-encoding", "content-disposition", "x-object-meta-own"} & headers.keys()
        assert own == set(), place


@on_swift
@pytest.mark.parametrize("header", ["X-Object-Manifest", "X-Symlink-Target", "X-Copy-From"])
def test_a_client_cannot_point_to_another_file(configured, send, header):
    storage = configured()
    storage.write("private.txt", b"private")
    upload = storage.upload_url("a.txt", expires=60)
    assert send(upload, b"", **{header: f"{storage.backend.container}/private.txt"}) == 400
    with pytest.raises(fs.FileNotFound):
        storage.confirm(upload.token)


@on_both
def test_no_url_outlives_what_tells_that_the_file_was_confirmed(configured, place, send, leftovers):
    storage = configured(UPLOAD_LIFETIME=3600)
    upload = storage.upload_url("a.txt", expires=7 * 24 * 3600, unique=False)
    send(upload)
    storage.confirm(upload.token)
    storage.delete("a.txt")
    # the client sends it again as long as it can
    send(upload)
    assert storage.confirm(upload.token) == "a.txt"
    assert not storage.exists("a.txt")
    assert leftovers(storage) == ["done"]
    assert lifetime_of(upload) <= 3600


def lifetime_of(upload):
    if upload.method == "PUT":
        (until,) = parse_qs(urlsplit(upload.url).query)["temp_url_expires"]
        return int(until) - time.time()
    policy = json.loads(base64.b64decode(upload.fields["policy"]))
    return datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00")).timestamp() - time.time()


@on_both
def test_who_confirms_again_and_again_fills_no_store(configured, send, leftovers):
    def scan(file, filename):
        raise ConnectionError

    storage = configured(SCAN=scan)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    for _ in range(3):
        with pytest.raises(fs.BackendError):
            storage.confirm(upload.token)
    assert sorted(leftovers(storage)) == ["open/begun", "open/incoming"]


def test_the_copy_of_a_worker_that_was_killed_is_removed(configured, send, leftovers):
    def scan(file, filename):
        seen.append([path for path in leftovers(storage) if "copy-" in path])
        return len(seen) > 1 or None

    seen = []
    storage = configured(SCAN=lambda *given: scan(*given) or 1 / 0)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    with pytest.raises(fs.BackendError):
        storage.confirm(upload.token)
    ((path, _),) = [each for each in storage.backend.store.iter_facts(".flask_pyfs/") if "incoming" in each[0]]
    storage.backend.store.put(Reserved(path.replace("incoming", "copy-dead")), io.BytesIO(b"of a dead worker"))
    assert storage.confirm(upload.token) == upload.name
    assert [len(each) for each in seen] == [1, 1]
    assert "copy-dead" not in str(seen)


def test_the_file_is_not_made_again(configured, send, announced):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60, unique=False, overwrite=True)
    send(upload, b"first")
    version = storage.confirm(upload.token).version
    storage.replace_version("a.txt", io.BytesIO(b"the app's"), version)
    send(upload, b"second")
    assert storage.confirm(upload.token).version == version
    assert storage.read("a.txt") == b"the app's"
    assert announced.count("a.txt") == 2
