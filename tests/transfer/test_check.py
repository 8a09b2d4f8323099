"""The function check, on real stores."""

import io
import os
import threading
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from places import make_place
from simulated import LATE, Simulated, facts, side

import flask_pyfs as fs
from flask_pyfs.backends.base import BaseBackend
from flask_pyfs.backends.flaskfs import FlaskFSBackend
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.transfer import Side, check

OLD = 1_600_000_000


def put(directory, files, when=OLD):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (when, when))


@pytest.fixture
def here(tmp_path):
    directory = tmp_path / "here"
    put(directory, {"a.txt": b"aaa", "d/b.txt": b"bbb", "only.txt": b"o", "size.txt": b"long", "z.txt": b"zzz"})
    return directory


@pytest.fixture
def there(tmp_path):
    directory = tmp_path / "there"
    put(directory, {"a.txt": b"aaa", "d/b.txt": b"xxx", "extra.txt": b"e", "size.txt": b"short"}, OLD + 60)
    put(directory, {"z.txt": b"zzz"}, OLD - 60)
    return directory


def lines(source, target, **options):
    found = []
    report = check(source, target, on_event=found.append, **options)
    assert report.counts == Counter(each.kind for each in found)
    return [(each.kind, each.name) for each in found]


REST = [("only_target", "extra.txt"), ("only_source", "only.txt"), ("differs", "size.txt")]


def test_by_time(here, there):
    expected = [("same", "a.txt"), ("same", "d/b.txt"), *REST, ("differs", "z.txt")]
    assert lines(here, there) == expected
    assert lines(str(here), Side.of(there)) == expected


@pytest.mark.parametrize("how", ["checksum", "download"])
@pytest.mark.parametrize("jobs", [1, 8])
def test_by_content(here, there, how, jobs):
    expected = [("same", "a.txt"), ("differs", "d/b.txt"), *REST, ("same", "z.txt")]
    assert lines(here, there, jobs=jobs, **{how: True}) == expected


def test_one_way(here, there):
    assert ("only_target", "extra.txt") not in lines(here, there, one_way=True)
    os.remove(here / "only.txt")
    report = check(here, there, one_way=True, download=True, exclude=["size.txt", "b.txt"])
    assert (report.differing, report.failed, report.counts["same"]) == (0, 0, 2)


def test_a_report(here, there):
    report = check(here, there)
    assert report.counts == {"same": 2, "differs": 2, "only_source": 1, "only_target": 1}
    assert (report.differing, report.failed, report.is_worth_retrying) == (4, 0, False)


def test_a_directory_that_is_missing(tmp_path, here):
    gone = tmp_path / "gone"
    with pytest.raises(fs.FileNotFound, match="gone"):
        check(gone, here)
    # as a target, it has no files
    assert check(here, gone).counts == {"only_source": 5}
    assert not gone.exists()


def test_a_file_is_no_side(here):
    with pytest.raises(fs.FileNotFound):
        check(here / "a.txt", here)


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_the_directory_of_a_storage(app, configure_storage, backend, here):
    storage = configure_storage("files", {"BACKEND": backend})
    with app.app_context():
        storage.write("d/e/f.txt", b"f")
        assert check(Side.of(storage, "d/e"), Side.of(storage, "d/e"), checksum=True).counts == {"same": 1}
        assert check(Side.of(storage, "d"), Side.of(storage, "missing")).counts == {"only_source": 1}
        with pytest.raises(fs.FileNotFound, match="missing"):
            check(Side.of(storage, "missing"), here)
        # the whole storage may be empty
        storage.delete("d")
        assert check(storage, Side.of(storage, "")).counts == {}


def test_an_empty_storage_is_not_a_missing_one(app, configure_storage, tmp_path):
    storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(tmp_path / "root")})
    with app.app_context():
        with pytest.raises(fs.FileNotFound, match="is it mounted"):
            check(storage, tmp_path)
        (tmp_path / "root").mkdir()
        assert check(storage, storage).counts == {}


def test_a_root_that_is_gone_is_not_empty(app, configure_storage, tmp_path):
    root = tmp_path / "disk" / "root"
    storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(root)})
    with app.app_context():
        storage.write("a", b"a")
        (tmp_path / "disk").rename(tmp_path / "elsewhere")
        (tmp_path / "disk").mkdir()
        root.mkdir()
        (root / "b").write_bytes(b"b")
        with pytest.raises(fs.FSError):
            check(tmp_path, storage)
        root.joinpath("b").unlink()
        root.rmdir()
        with pytest.raises(fs.FSError):
            check(tmp_path / "elsewhere", storage)


