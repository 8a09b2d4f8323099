from collections import Counter
from contextlib import closing

import gridfs as driver
import pymongo
import pytest
from bson import Binary
from drivers import FOREIGN, put_by_gridfs
from servers.mongo import empty_database, new_database

from flask_pyfs.filesystems.gridfs import GridFS


@pytest.fixture(scope="session")
def mongo_client(mongo):
    """A bare client."""
    with closing(pymongo.MongoClient(mongo.url, tz_aware=True)) as client:
        yield client


@pytest.fixture
def database(mongo_client, mongo_database):
    """The name of an empty database, whose indexes may be there."""
    empty_database(mongo_client[mongo_database])
    return mongo_database


@pytest.fixture
def new_database_name(mongo):
    """The name of a database that does not exist."""
    with new_database(mongo.url) as name:
        yield name


@pytest.fixture
def bare(mongo_client, database):
    """The database, as the driver has it."""
    return mongo_client[database]


@pytest.fixture
def open_gridfs(mongo, database):
    """Open a bucket of the database as a filesystem, with further parameters of GridFS."""
    opened = []

    def open_gridfs(bucket="files", **parameters):
        opened.append(GridFS(mongo.url, database, bucket, **parameters))
        return opened[-1]

    yield open_gridfs
    for filesystem in opened:
        filesystem.close()


@pytest.fixture
def gridfs(open_gridfs):
    """The bucket of the storage as a filesystem."""
    return open_gridfs()


@pytest.fixture
def make_storage(configure_storage, mongo, database):
    """Configure a storage in the database, with further settings."""

    def make_storage(name="files", **settings):
        settings = {"BACKEND": "gridfs", "MONGO_URL": mongo.url, "MONGO_DB": database, **settings}
        return configure_storage(name, settings)

    return make_storage


@pytest.fixture
def storage(app, make_storage):
    """An empty storage in the database."""
    storage = make_storage()
    with app.app_context():
        yield storage


@pytest.fixture
def with_options(make_storage, mongo):
    """Configure a storage whose URL has further options."""

    def with_options(options, **settings):
        url = f"{mongo.url}{'&' if '?' in mongo.url else '?'}{options}"
        return make_storage(MONGO_URL=url, **settings)

    return with_options


@pytest.fixture
def plain(bare):
    """The bucket as the driver's older class has it."""
    return driver.GridFS(bare, "files")


@pytest.fixture
def foreign(bare):
    """Files that the driver put into the bucket, and no marker of a directory."""
    for name, content in FOREIGN.items():
        put_by_gridfs(bare, name, content)
    return FOREIGN


@pytest.fixture
def names(bare):
    """How many documents each name has."""

    def names():
        return Counter(document.get("filename") for document in bare["files.files"].find())

    return names


@pytest.fixture
def no_orphans(bare):
    """The test leaves no chunks without their file, and no file without its chunks."""
    yield
    expected = {
        (repr(document["_id"]), number)
        for document in bare["files.files"].find({"length": {"$gt": 0}})
        for number in range(-(-int(document["length"]) // int(document["chunkSize"])))
    }
    # some drivers write an empty one that is not needed
    chunks = bare["files.chunks"].find({"data": {"$ne": Binary(b"")}}, {"data": False})
    assert sorted((repr(chunk["files_id"]), chunk["n"]) for chunk in chunks) == sorted(expected)
