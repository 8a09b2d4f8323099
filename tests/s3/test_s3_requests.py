"""How many requests each call costs. A count does not depend on the machine."""

import io
import math
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from threading import Thread

import pytest
from buckets import bare_client, new_bucket, on_both
from counting import operations, requests_of
from servers.openstack import S3_PAGE
from servers.s3 import clear_bucket
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs

MIB = 1024 * 1024
PART_SIZE = 5 * MIB
LARGE = bytes(range(256)) * (2 * PART_SIZE // 256) + b"end"

# how many keys a server lists at once, and how many it deletes
PAGES = {"swift": S3_PAGE}
BATCH = 1000

HEAD = ("HEAD", "HeadObject")
GET = ("GET", "GetObject")
PUT = ("PUT", "PutObject")
COPY = ("PUT", "CopyObject")
DELETE = ("DELETE", "DeleteObject")
DELETE_MANY = ("POST", "DeleteObjects")
LIST = ("GET", "ListObjectsV2")
CREATE_BUCKET = ("PUT", "CreateBucket")
HEAD_BUCKET = ("HEAD", "HeadBucket")
BEGIN = ("POST", "CreateMultipartUpload")
PART = ("PUT", "UploadPart")
COMPLETE = ("POST", "CompleteMultipartUpload")
ABORT = ("DELETE", "AbortMultipartUpload")


@pytest.fixture
def storage(app, make_storage):
    storage = make_storage(PART_SIZE=PART_SIZE)
    with app.app_context():
        yield storage


@pytest.fixture
def sent(storage):
    """The requests of the storage from here on."""
    with requests_of(storage.backend.store.client) as sent:
        yield sent


@pytest.fixture
def written(storage):
    storage.write("a.txt", "content")
    return "a.txt"


@pytest.fixture
def large(storage):
    storage.write("large.bin", LARGE)
    return "large.bin"


# The count itself


class Failing(BaseHTTPRequestHandler):
    """Notes each request and answers that it failed."""

    def do_HEAD(self):
        self.server.received.append(self.command)  # type: ignore[attr-defined]
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def failing_server():
    with HTTPServer(("127.0.0.1", 0), Failing) as server:
        server.received = []  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_each_sending_is_counted(app, make_storage, failing_server):
    storage = make_storage(ENDPOINT=f"http://127.0.0.1:{failing_server.server_port}", RETRIES=1)
    with app.app_context(), requests_of(storage.backend.store.client) as sent:
        with pytest.raises(fs.FSError):
            storage.exists("a.txt")
        assert [method for method, _ in sent] == failing_server.received == ["HEAD", "HEAD"]


# Nothing


def test_what_needs_no_store_reaches_none(app, make_storage):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        storage = make_storage(ENDPOINT=f"http://127.0.0.1:{listener.getsockname()[1]}", URL="https://s3.example/")
        with app.app_context():
            assert storage.url("a.txt") == "https://s3.example/a.txt"
            assert storage.base_url == "https://s3.example/"
            assert storage.has_url
            assert storage.root is None
            assert storage.backend_name == "s3"
            with pytest.raises(fs.OperationNotSupported):
                storage.path("a.txt")
            for refused in ("", "..", "a/../../b"):
                with pytest.raises(fs.FSError):
                    storage.delete(refused)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_first_url_and_refused_uploads_are_free(storage, sent):
    assert storage.url("a.txt").endswith("/files/a.txt")
    assert storage.extension_allowed("txt")
    with pytest.raises(fs.FSError):
        storage.write("../a.txt", "content")
    assert sent == []


# Reading


def test_exists(storage, written, sent):
    assert storage.exists(written)
    assert sent == [HEAD]
    assert not storage.exists("absent.txt")
    assert sent == [HEAD, HEAD]
    assert "absent.txt" not in storage
    assert sent == [HEAD] * 3


def test_metadata(storage, written, sent):
    metadata = storage.metadata(written)
    assert (metadata["size"], metadata["mime"]) == (7, "text/plain")
    assert metadata["checksum"] == "md5:9a0364b9e99bb480dd25e1f0284c8555"
    assert sent == [HEAD]
    with pytest.raises(fs.FileNotFound):
        storage.metadata("absent.txt")
    assert sent == [HEAD, HEAD]


def test_read(storage, written, sent):
    assert storage.read(written) == b"content"
    assert sent == [GET]


@pytest.mark.parametrize("read", ["read", "open"])
def test_read_what_is_not_there(storage, sent, read):
    with pytest.raises(fs.FileNotFound):
        getattr(storage, read)("absent.txt")
    assert sent == [GET]


def test_open_and_read_to_the_end(storage, written, large, sent):
    with storage.open(written) as file:
        assert file.read() == "content"
    assert sent == [GET]
    with storage.open(large, "rb") as file:
        assert b"".join(iter(lambda: file.read(1000_000), b"")) == LARGE
    assert sent == [GET, GET]
    assert b"".join(storage.read_chunks(large)) == LARGE
    assert sent == [GET] * 3


def test_open_without_reading(storage, large, sent):
    storage.open(large, "rb").close()
    assert sent == [GET]


def test_seek_to_the_tail_and_read_it(storage, large, sent):
    with storage.open(large, "rb") as file:
        file.seek(-1000, io.SEEK_END)
        assert file.read() == LARGE[-1000:]
    assert sent == [GET, GET]


def test_a_short_way_ahead_is_read(storage, large, sent):
    with storage.open(large, "rb") as file:
        for start in range(0, 2 * MIB, 100_000):
            file.seek(start)
            assert file.read(10) == LARGE[start : start + 10]
    assert sent == [GET]


def test_go_back_to_the_start_and_read_all(storage, large, sent):
    with storage.open(large, "rb") as file:
        assert file.read(100) == LARGE[:100]
        file.seek(0)
        assert file.read() == LARGE
    assert len(sent) <= 2


def test_absent_file_where_the_bucket_must_exist(app, make_storage, bucket):
    storage = make_storage(CREATE_BUCKET=False)
    with app.app_context(), requests_of(storage.backend.store.client) as sent:
        assert not storage.exists("absent.txt")
        # an answer to HEAD does not say what is missing
        assert sent == [HEAD, HEAD_BUCKET]
        assert not storage.exists("absent.txt")
        assert sent == [HEAD, HEAD_BUCKET, HEAD]


# Writing


@pytest.mark.parametrize("overwrite", [True, False])
def test_write(storage, sent, overwrite):
    storage.write("new.txt", "content", overwrite=overwrite)
    assert sent == [PUT]
    assert storage.read("new.txt") == b"content"


@pytest.mark.parametrize("overwrite", [True, False])
def test_save(storage, sent, overwrite):
    uploaded = FileStorage(io.BytesIO(b"content"), "new.txt")
    assert storage.save(uploaded, prefix="deep/down", overwrite=overwrite) == "deep/down/new.txt"
    assert sent == [PUT]
    assert storage.read("deep/down/new.txt") == b"content"


def test_replace(storage, written, sent):
    storage.write(written, "new", overwrite=True)
    assert sent == [PUT]


def test_refuse_to_replace(storage, written, sent):
    with pytest.raises(fs.FileExists):
        storage.write(written, "new")
    assert sent == [PUT]
    assert storage.read(written) == b"content"


@pytest.mark.parametrize("mode", ["wb", "xb"])
def test_open_for_writing(storage, sent, mode):
    with storage.open("new.bin", mode) as file:
        for _ in range(10):
            file.write(b"0123456789")
        assert sent == []
    assert sent == [PUT]
    assert storage.read("new.bin") == b"0123456789" * 10


def test_open_for_appending(storage, written, sent):
    with storage.open(written, "ab") as file:
        file.write(b" and more")
    assert sent == [GET, PUT]
    assert storage.read(written) == b"content and more"


class Interrupted(Exception):
    pass


def write_and_fail(storage, size):
    with storage.open("new.bin", "wb") as file:
        file.write(bytes(size))
        raise Interrupted


def test_a_part_that_is_given_up(storage, sent):
    with pytest.raises(Interrupted):
        write_and_fail(storage, PART_SIZE)
    assert sent == []


@pytest.mark.parametrize("overwrite", [True, False])
def test_save_in_parts(storage, sent, overwrite):
    storage.save(FileStorage(io.BytesIO(LARGE), "large.txt"), overwrite=overwrite)
    assert sent[0] == BEGIN
    assert sent[1:-1] == [PART] * 3
    assert sent[-1] == COMPLETE
    assert storage.read("large.txt") == LARGE


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, [PUT]),
        (PART_SIZE - 1, [PUT]),
        (PART_SIZE, [PUT]),
        (PART_SIZE + 1, [BEGIN, PART, PART, COMPLETE]),
        (2 * PART_SIZE, [BEGIN, PART, PART, COMPLETE]),
    ],
)
def test_at_the_boundary_of_a_part(storage, sent, size, expected):
    storage.write("boundary.bin", bytes(size))
    assert sent == expected
    assert storage.metadata("boundary.bin")["size"] == size