@pytest.mark.parametrize("directory", ["../x", "a/..", ".flask_pyfs-x", "n\0"])
def test_a_directory_that_nobody_may_have(app, configure_storage, directory):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context(), pytest.raises(fs.InvalidPath):
        Side.of(storage, directory)


def test_a_directory_has_the_files_below_each_of_its_spellings(app, configure_storage, tmp_path):
    root = tmp_path / "root"
    put(root, {"e\u0301/e\u0301.txt": b"old", "\xe9/new.txt": b"new", "\xe9/\xe9.txt": b"newer", "\xe9e/no": b""})
    storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(root)})
    with app.app_context():
        for directory in ("\xe9", "e\u0301", "/\xe9/"):
            names = [name for name, _ in Side.of(storage, directory).entries()]
            assert sorted(names) == ["e\u0301.txt", "new.txt", "\xe9.txt"]
        put(root, {"e\u0301/\xe9.jpg": b"nobody finds it as \xc3\xa9/\xc3\xa9.jpg"})
        with pytest.raises(fs.InvalidPath, match="another spelling"):
            list(Side.of(storage, "\xe9").entries())


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr("flask_pyfs.transfer.patience._FIRST", 0.001)


@pytest.mark.parametrize("how", ["checksum", "download"])
@pytest.mark.parametrize(("failures", "kind"), [(4, "same"), (5, "failed")])
def test_a_store_that_fails_is_read_again(short_pauses, how, failures, kind):
    class Busy(MemoryBackend):
        reads = 0

        def read_chunks(self, filename, chunk_size=1, *, chunks_size=None):
            self.reads += 1
            if self.reads <= failures:
                raise fs.BackendError("busy")
            return super().read_chunks(filename, chunk_size)

    source, target = Busy("source", {}), MemoryBackend("target", {})
    for backend in (source, target):
        backend.write("a", b"content")
    options: dict[str, Any] = {how: True}
    assert check(Side(source), Side(target), **options).counts == {kind: 1}
    assert source.reads == 5


@pytest.mark.parametrize("how", ["checksum", "download"])
def test_a_file_that_cannot_be_read_is_one_failure(short_pauses, how):
    class Failing(MemoryBackend):
        def read_chunks(self, filename, chunk_size=1, *, chunks_size=None):
            if filename == "b":
                raise fs.BackendError("busy")
            if filename == "c":
                raise KeyError("a bug of other code")
            return super().read_chunks(filename, chunk_size)

    source, target = Failing("source", {}), MemoryBackend("target", {})
    for name in "abcd":
        source.write(name, name)
        target.write(name, name)
    found = []
    options: dict[str, Any] = {how: True}
    report = check(Side(source), Side(target), on_event=found.append, **options)
    assert [each.kind for each in found] == ["same", "failed", "failed", "same"]
    assert isinstance(found[1].error, fs.BackendError)
    assert not report.is_worth_retrying
    assert check(Side(source), Side(target), include=["b"], **options).is_worth_retrying


def test_events_come_in_this_thread():
    backend = MemoryBackend("files", {})
    for number in range(50):
        backend.write(f"{number:02}", b"x" * number)
    threads = set()
    names = []

    def note(event):
        threads.add(threading.get_ident())
        names.append(event.name)

    check(Side(backend), Side(backend), download=True, on_event=note)
    assert threads == {threading.get_ident()}
    assert names == [f"{number:02}" for number in range(50)]


def test_an_interrupt_ends_the_threads():
    backend = MemoryBackend("files", {})
    for number in range(50):
        backend.write(f"{number:02}", b"x")

    def stop(event):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        check(Side(backend), Side(backend), download=True, on_event=stop)
    assert threading.active_count() == before


