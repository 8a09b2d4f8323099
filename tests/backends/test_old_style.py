"""Backends that were written for Flask-FS, with the parts that differ from backend to backend."""

# mypy: disable-error-code="override, method-assign"

import io
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.backends import registry


class Dictionary(fs.BaseBackend):
    """As small as a backend of Flask-FS may be."""

    def __init__(self, name, config):
        super().__init__(name, config)
        self.contents = {}

    def exists(self, filename):
        return filename in self.contents

    def read(self, filename):
        return self.contents[filename]

    def write(self, filename, content):
        self.contents[filename] = self.as_binary(content)

    def delete(self, filename):
        del self.contents[filename]

    def copy(self, filename, target):
        self.contents[target] = self.contents[filename]

    def list_files(self):
        return iter(self.contents)


class Kept(io.BytesIO):
    def __init__(self, contents, filename):
        super().__init__()
        self.contents, self.filename = contents, filename

    def close(self):
        self.contents[self.filename] = self.getvalue()
        super().close()


class Binary(Dictionary):
    def open(self, filename, mode="r"):
        return io.BytesIO(self.contents[filename]) if "r" in mode else Kept(self.contents, filename)


class Text(Dictionary):
    """Ignores that it is asked for bytes."""

    def open(self, filename, mode="r"):
        return io.StringIO(self.contents[filename].decode("latin-1"))


class Context(Dictionary):
    """Its open is only a context, as those of Flask-FS's stores are."""

    @contextmanager
    def open(self, filename, mode="r"):
        file = io.BytesIO(self.contents[filename] if "r" in mode else b"")
        yield file
        self.contents[filename] = file.getvalue()


@pytest.fixture
def configured(app, monkeypatch, configure_storage):
    """A function that configures a storage with a backend of a class."""

    def configured(kind, **settings):
        found = {**registry.installed(), "own": SimpleNamespace(load=lambda: kind, module="own", name="own")}
        monkeypatch.setattr(registry, "installed", lambda: found)
        return configure_storage("files", {"BACKEND": "own", **settings})

    with app.app_context():
        yield configured


@pytest.mark.parametrize("kind", [Binary, Context])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_an_open_without_an_encoding(configured, kind, encoding):
    storage = configured(kind)
    with storage.open("a.txt", "w", encoding) as file:
        file.write("café\n")
    assert storage.backend.contents == {"a.txt": "café\n".encode(encoding)}
    with storage.open("a.txt", "r", encoding, newline="") as file:
        assert file.read() == "café\n"
    with storage.open("a.txt", "rb") as file:
        assert file.read() == "café\n".encode(encoding)


def test_an_open_that_gives_text_whatever_it_is_asked_for(configured):
    storage = configured(Text)
    storage.write("a.txt", "café".encode("latin-1"))
    with storage.open("a.txt") as file:
        assert file.read() == "café"


def test_a_save_that_calls_the_one_of_its_base(configured):
    class Saving(Dictionary):
        def save(self, file_or_wfs, filename):
            self.saved = filename
            return super().save(file_or_wfs, filename)

    storage = configured(Saving, PREFIX="p")
    storage.save(FileStorage(io.BytesIO(b"content"), filename="A.TXT"))
    assert storage.backend.saved == "p/A.txt"
    assert storage.backend.contents == {"p/A.txt": b"content"}


def test_the_methods_of_the_base_use_the_others(configured):
    backend = configured(Binary).backend
    backend.write("a.txt", "text")
    assert list(backend.read_chunks("a.txt", 3)) == [b"tex", b"t"]
    backend.save(io.BytesIO(b"saved"), "b.txt")
    backend.move("b.txt", "c.txt")
    assert backend.contents == {"a.txt": b"text", "c.txt": b"saved"}


def test_a_move_without_one(configured):
    storage = configured(Dictionary)
    storage.write("a.txt", "text")
    storage.write("b.txt", "other")
    storage.move("a.txt", "c.txt")
    with pytest.raises(fs.FileExists):
        storage.move("c.txt", "b.txt")
    storage.move("c.txt", "b.txt", overwrite=True)
    assert storage.backend.contents == {"b.txt": b"text"}


def test_a_move_without_a_copy(configured):
    class Uncopyable(Dictionary):
        copy = fs.BaseBackend.copy

    storage = configured(Uncopyable)
    storage.write("a.txt", "text")
    storage.move("a.txt", "b.txt")
    assert storage.backend.contents == {"b.txt": b"text"}


@pytest.mark.parametrize("prefix", ["", "p"])
def test_a_listing_that_takes_a_prefix_gets_only_directories(configured, prefix):
    class Listing(Dictionary):
        def list_files(self, prefix=None):
            asked.append(prefix)
            return [name for name in self.contents if name.startswith(prefix or "")]

    asked = []
    storage = configured(Listing, PREFIX=prefix)
    for name in ("a/b.txt", "ab.txt"):
        storage.write(name, "text")
    assert sorted(storage.list_files("a")) == ["a/b.txt", "ab.txt"]
    assert sorted(storage.list_files("a/")) == ["a/b.txt"]
    assert asked == [None, f"{prefix}/a/".lstrip("/")]


def test_names_that_peers_have():
    from flask_pyfs.backends.swift import ETagMismatchError, PoolExhaustedError

    assert issubclass(ETagMismatchError, fs.BackendError)
    assert issubclass(PoolExhaustedError, fs.BackendError)
    assert fs.errors.ETagMismatchError is ETagMismatchError
    assert "flask_pyfs.backends.swift" in sys.modules
