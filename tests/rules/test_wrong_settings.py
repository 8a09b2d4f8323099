"""Wrong settings that no server need tell: each is refused by init_app, in one line that says what to do."""

import gc
import logging
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs.addresses import bucket_in, require_link, require_mongo, require_server
from flask_pyfs.backends import registry
from flask_pyfs.common import APP, COMMON
from flask_pyfs.extension import misspelt_settings
from flask_pyfs.extras import required_by
from flask_pyfs.misspelt import closest, is_close, reaching_nothing
from flask_pyfs.peers import SETTINGS

AUTHORIZE = "a callable, or the name of one"

S3 = {"FILES_FS_BACKEND": "s3"}
SWIFT = {
    "FILES_FS_BACKEND": "swift",
    "FS_SWIFT_AUTHURL": "http://127.0.0.1:1/v3",
    "FS_SWIFT_USER": "u",
    "FS_SWIFT_KEY": "k",
}
GRIDFS = {"FILES_FS_BACKEND": "gridfs", "FS_GRIDFS_MONGO_URL": "mongodb://127.0.0.1:1", "FS_GRIDFS_MONGO_DB": "files"}
PYFS = {"FILES_FS_BACKEND": "pyfs"}
# 32 bytes in base64
KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzE="

# the settings, and what the message must hold besides the storage
TABLE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "typo at level 1": ({"FILES_FS_ROOOT": "x"}, ["FILES_FS_ROOOT", "did you mean FILES_FS_ROOT?"]),
    "typo at level 2": ({**S3, "FS_S3_ENDPIONT": "x"}, ["FS_S3_ENDPIONT", "did you mean FS_S3_ENDPOINT?"]),
    "typo in lower case": ({"FILES_FS_root": "x"}, ["FILES_FS_root", "did you mean FILES_FS_ROOT?"]),
    "typo in the name of a storage": ({"FILE_FS_BACKEND": "s3"}, ["FILE_FS_BACKEND", "did you mean FILES_FS_BACKEND?"]),
    "name of a storage in lower case": ({"files_FS_ROOT": "x"}, ["files_FS_ROOT", "did you mean FILES_FS_ROOT?"]),
    "letters of a name swapped": ({"FIELS_FS_URL": "/x"}, ["FIELS_FS_URL", "did you mean FILES_FS_URL?"]),
    "backend in upper case": ({"FS_BACKEND": "S3"}, ["FS_BACKEND", "'S3'", "did you mean 's3'?"]),
    "backend misspelt": ({"FILES_FS_BACKEND": "gridsf"}, ["FILES_FS_BACKEND", "did you mean 'gridfs'?"]),
    "backend unknown": ({"FS_BACKEND": "cloud"}, ["FS_BACKEND must be one of gridfs, local", "'cloud'"]),
    "backend of one storage": ({"FILES_FS_BACKEND": "cloud"}, ["FILES_FS_BACKEND must be one of gridfs, local"]),
    "backend is no text": ({"FILES_FS_BACKEND": 3}, ["FILES_FS_BACKEND", "'local' or 's3'"]),
    "URL beside keys": (
        {"FILES_FS_ENCRYPTION_KEYS": KEY, "FS_URL": "https://cdn/"},
        ["FS_URL cannot be used with", "ENCRYPTION_KEYS", "set FILES_FS_URL to an empty text"],
    ),
    "sendfile beside keys": (
        {"FILES_FS_ENCRYPTION_KEYS": KEY, "FILES_FS_SERVE_MODE": "sendfile"},
        ["FILES_FS_SERVE_MODE is 'sendfile'", "because its files are encrypted", "use 'stream'"],
    ),
    "keys that are none": (
        {"FILES_FS_ENCRYPTION_KEYS": [KEY, "c2hvcnQ="]},
        ["FILES_FS_ENCRYPTION_KEYS must be a list of keys, each 32 bytes in base64", "(number 2 is no key)"],
    ),
    "keys: none": ({"FS_ENCRYPTION_KEYS": []}, ["FS_ENCRYPTION_KEYS must be a list of keys", "(it has no key)"]),
    "keys: a name of no callable": (
        {"FS_ENCRYPTION_KEYS": "os:sep"},
        ["FS_ENCRYPTION_KEYS must be a list of keys", "or a callable"],
    ),
    "a bare True for plain files": (
        {"FILES_FS_ENCRYPTION_KEYS": KEY, "FILES_FS_ENCRYPTION_READ_PLAIN": True},
        ["FILES_FS_ENCRYPTION_READ_PLAIN must be a moment with its time zone", "2026-12-01T10:00Z"],
    ),
    "PART_SIZE": (
        {**S3, "FS_S3_PART_SIZE": "eight"},
        ["FS_S3_PART_SIZE must be a size from 5 MiB to 5 GiB, such as '8 MiB', not 'eight'"],
    ),
    "RETRIES": ({**S3, "FS_S3_RETRIES": "few"}, ["FS_S3_RETRIES must be a whole number, 0 or more, not 'few'"]),
    "TIMEOUT": ({**GRIDFS, "FS_TIMEOUT": "soon"}, ["FS_TIMEOUT must be a number of seconds, at least 0.001, not"]),
    "PART_SIZE too small": ({**S3, "FILES_FS_PART_SIZE": "8 kB"}, ["FILES_FS_PART_SIZE", "5 MiB to 5 GiB", "8 MiB"]),
    "SEGMENT_SIZE": ({**SWIFT, "FS_SEGMENT_SIZE": "1 kB"}, ["FS_SEGMENT_SIZE", "1 MiB to 5 GiB", "'1 GiB'"]),
    "CHUNK_SIZE": ({**GRIDFS, "FS_CHUNK_SIZE": "1 GB"}, ["FS_CHUNK_SIZE", "1 KiB to 15 MiB", "'255 KiB'"]),
    "MAX_SIZE": ({"FILES_FS_MAX_SIZE": "twenty"}, ["FILES_FS_MAX_SIZE", "such as '20 MB'"]),
    "MAX_SIZE zero": ({"FS_MAX_SIZE": 0}, ["FS_MAX_SIZE", "'20 MB'"]),
    "UPLOAD_LIFETIME": ({"FS_UPLOAD_LIFETIME": 10**12}, ["FS_UPLOAD_LIFETIME must be", "at most 315360000 (10 years)"]),
    "IMAGES_MAX_MEMORY": ({"FS_IMAGES_MAX_MEMORY": "1 MiB"}, ["FS_IMAGES_MAX_MEMORY", "32 MiB", "'256 MiB'"]),
    "AUTHORIZE: no module": (
        {"FILES_FS_AUTHORIZE": "shop.rules:may"},
        ["FILES_FS_AUTHORIZE", AUTHORIZE, "named 'shop'"],
    ),
    "AUTHORIZE: no name": ({"FS_AUTHORIZE": "json:may"}, ["FS_AUTHORIZE", "module 'json' has no attribute 'may'"]),
    "AUTHORIZE: no callable": ({"FS_AUTHORIZE": "os:sep"}, ["FS_AUTHORIZE", AUTHORIZE, "it is a str"]),
    "AUTHORIZE: no name at all": ({"FS_AUTHORIZE": "?"}, ["FS_AUTHORIZE", AUTHORIZE]),
    "SECRET_KEY": (
        {"FILES_FS_PRIVATE": True, "SECRET_KEY": None},
        ["FILES_FS_PRIVATE", "set SECRET_KEY before init_app"],
    ),
    "SECRET_KEY empty": ({"FS_PRIVATE": "on", "SECRET_KEY": ""}, ["FS_PRIVATE", "SECRET_KEY"]),
    "SECRET_KEY on Swift": ({**SWIFT, "FS_PRIVATE": True, "SECRET_KEY": None}, ["FS_PRIVATE", "SECRET_KEY"]),
    "BUCKET of S3": (
        {**S3, "FS_S3_BUCKET": "my bucket"},
        ["FS_S3_BUCKET", "3 to 63 lower-case letters", "'my bucket'"],
    ),
    "BUCKET of S3, long": ({**S3, "FILES_FS_BUCKET_NAME": "b" * 256}, ["FILES_FS_BUCKET_NAME", "3 to 63 lower-case"]),
    "CONTAINER": ({**SWIFT, "FS_SWIFT_CONTAINER": "a/b"}, ["FS_SWIFT_CONTAINER", "without a slash", "247 bytes"]),
    "CONTAINER of dots": ({**SWIFT, "FS_SWIFT_CONTAINER": ".."}, ["FS_SWIFT_CONTAINER", "'..'"]),
    "BUCKET of GridFS": ({**GRIDFS, "FILES_FS_BUCKET": "a$b"}, ["FILES_FS_BUCKET", "without '$'"]),
    "BUCKET of GridFS, dots": ({**GRIDFS, "FILES_FS_BUCKET": "a..b"}, ["FILES_FS_BUCKET", "no two together"]),
    "BUCKET of GridFS, system": ({**GRIDFS, "FILES_FS_BUCKET": "system.x"}, ["FILES_FS_BUCKET", "'system.…'"]),
    "MONGO_DB": (
        {**GRIDFS, "FS_GRIDFS_MONGO_DB": "my.db"},
        ["FS_GRIDFS_MONGO_DB", "without spaces and '.'", "'my.db'"],
    ),
    "MONGO_DB long": ({**GRIDFS, "FS_GRIDFS_MONGO_DB": "x" * 64}, ["FS_GRIDFS_MONGO_DB", "63 bytes"]),
    "ENDPOINT without a scheme": ({**S3, "FS_S3_ENDPOINT": "minio:9000"}, ["FS_S3_ENDPOINT", "'https://minio:9000'"]),
    "ENDPOINT misspelt": ({**S3, "FS_S3_ENDPOINT": "htps://minio"}, ["FS_S3_ENDPOINT", "https:// or http://"]),
    "ENDPOINT with one slash": ({**S3, "FS_S3_ENDPOINT": "https:/minio"}, ["FS_S3_ENDPOINT", "two slashes"]),
    "ENDPOINT with an underscore": (
        {**S3, "FS_S3_ENDPOINT": "http://my_minio:9000"},
        ["FS_S3_ENDPOINT", "letters, digits"],
    ),
    "ENDPOINT with a bad port": ({**S3, "FS_S3_ENDPOINT": "http://minio:90000"}, ["FS_S3_ENDPOINT", "a port from 0"]),
    "ENDPOINT with the BUCKET": (
        {**S3, "FS_S3_ENDPOINT": "https://minio.example.org/pics", "FS_S3_BUCKET": "pics"},
        ["FS_S3_ENDPOINT", "'https://minio.example.org'", "FS_S3_BUCKET to 'pics'"],
    ),
    "ENDPOINT with the storage as the bucket": (
        {**S3, "FS_S3_ENDPOINT": "https://minio.example.org/s3/files/"},
        ["FS_S3_ENDPOINT", "'https://minio.example.org/s3'", "FILES_FS_BUCKET to 'files'"],
    ),
    "ENDPOINT of Amazon with a bucket": (
        {**S3, "FS_S3_ENDPOINT": "https://pics.s3.eu-west-2.amazonaws.com"},
        ["FS_S3_ENDPOINT", "'https://s3.eu-west-2.amazonaws.com'", "FILES_FS_BUCKET to 'pics'"],
    ),
    "PUBLIC_ENDPOINT with the BUCKET": (
        {**S3, "FS_S3_PUBLIC_ENDPOINT": "https://cdn.example.org/pics", "FS_BUCKET": "pics"},
        ["FS_S3_PUBLIC_ENDPOINT", "FS_BUCKET to 'pics'"],
    ),
    "PUBLIC_ENDPOINT without a scheme": (
        {**S3, "FS_S3_PUBLIC_ENDPOINT": "cdn"},
        ["FS_S3_PUBLIC_ENDPOINT", "https://cdn"],
    ),
    "ACCESS_KEY without SECRET_KEY": ({**S3, "FS_S3_ACCESS_KEY": "a"}, ["FS_S3_ACCESS_KEY is set without SECRET_KEY"]),
    "SECRET_KEY without ACCESS_KEY": ({**S3, "FS_SECRET_KEY": "a"}, ["FS_SECRET_KEY is set without ACCESS_KEY"]),
    "REGION": ({**S3, "FS_S3_REGION": "eu west"}, ["FS_S3_REGION", "such as 'eu-west-2'", "'eu west'"]),
    "MONGO_URL: @ in the password": (
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": "mongodb://u:p@ss@db.example.org/"},
        ["FS_GRIDFS_MONGO_URL", "%40 for @"],
    ),
    "MONGO_URL: / in the password": (
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": "mongodb+srv://u:p/ss@db.example.org/"},
        ["FS_GRIDFS_MONGO_URL", "%2F for /"],
    ),
    "MONGO_URL: option misspelt": (
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": "mongodb://u:ss@db.example.org/?w=1&retryWrite=true"},
        ["FS_GRIDFS_MONGO_URL", "'retryWrite'", "did you mean 'retryWrites'?"],
    ),
    "MONGO_URL: scheme": ({**GRIDFS, "FS_GRIDFS_MONGO_URL": "mongo://db"}, ["FS_GRIDFS_MONGO_URL", "mongodb://"]),
    "OS_OPTIONS: key misspelt": (
        {**SWIFT, "FS_OS_OPTIONS": {"user_domain_nmae": "x"}},
        ["FS_OS_OPTIONS", "'user_domain_nmae'", "did you mean 'user_domain_name'?"],
    ),
    "OPEN_URL of a package": (
        {**PYFS, "FILES_FS_OPEN_URL": "ssh://h/"},
        ["FILES_FS_OPEN_URL", "'ssh'", "pip install fs.sshfs"],
    ),
    "OPEN_URL as others call it": (
        {**PYFS, "FS_OPEN_URL": "sftp://h/"},
        ["FS_OPEN_URL", "'sftp'", "fs.sshfs", "ssh://"],
    ),
    "OPEN_URL misspelt": ({**PYFS, "FS_OPEN_URL": "osf://x"}, ["FS_OPEN_URL", "did you mean 'osfs'?"]),
    "OPEN_URL in upper case": ({**PYFS, "FS_OPEN_URL": "FTP://x"}, ["FS_OPEN_URL", "did you mean 'ftp'?"]),
    "OPEN_URL unknown": ({**PYFS, "FS_OPEN_URL": "teapot://x"}, ["FS_OPEN_URL", "'teapot'", "ftp, ", "zip"]),
    "OPEN_URL is no URL": ({**PYFS, "FS_OPEN_URL": "/srv/files"}, ["FS_OPEN_URL", "'mem://'"]),
    "URL with one slash": ({"FS_URL": "http:/cdn.example.org"}, ["FS_URL", "two slashes after 'http:'"]),
    "URL without slashes": ({"FS_URL": "https:cdn.example.org"}, ["FS_URL", "two slashes after 'https:'"]),
    "URL misspelt": ({"FILES_FS_URL": "htps://cdn.example.org"}, ["FILES_FS_URL", "'htps' is misspelt"]),
    "URL without a colon": ({"FS_LOCAL_URL": "https//cdn.example.org"}, ["FS_LOCAL_URL", "a colon"]),
    "URL with a space": ({"FS_URL": "https://cdn.example.org /x"}, ["FS_URL", "without spaces"]),
    "URL in quotes": ({"FS_URL": "'https://cdn.example.org'"}, ["FS_URL", "without spaces, line breaks, quotes"]),
    "URL without a host": ({"FS_URL": "https:///x"}, ["FS_URL", "a host"]),
    "URL with a bad port": ({"FS_URL": "cdn.example.org:80a/x"}, ["FS_URL", "a port"]),
    "ROOT of nobody": ({"FS_ROOT": "~no-such-user/files"}, ["FS_ROOT", "'~no-such-user'", "home directory"]),
    "ROOT is a file": (
        {"FS_ROOT": f"{__file__}/x"},
        ["FS_ROOT must be a directory", f"'{__file__}' is not a directory"],
    ),
    "MODE": ({"FS_LOCAL_MODE": "rw"}, ["FS_LOCAL_MODE", "an octal number such as 0o640", "'rw'"]),
    "SERVE_MODE misspelt": (
        {"FILES_FS_SERVE_MODE": "sendfiles"},
        ["FILES_FS_SERVE_MODE", "stream, redirect, sendfile"],
    ),
    "sendfile on S3": ({**S3, "FS_S3_SERVE_MODE": "sendfile"}, ["FS_S3_SERVE_MODE", "'stream' or 'redirect'"]),
    "redirect on local": ({"FILES_FS_SERVE_MODE": "redirect"}, ["FILES_FS_SERVE_MODE", "'stream' or 'sendfile'"]),
    "redirect on Swift": ({**SWIFT, "FS_SWIFT_SERVE_MODE": "redirect"}, ["FS_SWIFT_SERVE_MODE", "TEMP_URL_KEY"]),
    "sendfile on GridFS": ({**GRIDFS, "FILES_FS_SERVE_MODE": "sendfile"}, ["FILES_FS_SERVE_MODE", "use 'stream'"]),
    "sendfile on FTP": (
        {**PYFS, "FS_OPEN_URL": "ftp://h/", "FS_PYFS_SERVE_MODE": "sendfile"},
        ["FS_PYFS_SERVE_MODE", "use 'stream'"],
    ),
    "SERVE": ({"FILES_FS_SERVE": "maybe"}, ["FILES_FS_SERVE", "true or false", "'maybe'"]),
    "required": ({"FILES_FS_BACKEND": "pyfs"}, ["FILES_FS_OPEN_URL or FS_PYFS_OPEN_URL or FS_OPEN_URL"]),
}


