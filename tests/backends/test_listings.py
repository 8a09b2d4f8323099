"""Entries, sizes and metadata of backends whose methods other code wrote."""

# mypy: disable-error-code="override"

from datetime import datetime, timezone
from types import SimpleNamespace
from unittest import mock

import pytest
from fs.memoryfs import MemoryFS
from test_old_style import Dictionary

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, registry
from flask_pyfs.backends.local import LocalBackend

NAMES = ["b", "a/b", "a.txt", "a0", "\U0001f600", "\ufffd"]
ORDERED = sorted(NAMES, key=str.encode)
LONG_AGO = datetime(2017, 1, 1)


@pytest.fixture
def configured(app, monkeypatch, configure_storage):
    """A function that configures a storage whose backend is of a class, with a few files."""

    def configured(kind, names=NAMES, **settings):
        entry = SimpleNamespace(load=lambda: kind, module="other", name="other")
        found = {**registry.installed(), "other": entry}
        monkeypatch.setattr(registry, "installed", lambda: found)
        storage = configure_storage("files", {"BACKEND": "other", **settings})
        for name in names:
            storage.write(name, name)
        return storage

    with app.app_context():
        yield configured


def listed(storage, prefix=None):
    return [(entry.name, entry.size) for entry in storage.entries(prefix)]


def with_sizes(names):
    return [(name, len(name.encode())) for name in names]


# Of Flask-FS


class Described(Dictionary):
    """Knows of a file what a backend of Flask-FS tells."""

    def get_metadata(self, filename):
        return {"checksum": None, "size": len(self.contents[filename]), "mime": None, "modified": LONG_AGO}


class Telling(Dictionary):
    """Has the checksum only if it is asked for."""

    def metadata(self, filename, checksum=True):
        found = "md5:0" if checksum else None
        return {"checksum": found, "size": len(self.contents[filename]), "mime": "x/y", "modified": None}


@pytest.mark.parametrize("prefix", ["", "p"])
@pytest.mark.parametrize("kind", [Described, Telling])
def test_an_old_backend(configured, kind, prefix):
    storage = configured(kind, PREFIX=prefix)
    assert listed(storage) == with_sizes(ORDERED)
    assert listed(storage, "a") == with_sizes(["a.txt", "a/b", "a0"])
    assert storage.size("a/b") == 3
    for name in ("no", "a"):
        for call in (storage.size, storage.metadata):
            with pytest.raises(fs.FileNotFound):
                call(name)


def test_the_facts_of_an_old_backend(configured):
    entries = {entry.name: entry for entry in configured(Described).entries()}
    assert (entries["a.txt"].content_type, entries["b"].content_type) == ("text/plain", "application/octet-stream")
    # it told the local time
    assert entries["b"].modified == LONG_AGO.astimezone(timezone.utc)
    storage = configured(Telling)
    assert {(entry.content_type, entry.modified) for entry in storage.entries()} == {("x/y", None)}
    assert storage.metadata("b")["checksum"] == "md5:0"
    assert storage.metadata("b", checksum=False)["checksum"] is None


def test_a_file_that_is_deleted_meanwhile(configured):
    storage = configured(Described)
    entries = storage.entries()
    assert next(entries).name == ORDERED[0]
    storage.delete(ORDERED[1])
    assert [entry.name for entry in entries] == ORDERED[2:]


def test_an_error_of_an_old_backend_is_its_own(configured):
    storage = configured(Described)
    storage.backend.contents["b"] = None
    for call in (lambda: storage.size("b"), lambda: storage.metadata("b"), lambda: list(storage.entries("b"))):
        with pytest.raises(TypeError):
            call()


def test_an_old_backend_that_tells_no_sizes(configured):
    storage = configured(Dictionary)
    storage.backend.get_metadata = lambda filename: {"checksum": None}
    for call in (lambda: storage.size("b"), lambda: list(storage.entries())):
        with pytest.raises(fs.OperationNotSupported, match="Dictionary does not tell the sizes"):
            call()


def test_a_mock_sees_the_calls_of_flask_fs(configured):
    storage = configured(Dictionary, names=())
    storage.backend = backend = mock.Mock()
    backend.metadata.return_value = {"size": 5, "checksum": None, "modified": None}
    backend.list_files.return_value = ["b", "a"]
    assert storage.size("a") == storage.metadata("a", checksum=False)["size"] == 5
    assert listed(storage) == [("a", 5), ("b", 5)]
    assert backend.metadata.mock_calls == [mock.call(name) for name in ("a", "a", "a", "b")]


# A built-in backend, of which some methods were overridden as Flask-FS had them


class Hiding(LocalBackend):
    def list_files(self):
        return (name for name in super().list_files() if name != "b")


class Lying(LocalBackend):
    def get_metadata(self, filename):
        return {**super().get_metadata(filename), "size": 5}


def test_a_local_backend_that_hides_files(configured):
    storage = configured(Hiding)
    assert listed(storage) == with_sizes(name for name in ORDERED if name != "b")
    assert listed(storage, "a/") == [("a/b", 3)]
    assert storage.size("b") == 1


def test_a_local_backend_that_tells_other_sizes(configured):
    storage = configured(Lying)
    assert listed(storage) == [(name, 5) for name in ORDERED]
    assert storage.size("b") == storage.metadata("b", checksum=False)["size"] == 5


def test_a_local_backend_that_puts_files_elsewhere(configured):
    class Sharded(LocalBackend):
        def path(self, filename):
            return f"{self.root}/{filename[:1]}/{filename}"

    storage = configured(Sharded, names=["b1", "a2"])
    # the names on the disk, as list_files has them
    assert listed(storage) == [("a/a2", 2), ("b/b1", 2)]
    assert storage.size("b1") == 2


# A backend of today


class Memory(BaseBackend):
    options = ()

    def open_fs(self):
        return MemoryFS()


class HidingMemory(Memory):
    def list_files(self, prefix=None):
        return (name for name in super().list_files(prefix) if name != "b")


class OlderMetadata(Memory):
    """Was written before there was checksum."""

    def metadata(self, filename):
        return {**super().metadata(filename), "mime": "x/y"}


class OlderGetMetadata(Memory):
    def get_metadata(self, filename):
        return {**super().get_metadata(filename), "mime": "x/y"}


def test_a_backend_that_hides_files(configured):
    storage = configured(HidingMemory)
    assert listed(storage) == with_sizes(name for name in ORDERED if name != "b")
    entries = storage.entries()
    next(entries)
    storage.delete(ORDERED[1])
    assert [entry.name for entry in entries] == [name for name in ORDERED[2:] if name != "b"]
    with pytest.raises(fs.InvalidPath):
        storage.entries("../a")


class DoublingMemory(Memory):
    def list_files(self, prefix=None):
        names = list(super().list_files(prefix))
        return iter([*names, *names])


class Doubling(Described):
    def list_files(self):
        names = list(super().list_files())
        return iter([*names, *names])


@pytest.mark.parametrize("kind", [DoublingMemory, Doubling])
def test_a_name_that_other_code_lists_twice(configured, kind):
    assert listed(configured(kind)) == with_sizes(ORDERED)


@pytest.mark.parametrize("kind", [OlderMetadata, OlderGetMetadata])
def test_an_override_that_knows_no_checksum_argument(configured, kind):
    storage = configured(kind)
    assert storage.metadata("b", checksum=False)["mime"] == storage.metadata("b")["mime"] == "x/y"
    assert storage.size("b") == 1
