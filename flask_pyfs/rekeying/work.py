"""Encrypts one file anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

from ..errors import VersionChanged, translated
from ..filesystems.store import OtherVersion
from ..names import has_reserved
from ..transfer.patience import Patience
from .places import Found, Looked, Place
from .report import Event, Holding
from .todo import Item

__all__ = ["Tell", "Work", "require_unused"]

Tell = Callable[[Any], object]

# what was written under a reserved name may be in use for so long: who holds a lease writes it every few seconds
_IN_USE = timedelta(minutes=2)

# how often a file is read that changes while it is read
_READINGS = 3


class _Changed(Exception):
    """The file is another version than the one that was read."""


class Work:
    """Encrypts one file anew. It may be run again after an error.

    :param place: where the file is.
    :param item: the file, as it was looked at.
    :param storage: the name of the storage, for errors.
    :param tell: is called with the events ``progress`` and ``again``.
    :ivar told: how many bytes were told as progress, and came to nothing.
    :ivar holding: the key that the file has, as far as it is known.
    """

    def __init__(self, place: Place, item: Item, storage: str, patience: Patience, tell: Tell) -> None:
        self.told: int = 0
        self.holding: Holding = Holding(place.side, item.key)
        self._place = place
        self._path = item.path
        self._version = item.version
        self._storage = storage
        self._patience = patience
        self._tell = tell

    def run(self) -> Event:
        """Read the file and replace the version that was read. Return the event of its end.

        :raises flask_pyfs.errors.VersionChanged: if it changes each time that it is read.
        :raises flask_pyfs.errors.FSError: if it is missing, or cannot be decrypted, or the store fails.
        """
        with translated(self._storage, self._path):
            for _ in range(_READINGS):
                try:
                    return self._encrypted()
                except (OtherVersion, _Changed) as error:
                    self._forget(error)
                except Exception as error:
                    self._forget(error)
                    raise
        message = f"{self._path!r} in storage {self._storage!r} changed each time it was read: run it again"
        raise VersionChanged(message, path=self._path, storage=self._storage)

    def _forget(self, error: Exception) -> None:
        if self.told:
            self._tell(Event("again", self._path, self.told, error=error))
        # what is there now may be another version
        self.told, self._version = 0, None

    def _encrypted(self) -> Event:
        with closing(self._place.fetch(self._path)) as found:
            version = found.facts.version
            if version is None or version != self._version:
                looked = self._place.look(self._path)
                self.holding = looked.holding
                if looked.holding == self._place.first:
                    return Event("same", self._path, looked.facts.size, holding=looked.holding)
                require_unused(self._path, looked, self._storage)
                if looked.facts.version != version:
                    raise _Changed
            self._replace(found)
        return Event("replaced", self._path, found.facts.size, holding=self._place.first)

    def _replace(self, found: Found) -> None:
        content = _Content(found, self.note)
        try:
            self._place.replace(self._path, found, content)
        except Exception:
            # whatever the store made of it
            if content.error is not None:
                raise content.error from None
            raise

    def note(self, size: int) -> None:
        """Note that so many bytes were read.

        :raises flask_pyfs.transfer.patience.Stopped: if no more are to be read.
        """
        self._patience.check()
        self.told += size
        self._tell(Event("progress", self._path, size))


def require_unused(path: str, looked: Looked, storage: str) -> None:
    """Check that a file under a reserved name rests; others may change all the time.

    :raises flask_pyfs.errors.VersionChanged: if it was written just now.
    """
    modified = looked.facts.modified
    if has_reserved(path) and modified is not None and datetime.now(timezone.utc) - modified < _IN_USE:
        raise VersionChanged(
            f"{path!r} belongs to an upload or a migration that may be under way: run it again in two minutes",
            path=path,
            storage=storage,
        )


class _Content:
    """The content of a file, for the store.

    :ivar error: what reading raised, or None.
    """

    def __init__(self, found: Found, note: Callable[[int], None]) -> None:
        self.error: Exception | None = None
        self._found = found
        self._note = note
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        try:
            piece = self._found.content.read(size)
            self._size += len(piece)
            self._require_whole(is_end=size < 0 or (not piece and size > 0))
            if piece:
                self._note(len(piece))
            return piece
        except Exception as error:
            self.error = error
            raise

    def _require_whole(self, *, is_end: bool) -> None:
        # nothing else tells that a file that is not encrypted is cut or grows while it is read
        size = self._found.facts.size
        if self._size > size or (is_end and self._size != size):
            raise _Changed