def configure(app, name="files", **settings):
    app.config.update(settings)
    storage = fs.Storage(name)
    fs.init_app(app, storage)
    return storage


def refusal(app, name="files", **settings):
    with pytest.raises(fs.ConfigurationError) as caught:
        configure(app, name, **settings)
    message = str(caught.value)
    assert len(message) <= 300, message
    assert message.splitlines() == [message]
    return message


@pytest.mark.parametrize("row", TABLE)
def test_the_table(app, row):
    settings, expected = TABLE[row]
    message = refusal(app, **settings)
    missing = [part for part in ("'files'", *expected) if part not in message]
    assert not missing, message


def test_a_setting_of_the_app_has_no_storage(app):
    assert refusal(app, FS_SERVE="maybe").startswith("FS_SERVE must be true or false, not 'maybe'")


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("ä" * 4, {"BACKEND": "s3"}, "ÄÄÄÄ_FS_BUCKET or FS_S3_BUCKET must be set, because the storage's own name"),
        ("a.", {"BACKEND": "gridfs", "MONGO_URL": "mongodb://h", "MONGO_DB": "d"}, "A__FS_BUCKET or FS_GRIDFS_BUCKET"),
        ("ä" * 125, SWIFT, "_FS_CONTAINER or FS_SWIFT_CONTAINER"),
    ],
)
def test_the_name_of_a_storage_that_is_no_bucket(app, name, settings, key):
    settings = {key.replace("FILES_FS_", "FS_"): value for key, value in settings.items()}
    settings = {key if key.startswith("FS_") else f"FS_{key}": value for key, value in settings.items()}
    assert key in refusal(app, name, **settings)


