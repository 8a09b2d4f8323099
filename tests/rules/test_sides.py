"""A storage that has several backends: each has the settings of a backend, and those of its own are nearest."""

from typing import Any, ClassVar

import pytest

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, Config, Option, registry
from flask_pyfs.cli.settings import settings as command
from flask_pyfs.config import setting_name, wrong_setting
from flask_pyfs.settings import Setting, settings_of, unread_settings


class Both(BaseBackend):
    """Has two backends, and builds them."""

    options: ClassVar[Any] = (Option("LEFT", "backend", required=True), Option("RIGHT", "backend", default="memory"))

    def __init__(self, name, config):
        super().__init__(name, config)
        self.left, _ = registry.build_side(name, self.config, "LEFT")
        self.right, _ = registry.build_side(name, self.config, "RIGHT")


class Plain:
    """A backend that was written for Flask-FS, and takes any setting."""

    def __init__(self, name, config):
        self.config = config


class Entry:
    """The entry point of a backend."""

    module = __name__

    def __init__(self, name, backend_class):
        self.name, self._class = name, backend_class

    def load(self):
        return self._class


@pytest.fixture
def configured(app, monkeypatch):
    own = {"both": Both, "plain": Plain, "local_cache": Plain}
    entries = {**registry.installed(), **{name: Entry(name, each) for name, each in own.items()}}
    monkeypatch.setattr(registry, "installed", lambda: entries)

    def configured(**settings):
        """Configure a storage, and return its backend."""
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


def test_a_side_that_takes_any_setting(configured):
    config = configured(
        FILES_FS_LEFT="plain",
        FILES_FS_LEFT_COLOUR="red",
        FILES_FS_COLOUR="blue",
        FILES_FS_SIZE="2",
        FS_PLAIN_SHAPE="round",
        FILES_FS_RIGHT="local",
        FILES_FS_RIGHT_ROOT="/srv/right",
    ).left.config
    assert (config.colour, config.size, config.shape) == ("red", "2", "round")
    assert {key for key in config if key not in config.side("LEFT") or key.startswith(("left", "right"))} == set()
    assert "red" not in repr(config)