def test_parts_that_are_given_up(storage, sent):
    with pytest.raises(Interrupted):
        write_and_fail(storage, PART_SIZE + 1)
    assert (sent[0], sent[-1]) == (BEGIN, ABORT)
    # the part may not have been begun by then
    assert sent[1:-1] in ([PART], [])
    assert not storage.exists("new.bin")


@on_both
def test_first_write_to_a_missing_bucket(app, make_storage, s3_endpoint, s3_client):
    name = f"bucket-{uuid.uuid4()}"
    storage = make_storage(BUCKET=name)
    with app.app_context(), requests_of(storage.backend.store.client) as sent:
        assert not storage.exists("a.txt")
        assert list(storage.list_files()) == []
        assert sent == [HEAD, LIST]
        sent.clear()
        storage.write("a.txt", "content")
        try:
            assert sent == [PUT, CREATE_BUCKET, PUT]
            storage.write("b.txt", "content")
            assert sent == [PUT, CREATE_BUCKET, PUT, PUT]
            assert sorted(storage.list_files()) == ["a.txt", "b.txt"]
        finally:
            clear_bucket(s3_client, name)


# Copies


@pytest.fixture
def steady(storage, written):
    """The storage knows by then which conditions the server takes."""
    storage.copy(written, "first.txt")