# Long and secret values

SECRET = "t0p-s3cr3t"


@pytest.mark.parametrize("value", ["x" * 5000, "a\nb" * 900, ["y"] * 2000, {"z": "\r\n" * 500}])
@pytest.mark.parametrize("option", [*COMMON, *registry.all_options()["local"]], ids=lambda option: option.name)
def test_a_long_value_is_cut(app, option, value):
    app.config[f"FILES_FS_{option.name}"] = value
    try:
        configure(app)
    except fs.ConfigurationError as error:
        message = str(error)
        assert len(message) <= 300
        assert f"FILES_FS_{option.name}" in message
        assert "\n" not in message


VALUES = st.one_of(st.text(max_size=400), st.integers(), st.floats(), st.booleans(), st.lists(st.text(), max_size=3))


@given(option=st.sampled_from(COMMON), value=VALUES, level=st.sampled_from(["FILES_FS_", "FS_MEMORY_", "FS_"]))
def test_any_value_is_taken_or_refused_in_one_line(option, value, level):
    app = flask.Flask("tests")
    app.config.update({"FS_BACKEND": "memory", "SECRET_KEY": "s", level + option.name: value})
    try:
        fs.init_app(app, fs.Storage("files"))
    except fs.ConfigurationError as error:
        message = str(error)
        assert len(message) <= 300
        assert message.splitlines() == [message]
        assert option.name in message


