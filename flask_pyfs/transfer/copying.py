"""Copies one file from one side to the other: whole, in one version, and over nobody else's."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from typing import Any, NamedTuple, NoReturn

from .. import names
from ..errors import BackendError, FileNotFound, FSError, VersionChanged
from ..filesystems.base import CHUNK_SIZE
from ..filesystems.store import Facts
from .patience import Patience
from .report import Event
from .sides import Side, are_one_file
from .versions import changed_at_target, is_as_seen, known_facts, seen_facts

__all__ = ["Copied", "address", "copy_file"]

# how often a file is read that changes while it is read
_READINGS = 3

# the clock of a file system may stand still for so many seconds, so a file may change without a new time
_TICK = 0.02


class Copied(NamedTuple):
    """What was stored.

    :param size: its length in bytes.
    :param version: its version at the target; None if that knows no versions, or a server copied the file.
    """

    size: int
    version: str | None


def copy_file(
    source: Side,
    name: str,
    target: Side,
    target_name: str,
    *,
    overwrite: bool = False,
    replaces: Facts | None = None,
    listed: Facts | None = None,
    patience: Patience | None = None,
    tell: Callable[[Event], object] = lambda event: None,
) -> Copied:
    """Copy a file, with its media type and its encoding. Nobody sees it unfinished. If one server has both sides, that
    copies it; else it is read and stored in pieces.

    A store that fails is tried again. If the source changes while it is read, nothing is stored, and it is read again,
    up to three times.

    :param name: the name at the source, relative to it. A :class:`~flask_pyfs.names.Exact` means this spelling alone,
        as does one for the target.
    :param overwrite: replace a file of that name, whatever it is. Without it, the write itself decides whether the name
        is free.
    :param replaces: the facts of the file at the target that is to be replaced, as they were listed: only this one is.
    :param listed: the facts of the source, if they are known. It saves a request.
    :param patience: how long to wait for the stores.
    :param tell: is called with the events ``progress`` and ``again``.
    :raises flask_pyfs.errors.FileExists: without ``overwrite`` and ``replaces``, if the name is taken.
    :raises flask_pyfs.errors.VersionChanged: if the target is not what it was when it was listed, or the source changes
        each time that it is read.
    :raises flask_pyfs.errors.FileNotFound: if there is no such file at the source.
    :raises flask_pyfs.errors.OperationNotSupported: if the file has a content encoding that the target cannot keep.
    """
    copy = _Copy(source, name, target, target_name, patience or Patience(), tell)
    copy.overwrites, copy.replaces, copy.listed = overwrite, replaces, listed
    return copy.run()


def address(side: Side, name: str) -> str:
    """Return the name in the storage for a name of a side, which means one spelling alone if that does."""
    full = side.full_name(name)
    return names.Exact(full) if isinstance(name, names.Exact) else full


class _SourceChanged(Exception):
    """The source is another version than the one that was read."""


class _Copy:
    def __init__(
        self,
        source: Side,
        name: str,
        target: Side,
        target_name: str,
        patience: Patience,
        tell: Callable[[Event], object],
    ) -> None:
        self.overwrites = False
        self.replaces: Facts | None = None
        self.listed: Facts | None = None
        self._source, self._name, self._from = source, name, address(source, name)
        self._target, self._target_name, self._to = target, target_name, address(target, target_name)
        self._patience = patience
        self._tell = tell
        # what a publish made that had to be done again
        self._made: str | None = None
        self._told = 0

    def run(self) -> Copied:
        tries = readings = 0
        while True:
            self._told = 0
            try:
                copied = self._landed() if tries else None
                copied = copied or self._by_server() or self._streamed()
                break
            except _SourceChanged:
                readings += 1
                if readings == _READINGS:
                    raise self._restless() from None
                self._again(self._restless())
            except BackendError as error:
                tries += 1
                if not self._patience.allows(tries):
                    raise
                self._again(error)
                self._patience.pause(tries)
        self._patience.succeeded()
        return copied

    def _again(self, error: Exception) -> None:
        self._tell(Event("again", self._target_name, self._told, error=error))

    def _restless(self) -> VersionChanged:
        return VersionChanged(
            f"{self._name!r} changed at the source, {self._source.label}, while it was copied: run it again",
            path=self._name,
        )

    def _by_server(self) -> Copied | None:
        before, self.listed = self.listed or self._facts(), None
        for _ in range(_READINGS):
            if not _may_change_unseen(before):
                break
            self._wait_for_the_clock()
            before = self._facts()
        else:
            raise self._restless()
        replaced = self._version_to_replace()
        copy = self._target.operations.copy_from
        try:
            if not copy(self._source.operations, self._from, self._to, self.overwrites, replaced):
                return None
        except VersionChanged as error:
            if (error.storage, error.path) == (getattr(self._target.operations, "name", None), self._to):
                raise self._taken() from error
            raise _SourceChanged from error
        if not is_as_seen(before, self._facts()):
            self._stale(known_facts(self._target.operations, self._to).version)
        self.note(before.size)
        return Copied(before.size, None)

    def _streamed(self) -> Copied:
        if are_one_file(self._source, self._name, self._target, self._target_name):
            # what was stored would be read as the source, and stored again
            raise FSError(
                f"{self._name!r} of {self._source.label!r} and {self._target_name!r} of {self._target.label!r} are one "
                "file, which stays as it is"
            )
        facts, file = self._fetch()
        with closing(file):
            reader = _Reader(file, facts, self)
            try:
                version = self._publish(reader, facts)
            except Exception:
                # whatever the store made of it
                if reader.error is not None:
                    raise reader.error from None
                raise
        if not is_as_seen(facts, self._facts()):
            self._stale(version)
        return Copied(reader.size, version)

    def _facts(self) -> Facts:
        return known_facts(self._source.operations, self._from)

    def _stale(self, version: str | None) -> NoReturn:
        # what was stored would count as the same, because it is newer than the source
        self._made, self.overwrites, self.replaces = version, version is None, None
        raise _SourceChanged

    def _fetch(self) -> tuple[Facts, Any]:
        for _ in range(_READINGS):
            facts, file = self._source.operations.fetch(self._from)
            if getattr(file, "is_steady", False) or not _may_change_unseen(facts):
                return facts, file
            file.close()
            self._wait_for_the_clock()
        raise self._restless()

    def _wait_for_the_clock(self) -> None:
        self.check()
        time.sleep(_TICK)

    def note(self, size: int) -> None:
        """Note that so many bytes were read."""
        self._told += size
        self._tell(Event("progress", self._target_name, size))

    def check(self) -> None:
        """Raise an exception if the transfer is stopped."""
        self._patience.check()

    def require_same(self, facts: Facts) -> None:
        """Raise an exception if the source is not what it was when it was opened."""
        if not is_as_seen(facts, self._facts()):
            raise _SourceChanged

    def _publish(self, reader: _Reader, facts: Facts) -> str | None:
        operations = self._target.operations
        replaced = self._version_to_replace()
        kept: dict[str, Any] = {"content_type": facts.content_type}
        if facts.description is not None:
            kept["description"] = facts.description
        if replaced is not None:
            try:
                stored = operations.replace_version(self._to, reader, replaced, **kept)
            except VersionChanged as error:
                raise self._taken() from error
        else:
            stored = operations.save(reader, self._to, self.overwrites, **kept)
        version: str | None = getattr(stored, "version", None)
        return version

    def _version_to_replace(self) -> str | None:
        if self._made is not None or self.replaces is None:
            return self._made
        if self.replaces.version is not None:
            return self.replaces.version
        try:
            facts = seen_facts(self._target.operations, self._to)
        except FileNotFound as error:
            raise self._taken() from error
        if not is_as_seen(self.replaces, facts):
            raise self._taken()
        # it is asked once
        self._made, self.overwrites = facts.version, facts.version is None
        return facts.version

    def _taken(self) -> VersionChanged:
        return changed_at_target(self._target_name, self._target.label)

    def _landed(self) -> Copied | None:
        # an earlier try, whose answer was lost, may have stored the file
        try:
            there = seen_facts(self._target.operations, self._to)
        except FileNotFound:
            return None
        if there.size != self._facts().size or self._is_untouched(there):
            return None
        if self._digest(self._source, self._from) != self._digest(self._target, self._to):
            return None
        return Copied(there.size, there.version)

    def _is_untouched(self, there: Facts) -> bool:
        if self._made is not None:
            # a listing may tell no difference between two writes of one content
            return there.version == self._made
        return self.replaces is not None and is_as_seen(self.replaces, there)

    def _digest(self, side: Side, path: str) -> str:
        digest = hashlib.sha256()
        _, file = side.operations.fetch(path)
        with closing(file):
            while piece := file.read(CHUNK_SIZE):
                self.check()
                digest.update(piece)
        return digest.hexdigest()


def _may_change_unseen(facts: Facts) -> bool:
    if facts.modified is None:
        return False
    return 0 <= (datetime.now(timezone.utc) - facts.modified).total_seconds() < _TICK


class _Reader:
    """The content of the source, for the store.

    :ivar size: how many bytes were read.
    :ivar error: what reading raised, or None.
    """

    def __init__(self, file: Any, facts: Facts, copy: _Copy) -> None:
        self.size = 0
        self.error: Exception | None = None
        self._file = file
        self._facts = facts
        self._copy = copy
        self._is_steady = getattr(file, "is_steady", False)

    def read(self, size: int = -1) -> bytes:
        try:
            self._copy.check()
            piece: bytes = self._file.read(size)
            self.size += len(piece)
            # a file that grows as fast as it is read has no end
            if self.size > self._facts.size:
                raise _SourceChanged
            if piece:
                self._copy.note(len(piece))
            if not piece or size < 0:
                self._check_end()
            return piece
        except Exception as error:
            self.error = error
            raise

    def _check_end(self) -> None:
        if self.size != self._facts.size:
            raise _SourceChanged
        if not self._is_steady:
            self._copy.require_same(self._facts)
