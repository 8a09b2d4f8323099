"""The conformance suite over the backends of this package that need no server of their own."""

import pytest

import flask_pyfs as fs
from flask_pyfs.testing import StorageConformance, memory_storages


def configured(app, **settings):
    storage = fs.Storage("files", fs.ALL)
    app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
    fs.init_app(app, storage)
    return storage


class TestLocal(StorageConformance):
    @pytest.fixture
    def storage(self, app):
        storage = configured(app, BACKEND="local")
        with app.app_context():
            yield storage


class TestLocalPrefix(StorageConformance):
    @pytest.fixture
    def storage(self, app):
        storage = configured(app, BACKEND="local", PREFIX="some/where", DURABLE=True, MODE="0640")
        with app.app_context():
            yield storage


class TestMemory(StorageConformance):
    @pytest.fixture
    def storage(self, app):
        storage = configured(app, BACKEND="memory")
        with app.app_context():
            yield storage


class TestMemoryPrefix(StorageConformance):
    @pytest.fixture
    def storage(self, app):
        storage = configured(app, BACKEND="memory", PREFIX="some/where")
        with app.app_context():
            yield storage


class TestInPlaceOfAStore(StorageConformance):
    @pytest.fixture
    def storage(self, app):
        storage = configured(app, BACKEND="local")
        with memory_storages(app), app.app_context():
            yield storage


@pytest.mark.parametrize("url", ["mem://", "temp://", "osfs://{}/below", "zip://{}/new.zip", "tar://{}/new.tar"])
class TestPyFilesystem(StorageConformance):
    @pytest.fixture
    def storage(self, app, url, tmp_path):
        self.outlives_close = url not in ("mem://", "temp://")
        storage = configured(app, BACKEND="pyfs", OPEN_URL=url.format(tmp_path))
        with app.app_context():
            yield storage
            storage.backend.store.standard.close()
