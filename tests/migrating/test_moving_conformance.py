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


@pytest.mark.parametrize(
    "settings", [{}, {"WRITES": "both"}, {"DIRECTION": "back"}, {"SOURCE_PREFIX": "some/where", "TARGET_PREFIX": "new"}]
)
class TestInMemory(StorageConformance):
    @pytest.fixture
    def storage(self, app, request, settings):
        with moving(app, request, "memory", "memory", **settings) as storage:
            yield storage
