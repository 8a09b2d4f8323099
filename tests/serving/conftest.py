"""Storages on every backend, with the same files, and Flask's own answers for those files."""

import os
import struct
import sys
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import flask
import pytest
from flask.testing import FlaskClient
from places import make_place
from servers.faults import FaultProxy
from servers.s3 import s3_from_environment

import flask_pyfs as fs

# packages of the drivers have the names of these directories
sys.path += [str(Path(__file__).parents[1] / name) for name in ("gridfs", "s3", "swift")]

from containers import bare_connection
from counting_commands import commands

# where only the driver or this package decides, one S3 stands for all
S3 = ["s3-other"] if s3_from_environment() else ["s3-moto"]
ALL_S3 = S3 if s3_from_environment() else ["s3-swift", *S3]
STORES = [*S3, "gridfs", "swift"]


def on_servers(kinds):
    return [pytest.param(kind, marks=pytest.mark.server) for kind in kinds]


MIB = 1024 * 1024
FILES = {
    "empty.txt": b"",
    "small.txt": b"0123456789abcdefghij",
    "pictures/small.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "large.mp4": struct.pack(f">{3 * MIB // 4}I", *range(3 * MIB // 4)),
    "été à la plage/Größe 日本.unknown": b"\x00\xff" * 50 + b"end",
}


@dataclass
class Served:
    """A storage with files, in a store of some kind.

    :ivar client: asks the app of the storage; ``reference`` asks one that sends the same files with Flask's own means.
    :ivar count: collects what is sent to the store in a block, for the stores that are reached over a network.
    """

    kind: str
    storage: fs.Storage
    client: FlaskClient
    reference: FlaskClient
    files: dict[str, bytes] = field(default_factory=FILES.copy)
    count: object = None
    _known: dict = field(default_factory=dict)

    def url(self, name):
        return f"/{self.storage.name}/{quote(name)}"

    def known(self, name):
        """Return the headers that a file has."""
        return self._headers(self.client, name)

    def known_of_reference(self, name):
        return self._headers(self.reference, name)

    def _headers(self, client, name):
        if (client, name) not in self._known:
            with client.head(self.url(name)) as response:
                self._known[client, name] = response.headers
        return self._known[client, name]


def app_with(storage, directory, settings):
    app = flask.Flask("served", instance_path=str(directory / "instance"))
    app.config.update(FS_ROOT=str(directory / "root"), FS_SERVE=True, SECRET_KEY="secret")
    app.config.update({f"{storage.name.upper()}_FS_{key}": value for key, value in settings.items()})
    fs.init_app(app, storage)
    return app


def sending_by_flask(directory):
    app = flask.Flask("reference")

    @app.get("/files/<path:filename>")
    def send(filename):
        return flask.send_from_directory(directory, filename, conditional=True)

    return app


def put_files(storage, directory):
    """Write the files into the storage and into the directory, with the times that the storage has for them."""
    for name, content in FILES.items():
        storage.write(name, content)
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        modified = storage.metadata(name)["modified"].timestamp()
        os.utime(path, (modified, modified))


@pytest.fixture
def place_on(request):
    """Make a place of a kind for files; the block has the settings of a storage there."""
    return lambda kind: make_place(kind, request)


@pytest.fixture(params=["local", "memory", "pyfs", *on_servers(STORES)])
def each_place(request):
    """The settings of a storage in an empty place of each kind in turn; all stores sign URLs that can."""
    with make_place(request.param, request) as settings:
        if request.param == "swift":
            settings["TEMP_URL_KEY"] = "the key"
            with closing(bare_connection(request.getfixturevalue("swift_place"))) as connection:
                connection.post_container(settings["CONTAINER"], {"X-Container-Meta-Temp-URL-Key": "the key"})
        yield settings


@contextmanager
def serving(kind, request, directory):
    """Serve the files from a place of the kind."""
    with make_place(kind, request) as settings:
        storage = fs.Storage("files", fs.ALL)
        app = app_with(storage, directory, settings)
        with app.app_context():
            put_files(storage, directory / "reference")
        reference = sending_by_flask(directory / "reference").test_client()
        yield settings, Served(kind, storage, app.test_client(), reference)
        if kind == "pyfs":
            with app.app_context():
                storage.backend.store.standard.close()


def pytest_generate_tests(metafunc):
    if "serving_from" in metafunc.fixturenames:
        # what this package makes of S3 does not depend on the server
        s3 = ALL_S3 if metafunc.config.getoption("--soak") else S3
        kinds = ["local", "memory", "pyfs", *on_servers([*s3, "gridfs", "swift"])]
        metafunc.parametrize("serving_from", kinds, scope="module")


@pytest.fixture(scope="module")
def served(request, serving_from, tmp_path_factory):
    """The files on each backend in turn."""
    with serving(serving_from, request, tmp_path_factory.mktemp("served")) as (_, served):
        yield served


@pytest.fixture(scope="module", params=on_servers(STORES))
def counted(request, tmp_path_factory):
    """The files in each store that is reached over a network, whose requests are counted."""
    directory = tmp_path_factory.mktemp("counted")
    with serving(request.param, request, directory) as (settings, served), ExitStack() as stack:
        if request.param == "gridfs":
            yield replace(served, count=commands)
            return
        key = "AUTHURL" if request.param == "swift" else "ENDPOINT"
        address = urlsplit(settings[key])
        proxy = stack.enter_context(FaultProxy(address.hostname, address.port))
        storage = fs.Storage("files", fs.ALL)
        app = app_with(storage, directory, {**settings, key: proxy.url + address.path})

        @contextmanager
        def requests():
            proxy.reset()
            yield proxy.requests

        served = replace(served, storage=storage, client=app.test_client(), count=requests)
        # there is a token, and a connection
        served.known("small.txt")
        yield served
