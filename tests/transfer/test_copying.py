"""One file is copied whole, in one version, and over nobody else's."""

import io
import os
import time
import tracemalloc
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.backends.flaskfs import FlaskFSBackend
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.filesystems.store import Description, Facts
from flask_pyfs.names import Exact
from flask_pyfs.transfer import Side, sync
from flask_pyfs.transfer.copying import copy_file
from flask_pyfs.transfer.deleting import delete_file
from flask_pyfs.transfer.patience import Patience, Stopped
from flask_pyfs.transfer.versions import known_facts

SERVED = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "s3-swift", "gridfs", "swift")]
KINDS = ["local", "memory", "pyfs", *SERVED]
MIB = 1024 * 1024


@pytest.fixture(params=KINDS)
def storage(request, app, configure_storage):
    """A storage on each backend."""
    with make_place(request.param, request) as settings:
        storage = configure_storage("files", settings)
        with app.app_context():
            yield storage


def disk(directory):
    directory.mkdir(parents=True, exist_ok=True)
    return directory


class Streamed(LocalBackend):
    """Has files that no server copies, because other code may change them when they are read."""

    def read(self, filename):
        return super().read(filename)


def streamed(directory):
    return Side(Streamed("streamed", {"root": str(directory)}), label=str(directory))


class Meanwhile:
    """Does something when the first bytes of a file were read, each time or once."""

    def __init__(self, act, *, always=False):
        self.act, self.always = act, always
        self.done = 0

    def __call__(self, event):
        if event.kind == "progress" and (self.always or not self.done):
            self.done += 1
            self.act()


def append(path):
    with path.open("ab") as file:
        file.write(b"more")


def cut(path):
    os.truncate(path, 3)


def rewrite(path):
    with path.open("r+b") as file:
        file.write(b"other content")


def rename(path):
    other = path.with_name("other")
    other.write_bytes(b"other content")
    other.replace(path)


CHANGES = [append, cut, rewrite, rename]


@pytest.mark.parametrize("change", CHANGES)
def test_a_source_that_changes_is_read_again(tmp_path, change):
    path = disk(tmp_path / "source") / "a"
    path.write_bytes(b"first content")
    source, target = streamed(tmp_path / "source"), Side.of(tmp_path / "target")
    copied = copy_file(source, "a", target, "a", tell=Meanwhile(lambda: change(path)))
    assert (tmp_path / "target/a").read_bytes() == path.read_bytes() != b"first content"
    assert copied.size == path.stat().st_size


@pytest.mark.parametrize("change", [append, rewrite, rename])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_source_that_changes_each_time_is_not_stored_half(tmp_path, change, old):
    path = disk(tmp_path / "source") / "a"
    path.write_bytes(b"first content")
    source, target = streamed(tmp_path / "source"), Side.of(disk(tmp_path / "target"))
    if old is not None:
        (tmp_path / "target/a").write_bytes(old)
    seen = set()

    def act():
        change(path)
        # another tick
        os.utime(path, ns=(0, time.time_ns()))
        seen.update(each.read_bytes() for each in (tmp_path / "target").glob("a"))

    meanwhile = Meanwhile(act, always=True)
    with pytest.raises(fs.VersionChanged, match=r"changed at the source, .*/source, while it was copied"):
        copy_file(source, "a", target, "a", overwrite=True, tell=meanwhile)
    assert meanwhile.done == 3
    assert seen <= {old}
    assert {each.name: each.read_bytes() for each in (tmp_path / "target").glob("a")} == ({"a": old} if old else {})


def test_a_source_that_vanishes_is_no_success(tmp_path):
    path = disk(tmp_path / "source") / "a"
    path.write_bytes(b"content")
    source, target = streamed(tmp_path / "source"), Side.of(tmp_path / "target")
    with pytest.raises(fs.FileNotFound):
        copy_file(source, "a", target, "a", tell=Meanwhile(path.unlink))
    assert not (tmp_path / "target/a").exists()


@pytest.mark.parametrize("how", ["streamed", "by the server"])
def test_a_source_that_is_always_new_ends(tmp_path, monkeypatch, how):
    disk(tmp_path / "source")
    source, target = Side.of(tmp_path / "source"), Side.of(tmp_path / "target")
    (tmp_path / "source/a").write_bytes(b"content")
    monkeypatch.setattr("flask_pyfs.transfer.copying._may_change_unseen", lambda facts: True)
    if how == "streamed":
        monkeypatch.setattr("flask_pyfs.transfer.copying._Copy._by_server", lambda copy: None)
    with pytest.raises(fs.VersionChanged, match="changed at the source"):
        copy_file(source, "a", target, "a")
    assert not (tmp_path / "target/a").exists()
    stopped = Patience()
    stopped.stop()
    with pytest.raises(Stopped):
        copy_file(source, "a", target, "a", patience=stopped)


def find_store(side: Any) -> Any:
    return side.operations.store


