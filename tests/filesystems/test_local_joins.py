"""Files of a disk that are joined: what is left of one that fails, and what a new file is like."""

import io
import os
import stat

import pytest
from fs import errors

from flask_pyfs.filesystems.local.filesystem import LocalFS
from flask_pyfs.names import Reserved

PATHS = [Reserved(f".flask_pyfs/uploads/x/{number}") for number in range(3)]
OPTIONS = [{}, {"durable": True}, {"mode": 0o640}]


@pytest.fixture(params=OPTIONS, ids=str)
def local(request, tmp_path):
    local = LocalFS(str(tmp_path), **request.param)
    for number, path in enumerate(PATHS):
        local.put(path, io.BytesIO(bytes([number]) * 300_000))
    return local


def unfinished(tmp_path):
    return [path for path in (tmp_path / ".flask_pyfs").iterdir() if path.is_file()]


@pytest.mark.parametrize("overwrite", [True, False])
def test_nothing_is_left_of_a_join_that_fails(local, tmp_path, overwrite):
    local.delete_tree(PATHS[2])
    if overwrite:
        local.put("a.bin", io.BytesIO(b"before"))
    with pytest.raises(errors.ResourceNotFound):
        local.join_files(PATHS, "a.bin", overwrite=overwrite)
    with pytest.raises(errors.FileExpected):
        local.join_files([PATHS[0], Reserved(".flask_pyfs/uploads/x")], "a.bin", overwrite=overwrite)
    assert unfinished(tmp_path) == []
    assert local.has_file("a.bin") is overwrite
    assert not overwrite or local.read_file("a.bin") == b"before"


def test_a_joined_file_is_like_one_that_is_put(local, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    local.put("deep/b.bin", io.BytesIO(b"x"), overwrite=False)
    by_put = len(synced)
    local.join_files(PATHS, "dark/a.bin", overwrite=False)
    assert len(synced) == 2 * by_put
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("deep/b.bin", "dark/a.bin")]
    assert modes[0] == modes[1]
    assert local.facts("dark/a.bin").size == 900_000


def test_a_name_that_is_taken_is_refused_before_anything_is_copied(local, monkeypatch):
    local.put("a.bin", io.BytesIO(b"theirs"))
    monkeypatch.setattr("flask_pyfs.filesystems.local.filesystem.copy_all", None)
    with pytest.raises(errors.FileExists):
        local.join_files(PATHS, "a.bin", overwrite=False)
    assert local.read_file("a.bin") == b"theirs"


def test_what_is_below_a_reserved_path_is_listed_to_who_means_it(local):
    assert [path for path, _ in local.iter_facts(Reserved(".flask_pyfs/uploads/x/"))] == PATHS
    assert sorted(path for path, _ in local.iter_level(Reserved(".flask_pyfs/uploads/x"))) == PATHS
    assert sorted(local.iter_files(Reserved(".flask_pyfs/"))) == PATHS
    for listing in (local.iter_facts, local.iter_files, local.iter_level):
        with pytest.raises(errors.InvalidPath):
            list(listing(".flask_pyfs/uploads/"))