# the settings, beside FILES_FS_LEFT = "local", and the error
WRONG = {
    "no backend": ({"FILES_FS_LEFT": None}, "storage 'files' needs LEFT: set FILES_FS_LEFT or FS_BOTH_LEFT or FS_LEFT"),
    "a backend that has several": (
        {"FILES_FS_LEFT": "both"},
        "FILES_FS_LEFT must be a backend that keeps files itself",
    ),
    "a backend that is misspelt": ({"FILES_FS_LEFT": "locla"}, "not 'locla': did you mean 'local'?"),
    "a backend of all storages": ({"FILES_FS_LEFT": None, "FS_BOTH_LEFT": "x"}, "FS_BOTH_LEFT must be one of both, "),
    "a backend that is no text": ({"FILES_FS_LEFT": 3}, "FILES_FS_LEFT must be the name of a backend, such as 'local'"),
    "a misspelt backend's name": ({"FILES_FS_LEEFT": "s3"}, "FILES_FS_LEEFT is not a", "did you mean FILES_FS_LEFT?"),
    "a misspelt side of a key": (
        {"FILES_FS_RIHGT_ROOT": "x"},
        "FILES_FS_RIHGT_ROOT is not a setting of any backend (storage 'files'): did you mean FILES_FS_RIGHT_ROOT?",
    ),
    "a misspelt key of a side": (
        {"FILES_FS_LEFT_ROTO": "x"},
        "FILES_FS_LEFT_ROTO is not a setting of any backend (storage 'files'): did you mean FILES_FS_LEFT_ROOT?",
    ),
    "a misspelt key of a side's backend": ({"FS_LOCAL_ROTO": "x"}, "did you mean FS_LOCAL_ROOT?"),
    "a key of all storages": (
        {"FS_BOTH_LEFT_ROOT": "x"},
        "FS_BOTH_LEFT_ROOT is not a setting of any backend (storage 'files'): did you mean FILES_FS_LEFT_ROOT?",
    ),
    "a setting of the storage": (
        {"FILES_FS_RIGHT_MAX_SIZE": 1},
        "FILES_FS_RIGHT_MAX_SIZE is a setting of the storage, not of one of its backends: set FILES_FS_MAX_SIZE",
    ),
    "BACKEND of a side": ({"FILES_FS_LEFT_BACKEND": "s3"}, "FILES_FS_LEFT_BACKEND", "set FILES_FS_LEFT ("),
    "a setting of all storages of a side's backend": (
        {"FS_LOCAL_PRIVATE": "yes"},
        "FS_LOCAL_PRIVATE has no effect on storage 'files', which has several backends: set FILES_FS_PRIVATE",
    ),
    "and one that the whole app has otherwise": ({"FS_MEMORY_DENY": "py", "FS_DENY": "js"}, "FS_MEMORY_DENY has no"),
    "a wrong value of its own": ({"FILES_FS_LEFT_MODE": "rw"}, "FILES_FS_LEFT_MODE must be permissions"),
    "a wrong value of the storage's": ({"FILES_FS_MODE": "rw"}, "FILES_FS_MODE must be permissions"),
    "a wrong value of its backend's": ({"FS_LOCAL_MODE": "rw"}, "FS_LOCAL_MODE must be permissions"),
    "a wrong value of the app's": ({"FS_MODE": "rw"}, "FS_MODE must be permissions"),
    "a wrong prefix": ({"FILES_FS_RIGHT_PREFIX": "../x"}, "FILES_FS_RIGHT_PREFIX must be a directory"),
    "a required setting": (
        {"FILES_FS_RIGHT": "pyfs"},
        "storage 'files' needs OPEN_URL: set FILES_FS_RIGHT_OPEN_URL or FILES_FS_OPEN_URL or FS_PYFS_OPEN_URL or FS_",
    ),
    "what only the backend knows": (
        {"FILES_FS_RIGHT": "s3", "FILES_FS_RIGHT_ENDPOINT": "https://pics.s3.amazonaws.com"},
        "FILES_FS_RIGHT_ENDPOINT must not contain the bucket",
        "and FILES_FS_RIGHT_BUCKET to 'pics'",
    ),
    "a secret": (
        {"FILES_FS_RIGHT": "s3", "FILES_FS_RIGHT_SECRET_KEY": "t0ps3cret"},
        "FILES_FS_RIGHT_SECRET_KEY is set without ACCESS_KEY",
    ),
    "a text that flask-fs2 takes for true": (
        {"FS_LOCAL_AES256_ENCRYPTED": "false", "FS_LOCAL_AES256_KEY": "c2VjcmV0"},
        "FS_LOCAL_AES256_ENCRYPTED is the text 'false'",
    ),
    "the same of one side": (
        {"FILES_FS_LEFT_AES256_ENCRYPTED": "off", "FILES_FS_LEFT_AES256_KEY": "c2VjcmV0"},
        "FILES_FS_LEFT_AES256_ENCRYPTED is the text 'off'",
    ),
}


@pytest.mark.parametrize(("settings", "said"), [(settings, said) for settings, *said in WRONG.values()], ids=WRONG)
def test_a_wrong_setting_of_a_side(configured, settings, said):
    with pytest.raises(fs.ConfigurationError) as raised:
        configured(**settings)
    text = str(raised.value)
    assert [part for part in said if part not in text] == [], text
    assert "files" in text
    assert len(text) <= 300
    assert "t0ps3cret" not in text


@pytest.mark.parametrize("key", ["FILES_FS_MAXSIZE", "FILES_FS_RIHGT", "FS_BOTH_SHAPE", "FILES_FS_RIGHT_SHAPE"])
def test_a_misspelt_setting_of_the_storage_beside_a_side_that_takes_any(configured, key):
    with pytest.raises(fs.ConfigurationError, match=f"^{key} is not a setting of any backend"):
        configured(**{"FILES_FS_LEFT": "plain", "FILES_FS_COLOUR": "red", key: "1"})


# settings that are let pass, beside FILES_FS_LEFT = "local"
RIGHT = {
    "of a backend that a test replaced": {"FILES_FS_RIGHT_BUCKET": "x", "FILES_FS_BUCKET": "x"},
    "without effect": {"FILES_FS_LEFT_USE_THREADS": True, "FS_LOCAL_POOL_TIMEOUT": 1},
    "of a backend with a longer name": {"FS_LOCAL_CACHE_ROTO": "x"},
    "of the storage, again": {"FS_LOCAL_PRIVATE": False},
    "of the storage, beside its own": {"FS_LOCAL_MAX_SIZE": "1 kB", "FILES_FS_MAX_SIZE": "2 kB"},
    "of the storage, beside that of its backend": {"FS_LOCAL_DENY": "py", "FS_BOTH_DENY": "js"},
    "not set": {"FILES_FS_LEFT_MAX_SIZE": None, "FS_LOCAL_PRIVATE": None, "FILES_FS_RIGHT_BACKEND": None},
}


