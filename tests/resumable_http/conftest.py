import pytest

import flask_pyfs as fs


@pytest.fixture
def storage(app):
    storage = fs.Storage("files", ["txt", "png"])
    app.config.update(FILES_FS_BACKEND="memory", FILES_FS_MAX_SIZE=100_000)
    fs.init_app(app, storage)
    return storage


@pytest.fixture
def begin_at(app, storage):
    """A function that returns the URL where one upload begins."""

    def begin_at(name="a.txt", **terms):
        with app.test_request_context():
            return storage.resumable_url(name, **{"expires": 60, "unique": False, **terms}).url

    return begin_at


@pytest.fixture
def read(app, storage):
    """A function that returns the content of each file of the storage."""

    def read():
        with app.app_context():
            return {name: storage.read(name) for name in storage.list_files()}

    return read
