"""MAX_SIZE, empty uploads and names for downloads, on every backend."""

import io
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from serving.conftest import STORES, on_servers
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs

MIB = 1024 * 1024
MOST = 11 * MIB
# so that two parts are sent before it is too much
PARTS = {"s3": {"PART_SIZE": 5 * MIB}, "swift": {"SEGMENT_SIZE": 2 * MIB}}
KINDS = ["local", "memory", "pyfs", *on_servers(STORES)]


class Stream:
    """A stream of unknown length, such as a pipe."""

    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        piece = bytes(min(self.left, size if size >= 0 else self.left))
        self.left -= len(piece)
        return piece


@pytest.fixture(params=KINDS)
def storage(request, place_on, app, configure_storage):
    backend = request.param.partition("-")[0]
    with place_on(request.param) as settings:
        storage = configure_storage("files", {**settings, "MAX_SIZE": "11 MiB", **PARTS.get(backend, {})})
        with app.app_context():
            yield storage
            if backend == "pyfs":
                storage.backend.store.standard.close()


def test_the_largest_upload(storage):
    storage.save(Stream(MOST), "stream.bin")
    storage.save(io.BytesIO(bytes(MOST)), "file.bin")
    assert [storage.metadata(name)["size"] for name in ("stream.bin", "file.bin")] == [MOST, MOST]


@pytest.mark.parametrize("extra", [1, 1000 * MIB])
def test_nothing_remains_of_a_stream_that_is_too_long(storage, extra):
    storage.write("old.bin", "old")
    for name in ("new.bin", "old.bin"):
        stream: Any = Stream(MOST + extra)
        with pytest.raises(fs.FileTooLarge) as caught:
            storage.save(stream if name == "new.bin" else FileStorage(stream, name), name, overwrite=True)
        assert (caught.value.path, caught.value.storage) == (name, "files")
        # no more is read than shows that it is too long
        assert stream.left == extra - 1
    assert {name: storage.read(name) for name in storage.list_files()} == {"old.bin": b"old"}
    assert storage.backend.remove_leftovers(-60) == 0


def test_a_file_that_is_too_large_is_not_sent(storage):
    upload = io.BytesIO(bytes(MOST + 3))
    upload.seek(2)
    with pytest.raises(fs.FileTooLarge):
        storage.save(upload, "a.bin")
    assert upload.tell() == 2
    assert list(storage.list_files()) == []
    upload.seek(3)
    storage.save(upload, "a.bin")
    assert storage.metadata("a.bin")["size"] == MOST


def test_an_upload_that_was_read_before(storage):
    upload = io.BytesIO(b"content")
    upload.read()
    with pytest.raises(fs.EmptyUpload) as caught:
        storage.save(upload, "a.txt")
    assert (caught.value.path, caught.value.storage) == ("a.txt", "files")
    assert list(storage.list_files()) == []
    storage.save(io.BytesIO(), "empty.txt")
    assert storage.read("empty.txt") == b""


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("Bericht 2026.pdf", 'attachment; filename="Bericht 2026.pdf"'),
        ("\N{PARTY POPPER}.exe", "attachment; filename=download.exe; filename*=UTF-8''%F0%9F%8E%89.exe"),
        # what follows the last separator
        ('50%41 "q\\".txt', "attachment; filename=_.txt; filename*=UTF-8''%22.txt"),
    ],
)
def test_a_signed_url_for_a_download(app, storage, name, disposition):
    storage.write("a.txt", "content")
    url = storage.url("a.txt", expires=60, download=name)
    if urlsplit(url).netloc:
        with urlopen(url) as response:
            found = response.headers["Content-Disposition"]
    else:
        found = app.test_client().get(url, buffered=True).headers["Content-Disposition"]
    assert found == disposition
