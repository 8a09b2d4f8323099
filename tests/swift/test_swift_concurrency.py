"""Many threads, processes, greenlets and forks on one container, and what is left open or taken by them."""

import gc

import pytest
from underload import StoreUnderLoad

MIB = 1024 * 1024


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
