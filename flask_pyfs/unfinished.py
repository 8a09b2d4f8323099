"""What a store keeps of an upload that is not finished: a directory of its own, under a reserved name.

``PREFIX/.flask_pyfs/uploads/<identifier>/`` has ``open/`` with all that the upload needs until it is finished, and then
one of two files, with which it never changes any more: ``done`` says what it has become, ``ended`` that it was
cancelled or refused.
"""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import io
import json
import secrets
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from fs import errors

from .backends.base import BaseBackend
from .backends.contract import StoredName
from .errors import (
    FileExists,
    FileNotFound,
    FileTooLarge,
    FSError,
    OperationNotSupported,
    UnauthorizedFileType,
    translated,
)
from .filesystems.store import OPEN, PART, UPLOADS, Facts, StoreFS
from .leases.held import Held, held
from .leases.shared import Busy
from .names import Reserved
from .state import State

__all__ = ["Busy", "Ended", "Found", "Unfinished", "new_identifier"]

#: How long a worker that finishes an upload may be silent until another takes it for dead, in seconds. It tells that it
#: lives four times as often.
SILENCE = 6.0

# what ends an upload: the same content would be refused again
_REFUSALS = {kind.__name__: kind for kind in (UnauthorizedFileType, FileTooLarge, FileExists)}

_DONE, _ENDED, _BEGUN, _LEASE = "done", "ended", "begun", "lease"


class Ended(Exception):
    """The upload was cancelled or has expired."""


