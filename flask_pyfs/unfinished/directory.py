"""What a store keeps of an upload that is not finished: a directory of its own, under a reserved name.

``PREFIX/.flask_pyfs/uploads/<identifier>/`` has ``open/`` with all that the upload needs until it is finished, and then
one of two files, with which it never changes any more: ``done`` says what it has become, ``ended`` that it was
cancelled or refused.
"""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import io
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from ..backends.base import BaseBackend
from ..backends.contract import StoredName
from ..errors import FileExists, FileTooLarge, FSError, OperationNotSupported, UnauthorizedFileType, translated
from ..filesystems.store import OPEN, PART, UPLOADS, Facts, StoreFS
from ..names import Reserved
from ..state import State

__all__ = ["BEGUN", "INCOMING", "LEASE", "REFUSALS", "Directory", "Ended", "Found", "new_identifier"]

#: The file that a client has sent straight to the store, and may send again, as long as the store lets it.
INCOMING = "incoming"

#: The files that say that a worker has begun to finish the upload, and that one is at it, in ``open/``.
BEGUN, LEASE = "begun", "lease"

_DONE, _ENDED = "done", "ended"

# what ends an upload: the same content would be refused again
_KINDS = {kind.__name__: kind for kind in (UnauthorizedFileType, FileTooLarge, FileExists)}

#: The errors that end an upload.
REFUSALS = tuple(_KINDS.values())


class Ended(Exception):
    """The upload was cancelled or has expired."""


