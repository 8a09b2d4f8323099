"""What could lead to the files round the encryption: each is refused, goes through the app, or has ciphertext."""

import io
import itertools
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import flask
import pytest
from fs import errors
from fs.memoryfs import MemoryFS
from PIL import Image
from places import make_place
from planted import KINDS, PLANTED, PNG, SERVERS, encrypted_storage, key, keyed, plain_in
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs import UploadURL
from flask_pyfs.backends import BaseBackend, registry
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.backends.mock import MockBackend
from flask_pyfs.cli import fs as command
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.filesystems.generic import as_store
from flask_pyfs.testing import memory_storages

KEY = "FILES_FS_ENCRYPTION_KEYS"


@pytest.fixture(params=KINDS)
def storage(request, app):
    with encrypted_storage(request.param, request, app) as storage:
        storage.write("a.txt", PLANTED)
        yield storage


@pytest.fixture
def local(request, app):
    with encrypted_storage("local", request, app) as storage:
        storage.write("a.txt", PLANTED)
        yield storage


@pytest.fixture
def register(monkeypatch):
    """Register a class of this module as a backend."""

    def register(name, backend_class):
        entry = SimpleNamespace(module=__name__, name=name, load=lambda: backend_class)
        known = {**registry.installed(), name: entry}
        monkeypatch.setattr(registry, "installed", lambda: known)

    return register


def configured(app, **settings):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(settings)
    fs.init_app(app, storage)
    return storage


# Settings

LEVELS = [{"FILES_FS_URL": "https://cdn/"}, {"FS_LOCAL_URL": "cdn"}, {"FS_URL": "/cdn"}]


@pytest.mark.parametrize("settings", LEVELS, ids=lambda settings: next(iter(settings)))
@pytest.mark.parametrize("keys", [KEY, "FS_LOCAL_ENCRYPTION_KEYS", "FS_ENCRYPTION_KEYS"])
def test_a_url_beside_the_keys_is_refused_by_its_name(app, settings, keys):
    (name,) = settings
    with pytest.raises(fs.ConfigurationError) as raised:
        configured(app, **settings, **{keys: key()})
    assert str(raised.value).startswith(f"{name} cannot be used with {keys}: ")
    assert "Remove it, or set FILES_FS_URL to an empty text" in str(raised.value)


def test_a_storage_among_others_with_a_url_has_its_own(app):
    files = configured(app, FS_URL="https://cdn/", FILES_FS_URL="", **{KEY: key()})
    others = fs.Storage("others", fs.ALL)
    fs.init_app(app, others)
    with app.app_context():
        assert [files.has_url, others.has_url] == [False, True]
        assert [files.url("a.txt"), others.url("a.txt")] == ["/files/a.txt", "https://cdn/others/a.txt"]


@pytest.mark.parametrize("name", ["FILES_FS_SERVE_MODE", "FS_LOCAL_SERVE_MODE"])
def test_sendfile_is_refused_by_its_name(app, name):
    with pytest.raises(fs.ConfigurationError, match="because its files are encrypted: use 'stream' or 'redirect'") as e:
        configured(app, **{name: "sendfile", KEY: key()})
    assert str(e.value).startswith(f"{name} is 'sendfile'")


@pytest.mark.parametrize("accelerated", [{}, {"FS_ACCEL_URL": "/protected"}, {"FILES_FS_ACCEL_URL": "/protected"}])
def test_what_sends_the_files_of_other_storages_leaves_these_to_the_app(app, accelerated):
    files = configured(app, FS_SERVE_MODE="sendfile", **accelerated, **{KEY: key()})
    plain = fs.Storage("plain", fs.ALL)
    fs.init_app(app, plain)
    answers = []
    for storage in (files, plain):
        with app.app_context():
            storage.write("a.bin", PLANTED)
        answers.append(app.test_client().get(f"/{storage.name}/a.bin", buffered=True))
    sent = [{"X-Sendfile", "X-Accel-Redirect"} & {*answer.headers.keys()} != set() for answer in answers]
    assert [answer.data for answer in answers] == [PLANTED, b""]
    assert sent == [False, True]


