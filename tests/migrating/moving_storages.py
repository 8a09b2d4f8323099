"""Storages that move from one store to another, on every backend."""

from contextlib import ExitStack, contextmanager

import stepped
from places import make_place

import flask_pyfs as fs


@contextmanager
def moving(app, request, source, target, **settings):
    """Configure a storage that moves between new places of two kinds, as ``make_place`` knows them."""
    with ExitStack() as stack:
        given = {"BACKEND": "migrating"}
        for side, kind in (("SOURCE", source), ("TARGET", target)):
            place = stack.enter_context(make_place(kind, request))
            given[side] = place.pop("BACKEND")
            given |= {f"{side}_{key}": value for key, value in place.items()}
            if kind == "local":
                given[f"{side}_ROOT"] = str(request.getfixturevalue("tmp_path") / side)
        app.config.update({f"FILES_FS_{key}": value for key, value in (given | settings).items()})
        storage = fs.Storage("files", fs.ALL)
        fs.init_app(app, storage)
        stack.enter_context(app.app_context())
        yield storage


def sides(storage):
    """Return the backends of the source and of the target."""
    return storage.backend.source.backend, storage.backend.target.backend


def bring(storage, *names):
    """Copy files of the source to the target, as a copier does."""
    for name in names:
        stepped.bring(storage.backend.store, name)


def settle(storage, *names):
    """Move files of the target back to the source, as a copier does."""
    for name in names:
        stepped.settle(storage.backend.store, name)
