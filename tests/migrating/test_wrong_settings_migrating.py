"""Wrong settings of a storage that moves: each is refused by init_app, in one line that names the key as it is set."""

import subprocess
import sys
from typing import Any

import pytest

import flask_pyfs as fs
from flask_pyfs.settings import unread_settings

MOVING = {"FILES_FS_BACKEND": "migrating", "FILES_FS_SOURCE": "local", "FILES_FS_TARGET": "s3"}
BUCKET = {**MOVING, "FILES_FS_SOURCE": "s3", "FS_S3_BUCKET": "files"}
SWIFT = {
    **MOVING,
    "FILES_FS_TARGET": "swift",
    "FS_SWIFT_AUTHURL": "http://127.0.0.1:1/v3",
    "FS_SWIFT_USER": "u",
    "FS_SWIFT_KEY": "t0ps3cret",
}
GRIDFS = {
    **MOVING,
    "FILES_FS_TARGET": "gridfs",
    "FS_MONGO_URL": "mongodb://u:t0ps3cret@127.0.0.1:1/",
    "FS_MONGO_DB": "d",
}

# two spellings of one server
ENDPOINTS = [
    ("http://minio.example:80/", "http://minio.example"),
    ("https://minio.example.", "https://MinIO.Example:443"),
    ("https://minio.example/s3/", "https://minio.example/s3"),
    ("http://127.0.0.1:9000", "http://localhost:9000/"),
    ("http://127.0.0.1:9000", "http://[::1]:9000"),
    ("http://[2001:DB8::0:1]:9000", "http://[2001:db8::1]:9000"),
    ("https://s3.eu-west-1.amazonaws.com", "https://s3.amazonaws.com"),
]

