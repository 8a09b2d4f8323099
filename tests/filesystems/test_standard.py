"""The filesystems pass the tests that PyFilesystem has for any filesystem."""

import io
import unittest
from tempfile import TemporaryDirectory

import pytest
from fs.test import FSTestCases

from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS


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


def test_a_file_in_memory_that_is_read_is_not_changed():
    filesystem = MemoryFS()
    filesystem.writebytes("file.txt", b"content")
    with filesystem.openbin("file.txt") as file:
        for change in (lambda: file.truncate(3), lambda: file.writelines([b"other"])):
            with pytest.raises(io.UnsupportedOperation):
                change()
    assert filesystem.readbytes("file.txt") == b"content"
    with filesystem.openbin("file.txt", "r+") as file:
        file.truncate(3)
    assert filesystem.readtext("file.txt") == "con"
