"""fsspec's own tests of filesystems, over storages on every backend."""

import warnings
from typing import Any

import pytest
from places import make_place

import flask_pyfs as fs

with warnings.catch_warnings():
    # of the way in which that module declares its fixtures
    warnings.simplefilter("ignore")
    from fsspec.tests import abstract

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]

# those of several that need each store; all of them take a minute on a server
ON_SERVERS = {
    "test_open_exclusive",
    "test_pipe_exclusive",
    "test_copy_directory_to_existing_directory",
    "test_get_directory_recursive",
    "test_put_directory_recursive",
}

# in these, a directory goes with its last file: on a disk it stays
NOT_ON_DISKS = {
    "test_copy_directory_to_new_directory",
    "test_put_directory_to_new_directory",
    "test_copy_directory_without_files_with_same_name_prefix",
    "test_put_directory_without_files_with_same_name_prefix",
}


def pytest_generate_tests(metafunc):
    name = metafunc.function.__name__
    soak = metafunc.config.getoption("--soak")
    # the glob edge cases are a hundred tests of one rule
    kinds: list[Any] = ["memory"] if name.endswith("glob_edge_cases") and not soak else ["memory", "local"]
    if name in NOT_ON_DISKS:
        kinds = []
    if soak or name in ON_SERVERS | NOT_ON_DISKS:
        kinds = [*kinds, *SERVERS]
    metafunc.parametrize("place", kinds, indirect=True, scope="class")


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


class TestCopy(Fixtures, abstract.AbstractCopyTests):
    pass


class TestGet(Fixtures, abstract.AbstractGetTests):
    pass


class TestPut(Fixtures, abstract.AbstractPutTests):
    pass


class TestOpen(Fixtures, abstract.AbstractOpenTests):
    pass


class TestPipe(Fixtures, abstract.AbstractPipeTests):
    pass
