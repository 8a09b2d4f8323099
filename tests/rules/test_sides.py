"""A storage that has several backends: each has the settings of a backend, and those of its own are nearest."""

from typing import Any, ClassVar

import pytest

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, Config, Option, registry
from flask_pyfs.config import setting_name, wrong_setting


class Both(BaseBackend):
    """Has two backends, and builds them."""

    options: ClassVar[Any] = (Option("LEFT", "backend", required=True), Option("RIGHT", "backend", default="memory"))

    def __init__(self, name, config):
        super().__init__(name, config)
        self.left, _ = registry.build_side(name, self.config, "LEFT")
        self.right, _ = registry.build_side(name, self.config, "RIGHT")


class Entry:
    """The entry point of a backend."""

    module = __name__

    def __init__(self, name, backend_class):
        self.name, self._class = name, backend_class

    def load(self):
        return self._class


@pytest.fixture
def configured(app, monkeypatch):
    entries = {**registry.installed(), "both": Entry("both", Both)}
    monkeypatch.setattr(registry, "installed", lambda: entries)

    def configured(**settings):
        app.config.update({"FILES_FS_BACKEND": "both", "FILES_FS_LEFT": "local"}, **settings)
        fs.init_app(app, storage := fs.Storage("files"))
        with app.app_context():
            return storage.backend

    return configured


# the settings, and the ROOT and its key
LAYERS = {
    "its own": ({"FILES_FS_LEFT_ROOT": "a", "FILES_FS_ROOT": "b", "FS_LOCAL_ROOT": "c"}, "a", "FILES_FS_LEFT_ROOT"),
    "the storage's": ({"FILES_FS_ROOT": "b", "FS_LOCAL_ROOT": "c", "FS_ROOT": "d"}, "b", "FILES_FS_ROOT"),
    "its backend's": ({"FS_LOCAL_ROOT": "c", "FS_BOTH_ROOT": "x", "FS_ROOT": "d"}, "c/files", "FS_LOCAL_ROOT"),
    "the app's": ({"FS_ROOT": "d", "FILES_FS_RIGHT_ROOT": "x"}, "d/files", "FS_ROOT"),
}


@pytest.mark.parametrize(("settings", "root", "key"), LAYERS.values(), ids=LAYERS)
def test_the_layers_of_a_side(configured, settings, root, key):
    config = configured(**settings).left.config
    assert (config.root, setting_name(config, "files", "ROOT")) == (root, key)


def test_what_a_side_has_in_common_with_its_storage(configured):
    backend = configured(FILES_FS_MAX_SIZE="1 kB", FS_LOCAL_MAX_SIZE="2 kB", FS_LOCAL_PREFIX="p")
    assert backend.left.config.max_size == backend.right.config.max_size == 1000
    assert (backend.left.prefix, backend.right.prefix, backend.prefix) == ("p", "", "")
    assert (backend.left.config.backend, backend.right.config.backend) == ("local", "memory")


def test_a_setting_that_is_not_set_is_named_as_it_can_be(configured):
    left = configured().left.config
    assert setting_name(left, "files", "MODE") == "FILES_FS_LEFT_MODE"
    assert setting_name(left, "files", "MAX_SIZE") == "FILES_FS_MAX_SIZE"
    assert setting_name(left, "files", "BACKEND") == "FILES_FS_LEFT"
    said = str(wrong_setting("files", "local", left, "MODE", "must be set"))
    assert said == "FILES_FS_LEFT_MODE or FS_LOCAL_MODE must be set (storage 'files')"


def test_sides_that_are_given_by_hand(tmp_path):
    backend = Both("files", {"left": "local", "left_root": tmp_path, "left_mode": "0600", "root": "/nowhere"})
    assert (backend.left.root, backend.left.config.mode, type(backend.right).__name__) == (
        str(tmp_path),
        0o600,
        "MemoryBackend",
    )


def test_no_side_shows_a_secret():
    config = Config(left="pyfs", left_secret_key="t0ps3cret", secrets=["left_open_url"])
    assert "t0ps3cret" not in repr(config.side("LEFT"))
