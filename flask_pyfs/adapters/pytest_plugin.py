"""The fixtures for tests of apps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from ..storage import Storage
from ..testing import memory_storages as in_memory

__all__ = ["memory_storages"]


@pytest.fixture
def memory_storages() -> Iterator[Callable[..., None]]:
    """A function that keeps the files of an app's storages in memory until the test ends, and empty at its start.

    It takes the app, and the storages that are meant; without any, all that are configured on the app. See
    :func:`flask_pyfs.testing.memory_storages`.

    .. code-block:: python

        @pytest.fixture
        def app(memory_storages):
            app = create_app()
            memory_storages(app)
            return app
    """
    with ExitStack() as stack:

        def keep_in_memory(app: Flask, *storages: Storage) -> None:
            stack.enter_context(in_memory(app, *storages))

        yield keep_in_memory
