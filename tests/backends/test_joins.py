"""What a subclass does with the content of files is done with that of joined ones too."""

# mypy: disable-error-code="override"

import io
from typing import ClassVar

import pytest

import flask_pyfs as fs
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.names import Reserved
from flask_pyfs.state import find


class Writing(MemoryBackend):
    def write(self, filename, content, overwrite=True):
        return super().write(filename, content.upper(), overwrite)


class Saving(LocalBackend):
    def save(self, file, filename, overwrite=True):
        return super().save(io.BytesIO(file.read().upper()), filename, overwrite)


class Ensuring(LocalBackend):
    ensured: ClassVar = []

    def ensure_path(self, filename):
        self.ensured.append(filename)


class Old:
    def __init__(self, name, config):
        self.files = {}

    def exists(self, filename):
        return filename in self.files

    def write(self, filename, content):
        self.files[filename] = content


def joined(app, monkeypatch, backend_class):
    monkeypatch.setattr(fs.backends.registry, "load", lambda *arguments: backend_class)
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    operations = find(storage).operations
    paths = [Reserved(f".flask_pyfs/uploads/x/{number}") for number in range(3)]
    for path in paths if hasattr(storage.backend, "store") else ():
        storage.backend.store.put(path, io.BytesIO(b"piece " + path[-1].encode()))
    return storage, operations.join(paths, "a.txt", False)


@pytest.mark.parametrize("backend_class", [Writing, Saving])
def test_a_method_of_an_app_gets_the_content(app, monkeypatch, backend_class):
    with app.app_context():
        storage, name = joined(app, monkeypatch, backend_class)
        assert (name, storage.read("a.txt")) == ("a.txt", b"PIECE 0PIECE 1PIECE 2")
        with pytest.raises(fs.FileExists):
            find(storage).operations.join([], "a.txt", False)


def test_the_directory_is_made_as_for_a_file_that_is_saved(app, monkeypatch):
    with app.app_context():
        storage, name = joined(app, monkeypatch, Ensuring)
        assert Ensuring.ensured == ["a.txt"]
        assert storage.read(name) == b"piece 0piece 1piece 2"


def test_a_backend_of_flask_fs_joins_nothing(app, monkeypatch):
    with app.app_context(), pytest.raises(fs.OperationNotSupported, match="Old was written for Flask-FS"):
        joined(app, monkeypatch, Old)