@pytest.mark.parametrize(
    "settings",
    [
        {**S3, "FS_S3_ENDPOINT": f"http://u:{SECRET}@host /"},
        {**S3, "FS_S3_ENDPOINT": f"u:{SECRET}@host"},
        {**S3, "FS_S3_SECRET_KEY": [SECRET]},
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": f"mongodb://u:{SECRET}@x@h/"},
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": f"mongodb://u:{SECRET}/x@h/"},
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": f"mongodb://u:{SECRET}?w=x@h/"},
        {**GRIDFS, "FS_GRIDFS_MONGO_URL": f"mongodb://u:{SECRET}@h/?retryWrite=1"},
        {**PYFS, "FS_OPEN_URL": f"sftp://u:{SECRET}@h/"},
        {**PYFS, "FS_OPEN_URL": f"u:{SECRET}@h/"},
        {"FS_URL": f"htps://u:{SECRET}@h/"},
        {"FS_URL": f"https://u:{SECRET}/x@h/ "},
        {"FS_URL": f"u:{SECRET}@h:x/"},
    ],
)
def test_secrets_are_not_shown(app, settings):
    assert SECRET not in refusal(app, **settings)


@pytest.mark.parametrize("key", ["12e3", "1.10", "NaN", "1e999"])
def test_a_secret_that_flask_takes_for_a_number(app, monkeypatch, key):
    monkeypatch.setenv("FLASK_FS_S3_ACCESS_KEY", "123")
    monkeypatch.setenv("FLASK_FS_S3_SECRET_KEY", key)
    app.config.from_prefixed_env()
    assert "FS_S3_SECRET_KEY must be a text" in refusal(app, **S3)
    monkeypatch.setenv("FLASK_FS_S3_SECRET_KEY", f'"{key}"')
    app.config.from_prefixed_env()
    assert configure(app, **S3).config.secret_key == key
    assert configure(app, **S3).config.access_key == "123"


# Sizes


@pytest.mark.parametrize(
    ("settings", "key", "size"),
    [
        ({**S3, "FS_S3_PART_SIZE": "8MB"}, "part_size", 8_000_000),
        ({**S3, "FS_S3_PART_SIZE": 8388608}, "part_size", 8388608),
        ({**SWIFT, "FS_SWIFT_SEGMENT_SIZE": "1 GiB"}, "segment_size", 1024**3),
        ({**GRIDFS, "FS_GRIDFS_CHUNK_SIZE": "255KiB"}, "chunk_size", 255 * 1024),
        ({"FS_MAX_SIZE": "20 MB"}, "max_size", 20_000_000),
        ({"FS_IMAGES_MAX_MEMORY": "256 MiB"}, "images_max_memory", 256 * 1024**2),
    ],
)
def test_sizes_have_units(app, settings, key, size):
    assert configure(app, **settings).config[key] == size


def test_every_size_has_units():
    options = [*COMMON, *(option for each in registry.all_options().values() for option in each)]
    sizes = [option for option in options if option.name.endswith(("_SIZE", "_MEMORY")) and option.name != "POOL_SIZE"]
    assert {option.type for option in sizes} == {"size"}


# Keys that reach nothing


def logged(app, caplog, *storages, **settings):
    app.config.update(settings)
    with caplog.at_level(logging.WARNING, "flask_pyfs"):
        fs.init_app(app, *storages)
    return [record.getMessage() for record in caplog.records if record.name == "flask_pyfs.extension"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("FS_ROOOT", "FS_ROOT"),
        ("FS_SERV", "FS_SERVE"),
        ("FS_PREFX", "FS_PREFIX"),
        ("FS_BACKND", "FS_BACKEND"),
        ("FS_ULR", "FS_URL"),
        ("FS_URI", "FS_URL"),
        ("FS_root", "FS_ROOT"),
        ("FS_HANDLE_ERROR", "FS_HANDLE_ERRORS"),
        ("FS_MONGO_BD", "FS_MONGO_DB"),
        ("FS_ENDPIONT", "FS_ENDPOINT"),
        ("FS_SECRETKEY", "FS_SECRET_KEY"),
        ("FS_LOACL_ROOT", "FS_LOCAL_ROOT"),
        ("FS_GRIDSF_MONGO_URL", "FS_GRIDFS_MONGO_URL"),
        ("FS_FILES_BACKEND", "FILES_FS_BACKEND"),
        ("FS_FILES_BUCKET", "FILES_FS_BUCKET"),
        ("FS_CREATE_STORGE", "FS_CREATE_STORAGE"),
    ],
)
def test_a_typo_at_level_3_is_logged_once(app, caplog, key, meant):
    assert logged(app, caplog, fs.Storage("files"), **{key: "x"}) == [f"{key} has no effect: did you mean {meant}?"]
    assert len(logged(app, caplog, fs.Storage("others"))) == 1
    assert list(misspelt_settings(app)) == [(key, meant)]


