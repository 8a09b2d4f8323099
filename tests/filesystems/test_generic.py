"""The verbs of uploads over any PyFilesystem."""

import inspect
import io
import itertools
import os
import sys
import threading
from contextlib import suppress

import fs.errors
import pytest
from fs.memoryfs import MemoryFS
from fs.osfs import OSFS
from fs.tarfs import ReadTarFS, WriteTarFS
from fs.tempfs import TempFS
from fs.wrap import read_only
from fs.zipfs import ReadZipFS, WriteZipFS

import flask_pyfs
from flask_pyfs.filesystems.generic import GenericStore, as_store
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS as OwnMemoryFS
from flask_pyfs.filesystems.store import OtherVersion


@pytest.fixture(params=[MemoryFS, TempFS])
def store(request):
    with request.param() as filesystem:
        yield as_store(filesystem)


def contents(store):
    return {name: store.readbytes(name) for name in store.iter_files()}


def test_a_store_is_taken_as_it_is(tmp_path):
    local = LocalFS(str(tmp_path))
    assert as_store(local) is local
    memory = MemoryFS()
    assert isinstance(as_store(memory), GenericStore)
    assert as_store(memory).standard is memory


@pytest.mark.parametrize("overwrite", [False, True])
def test_onto_itself(store, overwrite):
    store.put("d/a", io.BytesIO(b"content"))
    for target in ("d/a", "/d/a", "d//a"):
        store.move_file("d/a", target, overwrite=overwrite)
        store.copy_file("d/a", target, overwrite=overwrite)
    assert contents(store) == {"d/a": b"content"}


def test_a_directory_is_not_written_over(store):
    store.put("d/a", io.BytesIO(b"x"))
    store.put("b", io.BytesIO(b"y"))
    for overwrite in (False, True):
        for operation in (
            lambda overwrite=overwrite: store.put("d", io.BytesIO(b"z"), overwrite=overwrite),
            lambda overwrite=overwrite: store.copy_file("b", "d", overwrite=overwrite),
            lambda overwrite=overwrite: store.move_file("b", "d", overwrite=overwrite),
            lambda overwrite=overwrite: store.put("b/c", io.BytesIO(b"z"), overwrite=overwrite),
            lambda overwrite=overwrite: store.move_file("d/a", "b/c", overwrite=overwrite),
        ):
            with pytest.raises(fs.errors.FSError):
                operation()
    assert contents(store) == {"d/a": b"x", "b": b"y"}
    assert sorted(store.standard.listdir("/")) == ["b", "d"]


def test_a_directory_that_comes_while_a_file_is_written(store):
    file = store.open_write("d")
    file.write(b"x")
    store.standard.makedir("d")
    store.standard.writebytes("d/a", b"y")
    with pytest.raises(fs.errors.FSError):
        file.close()
    assert contents(store) == {"d/a": b"y"}
    assert store.standard.listdir("/") == ["d"]


def test_a_name_that_is_taken_while_a_file_is_written(store):
    file = store.open_write("a", overwrite=False)
    file.write(b"late")
    store.put("a", io.BytesIO(b"first"), overwrite=False)
    with pytest.raises((fs.errors.FileExists, fs.errors.DestinationExists)):
        file.close()
    assert contents(store) == {"a": b"first"}
    assert store.standard.listdir("/") == ["a"]


def test_directories_are_no_files(store):
    store.put("d/a", io.BytesIO(b"x"))
    for operation in (store.facts, store.fetch):
        with pytest.raises(fs.errors.FileExpected):
            operation("d")
        with pytest.raises(fs.errors.ResourceNotFound):
            operation("no")
    for operation in (store.copy_file, store.move_file):
        with pytest.raises(fs.errors.FileExpected):
            operation("d", "e")
        with pytest.raises(fs.errors.ResourceNotFound):
            operation("no", "e")
    assert contents(store) == {"d/a": b"x"}


class Counted(MemoryFS):
    def __init__(self):
        super().__init__()
        self.listed = []

    def scandir(self, path, namespaces=None, page=None):
        self.listed.append(path)
        return super().scandir(path, namespaces, page)


def test_listing_is_lazy():
    counted = Counted()
    store = as_store(counted)
    for number in range(50):
        store.put(f"d{number}/f", io.BytesIO(b""))
    counted.listed.clear()
    names = store.iter_files()
    assert counted.listed == []
    next(names)
    assert len(counted.listed) == 2
    assert len(list(names)) == 49


