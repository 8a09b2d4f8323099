"""What holds for every storage and every filesystem, on GridFS."""

import unittest
from contextlib import closing

import pymongo
import pytest
from drivers import on_standalone, one_server
from fs.test import FSTestCases
from hypothesis import given
from key_order import FEW, OBJECTS, PREFIXES, check_order
from servers.mongo import Mongo, empty_database

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


class StandardTests(FSTestCases):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815

    mongo: Mongo

    def make_fs(self):
        with closing(pymongo.MongoClient(self.mongo.url)) as client:
            empty_database(client["standard"])
        return GridFS(self.mongo.url, "standard")


class TestFilesystemOnReplicaSet(StandardTests, unittest.TestCase):
    @pytest.fixture(autouse=True)
    def server(self, mongo_replica):
        self.mongo = mongo_replica


class TestFilesystemStandalone(StandardTests, unittest.TestCase):
    @pytest.fixture(autouse=True)
    def server(self, mongo_standalone):
        self.mongo = mongo_standalone


@one_server
@given(names=OBJECTS, prefix=PREFIXES)
@FEW
def test_the_order_is_that_of_keys(storage, names, prefix):
    check_order(storage, names, prefix)