# the settings, and what the message must hold besides the storage
TABLE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no SOURCE": (
        {**MOVING, "FILES_FS_SOURCE": None},
        ["storage 'files' needs SOURCE: set FILES_FS_SOURCE or FS_MIGRATING_SOURCE"],
    ),
    "no TARGET": (
        {**MOVING, "FILES_FS_TARGET": ""},
        ["storage 'files' needs TARGET: set FILES_FS_TARGET or FS_MIGRATING_TARGET"],
    ),
    "TARGET misspelt": (
        {**MOVING, "FILES_FS_TARGET": None, "FILES_FS_TARGT": "s3"},
        ["FILES_FS_TARGT is not a setting", "did you mean FILES_FS_TARGET?"],
    ),
    "an unknown backend": (
        {**MOVING, "FILES_FS_SOURCE": "cloud"},
        ["FILES_FS_SOURCE must be one of gridfs", "'cloud'"],
    ),
    "an unknown backend of all storages": (
        {**MOVING, "FILES_FS_TARGET": None, "FS_MIGRATING_TARGET": "S3"},
        ["FS_MIGRATING_TARGET must be one of", "not 'S3': did you mean 's3'?"],
    ),
    "SOURCE migrating": (
        {**MOVING, "FILES_FS_SOURCE": "migrating"},
        ["FILES_FS_SOURCE must be a backend that keeps files itself, not 'migrating'"],
    ),
    "TARGET migrating, at level 2": (
        {**MOVING, "FILES_FS_TARGET": None, "FS_MIGRATING_TARGET": "migrating"},
        ["FS_MIGRATING_TARGET must be a backend that keeps files itself, not 'migrating'"],
    ),
    "the same directory": (
        {**MOVING, "FILES_FS_TARGET": "local", "FILES_FS_ROOT": "/tmp/same"},
        ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE", "TARGET_ROOT"],
    ),
    "a directory in the other": (
        {
            **MOVING,
            "FILES_FS_TARGET": "local",
            "FILES_FS_SOURCE_ROOT": "/tmp/same",
            "FILES_FS_TARGET_ROOT": "/tmp/same/x",
        },
        ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE"],
    ),
    "the same PREFIX of a directory": (
        {**MOVING, "FILES_FS_TARGET": "pyfs", "FILES_FS_OPEN_URL": "osfs:///tmp/a", "FILES_FS_ROOT": "/tmp/a/"},
        ["FILES_FS_TARGET"],
    ),
    "the same bucket": (BUCKET, ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE", "TARGET_BUCKET"]),
    "a prefix of the same bucket": (
        {**BUCKET, "FILES_FS_TARGET_PREFIX": "new"},
        ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE"],
    ),
    **{
        f"the same bucket, at {source} and {target}": (
            {**BUCKET, "FILES_FS_SOURCE_ENDPOINT": source, "FILES_FS_TARGET_ENDPOINT": target},
            ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE", "TARGET_BUCKET"],
        )
        for source, target in ENDPOINTS
    },
    "the same container": (
        {**SWIFT, "FILES_FS_SOURCE": "swift"},
        ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE"],
    ),
    "the same bucket of GridFS": (
        {**GRIDFS, "FILES_FS_SOURCE": "gridfs"},
        ["FILES_FS_TARGET must have another place than FILES_FS_SOURCE"],
    ),
    "a misspelt key of SOURCE": (
        {**MOVING, "FILES_FS_SOURCE_ROTO": "/srv"},
        ["FILES_FS_SOURCE_ROTO is not a setting of any backend", "did you mean FILES_FS_SOURCE_ROOT?"],
    ),
    "a misspelt key of TARGET": (
        {**MOVING, "FILES_FS_TARGET_BUKET": "b"},
        ["FILES_FS_TARGET_BUKET is not a setting of any backend", "did you mean FILES_FS_TARGET_BUCKET?"],
    ),
    "a misspelt key of the storage": (
        {**MOVING, "FILES_FS_DIRECTOIN": "back"},
        ["FILES_FS_DIRECTOIN is not a setting of any backend", "did you mean FILES_FS_DIRECTION?"],
    ),
    "a misspelt key of the backend of TARGET": ({**MOVING, "FS_S3_BUKET": "b"}, ["did you mean FS_S3_BUCKET?"]),
    "a key of one side at level 2": (
        {**MOVING, "FS_MIGRATING_TARGET_BUCKET": "b"},
        ["FS_MIGRATING_TARGET_BUCKET is not a setting", "did you mean FILES_FS_TARGET_BUCKET?"],
    ),
    **{
        f"a wrong value, by {key}": ({**MOVING, key: "eight"}, [f"{key} must be a size from 5 MiB to 5 GiB", "'eight'"])
        for key in ("FILES_FS_TARGET_PART_SIZE", "FILES_FS_PART_SIZE", "FS_S3_PART_SIZE", "FS_PART_SIZE")
    },
    **{
        f"a wrong secret, by {key}": ({**GRIDFS, "FS_MONGO_URL": None, key: "mongodb://u:t0ps3cret@x@db/"}, [f"{key} "])
        for key in ("FILES_FS_TARGET_MONGO_URL", "FILES_FS_MONGO_URL", "FS_GRIDFS_MONGO_URL", "FS_MONGO_URL")
    },
    "a required setting of TARGET": (
        {**GRIDFS, "FS_MONGO_DB": None},
        ["storage 'files' needs MONGO_DB: set FILES_FS_TARGET_MONGO_DB or FILES_FS_MONGO_DB or FS_GRIDFS_MONGO_DB or"],
    ),
    "what TARGET's backend finds": (
        {**MOVING, "FILES_FS_TARGET_SECRET_KEY": "t0ps3cret"},
        ["FILES_FS_TARGET_SECRET_KEY is set without ACCESS_KEY"],
    ),
    "a setting of the storage, for a side": (
        {**MOVING, "FILES_FS_TARGET_URL": "https://cdn.example.org/"},
        ["FILES_FS_TARGET_URL is a setting of the storage, not of one of its backends: set FILES_FS_URL"],
    ),
    "a setting of all storages of SOURCE's backend": (
        {**MOVING, "FS_LOCAL_PRIVATE": True},
        ["FS_LOCAL_PRIVATE has no effect on storage 'files', which has several backends: set FILES_FS_PRIVATE"],
    ),
    "SERVE of one side, and the app has another": (
        {**MOVING, "FS_LOCAL_SERVE": True, "FS_SERVE": "no"},
        ["FS_LOCAL_SERVE has no effect on storage 'files', which has several backends: set FILES_FS_SERVE"],
    ),
    "a TARGET that can be a SOURCE only": (
        {**MOVING, "FILES_FS_TARGET": "pyfs", "FILES_FS_OPEN_URL": "ftp://u:t0ps3cret@127.0.0.1:1/"},
        ["FILES_FS_TARGET must be a backend that", "'pyfs' can be a SOURCE only"],
    ),
    "DIRECTION": ({**MOVING, "FILES_FS_DIRECTION": "backwards"}, ["FILES_FS_DIRECTION must be one of forward, back"]),
    "WRITES": ({**MOVING, "FS_MIGRATING_WRITES": "source"}, ["FS_MIGRATING_WRITES must be one of target, both"]),
    "WRITES both with back": (
        {**MOVING, "FILES_FS_DIRECTION": "back", "FS_MIGRATING_WRITES": "both"},
        ["FS_MIGRATING_WRITES must be 'target' while DIRECTION is 'back'"],
    ),
}


