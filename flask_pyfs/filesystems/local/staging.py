"""Unfinished files: they lie in the directory ``.flask_pyfs`` of the root, under temporary names."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from fs import errors

from ...errors import StoreMisconfigured
from ...names import RESERVED
from . import renames
from .osfiles import copy_all, open_file
from .root import Root
from .trees import directories_below

Result = TypeVar("Result")


class Staging:
    """The unfinished files of a directory tree.

    All paths are those of the operating system.

    :param root: the root of the tree.
    :param mode: the permissions of new files; None means those that the umask leaves.
    :param directory_mode: the permissions of directories that are made for a file; None means those that the umask
        leaves.
    :param durable: wait until the file and its name are on the disk.
    """

    def __init__(self, root: Root, mode: int | None, directory_mode: int | None, durable: bool) -> None:
        self.root = root
        self._mode = mode
        self.finishes: bool = mode is not None or durable
        self.directory_mode = directory_mode
        self.durable = durable

    def open(self, beside: str | None = None) -> tuple[int, str]:
        """Open a new unfinished file, and return its descriptor and its path.

        :param beside: the directory that gets a ``.flask_pyfs`` for the file; None means the root.
        :raises flask_pyfs.errors.StoreMisconfigured: if that ``.flask_pyfs`` is a file or a symbolic link.
        :raises fs.errors.PermissionDenied: if it cannot be written to.
        :raises fs.errors.RemoteConnectionError: if the root is gone.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return self.at_new_path(lambda temporary: os.open(temporary, flags, 0o666), beside=beside)

    def at_new_path(
        self, step: Callable[[str], Result], source: str | None = None, beside: str | None = None
    ) -> tuple[Result, str]:
        """Make an unfinished file in any way, and return what the way returned, and the path of the file.

        :param step: what makes the file. Its argument is the path.
        :param source: the file that the step needs. If it is missing, the step's error is raised.
        :param beside: as for :meth:`open`.
        :raises flask_pyfs.errors.FSError: see :meth:`open`.
        """
        directory = f"{beside or self.root.path}/{RESERVED}"
        while True:
            if os.path.islink(directory):
                raise _unusable(directory, "is a symbolic link")
            temporary = f"{directory}/{secrets.token_hex(12)}"
            try:
                return step(temporary), temporary
            except FileNotFoundError:
                if source is not None and not os.path.lexists(source):
                    raise
                # another process may remove the directory right after this
                self._make_directory(directory, at_root=beside is None)
            except NotADirectoryError:
                if os.path.isdir(directory):
                    raise
                self.root.require()
                raise _unusable(directory, "is not a directory") from None
            except PermissionError as error:
                if os.access(directory, os.W_OK | os.X_OK):
                    raise
                message = "'{path}' is not writable, and uploads need it: change its owner or its permissions"
                raise errors.PermissionDenied(directory, error, message) from error

    def _make_directory(self, directory: str, *, at_root: bool) -> None:
        if at_root:
            self.root.restore()
        try:
            os.mkdir(directory)
        except FileExistsError:
            return
        except PermissionError as error:
            message = "'{path}' cannot be made, and uploads need it: make the directory writable that has it"
            raise errors.PermissionDenied(directory, error, message) from error
        if self.directory_mode is not None:
            with suppress(FileNotFoundError):
                os.chmod(directory, self.directory_mode)

    def exchanges(self) -> bool:
        """Return whether the file system of the root exchanges two files in one step, by doing it."""
        paths: list[str] = []
        try:
            for _ in range(2):
                descriptor, path = self.open()
                paths.append(path)
                os.close(descriptor)
            return renames.exchange(*paths)
        finally:
            for path in paths:
                self.remove(path)

    def finish(self, descriptor: int) -> None:
        """Set the permissions of a complete file and, if ``durable``, wait until it is on the disk."""
        if self._mode is not None:
            os.fchmod(descriptor, self._mode)
        if self.durable:
            os.fsync(descriptor)

    def finish_closed(self, temporary: str) -> None:
        """Do what :meth:`finish` does, after the file was closed."""
        if self.finishes:
            descriptor = os.open(temporary, os.O_RDWR)
            try:
                self.finish(descriptor)
            finally:
                os.close(descriptor)

    def duplicate(self, source: str, beside: str | None = None) -> tuple[str, os.stat_result, os.stat_result]:
        """Copy a file, with its permissions, and return the path of the copy, and the facts of both."""
        descriptor, temporary = self.open(beside)
        try:
            try:
                opened = open_file(source, os.O_RDONLY)
                try:
                    copied = os.fstat(opened)
                    copy_all(opened, descriptor)
                finally:
                    os.close(opened)
                os.fchmod(descriptor, stat.S_IMODE(copied.st_mode))
                if self.durable:
                    os.fsync(descriptor)
                return temporary, copied, os.fstat(descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            self.remove(temporary, beside=beside is not None)
            raise

    def remove(self, temporary: str, *, beside: bool = False) -> None:
        """Remove an unfinished file.

        :param beside: remove its directory too, if it is empty then.
        """
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if beside:
            with suppress(OSError):
                os.rmdir(os.path.dirname(temporary))

    def remove_leftovers(self, older_than: float, *, dry_run: bool, everywhere: bool) -> int:
        """Remove unfinished files that are no longer written, and return their number.

        :param older_than: the time since the last write, in seconds. Younger files stay.
        :param dry_run: only count.
        :param everywhere: search all directories of the tree; without it, only the root.
        """
        limit = time.time() - older_than
        removed = _remove_older(f"{self.root.path}/{RESERVED}", limit, dry_run)
        for directory in directories_below(self.root.path) if everywhere else ():
            if directory != self.root.path:
                # one that nobody may read or that no path reaches does not stop the others
                with suppress(PermissionError):
                    removed += _remove_older(f"{directory}/{RESERVED}", limit, dry_run)
        return removed


def _unusable(directory: str, problem: str) -> StoreMisconfigured:
    shown = repr(directory).replace("{", "{{").replace("}", "}}")
    return StoreMisconfigured(f"{shown} {problem}, and uploads need a directory there: remove it")


def _remove_older(directory: str, limit: float, dry_run: bool) -> int:
    removed = 0
    if os.path.islink(directory):
        return 0
    try:
        entries = os.scandir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return 0
    with entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime <= limit:
                    if not dry_run:
                        os.unlink(entry.path)
                    removed += 1
    return removed