def new_identifier() -> str:
    """Return the identifier of a new upload, which nobody can guess."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Found:
    """What is in the directory of an upload.

    :param files: the files by their names in ``open/``, each with what the listing tells.
    :param stored: the file that the upload has become, or None if it is not finished.
    :param length: how many bytes it had when it was finished, which are not always as many as the file has.
    :param is_ended: whether it was cancelled or refused, or has expired.
    :param refusal: the error with which it was refused, or None.
    :param newest: when its newest file was written, or None if there is none or the store does not tell.
    """

    files: dict[str, Facts]
    stored: StoredName | None = None
    length: int | None = None
    is_ended: bool = False
    refusal: FSError | None = None
    newest: datetime | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a worker has begun to finish it."""
        return BEGUN in self.files

    def require_open(self) -> None:
        """Raise the error of an upload that has ended without a file.

        :raises Ended: if it was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: the refusal.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.is_ended:
            raise Ended


class Directory:
    """The directory of an upload. All that is known of the upload is there, so any worker of any machine may go on
    with it.

    :param state: the state of the storage.
    :param identifier: what :func:`new_identifier` returned.
    :param began: when it began by the clock of this machine, if that is known. It lives at least UPLOAD_LIFETIME
        from then, also if the clock of the store is behind.
    :param becomes: the name of the file that its pieces become, and how many bytes the file will have, or None if that
        is not known when it begins. A worker that gives others may not find the pieces. None if it has no pieces.
    :param options: the options of :meth:`StoreFS.for_upload`.
    :raises flask_pyfs.errors.OperationNotSupported: if the backend was written for Flask-FS.
    """

    def __init__(
        self,
        state: State,
        identifier: str,
        began: datetime | None = None,
        becomes: tuple[str, int | None] | None = None,
        **options: Any,
    ) -> None:
        self._state = state
        self._began = began
        self._becomes = becomes
        self._options = options
        self._name = state.storage.name
        backend = state.backend
        if not isinstance(backend, BaseBackend):
            message = f"{type(backend).__name__} was written for Flask-FS, and keeps no unfinished uploads"
            raise OperationNotSupported(message, storage=self._name)
        self._backend = backend
        self._above = f"{backend.prefix}/" if backend.prefix else ""
        self._directory = f"{self._above}{UPLOADS}/{identifier}"

    @cached_property
    def store(self) -> StoreFS:
        """The store, as this upload sees it. It keeps the pieces where they can become the file, if it can."""
        store = self._backend.store
        if self._becomes is None:
            return store
        name, length = self._becomes
        return store.for_upload(self._directory, self._above + name, length, **self._options)

    @property
    def elsewhere(self) -> dict[str, Any]:
        """The keyword arguments that tell an operation of the backend which store has the files of this upload: none if
        it is the store of the backend.
        """
        return {} if self.store is self._backend.store else {"store": self.store}

    @property
    def lifetime(self) -> timedelta:
        """How long it lives after its newest file was written, or after its beginning: UPLOAD_LIFETIME."""
        return timedelta(seconds=self._state.config["upload_lifetime"])

    def path(self, name: str) -> Reserved:
        """Return the path of a file in ``open/``. All these files are removed when the upload ends.

        :param name: any but ``begun`` and ``lease``, which are this package's own.
        """
        return self._path(OPEN + name)

    def _path(self, name: str) -> Reserved:
        return Reserved(f"{self._directory}/{name}")

    def look(self) -> Found:
        """Return what is there. One listing, and one of the pieces if they are elsewhere; one more request if the
        upload is finished or was ended.
        """
        with translated(self._name):
            listed = {path[len(self._directory) + 1 :]: facts for path, facts in self.store.iter_facts(self._path(""))}
        newest = max((facts.modified for facts in listed.values() if facts.modified is not None), default=None)
        files = {name[len(OPEN) :]: facts for name, facts in listed.items() if name.startswith(OPEN)}
        if _ENDED in listed:
            return Found(files, is_ended=True, refusal=self._refusal(), newest=newest)
        if self._has_expired(newest):
            return Found(files, is_ended=True, newest=newest)
        if _DONE not in listed:
            return Found(files, newest=newest)
        # the others are parts of the file by now
        files = {name: facts for name, facts in files.items() if not name.endswith(PART)}
        return Found(files, *self._stored(), newest=newest)

    def _has_expired(self, newest: datetime | None) -> bool:
        last = max(filter(None, (newest, self._began)), default=None)
        return last is not None and last + self.lifetime < datetime.now(timezone.utc)

    def _stored(self) -> tuple[StoredName, int | None]:
        name, version, size, kind, original, length = json.loads(self._read(_DONE))
        stored = StoredName(name, version)
        stored.size, stored.content_type, stored.original_name = size, kind, original
        return stored, length

    def _refusal(self) -> FSError | None:
        content = self._read(_ENDED)
        if not content:
            return None
        kind, message, sentence, path = json.loads(content)
        return _KINDS[kind](message, path=path, storage=self._name, user_message=sentence)

    def _read(self, name: str) -> bytes:
        with translated(self._name):
            return self.store.read_file(self._path(name))

    def plan(self) -> bytes:
        """Return the plan of the worker that has begun to finish. One request."""
        return self._read(OPEN + BEGUN)

    def write_done(self, stored: StoredName, length: int | None) -> None:
        """Write what the upload has become. One request.

        :param length: how many bytes it had.
        """
        known = [str(stored), stored.version, stored.size, stored.content_type, stored.original_name, length]
        self._write(_DONE, json.dumps(known).encode())

    def write_ended(self, error: FSError | None = None) -> None:
        """Write that the upload was cancelled, or refused with an error. One request."""
        if error is None:
            self._write(_ENDED, b"")
            return
        kind = next(name for name, kind in _KINDS.items() if isinstance(error, kind))
        self._write(_ENDED, json.dumps([kind, str(error), error.user_message, error.path]).encode())

    def write_begun(self, plan: bytes) -> bool:
        """Write that somebody has begun to finish. Return False if that was written before. One request."""
        try:
            self._write(OPEN + BEGUN, plan, overwrite=False)
        except FileExists:
            return False
        return True

    def _write(self, name: str, content: bytes, **options: Any) -> None:
        with translated(self._name):
            self.store.put(self._path(name), io.BytesIO(content), **options)

    def delete_open(self) -> None:
        """Delete ``open/``.

        :raises fs.errors.FSError: as ``delete_tree`` of the store does.
        """
        self.store.delete_tree(self._path(OPEN.rstrip("/")))
