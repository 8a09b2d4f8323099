"""Lets one do what is to be done once, while the others wait for it: its lease expires after a time."""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

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

from ..backends.base import BaseBackend
from ..errors import FSError, OperationNotSupported, UnauthorizedFileType, translated
from ..filesystems.store import OtherVersion, StoreFS
from ..names import Reserved
from ..state import State
from .shared import FIRST_PAUSE, LONGEST_PAUSE, Busy, look, remove

__all__ = ["once"]

# what a lease says whose holder could not do it; the sentence for people follows
_FAILED = b"failed: "


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
    until, pause = time.monotonic() + patience, FIRST_PAUSE
    while (lease := _taken(state, key, lifetime, until)) is None:
        if is_done():
            return
        if time.monotonic() >= until:
            raise Busy(key)
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
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
            # it may have expired, and be another's
            remove(self.store, self.path, self.version)

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
        return lease if look(store, path)[1] == token else None


def _store_of(state: State) -> StoreFS | None:
    try:
        return state.backend.store if isinstance(state.backend, BaseBackend) else None
    except OperationNotSupported:
        return None


def _look_at(store: StoreFS, path: Reserved, lifetime: float, storage: str) -> None:
    """Delete a lease that has expired.

    :raises UnauthorizedFileType: if its holder could not do it.
    """
    facts, content = look(store, path)
    if facts is None:
        return
    now = datetime.now(timezone.utc)
    if ((now - (facts.modified or now)).total_seconds()) > lifetime:
        remove(store, path, facts.version)
    elif content.startswith(_FAILED):
        message = content[len(_FAILED) :].decode()
        raise UnauthorizedFileType(
            f"the image could not be rendered {int((now - (facts.modified or now)).total_seconds())} seconds ago: "
            f"{message}",
            storage=storage,
            user_message=message,
        )