@pytest.mark.parametrize("settings", RIGHT.values(), ids=RIGHT)
def test_a_setting_that_is_let_pass(configured, settings):
    assert type(configured(**settings).left).__name__ == "LocalBackend"


@pytest.mark.parametrize("key", ["FILES_FS_LEFT_ROOT", "FILES_FS_LEFT", "FILES_FS_RIGHT_BUCKET"])
def test_the_settings_of_sides_stay_when_the_backend_is_replaced(app, configured, key):
    configured(**{key: "memory"}, FILES_FS_BACKEND="memory")
    with app.app_context():
        assert [each.reason for each in unread_settings(app) if each.key == key] == [
            f"the backend 'memory' has no setting {key.removeprefix('FILES_FS_')}"
        ]


# What flask fs settings shows


@pytest.fixture
def shown(app, configured):
    def shown(**settings):
        """Return the settings of a storage that has several backends, by their names."""
        configured(**settings)
        with app.app_context():
            return {each.name: each for each in settings_of(app.extensions["fs"]["files"])}

    return shown


def test_the_settings_of_both_sides(shown):
    found = shown(
        FILES_FS_LEFT_ROOT="/srv/left",
        FILES_FS_ROOT="/srv/any",
        FILES_FS_RIGHT="local",
        FS_LOCAL_ROOT="/srv",
        FS_ROOT=None,
        FS_LOCAL_MODE="0640",
        FS_BOTH_PREFIX="p",
    )
    assert found["LEFT"] == Setting("files", "LEFT", "local", 1, "FILES_FS_LEFT")
    left, right = ("FILES_FS_ROOT", "FS_LOCAL_ROOT"), ("FS_LOCAL_ROOT",)
    assert found["LEFT_ROOT"] == Setting("files", "LEFT_ROOT", "/srv/left", 1, "FILES_FS_LEFT_ROOT", left)
    assert found["RIGHT_ROOT"] == Setting("files", "RIGHT_ROOT", "/srv/any", 1, "FILES_FS_ROOT", right)
    assert found["RIGHT_MODE"] == Setting("files", "RIGHT_MODE", "0640", 2, "FS_LOCAL_MODE")
    assert found["RIGHT_PREFIX"] == Setting("files", "RIGHT_PREFIX", "p", 2, "FS_BOTH_PREFIX")
    assert {name for name in found if name.startswith("LEFT_")} == {
        "LEFT_AES256_ENCRYPTED",
        "LEFT_AES256_KEY",
        "LEFT_DIR_MODE",
        "LEFT_DURABLE",
        "LEFT_ENCRYPTION_KEYS",
        "LEFT_ENCRYPTION_READ_PLAIN",
        "LEFT_FOLLOW_SYMLINKS",
        "LEFT_MODE",
        "LEFT_PREFIX",
        "LEFT_ROOT",
    }


KEY, DATE = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "2025-01-01T10:00Z"


def test_what_encrypts_both_sides_is_read(app):
    app.config.update(FILES_FS_BACKEND="migrating", FILES_FS_SOURCE="local", FILES_FS_TARGET="memory")
    app.config.update(FILES_FS_ENCRYPTION_KEYS=KEY, FILES_FS_TARGET_ENCRYPTION_KEYS=[KEY], FILES_FS_PREFIX="/shop/")
    app.config.update(dict.fromkeys(("FILES_FS_ENCRYPTION_READ_PLAIN", "FILES_FS_SOURCE_ENCRYPTION_READ_PLAIN"), DATE))
    fs.init_app(app, files := fs.Storage("files"))
    with app.app_context():
        assert list(unread_settings(app)) == []
        found = {each.name: each for each in settings_of(files)}
    assert (found["SOURCE_ENCRYPTION_KEYS"].value, found["SOURCE_ENCRYPTION_KEYS"].key) == (
        "***",
        "FILES_FS_ENCRYPTION_KEYS",
    )
    assert found["TARGET_ENCRYPTION_KEYS"].key == "FILES_FS_TARGET_ENCRYPTION_KEYS"
    assert found["SOURCE_ENCRYPTION_READ_PLAIN"].value != "***"
    app.config["FILES_FS_ENCRYPTION_KEYS"] = [KEY, KEY]
    with app.app_context():
        late = "it was set after init_app had read it for 'files': set it before"
        assert [(each.key, each.reason) for each in unread_settings(app)] == [("FILES_FS_ENCRYPTION_KEYS", late)]


