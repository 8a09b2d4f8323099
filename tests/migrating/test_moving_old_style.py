"""Files move out of a backend that was written for Flask-FS, or of any PyFilesystem."""

# mypy: disable-error-code="override"

from types import SimpleNamespace

import pytest
from moving_storages import bring, settle
from test_operated import Dictionary

import flask_pyfs as fs
from flask_pyfs.backends import registry
from flask_pyfs.backends.local import LocalBackend


class Shouting(LocalBackend):
    """A built-in backend of which other code wrote a method."""

    def read(self, filename):
        return super().read(filename).upper()


@pytest.fixture(params=["a backend of Flask-FS", "a method of Flask-FS", "any PyFilesystem"])
def make(app, request, monkeypatch, configure_storage, tmp_path):
    """A function that configures a storage which moves from such a backend to one in memory."""
    kind = Dictionary if request.param == "a backend of Flask-FS" else Shouting
    found = {**registry.installed(), "own": SimpleNamespace(load=lambda: kind, module="own", name="own")}
    monkeypatch.setattr(registry, "installed", lambda: found)
    source = {"SOURCE": "own", "SOURCE_ROOT": str(tmp_path / "old")}
    if request.param == "any PyFilesystem":
        source = {"SOURCE": "pyfs", "SOURCE_OPEN_URL": f"osfs://{tmp_path}"}

    def make(**settings):
        return configure_storage("files", {"BACKEND": "migrating", **source, "TARGET": "memory", **settings})

    with app.app_context():
        yield make


def test_files_move_to_the_target(make):
    storage = make(PREFIX="p")
    source = storage.backend.source.operations
    for name in ("a.txt", "d/b.txt", "d/c.txt"):
        source.write(name, name.encode())
    assert [entry.name for entry in storage.entries()] == ["a.txt", "d/b.txt", "d/c.txt"]
    assert storage.size("d/b.txt") == 7
    storage.write("a.txt", b"new", overwrite=True)
    storage.delete("d/c.txt")
    assert not source.exists("d/c.txt")
    bring(storage, "a.txt", "d/b.txt")
    assert sorted(storage.list_files()) == ["a.txt", "d/b.txt"]
    target = storage.backend.target.operations
    assert (target.read("a.txt"), target.read("d/b.txt")) == (b"new", b"d/b.txt")


def test_files_move_back(make):
    storage = make(DIRECTION="back")
    source, target = storage.backend.source.operations, storage.backend.target.operations
    source.write("a.txt", b"old")
    target.write("a.txt", b"newer")
    target.write("b.txt", b"b")
    storage.write("c.txt", b"c")
    settle(storage, "a.txt", "b.txt")
    assert list(target.list_files()) == []
    with source.open("a.txt", "rb") as file:
        assert file.read() == b"newer"
    assert sorted(source.list_files()) == ["a.txt", "b.txt", "c.txt"]


def test_it_is_served(app, make):
    storage = make()
    storage.backend.source.operations.write("a.txt", b"0123456789")
    client = app.test_client()
    whole = client.get(storage.url("a.txt"))
    assert (whole.status_code, whole.data) == (200, b"0123456789")
    assert client.get(storage.url("a.txt"), headers={"Range": "bytes=2-4"}).data == b"234"
    assert client.get(storage.url("a.txt"), headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("settings", [{}, {"DIRECTION": "back"}])
def test_what_is_written_for_flask_fs_is_no_target(monkeypatch, configure_storage, settings):
    found = {**registry.installed(), "own": SimpleNamespace(load=lambda: Dictionary, module="own", name="own")}
    monkeypatch.setattr(registry, "installed", lambda: found)
    with pytest.raises(fs.ConfigurationError, match=r"FILES_FS_TARGET must be a backend .* 'own' can be a SOURCE only"):
        configure_storage("files", {"BACKEND": "migrating", "SOURCE": "memory", "TARGET": "own", **settings})
