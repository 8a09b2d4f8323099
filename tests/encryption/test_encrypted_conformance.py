"""The conformance suite over encrypted storages on every backend."""

import pytest
from encrypting import new_key
from places import make_place

from flask_pyfs.testing import StorageConformance

#: The settings of each place besides its keys.
PLACES: dict[str, dict[str, str]] = {
    "memory": {},
    "local": {"PREFIX": "some/where"},
    "pyfs": {},
    "s3-moto": {"PREFIX": "some/where"},
    "gridfs": {},
    "swift": {},
    "s3-swift": {},
}
#: Those that run with --soak only: they are slow, and differ from others in their servers alone.
SLOW = {"s3-swift"}


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        soak = metafunc.config.getoption("--soak")
        kinds = [kind for kind in metafunc.cls.kinds if soak or kind not in SLOW]
        metafunc.parametrize("kind", kinds)


class OnPlaces(StorageConformance):
    kinds: tuple[str, ...]
    # that of the content is known to nobody
    checksums = (None,)

    @pytest.fixture
    def storage(self, app, request, configure_storage, kind):
        self.exclusive_create = not kind.endswith("swift")
        with make_place(kind, request) as place, app.app_context():
            keys = [new_key(), new_key()]
            storage = configure_storage("files", {**place, **PLACES[kind], "ENCRYPTION_KEYS": keys})
            yield storage
            storage.backend.store.close()


class TestHere(OnPlaces):
    kinds = ("memory", "local", "pyfs")

    @pytest.fixture(autouse=True)
    def outlives(self, kind):
        self.outlives_close = kind != "pyfs"


class TestOnServers(OnPlaces):
    kinds = ("s3-moto", "gridfs", "swift", "s3-swift")
    has_directories = False
    pytestmark = pytest.mark.server