def test_the_threads_have_the_context_of_the_app(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory"})
    seen = []

    class Asking(MemoryBackend):
        def read_chunks(self, filename, chunk_size=1, *, chunks_size=None):
            seen.append(storage.read("a"))
            return super().read_chunks(filename, chunk_size)

    with app.app_context():
        storage.write("a", b"content")
        asking = Asking("asking", {})
        asking.write("a", b"content")
        assert check(storage, Side(asking), download=True).counts == {"same": 1}
    assert seen == [b"content"]


@pytest.mark.parametrize("exclude", [[], ["a*"]])
def test_names_that_a_listing_leaves_out_are_failures(tmp_path, exclude):
    put(tmp_path / "odd", {"a\\..\\b": b"", "c": b"c", ".flask_pyfs-x": b""})
    (tmp_path / "none").mkdir()
    failed = [] if exclude else [("failed", "a\\..\\b")]
    assert lines(tmp_path / "odd", tmp_path / "none", exclude=exclude) == [*failed, ("only_source", "c")]
    assert lines(tmp_path / "none", tmp_path / "odd", exclude=exclude) == [*failed, ("only_target", "c")]


class Old:
    """A backend as Flask-FS had them."""

    def __init__(self, files):
        self.files = files

    def list_files(self):
        return list(self.files)

    def exists(self, filename):
        return filename in self.files

    def read(self, filename):
        return self.files[filename]

    def open(self, filename, mode="r", encoding="utf-8"):
        return io.BytesIO(self.files[filename])

    def get_metadata(self, filename):
        return {"checksum": None, "size": len(self.files[filename]), "mime": None, "modified": datetime(2017, 1, 1)}


@pytest.mark.parametrize("how", [{}, {"checksum": True}, {"download": True}])
def test_a_backend_of_flask_fs(how):
    files = {"b": b"bb", "a/c": b"c", "a\\d": b"d", "e\u0301": b"e", ".flask_pyfs-x": b"", "d/": b""}
    old = Side(FlaskFSBackend(Old(files), "old", ""), label="old")
    new = MemoryBackend("new", {})
    new.write("a/c", b"c")
    new.write("b", b"xx")
    # it finds these by no name
    failed = [("failed", "a\\d"), ("failed", "e\u0301")]
    expected = [*failed, ("same", "a/c"), ("differs" if how else "same", "b")]
    assert lines(old, Side(new), **how) == expected
    # its times are older
    assert lines(Side(new), old, **how) == [*failed, ("same" if how else "differs", "a/c"), ("differs", "b")]


def test_what_a_backend_of_flask_fs_does_not_accept():
    old = Side(FlaskFSBackend(Old({}), "old", ""), label="old")
    found = []
    check(side(["a\\b", "c"]), old, on_event=found.append)
    assert [(each.kind, each.name) for each in found] == [("failed", "a\\b"), ("only_source", "c")]
    assert isinstance(found[0].error, fs.InvalidPath)


def test_facts_without_a_time():
    source, target = side({"a": facts(1, None), "b": facts(1, datetime(2026, 1, 1))}), side(["a", "b"], LATE)
    assert lines(source, target) == [("differs", "a"), ("differs", "b")]
    assert lines(target, source) == [("differs", "a"), ("differs", "b")]


@pytest.mark.server
@pytest.mark.parametrize("kind", ["s3-moto", "swift", "gridfs"])
def test_a_store(kind, request, app, configure_storage, here, there):
    with make_place(kind, request) as settings, app.app_context():
        storage = configure_storage("files", settings)
        for name in ("a.txt", "d/b.txt", "size.txt", "z.txt"):
            storage.write(name, (here / name).read_bytes())
        storage.write("d/nfd-e\u0301".replace("e\u0301", "\xe9"), b"x")
        put(here, {"d/nfd-e\u0301": b"x"})
        # written after the files on the disk
        expected = [("same", "a.txt"), ("same", "d/b.txt"), ("same", "d/nfd-\xe9"), ("only_source", "only.txt")]
        expected += [("same", "size.txt"), ("same", "z.txt")]
        for how in ({}, {"checksum": True}, {"download": True}):
            assert lines(here, storage, **how) == expected
            assert lines(here / "d", Side.of(storage, "d"), **how) == [("same", "b.txt"), ("same", "nfd-\xe9")]
        assert lines(there / "d", Side.of(storage, "d"), checksum=True)[0] == ("differs", "b.txt")
        with pytest.raises(fs.FileNotFound):
            check(Side.of(storage, "e"), here)
        assert lines(storage, storage, checksum=True) == [("same", name) for name, _ in Side.of(storage).entries()]


def test_a_backend_that_only_has_a_filesystem():
    # of a backend that tells no root, and whose listing is all it has
    class Listed(BaseBackend):
        def entries(self, prefix=None, **_):
            return iter([("a", Facts(1, None))])

    listed = Side(Listed("listed", {}))
    assert check(listed, Side(Simulated(list))).counts == {"only_source": 1}


@pytest.mark.parametrize("how", [{}, {"checksum": True}, {"download": True}])
@pytest.mark.parametrize("jobs", [0, -1])
def test_there_must_be_a_job(how, jobs):
    with pytest.raises(ValueError, match="jobs must be 1 or more"):
        check(side(["a"]), side(["a"]), jobs=jobs, **how)
