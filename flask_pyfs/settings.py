"""Tells which settings the storages of an app have, where each comes from, and which are set and reach nothing."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from flask import Flask

from .backends.base import BaseBackend
from .declared import OF_THE_APP, Declared, all_declared, route_prefix_of
from .state import find, registry_of
from .storage import Storage
from .unread import Unread, unread_settings
from .values import converted, disclosed

__all__ = ["DEFAULT", "Setting", "Unread", "settings_of", "settings_of_app", "unread_settings"]

#: The layer of a value that nothing sets.
DEFAULT = 4

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
    for each in sorted(all_declared(state), key=_name):
        yield _setting(each, derived.get(each.name, each.value))


def settings_of_app(app: Flask) -> Iterator[Setting]:
    """Iterate over the settings of an app as a whole, by their names."""
    registry = registry_of(app)
    for option in sorted(OF_THE_APP, key=_name):
        key, value = f"FS_{option.name}", app.config.get(f"FS_{option.name}")
        is_set = registry.is_set(app.config, key)
        applies = option.default if value is None else converted(option, key, value, None)
        if option.name == "PREFIX":
            applies = route_prefix_of(app)
            is_set = applies is not None
        yield Setting(None, option.name, disclosed(option, applies), 3 if is_set else DEFAULT, key if is_set else None)


def _setting(declared: Declared, value: Any) -> Setting:
    state, option, origin = declared.state, declared.option, declared.origin
    if declared.name == "SERVE" and origin is None:
        is_set = registry_of(state.app).is_set(state.app.config, "FS_SERVE")
        layer, key = (3, "FS_SERVE") if is_set else (DEFAULT, None)
    elif origin is None or declared.is_default(origin.key):
        layer, key = DEFAULT, None
    else:
        layer, key = origin
    shadowed = tuple(other for other in declared.keys if other != key) if key else ()
    return Setting(state.storage.name, declared.name, disclosed(option, value), layer, key, shadowed)