def test_listing_holds_no_lock(store):
    for number in range(10):
        store.put(f"d{number}/f", io.BytesIO(b""))
    names = store.iter_files()
    next(names)
    other = threading.Thread(target=store.put, args=("new", io.BytesIO(b"")), daemon=True)
    other.start()
    other.join(30)
    assert not other.is_alive()
    list(names)


def test_listing_survives_deletions(store):
    for number in range(10):
        store.put(f"d{number}/e/f", io.BytesIO(b""))
    names = store.iter_files()
    next(names)
    for number in range(10):
        store.delete_tree(f"d{number}")
    assert list(names) == []


def test_unfinished_files_are_not_listed(store):
    with store.open_write("a") as file:
        file.write(b"x")
        assert list(store.iter_files()) == []
        assert list(store.iter_files(".")) == []
    assert list(store.iter_files()) == ["a"]


def test_deleting(store):
    for name in ("a", "ab", "d/a", "d/e/f", "de"):
        store.put(name, io.BytesIO(b""))
    store.delete_tree("a")
    assert set(store.iter_files()) == {"ab", "d/a", "d/e/f", "de"}
    store.delete_tree("d")
    assert set(store.iter_files()) == {"ab", "de"}
    for missing in ("d", "no", "ab/below", "no/where"):
        store.delete_tree(missing)
    assert set(store.iter_files()) == {"ab", "de"}


