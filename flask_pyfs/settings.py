"""Tells which settings the storages of an app have, where each comes from, and which are set and reach nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from flask import Flask

from .backends.base import BaseBackend
from .backends.registry import all_options, options_of
from .config import APP, COMMON, LIVE, lookup, route_prefix
from .errors import ConfigurationError
from .extension import misspelt_settings
from .keys import backend_key, storage_prefixes
from .misspelt import closest, splits
from .options import Option
from .origins import Origin, origins, origins_of
from .peers import SETTINGS, WITHOUT_EFFECT
from .state import State, find, registry_of
from .storage import Storage
from .values import converted, disclosed
from .web.urls import ENDPOINT

__all__ = ["DEFAULT", "Setting", "Unread", "declared_options", "settings_of", "settings_of_app", "unread_settings"]

#: The layer of a value that nothing sets.
DEFAULT = 4

# ROOT is that of the storages
_OF_THE_APP = tuple(option for option in APP if option.name != "ROOT")


_name = attrgetter("name")


class Setting(NamedTuple):
    """A setting, as it applies.

    :param storage: the name of the storage, or None for a setting of the app as a whole.
    :param name: the KEY, without a prefix.
    :param value: the value, without what is secret.
    :param layer: 1 the storage's, 2 the backend's, 3 the app's, 4 the default.
    :param key: the name by which the value is set in the configuration of the app, or None.
    :param shadowed: the keys that set it as well, and that do not count because of ``key``.
    """

    storage: str | None
    name: str
    value: Any
    layer: int
    key: str | None
    shadowed: tuple[str, ...] = ()


class Unread(NamedTuple):
    """A setting that is set, and reaches no storage.

    :param key: its name in the configuration of the app. A misspelt name does not tell whether the value is secret.
    :param reason: why, in a sentence.
    :param storage: the name of the storage whose setting it would be, or None.
    """

    key: str
    reason: str
    storage: str | None


def settings_of(storage: Storage) -> Iterator[Setting]:
    """Iterate over the settings of a storage on the current app, by their names. Makes no request to a store.

    What a setting that is not set amounts to is its value: the URL of the app's route, the bucket that has the name of
    the storage.

    :raises ConfigurationError: if the storage is not configured.
    """
    state = find(storage)
    derived: dict[str, Any] = {"URL": storage.base_url, "SERVE": storage.is_served, "VERIFY": storage.verifies}
    if isinstance(state.backend, BaseBackend):
        derived.update(state.backend.derived_settings())
    for option in sorted(_options_of(state), key=_name):
        yield _setting(state, option, derived[option.name] if option.name in derived else _value(state, option))


def settings_of_app(app: Flask) -> Iterator[Setting]:
    """Iterate over the settings of an app as a whole, by their names."""
    registry = registry_of(app)
    for option in sorted(_OF_THE_APP, key=_name):
        key, value = f"FS_{option.name}", app.config.get(f"FS_{option.name}")
        is_set = registry.is_set(app.config, key)
        applies = option.default if value is None else converted(option, key, value, None)
        if option.name == "PREFIX":
            applies = _route_prefix(app)
            is_set = applies is not None
        yield Setting(None, option.name, disclosed(option, applies), 3 if is_set else DEFAULT, key if is_set else None)


def _route_prefix(app: Flask) -> str | None:
    """Return the prefix of the route, which only the first ``init_app`` of an app reads."""
    if ENDPOINT not in app.view_functions:
        return route_prefix(app.config)
    return next(app.url_map.iter_rules(ENDPOINT)).rule.partition("/<")[0] or None


def unread_settings(app: Flask) -> Iterator[Unread]:
    """Iterate over the settings of an app that are set and reach no storage. Makes no request to a store.

    An app may have keys of its own, so a key is told only if its name is that of a setting, or close to one.
    """
    return _Reach(app).unread()


def declared_options(state: State) -> dict[str, Option]:
    """Return the options of a storage that are declared, for all storages or by its backend, by their names."""
    return {option.name: option for option in (*COMMON, *(options_of(type(state.backend)) or ()))}


def _options_of(state: State) -> Iterator[Option]:
    declared = declared_options(state)
    yield from declared.values()
    # a backend that declares none takes any, and nothing tells which of them are secret
    yield from (Option(name, secret=True) for name in origins_of(state.config) if name not in declared)


def _value(state: State, option: Option) -> Any:
    if option.name in LIVE:
        return lookup(state.app.config, option, state.storage.name, state.backend_name)
    return state.config.get(option.name.lower())


def _origin(state: State, option: Option) -> Origin | None:
    if option.name in LIVE:
        return next(origins(state.app.config, option, state.storage.name, state.backend_name), None)
    return origins_of((state.configured or state).config).get(option.name)


def _keys(state: State, option: Option) -> list[str]:
    """Return the keys that set an option now, the first one first."""
    registry, settings = registry_of(state.app), state.app.config
    found = origins(settings, option, state.storage.name, state.backend_name)
    return [key for _, key in found if not registry.is_default(settings, key)]


def _setting(state: State, option: Option, value: Any) -> Setting:
    registry, settings = registry_of(state.app), state.app.config
    origin = _origin(state, option)
    if option.name == "SERVE" and origin is None:
        layer, key = (3, "FS_SERVE") if registry.is_set(settings, "FS_SERVE") else (DEFAULT, None)
    elif origin is None or _is_default(state, option, origin.key):
        layer, key = DEFAULT, None
    else:
        layer, key = origin
    shadowed = tuple(other for other in _keys(state, option) if other != key) if key else ()
    return Setting(state.storage.name, option.name, disclosed(option, value), layer, key, shadowed)


def _is_default(state: State, option: Option, key: str) -> bool:
    registry, settings = registry_of(state.app), state.app.config
    # the app may have set it since, but the storage has not read that
    return registry.is_default(settings, key) or (key in registry.defaults and _is_changed(state, option))


def _is_changed(state: State, option: Option) -> bool:
    """Return whether an option has another value than when the storage was configured."""
    origin, settings = _origin(state, option), state.app.config
    before = (state.configured or state).config.get(option.name.lower())
    # what a backend does not declare was not converted
    if option.name in LIVE or (origin is not None and bool(settings.get(origin.key) == before)):
        return False
    try:
        return bool(lookup(settings, option, state.storage.name, state.backend_name) != before)
    except ConfigurationError:
        return True


class _Reach:
    """What the keys in the configuration of an app reach."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._registry = registry_of(app)
        states = self._registry.states
        self._states = [states[storage] for storage in self._registry.values() if storage in states]
        self._options = {name: tuple(options) for name, options in all_options().items()}
        self._read = {f"FS_{option.name}" for option in _OF_THE_APP}
        # the storages for which they are, by the keys
        self._late: dict[str, list[str]] = {}
        self._shadowed: dict[str, list[str]] = {}
        if app.config.get("FS_PREFIX") is not None and _route_prefix(app) != route_prefix(app.config):
            self._late["FS_PREFIX"] = ["the route"]
        for state in self._states:
            for option in _options_of(state):
                self._look(state, option)

    def _look(self, state: State, option: Option) -> None:
        name, keys = repr(state.storage.name), _keys(state, option)
        origin = _origin(state, option)
        # those before it, or all, were set later
        position = keys.index(origin.key) if origin is not None and origin.key in keys else len(keys)
        for key in keys[:position]:
            self._late.setdefault(key, []).append(name)
        for key in keys[position : position + 1]:
            self._read.add(key)
            if _is_changed(state, option):
                self._late.setdefault(key, []).append(name)
        for key in keys[position + 1 :]:
            self._shadowed.setdefault(key, []).append(f"{keys[position]} for {name}")

    def unread(self) -> Iterator[Unread]:
        misspelt = dict(misspelt_settings(self._app))
        for key, value in self._app.config.items():
            if not isinstance(key, str) or "FS_" not in key or value is None:
                continue
            if key in misspelt:
                reason: str | None = f"it is misspelt: did you mean {misspelt[key]}?"
            elif key in self._late:
                whose = ", ".join(self._late[key])
                reason = f"it was set after init_app had read it for {whose}: set it before"
            elif key in self._read or self._registry.is_default(self._app.config, key):
                continue
            elif key in self._shadowed:
                reason = f"another one counts: {', '.join(self._shadowed[key])}"
            else:
                reason = self._reason(key)
            if reason is not None:
                yield Unread(key, reason, self._whose(key))

    def _whose(self, key: str) -> str | None:
        return next((name for name in self._registry if key.startswith(tuple(storage_prefixes(name)))), None)

    def _reason(self, key: str) -> str | None:
        """Return why a key reaches nothing, or None if it may be the app's own."""
        for state in self._states:
            if rest := _below(key, *storage_prefixes(state.storage.name)):
                return self._reason_at(rest, state.backend_name, _options_of(state))
        # that of local_cache before that of local
        for backend in sorted(self._options, key=len, reverse=True):
            if rest := _below(key, backend_key(backend, "")):
                if any(state.backend_name == backend for state in self._states):
                    return self._reason_at(rest, backend, (*COMMON, *self._options[backend]))
                known = _names((*COMMON, *self._options[backend])) | WITHOUT_EFFECT
                misspelt = self._options[backend] and rest not in known
                hint = f", and that has no setting {rest}{_hint(rest, known)}" if misspelt else ""
                return f"no storage has the backend {backend!r}{hint}"
        if rest := _below(key, "FS_"):
            having = {backend for backend, options in self._options.items() if rest in _names(options)}
            used = [state for state in self._states if state.backend_name in having]
            if used or rest in _names(COMMON) | WITHOUT_EFFECT:
                return self._reason_at(rest, "", _options_of(used[0]) if used else COMMON)
            return f"only the backend {' or '.join(sorted(having))} has it, and no storage has that" if having else None
        everything = _names(chain(COMMON, *self._options.values())) | WITHOUT_EFFECT
        storage = next((name for name, rest in splits(key) if rest in everything), None)
        return storage and f"the app has no storage {storage.lower()!r}"

    def _reason_at(self, name: str, backend: str, options: Iterable[Option]) -> str:
        declared = {alias: option for option in options for alias in (option.name, *option.aliases)}
        if name in declared:
            option = declared[name]
            if len(option.levels) == 3:
                return f"it is empty, and {option.name} must not be"
            forms = (_PREFIXES[level] + option.name for level in option.levels)
            return f"{option.name} is only read as {' or '.join(forms)}"
        if name in WITHOUT_EFFECT:
            packages = {package for setting in SETTINGS if setting.name == name for package in setting.packages}
            return f"it has no effect here, as it had in {' and '.join(sorted(packages))}"
        return f"the backend {backend!r} has no setting {name}{_hint(name, declared)}"


_PREFIXES = {1: "{NAME}_FS_", 2: "FS_{BACKEND}_", 3: "FS_"}


def _below(key: str, *prefixes: str) -> str | None:
    return next((key[len(prefix) :] for prefix in prefixes if key.startswith(prefix)), None)


def _names(options: Iterable[Option]) -> set[str]:
    return {name for option in options for name in (option.name, *option.aliases)}


def _hint(name: str, known: Iterable[str]) -> str:
    close = closest(name, known)
    return f": did you mean {close}?" if close else ""
