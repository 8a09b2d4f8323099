"""Finds the storages of an app that have files of another one, whose rows then name these too."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from .. import names
from ..backends.contract import Operations
from ..errors import FileNotFound, InvalidPath
from ..state import Named, State
from .ledger import PRECISION, Ledger

# so many files are looked for in another storage, because one may be deleted meanwhile
_PROBES = 3


class _Place(NamedTuple):
    """A place of the files of a storage. One that moves to another store has two."""

    root: str | None
    prefix: str
    location: tuple[Hashable, str] | None
    follows_links: bool

    @property
    def above(self) -> str:
        """What stands before each name there."""
        if self.root is not None:
            return os.path.join(os.path.realpath(self.root), "")
        prefix = names.normalize_prefix(self.prefix).rstrip("/")
        return f"{prefix}/" if prefix else ""


def _places(state: State) -> Sequence[_Place]:
    sides = getattr(state.operations, "sides", None)
    if sides is None:
        config = state.config
        return [_Place(state.root, config["prefix"], _location(state), bool(config.get("follow_symlinks")))]
    configs = [state.config.side(side.key) for side in sides]
    return [
        _Place(
            side.root,
            config["prefix"],
            None if side.root is not None else side.place(),
            bool(config.get("follow_symlinks")),
        )
        for side, config in zip(sides, configs, strict=True)
    ]


def is_on_disk(state: State) -> bool:
    """Return whether files of a storage are in a directory of this machine."""
    return any(place.root is not None for place in _places(state))


class View:
    """A storage, as it sees the files of the storage that is judged.

    :param state: its state on the app.
    :param of: the state of the storage that is judged.
    :param place: where its files are.
    :param place_of: where those of the storage that is judged are.
    :ivar is_apart: whether both are directories of this machine, and only links can lead from one to the other.
    """

    def __init__(self, state: State, of: State, place: _Place, place_of: _Place) -> None:
        self.storage: Named = state.storage
        self.is_apart: bool = False
        self.operations: Operations = state.operations
        self._judged = of.operations
        self._root, self._judged_root = place.root, place_of.root
        self._above, self._judged_above = place.above, place_of.above
        if self._root is not None and self._judged_root is not None:
            self._above, self._judged_above = _aligned(self._above, self._judged_above)
        self._is_one_place = False
        mine, its = place.location, place_of.location
        if mine is not None and its is not None and mine[0] == its[0]:
            self._is_one_place = True
            self._above, self._judged_above = mine[1], its[1]
        self._has_links = place.follows_links or place_of.follows_links

    def names(self, name: str) -> list[str]:
        """Return what the storage that is judged calls the file that this one calls so, in all spellings."""
        try:
            spelled = self.operations.spellings(name)
        except InvalidPath:
            return []
        full = (self._above + each for each in spelled)
        return [each[len(self._judged_above) :] for each in full if each.startswith(self._judged_above)]

    def told(self, name: str) -> tuple[int | None, datetime | None] | None:
        """Return size and time of a file, as far as they are known; None if there is no file. Makes one request.

        :raises FSError: if the store does not tell.
        """
        try:
            return told_by(self.operations, name)
        except (FileNotFound, InvalidPath):
            return None

    def version(self, name: str) -> str | None:
        """Return the version of a file, None if there is no file. Makes one request.

        :raises FSError: if the store does not tell.
        """
        try:
            return self.operations.version(name)
        except (FileNotFound, InvalidPath):
            return None

    def shares(self, ledger: Ledger) -> bool:
        """Return whether files of the storage that is judged are files of this one too: whether one of three is the
        same in both. Makes at most 12 requests, and none if their places tell.

        :raises FSError: if a store does not tell.
        """
        is_overlapping = _overlap(self._above, self._judged_above)
        if self._root is not None and self._judged_root is not None:
            self.is_apart = self._has_links and not is_overlapping
            return is_overlapping or self.is_apart
        if self._is_one_place:
            return is_overlapping
        if not is_overlapping or self._root is not None or self._judged_root is not None:
            return False
        listed = ledger.below(self._above[len(self._judged_above) :], _PROBES)
        found = [self._has(each) for each in listed]
        # if all are gone by now, that proves nothing
        return bool(listed) and (True in found or False not in found)

    def _has(self, listed: str) -> bool | None:
        name = (self._judged_above + listed)[len(self._above) :]
        own = _seen(self._judged, names.Exact(listed))
        if own is None:
            return None
        is_one_kind = type(self._judged) is type(self.operations)
        return name != "" and _is_same(own, _seen(self.operations, names.Exact(name)), is_one_kind)


class _Seen(NamedTuple):
    size: int | None
    modified: datetime | None
    version: str | None


def _seen(operations: Operations, name: str) -> _Seen | None:
    try:
        return _Seen(*told_by(operations, name), operations.version(name))
    except (FileNotFound, InvalidPath):
        return None


def _is_same(one: _Seen, other: _Seen | None, is_one_kind: bool) -> bool:
    if other is None or one.size != other.size:
        return False
    # one store may tell other versions by another protocol
    if is_one_kind and one.version is not None and other.version is not None:
        return one == other
    if one.modified is None or other.modified is None:
        return True
    return abs((one.modified - other.modified).total_seconds()) < PRECISION


def told_by(operations: Operations, name: str) -> tuple[int | None, datetime | None]:
    """Return size and time of a file, as far as they are known. Makes one request.

    :raises FileNotFound: if there is no file.
    """
    known: dict[str, Any] = operations.metadata(name, checksum=False)
    size, modified = known.get("size"), known.get("modified")
    if isinstance(modified, datetime) and modified.tzinfo is None:
        # Flask-FS told the local time
        modified = modified.astimezone()
    return size if isinstance(size, int) else None, modified if isinstance(modified, datetime) else None


def sharing(state: State, states: Iterable[State], ledger: Ledger) -> Sequence[View]:
    """Return how a storage, and the others that have files of it, see these files: itself first. Another one may see
    them in two ways, if it moves to another store, or this one does.

    :param states: the states of all storages of the app.
    :raises FSError: if the store of another one cannot be reached.
    """
    own = _places(state)
    others = (
        View(other, state, place, place_of)
        for other in states
        if other.storage is not state.storage
        for place in _places(other)
        for place_of in own
    )
    return [View(state, state, own[0], own[0]), *(view for view in others if view.shares(ledger))]


def _location(state: State) -> tuple[Hashable, str] | None:
    locate = getattr(state.operations, "location", None)
    # that of a disk is its root
    if locate is None or state.root is not None:
        return None
    found: tuple[Hashable, str] | None = locate("")
    return found


def _aligned(one: str, other: str) -> tuple[str, str]:
    """Return both directories below one path, if one is in the other: a disk may be mounted at two."""
    if (rest := _rest(one, other)) is not None:
        return other + rest, other
    if (rest := _rest(other, one)) is not None:
        return one, one + rest
    return one, other


def _rest(inner: str, outer: str) -> str | None:
    directory, rest = inner.rstrip("/"), ""
    while directory:
        with suppress(OSError):
            if os.path.samefile(directory, outer):
                return rest
        directory, _, name = directory.rpartition("/")
        rest = f"{name}/{rest}"
    return None


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