# keys of other packages and of apps, found in public repositories, and some that are likely
OF_OTHERS = ["FS_PLUS_CAPACITY_APPROVAL_CODE", "FS_REDUCE_CAPACITY_APPROVAL_CODE", "FS_OBJ", "FS_CONFIG", "FS_DB"]
OF_OTHERS += ["FS_INITIALIZED", "FS_TZ", "FS_EXE", "FS_UNIQUIFIER", "FS_NAME", "FS_PATH", "FS_TYPE", "FS_HOST"]
OF_OTHERS += ["FS_PORT", "FS_TOKEN", "FS_APP_ID", "FS_APP_SECRET", "FS_BASE", "FS_DIR", "FS_ROOT_DIR", "FS_CACHE"]
OF_OTHERS += ["FS_STORAGE", "FS_STORE", "FS_DOMAIN", "FS_ENABLED", "FS_PUBLIC", "FS_LOG_LEVEL", "FS_UPLOAD_FOLDER"]
OF_OTHERS += ["FS_PAGE", "FS_VERSION", "FS_CODE", "FS_NODE"]


def test_keys_of_others_are_left_alone(app, caplog):
    assert logged(app, caplog, fs.Storage("files"), **dict.fromkeys(OF_OTHERS, "x")) == []


def known_keys():
    options = registry.all_options()
    names = {name for each in (*APP, *COMMON) for name in (each.name, *each.aliases)}
    names |= {setting.name for setting in SETTINGS}
    of_backends = {name for each in options.values() for option in each for name in (option.name, *option.aliases)}
    keys = {f"FS_{name}" for name in names | of_backends}
    return sorted(keys | {f"FS_{backend.upper()}_{name}" for backend in options for name in names | of_backends})


@given(keys=st.sets(st.sampled_from(known_keys())), others=st.sets(st.sampled_from(OF_OTHERS), max_size=2))
def test_known_keys_are_never_reported(keys, others):
    settings = dict.fromkeys([*keys, *others], "x")
    installed = registry.installed
    assert list(reaching_nothing(settings, (*APP, *COMMON), installed, registry.all_options, ["files"])) == []


def test_other_keys_are_not_looked_at(app, caplog):
    app.config[5] = "x"
    settings = {"FS_S3_ANYTHING": "x", "FS_": "x", "XFS_ROOOT": "x", "ROOOT": "x", "FILES_FSROOT": "x"}
    assert logged(app, caplog, fs.Storage("files"), **settings) == []


def test_another_app_has_a_log_of_its_own(app, caplog, tmp_path):
    other = flask.Flask("other", instance_path=str(tmp_path))
    logged(app, caplog, FS_SERV=True)
    assert len(logged(other, caplog, FS_SERV=True)) == 2


# Names of storages


@pytest.mark.parametrize(
    ("one", "other", "close"),
    [
        ("FILE", "FILES", True),
        ("FIELS", "FILES", True),
        ("IMGAES", "IMAGES", True),
        ("ATTACHEMENT", "ATTACHMENTS", True),
        ("USERFILES", "USER_FILES", True),
        ("USER_FILE", "USER_FILES", True),
        ("AVATAR", "AVATARS", True),
        ("files", "FILES", True),
        ("ROOOT", "ROOT", True),
        ("BD", "DB", True),
        ("MYFILES", "FILES", False),
        ("MY_FILES", "FILES", False),
        ("DOWNLOADS", "UPLOADS", False),
        ("PAGES", "IMAGES", False),
        ("TENANT_1", "TENANT_2", False),
        ("TENANT1", "TENANT2", False),
        ("TENANT_ONE", "TENANT_TWO", False),
        ("FILES_EU", "FILES_US", False),
        ("FILES_A", "FILES_B", False),
        ("A", "B", False),
        ("IMG", "IMAGES", False),
        ("THUMBS", "FILES", False),
    ],
)
def test_closeness(one, other, close):
    assert is_close(one, other) is is_close(other, one) is close


@given(word=st.text("ABCDEFGH_", min_size=6, max_size=12).filter(lambda word: word.strip("_") == word), data=st.data())
def test_one_letter_less_is_close(word, data):
    # within one word of a name of some length
    word = word.replace("_", "")
    if len(word) >= 4:
        at = data.draw(st.integers(0, len(word) - 1))
        assert is_close(word[:at] + word[at + 1 :], word)
        assert closest(word[:at] + word[at + 1 :], [word, "QQQQQQQQ"]) == word


def test_a_storage_of_that_name_reads_the_key(app):
    other = fs.Storage("paper")
    papers = configure(app, "papers", PAPER_FS_BACKEND="memory")
    assert (papers.backend_name, other.name) == ("local", "paper")


def test_a_storage_that_is_constructed_later_must_come_before(app):
    message = refusal(app, "reports", REPORT_FS_BACKEND="memory")
    assert "If there is a storage 'report', construct it before init_app" in message
    later = fs.Storage("report")
    fs.init_app(app, fs.Storage("reports"), later)
    assert later.backend_name == "memory"


def test_a_key_of_its_own_does_not_hide_the_typo(app):
    assert "FILE_FS_BACKEND" in refusal(app, FILE_FS_BACKEND="s3", FILES_FS_ROOT="x")


def test_storages_are_not_kept(app):
    name = "forgotten-storage"
    storage = fs.Storage(name)
    del storage
    gc.collect()
    assert "FORGOTTEN_STORAGE_FS_URL" in refusal(app, "forgotten-storages", FORGOTTEN_STORAGE_FS_URL="/x")


@pytest.mark.parametrize("name", ["user-files", "user.files", "USER_files"])
@pytest.mark.parametrize("key", ["USER_FILES_FS_URL", "USER_FILE_FS_URL", "USERFILES_FS_URL"])
def test_dashes_and_dots_of_a_name(app, name, key):
    if key == "USER_FILES_FS_URL":
        assert configure(app, name, **{key: "/x"}).base_url == "/x/"
    else:
        assert "USER_FILES_FS_URL" in refusal(app, name, **{key: "/x"})


def test_names_that_are_not_close_are_left_alone(app):
    app.config[7] = "x"
    configure(app, SHOP_FS_URL="/x", A_FS_B="x", MYFILES_FS_TYPO="x", FILES_TYPO="x", _FS_URL="x", FILE_FS_="x")


