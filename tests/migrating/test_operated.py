"""A filesystem over the operations of a backend that other code wrote."""

# mypy: disable-error-code="override, assignment"

import hashlib
import io
from contextlib import contextmanager
from datetime import datetime

import pytest
from fs import errors

import flask_pyfs as fs
from flask_pyfs.backends.flaskfs import FlaskFSBackend
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.backends.operated import OperatedFS
from flask_pyfs.backends.registry import Callee
from flask_pyfs.config import Config
from flask_pyfs.filesystems.objects import Unchanged
from flask_pyfs.filesystems.store import OtherVersion
from flask_pyfs.testing import StorageConformance


class Dictionary(fs.BaseBackend):
    """A backend as Flask-FS has them."""

    def __init__(self, name, config):
        super().__init__(name, config)
        self.contents = {}
        self.times = {}

    def exists(self, filename):
        return filename in self.contents

    @contextmanager
    def open(self, filename, mode="r", encoding="utf8"):
        file = io.BytesIO(self.contents[filename])
        yield file if "b" in mode else io.TextIOWrapper(file, encoding)

    def read(self, filename):
        return self.contents[filename]

    def write(self, filename, content):
        content = content.read() if hasattr(content, "read") else self.as_binary(content)
        self.contents[filename], self.times[filename] = content, datetime.now()

    def delete(self, filename):
        del self.contents[filename]

    def copy(self, filename, target):
        self.write(target, self.read(filename))

    def list_files(self):
        return iter(list(self.contents))

    def get_metadata(self, filename):
        content = self.contents[filename]
        checksum = f"sha1:{hashlib.sha1(content).hexdigest()}"
        return {"checksum": checksum, "size": len(content), "mime": None, "modified": self.times[filename]}


class Placing(LocalBackend):
    """Puts each file elsewhere than at its name."""

    def path(self, filename):
        return super().path(f"{hashlib.sha1(filename.encode()).hexdigest()[:2]}/{filename}")

    def list_files(self):
        return (name.partition("/")[2] for name in super().list_files())


class Operating(fs.BaseBackend):
    """Its filesystem is that of the operations of another backend."""

    options = ()

    def __init__(self, name, config):
        super().__init__(name, config)
        self.old = Dictionary(name, Config())

    def open_fs(self):
        return OperatedFS(FlaskFSBackend(self.old, self.name, ""))


class TestThroughMethodsOfFlaskFS(StorageConformance):
    exclusive_create = False
    has_directories = False

    @pytest.fixture
    def storage(self, app, configure_storage):
        storage = configure_storage("files", {"BACKEND": "memory"})
        with app.app_context():
            storage.backend = Operating("files", {})
            yield storage

    def test_the_standard_handle(self, storage):
        # it has no empty directories
        storage.write("d/a.txt", b"content")
        handle = storage.fs
        assert handle.readbytes("d/a.txt") == b"content"
        assert list(handle.walk.files()) == ["/d/a.txt"]
        assert handle.isdir("d")
        handle.writetext("e/f/b.txt", "other")
        assert storage.read("e/f/b.txt") == b"other"


@pytest.fixture(params=["methods of Flask-FS", "a directory with places of its own"])
def store(request, tmp_path):
    if request.param == "methods of Flask-FS":
        return OperatedFS(FlaskFSBackend(Dictionary("old", Config()), "old", "some/where"))
    placing = Placing("old", {"root": str(tmp_path), "prefix": "some/where"})
    operations = Callee(placing, "old", "some/where").operations
    assert isinstance(operations, FlaskFSBackend)
    return OperatedFS(operations)


def test_a_large_file_goes_through_in_parts(store):
    store.part_size = 1000
    content = bytes(range(256)) * 40
    version = store.put("a/b", io.BytesIO(content))
    assert store.facts("a/b").version == version
    assert store.read_file("a/b") == content
    facts, file = store.fetch("a/b", 500, 510)
    assert facts.size == len(content)
    with file:
        file.seek(9000)
        assert file.read(7) == content[9000:9007]
        file.seek(3)
        assert file.read() == content[3:]


def test_a_version_is_that_of_one_write(store):
    first = store.put("a", io.BytesIO(b"one"))
    second = store.replace_version("a", io.BytesIO(b"two"), first)
    assert first != second == store.facts("a").version
    with pytest.raises(OtherVersion):
        store.replace_version("a", io.BytesIO(b"three"), first)
    with pytest.raises(OtherVersion):
        store.replace_version("missing", io.BytesIO(b"three"), first)
    assert not store.delete_version("a", first)
    assert not store.delete_version("missing", first)
    assert store.read_file("a") == b"two"
    assert store.delete_version("a", second)
    assert not store.has_file("a")


def test_what_a_reader_has_opened_is_of_one_version(store):
    store.put("a", io.BytesIO(bytes(200_000)))
    facts, file = store.fetch("a")
    with pytest.raises(Unchanged):
        store.fetch("a", unless=facts.etag)
    store.put("a", io.BytesIO(b"new" * 100_000))
    with file:
        file.seek(150_000)
        with pytest.raises(errors.FSError):
            file.read()


def test_only_the_start_of_a_listing_is_listed(store):
    for path in ("a", "b/c", "b/d/e", "b0", "ba"):
        store.put(path, io.BytesIO(b"x"))
    assert [path for path, _ in store.iter_facts()] == ["a", "b/c", "b/d/e", "b0", "ba"]
    assert sorted(store.iter_files("b")) == ["b/c", "b/d/e", "b0", "ba"]
    assert [path for path, _ in store.iter_facts("b/")] == ["b/c", "b/d/e"]
    assert {path for path, _ in store.iter_level("b")} == {"b/c", "b/d/"}
    store.delete_tree("b")
    assert sorted(store.iter_files()) == ["a", "b0", "ba"]
    assert dict(store.iter_facts())["a"].size == 1


def test_who_may_not_overwrite_is_told(store):
    store.put("a", io.BytesIO(b"x"))
    store.put("b", io.BytesIO(b"y"))
    with pytest.raises(errors.FileExists):
        store.put("a", io.BytesIO(b"z"), overwrite=False)
    with pytest.raises(errors.FileExists):
        store.copy_file("b", "a", overwrite=False)
    with pytest.raises(errors.ResourceNotFound):
        store.copy_file("missing", "c")
    store.move_file("b", "a")
    assert store.read_file("a") == b"y"
    assert not store.has_file("b")


def test_files_that_the_methods_cannot_find_are_told():
    old = Dictionary("old", Config())
    store = OperatedFS(FlaskFSBackend(old, "old", ""))
    old.write("a//b", b"x")
    old.write("c", b"y")
    told = []
    assert [path for path, _ in store.iter_facts(unread=lambda path, error: told.append(path))] == ["c"]
    assert told == ["a//b"]
    assert list(store.iter_files()) == ["c"]


def test_a_backend_without_an_open():
    class Small(Dictionary):
        open = fs.BaseBackend.open

    store = OperatedFS(FlaskFSBackend(Small("old", Config()), "old", ""))
    store.put("a", io.BytesIO(b"content"))
    assert store.read_file("a") == b"content"
