"""What the target of a migration has under a name: one contract for all stores."""

from io import BytesIO

import pytest
from fs import errors
from places import make_place

from flask_pyfs.filesystems.migrating.choosing import target_of
from flask_pyfs.filesystems.migrating.target import ANYTHING, NO_FILE, NOTHING
from flask_pyfs.filesystems.store import OtherVersion

KINDS = ["memory", "local", "s3-moto", "gridfs", "swift"]


@pytest.fixture(params=[pytest.param(kind, marks=[pytest.mark.server] * (kind not in KINDS[:2])) for kind in KINDS])
def target(request, configure_storage, app):
    with app.app_context(), make_place(request.param, request) as settings:
        yield target_of(configure_storage("files", settings).backend.store)


def write(target, path="a/b.txt", content=b"one", expected=ANYTHING, **options):
    return target.write(path, BytesIO(content), expected, **options)


def content(target, path="a/b.txt"):
    with target.fetch(path)[1] as file:
        return file.read()


def listed(target, prefix=""):
    return [(path, found.is_deleted) for path, found in target.entries(prefix)]


def test_nothing(target):
    assert target.look("a/b.txt") is None
    assert target.fetch("a/b.txt") is None
    assert not target.drop("a/b.txt", "1")
    assert listed(target) == []


def test_own_file(target):
    version = write(target)
    entry = target.look("a/b.txt")
    assert (entry.version, entry.is_deleted, entry.mirrors, entry.facts.size) == (version, False, None, 3)
    found, file = target.fetch("a/b.txt")
    with file:
        assert (found, file.read()) == (entry, b"one")
    assert listed(target) == [("a/b.txt", False)]


def test_mirror(target):
    version = write(target, mirrors="x")
    assert (target.look("a/b.txt").version, target.look("a/b.txt").mirrors) == (version, "x")
    again = write(target, content=b"two", expected=version, mirrors="y")
    assert (target.look("a/b.txt").version, target.look("a/b.txt").mirrors) == (again, "y")
    write(target, content=b"own")
    assert target.look("a/b.txt").mirrors is None


@pytest.mark.parametrize("mirrors", [None, NO_FILE, "x"])
@pytest.mark.parametrize("before", [None, "own", "mirror", "tombstone"])
def test_tombstone(target, before, mirrors):
    if before is not None:
        write(target, mirrors="z" if before == "mirror" else None)
    if before == "tombstone":
        target.bury("a/b.txt", ANYTHING)
    version = target.bury("a/b.txt", ANYTHING, mirrors=mirrors)
    entry = target.look("a/b.txt")
    assert (entry.version, entry.is_deleted, entry.mirrors) == (version, True, mirrors)
    assert target.fetch("a/b.txt") == (entry, None)
    assert listed(target) == [("a/b.txt", True)]
    with pytest.raises(errors.FileExists):
        write(target, expected=NOTHING)
    write(target, content=b"new", expected=version)
    assert content(target) == b"new"
    assert listed(target) == [("a/b.txt", False)]


def test_drop(target):
    version = write(target, mirrors="x")
    assert not target.drop("a/b.txt", "other")
    assert target.drop("a/b.txt", version)
    assert target.look("a/b.txt") is None
    version = target.bury("a/b.txt", NOTHING)
    assert not target.drop("a/b.txt", "other")
    assert target.drop("a/b.txt", version)
    assert target.look("a/b.txt") is None
    assert write(target, expected=NOTHING)


@pytest.mark.parametrize("change", [write, lambda target, **options: target.bury("a/b.txt", options["expected"])])
def test_conditions(target, change):
    with pytest.raises(OtherVersion):
        change(target, expected="1")
    version = write(target)
    for wrong, error in (("1", OtherVersion), (NOTHING, errors.FileExists)):
        with pytest.raises(error):
            change(target, expected=wrong)
    assert target.look("a/b.txt").version == version
    change(target, expected=version)
    with pytest.raises(OtherVersion):
        change(target, expected=version)


def test_open_write(target):
    with target.open_write("a/b.txt", NOTHING) as file:
        file.write(b"one")
        assert target.look("a/b.txt") is None
    assert content(target) == b"one"
    # at once, or when it closes
    with pytest.raises(errors.FileExists):
        target.open_write("a/b.txt", NOTHING).close()
    version = target.look("a/b.txt").version
    with target.open_write("a/b.txt", version) as file:
        file.write(b"two")
    assert content(target) == b"two"
    with pytest.raises(OtherVersion):
        target.open_write("a/b.txt", version).close()
    assert content(target) == b"two"


def test_move(target):
    version = write(target, mirrors="x")
    there = target.bury("c", ANYTHING)
    if target.move("a/b.txt", version, "c", there):
        assert listed(target) == [("a/b.txt", True), ("c", False)]
        assert target.look("c").mirrors is None
        assert content(target, "c") == b"one"
