"""Storages in memory for the tests of apps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from ..backends.memory import MemoryBackend
from ..state import find, require_registry
from ..storage import Storage

__all__ = ["memory_storages"]


@contextmanager
def memory_storages(app: Flask, *storages: Storage) -> Iterator[None]:
    """Keep the files of an app's storages in memory for the block. The storages are empty at its start.

    Extensions, URLs and all other settings are unchanged.

    >>> import flask_pyfs as fs
    >>> avatars = fs.Storage("avatars", fs.IMAGES)
    >>> app = Flask("app")
    >>> fs.init_app(app, avatars)
    >>> with memory_storages(app), app.app_context():
    ...     avatars.write("ann.png", b"content")
    ...     list(avatars.list_files())
    'ann.png'
    ['ann.png']

    :param app: the app.
    :param storages: the storages to keep in memory; without any, all that are configured on the app.
    """
    with app.app_context():
        before = [find(storage) for storage in storages or tuple(require_registry(app).values())]
    for state in before:
        state.on("memory", MemoryBackend(state.storage.name, state.config)).attach()
    try:
        yield
    finally:
        for state in before:
            state.attach()
