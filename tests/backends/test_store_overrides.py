"""Code that changes the backends of stores keeps working where Flask-FS called it, and finds the drivers' objects."""

# mypy: disable-error-code="override, method-assign"

import io
import uuid
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import boto3
import gridfs
import pymongo
import pytest
import swiftclient
from botocore.config import Config as BotoConfig
from serving.conftest import make_place
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs import signals
from flask_pyfs.backends import Config, registry
from flask_pyfs.backends.gridfs import GridFsBackend
from flask_pyfs.backends.s3 import S3Backend
from flask_pyfs.backends.swift import SwiftBackend

pytestmark = pytest.mark.server


@pytest.fixture
def s3_settings(moto_endpoint):
    # the bucket is not there yet, and a test deletes it
    return {
        "BACKEND": "s3",
        "ENDPOINT": moto_endpoint.url,
        "REGION": moto_endpoint.region,
        "ACCESS_KEY": moto_endpoint.access_key,
        "SECRET_KEY": moto_endpoint.secret_key,
        "ADDRESSING_STYLE": moto_endpoint.addressing_style,
        "BUCKET_NAME": f"bucket-{uuid.uuid4()}",
    }


@pytest.fixture
def gridfs_settings(request):
    with make_place("gridfs", request) as settings:
        yield settings


@pytest.fixture
def swift_settings(request):
    with make_place("swift", request) as settings:
        yield settings


CLASSES: dict[str, Any] = {"s3": S3Backend, "gridfs": GridFsBackend, "swift": SwiftBackend}


@pytest.fixture(params=CLASSES)
def kind(request):
    return request.param


@pytest.fixture
def settings(request, kind):
    return request.getfixturevalue(f"{kind}_settings")


@pytest.fixture
def storage(app, configure_storage, settings):
    storage = configure_storage("files", settings)
    with app.app_context():
        yield storage


@pytest.fixture
def subclass(app, monkeypatch, configure_storage):
    """A function that configures a storage whose backend is a class that is installed under a name."""

    def subclass(backend_class, settings):
        entry = SimpleNamespace(load=lambda: backend_class, module="changed", name="changed")
        found = {**registry.installed(), "changed": entry}
        monkeypatch.setattr(registry, "installed", lambda: found)
        return configure_storage("files", {**settings, "BACKEND": "changed"})

    return subclass


def upload(content_type=None):
    return FileStorage(io.BytesIO(b"content"), filename="a.txt", content_type=content_type)


def by_driver(backend):
    """The names and contents of the files, as the handle of the backend's driver finds them."""
    if isinstance(backend, S3Backend):
        return {each.key: each.get()["Body"].read() for each in backend.bucket.objects.all()}
    if isinstance(backend, GridFsBackend):
        return {each.filename: each.read() for each in gridfs.GridFS(backend.db, backend.bucket_name).find()}
    found = backend.conn.get_container(backend.container)[1]
    return {each["name"]: backend.conn.get_object(backend.container, each["name"])[1] for each in found}


# Overrides


def test_methods_of_a_subclass_get_the_arguments_of_flask_fs(app, subclass, kind, settings):
    calls = list[Any]()

    class Changed(CLASSES[kind]):  # type: ignore[misc, valid-type]
        def write(self, filename, content):
            calls.append(("write", filename, content))
            return super().write(filename, self.as_binary(content).upper())

        def copy(self, filename, target):
            calls.append(("copy", filename, target))
            super().copy(filename, target)

        def delete(self, filename):
            calls.append(("delete", filename))
            super().delete(filename)

        def list_files(self):
            yield from super().list_files()

        def exists(self, filename):
            return not filename.startswith("hidden") and super().exists(filename)

        def get_metadata(self, filename):
            return {**super().get_metadata(filename), "mime": None}

        def serve(self, filename):
            return self.read(filename), {"X-Served-By": "Changed"}

    storage = subclass(Changed, settings)
    with app.test_request_context():
        # save calls write with all of the content
        storage.save(upload())
        storage.write("hidden.txt", "hidden")
        storage.move("a.txt", "b.txt")
        assert calls == [
            ("write", "a.txt", b"content"),
            ("write", "hidden.txt", "hidden"),
            ("copy", "a.txt", "b.txt"),
            ("delete", "a.txt"),
        ]
        assert by_driver(storage.backend) == {"b.txt": b"CONTENT", "hidden.txt": b"HIDDEN"}
        assert sorted(storage.list_files("b")) == ["b.txt"]
        assert storage.metadata("b.txt")["mime"] == "text/plain"
        for operation in (storage.read, storage.open, storage.read_chunks):
            with pytest.raises(fs.FileNotFound):
                operation("hidden.txt")
        with pytest.raises(fs.FileExists):
            storage.save(upload(), filename="b.txt")
        storage.save(upload(), filename="b.txt", overwrite=True)
    response = app.test_client().get("/files/b.txt")
    assert (response.data, response.headers["X-Served-By"]) == (b"CONTENT", "Changed")
    assert app.test_client().get("/files/hidden.txt").status_code == 404