@pytest.mark.parametrize(("overwrite", "expected"), [(True, [COPY]), (False, [HEAD, COPY])])
def test_copy(storage, written, steady, sent, overwrite, expected):
    storage.copy(written, "copy.txt", overwrite=overwrite)
    assert sent == expected
    assert storage.read("copy.txt") == storage.read(written) == b"content"


# the HEAD after the copy proves that the copy is of what the DELETE deletes
@pytest.mark.parametrize(("overwrite", "expected"), [(True, [COPY, HEAD, DELETE]), (False, [HEAD, COPY, HEAD, DELETE])])
def test_move(storage, written, steady, sent, overwrite, expected):
    storage.move(written, "moved.txt", overwrite=overwrite)
    assert sent == expected
    assert storage.read("moved.txt") == b"content"
    assert not storage.exists(written)


@on_both
def test_move_in_parts(s3_endpoint, storage, large, sent):
    storage.move(large, "moved.bin", overwrite=True)
    # the entity tag of a copy differs from that of an object in parts, but the copy has its mark; OpenStack Swift
    # refuses the condition
    expected = [HEAD, DELETE, HEAD, DELETE] if s3_endpoint.name == "swift" else [HEAD, HEAD, DELETE]
    assert sent == [COPY, *expected]
    assert storage.read("moved.bin") == LARGE
    assert not storage.exists(large)


@pytest.mark.parametrize("transfer", ["copy", "move"])
def test_copy_and_move_to_a_name_that_is_taken(storage, written, steady, sent, transfer):
    with pytest.raises(fs.FileExists):
        getattr(storage, transfer)(written, "first.txt")
    # the second one is for the source, whose absence is the greater fault
    assert sent == [HEAD, HEAD]


@pytest.mark.parametrize("transfer", ["copy", "move"])
def test_copy_and_move_onto_itself(storage, written, sent, transfer):
    getattr(storage, transfer)(written, written)
    assert sent == [HEAD]
    assert storage.read(written) == b"content"


# Versions


def test_delete_a_version(storage, written, sent):
    version = storage.version(written)
    assert sent == [HEAD]
    assert not storage.delete_version(written, "another")
    assert sent == [HEAD, HEAD]
    assert storage.delete_version(written, version)
    assert sent == [HEAD, HEAD, HEAD, DELETE]
    assert not storage.exists(written)


