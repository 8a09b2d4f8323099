"""Directories and files that the process may not read."""

import logging
import os

import pytest
from robust import make_storage, run_script

from flask_pyfs.filesystems.local import listing, trees


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_what_another_user_owns(tmp_path):
    # the directories of pytest are those of one user
    for above in (*tmp_path.parents,):
        if above.name.startswith("pytest-") or above.name.startswith("popen-"):
            os.chmod(above, 0o755)
    assert run_script("child_unreadable.py", tmp_path) == "checked\n"


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """A storage whose directory ``lost+found`` cannot be read."""
    storage, _ = make_storage(tmp_path)
    storage.write("a", b"x")
    storage.write("lost+found/b", b"x")
    opened = trees.open_directory

    def refuse(path, *arguments):
        if path.endswith("lost+found"):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *arguments)

    monkeypatch.setattr(listing, "open_directory", refuse)
    monkeypatch.setattr(listing, "_logged", set())
    return storage


def test_a_directory_that_cannot_be_read_is_left_out_and_logged_once(storage, caplog):
    for _ in range(3):
        assert list(storage.list_files()) == ["a"]
        assert [entry.name for entry in storage.entries()] == ["a"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "lost+found" in record.getMessage()


def test_not_more_than_so_many_are_logged(storage, caplog, monkeypatch):
    monkeypatch.setattr(listing, "_MOST_LOGGED", 0)
    assert list(storage.list_files()) == ["a"]
    assert caplog.records == []
