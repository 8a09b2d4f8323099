"""Backends of other packages, installed by pip, and the backend for mocks."""

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest import mock

import pytest
from fs.memoryfs import MemoryFS
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, Config, Option, registry

PACKAGE = Path(__file__).parent.parent / "packages" / "fs_backends"

PREAMBLE = """
import io
import flask
import pytest
import flask_pyfs as fs
from werkzeug.datastructures import FileStorage

app = flask.Flask("tests")
app.config.update(FS_SERVE=True)

def configured(backend, **settings):
    storage = fs.Storage("files", fs.ALL)
    app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()}, FILES_FS_BACKEND=backend)
    fs.init_app(app, storage)
    return storage
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A directory into which pip has installed the package with backends."""
    source = tmp_path_factory.mktemp("source")
    for file in PACKAGE.iterdir():
        if file.is_file():
            (source / file.name).write_bytes(file.read_bytes())
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "--target", str(target), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def run(site, tmp_path):
    """Run a script that sees the installed package."""

    def run(script):
        path = tmp_path / "script.py"
        path.write_text(PREAMBLE + textwrap.dedent(script))
        environment = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120
        )
        assert done.returncode == 0, done.stderr

    return run


def test_a_backend_with_a_filesystem(run):
    run(
        """
        storage = configured("new", GREETING="hi ", COUNT="2")
        assert type(storage.backend).__name__ == "NewStyle"
        assert storage.read("greeting.txt") == b"hi hi "
        assert storage.config.count == 2
        storage.write("d/a.txt", "content")
        assert sorted(storage.list_files()) == ["d/a.txt", "greeting.txt"]
        assert storage.fs.readtext("d/a.txt") == "content"
        assert app.test_client().get("/files/d/a.txt", buffered=True).data == b"content"
        """
    )


def test_the_options_of_a_custom_backend_are_checked(run):
    run(
        """
        with pytest.raises(fs.ConfigurationError, match="FILES_FS_GREETING or FS_NEW_GREETING or FS_GREETING"):
            configured("new")
        with pytest.raises(fs.ConfigurationError, match="FILES_FS_COUNT must be a whole number, not 'many'"):
            configured("new", GREETING="hi", COUNT="many")
        with pytest.raises(fs.ConfigurationError, match="FILES_FS_GRETING.*FILES_FS_GREETING"):
            configured("new", GREETING="hi", COUNT=1, GRETING="x")
        del app.config["FILES_FS_GRETING"]
        # a key of another installed backend is let pass
        configured("memory", GREETING="hi")
        """
    )


def test_a_backend_of_flask_fs(run):
    run(
        """
        storage = configured("old", WHATEVER="x", PREFIX="p")
        backend = storage.backend
        assert type(backend).__name__ == "OldStyle"
        assert backend.config.whatever == "x"
        assert storage.write("a.txt", "content") == "a.txt"
        assert backend.files == {"p/a.txt": b"content"}
        with pytest.raises(fs.FileExists):
            storage.write("a.txt", "other")
        storage.write("a.txt", "other", overwrite=True)
        assert storage.read("a.txt") == b"other"
        assert b"".join(storage.read_chunks("a.txt", 2)) == b"other"
        assert storage.exists("a.txt") and not storage.exists("b.txt")
        assert storage.save(FileStorage(io.BytesIO(b"saved"), filename="B.TXT")) == "B.txt"
        with pytest.raises(fs.FileExists):
            storage.save(io.BytesIO(b"again"), "B.txt")
        assert backend.calls == ["save"]
        with storage.open("c.txt", "w") as file:
            file.write("written")
        with storage.open("c.txt") as file:
            assert file.read() == "written"
        storage.copy("c.txt", "d/e.txt")
        storage.move("c.txt", "d/f.txt")
        assert sorted(storage.list_files()) == ["B.txt", "a.txt", "d/e.txt", "d/f.txt"]
        assert sorted(storage.list_files("d/")) == ["d/e.txt", "d/f.txt"]
        with pytest.raises(fs.FileExists):
            storage.copy("a.txt", "d/e.txt")
        storage.move("a.txt", "a.txt")
        storage.delete("d")
        assert sorted(storage.list_files()) == ["B.txt", "a.txt"]
        with app.test_request_context():
            metadata = storage.metadata("a.txt")
        assert (metadata["size"], metadata["mime"], metadata["filename"]) == (5, "text/plain", "a.txt")
        for operation in (storage.read, storage.open, storage.read_chunks):
            with pytest.raises(fs.FileNotFound):
                operation("no.txt")
        with pytest.raises(fs.FileNotFound):
            storage.copy("no.txt", "x.txt")
        for operation in (storage.read, storage.delete, storage.exists):
            with pytest.raises(fs.InvalidPath):
                operation("../a.txt")
        with pytest.raises(fs.OperationNotSupported):
            storage.fs
        response = app.test_client().get("/files/a.txt")
        assert (response.data, response.headers["X-Served-By"]) == (b"other", "OldStyle")
        assert app.test_client().get("/files/no.txt").status_code == 404
        """
    )


