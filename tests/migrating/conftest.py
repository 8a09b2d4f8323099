"""Stores that can be the target of a migration, and migrations that wait less."""

import pytest
from load import open_storage
from moving_storages import moving
from places import make_place
from two_stores import between, in_memory

from flask_pyfs.filesystems.migrating import copiers

KINDS = ["memory", "local", *(pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift"))]


@pytest.fixture
def hasty(hasty, monkeypatch):
    """Ends and turns of migrations that wait less, also for copiers that were killed."""
    monkeypatch.setattr(copiers, "RENEWAL", 0.02)
    monkeypatch.setattr(copiers, "EXPIRY", 0.5)


@pytest.fixture(params=KINDS)
def kind(request):
    """Each kind of target."""
    return request.param


@pytest.fixture
def place(kind, request, tmp_path):
    """The settings of a new place of that kind."""
    with make_place(kind, request) as settings:
        yield settings | ({"ROOT": str(tmp_path)} if kind == "local" else {})


@pytest.fixture
def target(place):
    """A store there."""
    return open_storage(place)[0].backend.store


@pytest.fixture
def storage(place):
    """A storage that moves there from memory."""
    return in_memory() if place == {"BACKEND": "memory"} else between({"BACKEND": "memory"}, place)


@pytest.fixture
def make(app, request):
    """A function that configures a storage that moves."""
    opened = []

    def make(source, target, **settings):
        opened.append(moving(app, request, source, target, **settings))
        return opened[-1].__enter__()

    yield make
    for each in reversed(opened):
        each.__exit__(None, None, None)
