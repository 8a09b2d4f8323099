"""Lets one of many threads, processes and machines do something with a storage, by a file under a reserved name."""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import hashlib
import io
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone

from fs import errors

from .backends.base import BaseBackend
from .errors import FSError, OperationNotSupported, UnauthorizedFileType, translated
from .filesystems.store import Facts, OtherVersion, StoreFS
from .names import Reserved
from .state import State

# what a lease says whose holder could not do it; the sentence for people follows
_FAILED = b"failed: "

# in seconds
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5


class Busy(Exception):
    """Another holder of the lease is still at it."""


def once(
    state: State,
    key: str,
    make: Callable[[], None],
    is_done: Callable[[], bool],
    *,
    lifetime: float,
    patience: float,
) -> None:
    """Call ``make`` unless it is done already. Of all who want that at once, one calls it, and the others wait.

    If the holder's process dies, another takes over when the lease expires. If ``make`` raises UnauthorizedFileType,
    nobody tries again until then, and all get that error.

    Requests on S3, of who makes it: one takes the lease, one looks at it again and one deletes it, besides those of
    ``make`` and ``is_done``; on Swift, one more reads the lease after a pause. Who waits makes two each time that it
    looks, and those of ``is_done``. A backend that was written for Flask-FS has no leases: one thread of each process
    calls ``make`` there.

    :param key: what is to be done, the same for all.
    :param is_done: whether it is done. It is asked again by who has got the lease.
    :param lifetime: for how long a lease is respected, in seconds, by the store's clock and this machine's.
    :param patience: how long to wait for another, in seconds.
    :raises Busy: if another has not finished by then, or if the store is too slow to tell by then who is first.
    """
    until, pause = time.monotonic() + patience, _FIRST_PAUSE
    while (lease := _taken(state, key, lifetime, until)) is None:
        if is_done():
            return
        if time.monotonic() >= until:
            raise Busy(key)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    try:
        if not is_done():
            make()
    except UnauthorizedFileType as error:
        lease.fail(error)
        raise
    except BaseException:
        lease.release()
        raise
    lease.release()


@dataclass
class _StoredLease:
    store: StoreFS
    path: Reserved
    version: str | None
    storage: str

    def release(self) -> None:
        with translated(self.storage):
            if self.version is None:
                self.store.delete_tree(self.path)
            else:
                # it may have expired, and be another's
                self.store.delete_version(self.path, self.version)

    def fail(self, error: FSError) -> None:
        content = io.BytesIO(_FAILED + str(error.user_message).encode())
        with translated(self.storage):
            if self.version is None:
                self.store.put(self.path, content)
                return
            with suppress(OtherVersion):
                self.store.replace_version(self.path, content, self.version)


class _ThreadLease:
    """A lease in this process alone."""

    _held: set[tuple[int, str]] = set()
    _lock = threading.Lock()

    def __init__(self, key: tuple[int, str]) -> None:
        self._key = key

    @classmethod
    def taken(cls, key: tuple[int, str]) -> _ThreadLease | None:
        with cls._lock:
            if key in cls._held:
                return None
            cls._held.add(key)
        return cls(key)

    def release(self) -> None:
        with self._lock:
            self._held.discard(self._key)

    def fail(self, error: FSError) -> None:
        self.release()


def _taken(state: State, key: str, lifetime: float, until: float) -> _StoredLease | _ThreadLease | None:
    storage = state.storage.name
    store = _store_of(state)
    if store is None:
        return _ThreadLease.taken((id(state.backend), key))
    path = Reserved.of(
        state.backend.prefix, hashlib.sha256(f"{storage}/{key}".encode(errors="surrogateescape")).hexdigest()
    )
    token, began = secrets.token_bytes(16), time.monotonic()
    with translated(storage):
        try:
            version = store.put(path, io.BytesIO(token), overwrite=False)
        except errors.FileExists:
            _look_at(store, path, lifetime, storage)
            return None
    lease = _StoredLease(store, path, version, storage)
    if not store.settling:
        return lease
    # who looked before this write was there may write after it; what is there then is the only one
    now = time.monotonic()
    pause = max(store.settling, 4 * (now - began))
    if now + pause > until:
        # only its own: who writes after that look waits longer than the deletion takes
        lease.release()
        raise Busy(key)
    time.sleep(pause)
    with translated(storage):
        return lease if _content(store, path) == token else None


def _store_of(state: State) -> StoreFS | None:
    try:
        return state.backend.store if isinstance(state.backend, BaseBackend) else None
    except OperationNotSupported:
        return None


