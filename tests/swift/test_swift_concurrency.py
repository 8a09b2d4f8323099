"""Many threads, processes, greenlets and forks on one container, and what is left open or taken by them."""

import gc
import json
from pathlib import Path

import pytest
from load import run_child
from underload import StoreUnderLoad

GREENLETS = Path(__file__).parent / "child_gevent.py"


@pytest.fixture
def settings(swift_place, container):
    """The settings of the storage, for another process."""
    return {
        "BACKEND": "swift",
        "AUTHURL": swift_place.auth_url,
        "USER": swift_place.user,
        "KEY": swift_place.key,
        "AUTH_VERSION": "1",
        "CONTAINER": container,
    }


@pytest.fixture
def one_winner():
    # Swift looks whether the name is taken before it stores
    return False


class TestSwiftUnderLoad(StoreUnderLoad):
    @pytest.fixture(autouse=True)
    def all_whole(self, storage):
        """What is left of writers who overtook each other can go, and nothing else goes with it."""
        yield
        gc.collect()
        names = list(storage.list_files())
        storage.backend.remove_leftovers(older_than=-60)
        assert storage.backend.remove_leftovers(older_than=-60) == 0
        for name in names:
            assert sum(map(len, storage.read_chunks(name))) == storage.metadata(name)["size"]


def test_greenlets(storage, settings, soak):
    pool = {"POOL_SIZE": 20}
    done = json.loads(run_child("all at once", settings | pool, 30 if soak else 0, timeout=300, script=str(GREENLETS)))
    assert done["read"] > 0
    # the connections that the pool keeps, and one for the token
    assert done["open"] <= 21
