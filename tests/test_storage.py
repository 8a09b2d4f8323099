"""Storages on apps: which app is meant, what is sent to listeners, and what tests of apps use."""

import copy
import gc
import io
import threading
import weakref

import flask
import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.signals import before_display, file_uploaded
from flask_pyfs.testing import memory_storages


def make_app(root, **settings):
    app = flask.Flask("tests")
    app.config.update(FS_ROOT=str(root), **settings)
    return app


# Apps


def test_defaults_of_init_app(tmp_path):
    app = flask.Flask("tests", instance_path=str(tmp_path))
    fs.init_app(app)
    assert {key: app.config[key] for key in app.config if key.startswith("FS_")} == {
        "FS_SERVE": app.config["DEBUG"],
        "FS_ROOT": f"{tmp_path}/fs",
        "FS_PREFIX": None,
        "FS_URL": None,
        "FS_BACKEND": "local",
        "FS_IMAGES_OPTIMIZE": False,
    }
    assert fs.DEFAULT_BACKEND == "local"


def test_init_app_may_be_called_again(tmp_path):
    app = make_app(tmp_path, FS_SERVE=True)
    first, second = fs.Storage("first"), fs.Storage("second")
    fs.init_app(app, first)
    fs.init_app(app, second)
    assert app.extensions["fs"] == {"first": first, "second": second}
    with app.app_context():
        first.write("a.txt", "1")
        second.write("a.txt", "2")
    client = app.test_client()
    assert client.get("/first/a.txt", buffered=True).data == b"1"
    assert client.get("/second/a.txt", buffered=True).data == b"2"


def test_init_app_touches_no_store_and_starts_no_thread(tmp_path):
    threads = threading.active_count()
    fs.init_app(make_app(tmp_path / "root"), fs.Storage("files"), fs.Storage("images", fs.IMAGES))
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []


def test_by_name(tmp_path):
    app = make_app(tmp_path)
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    with app.app_context():
        assert fs.by_name("files") is storage
        assert fs.by_name("other") is None


def test_one_storage_serves_two_apps(tmp_path):
    storage = fs.Storage("files")
    one = make_app(tmp_path / "one", FS_SERVE=True, FILES_FS_DENY=["csv"])
    two = make_app(tmp_path / "two", FS_SERVE=True, FILES_FS_BACKEND="memory", FS_URL="https://two.example/")
    for app in (one, two):
        fs.init_app(app, storage)
    with one.app_context():
        storage.write("a.txt", "one")
        assert storage.root == str(tmp_path / "one" / "files")
        assert storage.backend_name == "local"
        assert not storage.has_url
        assert not storage.extension_allowed("csv")
    with two.app_context():
        assert not storage.exists("a.txt")
        storage.write("a.txt", "two")
        assert storage.root is None
        assert storage.backend_name == "memory"
        assert storage.has_url
        assert storage.extension_allowed("csv")
        with one.app_context():
            assert storage.read("a.txt") == b"one"
    assert one.test_client().get("/files/a.txt", buffered=True).data == b"one"
    assert two.test_client().get("/files/a.txt", buffered=True).data == b"two"


def test_each_app_and_storage_has_a_memory_of_its_own(tmp_path):
    storages = fs.Storage("a"), fs.Storage("b")
    apps = [make_app(tmp_path, FS_BACKEND="memory") for _ in range(2)]
    for app in apps:
        fs.init_app(app, *storages)
    with apps[0].app_context():
        storages[0].write("x", "x")
        assert not storages[1].exists("x")
    with apps[1].app_context():
        assert not storages[0].exists("x")


def test_outside_a_context_the_last_configured_app_is_meant(tmp_path):
    storage = fs.Storage("files")
    one, two = make_app(tmp_path / "one"), make_app(tmp_path / "two")
    fs.init_app(one, storage)
    assert storage.root == str(tmp_path / "one" / "files")
    fs.init_app(two, storage)
    storage.write("a.txt", "two")
    assert (tmp_path / "two" / "files" / "a.txt").read_text() == "two"
    with one.app_context():
        assert not storage.exists("a.txt")


def test_a_storage_that_is_not_configured(tmp_path):
    storage = fs.Storage("files")
    with pytest.raises(fs.ConfigurationError, match="init_app"):
        storage.read("a.txt")
    fs.init_app(make_app(tmp_path), storage)
    other = flask.Flask("other")
    with (
        other.app_context(),
        pytest.raises(fs.ConfigurationError, match="not configured on the app 'other'"),
    ):
        storage.read("a.txt")