def test_a_key_that_is_not_set_is_no_typo(app):
    assert configure(app, FILE_FS_BACKEND=None, FIELS_FS_URL=None).backend_name == "local"


def test_the_same_name_in_lower_case_is_no_other_storage(app):
    assert refusal(app, files_FS_ROOT="x") == (
        "files_FS_ROOT reaches no storage: did you mean FILES_FS_ROOT? (storage 'files')"
    )


def test_a_script_is_told_too():
    with pytest.raises(fs.ConfigurationError, match="FILE_FS_URL reaches no storage: did you mean FILES_FS_URL"):
        fs.Storage("files").configure(SimpleNamespace(config={"FS_BACKEND": "memory", "FILE_FS_URL": "/x"}))


# URLs


LINKS = [
    "",
    "/",
    "/static/files",
    "//cdn.example.org",
    "cdn.example.org",
    "cdn.example.org/x",
    "cdn.example.org:8080/x",
]
LINKS += ["localhost:5000", "https://cdn.example.org:443/x", "HTTPS://cdn.example.org", "http://[::1]:80/x", "[::1]/x"]
LINKS += [
    "app://files",
    "file:///srv/files",
    "https://cdn.example.org/it's",
    "ftp://files.example.org",
    "https://u@h/",
    "https://bücher.example.org/ü?x=1",
    "files/a:b",
]


@pytest.mark.parametrize("url", LINKS)
def test_urls_that_are_allowed(url):
    assert require_link(url) is True


SERVERS = ["", "https://s3.amazonaws.com", "http://localhost:9000", "http://127.0.0.1:9000/", "http://[::1]:9000"]
SERVERS += [
    "https://x.supabase.co/storage/v1/s3",
    "HTTPS://S3.example.org",
    "http://minio",
    "http://user@h",
    "http://a.b.",
]


@pytest.mark.parametrize("url", SERVERS)
def test_servers_that_are_allowed(url):
    assert require_server(url) is True


def test_a_scheme_in_upper_case(app):
    assert configure(app, **{**SWIFT, "FS_SWIFT_AUTHURL": "HTTP://127.0.0.1:1/v3"}).backend_name == "swift"


AMAZON = "https://{}.s3{}.amazonaws.com{}"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://s3.amazonaws.com", None),
        ("https://s3.eu-west-2.amazonaws.com", None),
        ("https://s3-eu-west-2.amazonaws.com", None),
        ("https://s3.cn-north-1.amazonaws.com.cn", None),
        ("https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com", None),
        ("https://files-1234.s3-accesspoint.eu-west-2.amazonaws.com", None),
        ("https://files-1234.s3-object-lambda.eu-west-2.amazonaws.com", None),
        ("https://pics.example.org", None),
        ("https://pics:9000", None),
        ("https://x.supabase.co/storage/v1/s3", None),
        ("https://pics.s3.amazonaws.com", ("pics", "https://s3.amazonaws.com")),
        ("https://a.b.s3.eu-west-2.amazonaws.com", ("a.b", "https://s3.eu-west-2.amazonaws.com")),
        ("https://pics.s3-eu-west-2.amazonaws.com/", ("pics", "https://s3-eu-west-2.amazonaws.com")),
        ("https://pics.s3.dualstack.eu-west-2.amazonaws.com", ("pics", "https://s3.dualstack.eu-west-2.amazonaws.com")),
        ("https://s3.eu-west-2.amazonaws.com/other", ("other", "https://s3.eu-west-2.amazonaws.com")),
        ("https://pics.nyc3.digitaloceanspaces.com", ("pics", "https://nyc3.digitaloceanspaces.com")),
        ("https://pics.s3.fr-par.scw.cloud", ("pics", "https://s3.fr-par.scw.cloud")),
        ("https://minio.example.org:9000/pics/", ("pics", "https://minio.example.org:9000")),
        ("https://minio.example.org/s3/pics", ("pics", "https://minio.example.org/s3")),
    ],
)
def test_a_bucket_in_an_endpoint(url, found):
    assert bucket_in(url, "pics") == found


MONGO = [
    "mongodb://h",
    "mongodb://u:p%40ss@h1,h2:27017/db?w=1",
    "mongodb+srv://u:p@cluster.example.org/?retryWrites=true",
]
MONGO += ["mongodb://%2Ftmp%2Fmongodb-27017.sock/db", "mongodb://u@h", "mongodb://[::1]:27017/", "mongodb://u:p#s@h/"]
MONGO += ["mongodb://u:p@h/?authMechanismProperties=AWS_SESSION_TOKEN:a@b", "mongodb://h:1,h:2/?appName=a@b"]


@pytest.mark.parametrize("url", MONGO)
def test_connection_strings_that_are_allowed(url):
    assert require_mongo(url) is True


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_a_quoted_login_is_allowed(user, password):
    login = f"{quote_plus(user.encode('utf-8', 'replace'))}:{quote_plus(password.encode('utf-8', 'replace'))}"
    assert require_mongo(f"mongodb://{login}@h/db") is True


@pytest.mark.parametrize("option", ["retryWrites=true", "RETRYWRITES=true", "w=1", "brandNew=1", "ssl=true"])
def test_options_of_mongodb_that_are_allowed(app, option):
    configure(app, **{**GRIDFS, "FS_GRIDFS_MONGO_URL": f"mongodb+srv://db.example.org/x?{option}"})


@pytest.mark.parametrize(
    "bucket", ["pics", "My_Old.Bucket", "a" * 255, "arn:aws:s3:eu-west-1:123456789012:accesspoint/x"]
)
def test_buckets_that_some_server_takes(app, bucket):
    assert configure(app, **S3, FILES_FS_BUCKET=bucket).backend.bucket_name == bucket


# ROOT


