"""Two stores as one pass the tests that PyFilesystem has for any filesystem."""

import unittest
from contextlib import ExitStack, closing
from io import BytesIO
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fs.test import FSTestCases
from load import open_storage
from places import make_place
from pymongo import MongoClient
from servers.mongo import empty_database

from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.migrating.target import ANYTHING


class StandardTests(FSTestCases):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815

    addCleanup: Any  # noqa: N815

    def memory(self):
        return GenericStore(MemoryFS())

    def local(self):
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return LocalFS(directory.name)


class TestForward(StandardTests, unittest.TestCase):
    def make_fs(self):
        return MigratingFS(self.memory(), self.local())


@pytest.fixture(scope="module")
def notes(request):
    """The settings of a store that keeps notes beside its files, and its database, which has its indexes."""
    with make_place("gridfs", request) as settings, closing(MongoClient(settings["MONGO_URL"])) as client:
        yield settings, client[settings["MONGO_DB"]]


class TestForwardToNotes(StandardTests, unittest.TestCase):
    pytestmark = pytest.mark.server

    @pytest.fixture(autouse=True)
    def target(self, notes):
        settings, database = notes
        empty_database(database)
        # the filesystem of the test closes it
        self.store = open_storage(settings)[0].backend.store

    def make_fs(self):
        return MigratingFS(self.local(), self.store)


class TestBoth(StandardTests, unittest.TestCase):
    def make_fs(self):
        return MigratingFS(self.local(), self.memory(), writes="both")


class TestBack(StandardTests, unittest.TestCase):
    def make_fs(self):
        return MigratingFS(self.local(), self.memory(), direction="back")


PAIRS = {
    "memory": ("memory", "memory"),
    "local": ("local", "local"),
    "s3-local": ("s3-moto", "local"),
    "local-s3": ("local", "s3-moto"),
}


@pytest.fixture(
    params=[pytest.param(pair, marks=[pytest.mark.server] if "s3" in name else []) for name, pair in PAIRS.items()],
    ids=list(PAIRS),
)
def sides(request, configure_storage, app, tmp_path):
    stores = []
    with app.app_context(), ExitStack() as places:
        for name, kind in zip(("source", "target"), request.param, strict=True):
            settings = places.enter_context(make_place(kind, request))
            local = {"ROOT": str(tmp_path / name)} if kind == "local" else {}
            stores.append(configure_storage(name, {**settings, **local}).backend.store)
        yield stores


def both(sides, **options):
    return MigratingFS(*sides, **options)


def test_a_directory_has_what_both_have(sides):
    source, target = sides
    for store, name in ((source, "one"), (target, "two")):
        store.standard.makedirs("a/made", recreate=True)
        store.standard.makedirs(f"a/{name}-made", recreate=True)
        for path in (f"a/{name}.txt", "a/same.txt", f"a/{name}/x.txt", "a/same/x.txt"):
            store.standard.makedirs(path.rpartition("/")[0], recreate=True)
            store.standard.writebytes(path, name.encode())
    files = both(sides)
    names = ["made", "one", "one-made", "one.txt", "same", "same.txt", "two", "two-made", "two.txt"]
    assert sorted(files.listdir("a")) == names
    assert sorted(info.name for info in files.scandir("a") if info.is_dir) == [
        "made",
        "one",
        "one-made",
        "same",
        "two",
        "two-made",
    ]
    assert files.readtext("a/same.txt") == "two"
    assert files.getsize("a/one.txt") == 3


@pytest.mark.parametrize("options", [{}, {"writes": "both"}, {"direction": "back"}])
def test_a_file_takes_the_place_of_a_directory_that_was_deleted(sides, options):
    source, target = sides
    source.put("a/b/x", BytesIO(b"old"))
    target.put("a/b/y", BytesIO(b"old"))
    target.put("a/z", BytesIO(b"old"))
    files = both(sides, **options)
    files.removetree("a")
    assert not files.exists("a")
    assert files.listdir("/") == []
    files.writetext("a", "new")
    assert files.readtext("a") == "new"
    assert files.listdir("/") == ["a"]


@pytest.mark.parametrize("options", [{}, {"direction": "back"}])
def test_a_tree_that_a_verb_deletes_leaves_no_directory(sides, options):
    source, target = sides
    source.put("a/b/x", BytesIO(b"old"))
    target.put("a/b/y", BytesIO(b"old"))
    files = both(sides, **options)
    files.delete_tree("a")
    assert not files.exists("a")
    assert files.put("a", BytesIO(b"new"))
    assert files.read_file("a") == b"new"


def test_a_directory_stays_when_its_last_file_goes(sides):
    source, _ = sides
    source.put("a/x", BytesIO(b"old"))
    files = both(sides)
    files.remove("a/x")
    assert files.listdir("a") == []
    assert files.isdir("a")
    files.removedir("a")
    assert not files.exists("a")


def test_tombstones_make_no_directory(sides):
    files = both(sides)
    files.entries_of_target.bury("a/b/x", ANYTHING)
    assert not files.exists("a")
    assert files.listdir("/") == []
    files.makedirs("a/b")
    assert files.isempty("a/b")
    files.removedir("a/b")
    assert files.listdir("a") == []


def test_what_a_delete_left_that_crashed_keeps_no_directory(sides):
    source, _ = sides
    source.put("a/x", BytesIO(b"old"))
    files = both(sides)
    files.entries_of_target.bury("a/x", ANYTHING)
    assert files.listdir("a") == []
    files.removedir("a")
    assert not files.exists("a")
    assert not source.standard.exists("a/x")
