"""The route serves the plain text of encrypted files as that of any, and never a byte of one that was changed."""

import http.client
import io
import json
import shutil
from contextlib import contextmanager
from functools import partial

import pytest
from planted import LOCAL_AND_S3, encrypted_storage
from servers.gunicornapp import gunicorn
from servers.process import HOST
from servers.waitressapp import serving

from flask_pyfs.encryption.segments import HEADER, SEGMENT
from flask_pyfs.errors import DecryptionError
from flask_pyfs.names import Reserved

TAG = 16
FIRST = SEGMENT - HEADER - TAG
REST = SEGMENT - TAG
# three segments and a part of a fourth
CONTENT = bytes(number * 7 % 251 for number in range(3 * SEGMENT + 1000))
LENGTH = len(CONTENT)


@pytest.fixture(params=LOCAL_AND_S3)
def storage(request, app):
    with encrypted_storage(request.param, request, app) as storage:
        storage.write("a.bin", CONTENT)
        storage.write("empty.bin", b"")
        yield storage


RANGES = {
    "first byte": ("bytes=0-0", 0, 1),
    "end of the first segment": (f"bytes={FIRST - 1}-{FIRST}", FIRST - 1, FIRST + 1),
    "second segment": (f"bytes={FIRST}-{FIRST + REST - 1}", FIRST, FIRST + REST),
    "over a border": (f"bytes={FIRST + REST - 10}-{FIRST + REST + 9}", FIRST + REST - 10, FIRST + REST + 10),
    "to the end": ("bytes=100000-", 100000, LENGTH),
    "last bytes": ("bytes=-10", LENGTH - 10, LENGTH),
    "more than it has": (f"bytes=5-{LENGTH * 2}", 5, LENGTH),
}


def test_ranges_are_those_of_the_plain_text(app, storage):
    get = partial(app.test_client().get, buffered=True)
    for name, (asked, start, stop) in RANGES.items():
        answer = get("/files/a.bin", headers={"Range": asked})
        assert (answer.status_code, answer.data) == (206, CONTENT[start:stop]), name
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{LENGTH}", name
        assert answer.content_length == stop - start, name
    refused = get("/files/a.bin", headers={"Range": f"bytes={LENGTH}-"})
    assert (refused.status_code, refused.headers["Content-Range"]) == (416, f"bytes */{LENGTH}")
    # the bytes that only the ciphertext has
    refused = get("/files/a.bin", headers={"Range": f"bytes={LENGTH + 20}-"})
    assert (refused.status_code, refused.headers["Content-Range"]) == (416, f"bytes */{LENGTH}")
    assert get("/files/empty.bin", headers={"Range": "bytes=0-"}).data == b""


def head_of(app, name):
    return app.test_client().head(f"/files/{name}")


def test_lengths_and_conditions(app, storage):
    get = partial(app.test_client().get, buffered=True)
    whole, head, empty = get("/files/a.bin"), head_of(app, "a.bin"), head_of(app, "empty.bin")
    assert (whole.status_code, whole.data, whole.content_length) == (200, CONTENT, LENGTH)
    assert (head.status_code, head.data, head.content_length, empty.content_length) == (200, b"", LENGTH, 0)
    assert get("/files/empty.bin").data == b""
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    assert (head.headers["ETag"], head.headers["Accept-Ranges"]) == (etag, "bytes")
    for unchanged in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        answer = get("/files/a.bin", headers=unchanged)
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
    part = {"Range": "bytes=65530-65539"}
    for fields, status in (
        ({"If-Match": etag}, 206),
        ({"If-Range": etag}, 206),
        ({"If-Match": '"other"'}, 412),
        ({"If-Range": '"other"'}, 200),
        ({"If-None-Match": etag}, 304),
    ):
        answer = get("/files/a.bin", headers={**part, **fields})
        assert answer.status_code == status, fields
        assert {206: CONTENT[65530:65540], 200: CONTENT}.get(status, answer.data) == answer.data
    storage.write("a.bin", CONTENT, overwrite=True)
    assert get("/files/a.bin", headers={"If-None-Match": etag}).status_code == 200


# Files that were changed