def test_the_home_directory(app, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configure(app, FS_ROOT="~/here").root == str(tmp_path / "here" / "files")
    assert configure(app, FS_LOCAL_ROOT="~").root == str(tmp_path / "files")
    storage = configure(app, FILES_FS_ROOT=Path("~") / "own")
    assert storage.root == str(tmp_path / "own")
    storage.root = "~/assigned"
    assert storage.root == str(tmp_path / "assigned")
    del storage.root
    monkeypatch.chdir(tmp_path)
    assert configure(app, FILES_FS_ROOT="./~x").root == str(tmp_path / "~x")


def test_the_home_directory_of_a_user(app):
    import pwd

    user = pwd.getpwuid(os.getuid())
    assert configure(app, FILES_FS_ROOT=f"~{user.pw_name}/x").root == f"{user.pw_dir}/x"


def test_a_backend_without_a_storage_has_the_same_home(app, monkeypatch, tmp_path):
    from flask_pyfs.backends.local import LocalBackend

    monkeypatch.setenv("HOME", str(tmp_path))
    app.config["FS_ROOT"] = "~/up"
    with app.app_context():
        assert LocalBackend("files", {}).root == str(tmp_path / "up" / "files")
    assert LocalBackend("files", {"root": "~/x"}).root == str(tmp_path / "x")


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("flags", [os.ST_RDONLY, 0])
def test_a_root_that_cannot_be_written_to(app, monkeypatch, tmp_path, exists, flags):
    # root may write everywhere, and only root may mount
    monkeypatch.setattr(os, "access", lambda path, mode, **options: False)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flags))
    root = tmp_path / "root"
    if exists:
        root.mkdir()
        (root / "a.txt").write_text("a")
    if exists and flags:
        assert configure(app, FILES_FS_ROOT=root).read("a.txt") == b"a"
    else:
        assert f"{str(root if exists else tmp_path)!r} is not writable" in refusal(app, FILES_FS_ROOT=root)


# SERVE_MODE


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "sendfile"),
        (S3, "redirect"),
        ({**SWIFT, "FS_SWIFT_TEMP_URL_KEY": "k"}, "redirect"),
        ({"FILES_FS_BACKEND": "memory"}, "redirect"),
        ({"FILES_FS_BACKEND": "mock"}, "sendfile"),
        ({**PYFS, "FS_OPEN_URL": "osfs:///tmp"}, "sendfile"),
        (S3, "stream"),
    ],
)
def test_what_a_backend_can_do(app, settings, mode):
    assert configure(app, FILES_FS_SERVE_MODE=mode, **settings).config.serve_mode == mode


@pytest.mark.parametrize("mode", ["redirect", "sendfile"])
def test_a_mode_for_all_storages_is_for_those_that_can(app, mode):
    storage = configure(app, FS_SERVE_MODE=mode, FILES_FS_BACKEND="pyfs", FILES_FS_OPEN_URL="mem://")
    storage.write("a.txt", "a")
    assert app.test_client().get("/files/a.txt").data == b"a"


def test_a_directory_of_pyfs_is_sent_by_the_server_in_front(app, tmp_path):
    settings = {**PYFS, "FILES_FS_OPEN_URL": f"osfs://{tmp_path}", "FILES_FS_PREFIX": "sub"}
    storage = configure(app, **settings, FILES_FS_SERVE_MODE="sendfile", FILES_FS_ACCEL_URL="/protected")
    storage.write("a.txt", "abc")
    assert storage.path("a.txt") == str(tmp_path / "sub" / "a.txt")
    assert Path(storage.path("a.txt")).read_text() == "abc"
    response = app.test_client().get("/files/a.txt")
    assert (response.headers["X-Accel-Redirect"], response.data) == ("/protected/sub/a.txt", b"")


class Old:
    """A backend as Flask-FS had them."""

    def __init__(self, name, config):
        self.name = name
        self.root = config.get("directory")


@pytest.mark.parametrize(("settings", "possible"), [({}, False), ({"FILES_FS_DIRECTORY": "/tmp"}, True)])
def test_an_old_backend_with_a_root(app, monkeypatch, settings, possible):
    class Entry:
        module = __name__

        def load(self):
            return Old

    entries = {**registry.installed(), "old": Entry()}
    monkeypatch.setattr(registry, "installed", lambda: entries)
    settings |= {"FILES_FS_BACKEND": "old", "FILES_FS_SERVE_MODE": "sendfile"}
    if possible:
        assert configure(app, **settings).root == "/tmp"
    else:
        assert "use 'stream'" in refusal(app, **settings)
    assert "use 'stream'" in refusal(app, **{**settings, "FILES_FS_SERVE_MODE": "redirect"})


# PRIVATE


@pytest.mark.parametrize("settings", [S3, {**SWIFT, "FS_SWIFT_TEMP_URL_KEY": "k"}], ids=["s3", "swift"])
def test_a_store_that_signs_needs_no_key_of_the_app(app, settings):
    assert configure(app, SECRET_KEY=None, FILES_FS_PRIVATE=True, **settings).config.private


def test_a_script_signs_nothing():
    storage = fs.Storage("files")
    storage.configure(SimpleNamespace(config={"FS_BACKEND": "memory", "FS_PRIVATE": True}))
    assert storage.config.private


def test_a_signature_without_a_key_is_refused_when_it_is_made(app):
    storage = configure(app, SECRET_KEY=None)
    with app.test_request_context(), pytest.raises(fs.ConfigurationError, match=r"'files'.*SECRET_KEY"):
        storage.url("a.txt", expires=60)


# static


@pytest.mark.parametrize(
    ("name", "options", "settings", "taken"),
    [
        ("static", {}, {}, True),
        ("static", {}, {"FS_PREFIX": "/files"}, False),
        ("static", {"static_folder": None}, {}, False),
        ("static", {"static_url_path": "/assets"}, {}, False),
        ("static", {}, {"STATIC_FS_URL": "https://cdn.example.org"}, False),
        ("assets", {"static_url_path": "/assets"}, {}, True),
        ("files", {"static_url_path": "/assets"}, {"FS_PREFIX": "assets"}, False),
        ("static", {}, {"FS_PREFIX": "/static"}, False),
        ("files", {}, {"FS_PREFIX": "/static/up"}, False),
        ("b", {"static_url_path": "/a/b"}, {"FS_PREFIX": "/a/"}, True),
        ("files", {"static_url_path": ""}, {}, False),
        ("statics", {}, {}, False),
    ],
)
def test_the_static_files_of_flask(tmp_path, name, options, settings, taken):
    app = flask.Flask("tests", instance_path=str(tmp_path / "instance"), root_path=str(tmp_path), **options)
    app.config.update(settings, FS_SERVE=True, FS_ROOT=str(tmp_path / "root"))
    storage = fs.Storage(name)
    if taken:
        with pytest.raises(fs.ConfigurationError, match=f"set FS_PREFIX, or.*{name!r}") as caught:
            fs.init_app(app, storage)
        assert len(str(caught.value)) <= 300
        return
    fs.init_app(app, storage)
    storage.write("a.txt", "a")
    if not storage.has_url:
        with app.test_request_context():
            url = storage.url("a.txt")
        assert app.test_client().get(url).data == b"a"