@on_both
def test_replace_a_version(s3_endpoint, storage, written, sent):
    version = storage.replace_version(written, b"new", storage.version(written)).version
    # OpenStack Swift has said by then that it does not know the condition, so it is looked up
    look = [HEAD] if s3_endpoint.name == "swift" else []
    sent.clear()
    newer = storage.replace_version(written, b"newer", version).version
    assert sent == [HEAD, *look, PUT]
    sent.clear()
    with pytest.raises(fs.VersionChanged):
        storage.replace_version(written, b"lost", version)
    assert sent == [HEAD]
    sent.clear()
    storage.replace_version(written, LARGE, newer)
    assert sent == [HEAD, BEGIN, PART, PART, PART, HEAD, COMPLETE]
    assert storage.read(written) == LARGE


# Deletions


def test_delete_a_file(storage, written, sent):
    storage.delete(written)
    assert sent == [LIST, DELETE]
    assert not storage.exists(written)


def test_delete_what_is_not_there(storage, sent):
    storage.delete("absent.txt")
    assert len(sent) <= 2


def test_delete_a_small_tree(storage, sent):
    for name in ("tree/a.txt", "tree/deep/b.txt", "tree.txt"):
        storage.write(name, "content")
    sent.clear()
    storage.delete("tree")
    assert sent == [LIST, DELETE_MANY]
    assert list(storage.list_files()) == ["tree.txt"]


def test_a_prefix_costs_nothing(app, make_storage):
    storage = make_storage(PREFIX="some/where")
    with app.app_context(), requests_of(storage.backend.store.client) as sent:
        for call, cost in [
            (lambda: storage.write("a.txt", "content"), [PUT]),
            (lambda: storage.exists("a.txt"), [HEAD]),
            (lambda: storage.metadata("a.txt"), [HEAD]),
            (lambda: storage.metadata("a.txt", checksum=False), [HEAD]),
            (lambda: storage.size("a.txt"), [HEAD]),
            (lambda: list(storage.entries()), [LIST]),
            (lambda: storage.read("a.txt"), [GET]),
            (lambda: storage.copy("a.txt", "b.txt", overwrite=True), [COPY]),
            (lambda: storage.move("b.txt", "c.txt", overwrite=True), [COPY, HEAD, DELETE]),
            (lambda: list(storage.list_files()), [LIST]),
            (lambda: storage.delete("a.txt"), [LIST, DELETE]),
            (lambda: storage.url("a.txt"), []),
        ]:
            sent.clear()
            call()
            assert sent == cost


# Serving


@pytest.fixture
def web(app):
    return app.test_client()


@pytest.mark.parametrize(
    ("headers", "expected", "content"),
    [
        ({}, 200, LARGE),
        ({"Range": "bytes=100-199"}, 206, LARGE[100:200]),
        ({"Range": "bytes=0-0"}, 206, LARGE[:1]),
        ({"Range": "bytes=100-"}, 206, LARGE[100:]),
        ({"Range": "bytes=-1000"}, 206, LARGE[-1000:]),
        ({"Range": f"bytes=-{len(LARGE)}"}, 206, LARGE),
        ({"Range": f"bytes=100-{2 * len(LARGE)}"}, 206, LARGE[100:]),
        ({"Range": "bytes=0-99,200-299"}, 200, LARGE),
    ],
    ids=["whole", "range", "first byte", "open range", "suffix", "all by suffix", "over the end", "two ranges"],
)
def test_serve(storage, large, web, sent, headers, expected, content):
    with web.get(storage.url(large), headers=headers) as response:
        assert response.status_code == expected
        assert response.content_length == len(content)
        assert response.data == content
    assert sent == [GET]


def test_serve_one_range_behind_another(storage, large, web, sent):
    for start in range(0, len(LARGE), 3 * MIB):
        sent.clear()
        with web.get(storage.url(large), headers={"Range": f"bytes={start}-{start + MIB - 1}"}) as response:
            assert response.data == LARGE[start : start + MIB]
        assert sent == [GET]


def test_serve_an_empty_file(storage, web, sent):
    storage.write("empty.txt", b"")
    sent.clear()
    with web.get(storage.url("empty.txt")) as response:
        assert (response.status_code, response.content_length, response.data) == (200, 0, b"")
    assert sent == [GET]


def test_serve_head(storage, large, web, sent):
    with web.head(storage.url(large)) as response:
        assert response.status_code == 200
        assert response.content_length == len(LARGE)
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.data == b""
    assert sent == [HEAD]