def test_keys_and_modes_come_from_the_environment(app, monkeypatch):
    monkeypatch.setenv("FLASK_FILES_FS_ENCRYPTION_KEYS", f"{key()}, {key()}")
    app.config.from_prefixed_env()
    storage = configured(app)
    with app.app_context():
        storage.write("a.txt", PLANTED)
        assert storage.read("a.txt") == PLANTED
        assert plain_in(storage) == []
        assert len(storage.config["encryption_keys"]) == 2


# URLs and requests of clients


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("settings", [{"SERVE_MODE": "redirect"}, {}], ids=["redirect", "stream"])
def test_a_store_that_signs_signs_nothing(request, app, kind, settings):
    more = {"TEMP_URL_KEY": "k"} if kind == "swift" else {}
    with encrypted_storage(kind, request, app, PRIVATE=True, **settings, **more) as storage:
        storage.write("a.txt", PLANTED)
        assert not storage.backend.signs_urls
        signed = storage.url("a.txt", expires=60)
        upload = storage.upload_url("b.txt", expires=60, unique=False, overwrite=True)
        assert upload.fields == {}
        with pytest.raises(fs.OperationNotSupported, match="its files are encrypted: call resumable_url"):
            storage.multipart_url("c.bin", expires=60)
        client = app.test_client()
        response = client.get(signed, buffered=True)
        assert (response.status_code, response.data) == (200, PLANTED)
        assert upload.method == "POST"
        sent = {"file": (io.BytesIO(PLANTED), "b.txt", "text/plain")}
        assert client.post(upload.url, data=sent).status_code == 201
        assert storage.read("b.txt") == PLANTED
        assert plain_in(storage) == []


@pytest.mark.parametrize("kind", SERVERS[:1])
def test_a_public_object_is_encrypted(request, app, kind):
    with encrypted_storage(kind, request, app, ACL="public-read") as storage:
        storage.write("a.txt", PLANTED)
        assert PLANTED not in storage.backend.bucket.Object("a.txt").get()["Body"].read()
        assert storage.backend.store.address("a.txt") is None


class Signing(BaseBackend):
    """Leads clients to its store, and has a directory."""

    options = ()
    root = "/srv"

    def open_fs(self) -> MemoryFS:
        return MemoryFS()

    def signed_url(self, filename: str, *arguments: Any, **options: Any) -> str:
        return f"https://store/{filename}"

    def signed_upload(self, filename: str, terms: Any) -> UploadURL:
        return UploadURL(filename, f"https://store/{filename}")

    def in_parts(self, filename: str) -> Any:
        raise AssertionError("clients send parts to the store")

    def keeper(self, filename: str) -> BaseBackend:
        return self

    def obstacle_to(self, serve_mode: str) -> None:
        return None


@pytest.mark.parametrize("settings", [{}, keyed()], ids=["plain", "encrypted"])
def test_a_backend_of_others_leads_nobody_to_its_store(app, register, settings):
    register("signing", Signing)
    storage = configured(
        app, FILES_FS_BACKEND="signing", **{f"FILES_FS_{name}": value for name, value in settings.items()}
    )
    with app.app_context():
        storage.write("a.txt", PLANTED)
        urls = [storage.url("a.txt", expires=60), storage.upload_url("b.txt", expires=60, unique=False).url]
        is_plain = not settings
        assert [url.startswith("https://store/") for url in urls] == [is_plain] * 2
        assert storage.backend.signs_urls == is_plain
        assert (storage.backend.keeper("") is None) == (not is_plain)
        if not is_plain:
            assert storage.backend.signed_url("a.txt", 1, 1) is None
            assert storage.backend.in_parts("a.txt") is None
            with pytest.raises(fs.OperationNotSupported, match="its files are encrypted"):
                storage.path("a.txt")
    app.config["FILES_FS_SERVE_MODE"] = "sendfile"
    if is_plain:
        configured(app)
    else:
        with pytest.raises(fs.ConfigurationError, match="because its files are encrypted"):
            configured(app)


# Backends that read and write files by themselves


class OfFlaskFS:
    """A backend of Flask-FS, which knows of no keys."""

    def __init__(self, name, config):
        self.files = {}

    def exists(self, filename):
        return filename in self.files

    def read(self, filename):
        return self.files[filename]

    def write(self, filename, content):
        self.files[filename] = content