@pytest.fixture
def linked(tmp_path):
    """A store over an OSFS with links, what lies outside of it, and its directory."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "below").mkdir(parents=True)
    (outside / "precious").write_bytes(b"x")
    (outside / "below" / "precious").write_bytes(b"x")
    (root / "d" / "e").mkdir(parents=True)
    (root / "d" / "a").write_bytes(b"a")
    for directory in (root, root / "d", root / "d" / "e"):
        (directory / "to_directory").symlink_to(outside)
        (directory / "to_file").symlink_to(outside / "precious")
        (directory / "broken").symlink_to(outside / "missing")
    (root / "loop").symlink_to(root)
    return as_store(OSFS(str(root))), outside, root


def snapshot(directory):
    return sorted(os.path.join(above, name) for above, _, files in os.walk(directory) for name in files)


@pytest.mark.parametrize("path", ["d", "d/e", "to_directory", "to_file", "loop", "broken", "d/to_directory"])
def test_deleting_does_not_go_through_links(linked, path):
    store, outside, root = linked
    before = snapshot(outside)
    store.delete_tree(path)
    assert snapshot(outside) == before
    assert not os.path.lexists(root / path)
    if not path.startswith("d"):
        assert (root / "d" / "a").exists()


def test_listing_does_not_go_through_links_to_directories(linked):
    store, _, _ = linked
    names = list(itertools.islice(store.iter_files(), 1000))
    assert len(names) < 1000
    assert "d/a" in names
    assert not [name for name in names if "precious" in name or name.startswith("loop")]


@pytest.mark.parametrize("kind", [MemoryFS, TempFS])
def test_writers_and_deleters_of_one_directory(kind, soak):
    """What was written after the last deletion is there, and nobody is told of an error."""
    with kind() as filesystem:
        store = as_store(filesystem)
        stop = threading.Event()
        failures = []

        def repeat(operation):
            while not stop.is_set():
                try:
                    operation()
                except BaseException as error:
                    failures.append(error)
                    return

        def write(number):
            store.put(f"d/e{number}/f", io.BytesIO(b"x" * 1000))

        writers = [threading.Thread(target=repeat, args=(lambda number=number: write(number),)) for number in range(3)]
        deleter = threading.Thread(target=repeat, args=(lambda: store.delete_tree("d"),))
        for thread in (*writers, deleter):
            thread.start()
        stop.wait(20 if soak else 0.2)
        stop.set()
        for thread in (*writers, deleter):
            thread.join(60)
        assert failures == []
        for number in range(3):
            write(number)
        assert set(store.iter_files()) == {f"d/e{number}/f" for number in range(3)}
        assert filesystem.listdir("/") == ["d"]


class Replaced(MemoryFS):
    """A filesystem where others write at the worst moment."""

    def openbin(self, path, mode="r", buffering=-1, **options):
        if mode == "r" and path.strip("/") == "a" and self.getsize("a") == 3:
            with super().openbin("b", "w") as file:
                file.write(b"a longer content")
            self.move("b", "a", overwrite=True)
        return super().openbin(path, mode, buffering, **options)


def test_the_facts_are_those_of_the_content():
    replaced = Replaced()
    store = as_store(replaced)
    store.put("a", io.BytesIO(b"old"))
    facts, file = store.fetch("a")
    with file:
        content = file.read()
    assert len(content) == facts.size
    assert facts.etag == store.facts("a").etag


def test_a_filesystem_that_cannot_be_written(store):
    store.put("a", io.BytesIO(b"x"))
    closed = as_store(read_only(store.standard))
    for operation in (
        lambda: closed.put("b", io.BytesIO(b"y")),
        lambda: closed.put("a", io.BytesIO(b"y")),
        lambda: closed.copy_file("a", "b"),
        lambda: closed.move_file("a", "b"),
        lambda: closed.delete_tree("a"),
    ):
        with pytest.raises(fs.errors.ResourceReadOnly):
            operation()
    assert contents(closed) == {"a": b"x"}


def test_a_move_that_fails_keeps_the_old_file(store, monkeypatch):
    store.put("a", io.BytesIO(b"old"))

    def refuse(*arguments, **options):
        raise fs.errors.RemoteConnectionError("a")

    monkeypatch.setattr(store.standard, "move", refuse)
    with pytest.raises(fs.errors.RemoteConnectionError):
        store.put("a", io.BytesIO(b"new"))
    assert store.standard.listdir("/") == ["a"]
    assert store.readbytes("a") == b"old"


def test_the_handle_of_a_memory_storage_does_not_lose_files(app):
    storage = flask_pyfs.Storage("files", flask_pyfs.ALL)
    app.config["FILES_FS_BACKEND"] = "memory"
    flask_pyfs.init_app(app, storage)
    storage.write("a", b"content")
    storage.write("d/b", b"content")
    for operation, path in (
        (storage.fs.copy, "a"),
        (storage.fs.move, "a"),
        (storage.fs.movedir, "d"),
        (storage.fs.copydir, "d"),
    ):
        options = {"overwrite": True} if path == "a" else {}
        with suppress(fs.errors.FSError):
            operation(path, path, **options)
        assert {name: storage.read(name) for name in storage.list_files()} == {"a": b"content", "d/b": b"content"}
    with suppress(fs.errors.FSError):
        storage.fs.move("a", "d", overwrite=True)
    assert {name: storage.read(name) for name in storage.list_files()} == {"a": b"content", "d/b": b"content"}


# Versions


def subdirectory():
    return MemoryFS().makedir("below")


@pytest.mark.parametrize("open_fs", [OwnMemoryFS, MemoryFS, TempFS, subdirectory, lambda: WriteZipFS(io.BytesIO())])
def test_versions_over_any_filesystem(open_fs):
    store = as_store(open_fs())
    version = store.put("d/a", io.BytesIO(b"old")) or ""
    assert not store.delete_version("d/a", "another")
    new = store.replace_version("d/a", io.BytesIO(b"newer"), version) or ""
    for missing in ("d/a", "d", "no", "no/a", "d/a/b"):
        assert not store.delete_version(missing, version)
        with pytest.raises(OtherVersion):
            store.replace_version(missing, io.BytesIO(b"lost"), version)
    assert contents(store) == {"d/a": b"newer"}
    assert store.delete_version("d/a", new)
    assert contents(store) == {}
    assert store.standard.listdir("/") == ["d"]


def test_versions_of_an_archive_that_cannot_be_written(tmp_path):
    for kind, name in ((WriteZipFS, "a.zip"), (WriteTarFS, "a.tar")):
        with kind(str(tmp_path / name)) as archive:
            archive.writebytes("a", b"content")
    for kind, name in ((ReadZipFS, "a.zip"), (ReadTarFS, "a.tar")):
        store = as_store(kind(str(tmp_path / name)))
        version = store.facts("a").version or ""
        assert not store.delete_version("a", "another")
        for operation in (
            lambda store=store, version=version: store.delete_version("a", version),
            lambda store=store, version=version: store.replace_version("a", io.BytesIO(b"new"), version),
        ):
            with pytest.raises(fs.errors.ResourceReadOnly):
                operation()
        assert store.readbytes("a") == b"content"
        store.standard.close()


def test_each_write_in_memory_is_a_version_of_its_own(monkeypatch):
    monkeypatch.setattr("fs.memoryfs.time.time", lambda: 1_000_000_000.0)
    store = as_store(OwnMemoryFS())
    versions = [store.put("a", io.BytesIO(b"content")) for _ in range(3)]
    with store.open_write("a") as file:
        file.write(b"content")
    store.standard.writebytes("b", b"content")
    assert len({*versions, store.facts("a").version, store.facts("b").version}) == 5
    store.move_file("b", "c")
    assert store.delete_version("c", store.facts("c").version or "")
    assert store.facts("a").modified.timestamp() == 1_000_000_000


@pytest.mark.parametrize("operation", ["replace_version", "delete_version", "put"])
def test_one_thread_gets_the_version(operation):
    store = as_store(OwnMemoryFS())
    for _ in range(20):
        version, together, results = store.put("a", io.BytesIO(b"old")), threading.Barrier(6, timeout=30), []
        if operation == "put":
            store.delete_tree("a")

        def compete(number, version=version, together=together, results=results):
            together.wait()
            with suppress(fs.errors.FSError):
                if operation == "delete_version":
                    results.append(store.delete_version("a", version))
                elif operation == "put":
                    results.append(store.put("a", io.BytesIO(bytes(number)), overwrite=False) is not None)
                else:
                    results.append(store.replace_version("a", io.BytesIO(bytes(number)), version) is not None)

        threads = [threading.Thread(target=compete, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert results.count(True) == 1
    assert not [name for name in store.standard.listdir("/") if name != "a"]


class Meanwhile(OSFS):
    """A filesystem in which another process deletes a file right before we do."""

    def remove(self, path):
        super().remove(path)
        super().remove(path)


def test_a_version_that_another_process_deletes_at_the_same_time(tmp_path):
    store = as_store(Meanwhile(str(tmp_path)))
    version = store.put("a", io.BytesIO(b"content")) or ""
    assert store.delete_version("a", version) is False


# Directories

DEEP = "/".join("d" * 200)


@pytest.fixture
def few_frames():
    """Let no function call itself for each directory of a deep tree."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    yield
    sys.setrecursionlimit(limit)