def test_serve_what_the_client_has(storage, written, web, sent):
    with web.get(storage.url(written)) as response:
        etag, modified = response.headers["ETag"], response.headers["Last-Modified"]
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        sent.clear()
        with web.get(storage.url(written), headers=headers) as response:
            assert response.status_code == 304
            assert response.data == b""
            assert response.headers["ETag"] == etag
        assert len(sent) == 1


@pytest.mark.parametrize("fresh", [True, False])
def test_serve_the_rest_of_a_download(storage, large, web, sent, fresh):
    with web.head(storage.url(large)) as response:
        etag = response.headers["ETag"]
    sent.clear()
    headers = {"Range": "bytes=1000000-", "If-Range": etag if fresh else '"another"'}
    with web.get(storage.url(large), headers=headers) as response:
        assert response.status_code == (206 if fresh else 200)
        assert response.data == (LARGE[1000000:] if fresh else LARGE)
    # the start is asked for again where the file is another one by now
    assert sent == ([GET] if fresh else [GET, GET])


def test_serve_what_is_not_there(storage, web, sent):
    with web.get(storage.url("absent.txt")) as response:
        assert response.status_code == 404
    assert sent == [GET]
    with web.head(storage.url("absent.txt")) as response:
        assert response.status_code == 404
    assert sent == [GET, HEAD]


@on_both
def test_serve_a_range_behind_the_end(s3_endpoint, storage, written, web, sent):
    with web.get(storage.url(written), headers={"Range": "bytes=7-"}) as response:
        assert response.status_code == 416
        assert response.headers["Content-Range"] == "bytes */7"
    # the refusal of OpenStack Swift does not say how long the file is
    assert sent == ([GET, HEAD] if s3_endpoint.name == "swift" else [GET])


