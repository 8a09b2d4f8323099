"""An app that uses flask-storage as udata does: uploads in pieces, streams that only read, replaced settings."""

import io
import json
import secrets
import uuid

import flask
import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs


class AllowedByTheApp:
    """Extensions that are looked up in the configuration each time."""

    def __contains__(self, extension):
        return extension in flask.current_app.config["ALLOWED_RESOURCES_EXTENSIONS"]


class OnlyReads:
    """A stream without anything but ``read``."""

    def __init__(self, stream):
        self.stream = stream
        self.size = 0

    def read(self, size=-1):
        content = self.stream.read(size)
        self.size += len(content)
        return content


class Pieces(io.RawIOBase):
    """The pieces of an upload, each read from the storage when it is needed."""

    def __init__(self, storage, names):
        self.storage, self.names = storage, iter(names)
        self.left = b""

    def readable(self):
        return True

    def readinto(self, target):
        if not self.left and (name := next(self.names, None)):
            self.left = self.storage.read(name)
        size = min(len(target), len(self.left))
        target[:size], self.left = self.left[:size], self.left[size:]
        return size


class Storages:
    def __init__(self):
        self.resources = fs.Storage("resources", AllowedByTheApp())
        self.chunks = fs.Storage("chunks", fs.AllExcept(fs.SCRIPTS + fs.EXECUTABLES))

    def init_app(self, app):
        fs.init_app(app, self.resources, self.chunks)


@pytest.fixture
def app(tmp_path):
    app = flask.Flask("portal", instance_path=str(tmp_path / "old"))
    app.config.update(FS_PREFIX="/s", ALLOWED_RESOURCES_EXTENSIONS=["csv", "txt"], SERVER_NAME="portal.test")
    return app


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.server)])
def storages(request, app, tmp_path):
    """Two storages that share a bucket, each in its own directory, after a second configuration."""
    storages = Storages()
    storages.init_app(app)
    app.instance_path = str(tmp_path)
    app.config["FS_ROOT"] = str(tmp_path / "fs")
    if request.param == "s3":
        bucket = f"portal-{secrets.token_hex(4)}"
        request.getfixturevalue("make_bucket")(bucket)
        app.config.update(request.getfixturevalue("s3_settings"), FS_S3_USE_THREADS=False)
        for name in ("RESOURCES", "CHUNKS"):
            app.config[f"{name}_FS_BUCKET_NAME"] = bucket
            app.config[f"{name}_FS_PREFIX"] = f"/{name.lower()}/"
    for name in ("RESOURCES", "CHUNKS"):
        app.config[f"{name}_FS_BACKEND"] = request.param
        app.config.pop(f"{name}_FS_ROOT", None)
    storages.init_app(app)
    with app.test_request_context():
        yield storages


def test_an_upload_in_pieces_becomes_one_file(storages):
    upload, pieces = str(uuid.uuid4()), [b"a" * 100_000, b"b", b"c" * 70_000]
    names = []
    for number, piece in enumerate(pieces):
        names.append(storages.chunks.save(FileStorage(io.BytesIO(piece), "blob"), filename=f"{upload}/{number}"))
        storages.chunks.write(f"{upload}/meta.json", json.dumps({"uuid": upload, "parts": number}), overwrite=True)
    assert sorted(storages.chunks.list_files()) == [*names, f"{upload}/meta.json"]
    stream = OnlyReads(io.BufferedReader(Pieces(storages.chunks, names)))
    stored = storages.resources.save(stream, filename="data.csv", prefix="dataset/20261128-120000")
    assert stored == "dataset/20261128-120000/data.csv"
    assert storages.resources.read(stored) == b"".join(pieces)
    assert stream.size == 170_001
    assert list(storages.resources.list_files()) == [stored]


def test_abandoned_pieces_are_deleted_with_their_directory(storages):
    kept, gone = str(uuid.uuid4()), str(uuid.uuid4())
    for upload in (kept, gone):
        storages.chunks.write(f"{upload}/0", b"a")
        storages.chunks.write(f"{upload}/meta.json", json.dumps({"uuid": upload}))
    [meta] = [name for name in storages.chunks.list_files() if name == f"{gone}/meta.json"]
    storages.chunks.delete(json.loads(storages.chunks.read(meta))["uuid"])
    assert sorted(storages.chunks.list_files()) == [f"{kept}/0", f"{kept}/meta.json"]


def test_the_app_decides_which_extensions_are_taken(app, storages):
    with pytest.raises(fs.UnauthorizedFileType):
        storages.resources.save(io.BytesIO(b"a"), filename="a.parquet")
    app.config["ALLOWED_RESOURCES_EXTENSIONS"].append("parquet")
    name = storages.resources.save(io.BytesIO(b"a"), filename="a.parquet")
    assert name in storages.resources


def test_urls_and_open_files(storages):
    name = storages.resources.save(io.BytesIO(b"one,two"), filename="test.csv")
    url = storages.resources.url(name, external=True)
    assert url == "http://portal.test/s/resources/test.csv"
    assert url.startswith(storages.resources.base_url)
    with storages.resources.open(name, "rb") as file:
        assert file.read() == b"one,two"


def test_files_go_where_the_tests_configured(storages, tmp_path):
    storages.resources.write("a.txt", b"a")
    assert not (tmp_path / "old").exists()
    if storages.resources.backend_name == "local":
        assert (tmp_path / "fs" / "resources" / "a.txt").read_bytes() == b"a"
