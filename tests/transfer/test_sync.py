"""Makes one side like the other."""

import os

import pytest

import flask_pyfs as fs
from flask_pyfs.transfer import Event, Side, sync


def write(directory, files):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".flask_pyfs" not in str(path)
    }


FILES = {"a.txt": b"a", "b/c.txt": b"cc", "b/d/e": b"", "b.txt": b"bbbb"}


@pytest.fixture
def source(tmp_path):
    write(tmp_path / "source", FILES)
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


def test_all_is_copied_and_then_the_same(source, target):
    events = []
    report = sync(source, target, on_event=events.append)
    assert tree(target) == FILES
    assert report.counts == {"copied": 4}
    assert (report.bytes, report.failed) == (7, 0)
    assert events[0] == Event("planned", size=7, files=4)
    assert sum(event.size for event in events if event.kind == "progress") == 7
    assert sync(source, target).counts == {"same": 4}


def test_what_differs_is_replaced(source, target):
    sync(source, target)
    (source / "a.txt").write_bytes(b"other")
    os.utime(source / "b.txt", (2e9, 2e9))
    report = sync(source, target)
    assert report.counts == {"replaced": 2, "same": 2}
    assert (target / "a.txt").read_bytes() == b"other"


def test_a_dry_run_writes_nothing(source, target):
    report = sync(source, target, dry_run=True)
    assert (report.dry_run, report.counts, report.bytes) == (True, {"copied": 4}, 7)
    assert not target.exists()


def test_what_only_the_target_has_is_deleted_where_asked(source, target):
    write(target, {"x/y": b"1", "z": b"22"})
    assert sync(source, target).counts == {"copied": 4, "only_target": 2}
    assert sync(source, target, delete=True).counts == {"same": 4, "deleted": 2}
    assert tree(target) == FILES


def test_a_missing_source_is_named(tmp_path, target):
    with pytest.raises(fs.FileNotFound, match=r"there is no directory '.*/nowhere'"):
        sync(tmp_path / "nowhere", target)
    assert not target.exists()


def test_storages_are_sides(app, configure_storage, source, target):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context():
        assert sync(source, Side.of(storage, "backup")).counts == {"copied": 4}
        assert storage.read("backup/b/c.txt") == b"cc"
        assert sync(Side.of(storage, "backup"), target).counts == {"copied": 4}
        with pytest.raises(fs.FileNotFound, match="files:nowhere"):
            sync(Side.of(storage, "nowhere"), target)
    assert tree(target) == FILES