# VERIFY_SVG


@pytest.mark.parametrize("level", ["FILES_FS_", "FS_MEMORY_", "FS_"])
@pytest.mark.parametrize(
    ("extensions", "settings", "stripped"),
    [
        (fs.IMAGES, {}, True),
        (["png"], {"ALLOW": "svg"}, True),
        (fs.ALL, {"VERIFY": True}, True),
        (fs.ALL, {}, False),
        (fs.IMAGES, {"VERIFY": False}, False),
        (fs.IMAGES, {"DENY": "SVG"}, False),
        (["png"], {}, False),
        (fs.IMAGES, {"VERIFY_SVG": "refuse"}, False),
    ],
)
def test_stripping_needs_a_package(app, monkeypatch, level, extensions, settings, stripped):
    monkeypatch.setattr("flask_pyfs.uploads.intake.find_spec", {"py_svg_hush": None}.get)
    app.config.update({f"{level}{key}": value for key, value in {"VERIFY_SVG": "strip", **settings}.items()})
    app.config["FS_BACKEND"] = "memory"
    storage = fs.Storage("files", extensions)
    if stripped:
        with pytest.raises(fs.ConfigurationError) as caught:
            fs.init_app(app, storage)
        assert str(caught.value) == (
            f"{level}VERIFY_SVG is 'strip', which needs py-svg-hush: pip install 'flask_pyfs[images]' (storage 'files')"
        )
    else:
        fs.init_app(app, storage)


# Calls


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (lambda app, storage: (storage, app), "<Storage 'files'> is first"),
        (lambda app, storage: (storage,), "<Storage 'files'> is first"),
        (lambda app, storage: (SimpleNamespace(config={}), storage), "the first is a SimpleNamespace"),
        (lambda app, storage: (app, "files"), "a str is no Storage; construct one"),
        (lambda app, storage: (app, [storage]), "unpack it: init_app(app, *storages)"),
        (lambda app, storage: (app, storage, None), "a NoneType is no Storage"),
        (lambda app, storage: (app, fs.Storage), "a type is no Storage"),
    ],
)
@pytest.mark.parametrize("kind", [fs.ConfigurationError, TypeError])
def test_the_arguments_of_init_app(app, arguments, said, kind):
    with pytest.raises(kind) as caught:
        fs.init_app(*arguments(app, fs.Storage("files")))
    assert str(caught.value).startswith("call init_app(app, storage, …)")
    assert said in str(caught.value)
    assert "fs" not in app.extensions


def test_a_proxy_of_an_app_is_an_app(app):
    storage = fs.Storage("files")
    with app.app_context():
        fs.init_app(flask.current_app, storage)
    assert storage.root


@pytest.mark.parametrize("inside", [True, False])
def test_a_storage_that_no_app_has(app, inside):
    storage = fs.Storage("nobody")
    refused = pytest.raises(fs.ConfigurationError, match=r"storage 'nobody' is not configured.*: call init_app")
    with app.app_context() if inside else nullcontext(), refused:
        storage.exists("a.txt")


# Extras


# blocks a package, and then prints what each statement raises
WITHOUT = """
import sys, flask, flask_pyfs

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
for backend in {backends!r}:
    app = flask.Flask("shop")
    app.config.update({settings!r}, FILES_FS_BACKEND=backend)
    try:
        flask_pyfs.init_app(app, flask_pyfs.Storage("files"))
    except flask_pyfs.ConfigurationError as error:
        print(error)
for module in {modules!r}:
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        print(error)
"""


def said_without(missing, backends=(), modules=()):
    settings = {key: value for key, value in {**GRIDFS, **SWIFT}.items() if key != "FILES_FS_BACKEND"}
    code = WITHOUT.format(missing=missing, backends=backends, modules=modules, settings=settings)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_what_an_extra_brings():
    said = said_without(
        ["boto3", "pymongo", "keystoneauth1", "mongoengine", "sqlalchemy", "PIL"],
        ["s3", "gridfs", "swift"],
        ["flask_pyfs.mongo", "flask_pyfs.sqlalchemy", "flask_pyfs.images"],
    )
    cannot = (
        "storage 'files': the backend {!r} of FILES_FS_BACKEND cannot be imported (No module named {!r}): "
        "pip install 'flask_pyfs[{}]'"
    )
    needs = "flask_pyfs.{} needs {}: pip install 'flask_pyfs[{}]'"
    assert said == [
        cannot.format("s3", "boto3", "s3"),
        cannot.format("gridfs", "pymongo", "gridfs"),
        cannot.format("swift", "keystoneauth1", "swift"),
        needs.format("mongo", "mongoengine", "mongo"),
        needs.format("sqlalchemy", "sqlalchemy", "sqlalchemy"),
        needs.format("images", "PIL", "images"),
    ]


def test_what_no_extra_brings_is_missing_by_its_own_name():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'nothing'$"), required_by("images", "PIL"):
        import nothing  # type: ignore[import-not-found]
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'os'"), required_by("images", "PIL"):
        from os import nothing  # type: ignore[attr-defined]  # noqa: F401


@pytest.mark.parametrize(
    "error",
    [ImportError("cannot import name 'x'"), ModuleNotFoundError("No module", name="flask_pyfs.filesystems.nothing")],
)
def test_another_error_of_an_import_asks_for_no_extra(app, monkeypatch, error):
    from flask_pyfs.backends import s3

    def fail(*arguments):
        raise error

    monkeypatch.setattr(s3.S3Backend, "__init__", fail)
    message = refusal(app, **S3)
    assert str(error) in message
    assert "pip install" not in message


# The key as it is set


@pytest.mark.parametrize("level", ["FILES_FS_", "FS_S3_", "FS_"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ENDPOINT", "http://u:p@h"),
        ("ENDPOINT", "http://h/files"),
        ("PART_SIZE", 1),
        ("RETRIES", -1),
        ("BUCKET_NAME", "?"),
    ],
)
def test_the_key_is_named_as_it_is_set(app, level, key, value):
    message = refusal(app, **S3, **{level + key: value})
    assert message.startswith(f"{level}{key} ")
