"""Files of a storage as files of the operating system, for programs that want a path."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, BinaryIO

from .backends.handles import StorageFile
from .backends.overrides import call
from .errors import BackendError, FSError
from .filesystems.base import copy_stream
from .filesystems.store import DAY, Facts
from .state import State

_ATTEMPTS = 5
# no extension that a program knows is longer, and a name on a disk has at most 255 bytes
_LONGEST_EXTENSION = 64

_START = "flask_pyfs-copy-"


@contextmanager
def local_copy(state: State, name: str) -> Iterator[str]:
    """Yield the absolute path of a file: its own on a disk, else that of a copy, which the end of the block removes.
    The copy of an encrypted file is not encrypted, because a program is to read it. Nobody else may. Copies that killed
    processes left more than a day ago are removed.

    :param state: the state of the storage.
    :param name: a name that :func:`flask_pyfs.names.given` accepts.
    :raises OSError: if the copy cannot be written.
    """
    own = _own_path(state, name)
    if own is not None:
        yield own
        return
    extension = os.path.splitext(name)[1]
    suffix = extension if len(os.fsencode(extension)) <= _LONGEST_EXTENSION else ""
    _remove_left()
    descriptor, path = tempfile.mkstemp(suffix, _START)
    try:
        with os.fdopen(descriptor, "wb") as target:
            _copy(state, name, target)
        with _in_use(path):
            yield path
    finally:
        # the program may have moved it
        with suppress(FileNotFoundError):
            os.unlink(path)


@contextmanager
def _in_use(path: str) -> Iterator[None]:
    # the system releases the lock when the process dies
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # not all disks of a network have locks
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _remove_left() -> None:
    directory, before = tempfile.gettempdir(), time.time() - DAY
    with suppress(OSError):
        for name in os.listdir(directory):
            # another process may remove it at the same time, and those of other users stay
            with suppress(OSError):
                if name.startswith(_START):
                    _remove_if_left(os.path.join(directory, name), before)


def _remove_if_left(path: str, before: float) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if os.fstat(descriptor).st_mtime < before:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(descriptor)


def _own_path(state: State, name: str) -> str | None:
    if state.place_of(name) is None:
        return None
    # the file may have another spelling of the name
    known = call(state.operations.metadata, name, checksum=False)
    place = state.place_of(known.get("name", name))
    path = place and os.path.normpath(place.path)
    return path if path and os.path.isfile(path) else None


def _copy(state: State, name: str, target: BinaryIO) -> None:
    # a file may be replaced while it is copied, and some stores then have no more of the old one
    for _ in range(_ATTEMPTS):
        target.seek(0)
        target.truncate()
        begun: list[Facts] = []

        def copy(
            found: str, facts: Facts, file: BinaryIO, guard: AbstractContextManager[Any], begun: Any = begun
        ) -> None:
            begun.append(facts)
            # only reading: an error of the target, such as a full disk, is none of the store
            with StorageFile(file, guard) as source:
                copy_stream(source, target)

        try:
            state.operations.serve(name, copy, lambda: None)
        except FSError:
            if not begun or begun[0].version in (None, state.operations.version(name)):
                raise
        else:
            if target.tell() == begun[0].size:
                return
    message = (
        f"{name!r} in storage {state.storage.name!r} did not arrive whole, or changed all the time: try again later"
    )
    raise BackendError(message, path=name, storage=state.storage.name)