def test_a_file_that_nobody_may_read_is_not_called_missing(tmp_path, monkeypatch):
    path = disk(tmp_path / "source") / "a"
    path.write_bytes(b"content")

    def refuse(*args):
        raise PermissionError(13, "Permission denied", str(path))

    side = streamed(tmp_path / "source")
    assert dict(side.entries())
    monkeypatch.setattr(find_store(side), "_open_descriptor", refuse)
    with pytest.raises(fs.PermissionDenied):
        copy_file(side, "a", Side.of(tmp_path / "target"), "a")


def test_a_replaced_object_is_copied_again(storage, tmp_path):
    # what was begun to be read is of one version; and a target that is newer than the source would count as the same
    storage.write("a", b"first content")
    meanwhile = Meanwhile(lambda: storage.write("a", b"other content", overwrite=True))
    if storage.backend_name == "local":
        source, target = streamed(storage.root), Side.of(tmp_path / "target")
    else:
        source, target = Side.of(storage), Side.of(tmp_path / "target")
    copy_file(source, "a", target, "a", tell=meanwhile)
    assert (tmp_path / "target/a").read_bytes() == b"other content"


@pytest.mark.parametrize("storage", SERVED, indirect=True)
def test_the_type_of_a_file_is_kept(storage):
    storage.backend.save(io.BytesIO(b"x"), "typed", content_type="text/x-special")
    side = Side.of(storage)
    copy_file(side, "typed", side, "elsewhere/typed")
    assert storage.metadata("elsewhere/typed")["mime"] == "text/x-special"
    listed = dict(side.entries())["elsewhere/typed"]
    copy_file(side, "typed", side, "elsewhere/typed", replaces=listed)
    assert storage.metadata("elsewhere/typed")["mime"] == "text/x-special"


def at(kind, act):
    return lambda event: act() if event.kind == kind else None


@pytest.mark.parametrize("change", ["stored", "replaced", "deleted"])
def test_what_others_write_at_the_target_stays(storage, tmp_path, change):
    source = disk(tmp_path / "source")
    (source / "a").write_bytes(b"ours")
    if change != "stored":
        storage.write("a", b"old content")

    def act():
        if change == "deleted":
            storage.delete("a")
        else:
            storage.write("a", b"theirs", overwrite=True)

    report = sync(source, storage, on_event=at("planned", act))
    assert report.counts == {"failed": 1}
    [failure] = report.failures
    assert isinstance(failure.error, fs.VersionChanged)
    assert "'a' was changed at the target, files:, meanwhile: run it again" in str(failure.error)
    assert report.is_worth_retrying
    assert storage.exists("a") == (change != "deleted")
    assert change == "deleted" or storage.read("a") == b"theirs"


def test_what_others_replace_is_not_deleted(storage, tmp_path):
    source = disk(tmp_path / "source")
    (source / "z").write_bytes(b"z")
    for name in ("a", "b", "c"):
        storage.write(name, b"old content")

    def act():
        storage.write("a", b"theirs", overwrite=True)
        storage.delete("b")

    report = sync(source, storage, delete=True, on_event=at("planned", act))
    assert report.counts == {"copied": 1, "failed": 1, "deleted": 2}
    assert sorted(storage.list_files()) == ["a", "z"]
    assert storage.read("a") == b"theirs"


def test_listings_and_answers_agree_what_a_file_is(storage, tmp_path):
    # otherwise what nobody changed would be taken for changed
    source = disk(tmp_path / "source")
    names = ["a", "b c/d+e%20f", "\xe9"]
    for name in names:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"new")
        # some stores tell whole seconds
        os.utime(source / name, (1e9, 1e9))
        storage.write(name, b"old content", overwrite=True)
    assert sync(source, storage).counts == {"replaced": 3}
    (source / "a").unlink()
    assert sync(source, storage, delete=True).counts == {"same": 2, "deleted": 1}


@pytest.mark.parametrize("spelling", ["e\u0301", "./a//b", "a b"])
def test_a_spelling_is_copied_to_another_name(tmp_path, storage, spelling):
    source = disk(tmp_path / "source")
    (source / spelling).parent.mkdir(parents=True, exist_ok=True)
    (source / spelling).write_bytes(b"x")
    copy_file(Side.of(source), Exact(spelling), Side.of(storage), "to")
    assert storage.read("to") == b"x"


def test_a_name_that_is_taken_stays(storage, tmp_path):
    (disk(tmp_path / "source") / "a").write_bytes(b"ours")
    storage.write("a", b"theirs")
    with pytest.raises(fs.FileExists):
        copy_file(Side.of(tmp_path / "source"), "a", Side.of(storage), "a")
    assert storage.read("a") == b"theirs"
    copy_file(Side.of(tmp_path / "source"), "a", Side.of(storage), "a", overwrite=True)
    assert storage.read("a") == b"ours"


def test_a_directory_of_that_name_is_no_other_writer(tmp_path):
    (disk(tmp_path / "source") / "a").write_bytes(b"ours")
    disk(tmp_path / "target/a")
    report = sync(tmp_path / "source", tmp_path / "target")
    [failure] = report.failures
    assert isinstance(failure.error, fs.FileExists)
    assert not report.is_worth_retrying


