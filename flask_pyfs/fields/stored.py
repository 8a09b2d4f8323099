"""Files that documents and rows no longer reference, or that were stored for a change that failed.

They are removed by their versions, never by their names alone: another process may have stored another file under the
name in the meantime.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

from ..backends.contract import StoredName
from ..errors import FileNotFound, FSError, VersionChanged
from ..filesystems.store import Facts
from ..signals import file_uploaded
from ..state import find
from ..storage import Storage

log = logging.getLogger(__name__)

# some stores keep whole seconds, rounded down, and the clock of a file system lags by a tick
_SECOND, _TICK = timedelta(seconds=1), timedelta(milliseconds=20)

# when this process stored what, which it knows better than the store; the oldest are forgotten
_moments: dict[tuple[str, str, str | None], datetime] = {}
_MOMENTS = 1000


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

    def remove(self) -> None:
        """Delete the file if it still is this version. A failure is logged, because the change itself is done."""
        try:
            if self.version is None:
                self.storage.delete(self.name)
            elif not self.storage.delete_version(self.name, self.version):
                log.info("%r in storage %r has another version, and stays", self.name, self.storage.name)
        except Exception:
            # the store or a listener of file_deleted failed; other files must still be deleted
            log.warning("could not delete %r in storage %r", self.name, self.storage.name, exc_info=True)


@dataclass(frozen=True)
class NewFile(StoredFile):
    """A file that was stored for a change that may still fail.

    :param moved_from: the name that its content had before another content replaced it there; None for new content.
    :param replaced_by: the version of that other content.
    """

    moved_from: str | None = None
    replaced_by: str | None = None

    def undo(self) -> None:
        """Delete the file, or move its content back. A failure is logged."""
        if self.moved_from is None or self._is_back(self.moved_from):
            self.remove()

    def _is_back(self, name: str) -> bool:
        try:
            with self.storage.open(self.name, "rb") as content:
                if self.replaced_by is None:
                    self.storage.write(name, content, overwrite=True)
                else:
                    self.storage.replace_version(name, content, self.replaced_by)
        except VersionChanged:
            log.info("%r in storage %r has another version, and stays", name, self.storage.name)
        except Exception:
            log.warning("could not move %r in storage %r back to %r", self.name, self.storage.name, name, exc_info=True)
            return False
        return True


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
    stored = find(storage).operations.write(name, content, overwrite=False)
    file_uploaded.send(storage, filename=name)
    return StoredName(name, getattr(stored, "version", None))


def stored_file(storage: Storage, name: str, version: str | None, since: datetime | None = None) -> StoredFile | None:
    """Return the version of a file that a document or row references, or None if there is nothing to remove.

    Makes one request to the store if the version is not known.

    :param version: the version, if the document or row knows it.
    :param since: when the document was loaded. A file that was stored later is another's.
    """
    if version is not None:
        return StoredFile(storage, name, version)
    try:
        facts = find(storage).operations.facts(name)
    except FileNotFound:
        return None
    except FSError:
        log.warning(
            "could not find out the version of %r in storage %r, so it stays", name, storage.name, exc_info=True
        )
        return None
    if facts is None:
        return StoredFile(storage, name, None)
    if since is not None and _stored_at(storage, name, facts) > since:
        log.info("%r in storage %r was stored again, and stays", name, storage.name)
        return None
    return StoredFile(storage, name, facts.version)


def versions_of(storage: Storage, *stored: StoredName) -> dict[str, str]:
    """Return the versions of files that were just stored, by name, as far as the backend knows them."""
    now = datetime.now(timezone.utc)
    for name in stored:
        _moments[storage.name, str(name), name.version] = now
    while len(_moments) > _MOMENTS:
        _moments.pop(next(iter(_moments)), None)
    return {str(name): name.version for name in stored if name.version}


def _stored_at(storage: Storage, name: str, facts: Facts) -> datetime:
    moment = _moments.get((storage.name, name, facts.version))
    if moment is not None or facts.modified is None:
        return moment or datetime.min.replace(tzinfo=timezone.utc)
    # the latest moment that the time of the store can mean
    return facts.modified + (_SECOND if facts.modified.microsecond == 0 else _TICK)
