"""The state of each storage on each app, and which app applies."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

from flask import Flask, current_app, has_app_context

from .backends.base import BaseBackend
from .backends.contract import Operations
from .backends.overrides import methods_of
from .backends.registry import Callee
from .config import Config
from .errors import ConfigurationError
from .names import collapse


class HasConfig(Protocol):
    """An object with the configuration of an app: a Flask app, or the stand-in of a script."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings."""


class StandIn(Flask):
    """An app that serves nothing, for an object that has only a configuration."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(__name__, static_folder=None)
        self.config.update(settings)


class Named(Protocol):
    """The part of a storage that the modules below it use."""

    name: str
    last_state: State | None

    @property
    def config(self) -> Config:
        """The settings."""


class Registry(dict[str, Any]):
    """``app.extensions["fs"]``: the storages of an app by their names, and the state of each."""

    def __init__(self, storages: Mapping[str, Any]) -> None:
        super().__init__(storages)
        self.states: dict[Any, State] = {}
        self.causes: dict[tuple[Any, str], object] = {}
        self.defaults: dict[str, Any] = {}

    def set_default(self, settings: MutableMapping[str, Any], key: str, value: Any) -> None:
        """Set a setting of the app if the app has not, and remember that it has not."""
        if key not in settings:
            settings[key] = self.defaults[key] = value

    def is_default(self, settings: Mapping[str, Any], key: str) -> bool:
        """Return whether a setting of the app still is what :meth:`set_default` set."""
        return key in self.defaults and settings.get(key) is self.defaults[key]

    def is_set(self, settings: Mapping[str, Any], key: str) -> bool:
        """Return whether the app has set a setting; None is none."""
        return settings.get(key) is not None and not self.is_default(settings, key)

    def is_first(self, cause: str, storage: Any = None) -> bool:
        """Return whether this is the first time that something is to be told of the app, or of a storage on it."""
        mark = object()
        return self.causes.setdefault((storage, cause), mark) is mark


_constructed: weakref.WeakValueDictionary[int, Named] = weakref.WeakValueDictionary()


def remember(storage: Named) -> None:
    """Know that a storage was constructed. This does not keep it."""
    _constructed[id(storage)] = storage


def constructed_names() -> set[str]:
    """Return the names of all storages of this process, which need not be configured."""
    # a copy, because another thread may construct one
    return {storage.name for reference in list(_constructed.valuerefs()) if (storage := reference()) is not None}


class Place(NamedTuple):
    """A file in the operating system.

    :param root: the directory of the storage.
    :param below: where the file is below that.
    :param backend: the backend that has it, None if it was written for Flask-FS.
    """

    root: str
    below: str
    backend: BaseBackend | None = None

    @property
    def path(self) -> str:
        """The absolute path."""
        return os.path.join(self.root, self.below)


class State(NamedTuple):
    """The state of one storage on one app.

    :param app: the app.
    :param storage: the storage.
    :param backend_name: the name of the backend.
    :param config: the settings.
    :param backend: an instance of the registered class.
    :param callee: what the storage calls for it.
    :param configured: the state as it was configured, if a part of it was assigned since.
    """

    app: Flask
    storage: Named
    backend_name: str
    config: Config
    backend: Any
    callee: Callee
    configured: State | None = None

    @property
    def operations(self) -> Operations:
        """The object that the storage calls: the backend itself, or an adapter if it, or a part of it, was written for
        Flask-FS.
        """
        callee = self.callee
        if methods_of(callee.kind) != callee.methods or len(callee.attributes) != callee.count:
            callee.renew()
        return callee.operations

    @property
    def root(self) -> str | None:
        """The directory of the operating system that has the files, or None."""
        root: str | None = getattr(self.backend, "root", None)
        return root

    @property
    def kind_of_store(self) -> str:
        """What it is about the store that others cannot use it as it is, for the message of an error."""
        wrapper = self.backend.wrapper if isinstance(self.backend, BaseBackend) else None
        return (wrapper and wrapper.obstacle_to("sendfile")) or f"its backend is {self.backend_name!r}"

    def place_of(self, name: str) -> Place | None:
        """Return where a file is in the operating system, if it is there: at its name, unless the backend says
        otherwise. The file need not exist. Makes no request, unless the backend has several stores.
        """
        own, backend = self.backend, None
        if isinstance(own, BaseBackend) and (backend := own.keeper(name)) is None:
            return None
        root: str | None = getattr(own if backend is None else backend, "root", None)
        if not root:
            return None
        place = None if backend is None else backend.local_path(name)
        if place is None:
            below = collapse(name)
        else:
            below = place[len(root) + 1 :] if place.startswith(f"{root}/") else os.path.relpath(place, root)
        return Place(root, below, backend)

    def is_first(self, cause: str) -> bool:
        """Return whether this is the first time that something is to be told of the storage on its app."""
        return registry_of(self.app).is_first(cause, self.storage)

    def attach(self) -> None:
        """Make this the state of its storage on its app, and the one that applies outside an app context."""
        registry_of(self.app).states[self.storage] = self
        self.storage.last_state = self

    def assign(self, **parts: Any) -> None:
        """Replace the ``backend`` or the ``config`` of the storage on this app, or both, as tests do."""
        changed = self._replace(configured=self.configured or self, **parts)
        if "backend" in parts:
            callee = Callee(changed.backend, self.storage.name, changed.config["prefix"])
            changed = changed._replace(callee=callee)
        self._give_way_to(changed)

    def restore(self, *parts: str) -> None:
        """Take back what was assigned to ``backend`` or ``config``."""
        configured = self.configured or self
        if "backend" in parts:
            parts = (*parts, "callee")
        self._give_way_to(self._replace(**{part: getattr(configured, part) for part in parts}))

    def _give_way_to(self, state: State) -> None:
        registry_of(self.app).states[self.storage] = state
        if self.storage.last_state is self:
            self.storage.last_state = state

    def on(self, backend_name: str, backend: Any) -> State:
        """Return the same state on another backend."""
        callee = Callee(backend, self.storage.name, "")
        return self._replace(backend_name=backend_name, backend=backend, callee=callee, configured=None)


def registry_of(app: Flask) -> Registry:
    """Return the registry of an app, which is made if it is missing."""
    registry = app.extensions.get("fs")
    if not isinstance(registry, Registry):
        # Flask-FS puts a plain dictionary there
        registry = app.extensions["fs"] = Registry(registry or {})
    return registry


def require_registry(app: Flask) -> Registry:
    """Return what an app has configured.

    :raises ConfigurationError: if it has configured nothing.
    """
    registry = app.extensions.get("fs")
    if not isinstance(registry, Registry):
        raise ConfigurationError(f"the app {app.name!r} has no storages: call init_app")
    return registry


def find(storage: Named) -> State:
    """Return the state of a storage on the current app. Outside an app context, the app configured last applies. If
    that is a stand-in, it also applies on apps that have not configured the storage.

    :raises ConfigurationError: if the storage is not configured on that app.
    """
    state = last = storage.last_state
    if has_app_context():
        # every operation comes here, and each attribute of the proxy costs as much as the rest
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        registry = app.extensions.get("fs")
        state = registry.states.get(storage) if isinstance(registry, Registry) else None
        if state is None and last is not None and isinstance(last.app, StandIn):
            state = last
    if state is None:
        where = f" on the app {current_app.name!r}" if has_app_context() else ""
        raise ConfigurationError(
            f"storage {storage.name!r} is not configured{where}: call init_app", storage=storage.name
        )
    return state
