"""Tells which keys in the configuration of an app set an option of a storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .keys import backend_key, side_prefixes, storage_prefixes
from .options import Option

__all__ = ["Origin", "origins_below", "origins_of", "prefixes_of", "set_by"]


class Origin(NamedTuple):
    """Where a value comes from.

    :param level: 1 the storage's, 2 the backend's, 3 the app's.
    :param key: the name by which it is set in the configuration of the app.
    """

    level: int
    key: str


def origins_of(config: Mapping[str, Any]) -> Mapping[str, Origin]:
    """Return where the values of those settings come from that are set in the configuration of an app, by their KEYs
    without a prefix.
    """
    return getattr(config, "_origins", {})


def set_by(config: Mapping[str, Any], key: str) -> str | None:
    """Return the name by which a setting is set in the configuration of the app; None if it is not set, or not there.

    :param key: the KEY, without a prefix.
    """
    origin = origins_of(config).get(key)
    return origin and origin.key


def prefixes_of(storage: str, backend: str, side: str = "") -> tuple[tuple[int, str], ...]:
    """Return the layers of a storage, the first one first: the level, and what its keys begin with.

    :param side: the KEY that names the backend, if the storage has several, such as ``SOURCE``.
    """
    own = (*(side_prefixes(storage, side) if side else ()), *storage_prefixes(storage))
    return (*((1, prefix) for prefix in own), (2, backend_key(backend, "")), (3, "FS_"))


def origins_below(settings: Mapping[str, Any], option: Option, prefixes: Iterable[tuple[int, str]]) -> Iterator[Origin]:
    """Iterate over the keys that set an option; the value is that of the first one.

    :param settings: the configuration of an app.
    :param prefixes: the layers; see :func:`prefixes_of`.
    """
    for level, prefix in prefixes:
        for name in (option.name, *option.aliases) if level in option.levels else ():
            value = settings.get(prefix + name)
            # an empty text is none for what must be set
            if value is not None and not (option.required and value == ""):
                yield Origin(level, prefix + name)