def new_identifier() -> str:
    """Return the identifier of a new upload, which nobody can guess."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Found:
    """What is in the directory of an upload.

    :param files: the files by their names in the directory, each with what the listing tells.
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
        return _BEGUN in self.files

    def require_open(self) -> None:
        """Raise the error of an upload that has ended without a file.

        :raises Ended: if it was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: the refusal.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.is_ended:
            raise Ended


class Unfinished:
    """An upload that is not finished. All that is known of it is in the store, so any worker of any machine may go on
    with it.

    :param state: the state of the storage.
    :param identifier: what :func:`new_identifier` returned.
    :param began: when it began by the clock of this machine, if that is known. It lives at least UPLOAD_LIFETIME
        from then, also if the clock of the store is behind.
    :param becomes: the name of the file whose content comes in pieces, and how many bytes it will have, or None if that
        is not known when it begins. Each time the same; None if it comes in another way.
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

    def path(self, name: str) -> Reserved:
        """Return the path of a file in the directory of this upload. All these files are removed when it ends.

        :param name: any but ``begun`` and ``lease``.
        """
        return self._path(OPEN + name)

    def _path(self, name: str) -> Reserved:
        return Reserved(f"{self._directory}/{name}")

    def look(self) -> Found:
        """Return what is there. One listing; one more request if the upload is finished or was ended."""
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

    @property
    def lifetime(self) -> timedelta:
        """How long it lives after its newest file was written, or after its beginning: UPLOAD_LIFETIME."""
        return timedelta(seconds=self._state.config["upload_lifetime"])

    def finish_once(
        self, finish: Callable[[bool], StoredName], *, plan: bytes | None = b"", length: int | None = None
    ) -> StoredName:
        """Finish the upload, unless that was done before, remember what it has become, and remove the rest.

        Of several workers that want it at once, one does it. A worker that is killed leaves nothing that the next one
        cannot finish: if it is silent for :data:`SILENCE`, the next one takes over.

        :param finish: stores the file. It is told whether another worker may have begun to do so, and was killed: then
            a file of that name may be what it has stored.
        :param plan: what who begins wants whoever finishes to know; see :meth:`plan`. None goes on with what another
            has begun.
        :param length: how many bytes the upload has, for :attr:`Found.length`.
        :raises Busy: if another worker is at it.
        :raises Ended: if the upload was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: as ``finish`` raises it. A refused file (UnauthorizedFileType, FileTooLarge,
            FileExists) ends the upload, and its content is removed.
        """
        over: list[StoredName] = []

        def is_over() -> bool:
            found = self.look()
            found.require_open()
            over.extend([found.stored] if found.stored is not None else [])
            return bool(over)

        lease = self._leased(is_over)
        if lease is None:
            return over[0]
        try:
            return self._finish(lease, finish, plan, length)
        except BaseException:
            with suppress(errors.FSError):
                lease.release()
            raise

    def plan(self) -> bytes:
        """Return the plan of who began first to finish. One request."""
        with translated(self._name):
            return self.store.read_file(self.path(_BEGUN))

    def _leased(self, is_over: Callable[[], bool]) -> Held | None:
        with translated(self._name):
            return held(self.store, self.path(_LEASE), is_over, silence=SILENCE)

    def _finish(
        self, lease: Held, finish: Callable[[bool], StoredName], plan: bytes | None, length: int | None
    ) -> StoredName:
        is_again = plan is None or not self._begin(plan)
        # after that: who cancels it writes first, and looks then whether somebody has begun
        found = self.look()
        if found.stored is None and not found.is_ended:
            try:
                stored = finish(is_again)
            except tuple(_REFUSALS.values()) as error:
                return self._refused(lease, error, is_sure=not is_again)
            except FileNotFound as error:
                # its files were removed: another has finished or cancelled it, which the store may not show yet
                found = self.look()
                if found.stored is None and not found.is_ended:
                    raise Ended from error
            else:
                self._put(_DONE, _written(stored, length))
                self._clear(lease)
                return stored
        self._clear(lease, is_sure=found.stored is not None or not is_again)
        found.require_open()
        assert found.stored is not None
        return found.stored

    def _begin(self, plan: bytes) -> bool:
        """Write that somebody has begun to finish. Return False if that was written before."""
        try:
            with translated(self._name):
                self.store.put(self.path(_BEGUN), io.BytesIO(plan), overwrite=False)
        except FileExists:
            return False
        return True

    def _refused(self, lease: Held, error: FSError, *, is_sure: bool) -> StoredName:
        """End the upload, and raise the error; unless another has finished it, who took this worker for dead."""
        found = self.look()
        if found.stored is not None:
            lease.end()
            return found.stored
        with translated(self._name):
            if not lease.is_held():
                raise Busy from error
        kind = next(name for name, kind in _REFUSALS.items() if isinstance(error, kind))
        self._put(_ENDED, json.dumps([kind, str(error), error.user_message, error.path]).encode())
        self._clear(lease, is_sure=is_sure)
        raise error

    def cancel(self) -> None:
        """Remove the upload, so that nothing can go on with it. A file that it has become stays.

        :raises Ended: if that was done before, or it has expired.
        :raises Busy: if a worker is finishing it. Then it may become a file, but nothing is left of it besides.
        """
        before = self.look()
        if before.is_ended:
            raise Ended
        self._put(_ENDED, b"")
        files = self.look().files
        lease, has_begun = None, _LEASE in files or _BEGUN in files
        if has_begun:
            # who has begun before may not have seen that it has ended
            lease = self._leased(lambda: not self.look().files)
        self._clear(lease, is_sure=before.stored is not None or not has_begun)

    def clear(self, found: Found, taken: Container[str] = ()) -> None:
        """Remove what was left, by a worker that was killed or late, of an upload that has ended; unless a worker is at
        it. No request if nothing was.

        :param taken: what this worker may have stored after it had ended, which a listing may not show.
        """
        is_over = found.stored is not None or found.refusal is not None
        if (found.files or taken) and (is_over or _LEASE not in found.files):
            self._clear(None, is_sure=found.stored is not None or _BEGUN not in found.files)

    def _clear(self, lease: Held | None, *, is_sure: bool = True) -> None:
        """Remove all that the upload needs no longer.

        :param is_sure: whether no request to join the pieces can be under way any more. The store may still carry one
            out whose worker was killed, and the pieces would be parts of that file: then they stay until it is swept.
        """
        is_sure |= not self.store.joins_in_place
        # what cannot be removed now is removed by who looks next, or when it is swept
        with suppress(errors.FSError):
            if lease is not None and is_sure:
                lease.end()
            elif lease is not None:
                lease.release()
            if is_sure:
                self.store.delete_tree(self._path(OPEN.rstrip("/")))

    def _put(self, name: str, content: bytes) -> None:
        with translated(self._name):
            self.store.put(self._path(name), io.BytesIO(content))

    def _stored(self) -> tuple[StoredName, int | None]:
        with translated(self._name):
            name, version, size, kind, original, length = json.loads(self.store.read_file(self._path(_DONE)))
        stored = StoredName(name, version)
        stored.size, stored.content_type, stored.original_name = size, kind, original
        return stored, length

    def _refusal(self) -> FSError | None:
        with translated(self._name):
            content = self.store.read_file(self._path(_ENDED))
        if not content:
            return None
        kind, message, sentence, path = json.loads(content)
        return _REFUSALS[kind](message, path=path, storage=self._name, user_message=sentence)


def _written(stored: StoredName, length: int | None) -> bytes:
    known = [str(stored), stored.version, stored.size, stored.content_type, stored.original_name, length]
    return json.dumps(known).encode()
