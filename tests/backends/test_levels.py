"""Backends tell what is in one directory: the same as the listing of all that is below, for each of its directories."""

import os
from contextlib import closing

import hypothesis
import hypothesis.strategies as st
import pytest
from fs import errors
from fs.memoryfs import MemoryFS
from fs.tempfs import TempFS

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.store import StoreFS, level_of
from flask_pyfs.state import find


def expected(store, directory):
    return dict(level_of(store.iter_facts, directory))


def fill(store, names):
    for name in names:
        with store.open_write(name) as file:
            file.write(name.encode())


PARTS = st.sampled_from(["a", "b", "a.b", "a-b", "ä", "a b"])
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize("kind", ["local", "memory", "temp"])
@hypothesis.given(names=st.sets(NAMES, max_size=8))
@hypothesis.settings(max_examples=30, suppress_health_check=list(hypothesis.HealthCheck))
def test_a_level_is_what_the_whole_listing_has_there(kind, tmp_path_factory, names):
    # a directory cannot have the name of a file
    names = {name for name in names if not any(other.startswith(f"{name}/") for other in names)}
    store: StoreFS
    if kind == "local":
        store = LocalFS(str(tmp_path_factory.mktemp("local")))
    else:
        store = GenericStore(MemoryFS() if kind == "memory" else TempFS())
    with closing(store):
        fill(store, names)
        for directory in {"", *(name.rpartition("/")[0] for name in names), "missing"}:
            assert dict(store.iter_level(directory)) == expected(store, directory)
            assert dict(StoreFS.iter_level(store, directory)) == expected(store, directory)


def test_a_directory_on_a_disk_shows_what_listings_show(tmp_path):
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    for directory in (outside, root / "d" / "empty", root / ".flask_pyfs-x"):
        directory.mkdir(parents=True)
    (outside / "a.txt").write_text("of others")
    (root / "d" / "b.txt").write_text("mine")
    (root / "d" / "inside.txt").symlink_to("b.txt")
    for name, target in (("out.txt", outside / "a.txt"), ("out", outside), ("loop", "loop"), ("gone", "gone.txt")):
        (root / "d" / name).symlink_to(target)
    os.mkfifo(root / "d" / "pipe")
    with closing(LocalFS(str(root))) as store:
        assert sorted(path for path, _ in store.iter_level("")) == ["d/"]
        assert sorted(path for path, _ in store.iter_level("d")) == ["d/b.txt", "d/empty/", "d/inside.txt"]
        with pytest.raises(errors.InvalidPath):
            list(store.iter_level("d/out"))
        assert list(store.iter_level("d/b.txt")) == []


class Listed(BaseBackend):
    """A backend whose listing other code wrote."""

    def open_fs(self):
        return MemoryFS()

    def list_files(self, prefix=None):
        yield from ["d/e/a.txt", "d/b.txt", "f.txt"]


@pytest.mark.parametrize("prefix", ["", "below/here"])
def test_a_storage_below_a_prefix(app, prefix):
    storage = fs.Storage("papers", fs.ALL)
    app.config.update(PAPERS_FS_BACKEND="memory", PAPERS_FS_PREFIX=prefix)
    fs.init_app(app, storage)
    for name in ("d/e/a.txt", "d/b.txt", "f.txt"):
        storage.write(name, "x")
    operations = find(storage).operations
    assert sorted(name for name, _ in operations.level()) == ["d/", "f.txt"]
    assert {name: facts and facts.size for name, facts in operations.level("d")} == {"d/b.txt": 1, "d/e/": None}


def test_an_overridden_listing_decides(app):
    storage = fs.Storage("papers", fs.ALL)
    app.config.update(PAPERS_FS_BACKEND="memory")
    fs.init_app(app, storage)
    storage.backend = Listed("papers", {})
    with app.app_context():
        for name in ("d/e/a.txt", "d/b.txt", "f.txt", "hidden.txt"):
            storage.write(name, "x")
        assert [name for name, _ in find(storage).operations.level()] == ["d/", "f.txt"]
