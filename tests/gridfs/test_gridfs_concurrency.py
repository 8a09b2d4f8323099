"""Many threads, processes and forks on one bucket, and what is left open or taken by them."""

import gc

import pytest
from drivers import one_server
from underload import ForksAndLeftovers, ManyAtOnce


@pytest.fixture
def settings(mongo, database):
    """The settings of the storage, for another process."""
    return {"BACKEND": "gridfs", "MONGO_URL": mongo.url, "MONGO_DB": database}


@pytest.fixture
def one_winner():
    return True


@pytest.fixture(autouse=True)
def nothing_left(bare, storage):
    yield
    gc.collect()
    files = bare["files.files"].distinct("_id")
    assert set(bare["files.chunks"].distinct("files_id")) <= set(files)
    names = [found["filename"] for found in bare["files.files"].find()]
    assert len(names) == len(set(names))


@one_server
class TestGridFSUnderLoad(ManyAtOnce):
    # the chunks of an old revision are deleted
    outlived = False


@one_server
class TestGridFSClient(ForksAndLeftovers):
    pass
