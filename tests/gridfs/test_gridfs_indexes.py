"""The first write waits for the index that lets one of several writers create a file."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pymongo
import pytest
from drivers import put_by_gridfs
from fs import errors
from servers.mongo import mongod, new_database

from flask_pyfs.errors import StoreMisconfigured
from flask_pyfs.filesystems.gridfs import GridFS

pytestmark = pytest.mark.server

INDEX = [("filename", 1), ("exclusive", 1)]
PARTIAL = {"exclusive": True}


@pytest.fixture(scope="module", params=[True, False], ids=["replica", "standalone"])
def server(request, tmp_path_factory):
    options = ["--setParameter", "enableTestCommands=1"]
    with mongod(tmp_path_factory.mktemp("indexes"), replica=request.param, options=options) as mongo:
        yield mongo


@pytest.fixture
def database(server):
    """A database in which a name has two revisions, so that an index takes its time."""
    with new_database(server.url) as name, closing(pymongo.MongoClient(server.url)) as client:
        for _ in range(2):
            put_by_gridfs(client[name], "twice", b"content")
        yield client[name]


@contextmanager
def held(database, point):
    """The server stops at a point of building an index, until the block ends."""
    admin = database.client.admin
    entered = admin.command("configureFailPoint", point, mode="alwaysOn")["count"]
    try:
        yield lambda: admin.command({"waitForFailPoint": point, "timesEntered": entered + 1, "maxTimeMS": 30_000})
    finally:
        admin.command("configureFailPoint", point, mode="off")


POINTS = [
    "hangAfterSettingUpIndexBuild",
    "hangAfterStartingIndexBuild",
    "hangAfterIndexBuildFirstDrain",
    "hangIndexBuildBeforeCommit",
]


@pytest.mark.parametrize("point", POINTS)
def test_the_second_writer_waits_for_an_index_that_is_being_built(server, database, point):
    stores = [GridFS(server.url, database.name, "files") for _ in range(3)]
    ended = threading.Semaphore(0)

    def put(number):
        try:
            return stores[number].put("new", io.BytesIO(str(number).encode()), overwrite=False)
        except errors.FileExists:
            return None
        finally:
            ended.release()

    with ThreadPoolExecutor(3) as threads:
        with held(database, point) as reached:
            first = threads.submit(put, 0)
            reached()
            others = [threads.submit(put, number) for number in (1, 2)]
            wait_for_writers(database, 3)
            # nobody has written while there is no index
            assert not ended.acquire(blocking=False)
            assert database["files.files"].count_documents({"filename": "new"}) == 0
        results = [future.result(60) for future in (first, *others)]
    assert len([result for result in results if result]) == 1
    assert database["files.files"].count_documents({"filename": "new"}) == 1


def wait_for_writers(database, count):
    """Wait until so many clients wait for indexes."""
    query = [{"$currentOp": {"allUsers": True}}, {"$match": {"command.createIndexes": "files.files"}}]
    while len([found for found in database.client.admin.aggregate(query) if found.get("type") == "op"]) < count:
        pass


def test_an_index_of_the_same_fields_that_is_not_unique(server, database):
    database["files.files"].create_index(INDEX, partialFilterExpression=PARTIAL)
    with closing(GridFS(server.url, database.name, "files")) as store:
        with pytest.raises(StoreMisconfigured):
            store.put("new", io.BytesIO(b"content"), overwrite=False)
        assert store.listdir("/") == ["twice"]


def test_an_index_of_another_name(server, database):
    database["files.files"].create_index(INDEX, unique=True, partialFilterExpression=PARTIAL, name="of ours")
    with closing(GridFS(server.url, database.name, "files")) as store:
        store.put("new", io.BytesIO(b"content"), overwrite=False)
        with pytest.raises(errors.FileExists):
            store.put("new", io.BytesIO(b"content"), overwrite=False)
