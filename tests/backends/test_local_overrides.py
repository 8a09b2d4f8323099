"""Code that changes the backend for directories keeps working where Flask-FS called it."""

# mypy: disable-error-code="override, method-assign"

import contextlib
import functools
import io
import os
from types import SimpleNamespace
from unittest import mock

import flask
import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.backends import registry
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.state import find


@pytest.fixture
def storage(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "local"})
    with app.app_context():
        yield storage


@pytest.fixture
def subclass(app, monkeypatch, configure_storage):
    """A function that configures a storage whose backend is a subclass, as if it was installed under a name."""

    def subclass(kind):
        entry = SimpleNamespace(load=lambda: kind, module="changed", name="changed")
        found = {**registry.installed(), "changed": entry}
        monkeypatch.setattr(registry, "installed", lambda: found)
        return configure_storage("files", {"BACKEND": "changed"})

    return subclass


def upload(content=b"content", name="a.txt", content_type=None):
    return FileStorage(io.BytesIO(content), filename=name, content_type=content_type)


# A path of one's own


def sharded(self, filename):
    """Put the files of each kind into directories by the start of their id, but backups beside each other."""
    kind, _, key = filename.partition("-")
    shards = () if kind == "backup" else (key[:2], key[2:4])
    return os.path.join(self.root, kind, *shards, key)


class Sharded(LocalBackend):
    path = sharded


NAME, PLACE = "thumbs-63e453f1-9655", "thumbs/63/e4/63e453f1-9655"
OTHER, OTHER_PLACE = "thumbs-ab12cd34", "thumbs/ab/12/ab12cd34"


def on_disk(app):
    root = os.path.join(app.config["FS_ROOT"], "files")
    return sorted(
        os.path.relpath(os.path.join(directory, name), root)
        for directory, _, found in os.walk(root)
        for name in found
        if ".flask_pyfs" not in directory
    )


@pytest.fixture(params=["patched before", "patched after", "subclass", "of the object"])
def own_path(request, app, monkeypatch, configure_storage, subclass):
    """A storage whose backend has a path of its own, in each way that code gives it one."""
    if request.param == "patched before":
        monkeypatch.setattr(LocalBackend, "path", sharded)
    storage = subclass(Sharded) if request.param == "subclass" else configure_storage("files", {})
    with app.app_context():
        if request.param == "patched after":
            storage.write("thumbs-warm", b"")
            storage.delete("thumbs-warm")
            monkeypatch.setattr(LocalBackend, "path", sharded)
        if request.param == "of the object":
            monkeypatch.setattr(storage.backend, "path", functools.partial(sharded, storage.backend))
        yield storage


def test_a_path_decides_where_each_operation_finds_a_file(app, own_path):
    storage = own_path
    assert storage.write(NAME, b"content") == NAME
    assert on_disk(app) == [PLACE]
    assert storage.path(NAME) == os.path.join(storage.root, PLACE) == storage.backend.path(NAME)
    assert [storage.exists(name) for name in (NAME, PLACE, OTHER)] == [True, False, False]
    assert storage.read(NAME) == b"content"
    assert b"".join(storage.read_chunks(NAME, 3)) == b"content"
    with storage.open(NAME) as file:
        assert file.read() == "content"
    with storage.open(NAME, "a") as file:
        file.write("!")
    with app.test_request_context():
        assert storage.metadata(NAME)["size"] == 8
        assert storage.metadata(NAME)["filename"] == NAME
    with pytest.raises(fs.FileExists):
        storage.save(io.BytesIO(b"other"), NAME)
    with pytest.raises(fs.FileExists):
        storage.open(NAME, "x")
    storage.copy(NAME, OTHER)
    assert on_disk(app) == [PLACE, OTHER_PLACE]
    assert sorted(storage.list_files()) == [PLACE, OTHER_PLACE]
    assert sorted(storage.list_files("thumbs/ab/")) == [OTHER_PLACE]
    storage.delete(NAME)
    assert on_disk(app) == [OTHER_PLACE]
    storage.move(OTHER, NAME)
    assert on_disk(app) == [PLACE]
    with storage.open("backup-2026-11-28.gz", "wb") as file:
        file.write(b"backup")
    assert on_disk(app) == ["backup/2026-11-28.gz", PLACE]
    version = storage.version(NAME)
    replaced = storage.replace_version(NAME, b"new", version)
    assert not storage.delete_version(NAME, version)
    assert storage.delete_version(NAME, replaced.version)
    assert on_disk(app) == ["backup/2026-11-28.gz"]