# what a backend of Flask-FS does in these methods
METHODS: dict[str, Any] = {
    "open": lambda self, filename, mode="r", encoding="utf8": open(f"{self.root}/{filename}", mode),  # noqa: SIM115
    "serve": lambda self, filename: flask.send_from_directory(self.root, filename),
}
Opening, Serving = (type(name.title(), (LocalBackend,), {name: method}) for name, method in METHODS.items())
Empty = type("Empty", (BaseBackend,), {"read": lambda self, filename: b""})


class Measuring(LocalBackend):
    """Asks the disk how long files are, as backends of Flask-FS did."""

    def get_metadata(self, filename: str, checksum: bool = True) -> dict[str, Any]:
        return {"size": os.path.getsize(f"{self.root}/{filename}"), "checksum": None, "mime": None, "modified": None}


class InMemory(BaseBackend):
    """Has a filesystem of its own."""

    options = ()

    def open_fs(self) -> MemoryFS:
        return MemoryFS()


class Saving(InMemory):
    """Stores uploads without its filesystem."""

    def save(self, file: Any, filename: str, overwrite: bool = True, **options: Any) -> str:
        self.bare.put(filename, file)
        return filename


class Fetching(InMemory):
    """Reads files without its filesystem."""

    def fetch(self, filename: str) -> Any:
        return self.bare.fetch(filename)


class Storing(InMemory):
    """Has another store than that of its filesystem."""

    @property
    def store(self) -> Any:
        return as_store(MemoryFS())


class Assigning(InMemory):
    """Puts a method into itself."""

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self.write: Any = lambda filename, content, **options: filename


GOING_ROUND = [OfFlaskFS, Opening, Serving, Empty, Measuring, Saving, Fetching, Storing, Assigning]


@pytest.mark.parametrize("keys", [KEY, "FS_ENCRYPTION_KEYS"])
@pytest.mark.parametrize("backend_class", GOING_ROUND)
def test_a_backend_whose_own_methods_have_the_content_is_refused(app, register, backend_class, keys):
    register("old", backend_class)
    with pytest.raises(fs.ConfigurationError) as raised:
        configured(app, FILES_FS_BACKEND="old", **{keys: key()})
    message = str(raised.value)
    assert message.startswith(f"{keys} cannot be used with the backend 'old': {backend_class.__name__}")
    assert "Remove it, or use another backend" in message
    assert len(message) <= 300
    del app.config[keys]
    configured(app)


class Placed(LocalBackend):
    """Puts files in other places, without a look into them."""

    def path(self, filename: str) -> str:
        return os.path.join(str(self.root), "shelf", filename)

    def list_files(self, prefix: str | None = None) -> Any:
        return super().list_files(prefix)


def test_a_backend_that_only_places_files_is_none_of_these(app, register):
    register("placed", Placed)
    storage = configured(app, FILES_FS_BACKEND="placed", **{KEY: key()})
    with app.app_context():
        storage.write("d/a.txt", PLANTED)
        assert storage.read("d/a.txt") == PLANTED
        assert PLANTED not in Path(storage.root, "shelf/d/a.txt").read_bytes()


def test_a_mock_keeps_the_settings_of_the_app(app):
    storage = configured(app, FILES_FS_BACKEND="mock", **{KEY: key()})
    methods = {"write": mock.DEFAULT, "exists": mock.Mock(return_value=False)}
    with app.app_context(), mock.patch.multiple(MockBackend, create=True, **methods) as patched:
        storage.write("a.txt", PLANTED)
    assert patched["write"].call_count == 1


def test_storages_in_memory_are_encrypted_too(app, local):
    with memory_storages(app):
        local.write("b.txt", PLANTED)
        assert local.read("b.txt") == PLANTED
        assert plain_in(local) == []
        response = app.test_client().get(local.url("b.txt"), buffered=True)
    assert response.data == PLANTED
    assert not local.exists("b.txt")


# Paths


