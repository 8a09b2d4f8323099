"""Backends that are built without a storage."""

import io
import os
from contextlib import nullcontext

import flask
import pytest

import flask_pyfs as fs
from flask_pyfs.backends import Config
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.backends.memory import MemoryBackend


@pytest.mark.parametrize("config", [{}, Config(), {"root": ""}, {"root": None}])
@pytest.mark.parametrize("key", ["FS_ROOT", "FS_LOCAL_ROOT"])
def test_the_root_of_the_current_app_is_the_default(app, tmp_path, config, key):
    app.config[key] = str(tmp_path / "above")
    with app.app_context():
        backend = LocalBackend("pictures", config)
    assert backend.root == str(tmp_path / "above" / "pictures")
    backend.save(io.BytesIO(b"content"), "a.txt")
    assert (tmp_path / "above" / "pictures" / "a.txt").read_bytes() == b"content"


def test_a_root_that_is_set_comes_first(app, tmp_path):
    with app.app_context():
        assert LocalBackend("files", {"root": str(tmp_path / "own")}).root == str(tmp_path / "own")


def test_a_default_root_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr(LocalBackend, "default_root", property(lambda self: str(tmp_path)))
    assert LocalBackend("files", {}).root == str(tmp_path / "files")


def test_without_an_app_there_is_no_default():
    with pytest.raises(fs.ConfigurationError, match="storage 'files' needs ROOT"):
        LocalBackend("files", {})
    with flask.Flask("other").app_context(), pytest.raises(fs.ConfigurationError, match="needs ROOT"):
        LocalBackend("files", {})


def test_texts_are_converted(tmp_path):
    config = Config(root=str(tmp_path), mode="0640", durable="yes", follow_symlinks="0")
    backend = LocalBackend("files", config)
    assert (backend.config.mode, backend.config.durable, backend.config.follow_symlinks) == (0o640, True, False)
    backend.write("a.txt", "text")
    assert os.stat(tmp_path / "a.txt").st_mode & 0o777 == 0o640
    with pytest.raises(fs.ConfigurationError, match="MODE must be permissions"):
        LocalBackend("files", {"root": str(tmp_path), "mode": "rw"})


def test_a_root_that_cannot_be_made_is_an_error_at_first_use(configure_storage, tmp_path):
    """A module that builds a backend for later use can be imported anywhere."""
    (tmp_path / "file").touch()
    root = str(tmp_path / "file" / "files")
    backend = LocalBackend("files", {"root": root})
    assert backend.path("a.txt") == f"{root}/a.txt"
    with pytest.raises(fs.FSError):
        backend.write("a.txt", "text")
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_ROOT"):
        configure_storage("files", {"ROOT": root})


def test_any_backend_serves_without_a_storage(app):
    backend = MemoryBackend("files", {})
    backend.write("a.txt", "text")
    with app.test_request_context():
        response = backend.serve("a.txt")
        response.direct_passthrough = False
        assert (response.status_code, response.get_data(), response.mimetype) == (200, b"text", "text/plain")


@pytest.mark.parametrize("wrap", [dict, Config])
@pytest.mark.parametrize("encrypted", [True, 1, "true", " True ", "false"])
def test_no_backend_keeps_files_plain_that_are_to_be_encrypted(tmp_path, wrap, encrypted):
    settings = wrap({"root": str(tmp_path), "aes256_encrypted": encrypted, "aes256_key": "c2VjcmV0"})
    with pytest.raises(fs.ConfigurationError, match="AES256") as raised:
        LocalBackend("files", settings)
    assert "c2VjcmV0" not in str(raised.value)
    settings["aes256_key"] = ""
    with pytest.raises(fs.ConfigurationError, match="AES256_KEY") if encrypted != "false" else nullcontext():
        LocalBackend("files", settings)
    settings["aes256_encrypted"] = False
    LocalBackend("files", settings).write("a.txt", b"content")
