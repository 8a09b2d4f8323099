"""The conformance suite over storages that move from one store to another."""

import pytest
from moving_storages import moving

from flask_pyfs.testing import StorageConformance

#: Source, target and settings.
MOVES = {
    "local-s3": ("local", "s3-moto", {}),
    "s3-local-back": ("s3-moto", "local", {"DIRECTION": "back"}),
    "gridfs-swift": ("gridfs", "swift", {}),
}
#: Those that run without --soak.
QUICK_MOVES = ["local-s3"]


def pytest_generate_tests(metafunc):
    if "move" in metafunc.fixturenames:
        metafunc.parametrize("move", MOVES if metafunc.config.getoption("--soak") else QUICK_MOVES)


class TestOnServers(StorageConformance):
    has_directories = False
    pytestmark = pytest.mark.server

    @pytest.fixture
    def storage(self, app, request, move):
        source, target, settings = MOVES[move]
        self.exclusive_create = target != "swift"
        with moving(app, request, source, target, **settings) as storage:
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