def test_files_have_no_path(storage):
    with pytest.raises(fs.OperationNotSupported, match="files of storage 'files' have no path: its files are encrypt"):
        storage.path("a.txt")
    assert storage.backend.keeper("a.txt") is None
    assert not storage.fs.hassyspath("a.txt")
    with pytest.raises(errors.NoSysPath):
        storage.fs.getsyspath("a.txt")
    assert not storage.fs.hasurl("a.txt")
    with pytest.raises(errors.NoURL):
        storage.fs.geturl("a.txt")


def test_no_namespace_tells_of_the_encrypted_file(storage):
    asked = ("basic", "details", "access", "stat", "lstat", "link", "s3", "urls", "ftp", "tar", "zip")
    for info in (storage.fs.getinfo("a.txt", asked), *storage.fs.scandir("/", asked)):
        assert {"basic", "details"} <= info.raw.keys() <= {"basic", "details", "access", "stat", "lstat", "link"}
        shown = repr(info.raw)
        assert "http" not in shown
        assert f"': {len(storage.backend.bare.read_file('a.txt'))}," not in shown
    assert storage.fs.getinfo("a.txt", ["s3", "urls"]).raw.keys() == {"basic"}


def test_the_copy_for_a_program_is_for_this_user_alone_and_goes(storage):
    with storage.local_copy("a.txt") as path:
        assert Path(path).read_bytes() == PLANTED
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert storage.root is None or not path.startswith(storage.root)
    assert not os.path.exists(path)


def test_what_belongs_to_the_store_itself_has_the_encrypted_files(local):
    path = Path(local.backend.path("a.txt"))
    assert path == Path(local.root, "a.txt")
    assert PLANTED not in path.read_bytes()
    assert local.backend.bare.read_file("a.txt") == path.read_bytes()
    assert local.backend.store.bare is local.backend.bare


def test_nothing_of_a_storage_is_kept_as_it_is(storage):
    storage.save(FileStorage(io.BytesIO(PLANTED * 1000), filename="b.txt"))
    with storage.open("c.txt", "w") as file:
        file.write(PLANTED.decode())
    with storage.open("c.txt", "a") as file:
        file.write(PLANTED.decode())
    storage.copy("a.txt", "d.txt")
    storage.move("d.txt", "e.txt")
    storage.replace_version("e.txt", PLANTED, storage.version("e.txt"))
    storage.fs.writebytes("f.txt", PLANTED)
    with storage.fsspec.open("g.txt", "wb") as file:
        file.write(PLANTED)
    assert sorted(storage.list_files()) == ["a.txt", "b.txt", "c.txt", "e.txt", "f.txt", "g.txt"]
    assert {entry.name: entry.size // len(PLANTED) for entry in storage.entries()} == {
        "a.txt": 1,
        "b.txt": 1000,
        "c.txt": 2,
        "e.txt": 1,
        "f.txt": 1,
        "g.txt": 1,
    }
    assert plain_in(storage) == []
    assert storage.fs.readbytes("b.txt") == PLANTED * 1000
    assert storage.fsspec.cat("c.txt") == PLANTED * 2


# Files that nobody can read


def test_a_file_that_cannot_be_decrypted_is_deleted_by_each_way(app, storage):
    def delete_by_version(name):
        assert storage.delete_version(name, storage.version(name))

    def delete_by_command(name):
        done = app.test_cli_runner().invoke(command, ["rm", f"files:{name}"])
        assert done.exit_code == 0, done.output

    for number, delete in enumerate((storage.delete, delete_by_version, delete_by_command, storage.fsspec.rm)):
        # no encrypted file has this length
        storage.backend.bare.put(f"{number}.txt", io.BytesIO(b"left"))
        with pytest.raises(fs.FSError):
            storage.size(f"{number}.txt")
        delete(f"{number}.txt")
    assert list(storage.list_files()) == ["a.txt"]


# Images


@pytest.mark.parametrize("process", ["now", "lazy"])
def test_thumbnails_are_encrypted(app, local, process):
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "navy").save(picture, "PNG")
    picture.seek(0)
    reference = ImageReference(ImageSettings(local, thumbnails=(50,), process=process))
    reference.save(FileStorage(picture, filename="a.png"))
    response = app.test_client().get(reference(50), buffered=True)
    assert (response.status_code, response.data[:4]) == (200, b"\x89PNG")
    assert sorted(local.list_files()) == sorted(["a.png", "a.txt", reference.thumbnails["50"]])
    assert plain_in(local, PNG) == []