def test_a_name_of_this_package_cannot_be_taken_over(run):
    run(
        """
        for name, module in (("local", "flask_pyfs.backends.local"), ("memory", "flask_pyfs.backends.memory")):
            assert type(configured(name).backend).__module__ == module
        """
    )


def test_a_backend_that_does_not_import(run):
    run(
        """
        with pytest.raises(fs.ConfigurationError, match="'broken' of FILES_FS_BACKEND cannot be imported") as raised:
            configured("broken")
        assert isinstance(raised.value.__cause__, ImportError)
        with pytest.raises(fs.ConfigurationError, match="broken, gridfs, local, memory, migrating, mock, new, old, pyfs"):
            configured("none")
        # it does not stand in the way of the others
        with pytest.raises(fs.ConfigurationError, match="FILES_FS_BUKET"):
            configured("memory", BUKET="x")
        """
    )


def test_a_backend_that_fails_while_it_is_imported_does_not_stop_others(app, monkeypatch, caplog):
    class Entry:
        name = module = "odd"

        def load(self):
            raise RuntimeError("its server is not configured")

    entries = {**registry.installed(), Entry.name: Entry()}
    monkeypatch.setattr(registry, "installed", lambda: entries)
    # the name of the first asks for the settings of all backends
    app.config.update(FS_BUCKT="x", FS_BACKEND="memory")
    fs.init_app(app, fs.Storage("files"))
    assert "did you mean FS_BUCKET?" in caplog.text


def test_a_driver_that_is_missing_names_the_extra(app, monkeypatch):
    from flask_pyfs.backends.memory import MemoryBackend

    def fail(self, name, config):
        raise ModuleNotFoundError("No module named 'driver'")

    monkeypatch.setattr(MemoryBackend, "__init__", fail)
    app.config["FS_BACKEND"] = "memory"
    with pytest.raises(fs.ConfigurationError, match=r"pip install 'flask_pyfs\[memory\]'"):
        fs.init_app(app, fs.Storage("files"))


def test_the_entry_points_of_this_package():
    own = {name for name, entry in registry.installed().items() if entry.module.startswith("flask_pyfs.")}
    assert {"local", "memory", "mock", "pyfs"} <= own


def test_a_filesystem_url_of_this_package(tmp_path):
    from fs import open_fs

    with open_fs(f"local://{tmp_path}/new", create=True) as filesystem:
        filesystem.writetext("a.txt", "content")
        assert type(filesystem).__name__ == "LocalFS"
    assert (tmp_path / "new" / "a.txt").read_text() == "content"


# Mocks


@pytest.fixture
def backend(app):
    """What Flask-FS apps' own tests patch."""
    app.config["FS_BACKEND"] = "mock"
    with mock.patch("flask_pyfs.backends.mock.MockBackend") as patched:
        yield patched.return_value


def test_a_mock_sees_what_a_backend_of_flask_fs_would(app, backend):
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    assert storage.backend is backend
    backend.exists.return_value = False
    upload = FileStorage(io.BytesIO(b"content"), filename="test.png")
    assert storage.save(upload) == "test.png"
    backend.save.assert_called_with(upload, "test.png")
    storage.write("file.test", "content")
    backend.write.assert_called_with("file.test", "content")
    with pytest.raises(fs.FileNotFound):
        storage.read("file.test")
    backend.exists.return_value = True
    backend.read.return_value = b"content"
    assert storage.read("file.test") == b"content"
    with pytest.raises(fs.FileExists):
        storage.write("file.test", "content")
    storage.delete("file.test")
    backend.delete.assert_called_with("file.test")
    backend.root = "/root"
    assert storage.path("file.test") == "/root/file.test"
    storage.open("file.test")
    backend.open.assert_called_with("file.test", "r")


def test_the_mock_itself_does_nothing(app):
    app.config["FS_BACKEND"] = "mock"
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    for operation in (
        lambda: storage.read("a"),
        lambda: storage.write("a", b""),
        lambda: storage.exists("a"),
        lambda: storage.delete("a"),
        lambda: list(storage.list_files()),
        lambda: storage.fs,
    ):
        with pytest.raises(fs.OperationNotSupported):
            operation()


def test_a_default_need_not_be_what_a_setting_must_be(monkeypatch, app):
    class Backend(BaseBackend):
        options = (
            Option("WORKERS", "int", default="auto"),
            Option("KIND", default="", choices=("a", "b")),
            Option("TTL", "seconds", default=-1),
            Option("LIMIT", "int", check=lambda limit: limit > 0, rule="a whole number, 1 or more"),
        )

        def open_fs(self):
            return MemoryFS()

    monkeypatch.setattr(registry, "load", lambda *_: Backend)
    storage = fs.Storage("files")
    app.config.update(FILES_FS_BACKEND="own", FILES_FS_LIMIT="5")
    fs.init_app(app, storage)
    with app.app_context():
        assert dict(storage.config, workers="auto", kind="", ttl=-1, limit=5) == storage.config
    assert Backend("files", Config(limit="5")).config.limit == 5
    with pytest.raises(fs.ConfigurationError, match="LIMIT must be a whole number, 1 or more, not '0'"):
        Backend("files", Config(limit="0"))