@pytest.mark.parametrize(("settings", "said"), TABLE.values(), ids=TABLE)
def test_a_wrong_setting(app, settings, said):
    app.config.update(settings)
    with pytest.raises(fs.ConfigurationError) as raised:
        fs.init_app(app, fs.Storage("files"))
    text = str(raised.value)
    assert [part for part in said if part not in text] == [], text
    assert "'files'" in text
    assert len(text) <= 300
    assert "\n" not in text
    assert "t0ps3cret" not in text


# settings that are right, and might be taken for wrong
RIGHT: dict[str, dict[str, Any]] = {
    "two buckets": {**BUCKET, "FILES_FS_TARGET_BUCKET": "new"},
    "two servers": {**BUCKET, "FILES_FS_TARGET_ENDPOINT": "https://s3.example.org"},
    "two ports": {
        **BUCKET,
        "FILES_FS_SOURCE_ENDPOINT": "http://127.0.0.1:9000",
        "FILES_FS_TARGET_ENDPOINT": "http://127.0.0.1:9001",
    },
    "two paths": {
        **BUCKET,
        "FILES_FS_SOURCE_ENDPOINT": "https://minio.example/a",
        "FILES_FS_TARGET_ENDPOINT": "https://minio.example/b",
    },
    "two directories of one bucket": {**BUCKET, "FILES_FS_SOURCE_PREFIX": "old", "FILES_FS_TARGET_PREFIX": "new"},
    "two directories with one start": {
        **MOVING,
        "FILES_FS_TARGET": "local",
        "FILES_FS_SOURCE_ROOT": "/tmp/same",
        "FILES_FS_TARGET_ROOT": "/tmp/same2",
    },
    "two databases": {**GRIDFS, "FILES_FS_SOURCE": "gridfs", "FILES_FS_TARGET_MONGO_DB": "e"},
    "memory twice": {**MOVING, "FILES_FS_SOURCE": "memory", "FILES_FS_TARGET": "memory"},
    "sides of all storages": {
        **MOVING,
        "FILES_FS_SOURCE": None,
        "FILES_FS_TARGET": None,
        "FS_MIGRATING_SOURCE": "local",
        "FS_MIGRATING_TARGET": "s3",
    },
    "SERVE of one side as the app has it": {**MOVING, "FS_LOCAL_SERVE": True, "FS_SERVE": "yes"},
    "keys of the app": {**MOVING, "FS_SOURCE": "https://example.org/", "FS_TARGET": 7, "FS_WRITES": "log"},
    "a filesystem of this package by its URL": {
        **MOVING,
        "FILES_FS_TARGET": "pyfs",
        "FILES_FS_OPEN_URL": "local:///tmp/same?create=1",
    },
    "back": {**MOVING, "FILES_FS_DIRECTION": "back"},
    "both": {**MOVING, "FILES_FS_WRITES": "both"},
    "keys of a side that a test replaced": {**MOVING, "FILES_FS_TARGET": "memory", "FILES_FS_TARGET_BUCKET": "b"},
    "keys of sides that a test replaced": {**MOVING, "FILES_FS_BACKEND": "memory", "FILES_FS_TARGET_BUCKET": "b"},
}


