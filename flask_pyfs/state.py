"""What each app configured for each storage, and which app is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Flask, current_app, has_app_context

from .backends.base import BaseBackend
from .backends.flaskfs import OldStyleBackend
from .backends.memory import MemoryBackend
from .config import Config
from .errors import ConfigurationError

__all__ = ["State", "find", "in_memory"]

_EXTENSION = "flask_pyfs"


class Named(Protocol):
    """A storage, as far as it matters here."""

    name: str
    last_state: State | None


@dataclass
class State:
    """What one app configured for one storage.

    :param app: the app.
    :param backend_name: the name of the backend.
    :param config: the settings.
    :param backend: the backend as it was registered.
    :param operations: what the storage calls; the backend itself unless that is of the old style.
    """

    app: Flask
    backend_name: str
    config: Config
    backend: Any
    operations: BaseBackend | OldStyleBackend

    def attach(self, storage: Named) -> None:
        """Make this the state of a storage on the app, and the one that is meant outside any app context."""
        self.app.extensions.setdefault(_EXTENSION, {})[storage] = self
        storage.last_state = self


def find(storage: Named) -> State:
    """Return the state of a storage on the current app; outside an app context, on the app configured last.

    :raises ConfigurationError: where the storage is not configured.
    """
    try:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        state: State | None = app.extensions.get(_EXTENSION, {}).get(storage)
    except RuntimeError:
        # outside any app context
        state = storage.last_state
    if state is None:
        where = f" on the app {current_app.name!r}" if has_app_context() else ""
        raise ConfigurationError(
            f"storage {storage.name!r} is not configured{where}: call init_app", storage=storage.name
        )
    return state


@contextmanager
def in_memory(app: Flask, storages: Iterable[Named]) -> Iterator[None]:
    """Let storages keep their files in memory inside the block, empty at its start."""
    states: dict[Named, State] = app.extensions[_EXTENSION]
    before = {storage: states[storage] for storage in storages}
    for storage, state in before.items():
        backend = MemoryBackend(storage.name, state.config)
        State(app, "memory", state.config, backend, backend).attach(storage)
    try:
        yield
    finally:
        for storage, state in before.items():
            state.attach(storage)
