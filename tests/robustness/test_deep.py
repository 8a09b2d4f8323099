"""Trees of many levels, also such that no path reaches."""

import io
import os
import tempfile
from pathlib import Path

import pytest
from robust import make_storage

from flask_pyfs.filesystems.local import LocalFS

LEVELS = 1500


# in memory where that can be: ext4 takes a millisecond to remove a directory
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        yield Path(place)
        # the standard library could not remove it
        LocalFS(place).delete_tree("/")


@pytest.fixture
def local(place):
    return LocalFS(str(place / "root"), create=True)


def dig(top, levels, name="d"):
    """Make directories below each other, and a file in the last of them, with no path that is too long."""
    here = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


def test_many_levels(local, place):
    path = "/".join("d" * LEVELS)
    local.put(f"{path}/file", io.BytesIO(b"x"))
    assert list(local.iter_files()) == [f"{path}/file"]
    assert [found for found, _ in local.iter_facts()] == [f"{path}/file"]
    assert local.read_file(f"{path}/file") == b"x"
    assert local.remove_leftovers(older_than=-60) == 0
    local.delete_tree("d")
    assert local.listdir("/") == []
    assert os.listdir(place / "root") == [".flask_pyfs"] or os.listdir(place / "root") == []


@pytest.mark.parametrize(("name", "levels"), [("d", 2200), ("d" * 200, 60)])
def test_levels_that_no_path_reaches(local, place, name, levels, caplog):
    local.put("a", io.BytesIO(b"x"))
    dig(place / "root", levels, name)
    assert list(local.iter_files()) == ["a"]
    assert [path for path, _ in local.iter_facts()] == ["a"]
    assert len(caplog.records) == 1
    assert local.remove_leftovers(older_than=-60) == 0
    local.delete_tree(name)
    assert local.listdir("/") == ["a"]


def test_few_descriptors_are_enough(local, place):
    dig(place / "root", 300)
    before = set(os.listdir("/proc/self/fd"))
    opened = []
    os_open = os.open

    def count(*arguments, **options):
        descriptor = os_open(*arguments, **options)
        opened.append(len(os.listdir("/proc/self/fd")) - len(before))
        return descriptor

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", count)
        list(local.iter_files())
        list(local.iter_facts())
        local.delete_tree("d")
    assert len(opened) > 900
    assert max(opened) < 10
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_the_work_grows_with_the_levels_alone(local, place, monkeypatch):
    calls = []
    lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda *arguments, **options: calls.append(1) or lstat(*arguments, **options))
    dig(place / "root", 400)
    assert len(list(local.iter_files())) == 1
    assert len(calls) < 1000


def test_a_tree_that_moves_while_it_is_deleted(local, place, monkeypatch):
    """What is above the directory then is not deleted."""
    root = place / "root"
    local.put("d/e/f/a", io.BytesIO(b"x"))
    local.put("other/keep", io.BytesIO(b"x"))
    os_open = os.open

    def moved(path, *arguments, **options):
        if path == "..":
            monkeypatch.setattr(os, "open", os_open)
            os.rename(root / "d" / "e" / "f", root / "other" / "f")
        return os_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", moved)
    local.delete_tree("d")
    assert not os.path.exists(root / "d")
    assert list(local.iter_files()) == ["other/keep"]


def test_a_directory_that_becomes_a_link_while_it_is_listed(local, place, monkeypatch):
    (place / "outside").mkdir()
    (place / "outside" / "secret").write_bytes(b"x")
    local.put("d/a", io.BytesIO(b"x"))
    local.put("b", io.BytesIO(b"x"))
    local.put("e", io.BytesIO(b"x"))
    names, facts = local.iter_files(), local.iter_facts()
    found = [next(names), next(facts)[0]]
    os.rename(place / "root" / "d", place / "moved")
    os.symlink(place / "outside", place / "root" / "d")
    found += [*names, *(path for path, _ in facts)]
    assert sorted(found) == ["b", "b", "e", "e"]


def test_a_storage_lists_and_deletes_many_levels(place):
    storage, _ = make_storage(place)
    name = "/".join("d" * 500)
    storage.write(f"{name}/a", b"x")
    assert list(storage.list_files()) == [f"{name}/a"]
    assert storage.backend.remove_leftovers(older_than=-60) == 0
    storage.delete("d")
    assert list(storage.list_files()) == []
