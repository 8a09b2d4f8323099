"""What holds for every storage and every filesystem, on GridFS."""

import unittest
from contextlib import closing

import pymongo
import pytest
from drivers import on_standalone, one_server
from fs.test import FSTestCases
from hypothesis import given
from key_order import FEW, OBJECTS, PREFIXES, check_order
from servers.mongo import empty_database, new_database

from flask_pyfs.filesystems.gridfs import GridFS
from flask_pyfs.testing import StorageConformance


class Conformance(StorageConformance):
    has_directories = False


# each server, and each with and without a prefix, in as few pairs as that takes


@one_server
class TestStorage(Conformance):
    pass


@on_standalone
class TestStorageWithPrefix(Conformance):
    @pytest.fixture
    def storage(self, app, make_storage):
        storage = make_storage(PREFIX="some/where", CHUNK_SIZE=1024)
        with app.app_context():
            yield storage


@pytest.fixture(scope="module")
def place(mongo_replica):
    """The URL of a server, and a database there."""
    with new_database(mongo_replica.url) as name:
        yield mongo_replica.url, name


class TestFilesystem(FSTestCases, unittest.TestCase):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815

    place: tuple[str, str]

    @pytest.fixture(autouse=True)
    def server(self, place):
        self.place = place

    def make_fs(self):
        url, database = self.place
        with closing(pymongo.MongoClient(url)) as client:
            empty_database(client[database])
        return GridFS(url, database)


@one_server
@given(names=OBJECTS, prefix=PREFIXES)
@FEW
def test_the_order_is_that_of_keys(storage, names, prefix):
    check_order(storage, names, prefix)
