"""The filesystems pass the tests that PyFilesystem has for any filesystem."""

import unittest
from tempfile import TemporaryDirectory

import pytest
from fs.memoryfs import MemoryFS
from fs.test import FSTestCases

from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS


class StandardTests(FSTestCases):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815


class TestLocalFS(StandardTests, unittest.TestCase):
    def make_fs(self):
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return LocalFS(directory.name)


@pytest.mark.usefixtures("real_fsync")
class TestDurableLocalFS(StandardTests, unittest.TestCase):
    def make_fs(self):
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return LocalFS(directory.name, mode=0o640, directory_mode=0o750, durable=True, follow_symlinks=True)


class TestMemoryFS(StandardTests, unittest.TestCase):
    def make_fs(self):
        return MemoryFS()


class TestGenericStore(StandardTests, unittest.TestCase):
    def make_fs(self):
        return GenericStore(MemoryFS())
