from contextlib import closing

import pymongo
import pytest
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