# Commands


def test_commands_have_the_plain_text(app, local, tmp_path):
    run = app.test_cli_runner().invoke
    assert run(command, ["cat", "files:a.txt"]).stdout_bytes == PLANTED
    assert run(command, ["url", "files:a.txt"]).output.strip().endswith("/files/a.txt")
    done = run(command, ["cp", "files:a.txt", str(tmp_path / "copy.txt")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "copy.txt").read_bytes() == PLANTED
    done = run(command, ["sync", "files:", f"{tmp_path}/all/"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "all" / "a.txt").read_bytes() == PLANTED
    done = run(command, ["cp", str(tmp_path / "copy.txt"), "files:b.txt"])
    assert done.exit_code == 0, done.output
    assert local.read("b.txt") == PLANTED
    assert plain_in(local) == []


def test_files_that_cannot_be_decrypted_are_replaced_and_deleted_by_sync(app, storage, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.txt").write_bytes(PLANTED * 2)
    for name in ("a.txt", "b.txt"):
        storage.backend.bare.put(name, io.BytesIO(b"left"))
    done = app.test_cli_runner().invoke(command, ["sync", "--delete", f"{tmp_path}/new/", "files:"])
    assert done.exit_code == 0, done.output
    assert {name: storage.read(name) for name in storage.list_files()} == {"a.txt": PLANTED * 2}
    assert plain_in(storage) == []


@pytest.mark.parametrize("kind", ["local", SERVERS[0]])
def test_a_file_is_not_copied_to_itself_by_two_storages_of_one_place(request, app, kind):
    with make_place(kind, request) as place, app.app_context():
        place = {"ROOT": app.config["FS_ROOT"], **place} if kind == "local" else place
        storages = []
        for name, keys in (("plain", None), ("files", key()), ("others", key())):
            storages.append(fs.Storage(name, fs.ALL))
            settings = {**place, "ENCRYPTION_KEYS": keys}
            app.config.update({f"{name.upper()}_FS_{option}": value for option, value in settings.items()})
            fs.init_app(app, storages[-1])
        for source, target in itertools.permutations(storages, 2):
            source.write("a.txt", PLANTED, overwrite=True)
            for verb in ("cp", "mv"):
                arguments = [verb, "--overwrite", f"{source.name}:a.txt", f"{target.name}:a.txt"]
                done = app.test_cli_runner().invoke(command, arguments)
                assert (done.exit_code, "one file, which stays" in done.output) == (1, True), (arguments, done.output)
                assert source.read("a.txt") == PLANTED, arguments


def test_a_file_that_cannot_be_decrypted_is_replaced_by_mv(app, local, tmp_path):
    local.backend.bare.put("b.txt", io.BytesIO(b"left"))
    (tmp_path / "new.txt").write_bytes(PLANTED)
    arguments = ["mv", str(tmp_path / "new.txt"), "files:b.txt"]
    done = app.test_cli_runner().invoke(command, arguments)
    assert (done.exit_code, "the name is taken" in done.output) == (1, True)
    done = app.test_cli_runner().invoke(command, [*arguments, "--overwrite"])
    assert done.exit_code == 0, done.output
    assert local.read("b.txt") == PLANTED


# Installations without the extra


def test_without_cryptography_the_message_has_the_command(app, monkeypatch):
    for name in [*sys.modules]:
        if name.startswith(("flask_pyfs.encryption", "flask_pyfs.filesystems.encrypted", "flask_pyfs.backends.encryp")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(fs.ConfigurationError, match=f"{KEY}.*pip install 'flask_pyfs\\[encryption\\]'"):
        configured(app, **{KEY: key()})
    configured(app, **{KEY: None})


def test_without_the_room_it_is_named(app, monkeypatch):
    from flask_pyfs.backends import wrappers

    monkeypatch.setattr(wrappers, "_installed", dict)
    with pytest.raises(fs.ConfigurationError, match=f"{KEY} needs a part of flask_pyfs"):
        configured(app, **{KEY: key()})
