"""Encrypted stores pass the tests that PyFilesystem has for any filesystem."""

import unittest
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from encrypting import encrypted
from fs.test import FSTestCases
from places import make_place

from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS


class StandardTests(FSTestCases):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815

    addCleanup: Any  # noqa: N815


class TestInMemory(StandardTests, unittest.TestCase):
    def make_fs(self):
        return encrypted(GenericStore(MemoryFS()))


class TestOnADisk(StandardTests, unittest.TestCase):
    def make_fs(self):
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return encrypted(LocalFS(directory.name))


class OnServer(StandardTests):
    pytestmark = pytest.mark.server
    place: str

    @pytest.fixture(autouse=True)
    def made(self, request, app, configure_storage):
        with app.app_context(), make_place(self.place, request) as settings:
            self.store = configure_storage("files", settings).backend.store
            yield

    def make_fs(self):
        return encrypted(self.store)


class TestS3(OnServer, unittest.TestCase):
    place = "s3-moto"


class TestGridFS(OnServer, unittest.TestCase):
    place = "gridfs"


class TestSwift(OnServer, unittest.TestCase):
    place = "swift"
    # it takes as long as all others together
    soaks = True