class Copied:
    def copy(self, filename, target):
        super().copy(filename, target)  # type: ignore[misc]


class Deleted:
    def delete(self, filename):
        super().delete(filename)  # type: ignore[misc]


class Moved(Copied, Deleted):
    def move(self, filename, target):
        self.copy(filename, target)
        self.delete(filename)


@pytest.mark.parametrize("changes", [Copied, Deleted, Moved])
def test_a_file_survives_a_move_to_any_spelling_of_its_name(app, subclass, kind, settings, changes):
    storage = subclass(type("Changed", (changes, CLASSES[kind]), {}), settings)
    nfd = "e\u0301.txt"
    with app.app_context():
        for name, others in {"p/x.txt": ["p/x.txt", "p//x.txt", "/p/x.txt"], "\u00e9.txt": ["\u00e9.txt", nfd]}.items():
            storage.write(name, b"content")
            for source in others:
                for target in others:
                    storage.move(source, target, overwrite=True)
                    storage.copy(source, target, overwrite=True)
                    assert storage.read(name) == b"content", (source, target)
        storage.move("p/x.txt", "q/x.txt")
        assert by_driver(storage.backend) == {"q/x.txt": b"content", "\u00e9.txt": b"content"}


@pytest.mark.parametrize("changes", [Copied, Deleted, Moved])
def test_a_move_leaves_the_file_with_another_spelling(app, subclass, kind, settings, changes):
    storage = subclass(type("Changed", (changes, CLASSES[kind]), {}), settings)
    with app.app_context():
        for name in ("\u00e9.txt", "e\u0301.txt"):
            storage.backend.store.put(name, io.BytesIO(name.encode()))
        storage.move("\u00e9.txt", "new.txt")
        assert by_driver(storage.backend) == {"new.txt": "\u00e9.txt".encode(), "e\u0301.txt": "e\u0301.txt".encode()}
        storage.move("\u00e9.txt", "newer.txt")
        assert by_driver(storage.backend).keys() == {"new.txt", "newer.txt"}


def test_the_signal_has_the_name_that_a_changed_delete_returns(app, subclass, kind, settings):
    class Changed(CLASSES[kind]):  # type: ignore[misc, valid-type]
        def delete(self, filename):
            return super().delete(filename)

    storage, announced = subclass(Changed, settings), []

    def announce(storage, filename):
        announced.append(filename)

    with app.app_context(), signals.file_deleted.connected_to(announce, storage):
        for name in ("p//x.txt", "p/x.txt"):
            storage.backend.store.put(name, io.BytesIO(b""))
        for _ in range(2):
            storage.delete("p//x.txt")
    assert announced == ["p//x.txt", "p/x.txt"]


@pytest.mark.parametrize("takes_prefix", [False, True])
def test_a_listing_of_ones_own_shows_a_prefix_in_each_spelling(app, subclass, kind, settings, takes_prefix):
    class Plain(CLASSES[kind]):  # type: ignore[misc, valid-type]
        def list_files(self):
            return super().list_files()

    class Prefixed(CLASSES[kind]):  # type: ignore[misc, valid-type]
        def list_files(self, prefix=None):
            return super().list_files(prefix)

    storage = subclass(Prefixed if takes_prefix else Plain, settings)
    odd = ["/d/x.txt", "d//x.txt", "e\u0301/x.txt", "b\\x.txt"]
    with app.app_context():
        for name in (*odd, "d/x.txt"):
            storage.backend.store.put(name, io.BytesIO(b"odd"))
        assert sorted(storage.list_files()) == sorted([*odd, "d/x.txt"])
        for prefix, found in {
            "/d/": ["/d/x.txt", "d//x.txt", "d/x.txt"],
            "d/": ["d//x.txt", "d/x.txt"],
            "\u00e9/": ["e\u0301/x.txt"],
            "b\\": ["b\\x.txt"],
        }.items():
            assert sorted(storage.list_files(prefix)) == found, prefix


