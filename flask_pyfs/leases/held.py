"""A lease whose holder tells again and again that it lives."""

from __future__ import annotations

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import io
import math
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from fs import errors

from ..filesystems.store import OtherVersion, StoreFS
from ..names import Reserved
from .shared import FIRST_PAUSE, LONGEST_PAUSE, Busy, look, remove

__all__ = ["Held", "held"]


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
        return look(self._store, self._path)[1].startswith(self._token)

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
        if self._version is not None or self.is_held():
            remove(self._store, self._path, self._version)


def held(store: StoreFS, path: Reserved, is_done: Callable[[], bool], *, silence: float) -> Held | None:
    """Wait until a lease is free, or its holder is dead, and take it. Return None if there is nothing to do any more.

    Errors are ``fs.errors``. One request if it is free; each look at that of another costs one, and those of
    ``is_done``.

    :param path: where the lease is.
    :param is_done: whether what the lease is for was done by another.
    :param silence: see :class:`Held`.
    :raises Busy: if another holder is alive.
    """
    lease, pause = Held(store, path, silence), FIRST_PAUSE
    since, until, seen = 0.0, math.inf, None
    while not lease.taken():
        if is_done():
            return None
        facts, said = look(store, path)
        now = time.monotonic()
        # not before: a store may take long to answer the first time
        until = min(until, now + 2 * silence)
        if facts is None:
            # it was released in between
            seen, since = None, now
        elif said != seen and seen is not None:
            raise Busy(path)
        elif seen is None:
            seen, since = said, now
        elif now - since >= silence:
            remove(store, path, facts.version)
            continue
        if now >= until:
            raise Busy(path)
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return lease