def change(storage, name, offset, *, cut=False):
    """Flip a bit of a file as it is kept, or cut it there."""
    bare, path = storage.backend.bare, Reserved(name)
    kept = bytearray(bare.read_file(path))
    kept[offset] ^= 1
    bare.put(path, io.BytesIO(kept[:offset] if cut else kept))


@contextmanager
def on_gunicorn(app, directory):
    settings = json.dumps({key: value for key, value in app.config.items() if key.startswith(("FILES_FS_", "FS_"))})
    with gunicorn(directory, "encryptedapp:app", workers=1, env={"ENCRYPTED": settings}) as process:
        yield process.port


@contextmanager
def on_waitress(app, directory):
    with serving(app) as served:
        yield served.port


def received(port, fields=None):
    """Return the status and what comes of the body, and whether it ends as its length says."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", "/files/a.bin", headers=fields or {})
        answer = connection.getresponse()
        try:
            return answer.status, answer.read(), True
        except http.client.IncompleteRead as broken:
            return answer.status, broken.partial, False
    finally:
        connection.close()


CHANGES = {
    "third segment": (2 * SEGMENT + 5, False, FIRST + REST),
    "last byte": (-1, False, FIRST + 2 * REST),
    "cut in the last segment": (-5, True, FIRST + 2 * REST),
}


@pytest.mark.server
@pytest.mark.parametrize("server", [on_gunicorn, on_waitress])
def test_a_response_of_a_file_that_was_changed_breaks_off(request, app, tmp_path, server):
    with encrypted_storage("local", request, app) as storage, server(app, tmp_path) as port:
        for name, (offset, cut, good) in CHANGES.items():
            storage.write("a.bin", CONTENT, overwrite=True)
            assert received(port) == (200, CONTENT, True)
            change(storage, "a.bin", offset, cut=cut)
            status, content, is_whole = received(port)
            assert not is_whole or status == 500, name
            if status == 200:
                assert content == CONTENT[: len(content)], name
                assert len(content) <= good, name
            # what was not changed is sent
            if not cut:
                assert received(port, {"Range": "bytes=0-99"}) == (206, CONTENT[:100], True), name
            status, content, is_whole = received(
                port, {"Range": f"bytes={offset % LENGTH}-" if offset > 0 else "bytes=-10"}
            )
            assert (status, is_whole) == (500, True) or not is_whole, name
            assert status == 500 or content == b"", name


@pytest.mark.server
@pytest.mark.parametrize("server", [on_gunicorn, on_waitress])
@pytest.mark.parametrize("name", ["a.bin", "a.txt"])
def test_before_the_first_byte_it_is_an_error(request, app, tmp_path, server, name):
    with encrypted_storage("local", request, app) as storage, server(app, tmp_path) as port:
        for offset in (0, 1, HEADER - 1, HEADER, 1000):
            storage.write("a.bin", CONTENT, overwrite=True)
            change(storage, "a.bin", offset)
            status, content, _ = received(port)
            assert status == 500, offset
            assert CONTENT[:50] not in content


def test_each_other_segment_is_refused(storage):
    """Segments that are swapped, repeated, left out, or of another file."""
    storage.write("b.bin", CONTENT)
    bare = storage.backend.bare
    kept, other = (bare.read_file(Reserved(name)) for name in ("a.bin", "b.bin"))
    parts = [kept[start : start + SEGMENT] for start in range(0, len(kept), SEGMENT)]
    others = [other[start : start + SEGMENT] for start in range(0, len(other), SEGMENT)]
    for good, changed in (
        (1, [parts[0], parts[2], parts[1], parts[3]]),
        (2, [parts[0], parts[1], parts[1], parts[3]]),
        (1, [parts[0], parts[2], parts[3]]),
        (2, [parts[0], parts[1], parts[2]]),
        (1, [parts[0], others[1], *parts[2:]]),
        (1, [others[0], *parts[1:]]),
    ):
        bare.put(Reserved("a.bin"), io.BytesIO(b"".join(changed)))
        got = io.BytesIO()
        with storage.open("a.bin", "rb") as file, pytest.raises(DecryptionError):
            shutil.copyfileobj(file, got, 1000)
        assert got.getvalue() == CONTENT[: got.tell()]
        assert got.tell() <= FIRST + (good - 1) * REST
