"""What a store without notes keeps of its names, beside the files, and the locks of the names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from io import BytesIO
from typing import Protocol

from fs import errors

from ...names import RESERVED, Reserved
from ..store import StoreFS

__all__ = ["DirectoryShelf", "MemoryShelf", "Shelf"]

#: The reserved directory of a shelf, below the root of its store.
PLACE = f"{RESERVED}/migrating/beside"


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

    def locked(self, *names: str, shared: bool = False) -> AbstractContextManager[None]:
        """Hold the locks of names, which each has in common with some others, against all processes of the store.

        :param shared: share them with others that only look.
        """


class _Kept:
    def __init__(self, store: StoreFS) -> None:
        self._store = store

    def write(self, room: str, name: str, text: bytes) -> None:
        self._store.put(_reserved(room, name), BytesIO(text))

    def remove(self, room: str, name: str) -> None:
        self._store.delete_tree(_reserved(room, name))


class MemoryShelf(_Kept):
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
        for path in self._store.iter_files(f"{PLACE}/{room}/"):
            yield path.rpartition("/")[2]

    @contextmanager
    def locked(self, *names: str, shared: bool = False) -> Iterator[None]:
        with self._lock():
            yield


class DirectoryShelf(_Kept):
    """The shelf of a directory of the operating system. Its locks are those of ``flock``, on 256 files.

    The system releases the lock of a process that dies.
    """

    def read(self, room: str, name: str) -> bytes | None:
        try:
            descriptor = os.open(self._place(room, name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb", buffering=0) as file:
            return file.read()

    def names(self, room: str) -> Iterator[str]:
        top = self._store.getsyspath("/")
        with suppress(FileNotFoundError):
            for directory in os.listdir(f"{top}/{PLACE}/{room}"):
                yield from os.listdir(f"{top}/{PLACE}/{room}/{directory}")

    @contextmanager
    def locked(self, *names: str, shared: bool = False) -> Iterator[None]:
        with ExitStack() as held:
            # in one order for all, so that no two wait for each other
            for lock in sorted({name[:2] for name in names}):
                held.enter_context(self._locked(lock, shared=shared))
            yield

    @contextmanager
    def _locked(self, lock: str, *, shared: bool) -> Iterator[None]:
        # of POSIX alone, as this store
        import fcntl

        descriptor = self._opened(lock, make=not shared)
        if descriptor is None:
            # nobody ever locked it, so nothing was ever on the shelf
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            try:
                yield
            finally:
                # a child that was forked meanwhile has the descriptor too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _opened(self, lock: str, *, make: bool) -> int | None:
        while True:
            try:
                return os.open(self._place("locks", lock), os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                if not make:
                    return None
            with suppress(errors.FileExists):
                self._store.put(_reserved("locks", lock), BytesIO(), overwrite=False)

    def _place(self, room: str, name: str) -> str:
        return f"{self._store.getsyspath('/')}/{_reserved(room, name)}"


def _reserved(room: str, name: str) -> Reserved:
    return Reserved(f"{PLACE}/{room}/{name[:2]}/{name}")
