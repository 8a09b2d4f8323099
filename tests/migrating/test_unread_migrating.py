"""A directory that cannot be read, in either store: its files are not known, so the migration is not complete."""

import os

import fs.errors
import pytest
from two_stores import between, source_of, target_of, write, write_here

from flask_pyfs import PermissionDenied
from flask_pyfs.filesystems.local import listing, trees
from flask_pyfs.filesystems.migrating import copiers
from flask_pyfs.filesystems.migrating.journal import Journal, Phase
from flask_pyfs.migration import finish, finishing, migrate, status, verify

ROOTS = ("source", "target")


pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture
def closed(tmp_path, monkeypatch):
    """The paths of directories that cannot be read."""
    paths, opened = set(), trees.open_directory

    def refuse(path, *arguments):
        if path in paths:
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *arguments)

    monkeypatch.setattr(listing, "open_directory", refuse)
    return paths


@pytest.fixture
def opened(tmp_path):
    """Open a storage between two directories."""
    for root in ROOTS:
        (tmp_path / root).mkdir()
    source, target = ({"BACKEND": "local", "ROOT": str(tmp_path / root)} for root in ROOTS)
    return lambda **settings: between(source, target, **settings)


def path_of(tmp_path, side):
    return os.path.join(os.path.realpath(tmp_path / side), "closed")


def refusals(call, storage):
    """Return the names that failed, and the report."""
    told = []
    report = call(storage, on_event=told.append)
    assert not report.is_complete
    return [event.name for event in told if event.kind == "failed"]


@pytest.mark.parametrize("side", ROOTS)
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_it_is_not_complete_then(opened, closed, tmp_path, side, direction):
    storage = opened(DIRECTION=direction)
    for name in ("a", "closed/b"):
        write(source_of(storage), name)
        if side == "target":
            write_here(storage, name)
    closed.add(path_of(tmp_path, side))
    for call in (verify, migrate, verify, migrate, finish):
        assert refusals(call, storage) == ["closed/"], call
    assert status(storage).to_do
    assert Journal(target_of(storage)).state().phase is Phase.COPYING
    closed.clear()
    assert migrate(storage).is_complete
    assert finish(storage).finished
    content = b"of the app" if side == "target" else b"content"
    assert {name: storage.read(name) for name in storage.list_files()} == {"a": content, "closed/b": content}


@pytest.mark.parametrize("side", ROOTS)
def test_a_migration_with_one_does_not_turn(opened, closed, tmp_path, side):
    storage = opened()
    for name in ("a", "closed/b"):
        write(source_of(storage), name)
    migrate(storage)
    assert finish(storage).finished
    closed.add(path_of(tmp_path, side))
    back = opened(DIRECTION="back")
    with pytest.raises(PermissionDenied, match=rf"the directory 'closed/' of the {side} cannot be read"):
        migrate(back)
    assert Journal(target_of(back)).state().phase is Phase.CLEARING
    closed.clear()
    assert migrate(back).is_complete
    assert Journal(target_of(back)).state().direction == "back"


def test_one_that_cannot_be_read_any_more_stops_the_end(opened, closed, tmp_path, monkeypatch):
    storage = opened()
    write(source_of(storage), "closed/b")
    migrate(storage)
    ended = copiers.wait_for_others

    def wait(*arguments, **options):
        closed.add(path_of(tmp_path, "source"))
        ended(*arguments, **options)

    monkeypatch.setattr(finishing, "wait_for_others", wait)
    with pytest.raises(PermissionDenied, match="the directory 'closed/' of the source"):
        finish(storage)
    assert Journal(target_of(storage)).state().phase is Phase.COPYING


@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("side", ROOTS)
@pytest.mark.parametrize("directory", ["", "dir"])
def test_what_cannot_be_deleted_is_said(opened, closed, tmp_path, side, direction, directory):
    storage = opened(DIRECTION=direction)
    for name in ("dir/a", "dir/closed/b", "dir/z"):
        write(source_of(storage) if side == "source" else target_of(storage), name)
    place = os.path.join(os.path.realpath(tmp_path / side), "dir", "closed")
    closed.add(place)
    with pytest.raises(fs.errors.PermissionDenied, match="dir/closed"):
        storage.fs.removetree(directory or "/")
    closed.clear()
    # the others are gone
    assert list(storage.list_files()) == ["dir/closed/b"]
    storage.fs.removetree(directory or "/")
    assert list(storage.list_files()) == []


@pytest.mark.parametrize("direction", ["forward", "back"])
@pytest.mark.parametrize("side", ROOTS)
def test_listings_of_the_storage_tell_it(opened, closed, tmp_path, side, direction):
    storage = opened(DIRECTION=direction)
    for name in ("a", "closed/b"):
        write(source_of(storage) if side == "source" else target_of(storage), name)
    closed.add(path_of(tmp_path, side))
    told = {}
    assert [name for name, _ in storage.backend.entries(unread=told.setdefault)] == ["a"]
    assert list(told) == ["closed/"]