@pytest.mark.parametrize("settings", RIGHT.values(), ids=RIGHT)
def test_a_right_setting(app, settings):
    app.config.update(settings)
    fs.init_app(app, fs.Storage("files"))


def test_a_target_that_only_its_filesystem_can_tell(app, monkeypatch):
    monkeypatch.setattr("flask_pyfs.backends.pyfs.PyFilesystemBackend.may_be_target", True)
    app.config.update(MOVING, FS_MIGRATING_TARGET="pyfs", FILES_FS_TARGET=None, FILES_FS_TARGET_OPEN_URL="mem://")
    fs.init_app(app, storage := fs.Storage("files"))
    with app.app_context(), pytest.raises(fs.ConfigurationError) as raised:
        storage.read("a.txt")
    text = str(raised.value)
    assert "FS_MIGRATING_TARGET must be a backend that keeps what was deleted meanwhile" in text
    assert "'pyfs' can be a SOURCE only" in text
    assert len(text) <= 300


@pytest.mark.parametrize("key", ["FS_SOURCE", "FS_TARGET", "FS_DIRECTION", "FS_WRITES", "FS_TARGETS", "FS_WRITE"])
def test_a_key_of_an_app_that_migrates_nothing(app, caplog, key):
    app.config[key] = "its own"
    fs.init_app(app, fs.Storage("files"))
    assert [each.key for each in unread_settings(app)] == []
    assert key not in caplog.text


def test_a_setting_that_all_storages_cannot_have(app):
    app.config.update(MOVING, FS_DIRECTION="back")
    fs.init_app(app, fs.Storage("files"))
    [unread] = unread_settings(app)
    assert unread.key == "FS_DIRECTION"
    assert unread.reason == "DIRECTION is only read as {NAME}_FS_DIRECTION or FS_{BACKEND}_DIRECTION"


def test_a_backend_that_was_forgotten(app):
    app.config.update(MOVING, FILES_FS_BACKEND=None, FILES_FS_SOURCE_ROOT="/srv/files", FILES_FS_WRITES="both")
    fs.init_app(app, fs.Storage("files"))
    told = {each.key: each.reason for each in unread_settings(app)}
    for key in ("SOURCE", "TARGET", "SOURCE_ROOT"):
        text = f"the backend 'local' has no setting {key}: set FILES_FS_BACKEND to 'migrating'"
        assert told.pop(f"FILES_FS_{key}") == text
    assert told == {"FILES_FS_WRITES": "the backend 'local' has no setting WRITES"}


MISSING = """
import sys, flask, flask_pyfs
sys.modules["boto3"] = sys.modules["pymongo"] = None
for settings in ({"FILES_FS_TARGET": "s3"}, {"FS_MIGRATING_TARGET": "gridfs", "FS_MONGO_URL": "mongodb://h/"}):
    app = flask.Flask("shop")
    app.config.update(settings, FILES_FS_BACKEND="migrating", FILES_FS_SOURCE="memory", FS_MONGO_DB="d")
    try:
        flask_pyfs.init_app(app, flask_pyfs.Storage("files"))
    except flask_pyfs.ConfigurationError as error:
        print(error)
"""


def test_a_driver_that_is_missing():
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("storage 'files': the backend 's3' of FILES_FS_TARGET cannot be imported (")
    assert first.endswith("pip install 'flask_pyfs[s3]'")
    assert second.startswith("storage 'files': the backend 'gridfs' of FS_MIGRATING_TARGET cannot be imported (")
    assert second.endswith("pip install 'flask_pyfs[gridfs]'")
