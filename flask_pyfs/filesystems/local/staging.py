"""Atomic writes: a file is written under a temporary name, and gets its own name when it is complete."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import BinaryIO, cast

from fs import errors
from fs.error_tools import convert_os_errors

from ...names import RESERVED
from ..streams import PendingFile
from .osfiles import copy_all

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class Staging:
    """The unfinished files of a directory tree. They are in the directory ``.flask_pyfs`` of its root.

    Parameters named ``path`` are paths of the filesystem, for messages; all others are paths of the operating system.

    :param root: the root of the tree.
    :param mode: the permissions of new files; None means those that the umask leaves.
    :param directory_mode: the permissions of directories that are made for a file; None means those that the umask
        leaves.
    :param durable: wait until the file and its name are on the disk.
    """

    def __init__(self, root: str, mode: int | None, directory_mode: int | None, durable: bool) -> None:
        self._root = root
        self._mode = mode
        self.finishes = mode is not None or durable
        self._directory_mode = directory_mode
        self.durable = durable

    def open(self, beside: str | None = None) -> tuple[int, str]:
        """Open a new unfinished file, and return its descriptor and its path.

        :param beside: the directory that gets a ``.flask_pyfs`` for the file; None means the root.
        :raises fs.errors.InvalidPath: if that ``.flask_pyfs`` is a symbolic link.
        """
        directory = f"{beside or self._root}/{RESERVED}"
        if os.path.islink(directory):
            raise errors.InvalidPath(directory, f"uploads do not go through a symbolic link: remove '{directory}'")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        while True:
            temporary = f"{directory}/{secrets.token_hex(12)}"
            try:
                return os.open(temporary, flags, 0o666), temporary
            except FileNotFoundError:
                # another process may remove the directory right after this
                with suppress(FileExistsError):
                    os.mkdir(directory)
                if self._directory_mode is not None:
                    with suppress(FileNotFoundError):
                        os.chmod(directory, self._directory_mode)

    def pending(
        self, path: str, target: str, mode: str, buffering: int, overwrite: bool, *, make_parents: bool
    ) -> PendingFile:
        """Return a file object that gets its name when it is closed."""
        descriptor, temporary = self.open()
        try:
            file = cast(BinaryIO, open(descriptor, mode, buffering))  # noqa: SIM115
        except BaseException:
            os.close(descriptor)
            self.remove(temporary)
            raise

        def publish() -> None:
            if self._mode is not None or self.durable:
                reopened = os.open(temporary, os.O_RDWR)
                try:
                    self.finish(reopened)
                finally:
                    os.close(reopened)
            self.publish(path, temporary, target, overwrite, make_parents=make_parents)

        return PendingFile(file, mode, publish, lambda: self.remove(temporary))

    def finish(self, descriptor: int) -> None:
        """Set the permissions of a complete file and, if ``durable``, wait until it is on the disk."""
        if self._mode is not None:
            os.fchmod(descriptor, self._mode)
        if self.durable:
            os.fsync(descriptor)

    def copy(self, path: str, source: str, target: str, overwrite: bool, *, make_parents: bool) -> None:
        """Copy a file, with its permissions."""
        descriptor, temporary = self.open()
        try:
            self._duplicate(source, descriptor)
            self.publish(path, temporary, target, overwrite, make_parents=make_parents)
        except BaseException:
            self.remove(temporary)
            raise

    def publish(self, path: str, temporary: str, target: str, overwrite: bool, *, make_parents: bool) -> None:
        """Give a complete file its name. Without ``overwrite``, only one of several writers of a name succeeds.

        :raises fs.errors.FileExists: without ``overwrite``, if the name is taken.
        :raises fs.errors.DirectoryExists: if the name is that of a directory.
        :raises fs.errors.DirectoryExpected: if a parent is a file.
        """
        self._name(path, temporary, target, self._replace if overwrite else self._link, make_parents)

    def move(self, path: str, source: str, target: str, overwrite: bool, *, make_parents: bool) -> None:
        """Move a file to another name.

        :raises fs.errors.FSError: see :meth:`publish`.
        """
        self._name(path, source, target, self._replace if overwrite else self._relink, make_parents)

    def _name(self, path: str, source: str, target: str, give: Callable[[str, str], None], make_parents: bool) -> None:
        made: list[str] = []
        with convert_os_errors("write", path):
            try:
                # repeated if another process deletes a parent that was just made
                while not self._named(path, source, target, give, make_parents):
                    self._make_directory(path, os.path.dirname(target), made)
                if self.durable:
                    _sync(os.path.dirname(target))
            except BaseException:
                for directory in reversed(made):
                    with suppress(OSError):
                        os.rmdir(directory)
                raise

    def _named(self, path: str, source: str, target: str, give: Callable[[str, str], None], make_parents: bool) -> bool:
        try:
            self._across(source, target, give)
        except FileNotFoundError:
            if not make_parents or not os.path.lexists(source):
                raise
            return False
        except NotADirectoryError:
            raise errors.DirectoryExpected(path) from None
        except IsADirectoryError:
            raise errors.DirectoryExists(path) from None
        return True

    def _across(self, source: str, target: str, give: Callable[[str, str], None]) -> None:
        try:
            give(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # the target is on another file system, mounted inside the root: copy the file there first
            descriptor, near = self.open(os.path.dirname(target))
            try:
                self._duplicate(source, descriptor)
                give(near, target)
                self.remove(source)
            finally:
                self.remove(near)
                with suppress(OSError):
                    os.rmdir(os.path.dirname(near))

    def _replace(self, source: str, target: str) -> None:
        os.rename(source, target)

    def _link(self, source: str, target: str) -> None:
        if self._has_two_names(source, target):
            os.unlink(source)

    def _relink(self, source: str, target: str) -> None:
        if self._has_two_names(source, target):
            self._forget(source, target)

    def _has_two_names(self, source: str, target: str) -> bool:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            self._rename_onto_new(source, target)
            return False
        return True

    def _rename_onto_new(self, source: str, target: str) -> None:
        # without hard links, an empty file takes the name first
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            os.rename(source, target)
        except BaseException:
            os.unlink(target)
            raise

    def _forget(self, source: str, target: str) -> None:
        """Remove the old name of a file that has a new one, unless it now belongs to another file."""
        descriptor, aside = self.open(os.path.dirname(source))
        os.close(descriptor)
        try:
            os.rename(source, aside)
        except FileNotFoundError:
            # another process moved or deleted the file first
            with suppress(FileNotFoundError):
                os.unlink(target)
            self._discard_aside(aside)
            raise
        try:
            # what lies aside is as old as the file, so another process may remove it as a leftover
            with suppress(FileNotFoundError):
                if not os.path.samestat(os.lstat(aside), os.lstat(target)):
                    with suppress(FileExistsError):
                        os.link(aside, source)
        finally:
            self._discard_aside(aside)

    def _discard_aside(self, aside: str) -> None:
        self.remove(aside)
        with suppress(OSError):
            os.rmdir(os.path.dirname(aside))

    def remove(self, temporary: str) -> None:
        """Remove an unfinished file."""
        with suppress(FileNotFoundError):
            os.unlink(temporary)

    def remove_leftovers(self, older_than: float, *, dry_run: bool, everywhere: bool) -> int:
        """Remove unfinished files that are no longer written, and return their number.

        :param older_than: the time since the last write, in seconds. Younger files stay.
        :param dry_run: only count.
        :param everywhere: search all directories of the tree; without it, only the root.
        """
        limit = time.time() - older_than
        directories: Iterable[str] = (found[0] for found in os.walk(self._root)) if everywhere else [self._root]
        return sum(_remove_older(os.path.join(directory, RESERVED), limit, dry_run) for directory in directories)

    def _duplicate(self, source: str, descriptor: int) -> None:
        try:
            with open(source, "rb", buffering=0) as file:
                copy_all(file.fileno(), descriptor)
                os.fchmod(descriptor, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
            if self.durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _make_directory(self, path: str, directory: str, made: list[str]) -> None:
        try:
            os.mkdir(directory)
        except FileNotFoundError:
            self._make_directory(path, os.path.dirname(directory), made)
            self._make_directory(path, directory, made)
            return
        except FileExistsError:
            if not os.path.isdir(directory) and os.path.isfile(directory):
                raise errors.DirectoryExpected(path) from None
            return
        except NotADirectoryError:
            raise errors.DirectoryExpected(path) from None
        made.append(directory)
        if self._directory_mode is not None:
            os.chmod(directory, self._directory_mode)
        if self.durable:
            _sync(os.path.dirname(directory))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_older(directory: str, limit: float, dry_run: bool) -> int:
    removed = 0
    if os.path.islink(directory):
        return 0
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime <= limit:
                    if not dry_run:
                        os.unlink(entry.path)
                    removed += 1
    return removed
