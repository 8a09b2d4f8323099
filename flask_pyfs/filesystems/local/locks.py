"""Locks of directories: while a file is changed on a condition, no other file gets its name.

They are those of ``flock``, on the directories themselves. The system releases them when a process dies, also on the
disks of a network, where they hold between the processes of each machine.
"""

from __future__ import annotations

import fcntl
import os
import time

__all__ = ["PATIENCE", "Locks"]

#: How long a lock is awaited, in seconds. Who holds it longer was stopped, or its disk hangs.
PATIENCE = 2.0

# how long nobody waits after that, in seconds
_RESIGNATION = 60.0

# between two attempts, in seconds: a lock is held for some microseconds
_SHORTEST, _LONGEST = 0.0001, 0.01

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


class Locks:
    """The locks of the directories of a tree.

    They shorten the time in which others see a step that is taken back, and no more: what must not be lost is not lost
    without them either. So a directory that cannot be locked is not, and nobody waits for ever.
    """

    def __init__(self) -> None:
        # until when nobody waits, for each kind of lock
        self._resigned: dict[int, float] = {}

    def naming(self, path: str) -> _Held:
        """Hold the lock of the directory of a file, as others may too, while the file gets its name."""
        return _Held(self, path, fcntl.LOCK_SH)

    def judging(self, path: str) -> _Held:
        """Hold the lock of the directory of a file alone, from the look at the file until it is changed."""
        return _Held(self, path, fcntl.LOCK_EX)

    def wait(self, descriptor: int, kind: int) -> None:
        """Wait for a lock that another one holds, but not for ever."""
        began, pause = time.monotonic(), _SHORTEST
        if began < self._resigned.get(kind, began):
            return
        while time.monotonic() - began < PATIENCE:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
            if _is_locked(descriptor, kind):
                return
        self._resigned[kind] = time.monotonic() + _RESIGNATION


class _Held:
    # a generator takes a microsecond more, of each write

    __slots__ = ("_descriptor", "_kind", "_locks", "_path")

    def __init__(self, locks: Locks, path: str, kind: int) -> None:
        self._locks = locks
        self._path = path
        self._kind = kind

    def __enter__(self) -> None:
        try:
            # another one each time: threads that shared one would share its lock
            self._descriptor = os.open(self._path.rpartition("/")[0] or "/", _DIRECTORY)
        except OSError:
            # it is missing, or may not be read
            self._descriptor = -1
            return
        try:
            if not _is_locked(self._descriptor, self._kind):
                self._locks.wait(self._descriptor, self._kind)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __exit__(self, *error: object) -> None:
        if self._descriptor < 0:
            return
        try:
            # a child that was forked meanwhile has the descriptor too
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        except OSError:
            pass
        finally:
            os.close(self._descriptor)


def _is_locked(descriptor: int, kind: int) -> bool:
    """Return whether a lock need not be awaited."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # the file system has no locks
        pass
    return True
