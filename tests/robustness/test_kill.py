"""Processes that are killed while they write."""

import os
import time
from pathlib import Path

import pytest
from robust import leftovers, make_storage, run_script

from flask_pyfs import FSError


@pytest.mark.parametrize("way", ["write", "open", "copy"])
def test_overwrites_that_are_killed(way, soak, tmp_path):
    rounds, size = (100, 50_000_000) if soak else (5, 8_000_000)
    assert run_script("child_kill.py", tmp_path, rounds, size, way, timeout=1200) == f"{rounds} rounds\n"


def test_new_names_without_hard_links_are_never_those_of_half_files(soak, tmp_path):
    rounds = 180 if soak else 15
    assert run_script("child_kill_new.py", tmp_path, rounds, 400_000) == f"{rounds} rounds\n"


def abandon(directory, name, age):
    path = Path(directory, ".flask_pyfs", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


DAY = 24 * 60 * 60


def test_a_start_removes_what_is_older_than_a_day(tmp_path):
    root = tmp_path / "root" / "files"
    old, young = abandon(root, "old", DAY + 60), abandon(root, "young", DAY - 600)
    storage, _ = make_storage(tmp_path)
    assert list(storage.list_files()) == []
    assert not old.exists()
    assert young.exists()


def test_a_start_makes_no_directory_for_unfinished_files(tmp_path):
    storage, _ = make_storage(tmp_path)
    assert not storage.exists("a")
    assert os.listdir(storage.root) == []


def test_an_upload_that_goes_on_is_left_alone(tmp_path):
    storage, _ = make_storage(tmp_path)
    with storage.open("a", "wb") as file:
        file.write(b"content")
        file.flush()
        again, _ = make_storage(tmp_path)
        assert list(again.list_files()) == []
        assert again.fs.remove_leftovers() == 0
    assert again.read("a") == b"content"


def test_leftovers_are_removed_by_call(tmp_path):
    storage, _ = make_storage(tmp_path)
    storage.write("keep", b"x")
    abandon(storage.root, "a", 100)
    abandon(Path(storage.root, "below", "deeper"), "b", 100)
    assert list(storage.list_files()) == ["keep"]
    assert storage.fs.remove_leftovers(older_than=1000) == 0
    assert storage.fs.remove_leftovers(older_than=50, everywhere=False) == 1
    assert storage.fs.remove_leftovers(older_than=50) == 1
    assert leftovers(tmp_path) == []
    assert storage.read("keep") == b"x"


def test_a_storage_with_a_prefix_removes_leftovers_too(tmp_path):
    storage, _ = make_storage(tmp_path, PREFIX="some/where")
    storage.write("keep", b"x")
    abandon(storage.backend.store.getsyspath("/"), "a", 100)
    assert storage.backend.remove_leftovers(older_than=0) == 1
    assert leftovers(tmp_path) == []


def test_what_else_lies_there_does_not_stop_a_start(tmp_path):
    strange = abandon(tmp_path / "root" / "files" / ".flask_pyfs" / "directory", "x", 3 * DAY).parent.parent
    os.utime(strange, (0, 0))
    old = abandon(tmp_path / "root" / "files", "old", 3 * DAY)
    storage, _ = make_storage(tmp_path)
    storage.write("a", b"x")
    assert storage.read("a") == b"x"
    assert not old.exists()


def test_leftovers_are_not_looked_for_behind_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious"
    precious.write_bytes(b"x")
    os.utime(precious, (0, 0))
    root = tmp_path / "root" / "files"
    (root / "below").mkdir(parents=True)
    (root / "below" / ".flask_pyfs").symlink_to(outside)
    storage, _ = make_storage(tmp_path)
    storage.fs.remove_leftovers(older_than=0)
    assert precious.exists()


def test_unfinished_files_do_not_go_behind_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious"
    precious.write_bytes(b"x")
    os.utime(precious, (0, 0))
    root = tmp_path / "root" / "files"
    root.mkdir(parents=True)
    (root / ".flask_pyfs").symlink_to(outside)
    storage, _ = make_storage(tmp_path)
    try:
        with storage.open("a", "wb") as file:
            file.write(b"x")
            file.flush()
            assert os.listdir(outside) == ["precious"]
    except FSError:
        # refusing to write is as good
        assert not storage.exists("a")
    assert os.listdir(outside) == ["precious"]