def test_methods_that_return_nothing_and_odd_names(app, subclass, kind, settings):
    class Changed(CLASSES[kind]):  # type: ignore[misc, valid-type]
        def write(self, filename, content):
            super().write(filename, content)

        def delete(self, filename):
            super().delete(filename)

    storage = subclass(Changed, settings)
    announced = []
    with (
        app.app_context(),
        signals.file_deleted.connected_to(lambda storage, filename: announced.append(filename), storage),
    ):
        store = storage.backend.store
        for name in ("p//x.txt", "d\\x.txt"):
            store.put(name, io.BytesIO(b"old"))
            assert storage.write(name, b"new", overwrite=True) == name
            assert storage.save(io.BytesIO(b"newer"), name, overwrite=True) == name
            assert by_driver(storage.backend) == {name: b"newer"}
            storage.delete(name)
            assert by_driver(storage.backend) == {}
    assert len(announced) == 2


def test_a_patch_after_init_app(storage, kind, monkeypatch):
    saved = []

    def save(self, file_or_wfs, filename):
        saved.append(filename)
        return original(self, file_or_wfs, filename)

    def open_file(self, filename, mode="r", encoding="utf8"):
        return original_open(self, filename, mode, encoding)

    original, original_open = CLASSES[kind].save, CLASSES[kind].open
    storage.save(upload())
    monkeypatch.setattr(CLASSES[kind], "save", save)
    monkeypatch.setattr(CLASSES[kind], "open", open_file)
    storage.save(upload(), filename="b.txt")
    with storage.open("b.txt", encoding="ascii") as file:
        assert file.read() == "content"
    assert saved == ["b.txt"]


def test_methods_that_use_the_driver(app, subclass, s3_settings):
    class Direct(S3Backend):
        def write(self, filename, content):
            return self.bucket.put_object(Key=filename, Body=self.as_binary(content), Metadata={"by": "direct"})

        def serve(self, filename):
            return f"{self.client.head_object(Bucket=self.bucket.name, Key=filename)['Metadata']}"

    storage = subclass(Direct, s3_settings)
    with app.app_context():
        storage.backend.bucket.create()
        stored = storage.write("a.txt", "text")
        assert (stored, stored.version) == ("a.txt", None)
    assert app.test_client().get("/files/a.txt").text == "{'by': 'direct'}"


def test_an_init_that_makes_the_resource_of_s3(app, configure_storage, monkeypatch, s3_settings):
    """As code for stores that want other addresses has it: it calls only the base class."""
    bucket = s3_settings.pop("BUCKET_NAME")

    def init(self, name, config):
        super(S3Backend, self).__init__(name, config)
        self.session = boto3.session.Session()
        self.s3config = BotoConfig(signature_version="s3v4", s3={"addressing_style": "path"})
        self.s3 = self.session.resource(
            "s3",
            config=self.s3config,
            endpoint_url=config.endpoint,
            region_name=config.region,
            aws_access_key_id=config.access_key,
            aws_secret_access_key=config.secret_key,
        )
        self.bucket = self.s3.Bucket(bucket)
        self.bucket.create()

    monkeypatch.setattr(S3Backend, "__init__", init)
    del s3_settings["ADDRESSING_STYLE"]
    storage = configure_storage("files", s3_settings)
    with app.app_context():
        storage.save(upload())
        storage.write("b.txt", b"other")
        assert by_driver(storage.backend) == {"a.txt": b"content", "b.txt": b"other"}
        assert storage.backend.bucket_name == bucket
        signed = storage.url("a.txt", expires=60)
    assert signed.startswith(f"{s3_settings['ENDPOINT']}/{bucket}/a.txt?")


def test_the_address_of_an_assigned_resource_is_the_one_of_the_storage(
    app, configure_storage, monkeypatch, s3_settings
):
    def init(self, name, config):
        super(S3Backend, self).__init__(name, config)
        self.s3 = boto3.session.Session().resource(
            "s3",
            config=BotoConfig(s3={"addressing_style": "virtual"}),
            endpoint_url="https://oss.example",
            region_name="north",
            aws_access_key_id=config.access_key,
            aws_secret_access_key=config.secret_key,
        )
        self.bucket = self.s3.Bucket("media")

    monkeypatch.setattr(S3Backend, "__init__", init)
    storage = configure_storage("files", s3_settings)
    with app.app_context():
        assert storage.url("a.txt", expires=60).startswith("https://media.oss.example/a.txt?")


