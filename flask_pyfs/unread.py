"""Tells which settings of an app are set and reach no storage, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from flask import Flask

from .backends.registry import all_options
from .common import COMMON, OF_STORAGE, PREFIX, route_prefix
from .declared import OF_THE_APP, Declared, all_declared, backends_of, declared_options, route_prefix_of
from .extension import misspelt_settings
from .keys import backend_key, own_key, storage_key, storage_prefixes
from .misspelt import closest, splits
from .options import Option
from .peers import SETTINGS, WITHOUT_EFFECT
from .state import State, registry_of

__all__ = ["Unread", "unread_settings"]


class Unread(NamedTuple):
    """A setting that is set, and reaches no storage.

    :param key: its name in the configuration of the app. A misspelt name does not tell whether the value is secret.
    :param reason: why, in a sentence.
    :param storage: the name of the storage whose setting it would be, or None.
    """

    key: str
    reason: str
    storage: str | None


def unread_settings(app: Flask) -> Iterator[Unread]:
    """Iterate over the settings of an app that are set and reach no storage. Makes no request to a store.

    An app may have keys of its own, so a key is told only if its name is that of a setting, or close to one.
    """
    return _Reach(app).unread()


class _Reach:
    """What the keys in the configuration of an app reach."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._registry = registry_of(app)
        states = self._registry.states
        self._states = [states[storage] for storage in self._registry.values() if storage in states]
        self._options = {name: tuple(options) for name, options in all_options().items()}
        self._read = {f"FS_{option.name}" for option in OF_THE_APP}
        # the storages for which they are, by the keys
        self._late: dict[str, list[str]] = {}
        self._shadowed: dict[str, list[str]] = {}
        if app.config.get("FS_PREFIX") is not None and route_prefix_of(app) != route_prefix(app.config):
            self._late["FS_PREFIX"] = ["the route"]
        for state in self._states:
            for declared in all_declared(state):
                self._look(declared)

    def _look(self, declared: Declared) -> None:
        name, keys, origin = repr(declared.state.storage.name), declared.keys, declared.origin
        # those before it, or all, were set later
        position = keys.index(origin.key) if origin is not None and origin.key in keys else len(keys)
        for key in keys[:position]:
            self._late.setdefault(key, []).append(name)
        for key in keys[position : position + 1]:
            self._read.add(key)
            if declared.is_changed:
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
                return self._forgotten(rest, state) or _reason_of_storage(rest, state)
        # that of local_cache before that of local
        for backend in sorted(self._options, key=len, reverse=True):
            if rest := _below(key, backend_key(backend, "")):
                return self._reason_of_backend(rest, backend)
        sides = [option.name for option in chain(*self._options.values()) if option.type == "backend"]
        everything = _names(chain(COMMON, *self._options.values())) | WITHOUT_EFFECT
        if rest := _below(key, "FS_"):
            if _below(rest, *(f"{side}_" for side in sides)) in everything:
                return f"{rest} is only read as {_PREFIXES[1]}{rest}"
            having = {backend for backend, options in self._options.items() if rest in _names(options)}
            used = [state for state in self._states if not having.isdisjoint(_backends(state))]
            if used or rest in _names(COMMON) | WITHOUT_EFFECT:
                return _reason_at(rest, [each.option for each in all_declared(used[0])] if used else COMMON)
            # one that level 3 would not set may be the app's own
            having = {
                name for name in having if rest in _names(each for each in self._options[name] if 3 in each.levels)
            }
            return f"only the backend {' or '.join(sorted(having))} has it, and no storage has that" if having else None
        everything |= {f"{side}_{name}" for side in sides for name in everything}
        storage = next((name for name, rest in splits(key) if rest in everything), None)
        return storage and f"the app has no storage {storage.lower()!r}"

    def _forgotten(self, name: str, state: State) -> str | None:
        """Return that BACKEND is to be set, if a key is one without which other backends are not used."""
        storage = state.storage.name
        if own_key(self._app.config, storage, "BACKEND") or backends_of(state) or name in declared_options(state):
            return None
        needing = []
        for backend, options in self._options.items():
            required = [option for option in options if option.required]
            sides = tuple(f"{option.name}_" for option in required if option.type == "backend")
            if name in _names(required) or name.startswith(sides):
                needing.append(repr(backend))
        if not needing:
            return None
        key = storage_key(storage, "BACKEND")
        return f"the backend {state.backend_name!r} has no setting {name}: set {key} to {' or '.join(sorted(needing))}"

    def _reason_of_backend(self, name: str, backend: str) -> str:
        options = self._options[backend]
        if any(state.backend_name == backend for state in self._states):
            return _reason_at(name, (*COMMON, *options), backend)
        if any(backend in _backends(state) for state in self._states):
            if name in OF_STORAGE:
                return f"no storage has the backend {backend!r} alone"
            return _reason_at(name, (PREFIX, *options), backend)
        known = _names((*COMMON, *options)) | WITHOUT_EFFECT
        hint = f", and that has no setting {name}{_hint(name, known)}" if options and name not in known else ""
        return f"no storage has the backend {backend!r}{hint}"


_PREFIXES = {1: "{NAME}_FS_", 2: "FS_{BACKEND}_", 3: "FS_"}


def _backends(state: State) -> list[str]:
    return [state.backend_name, *backends_of(state).values()]


def _reason_of_storage(name: str, state: State) -> str:
    for side, backend in backends_of(state).items():
        if rest := _below(name, f"{side}_"):
            return _reason_at(rest, [each.option for each in all_declared(state) if each.side == side], backend)
    return _reason_at(name, [each.option for each in all_declared(state)], *_backends(state))


def _reason_at(name: str, options: Iterable[Option], *backends: str) -> str:
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
    shown = " nor ".join(map(repr, dict.fromkeys(backends)))
    has_none = f"neither the backend {shown} has a" if len(backends) > 1 else f"the backend {shown} has no"
    return f"{has_none} setting {name}{_hint(name, declared)}"


def _below(key: str, *prefixes: str) -> str | None:
    return next((key[len(prefix) :] for prefix in prefixes if key.startswith(prefix)), None)


def _names(options: Iterable[Option]) -> set[str]:
    return {name for option in options for name in (option.name, *option.aliases)}


def _hint(name: str, known: Iterable[str]) -> str:
    close = closest(name, known)
    return f": did you mean {close}?" if close else ""
