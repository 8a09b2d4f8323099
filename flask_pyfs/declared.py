"""The options of a storage and of an app, and which keys set each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Flask

from .backends.registry import load, options_of
from .common import APP, COMMON, LIVE, OF_SIDES, OF_STORAGE, route_prefix
from .config import Config, lookup, setting_name, sides_of
from .errors import ConfigurationError
from .options import Option
from .origins import Origin, origins_below, origins_of, prefixes_of
from .state import State, registry_of
from .web.urls import ENDPOINT

__all__ = ["OF_THE_APP", "Declared", "all_declared", "backends_of", "declared_options", "route_prefix_of"]

#: The options of an app as a whole. ROOT is that of the storages.
OF_THE_APP = tuple(option for option in APP if option.name != "ROOT")


class Declared(NamedTuple):
    """An option of a storage.

    :param state: the storage.
    :param option: the option.
    :param side: of a storage that has several backends, the KEY that names the one whose option it is.
    """

    state: State
    option: Option
    side: str = ""

    @property
    def names(self) -> list[str]:
        """The KEYs that set it at the storage's own level, without other layers."""
        start = f"{self.side}_" if self.side else ""
        return [start + name for name in (self.option.name, *self.option.aliases)]

    @property
    def name(self) -> str:
        """The first of the names."""
        return self.names[0]

    @property
    def backend_name(self) -> str:
        """The name of the backend whose option it is."""
        return self._configured(self.state)["backend"] if self.side else self.state.backend_name

    @property
    def is_live(self) -> bool:
        """Whether it is looked up each time it is needed."""
        return not self.side and self.option.name in LIVE

    @property
    def value(self) -> Any:
        """The value that applies."""
        return self._current() if self.is_live else self._configured(self.state).get(self.option.name.lower())

    @property
    def origin(self) -> Origin | None:
        """Where the value comes from."""
        if self.is_live:
            return next(self._origins(), None)
        return origins_of(self._configured(self.state.configured or self.state)).get(self.option.name)

    @property
    def keys(self) -> list[str]:
        """The keys that set it now, the first one first."""
        registry, settings = registry_of(self.state.app), self.state.app.config
        return [key for _, key in self._origins() if not registry.is_default(settings, key)]

    def is_default(self, key: str) -> bool:
        """Return whether the app has not set what a key, which sets the option, had when the storage was configured."""
        registry, settings = registry_of(self.state.app), self.state.app.config
        # the app may have set it since, but the storage has not read that
        return registry.is_default(settings, key) or (key in registry.defaults and self.is_changed)

    @property
    def is_changed(self) -> bool:
        """Whether it has another value than when the storage was configured."""
        origin, settings = self.origin, self.state.app.config
        before = self._configured(self.state.configured or self.state).get(self.option.name.lower())
        # what a backend does not declare was not converted
        is_same = origin is not None and bool(settings.get(origin.key) == before)
        if self.is_live or is_same or self._is_of_storage(origin):
            return False
        try:
            return bool(self._current() != before)
        except ConfigurationError:
            return True

    def _is_of_storage(self, origin: Origin | None) -> bool:
        # what the storage has for all its backends is told with it
        whole = origins_of((self.state.configured or self.state).config)
        return bool(self.side) and origin is not None and whole.get(self.option.name) == origin

    def _configured(self, state: State) -> Config:
        return state.config.side(self.side) if self.side else state.config

    def _current(self) -> Any:
        state = self.state
        return lookup(state.app.config, self.option, state.storage.name, self.backend_name, self.side)

    def _origins(self) -> Iterator[Origin]:
        prefixes = prefixes_of(self.state.storage.name, self.backend_name, self.side)
        return origins_below(self.state.app.config, self.option, prefixes)


def declared_options(state: State) -> dict[str, Option]:
    """Return the options of a storage that are declared, for all storages or by its backend, by their names."""
    return {option.name: option for option in (*COMMON, *(options_of(type(state.backend)) or ()))}


def all_declared(state: State) -> Iterator[Declared]:
    """Iterate over the options of a storage, and of its backends if it has several."""
    declared = declared_options(state)
    yield from (Declared(state, option) for option in declared.values())
    # a backend that declares none takes any, and nothing tells which of them are secret
    yield from (Declared(state, Option(name, secret=True)) for name in origins_of(state.config) if name not in declared)
    storage = state.storage.name
    for side, config in sides_of(state.config).items():
        backend = load(config["backend"], storage, setting_name(config, storage, "BACKEND"))
        declared = {option.name: option for option in (*OF_SIDES, *(options_of(backend) or ()))}
        yield from (Declared(state, option, side) for option in declared.values())
        others = origins_of(config).keys() - declared.keys() - OF_STORAGE
        yield from (Declared(state, Option(name, secret=True), side) for name in others)


def backends_of(state: State) -> dict[str, str]:
    """Return the names of the backends that a storage has, if it has several, by the KEYs that name them."""
    return {side: config["backend"] for side, config in sides_of(state.config).items()}


def route_prefix_of(app: Flask) -> str | None:
    """Return the prefix of the route, which only the first ``init_app`` of an app reads."""
    if ENDPOINT not in app.view_functions:
        return route_prefix(app.config)
    return next(app.url_map.iter_rules(ENDPOINT)).rule.partition("/<")[0] or None