def test_an_init_that_logs_in_to_swift(app, configure_storage, monkeypatch, swift_settings):
    """As code had it that found the version of the login in the address."""

    def init(self, name, config):
        super(SwiftBackend, self).__init__(name, config)
        version = "1.0" if config.authurl.endswith("/v1.0") else "3"
        self.conn = swiftclient.Connection(
            user=config.user,
            key=config.key,
            authurl=config.authurl,
            auth_version=version,
            os_options={"tenant_name": None},
        )
        self.conn.put_container(self.container)

    monkeypatch.setattr(SwiftBackend, "__init__", init)
    del swift_settings["AUTH_VERSION"]
    storage = configure_storage("files", swift_settings)
    with app.app_context(), closing(storage.backend.conn):
        storage.save(upload())
        assert by_driver(storage.backend) == {"a.txt": b"content"}


# The objects of the drivers


def test_the_drivers_objects(storage, kind):
    storage.save(upload())
    assert by_driver(storage.backend) == {"a.txt": b"content"}
    backend = storage.backend
    assert backend.fs.readbytes("a.txt") == b"content"
    if kind == "s3":
        assert backend.bucket.name == backend.bucket_name == storage.config.bucket
        assert backend.s3.meta.client.meta.endpoint_url == backend.client.meta.endpoint_url
        assert backend.session.client("s3", endpoint_url=storage.config.endpoint).list_buckets()["Buckets"]
        backend.bucket.objects.all().delete()
        backend.bucket.delete()
    elif kind == "gridfs":
        assert isinstance(backend.client, pymongo.MongoClient)
        assert backend.client is backend.client
        assert backend.db.name == storage.config.mongo_db
        backend.db.drop_collection(f"{backend.bucket_name}.files")
    else:
        assert isinstance(backend.conn, swiftclient.Connection)
        assert backend.conn is backend.conn
        backend.conn.delete_object(backend.container, "a.txt")
        backend.conn.close()
    assert not storage.exists("a.txt")


def test_chunks_by_the_name_that_flask_fs2_has(storage):
    storage.save(upload())
    assert list(storage.backend.read_chunks("a.txt", chunks_size=4)) == [b"cont", b"ent"]
    assert list(storage.backend.read_chunks("a.txt", 4)) == [b"cont", b"ent"]


def test_a_backend_that_is_built_by_hand(app, kind, settings):
    texts = {key.lower(): value for key, value in settings.items() if key != "BACKEND"}
    backend = CLASSES[kind]("files", Config(texts, timeout="20", prefix="some/where"))
    assert backend.config.timeout == 20
    backend.write("a.txt", "text")
    backend.save(upload(), "b.txt")
    assert backend.read("a.txt") == b"text"
    assert by_driver(backend) == {"some/where/a.txt": b"text", "some/where/b.txt": b"content"}
    if kind == "s3":
        assert backend.bucket.name == settings["BUCKET_NAME"]


# Media types


class OddUpload(io.BytesIO):
    content_type = "text/html\r\nX: y"


def test_what_is_written_keeps_the_type_that_its_upload_declares(storage):
    storage.write("a.bin", upload("text/x-own; charset=utf-8"))
    storage.write("b.txt", upload())
    storage.write("c.txt", OddUpload(b"content"))
    storage.save(upload("text/html"), filename="d.txt")
    with storage.open("a.bin", "rb") as file:
        assert file.content_type == "text/x-own; charset=utf-8"
    with storage.open("b.txt") as text:
        assert text.content_type == "text/plain"
    assert [storage.backend.get_metadata(name)["mime"] for name in ("c.txt", "d.txt")] == ["text/plain"] * 2
    storage.copy("a.bin", "e.bin")
    with storage.open("a.bin", "rb") as file:
        storage.write("f.bin", file)
    for name in ("e.bin", "f.bin"):
        assert storage.fs.getinfo(name, ["details"]).size == 7
        with storage.open(name, "rb") as file:
            assert file.content_type == "text/x-own; charset=utf-8"