def test_serve_a_range_behind_the_end_under_conditions(storage, written, web):
    etag = web.head(storage.url(written)).headers["ETag"]
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": '"other"'}, 416),
        ({"If-None-Match": f'"other", {etag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": etag}, 416),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": '"other"', "If-None-Match": etag}, 412),
        ({"If-Range": etag}, 416),
        ({"If-Range": '"other"'}, 200),
        ({"If-Unmodified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"}, 412),
    ):
        with web.get(storage.url(written), headers={"Range": "bytes=7-", **headers}) as response:
            assert response.status_code == status, headers


# Standard methods


def test_standard_methods(app, make_storage):
    storage = make_storage()
    with app.app_context():
        for name in ("a.txt", "dir/b.txt", "dir/deep/c.txt"):
            storage.write(name, "content")
        with requests_of(storage.backend.store.client) as sent:
            handle = storage.fs
            assert sent == []
            for call, expected, cost in [
                (lambda: handle.isdir("dir"), True, [LIST]),
                (lambda: handle.isdir("absent"), False, [LIST]),
                (lambda: handle.isfile("a.txt"), True, [HEAD]),
                (lambda: handle.exists("dir/b.txt"), True, [HEAD]),
                (lambda: handle.exists("dir"), True, [HEAD, LIST]),
                (lambda: handle.getinfo("dir/b.txt", ["details"]).size, 7, [HEAD]),
                (lambda: handle.getsize("a.txt"), 7, [HEAD]),
                (lambda: handle.getinfo("dir").is_dir, True, [HEAD, LIST]),
                (lambda: sorted(handle.listdir("/")), ["a.txt", "dir"], [LIST]),
                (lambda: sorted(handle.listdir("dir")), ["b.txt", "deep"], [LIST]),
                (lambda: handle.isempty("dir"), False, [LIST]),
                (lambda: handle.readbytes("dir/b.txt"), b"content", [GET]),
                (lambda: sorted(handle.walk.files()), ["/a.txt", "/dir/b.txt", "/dir/deep/c.txt"], [LIST] * 3),
                (lambda: handle.copy("a.txt", "d.txt", overwrite=True), None, [LIST, COPY]),
                (lambda: handle.removetree("dir"), None, [LIST, LIST, DELETE_MANY]),
            ]:
                sent.clear()
                assert call() == expected
                assert sent == cost


# Thousands


@pytest.fixture
def page(s3_endpoint):
    """How many keys the server lists at once."""
    return PAGES.get(s3_endpoint.name, BATCH)


@pytest.fixture(scope="module")
def crowd(s3_endpoint, soak):
    """A bucket with more files and directories in one than the server lists at once. The last test empties it."""
    size = PAGES.get(s3_endpoint.name, BATCH) * 11 // 10
    if soak:
        size = 2500
    client = bare_client(s3_endpoint)
    with new_bucket(s3_endpoint) as bucket, ThreadPoolExecutor(8) as pool:
        names = [f"tree/{number:04}{'/file.txt' if number % 2 else '.txt'}" for number in range(size)]
        list(pool.map(lambda name: client.put_object(Bucket=bucket, Key=name), ["tree.txt", *names]))
        yield bucket, names


@pytest.fixture
def crowded(app, make_storage, crowd):
    storage = make_storage(BUCKET=crowd[0])
    with app.app_context():
        yield storage


@on_both
def test_list_thousands(crowded, crowd, page):
    with requests_of(crowded.backend.store.client) as sent:
        assert list(crowded.list_files("tree/")) == crowd[1]
        assert sent == [LIST] * math.ceil(len(crowd[1]) / page)


def test_listing_is_lazy(crowded, crowd, page):
    with requests_of(crowded.backend.store.client) as sent:
        names = crowded.list_files("tree/")
        assert next(names) == crowd[1][0]
        assert sent == [LIST]
        assert len(list(islice(names, page + 5))) == page + 5
        assert sent == [LIST] * 2


def test_list_thousands_with_facts(crowded, crowd, page):
    with requests_of(crowded.backend.store.client) as sent:
        entries = crowded.entries("tree/")
        assert sent == []
        found = [next(entries)]
        assert sent == [LIST]
        found += entries
        assert sent == [LIST] * math.ceil(len(crowd[1]) / page)
    assert [entry.name for entry in found] == crowd[1]
    assert {(entry.size, entry.content_type) for entry in found} == {(0, "text/plain")}


def test_scan_thousands(crowded, crowd, page):
    with requests_of(crowded.backend.store.client) as sent:
        infos = list(crowded.fs.scandir("tree", ["details"]))
        assert sorted(info.name for info in infos) == [name.split("/")[1] for name in crowd[1]]
        assert sum(info.is_dir for info in infos) == sum(info.modified is None for info in infos) == len(infos) // 2
        assert sent == [LIST] * math.ceil(len(crowd[1]) / page)
        sent.clear()
        assert len(crowded.fs.listdir("tree")) == len(crowd[1])
        assert sent == [LIST] * math.ceil(len(crowd[1]) / page)
        sent.clear()
        assert len(list(crowded.fs.scandir("tree", ["details"], page=(0, page + 5)))) == page + 5
        assert sent == [LIST] * 2


def test_ask_for_a_directory_of_thousands(crowded):
    with requests_of(crowded.backend.store.client) as sent:
        assert crowded.fs.isdir("tree")
        assert not crowded.fs.isempty("tree")
        assert sent == [LIST] * 2


@on_both
def test_delete_thousands(crowded, crowd, page):
    with requests_of(crowded.backend.store.client) as sent:
        crowded.delete("tree")
        # the name itself may be a file's
        listed, deleted = math.ceil(len(crowd[1]) / page), math.ceil((1 + len(crowd[1])) / BATCH)
        assert operations(sent) == {"ListObjectsV2": listed, "DeleteObjects": deleted}
        assert list(crowded.list_files()) == ["tree.txt"]


# Notes


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "in parts"])
def test_a_note_costs_no_request_to_write(storage, sent, content):
    store = storage.backend.store
    ways = []
    for note in ({}, {"note": "n"}):
        sent.clear()
        store.put("a", io.BytesIO(content), **note)
        version = store.put(f"b{note}", io.BytesIO(content), overwrite=False, **note)
        store.replace_version(f"b{note}", io.BytesIO(content), version, **note)
        store.facts("a")
        list(store.iter_facts())
        ways.append(operations(sent))
    assert ways[0] == ways[1]


def test_a_copy_with_a_note_looks_the_source_up(storage, written, sent):
    store = storage.backend.store
    store.copy_from(store, "a.txt", "b.txt")
    assert sent == [COPY]
    sent.clear()
    store.copy_from(store, "a.txt", "b.txt", note="n")
    assert sent == [HEAD, COPY]
    sent.clear()
    # its own note changes nothing for a copy without one
    store.copy_from(store, "b.txt", "c.txt")
    store.copy_file("b.txt", "c.txt")
    assert sent == [COPY, COPY]
