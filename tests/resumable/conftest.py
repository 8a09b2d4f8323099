"""Uploads on storages of every kind."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from opened import open_files
from places import make_place

from flask_pyfs.resumable import upload
from flask_pyfs.resumable.upload import Upload

# what runs operations step by step
sys.path += [str(Path(__file__).parents[1] / "migrating")]


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