class Generated(Streamed):
    """Has one large file that is made while it is read."""

    length = 200 * MIB

    def fetch(self, filename):
        return self.facts(filename), Zeros(self.length)

    def facts(self, filename):
        return Facts(self.length, None, "1")


class Zeros(io.RawIOBase):
    is_steady = True

    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = min(self.left, size)
        self.left -= size
        return bytes(size)


def test_a_large_file_takes_little_memory(tmp_path):
    source = Side(Generated("generated", {"root": str(tmp_path)}), label="generated")
    target = Side.of(tmp_path / "target")
    tracemalloc.start()
    try:
        copy_file(source, "large", target, "large")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "target/large").stat().st_size == Generated.length
    assert peak < 8 * MIB


def test_what_is_copied_is_made_as_any_file_is(tmp_path):
    # no temporary file stays
    (disk(tmp_path / "source") / "a").write_bytes(b"x")
    copy_file(Side.of(tmp_path / "source"), "a", Side.of(tmp_path / "target"), "b/a")
    assert [each for each in Path(tmp_path / "target").rglob("*") if each.is_file()] == [tmp_path / "target/b/a"]


@pytest.mark.server
def test_encoded_content_stays_encoded_or_is_refused(app, configure_storage, request, tmp_path):
    # without its encoding, a browser would show what is compressed
    with make_place("s3-moto", request) as settings, make_place("s3-moto", request) as others, app.app_context():
        storage, other = configure_storage("files", settings), configure_storage("other", others)
        storage.backend.save(io.BytesIO(b"\x1f\x8b"), "a.txt", description=Description(content_encoding="gzip"))
        assert sync(storage, other).counts == {"copied": 1}
        assert other.backend.facts("a.txt").content_encoding == "gzip"
        report = sync(storage, tmp_path / "target")
        assert report.counts == {"failed": 1}
        assert isinstance(report.failures[0].error, fs.OperationNotSupported)
        assert not report.is_worth_retrying
        assert not (tmp_path / "target/a.txt").exists()


@pytest.mark.server
@pytest.mark.parametrize("kind", ["s3-moto", "swift", "gridfs", "local"])
def test_the_server_copies_what_it_has_and_nothing_else_is_stored(app, configure_storage, request, kind, monkeypatch):
    with make_place(kind, request) as settings, app.app_context():
        storage = configure_storage("files", settings)
        for name in ("from/a", "from/b/c"):
            storage.write(name, name.encode())
        monkeypatch.setattr(type(storage.backend), "fetch", lambda *args: pytest.fail("the content was read"))
        progress = []
        report = sync(Side.of(storage, "from"), Side.of(storage, "to"), on_event=progress.append)
        assert report.counts == {"copied": 2}, report.failures
        assert sum(event.size for event in progress if event.kind == "progress") == report.bytes == 14
        # and no markers of directories
        found = sorted(name for name in storage.list_files() if name.startswith("to"))
        assert found == ["to/a", "to/b/c"]
        assert storage.read("to/b/c") == b"from/b/c"


class Old:
    """A backend as Flask-FS had them."""

    def __init__(self, modified, size=True):
        self.files = {"a": b"content"}
        self.modified, self.size = modified, size

    def list_files(self):
        return list(self.files)

    def exists(self, filename):
        return filename in self.files

    def read(self, filename):
        return self.files[filename]

    def open(self, filename, mode="r"):
        return io.BytesIO(self.files[filename])

    def write(self, filename, content):
        self.files[filename] = content

    def delete(self, filename):
        del self.files[filename]

    def get_metadata(self, filename):
        known = {"checksum": None, "mime": None, "modified": self.modified}
        return known | {"size": len(self.files[filename])} if self.size else known


@pytest.mark.parametrize("modified", [None, "yesterday", datetime(2017, 1, 1), datetime.now(timezone.utc)])
def test_an_old_backend(tmp_path, modified):
    backend = Old(modified)
    old, new = Side(FlaskFSBackend(backend, "old", ""), label="old"), Side.of(tmp_path / "new")
    assert copy_file(old, "a", new, "b").size == 7
    copy_file(new, "b", old, "c/d")
    copy_file(old, "a", old, "e")
    assert backend.files == {"a": b"content", "c/d": b"content", "e": b"content"}
    (tmp_path / "new/b").write_bytes(b"other")
    copy_file(new, "b", old, "a", replaces=known_facts(old.operations, "a"))
    delete_file(old, "e", known_facts(old.operations, "e"), Patience())
    assert backend.files == {"a": b"other", "c/d": b"content"}


def test_an_old_backend_that_tells_no_size(tmp_path):
    old = Side(FlaskFSBackend(Old(None, size=False), "old", ""), label="old")
    with pytest.raises(fs.OperationNotSupported, match="does not tell the sizes of files"):
        copy_file(old, "a", Side.of(tmp_path), "b")