def test_a_file_below_a_path_of_ones_own_is_served(app, own_path):
    own_path.write(NAME, b"content")
    response = app.test_client().get(f"/files/{NAME}", headers={"Range": "bytes=1-3"}, buffered=True)
    assert (response.status_code, response.data) == (206, b"ont")
    assert app.test_client().get(f"/files/{PLACE}").status_code == 404


@pytest.mark.parametrize("prefix", ["", "some/where"])
def test_the_web_server_is_told_the_place_of_a_file(app, monkeypatch, configure_storage, prefix):
    monkeypatch.setattr(LocalBackend, "path", sharded)
    storage = configure_storage("files", {"SERVE_MODE": "sendfile", "PREFIX": prefix})
    with app.app_context():
        storage.write(NAME, b"content")
        place = os.path.join(storage.root, PLACE)
    assert app.test_client().get(f"/files/{NAME}").headers["X-Sendfile"] == place
    configure_storage("files", {"ACCEL_URL": "/protected"})
    sent = app.test_client().get(f"/files/{NAME}").headers["X-Accel-Redirect"]
    assert sent == f"/protected/{prefix}{'/' if prefix else ''}{PLACE}"


OUTSIDE = {
    "a parent": lambda self, filename: os.path.join(self.root, "..", "..", filename),
    "another place": lambda self, filename: f"/tmp/{filename}",
    "a sibling": lambda self, filename: f"{self.root}-other/{filename}",
    "the root": lambda self, filename: self.root,
    "what is reserved": lambda self, filename: os.path.join(self.root, ".flask_pyfs", filename),
}
OPERATIONS = {
    "read": lambda storage: storage.read("a.txt"),
    "write": lambda storage: storage.write("a.txt", b""),
    "save": lambda storage: storage.save(upload()),
    "exists": lambda storage: storage.exists("a.txt"),
    "delete": lambda storage: storage.delete("a.txt"),
    "open": lambda storage: storage.open("a.txt", "w"),
    "copy": lambda storage: storage.copy("a.txt", "b.txt"),
    "move": lambda storage: storage.move("a.txt", "b.txt"),
    "metadata": lambda storage: storage.metadata("a.txt"),
    "path": lambda storage: storage.path("a.txt"),
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_path_outside_the_root_is_refused(app, storage, monkeypatch, tmp_path, path, operation):
    monkeypatch.setattr(LocalBackend, "path", path)
    message = r"storage 'files': LocalBackend\.path puts 'a\.txt' at .* not below ROOT"
    with pytest.raises(fs.InvalidPath, match=message):
        operation(storage)
    assert on_disk(app) == []


def test_a_path_may_lead_to_the_root_by_another_name(app, configure_storage, monkeypatch, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    monkeypatch.setattr(
        LocalBackend, "path", lambda self, filename: os.path.join(os.path.realpath(self.root), f"{filename}.d", "x")
    )
    storage = configure_storage("files", {"ROOT": str(tmp_path / "link")})
    with app.app_context():
        storage.write("a.txt", b"content")
        assert storage.read("a.txt") == b"content"
    assert (tmp_path / "disk" / "a.txt.d" / "x").read_bytes() == b"content"


# Methods of one's own


def test_a_method_gets_the_arguments_of_flask_fs(storage, monkeypatch):
    calls = list[tuple[str, ...]]()

    def save(self, file_or_wfs, filename):
        calls.append(("save", filename))
        return filename

    def write(self, filename, content):
        calls.append(("write", filename, content))

    def copy(self, filename, target):
        calls.append(("copy", filename, target))

    def move(self, filename, target):
        calls.append(("move", filename, target))

    def delete(self, filename):
        calls.append(("delete", filename))

    def list_files(self):
        yield from ("a/b.txt", "c.txt")

    def exists(self, filename):
        return filename.startswith("old")

    def read(self, filename):
        return f"read {filename}".encode()

    def read_chunks(self, filename, chunks_size=5):
        yield from (filename.encode(), str(chunks_size).encode())

    for method in (save, write, copy, move, delete, list_files, exists, read, read_chunks):
        monkeypatch.setattr(LocalBackend, method.__name__, method)
    assert storage.save(upload()) == "a.txt"
    assert storage.write("b.txt", "text") == "b.txt"
    storage.copy("old.txt", "new.txt")
    storage.move("old.txt", "new.txt")
    storage.delete("old.txt")
    assert calls == [
        ("save", "a.txt"),
        ("write", "b.txt", "text"),
        ("copy", "old.txt", "new.txt"),
        ("move", "old.txt", "new.txt"),
        ("delete", "old.txt"),
    ]
    assert list(storage.list_files("a/")) == ["a/b.txt"]
    assert storage.read("old.txt") == b"read old.txt"
    assert list(storage.read_chunks("old.txt", 7)) == [b"old.txt", b"7"]
    with pytest.raises(fs.FileExists):
        storage.save(upload(), filename="old.txt")
    with pytest.raises(fs.FileExists):
        storage.copy("old.txt", "old-too.txt")
    for operation in (storage.read, storage.open, storage.read_chunks):
        with pytest.raises(fs.FileNotFound):
            operation("none.txt")


def test_a_method_gets_no_name_that_leads_out_of_a_directory(storage, monkeypatch):
    got = []

    def method(self, *arguments, **options):
        got.extend(each for each in arguments if isinstance(each, str))
        return {"name": "x"}

    for name in ("exists", "open", "read", "read_chunks", "write", "save", "delete", "copy", "move", "metadata"):
        monkeypatch.setattr(LocalBackend, name, method)
    odd = "/p//./x.txt"
    storage.exists(odd)
    storage.open(odd, "w+")
    storage.read(odd)
    storage.read_chunks(odd)
    storage.write(odd, b"", overwrite=True)
    storage.save(io.BytesIO(), odd, overwrite=True)
    storage.delete(odd)
    storage.copy(odd, "/other.txt", overwrite=True)
    storage.move(odd, "/other.txt", overwrite=True)
    storage.metadata(odd)
    assert set(got) - {"w+"} == {"p/x.txt", "other.txt"}


def test_a_method_gets_what_else_it_takes(storage, monkeypatch):
    calls = []

    def save(self, file_or_wfs, filename, overwrite=False):
        calls.append(overwrite)
        return original(self, file_or_wfs, filename, overwrite)

    def write(self, *arguments, **options):
        calls.append(options)
        return original_write(self, *arguments, **options)

    original, original_write = LocalBackend.save, LocalBackend.write
    monkeypatch.setattr(LocalBackend, "save", save)
    monkeypatch.setattr(LocalBackend, "write", write)
    stored = storage.save(upload(), overwrite=True)
    assert stored.version == storage.version("a.txt")
    storage.write("b.txt", b"")
    assert calls == [True, {"overwrite": False}]


@pytest.mark.parametrize("wraps_ours", [False, True])
def test_a_decorated_method(storage, monkeypatch, wraps_ours):
    calls = []

    def logged(method):
        @functools.wraps(method)
        def log(*arguments, **options):
            calls.append(method.__name__)
            return method(*arguments, **options)

        return log

    original = LocalBackend.save

    def save(self, file, filename):
        return original(self, file, filename)

    monkeypatch.setattr(LocalBackend, "save", functools.wraps(original)(save) if wraps_ours else logged(save))
    monkeypatch.setattr(LocalBackend, "read", logged(LocalBackend.read))
    storage.save(upload())
    assert storage.read("a.txt") == b"content"
    assert calls == ["read"] if wraps_ours else ["save", "read"]


def test_a_subclass_extends_methods(app, subclass):
    class Upper(LocalBackend):
        def save(self, file_or_wfs, filename):
            return super().save(io.BytesIO(file_or_wfs.read().upper()), filename)

        def write(self, filename, content):
            return super().write(filename, content.upper())

        def copy(self, filename, target):
            super().copy(filename, target)
            super().copy(filename, f"{target}.again")

        def list_files(self):
            for name in super().list_files():
                if not name.endswith(".again"):
                    yield name

        def get_metadata(self, filename):
            return {**super().get_metadata(filename), "mime": "text/x-upper"}

        def read(self, filename):
            return super().read(filename) + b"!"

    storage = subclass(Upper)
    with app.test_request_context():
        storage.save(upload())
        storage.write("b.txt", "text")
        storage.copy("b.txt", "c.txt")
        assert storage.read("c.txt.again") == b"TEXT!"
        assert sorted(storage.list_files()) == ["a.txt", "b.txt", "c.txt"]
        assert storage.metadata("b.txt")["mime"] == "text/x-upper"


def test_an_open_of_ones_own_is_what_flask_fs_reads_and_writes_with(storage, monkeypatch):
    """It is called by read, read_chunks and write, and not by save."""

    def opened(self, filename, mode="r", encoding="utf8"):
        file = original(self, f"{filename}.x", mode, encoding)
        modes.append(mode)
        return file

    original, modes = LocalBackend.open, list[str]()
    monkeypatch.setattr(LocalBackend, "open", opened)
    monkeypatch.setattr(LocalBackend, "exists", lambda self, filename: os.path.exists(f"{self.path(filename)}.x"))
    storage.write("a.txt", io.BytesIO(b"content"))
    assert storage.read("a.txt") == b"content"
    assert list(storage.read_chunks("a.txt")) == [b"content"]
    with storage.open("a.txt") as file:
        assert file.read() == "content"
    assert modes == ["wb", "rb", "rb", "r"]
    with pytest.raises(fs.FileExists):
        storage.write("a.txt", b"")
    storage.save(upload(), filename="b.txt")
    assert sorted(storage.list_files()) == ["a.txt.x", "b.txt"]


WRITES = {
    "write": lambda storage: storage.write("d/b.txt", b""),
    "save": lambda storage: storage.save(upload(), filename="d/b.txt"),
    "open w": lambda storage: storage.open("d/b.txt", "w").close(),
    "open a": lambda storage: storage.open("d/b.txt", "a").close(),
    "open x": lambda storage: storage.open("d/b.txt", "x").close(),
    "copy": lambda storage: storage.copy("a.txt", "d/b.txt"),
    "move": lambda storage: storage.move("a.txt", "d/b.txt"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_directory_of_a_new_file_is_made_by_the_backend(storage, monkeypatch, write):
    def ensure_path(self, filename):
        made.append(filename)
        original(self, filename)
        assert os.path.isdir(os.path.dirname(self.path(filename)))

    original, made = LocalBackend.ensure_path, list[str]()
    storage.write("a.txt", b"content")
    monkeypatch.setattr(LocalBackend, "ensure_path", ensure_path)
    write(storage)
    assert made == ["d/b.txt"]
    assert storage.exists("d/b.txt")
    made.clear()
    storage.read("d/b.txt")
    assert made == []


# Serving


def forced(original):
    def serve(self, filename):
        if self.name == "files" and filename.startswith("forced"):
            return flask.send_from_directory(self.root, filename, as_attachment=True)
        return original(self, filename)

    return serve


def test_a_serve_of_ones_own(app, storage, monkeypatch):
    monkeypatch.setattr(LocalBackend, "serve", forced(LocalBackend.serve))
    shown = []
    storage.write("forced.html", "<p>text")
    storage.write("other.txt", "other")
    client = app.test_client()

    def show(sender, filename):
        shown.append(filename)

    with fs.signals.before_display.connected_to(show):
        forced_file = client.get("/files/forced.html", buffered=True)
        other = client.get("/files/other.txt", headers={"Range": "bytes=0-1"}, buffered=True)
        unchanged = client.get("/files/other.txt", headers={"If-None-Match": other.headers["ETag"]}, buffered=True)
        beyond = client.get("/files/other.txt", headers={"Range": "bytes=90-"}, buffered=True)
        assert client.get("/files/none.txt").status_code == 404
    assert (forced_file.status_code, forced_file.data) == (200, b"<p>text")
    assert forced_file.headers["Content-Disposition"] == "attachment; filename=forced.html"
    assert forced_file.headers["X-Content-Type-Options"] == "nosniff"
    assert forced_file.headers["Content-Security-Policy"].startswith("sandbox")
    assert (other.status_code, other.data) == (206, b"ot")
    assert (unchanged.status_code, beyond.status_code) == (304, 416)
    assert shown == ["forced.html", "other.txt", "other.txt", "other.txt"]


def test_a_backend_serves_by_itself(app, storage, tmp_path):
    storage.write("a.html", "<p>text")
    by_hand = LocalBackend("files", {"root": str(tmp_path / "root" / "files")})
    for backend in (storage.backend, by_hand):
        with app.test_request_context("/", headers={"Range": "bytes=0-2"}):
            response = backend.serve("a.html")
            response.direct_passthrough = False
            assert (response.status_code, response.data) == (206, b"<p>")
            response.close()
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"].startswith("sandbox")
            with pytest.raises(Exception, match="404"):
                backend.serve("none.html")


# Mocks, and what comes and goes


def test_a_patch_applies_while_it_is_there(storage):
    storage.write("a.txt", b"content")
    with mock.patch.object(LocalBackend, "save") as save, mock.patch.object(storage.backend, "read") as read:
        file = upload()
        read.return_value = b"mocked"
        assert storage.read("a.txt") == b"mocked"
        assert storage.save(file, filename="b.txt") == "b.txt"
        save.assert_called_once_with(file, "b.txt")
        read.assert_called_once_with("a.txt")
    assert storage.read("a.txt") == b"content"
    assert storage.save(upload(), filename="b.txt").version is not None
    assert storage.exists("b.txt")
    assert find(storage).operations is storage.backend


@pytest.mark.parametrize("prefix", ["", "some/where"])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_path_below_the_target_of_a_link(app, configure_storage, monkeypatch, tmp_path, prefix, as_bytes):
    """The places that a web server is told lie below ROOT as it is set, whatever the depth of the link."""
    (tmp_path / "disks" / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("disks/a/b")

    def path(self, filename):
        place = os.path.join(os.path.realpath(tmp_path / "link"), "x", filename)
        return os.fsencode(place) if as_bytes else place

    monkeypatch.setattr(LocalBackend, "path", path)
    settings = {"ROOT": str(tmp_path / "link"), "PREFIX": prefix, "SERVE_MODE": "sendfile"}
    storage = configure_storage("files", settings)
    with app.app_context():
        storage.write("a.txt", b"content")
        assert storage.path("a.txt") == str(tmp_path / "link" / "x" / "a.txt")
    assert app.test_client().get("/files/a.txt").headers["X-Sendfile"] == str(tmp_path / "link" / "x" / "a.txt")
    configure_storage("files", {"ACCEL_URL": "/protected"})
    assert app.test_client().get("/files/a.txt").headers["X-Accel-Redirect"] == "/protected/x/a.txt"


@pytest.mark.parametrize("name", ["a.txt", "d/\xe9.txt", "d//\xe9.txt"])
@pytest.mark.parametrize("swallows", [False, True])
def test_no_serve_of_ones_own_evades_authorize(app, configure_storage, monkeypatch, name, swallows):
    """It may take any argument, and call none."""
    storage = configure_storage("files", {"AUTHORIZE": lambda access: access.filename == "a.txt"})
    closed, shown = [], []

    def serve(self, filename, **options):
        if swallows:
            with contextlib.suppress(Exception):
                options["announce"]()
        response = flask.Response(b"secret")
        response.call_on_close(lambda: closed.append(filename))
        return response

    def show(sender, filename):
        shown.append(filename)

    with app.app_context():
        storage.write(name, b"secret")
    monkeypatch.setattr(LocalBackend, "serve", serve)
    with fs.signals.before_display.connected_to(show):
        response = app.test_client().get(f"/files/{name}", buffered=True)
    if name == "a.txt":
        assert (response.status_code, shown) == (200, ["a.txt"])
    else:
        assert (response.status_code, shown) == (403, [])
        assert len(closed) == 1


def test_authorize_judges_the_spelling_that_a_changed_backend_serves(app, configure_storage, monkeypatch):
    asked = []
    storage = configure_storage("files", {"AUTHORIZE": lambda access: asked.append(access.filename) or True})

    def exists(self, filename):
        return original(self, filename)

    original = LocalBackend.exists
    monkeypatch.setattr(LocalBackend, "exists", exists)
    with app.app_context():
        storage.write("caf\xe9.txt", b"content")
    assert app.test_client().get("/files/cafe%CC%81.txt").data == b"content"
    assert asked == ["caf\xe9.txt"]


def test_another_method_of_the_object_takes_the_place_of_one(storage):
    storage.write("a.txt", b"content")
    with mock.patch.object(storage.backend, "read", return_value=b"mocked"):
        assert storage.read("a.txt") == b"mocked"
    with mock.patch.object(storage.backend, "exists", return_value=True):
        assert storage.exists("none.txt")
    assert not storage.exists("none.txt")


def test_an_open_of_python(storage, monkeypatch):
    """The directory is there when write calls it, and its errors are those of a storage."""

    def opened(self, filename, mode="r", encoding="utf8"):
        return open(self.path(filename), mode, encoding=None if "b" in mode else encoding)

    monkeypatch.setattr(LocalBackend, "open", opened)
    assert storage.write("/d//e/a.txt", b"content") == "d/e/a.txt"
    assert storage.read("d/e/a.txt") == b"content"
    for operation in (storage.read, storage.read_chunks, storage.open):
        with pytest.raises(fs.FileNotFound):
            operation("none.txt")
    with pytest.raises(fs.InvalidPath):
        storage.write("d/e/a.txt/b.txt", b"")
