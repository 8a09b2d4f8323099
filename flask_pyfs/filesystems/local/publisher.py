"""Atomic writes: a file is written under a temporary name, and gets its own name when it is complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import BinaryIO, cast

from fs import errors

from ..streams import PendingFile
from .entries import Entries
from .osfiles import holds, is_version, version_of
from .root import guarded
from .staging import Staging


class Publisher:
    """Gives complete files their names.

    Parameters named ``path`` are paths of the filesystem, for messages; all others are paths of the operating system.
    ``made`` are the facts of a complete file, as ``os.fstat`` returns them.

    :param staging: the place of the unfinished files.
    :param entries: the directories of their names.
    """

    def __init__(self, staging: Staging, entries: Entries) -> None:
        self._staging = staging
        self._entries = entries

    def pending(
        self, path: str, target: str, mode: str, buffering: int, overwrite: bool, *, make_parents: bool
    ) -> PendingFile:
        """Return a file object that gets its name when it is closed."""
        descriptor, temporary = self._staging.open()
        try:
            file = cast(BinaryIO, open(descriptor, mode, buffering))  # noqa: SIM115
        except BaseException:
            os.close(descriptor)
            self._staging.remove(temporary)
            raise

        def publish() -> None:
            with guarded(self._staging.root, "write", path):
                self._staging.finish_closed(temporary)
                made = os.lstat(temporary)
            self.publish(path, temporary, made, target, overwrite, make_parents=make_parents)

        return PendingFile(file, mode, publish, lambda: self._staging.remove(temporary))

    def copy(self, path: str, source: str, target: str, overwrite: bool, *, make_parents: bool) -> None:
        """Copy a file, with its permissions."""
        temporary, _, made = self._staging.duplicate(source)
        try:
            self.publish(path, temporary, made, target, overwrite, make_parents=make_parents)
        except BaseException:
            self._staging.remove(temporary)
            raise

    def publish(
        self, path: str, temporary: str, made: os.stat_result, target: str, overwrite: bool, *, make_parents: bool
    ) -> str:
        """Give a complete file its name, and return its version. Without ``overwrite``, only one of several writers of
        a name succeeds.

        :raises fs.errors.FileExists: without ``overwrite``, if the name is taken.
        :raises fs.errors.DirectoryExists: if the name is that of a directory.
        :raises fs.errors.DirectoryExpected: if a parent is a file.
        """
        self._staging.root.recognize(made)
        give = self._entries.replace if overwrite else self._entries.add
        return version_of(self._name(path, temporary, made, target, give, make_parents))

    def replace(self, path: str, temporary: str, made: os.stat_result, target: str, version: str) -> str:
        """Give a complete file the name of another one that is a certain version, and return its own version.

        :raises flask_pyfs.filesystems.store.OtherVersion: if that one is another version.
        """
        self._staging.root.recognize(made)
        give = partial(self._entries.swap, path, is_version(version))
        return version_of(self._name(path, temporary, made, target, give, make_parents=False))

    def move(
        self, path: str, source: str, found: os.stat_result, target: str, overwrite: bool, *, make_parents: bool
    ) -> None:
        """Move a file to another name.

        :param found: what is there now.
        :raises fs.errors.FSError: see :meth:`publish`.
        """
        give = self._entries.replace if overwrite else self._entries.move
        self._name(path, source, found, target, give, make_parents)

    def _name(
        self,
        path: str,
        source: str,
        known: os.stat_result,
        target: str,
        give: Callable[[str, str], None],
        make_parents: bool,
    ) -> os.stat_result:
        made: list[str] = []
        with guarded(self._staging.root, "write", path):
            try:
                while True:
                    try:
                        give(source, target)
                        break
                    except OSError as error:
                        named = self._tried_otherwise(path, error, source, known, target, give)
                        if named is not None:
                            known = named
                            break
                        if not make_parents:
                            raise
                    # repeated if another process deletes a parent that was just made
                    self._make_directories(path, os.path.dirname(target), made)
                if self._staging.durable:
                    _sync(os.path.dirname(target))
            except BaseException:
                for directory in reversed(made):
                    with suppress(OSError):
                        os.rmdir(directory)
                raise
        return known

    def _tried_otherwise(
        self,
        path: str,
        error: OSError,
        source: str,
        known: os.stat_result,
        target: str,
        give: Callable[[str, str], None],
    ) -> os.stat_result | None:
        """Return the facts of the file that has the name after all; None if a parent is missing."""
        if error.errno == errno.EXDEV:
            try:
                return self._copied(source, target, give)
            except OSError as failed:
                error = failed
        if isinstance(error, FileNotFoundError):
            if os.path.lexists(source):
                return None
            # NFS repeats a request whose answer was lost, and then misses what the first one renamed
            if holds(target, is_version(version_of(known))):
                return known
        elif isinstance(error, NotADirectoryError):
            raise errors.DirectoryExpected(path) from None
        elif isinstance(error, IsADirectoryError):
            raise errors.DirectoryExists(path) from None
        raise error

    def _copied(self, source: str, target: str, give: Callable[[str, str], None]) -> os.stat_result:
        # the target is on another file system, mounted inside the root: copy the file there first
        near, copied, made = self._staging.duplicate(source, os.path.dirname(target))
        try:
            give(near, target)
        finally:
            self._staging.remove(near, beside=True)
        self._entries.remove_if(source, is_version(version_of(copied)))
        return made

    def _make_directories(self, path: str, directory: str, made: list[str]) -> None:
        missing = [directory]
        while missing:
            try:
                os.mkdir(missing[-1])
            except FileNotFoundError:
                missing.append(os.path.dirname(missing[-1]))
            except FileExistsError:
                if os.path.isdir(missing[-1]):
                    missing.pop()
                elif os.path.lexists(missing[-1]):
                    raise errors.DirectoryExpected(path) from None
            except NotADirectoryError:
                raise errors.DirectoryExpected(path) from None
            else:
                self._made(missing[-1])
                made.append(missing.pop())

    def _made(self, directory: str) -> None:
        if self._staging.directory_mode is not None:
            os.chmod(directory, self._staging.directory_mode)
        if self._staging.durable:
            _sync(os.path.dirname(directory))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
