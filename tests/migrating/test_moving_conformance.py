"""The conformance suite over storages that move from one store to another."""

import pytest
from moving_storages import moving

from flask_pyfs.testing import StorageConformance


class TestFromDiskToS3(StorageConformance):
    has_directories = False

    @pytest.fixture
    def storage(self, app, request):
        with moving(app, request, "local", "s3-moto") as storage:
            yield storage

    pytestmark = pytest.mark.server


class TestBackFromDiskToS3(StorageConformance):
    has_directories = False
    pytestmark = pytest.mark.server

    @pytest.fixture
    def storage(self, app, request):
        with moving(app, request, "s3-moto", "local", DIRECTION="back") as storage:
            yield storage


class TestFromGridFSToSwift(StorageConformance):
    exclusive_create = False
    has_directories = False
    pytestmark = pytest.mark.server

    @pytest.fixture
    def storage(self, app, request):
        with moving(app, request, "gridfs", "swift") as storage:
            yield storage


@pytest.mark.parametrize("settings", [{"SOURCE_PREFIX": "some/where", "TARGET_PREFIX": "new"}, {"DIRECTION": "back"}])
class TestInMemory(StorageConformance):
    @pytest.fixture
    def storage(self, app, request, settings):
        with moving(app, request, "memory", "memory", **settings) as storage:
            yield storage


class TestToBothSidesInMemory(StorageConformance):
    @pytest.fixture
    def storage(self, app, request):
        with moving(app, request, "memory", "memory", WRITES="both") as storage:
            yield storage

    def test_entries(self, storage):
        # the source has what a reader gets; a listing tells the time of the copy, some moments later
        storage.write("a", b"a")
        storage.write("b/c", b"bc")
        storage.write("b.txt", b"b")
        known = {name: storage.metadata(name, checksum=False) for name in storage.list_files()}
        entries = list(storage.entries())
        assert [entry.name for entry in entries] == sorted(known) == ["a", "b.txt", "b/c"]
        for entry in entries:
            assert (entry.size, entry.content_type) == (known[entry.name]["size"], known[entry.name]["mime"])
            assert entry.modified >= known[entry.name]["modified"]