def test_an_app_that_is_gone_is_not_kept(tmp_path):
    storage = fs.Storage("files")
    app = make_app(tmp_path)
    fs.init_app(app, storage)
    gone = weakref.ref(app)
    fs.init_app(make_app(tmp_path), storage)
    del app
    gc.collect()
    assert gone() is None


def test_copies_of_a_storage_are_itself():
    storage = fs.Storage("files")
    assert copy.deepcopy(storage) is storage
    assert copy.copy(storage) is storage
    assert copy.deepcopy({"field": [storage]})["field"][0] is storage


def test_a_backend_is_opened_once(tmp_path, monkeypatch):
    from flask_pyfs.backends.memory import MemoryBackend

    opened = []
    barrier = threading.Barrier(8)
    open_fs = MemoryBackend.open_fs
    monkeypatch.setattr(MemoryBackend, "open_fs", lambda self: opened.append(self) or open_fs(self))
    storage = fs.Storage("files")
    fs.init_app(make_app(tmp_path, FS_BACKEND="memory"), storage)

    def write(number):
        barrier.wait()
        storage.write(f"{number}.txt", "x")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert len(list(storage.list_files())) == 8


# What is kept


def store_by(operation, storage, **overwrite):
    """Store the content b"new" as "target.txt"."""
    {
        "save": lambda: storage.save(io.BytesIO(b"new"), "target.txt", **overwrite),
        "write": lambda: storage.write("target.txt", b"new", **overwrite),
        "copy": lambda: storage.copy("source.txt", "target.txt", **overwrite),
        "move": lambda: storage.move("source.txt", "target.txt", **overwrite),
    }[operation]()


@pytest.mark.parametrize("backend", ["local", "memory"])
@pytest.mark.parametrize("operation", ["save", "write", "copy", "move"])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("given", [{}, {"overwrite": None}, {"overwrite": False}, {"overwrite": True}], ids=str)
def test_the_storage_says_whether_files_may_be_replaced(tmp_path, backend, operation, own, given):
    storage = fs.Storage("files", overwrite=own)
    fs.init_app(make_app(tmp_path, FS_BACKEND=backend), storage)
    storage.write("source.txt", b"new")
    storage.write("target.txt", b"old")
    asked = given.get("overwrite")
    # False has no effect on write, where it is the default of Flask-FS
    if asked or (own and (asked is None or operation == "write")):
        store_by(operation, storage, **given)
        assert storage.read("target.txt") == b"new"
    else:
        with pytest.raises(fs.FileExists):
            store_by(operation, storage, **given)
        assert storage.read("target.txt") == b"old"
        assert storage.read("source.txt") == b"new"


@pytest.mark.parametrize("upload_to", ["up/to", "/up/to/", lambda: "up/to"])
@pytest.mark.parametrize("prefix", ["pre", "/pre/", lambda: "pre", None])
def test_where_an_upload_goes(tmp_path, upload_to, prefix):
    storage = fs.Storage("files", upload_to=upload_to)
    fs.init_app(make_app(tmp_path), storage)
    name = storage.save(FileStorage(io.BytesIO(b"x"), filename="../a b.TXT"), prefix=prefix)
    assert name == ("up/to/pre/a_b.txt" if prefix else "up/to/a_b.txt")
    assert (tmp_path / "files" / name).read_bytes() == b"x"


def test_a_storage_below_a_prefix_shares_a_directory(tmp_path):
    one, two, whole = fs.Storage("one"), fs.Storage("two"), fs.Storage("whole")
    root = str(tmp_path / "shared")
    app = make_app(tmp_path, ONE_FS_PREFIX="/p/one/", TWO_FS_PREFIX="p/two", FS_SERVE=True)
    app.config.update(ONE_FS_ROOT=root, TWO_FS_ROOT=root, WHOLE_FS_ROOT=root, ONE_FS_URL="https://cdn.example")
    fs.init_app(app, one, two, whole)
    with app.test_request_context():
        one.write("a.txt", "1")
        two.write("a.txt", "2")
        assert sorted(whole.list_files()) == ["p/one/a.txt", "p/two/a.txt"]
        assert list(one.list_files()) == list(two.list_files()) == ["a.txt"]
        assert one.path("a.txt") == f"{root}/p/one/a.txt"
        assert one.url("a.txt") == "https://cdn.example/p/one/a.txt"
        assert two.url("a.txt") == "/two/a.txt"
        assert one.fs.listdir("/") == ["a.txt"]
        one.delete("a.txt")
        assert list(whole.list_files()) == ["p/two/a.txt"]
    assert app.test_client().get("/two/a.txt", buffered=True).data == b"2"


