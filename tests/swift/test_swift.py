"""What holds for every storage and every filesystem, on Swift."""

import unittest

import pytest
from containers import new_container, open_container
from fs.test import FSTestCases
from hypothesis import given
from key_order import FEW, OBJECTS, PREFIXES, check_order

from flask_pyfs.testing import StorageConformance


class TestStorage(StorageConformance):
    has_directories = False
    exclusive_create = False


class TestStorageWithPrefix(TestStorage):
    @pytest.fixture
    def storage(self, app, make_storage):
        storage = make_storage(PREFIX="some/where", SEGMENT_SIZE=1024 * 1024)
        with app.app_context():
            yield storage


class TestFilesystem(FSTestCases, unittest.TestCase):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815

    @pytest.fixture(autouse=True)
    def server(self, swift_place):
        self.place = swift_place

    def make_fs(self):
        container = new_container(self.place)
        self.addCleanup(container.__exit__, None, None, None)
        return open_container(self.place, container.__enter__())


@given(names=OBJECTS, prefix=PREFIXES)
@FEW
def test_the_order_is_that_of_keys(storage, names, prefix):
    check_order(storage, names, prefix)
