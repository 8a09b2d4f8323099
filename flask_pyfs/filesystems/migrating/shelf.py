"""What a store without notes keeps of its names, beside the files, and the locks of the names."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from io import BytesIO
from typing import Protocol

from fs import errors

from ...errors import StoreMisconfigured, shortened
from ...names import RESERVED, Reserved
from ..store import MIGRATING, StoreFS

__all__ = ["DirectoryShelf", "MemoryShelf", "Shelf"]

# where all of it lies, below the root of the store
_PLACE = f"{MIGRATING}/beside"

_LOCKS = "locks"

# in bytes, of a text with any path that a system has
_LONGEST = 64 * 1024


class Shelf(Protocol):
    """Short texts under names of 64 hexadecimal digits, in several rooms. Errors are ``fs.errors``."""

    def read(self, room: str, name: str) -> bytes | None:
        """Return the text, or None."""

    def write(self, room: str, name: str, text: bytes) -> None:
        """Store a text, in one step."""

    def remove(self, room: str, name: str) -> None:
        """Remove a text. A missing one is no error."""

    def names(self, room: str) -> Iterator[str]:
        """Iterate over the names in a room, in no particular order."""

    def locked(self, *names: str) -> AbstractContextManager[None]:
        """Hold the locks of names, which each has in common with some others, against all processes of the store."""

    def seen(self, name: str) -> AbstractContextManager[bool]:
        """Hold the lock of a name as others may too who only look. The block is told whether it was ever locked: if
        not, there never was a text of that name.
        """

    def clear(self) -> None:
        """Remove all texts and locks."""


class _Beside:
    """Writes the texts as the store writes its files.

    :param store: the store.
    """

    def __init__(self, store: StoreFS) -> None:
        self._store = store

    def write(self, room: str, name: str, text: bytes) -> None:
        self._store.put(_reserved(room, name), BytesIO(text))

    def remove(self, room: str, name: str) -> None:
        self._store.delete_tree(_reserved(room, name))


class MemoryShelf(_Beside):
    """The shelf of a filesystem in memory. All its locks are one.

    :param lock: returns the lock of that filesystem.
    """

    def __init__(self, store: StoreFS, lock: Callable[[], AbstractContextManager[object]]) -> None:
        super().__init__(store)
        self._lock = lock

    def read(self, room: str, name: str) -> bytes | None:
        try:
            return self._store.read_file(_reserved(room, name))
        except errors.ResourceNotFound:
            return None

    def names(self, room: str) -> Iterator[str]:
        for path in self._store.iter_files(f"{_PLACE}/{room}/"):
            yield path.rpartition("/")[2]

    @contextmanager
    def locked(self, *names: str) -> Iterator[None]:
        with self._lock():
            yield

    @contextmanager
    def seen(self, name: str) -> Iterator[bool]:
        with self._lock():
            yield True

    def clear(self) -> None:
        self._store.delete_tree(Reserved(_PLACE))


class DirectoryShelf(_Beside):
    """The shelf of a directory of the operating system. Its locks are those of ``flock``, on 256 files.

    The system releases the locks of a process that dies. On a disk of the network, they hold between machines if that
    passes them on, as NFS does from Linux 2.6.12 on unless it is mounted with ``nolock`` or ``local_lock``; otherwise
    they hold between the processes of each machine.

    :param store: the store.
    :param top: returns the path of its root in the operating system.
    """

    def __init__(self, store: StoreFS, top: Callable[[], str]) -> None:
        super().__init__(store)
        self._top = top

    def read(self, room: str, name: str) -> bytes | None:
        try:
            descriptor = os.open(self._place(room, name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return os.read(descriptor, _LONGEST)
        finally:
            os.close(descriptor)

    def names(self, room: str) -> Iterator[str]:
        for directory in self._listed(room):
            yield from self._listed(f"{room}/{directory}")

    def _listed(self, directory: str) -> list[str]:
        try:
            return os.listdir(f"{self._top()}/{_PLACE}/{directory}")
        except FileNotFoundError:
            return []

    @contextmanager
    def locked(self, *names: str) -> Iterator[None]:
        with ExitStack() as held:
            # in one order for all, so that no two wait for each other
            for lock in sorted({name[:2] for name in names}):
                held.enter_context(self._held(lock))
            yield

    @contextmanager
    def seen(self, name: str) -> Iterator[bool]:
        with self._held(name[:2], shared=True) as is_used:
            yield is_used

    @contextmanager
    def _held(self, lock: str, *, shared: bool = False) -> Iterator[bool]:
        # of POSIX alone, as this store
        import fcntl

        while True:
            descriptor = self._opened(lock, make=not shared)
            if descriptor is None:
                yield False
                return
            try:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
                except OSError as error:
                    raise self._unlockable(error) from error
                try:
                    # a lock that was removed meanwhile locks nothing
                    if os.fstat(descriptor).st_nlink:
                        yield True
                        return
                finally:
                    # a child that was forked meanwhile has the descriptor too
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
            finally:
                os.close(descriptor)

    def _opened(self, lock: str, *, make: bool) -> int | None:
        # who only looks may be another user, who may not write; NFS locks alone only what is open for writing
        flags = os.O_RDWR if make else os.O_RDONLY
        while True:
            try:
                return os.open(self._place(_LOCKS, lock), flags | os.O_CLOEXEC)
            except FileNotFoundError:
                if not make:
                    return None
            with suppress(errors.FileExists):
                self._make(_reserved(_LOCKS, lock))

    def _make(self, lock: Reserved) -> None:
        """Make the file of a lock. Who may write to its directory may lock it, whatever the mode of files is."""
        staged = Reserved(f"{RESERVED}/{secrets.token_hex(12)}")
        self._store.put(staged, BytesIO())
        try:
            place = f"{self._top()}/{staged}"
            os.chmod(place, os.stat(os.path.dirname(place)).st_mode & 0o666)
            self._store.move_file(staged, lock, overwrite=False)
        finally:
            self._store.delete_tree(staged)

    def _unlockable(self, error: OSError) -> StoreMisconfigured:
        shown = shortened(repr(self._top()), 160).replace("{", "{{").replace("}", "}}")
        return StoreMisconfigured(
            f"files of {shown} cannot be locked ({error.strerror}), and a migration to it needs that: mount it with "
            "locks, or migrate to another directory"
        )

    def clear(self) -> None:
        for room in self._listed(""):
            if room != _LOCKS:
                self._store.delete_tree(Reserved(f"{_PLACE}/{room}"))
        for lock in self._listed(_LOCKS):
            with self._held(lock):
                self._store.delete_tree(_reserved(_LOCKS, lock))
        for directory, _, _ in os.walk(f"{self._top()}/{_PLACE}", topdown=False):
            # one that is written to meanwhile stays
            with suppress(OSError):
                os.rmdir(directory)

    def _place(self, room: str, name: str) -> str:
        return f"{self._top()}/{_reserved(room, name)}"


def _reserved(room: str, name: str) -> Reserved:
    return Reserved(f"{_PLACE}/{room}/{name[:2]}/{name}")
