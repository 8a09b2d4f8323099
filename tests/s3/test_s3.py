"""What holds for every storage and every filesystem, on S3."""

import io
import unittest
from typing import Any

import pytest
from buckets import new_bucket, on_swift, open_bucket
from fs.test import FSTestCases
from hypothesis import given
from key_order import FEW, OBJECTS, PREFIXES, check_order
from servers.s3 import S3Endpoint

from flask_pyfs.testing import StorageConformance


class Conformance(StorageConformance):
    has_directories = False

    @pytest.fixture(autouse=True)
    def promises(self, s3_endpoint):
        self.exclusive_create = s3_endpoint.conditional


# each server, and each with and without a prefix or a directory, in as few pairs as that takes


class TestStorage(Conformance):
    pass


@on_swift
class TestStorageWithPrefix(Conformance):
    @pytest.fixture
    def storage(self, app, make_storage):
        storage = make_storage(PREFIX="some/where")
        with app.app_context():
            yield storage


@pytest.mark.server
class TestFilesystem(FSTestCases, unittest.TestCase):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815

    # nearly all other tests of S3 are at the root
    directory = "some/where"
    endpoint: S3Endpoint
    addCleanup: Any  # noqa: N815

    @pytest.fixture(autouse=True)
    def server(self, request):
        # the S3 of Swift needs five times as long
        soak = request.config.getoption("--soak")
        self.endpoint = request.getfixturevalue("swift_endpoint" if soak else "moto_endpoint")

    def make_fs(self):
        bucket = new_bucket(self.endpoint)
        self.addCleanup(bucket.__exit__, None, None, None)
        return open_bucket(self.endpoint, bucket.__enter__(), self.directory)


@pytest.mark.parametrize("read", [lambda file: file.read(), lambda file: file.read1(), lambda file: file.readline()])
def test_a_file_that_is_appended_to_is_not_read(s3, read):
    with s3.open("a", "ab") as file:
        file.write(b"text")
        with pytest.raises(io.UnsupportedOperation):
            read(file)
    assert s3.readbytes("a") == b"text"


@given(names=OBJECTS, prefix=PREFIXES)
@FEW
def test_the_order_is_that_of_keys(storage, names, prefix):
    check_order(storage, names, prefix)


def test_a_listing_tells_what_head_does(s3, make_storage, app):
    storage = make_storage(PART_SIZE=5 * 1024 * 1024)
    with app.app_context():
        storage.write("a.txt", b"content")
        storage.write("large.bin", io.BytesIO(bytes(6 * 1024 * 1024)))
        for name, facts in storage.backend.entries():
            known = storage.backend.facts(name)
            assert (facts.size, facts.modified, facts.etag) == (known.size, known.modified, known.etag)
            # neither whether the entity tag is an MD5, nor the mark of the write
            assert facts.checksum is facts.version is None
            assert known.version
