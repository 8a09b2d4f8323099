"""Where keys are set, and which other storages have them from there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..config import setting_name, sides_of
from ..state import State, require_registry

__all__ = ["Origin", "origin_of"]


class Origin(NamedTuple):
    """Where a key is set.

    :param setting: the name of the setting, as it is set.
    :param number: which of its keys it is, counted from 1; None if the setting has one value.
    :param others: the names of the other storages of the app that have this setting. A key that a storage does not need
        any more may be that of their files.
    :param until: until when new files may be plain, if that is what the setting says.
    """

    setting: str
    number: int | None = None
    others: tuple[str, ...] = ()
    until: datetime | None = None

    @property
    def is_for_new_files(self) -> bool:
        """Whether new files may be plain for now."""
        return self.until is not None and self.until > datetime.now(timezone.utc)


def origin_of(state: State, config: Mapping[str, Any], key: str, number: int | None = None) -> Origin:
    """Return where a key is set.

    :param state: the state of the storage.
    :param config: the settings of the storage, or of one of its sides.
    :param key: the KEY of the setting.
    :param number: as for :class:`Origin`.
    """
    setting, others = setting_name(config, state.storage.name, key), require_registry(state.app).states.values()
    names = {each.storage.name for each in others if setting in _settings(each, key)}
    until = config["encryption_read_plain"] if key == "ENCRYPTION_READ_PLAIN" else None
    return Origin(setting, number, tuple(sorted(names - {state.storage.name})), until)


def _settings(state: State, key: str) -> set[str]:
    configs = sides_of(state.config).values() or (state.config,)
    return {setting_name(config, state.storage.name, key) for config in configs}