def _content(store: StoreFS, path: Reserved) -> bytes | None:
    try:
        return store.read_file(path)
    except errors.ResourceNotFound:
        return None


def _look_at(store: StoreFS, path: Reserved, lifetime: float, storage: str) -> None:
    """Delete a lease that has expired.

    :raises UnauthorizedFileType: if its holder could not do it.
    """
    try:
        facts, file = store.fetch(path)
        with file:
            content = file.read()
    except errors.ResourceNotFound:
        return
    now = datetime.now(timezone.utc)
    if ((now - (facts.modified or now)).total_seconds()) > lifetime:
        if facts.version is None:
            store.delete_tree(path)
        else:
            store.delete_version(path, facts.version)
    elif content.startswith(_FAILED):
        message = content[len(_FAILED) :].decode()
        raise UnauthorizedFileType(
            f"the image could not be rendered {int((now - (facts.modified or now)).total_seconds())} seconds ago: "
            f"{message}",
            storage=storage,
            user_message=message,
        )


class Held:
    """A lease that its holder writes again and again as long as it lives, however long that is.

    Who waits for it compares what it says with what it said before, so that no two clocks need agree.

    :param store: the store.
    :param path: where the lease is.
    :param silence: for how long the holder may write nothing until others may take it for dead, in seconds.
    """

    def __init__(self, store: StoreFS, path: Reserved, silence: float) -> None:
        self._store, self._path, self._interval = store, path, silence / 4
        self._token = secrets.token_hex(16).encode()
        self._version: str | None = None
        self._is_over = threading.Event()
        # a write that is under way ends before the lease is given up, so that it does not make it again
        self._writing = threading.Lock()

    def taken(self) -> bool:
        """Take the lease, and keep it in a thread, if it is free. One request; where the store does not decide who is
        first, another after a pause.
        """
        began = time.monotonic()
        try:
            self._version = self._store.put(self._path, io.BytesIO(self._token), overwrite=False)
        except errors.FileExists:
            return False
        if self._store.settling:
            time.sleep(max(self._store.settling, 4 * (time.monotonic() - began)))
            if not self.is_held():
                return False
        threading.Thread(target=self._keep, name="flask_pyfs lease", daemon=True).start()
        return True

    def _keep(self) -> None:
        number = 0
        while not self._is_over.wait(self._interval):
            number += 1
            with self._writing, suppress(errors.FSError):
                if self._is_over.is_set():
                    return
                content = io.BytesIO(b"%s %d" % (self._token, number))
                if self._version is None:
                    self._store.put(self._path, content)
                    continue
                try:
                    self._version = self._store.replace_version(self._path, content, self._version)
                except OtherVersion:
                    # another has taken this process for dead
                    return

    def is_held(self) -> bool:
        """Return whether nobody else has taken the lease. One request."""
        return (_content(self._store, self._path) or b"").startswith(self._token)

    def end(self) -> None:
        """Do not write it any more. No request; who has removed the lease by other means calls this before."""
        self._is_over.set()
        with self._writing:
            pass

    def release(self) -> None:
        """Let others have it. One request, or two; none after :meth:`end`."""
        if self._is_over.is_set():
            return
        self.end()
        if self._version is not None:
            self._store.delete_version(self._path, self._version)
        elif self.is_held():
            self._store.delete_tree(self._path)


def held(store: StoreFS, path: Reserved, is_done: Callable[[], bool], *, silence: float) -> Held | None:
    """Wait until a lease is free, or its holder is dead, and take it. Return None if there is nothing to do any more.

    Errors are ``fs.errors``. One request if it is free; each look at that of another costs one, and those of
    ``is_done``.

    :param path: where the lease is.
    :param is_done: whether what the lease is for was done by another.
    :param silence: see :class:`Held`.
    :raises Busy: if another holder is alive.
    """
    lease, pause, since = Held(store, path, silence), _FIRST_PAUSE, time.monotonic()
    until, seen = since + 2 * silence, None
    while not lease.taken():
        if is_done():
            return None
        facts, said = _said(store, path)
        now = time.monotonic()
        if facts is None:
            # it was released in between
            seen, since = None, now
        elif said != seen and seen is not None:
            raise Busy(path)
        elif seen is None:
            seen, since = said, now
        elif now - since >= silence:
            if facts.version is None:
                store.delete_tree(path)
            else:
                store.delete_version(path, facts.version)
            continue
        if now >= until:
            raise Busy(path)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return lease


def _said(store: StoreFS, path: Reserved) -> tuple[Facts | None, bytes]:
    try:
        facts, file = store.fetch(path)
    except errors.ResourceNotFound:
        return None, b""
    with file:
        return facts, file.read()
