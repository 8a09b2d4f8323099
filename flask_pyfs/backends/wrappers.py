"""Wrappers: what lies between a storage and the store of its backend, such as encryption. Each is a room of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from ..common import COMMON
from ..config import Config, setting_name, with_defaults
from ..extras import MissingExtra
from ..filesystems.store import StoreFS
from ..keys import refusal
from ..options import Option

__all__ = ["BYPASSES", "GROUP", "Wrapper", "asked_for", "wrapper_of"]

#: The group of entry points that name wrappers, each by the setting that asks for it, in lower case.
GROUP = "flask_pyfs.wrappers"

#: The methods of a backend that lead clients or programs to the store itself. With a wrapper they return None, as of a
#: store that can do none of it, so that all goes through the app.
BYPASSES = ("in_parts", "keeper", "signed_upload", "signed_url")

_WRAPPERS = tuple(option for option in COMMON if option.wrapper)


class Wrapper(Protocol):
    """What lies between a storage and the store of its backend: nobody reaches the store but through it.

    An entry point of :data:`GROUP` is a callable that returns one. Its arguments are the name of the storage and its
    settings.
    """

    def over(self, store: StoreFS) -> StoreFS:
        """Return a store whose files are kept in another one. To close it closes both."""

    def obstacle_to(self, serve_mode: str) -> str | None:
        """Return why files cannot be served in a SERVE_MODE, or None if they can."""


def asked_for(config: Mapping[str, Any], options: Iterable[Option]) -> Option | None:
    """Return the option that asks for a wrapper, or None. The arguments are those of :func:`wrapper_of`."""
    own = {option.name for option in options}
    asked = (option for option in _WRAPPERS if config.get(option.name.lower()) and option.name not in own)
    return next(asked, None)


def wrapper_of(storage: str, config: Mapping[str, Any], options: Iterable[Option]) -> Wrapper | None:
    """Return the wrapper that the settings of a storage ask for, or None.

    A storage that has several backends has none of its own: each of these has one.

    :param storage: the name of the storage.
    :param config: its settings.
    :param options: those that its backend declares. It may give a setting of a wrapper a meaning of its own.
    :raises flask_pyfs.errors.ConfigurationError: if the settings contradict each other, or this installation lacks the
        room.
    """
    if any(option.type == "backend" for option in options) or (option := asked_for(config, options)) is None:
        return None
    complete = with_defaults(Config(config) if not isinstance(config, Config) else config, COMMON, storage)
    key = option.name.lower()
    if not complete[key]:
        return None
    entry = _installed().get(key)
    if entry is None:
        name = setting_name(complete, storage, option.name)
        raise refusal(f"{name} needs a part of flask_pyfs that this installation lacks: install all of it", storage)
    try:
        made: Wrapper = entry.load()(storage, complete)
    except MissingExtra as error:
        raise refusal(f"{setting_name(complete, storage, option.name)}: {error}", storage) from error
    return made


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
