"""Files that documents and rows no longer reference, or that were stored for a change that failed.

They are removed by their versions, never by their names alone: another process may have stored another file under the
name in the meantime.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, BinaryIO, NamedTuple

from .. import names
from ..backends.contract import StoredName
from ..errors import FileNotFound, FSError, InvalidPath, VersionChanged
from ..filesystems.store import DAY, Facts
from ..renditions.lazy import is_lazy
from ..renditions.making import write_only_new
from ..state import find
from ..storage import Storage
from .facts import note_facts

_log = logging.getLogger(__name__)

# no transaction lasts longer, so an older file under the name is no other's: the store was restored or copied
_IN_FLIGHT = timedelta(seconds=DAY)

# the time between the storing of a file and the saving of its document, and the difference of clocks
_UNSAVED = timedelta(seconds=60)


#: The place of a reference, the same each time the document or row is loaded; None if it is unknown.
Owner = tuple[Any, ...] | None

#: A file: its storage and its name.
FileKey = tuple[Storage, str]


class Known(NamedTuple):
    """What a document or row knows of the version of a file.

    :param version: the version, or None.
    :param since: when the document or row was loaded, or None.
    :param ticket: that of the job which makes more files of it, or None.
    """

    version: str | None
    since: datetime | None = None
    ticket: str | None = None


@dataclass(frozen=True)
class StoredFile:
    """A version of a file.

    :param storage: the storage.
    :param name: the name of the file.
    :param version: the version; None if the backend knows no versions, so that the name must do.
    """

    storage: Storage
    name: str
    version: str | None

    def remove(self, owner: Owner = None) -> None:
        """Delete the file unless it is another's. A failure is logged, because the change itself is done.

        :param owner: see :func:`current_file`.
        """
        try:
            if owner is not None and _may_be_saved_elsewhere(self, owner):
                current_file(self.storage, self.name, Known(self.version), owner)
            if not self._is_deleted():
                current_file(self.storage, self.name, Known(self.version))._is_deleted()
        except FileNotFound:
            pass
        except VersionChanged as error:
            _log.info("%s", error)
        except Exception:
            # the store or a listener of file_deleted failed; other files must still be deleted
            _log.warning("could not delete %r in storage %r", self.name, self.storage.name, exc_info=True)

    def is_named(self, storage: Storage, name: str) -> bool:
        """Return whether a name means this file, in whatever spelling. Makes a request only for another spelling."""
        if storage is not self.storage or name == self.name:
            return storage is self.storage
        if _spellings(name).isdisjoint(_spellings(self.name)):
            return False
        try:
            facts = find(storage).operations.facts(name)
        except FileNotFound:
            return False
        except FSError:
            _log.warning("%r in storage %r stays, because %r may be its name", self.name, storage.name, name)
            return True
        return facts is None or self.version is None or facts.version == self.version

    def _is_deleted(self) -> bool:
        if self.version is None:
            self.storage.delete(self.name)
            return True
        return self.storage.delete_version(self.name, self.version)


@dataclass(frozen=True)
class NewFile(StoredFile):
    """A file that was stored for a change that may still fail.

    :param moved_from: the name that its content had before another content replaced it there; None for new content.
    :param replaces: the version that was replaced under that name; for a replacement, under its own; None if unknown.
    :param replaced_by: what replaced it; None as long as this is not known to have succeeded.
    :param is_replacement: whether it replaced a file of other owners, which cannot be restored.
    """

    moved_from: str | None = None
    replaces: str | None = None
    replaced_by: StoredName | None = None
    is_replacement: bool = False

    def undo(self) -> None:
        """Delete the file, or move its content back. It stays if this process saved it. A failure is logged."""
        try:
            if self.is_replacement:
                # it stays, and belongs to the row that knows the version that it replaced
                _succeed(self.storage, self.name, self.replaces, self.version)
            elif not self.is_saved() and (self.moved_from is None or self._is_back(self.moved_from)):
                self._is_deleted()
        except Exception:
            _log.warning("could not undo %r in storage %r", self.name, self.storage.name, exc_info=True)

    def is_saved(self) -> bool:
        """Return whether this process has saved a document or row with the file."""
        if self.version is not None and (self.storage.name, self.name, self.version) in _saved:
            return True
        if (self.storage.name, self.name, None) not in _saved:
            return False
        try:
            facts = find(self.storage).operations.facts(self.name)
        except FileNotFound:
            return False
        return bool(facts and facts.modified and _saved_in(self.storage, self.name, None, facts.modified))

    def _is_back(self, name: str) -> bool:
        storage = self.storage
        if self.replaced_by is None:
            # the other content may have arrived although its write failed: then this is the only copy
            return self.replaces is not None and storage.version(name) == self.replaces
        if self.version is not None and not self._is_there():
            return False
        with storage.open(self.name, "rb") as content:
            if self.replaced_by.version is None:
                storage.write(name, content, overwrite=True)
                return True
            current = storage.version(name)
            if current not in _versions_since(storage, name, self.replaced_by.version):
                _log.info("%r in storage %r was replaced by another file, which stays", name, storage.name)
                return True
            try:
                back = storage.replace_version(name, content, str(current))
                _succeed(storage, name, self.replaces, back.version)
            except VersionChanged as error:
                _log.info("%s", error)
        return True

    def _is_there(self) -> bool:
        # the app may have replaced the copy
        try:
            return self.storage.version(self.name) == self.version
        except FileNotFound:
            return False


@contextmanager
def storing() -> Iterator[list[NewFile]]:
    """Yield a list for the new files of a change, and undo them if the block fails."""
    new: list[NewFile] = []
    try:
        yield new
    except BaseException:
        for file in reversed(new):
            file.undo()
        raise


def write_new(storage: Storage, name: str, content: BinaryIO) -> StoredName:
    """Store a file under a name that is free, whatever the storage's own ``overwrite``, and return the name.

    :raises FileExists: if the name is taken. The content is back at its position then.
    """
    return with_version(storage, write_only_new(storage, name, content))


def with_version(storage: Storage, stored: str) -> StoredName:
    """Return the name of a file that was just stored, with its version and the facts of the file.

    Asks for them, in one request, if the method of an app or of a backend returned the name alone.
    """
    if isinstance(stored, StoredName) and stored.version is not None:
        return stored
    name = StoredName(stored)
    facts = find(storage).operations.facts(stored)
    if facts is None:
        # the methods of Flask-FS tell none, but whether there is a file
        name.version = storage.version(stored)
    else:
        name.version = facts.version
        note_facts(name, facts)
    return name


def current_file(storage: Storage, name: str, known: Known, owner: Owner = None) -> StoredFile:
    """Return the version of a file that a document or row references. Makes one request to the store.

    :param owner: the place of the reference; None if the file goes whoever saved it.
    :raises FileNotFound: if there is no such file.
    :raises VersionChanged: if another may have stored a file under the name: less than a minute before the document was
        loaded or later, or if it knows the version, within the last day. What this process has saved belongs to the
        place that it was last saved in.
    """
    facts = find(storage).operations.facts(name)
    if facts is None:
        return StoredFile(storage, name, None)
    if _is_anothers(storage, name, known, owner, facts):
        message = f"{name!r} in storage {storage.name!r} was replaced by another file, which stays"
        raise VersionChanged(message, path=name, storage=storage.name)
    return StoredFile(storage, name, facts.version)


def dropped_file(storage: Storage, name: str, known: Known, owner: Owner) -> StoredFile | None:
    """Return the version of a file that a document or row no longer references; None if there is nothing to remove.

    Makes one request to the store if the version is not known.

    :param owner: see :func:`current_file`.
    """
    if known.version is not None or is_lazy(name):
        # one that is made at the first request may be made after this
        return StoredFile(storage, name, known.version)
    try:
        return current_file(storage, name, known, owner)
    except FileNotFound:
        pass
    except VersionChanged as error:
        _log.info("%s", error)
    except FSError:
        _log.warning("%r in storage %r stays, because its version is unknown", name, storage.name, exc_info=True)
    return None


def note_saved(storage: Storage, name: str, known: Known, owner: Owner) -> None:
    """Note that a document or row that references a file was just saved by this process.

    :param owner: the place of the reference.
    """
    _remember(_saved, (storage.name, name, known.version), (datetime.now(timezone.utc), owner))


def _is_anothers(storage: Storage, name: str, known: Known, owner: Owner, facts: Facts) -> bool:
    now = datetime.now(timezone.utc)
    modified = facts.modified or now
    if known.version is not None:
        is_known = facts.version in _versions_since(storage, name, known.version)
        if not is_known:
            return modified + _IN_FLIGHT > now
    if owner is None:
        return False
    if saved_in := _saved_in(storage, name, facts.version, modified):
        # not by time: a database answers with what it had before another saved, and that is read later
        return saved_in != owner
    return known.version is None and known.since is not None and modified + _UNSAVED > known.since


def _saved_in(storage: Storage, name: str, version: str | None, modified: datetime) -> Owner:
    named = _saved.get((storage.name, name, None))
    # a name that was assigned, after the file was stored
    by_name = [named] if named is not None and modified <= named[0] else []
    exact = _saved.get((storage.name, name, version)) if version is not None else None
    saved = [note for note in (exact, *by_name) if note is not None]
    return max(saved, key=lambda note: note[0])[1] if saved else None


def _may_be_saved_elsewhere(file: StoredFile, owner: Owner) -> bool:
    notes = (_saved.get((file.storage.name, file.name, version)) for version in (file.version, None))
    return any(note is not None and note[1] != owner for note in notes)


def _versions_since(storage: Storage, name: str, version: str | None) -> list[str]:
    found: list[str] = []
    # the versions of some stores come again, such as a time in seconds
    while version is not None and version not in found:
        found.append(version)
        version = _successors.get((storage.name, name, version))
    return found


def _spellings(name: str) -> set[str]:
    try:
        return set(names.spellings(name))
    except InvalidPath:
        return {name}


# What this process knows, the newest only: which versions were saved with a document or row, when, and in which place;
# and which version of its own replaced one when the change failed.
_saved: dict[tuple[str, str, str | None], tuple[datetime, Owner]] = {}
_successors: dict[tuple[str, str, str | None], str | None] = {}
_lock = threading.Lock()
_MOST = 1000


def _succeed(storage: Storage, name: str, version: str | None, successor: str | None) -> None:
    _remember(_successors, (storage.name, name, version), successor)
    for known in (version, None):
        if (note := _saved.get((storage.name, name, known))) is not None:
            _remember(_saved, (storage.name, name, successor), note)
            return


def _remember(memory: dict[tuple[str, str, str | None], Any], key: tuple[str, str, str | None], value: Any) -> None:
    with _lock:
        # last again, because the first go
        memory.pop(key, None)
        memory[key] = value
        while len(memory) > _MOST:
            del memory[next(iter(memory))]
