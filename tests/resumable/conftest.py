"""Uploads on storages of every kind."""

import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from opened import open_files
from places import make_place

from flask_pyfs.resumable import upload
from flask_pyfs.resumable.upload import Upload

# what runs operations step by step
sys.path += [str(Path(__file__).parents[1] / "migrating")]
# packages of the drivers have the names of the other directories
sys.path.append(str(Path(__file__).parents[1] / "swift"))


@pytest.fixture
def open_storage(request, tmp_path):
    """A function that opens the storage ``files`` in a store of some kind, within its app."""
    with ExitStack() as stack:

        def open_storage(kind="memory", **options):
            settings = stack.enter_context(make_place(kind, request))
            app, storage = open_files(settings, tmp_path, **options)
            stack.enter_context(app.test_request_context())
            return storage

        yield open_storage


@pytest.fixture
def storage(open_storage):
    return open_storage()


@pytest.fixture
def restless(monkeypatch):
    """Who has failed to finish an upload may try again at once."""
    monkeypatch.setattr(upload, "REST", 0)


@pytest.fixture
def begin():
    """A function that begins an upload."""

    def begin(storage, filename="a.bin", *, length=None, original_name=None, **terms):
        url = storage.resumable_url(filename, expires=60, **terms).url
        return Upload.begin(url.rpartition("/")[2], length=length, original_name=original_name)

    return begin


@pytest.fixture
def swift_storage(open_storage):
    """A storage in Swift, whose pieces are short."""
    # without its driver, the tests of others run
    from swift_pieces import small_pieces

    storage = open_storage("swift", PREFIX="in/side")
    small_pieces(storage.backend.store)
    return storage


@pytest.fixture
def bucket(swift_storage, swift_place):
    """What Swift itself says of its container."""
    from swift_pieces import Bucket

    bucket = Bucket(swift_place, swift_storage.backend.config["container"])
    with closing(bucket.connection):
        yield bucket
