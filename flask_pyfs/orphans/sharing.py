"""Finds the storages of an app that have files of another one, whose rows then name these too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from .. import names
from ..errors import FileNotFound, InvalidPath
from ..state import State
from .ledger import PRECISION, Ledger, Listed

# so many files are looked for in another storage, because one may be deleted meanwhile
_PROBES = 3


class View:
    """A storage, as it sees the files of the storage that is judged.

    :param state: its state on the app.
    :param of: the state of the storage that is judged.
    """

    def __init__(self, state: State, of: State) -> None:
        self.storage = state.storage
        self.operations = state.operations
        self._root, self._other_root = state.root, of.root
        self._above, self._judged = _above(state), _above(of)

    def names(self, name: str) -> list[str]:
        """Return what the storage that is judged calls the file that this one calls so, in all spellings."""
        try:
            spelled = self.operations.spellings(name)
        except InvalidPath:
            return []
        full = (self._above + each for each in spelled)
        return [each[len(self._judged) :] for each in full if each.startswith(self._judged)]

    def told(self, name: str) -> tuple[int | None, datetime | None] | None:
        """Return size and time of a file, as far as they are known; None if there is no file. Makes one request.

        :raises FSError: if the store does not tell.
        """
        try:
            known: dict[str, Any] = self.operations.metadata(name, checksum=False)
        except (FileNotFound, InvalidPath):
            return None
        modified = known.get("modified")
        if isinstance(modified, datetime) and modified.tzinfo is None:
            # Flask-FS told the local time
            modified = modified.astimezone()
        size = known.get("size")
        return size if isinstance(size, int) else None, modified if isinstance(modified, datetime) else None

    def shares(self, ledger: Ledger) -> bool:
        """Return whether files of the storage that is judged are files of this one too. Makes at most 3 requests, and
        none for directories.

        :raises FSError: if the store does not tell.
        """
        if self._root is not None or self._other_root is not None:
            is_directory = self._root is not None and self._other_root is not None
            return is_directory and _overlap(self._above, self._judged)
        if not _overlap(self._above, self._judged):
            return False
        listed = ledger.below(self._above[len(self._judged) :], _PROBES)
        return any(self._has(each) for each in listed)

    def _has(self, listed: Listed) -> bool:
        name = (self._judged + listed.name)[len(self._above) :]
        told = self.told(names.Exact(name)) if name else None
        if told is None:
            return False
        size, modified = told
        is_same_time = (
            modified is None or listed.modified is None or abs((modified - listed.modified).total_seconds()) < PRECISION
        )
        return size in (None, listed.size) and is_same_time


def sharing(state: State, states: Iterable[State], ledger: Ledger) -> Sequence[View]:
    """Return how a storage, and the others that have files of it, see these files: itself first.

    :param states: the states of all storages of the app.
    :raises FSError: if the store of another one cannot be reached.
    """
    others = (View(other, state) for other in states if other.storage is not state.storage)
    return [View(state, state), *(view for view in others if view.shares(ledger))]


def _above(state: State) -> str:
    if state.root is not None:
        return os.path.join(os.path.realpath(state.root), "")
    prefix = names.normalize_prefix(state.config["prefix"]).rstrip("/")
    return f"{prefix}/" if prefix else ""


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