def test_a_deep_tree(few_frames):
    store = as_store(OwnMemoryFS())
    store.put(f"top/{DEEP}/a", io.BytesIO(b"content"))
    assert list(store.iter_files("to")) == [f"top/{DEEP}/a"]
    store.delete_tree("top")
    assert store.standard.listdir("/") == []


class Unreadable(OSFS):
    """A filesystem with a directory that another user has, also if root runs the tests."""

    def scandir(self, path, namespaces=None, page=None):
        if path.strip("/") == "lost+found":
            raise fs.errors.PermissionDenied(path)
        return super().scandir(path, namespaces, page)


def test_a_directory_that_cannot_be_read_is_left_out_and_logged_once(tmp_path, caplog):
    store = as_store(Unreadable(str(tmp_path)))
    store.standard.makedir("lost+found")
    for name in ("a", "d/b"):
        store.put(name, io.BytesIO(b""))
    for _ in range(3):
        assert list(store.iter_files()) == [path for path, _ in store.iter_facts()] == ["a", "d/b"]
    assert [record.getMessage().partition(" of ")[0] for record in caplog.records] == [
        "a listing leaves out the directory 'lost+found'"
    ]
    # who asks for it is told
    with pytest.raises(fs.errors.PermissionDenied):
        list(store.iter_files("lost+found/"))


@pytest.mark.parametrize(
    ("make", "decides"),
    [
        (OwnMemoryFS, True),
        (lambda: OwnMemoryFS().makedir("below"), True),
        (MemoryFS, False),
        (TempFS, False),
    ],
)
def test_only_a_memory_that_numbers_its_writes_decides_versions(make, decides):
    with make() as filesystem:
        store = GenericStore(filesystem)
        assert store.decides_versions is store.learn_conditions("probe") is decides
        assert not store.keeps_notes


def written(store):
    with store.open_write("a", overwrite=False) as file:
        file.write(b"second")


NEW_FILES = {
    "put": lambda store: store.put("a", io.BytesIO(b"second"), overwrite=False),
    "open_write": written,
    "copy": lambda store: store.copy_file("other", "a", overwrite=False),
    "move": lambda store: store.move_file("other", "a", overwrite=False),
}


@pytest.mark.parametrize("make", NEW_FILES.values(), ids=NEW_FILES)
def test_a_name_that_is_taken_meanwhile_has_the_error_of_the_verbs(store, make, monkeypatch):
    store.put("other", io.BytesIO(b"other"))
    publish = store._move_over

    def late(path, target, overwrite):
        monkeypatch.undo()
        store.put("a", io.BytesIO(b"first"))
        publish(path, target, overwrite)

    monkeypatch.setattr(store, "_move_over", late)
    with pytest.raises(fs.errors.FileExists):
        make(store)
    assert store.read_file("a") == b"first"
