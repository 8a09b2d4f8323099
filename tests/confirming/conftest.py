"""Storages with CONFIRM in stores that take uploads from clients."""

from contextlib import closing

import pytest
import requests
from places import make_place

import flask_pyfs as fs
from flask_pyfs.signals import file_uploaded

# the package of a driver has the name of its directory, which places knows
from containers import bare_connection  # isort: skip


@pytest.fixture
def place(request):
    """The settings of a storage in an empty place, whose store signs uploads: S3, unless the test asks for another."""
    kind = getattr(request, "param", "s3-moto")
    with make_place(kind, request) as settings:
        if kind == "swift":
            settings["TEMP_URL_KEY"] = "the key"
            with closing(bare_connection(request.getfixturevalue("swift_place"))) as connection:
                connection.post_container(settings["CONTAINER"], {"X-Container-Meta-Temp-URL-Key": "the key"})
        yield settings


@pytest.fixture
def configured(app, place):
    """A function that configures a storage with CONFIRM from its extensions and settings."""

    def configured(extensions=fs.ALL, kind=fs.Storage, **settings):
        storage = kind("files", extensions)
        settings = {**place, "CONFIRM": True, **settings}
        app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    with app.app_context():
        yield configured


@pytest.fixture
def announced():
    """The names of which file_uploaded was sent."""
    names = []

    def note(storage, filename):
        names.append(filename)

    with file_uploaded.connected_to(note):
        yield names


@pytest.fixture
def send():
    """A function that sends a file to a store as a client does, and returns the status."""

    def send(upload, content=b"content", **headers):
        headers = {**upload.headers, **headers}
        if upload.method == "PUT":
            return requests.put(upload.url, data=content, headers=headers, timeout=30).status_code
        files = {"file": ("any", content)}
        return requests.post(upload.url, data=upload.fields, files=files, headers=headers, timeout=30).status_code

    return send


@pytest.fixture
def leftovers():
    """A function that returns what is in the directories of uploads, each without its random name."""

    def leftovers(storage):
        above = storage.backend.prefix and f"{storage.backend.prefix}/"
        found = storage.backend.store.iter_facts(f"{above}.flask_pyfs/")
        return [path.removeprefix(f"{above}.flask_pyfs/uploads/").partition("/")[2] for path, _ in found]

    return leftovers
