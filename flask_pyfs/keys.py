"""The names of settings, and the error about one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import ConfigurationError

__all__ = ["backend_key", "own_key", "refusal", "side_prefixes", "storage_key", "storage_prefixes"]

_LINE = 300


def storage_key(storage: str, key: str) -> str:
    """Return the name of a setting at the storage's own level, valid as the name of an environment variable."""
    return f"{re.sub('[-.]', '_', storage.upper())}_FS_{key}"


def backend_key(backend: str, key: str) -> str:
    """Return the name of a setting at the level of a backend."""
    return f"FS_{backend.upper()}_{key}"


def storage_prefixes(storage: str) -> tuple[str, ...]:
    """Return what the names of a storage's own settings begin with."""
    return tuple(dict.fromkeys((f"{storage.upper()}_FS_", storage_key(storage, ""))))


def side_prefixes(storage: str, side: str) -> tuple[str, ...]:
    """Return what the names of a storage's own settings begin with that are those of one of its backends.

    :param side: the KEY of the setting that names this backend: ``SOURCE``.
    """
    return tuple(f"{prefix}{side}_" for prefix in storage_prefixes(storage))


def own_key(settings: Mapping[str, Any], storage: str, key: str) -> str | None:
    """Return the name by which a setting is set at the storage's own level, or None if it is not set there."""
    keys = (prefix + key for prefix in storage_prefixes(storage))
    return next((found for found in keys if settings.get(found) is not None), None)


def refusal(message: str, storage: str | None) -> ConfigurationError:
    """Return the error about a setting: one line of at most 300 characters, which names the storage."""
    place = f"storage {storage!r}"
    end = f" ({place})" if storage and place not in message else ""
    line, room = " ".join(message.split()), _LINE - len(end)
    # the name of the setting is at the start
    return ConfigurationError((line if len(line) <= room else f"{line[: room - 1]}…") + end, storage=storage)