def test_what_is_secret_of_a_side_is_hidden(app, shown):
    url = "ftp://ann:t0ps3cret@ftp.example.org/x"
    found = shown(FILES_FS_LEFT="plain", FILES_FS_LEFT_COLOUR="t0ps3cret", FILES_FS_RIGHT="pyfs", FS_OPEN_URL=url)
    assert (found["LEFT_COLOUR"].value, found["LEFT_COLOUR"].key) == ("***", "FILES_FS_LEFT_COLOUR")
    assert found["RIGHT_OPEN_URL"].value == "ftp://ann:***@ftp.example.org/***"
    for arguments in ([], ["--json"]):
        text = app.test_cli_runner().invoke(command, arguments).output
        assert "RIGHT_OPEN_URL" in text
        assert "t0ps3cret" not in text


def test_the_columns_are_as_wide_as_the_names(app, configured):
    configured(FILES_FS_LEFT_FOLLOW_SYMLINKS=False)
    lines = app.test_cli_runner().invoke(command).output.splitlines()
    own = lines[1 : lines.index("the app as a whole")]
    assert {line.find("  ", 2 + len(line.split()[0])) >= 0 for line in own} == {True}
    values = {len(line) - len(line[2:].partition("  ")[2].lstrip()) for line in own if not line.startswith("   ")}
    assert values == {2 + len("RIGHT_ENCRYPTION_READ_PLAIN") + 2}


# the settings, beside LEFT of local and RIGHT of memory, and what is said of the last
UNREAD = {
    "of no backend that it has": (
        {"FILES_FS_BUCKET": "x"},
        "neither the backend 'both' nor 'local' nor 'memory' has a setting BUCKET",
    ),
    "of the other side": ({"FILES_FS_RIGHT_ROOT": "x"}, "the backend 'memory' has no setting ROOT"),
    "without effect": ({"FILES_FS_LEFT_USE_THREADS": 1}, "it has no effect here, as it had in flask-storage"),
    "of no layer": ({"FS_LEFT_ROOT": "x"}, "LEFT_ROOT is only read as {NAME}_FS_LEFT_ROOT"),
    "of no storage": ({"DOCS_FS_LEFT_ROOT": "x"}, "the app has no storage 'docs'"),
    "of all storages of a side's backend": (
        {"FILES_FS_MAX_SIZE": 1, "FS_LOCAL_MAX_SIZE": 1},
        "no storage has the backend 'local' alone",
    ),
    "of a side's backend, empty": ({"FS_LOCAL_ROOT": ""}, "it is empty, and ROOT must not be"),
    "shadowed": (
        {"FILES_FS_LEFT_MODE": "0600", "FS_LOCAL_MODE": "0640"},
        "another one counts: FILES_FS_LEFT_MODE for 'files'",
    ),
}


@pytest.mark.parametrize(("settings", "reason"), UNREAD.values(), ids=UNREAD)
def test_why_nothing_reads_a_setting(app, configured, settings, reason):
    configured(**settings)
    with app.app_context():
        assert [(each.key, each.reason) for each in unread_settings(app)] == [([*settings][-1], reason)]


def test_what_each_side_reads_is_read(app, configured):
    configured(
        FILES_FS_RIGHT="local",
        FILES_FS_LEFT_ROOT="/srv/left",
        FILES_FS_RIGHT_PREFIX="p",
        FILES_FS_ROOT="/srv/right",
        FS_LOCAL_DURABLE=True,
        FS_DIR_MODE="0700",
        FS_ROOT=None,
    )
    with app.app_context():
        assert list(unread_settings(app)) == []
    app.config["FILES_FS_LEFT_ROOT"] = "/srv/late"
    with app.app_context():
        assert [(each.key, each.reason, each.storage) for each in unread_settings(app)] == [
            ("FILES_FS_LEFT_ROOT", "it was set after init_app had read it for 'files': set it before", "files")
        ]
