"""An app that uses flask-fs2 as zou does: all settings are always there, and local files lie at paths of its own."""

import os
import secrets
from contextlib import closing

import flask
import pytest
import swiftclient

import flask_pyfs as fs
from flask_pyfs.backends.local import LocalBackend

ID = "63e453f1-9655-49ad-acba-ff7f27c49e9d"
OTHER = "a24a6ea4-ce75-4665-a070-57453082c256"
BACKUP = "dbbackup-2026-02-24T09:42:21.sql.gz"

# what zou takes from the environment, where most is not set
SETTINGS = {
    "FS_BUCKET_PREFIX": "",
    "FS_SWIFT_AUTHURL": None,
    "FS_SWIFT_USER": None,
    "FS_SWIFT_KEY": None,
    "FS_SWIFT_TENANT_NAME": None,
    "FS_SWIFT_REGION_NAME": None,
    "FS_SWIFT_CREATE_CONTAINER": False,
    "FS_SWIFT_AUTH_VERSION": "3",
    "FS_SWIFT_AES256_ENCRYPTED": False,
    "FS_SWIFT_AES256_KEY": None,
    "FS_SWIFT_POOL_SIZE": 20,
    "FS_SWIFT_TIMEOUT": 60,
    "FS_SWIFT_RETRIES": 5,
    "FS_SWIFT_ETAG_MISMATCH_POLICY": "log",
    "FS_S3_ENDPOINT": None,
    "FS_S3_REGION": None,
    "FS_S3_ACCESS_KEY": None,
    "FS_S3_SECRET_KEY": None,
    "FS_S3_CREATE_BUCKET": False,
    "FS_S3_AES256_ENCRYPTED": False,
    "FS_S3_AES256_KEY": None,
}


def sharded(holder, key):
    """Return where a key lies: both backends and storages are asked for it."""
    folder, _, name = key.partition("-")
    shards = [] if folder == "dbbackup" else [name[:3], name[3:6]]
    return os.path.normpath(os.path.join(os.path.abspath(holder.root), folder, *shards, name))


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setattr(LocalBackend, "path", sharded)
    return {}


@pytest.fixture
def s3(s3_settings):
    return s3_settings


@pytest.fixture
def swift(swift_server):
    place = swift_server.place
    return {
        "FS_SWIFT_AUTHURL": place.auth_url,
        "FS_SWIFT_USER": place.user,
        "FS_SWIFT_KEY": place.key,
        "FS_SWIFT_AUTH_VERSION": "1",
    }


@pytest.fixture(
    params=["local", pytest.param("s3", marks=pytest.mark.server), pytest.param("swift", marks=pytest.mark.server)]
)
def pictures(request, tmp_path):
    settings = request.getfixturevalue(request.param)
    name = f"pictures-{secrets.token_hex(4)}"
    if request.param == "s3":
        request.getfixturevalue("make_bucket")(name)
    if request.param == "swift":
        place = request.getfixturevalue("swift_server").place
        with closing(swiftclient.Connection(place.auth_url, place.user, place.key)) as connection:
            connection.put_container(name)
    app = flask.Flask("studio")
    app.config.update(SETTINGS | settings, FS_BACKEND=request.param, FS_ROOT=str(tmp_path / "previews"))
    storage = fs.Storage(name, overwrite=True)
    fs.init_app(app, storage)
    with app.app_context():
        yield storage


@pytest.fixture
def upload(pictures, tmp_path):
    def upload(key, content):
        source = tmp_path / "upload"
        source.write_bytes(content)
        with source.open("rb") as file:
            pictures.write(key, file)

    return upload


def test_a_picture_is_uploaded_again_copied_read_and_removed(pictures, upload):
    key, copy = f"thumbnails-{ID}", f"originals-{OTHER}"
    upload(key, b"first")
    upload(key, b"second")
    pictures.copy(key, copy)
    # a copy replaces a copy
    pictures.copy(key, copy)
    pictures.delete(key)
    assert (pictures.exists(key), pictures.exists(copy)) == (False, True)
    assert pictures.read(copy) == b"second"
    assert b"".join(pictures.read_chunks(copy)) == b"second"


def test_a_reader_that_stops_early_closes_the_stream(pictures, upload):
    content = os.urandom(3 * 1024 * 1024)
    upload(f"movies-{ID}", content)
    stream = pictures.read_chunks(f"movies-{ID}")
    first = next(iter(stream))
    assert content.startswith(first)
    stream.close()
    assert pictures.read(f"movies-{ID}") == content


def test_a_missing_picture_is_a_known_error(pictures):
    with pytest.raises(fs.FileNotFound):
        pictures.read(f"thumbnails-{ID}")
    pictures.delete(f"thumbnails-{ID}")


def test_all_files_are_listed_and_cleared(pictures, upload):
    keys = {f"thumbnails-{ID}", f"originals-{OTHER}", BACKUP}
    for key in keys:
        upload(key, key.encode())
    listed = list(pictures.list_files())
    assert len(listed) == 3
    for name in listed:
        # on local the listing has the names on the disk, from which an app makes the keys
        parts = name.split("/")
        pictures.delete(f"{parts[0]}-{parts[-1]}" if len(parts) > 1 else name)
    assert list(pictures.list_files()) == []
    assert not any(map(pictures.exists, keys))


def test_an_app_opens_the_files_at_its_paths(local, tmp_path):
    app = flask.Flask("studio")
    app.config.update(SETTINGS, FS_BACKEND="local", FS_ROOT=str(tmp_path / "previews"))
    storage = fs.Storage("pictures", overwrite=True)
    fs.init_app(app, storage)
    with app.app_context():
        storage.write(f"thumbnails-{ID}", b"content")
        storage.write(BACKUP, b"backup")
        previews = tmp_path / "previews" / "pictures"
        assert sharded(storage, f"thumbnails-{ID}") == str(previews / "thumbnails" / "63e" / "453" / ID)
        assert (previews / "thumbnails" / "63e" / "453" / ID).read_bytes() == b"content"
        assert (previews / "dbbackup" / BACKUP.removeprefix("dbbackup-")).read_bytes() == b"backup"
