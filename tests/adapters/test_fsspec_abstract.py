"""fsspec's own tests of filesystems, over storages on every backend."""

import warnings

import pytest
from places import make_place

import flask_pyfs as fs

with warnings.catch_warnings():
    # of the way in which that module declares its fixtures
    warnings.simplefilter("ignore")
    from fsspec.tests import abstract

SERVERS = ["s3-moto", "gridfs", "swift"]


@pytest.fixture(scope="class")
def place(request):
    """The settings of a storage in a place that the tests of a class share, each in a directory of its own."""
    with make_place(request.param, request) as settings:
        yield settings


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, app, place):
        storage = fs.Storage("files", fs.ALL)
        app.config.update({f"FILES_FS_{key}": value for key, value in place.items()})
        fs.init_app(app, storage)
        with app.app_context():
            return storage.fsspec

    @pytest.fixture
    def fs_path(self, request):
        return f"tests/{abs(hash(request.node.name))}"

    @pytest.fixture
    def supports_empty_directories(self):
        return False


on_all = pytest.mark.parametrize("place", ["memory", "local"], indirect=True)
on_servers = pytest.mark.parametrize(
    "place", [pytest.param(kind, marks=pytest.mark.server) for kind in SERVERS], indirect=True
)


@on_all
class TestCopy(Fixtures, abstract.AbstractCopyTests):
    pass


@on_all
class TestGet(Fixtures, abstract.AbstractGetTests):
    pass


@on_all
class TestPut(Fixtures, abstract.AbstractPutTests):
    pass


@on_all
class TestOpen(Fixtures, abstract.AbstractOpenTests):
    pass


@on_all
class TestPipe(Fixtures, abstract.AbstractPipeTests):
    pass


@on_servers
class TestOnServers(
    Fixtures,
    abstract.AbstractCopyTests,
    abstract.AbstractGetTests,
    abstract.AbstractPutTests,
    abstract.AbstractOpenTests,
    abstract.AbstractPipeTests,
):
    # a hundred tests of one rule, which needs no server
    test_copy_glob_edge_cases = test_get_glob_edge_cases = test_put_glob_edge_cases = None