def test_path(tmp_path):
    local, memory = fs.Storage("local"), fs.Storage("memory")
    fs.init_app(make_app(tmp_path, MEMORY_FS_BACKEND="memory"), local, memory)
    assert local.path("/a/b.txt") == str(tmp_path / "local" / "a" / "b.txt")
    with pytest.raises(fs.OperationNotSupported, match="memory"):
        memory.path("a.txt")


def test_names_that_no_storage_accepts_are_logged_and_not_listed(tmp_path, caplog):
    storage = fs.Storage("files")
    fs.init_app(make_app(tmp_path), storage)
    storage.write("good.txt", "x")
    (tmp_path / "files" / "back\\..\\up.txt").write_text("x")
    (tmp_path / "files" / "a\\.flask_pyfs").write_text("x")
    (tmp_path / "files" / "back\\slash.txt").write_text("x")
    assert sorted(storage.list_files()) == ["back\\slash.txt", "good.txt"]
    assert "up.txt" in caplog.text
    assert "a\\\\.flask_pyfs" in caplog.text


def test_files_of_flask_fs_are_read_as_they_lie(tmp_path):
    below = tmp_path / "files" / "2017" / "d"
    below.mkdir(parents=True)
    (below / "été.txt").write_text("old")
    storage = fs.Storage("files")
    fs.init_app(make_app(tmp_path), storage)
    assert list(storage.list_files()) == ["2017/d/été.txt"]
    assert storage.read("2017/d/été.txt") == b"old"
    storage.write("2017/new.txt", "new")
    assert (tmp_path / "files" / "2017" / "new.txt").read_text() == "new"


@pytest.mark.parametrize("mode", ["r+", "w+", "rw", "", "q", "rbt", "ab+"])
def test_modes_that_a_storage_does_not_open(tmp_path, mode):
    storage = fs.Storage("files")
    fs.init_app(make_app(tmp_path), storage)
    storage.write("a.txt", "x")
    with pytest.raises(fs.OperationNotSupported):
        storage.open("a.txt", mode)
    assert storage.read("a.txt") == b"x"


@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_has_a_size(tmp_path, size):
    storage = fs.Storage("files")
    fs.init_app(make_app(tmp_path), storage)
    storage.write("a.txt", "x")
    with pytest.raises(ValueError, match="chunk_size"):
        storage.read_chunks("a.txt", size)


# Listeners


def test_nothing_is_announced_that_did_not_happen(app):
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    heard = []

    def listener(sender, filename):
        heard.append(filename)

    storage.write("a.txt", "x")
    with file_uploaded.connected_to(listener, storage), before_display.connected_to(listener, storage):
        with pytest.raises(fs.FileExists):
            storage.write("a.txt", "y")
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(io.BytesIO(b""), "a.exe")
        app.test_client().get("/files/missing.txt")
    assert heard == []


def test_before_display(app):
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("a.txt", "x")
    heard = []

    def listener(sender, filename):
        heard.append((sender, filename))

    with before_display.connected_to(listener, storage):
        assert app.test_client().get("/files/a.txt", buffered=True).data == b"x"
    assert heard == [(storage, "a.txt")]


def test_a_listener_may_refuse(app):
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("a.txt", "x")

    def listener(sender, filename):
        flask.abort(403)

    with before_display.connected_to(listener, storage):
        assert app.test_client().get("/files/a.txt").status_code == 403


# Tests of apps


def test_memory_storages(tmp_path):
    app = make_app(tmp_path, FILES_FS_URL="https://files.example/", FILES_FS_PREFIX="p")
    files, images = fs.Storage("files"), fs.Storage("images", fs.IMAGES)
    fs.init_app(app, files, images)
    with app.app_context():
        files.write("a.txt", "real")
        with memory_storages(app):
            assert files.backend_name == images.backend_name == "memory"
            assert not files.exists("a.txt")
            files.write("a.txt", "in memory")
            assert files.url("a.txt") == "https://files.example/p/a.txt"
            with pytest.raises(fs.UnauthorizedFileType):
                images.save(io.BytesIO(b""), "a.txt")
        assert files.backend_name == "local"
        assert files.read("a.txt") == b"real"
        with memory_storages(app, images):
            assert files.backend_name == "local"
            assert images.backend_name == "memory"
        with pytest.raises(RuntimeError), memory_storages(app):
            raise RuntimeError
        assert files.backend_name == "local"


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a b", "-a", "a\n", "é/è"])
def test_names_that_a_storage_cannot_have(name):
    with pytest.raises(fs.ConfigurationError):
        fs.Storage(name)
