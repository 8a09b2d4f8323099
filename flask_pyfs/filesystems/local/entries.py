"""Entries of directories: gives a file a name, or takes it away, and loses no file of another process meanwhile."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, suppress
from functools import partial

from ..store import OtherVersion
from . import renames
from .locks import Locks
from .osfiles import Judge, holds, is_same
from .staging import Staging

# what a file system without hard links says, and one on which a file has too many
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}

# there is another file by now, or the directory is gone
_OVERTAKEN = (FileExistsError, FileNotFoundError, NotADirectoryError)


class Entries:
    """The entries of the directories of a tree. All paths are those of the operating system.

    What a condition is about does not change between the look and the step that follows, because a lock is held. Others
    may not heed it: other programs, other machines, and who was tired of waiting for a process that was stopped. So
    each step can be taken back.

    :param staging: the place for files that are on their way.
    """

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self._locks = Locks()

    def replace(self, source: str, target: str) -> None:
        """Rename a file, over another one if there is one."""
        with self._locks.naming(target):
            os.rename(source, target)

    def link_nameless(self, descriptor: int, target: str) -> None:
        """Give a file without a name one that must be free."""
        with self._locks.naming(target):
            # without src_dir_fd, Python calls link(), which does not follow the link in /proc
            os.link(f"/proc/self/fd/{descriptor}", target, src_dir_fd=descriptor, follow_symlinks=True)

    def add(self, source: str, target: str) -> None:
        """Rename an unfinished file, which only this process knows, to a name that must be free."""
        with self._locks.naming(target):
            self._add(source, target)

    def _add(self, source: str, target: str) -> None:
        try:
            _link(source, target)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if not renames.rename_new(source, target):
                self._reserve(source, target)
            return
        with suppress(FileNotFoundError):
            os.unlink(source)

    def move(self, source: str, target: str) -> None:
        """Rename a file to a name that must be free."""
        with self._locks.naming(target):
            held = self._moved(source, target)
        if held is None:
            return
        try:
            self._forget(source, target, os.lstat(held))
        finally:
            self._staging.remove(held)

    def _moved(self, source: str, target: str) -> str | None:
        """Give a file one more name. Return None if it has lost the old one, else a third one that nobody else touches,
        so it is known which file is moved.
        """
        if renames.rename_new(source, target):
            return None
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        try:
            _, held = self._staging.at_new_path(partial(_link, source), source)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            self._reserve(source, target)
            return None
        try:
            _link(held, target)
        except BaseException:
            self._staging.remove(held)
            raise
        return held

    def _forget(self, source: str, target: str, known: os.stat_result) -> None:
        """Remove the old name of a file that has a new one, unless it now belongs to another file."""
        missing = None
        with self._locks.judging(source):
            try:
                aside = self._set_aside(source)
            except FileNotFoundError as error:
                missing = error
            else:
                if not holds(aside, is_same(known)):
                    self._keep_newer(aside, source, target, known)
                self._discard(aside)
        if missing is not None:
            # another process moved or deleted the file first
            self.remove_if(target, is_same(known))
            raise missing

    def _keep_newer(self, aside: str, source: str, target: str, known: os.stat_result) -> None:
        # the file was overwritten, and the new one stays under its name
        try:
            self._add(aside, source)
        except FileExistsError:
            # that name has a still newer file: so it was the overwritten file that moved
            if holds(target, is_same(known)):
                os.rename(aside, target)

    def remove_if(self, path: str, judge: Judge) -> bool:
        """Remove a file or a link if the judge says yes, and return whether it was removed."""
        with self._locks.judging(path):
            if not holds(path, judge):
                return False
            try:
                aside = self._set_aside(path)
            except FileNotFoundError:
                return False
            # if it is missing, it was so old that another process took it for a leftover
            removed = holds(aside, judge) or not os.path.lexists(aside)
            if not removed:
                # after any other error, the file stays aside
                with suppress(*_OVERTAKEN):
                    self._add(aside, path)
        self._discard(aside)
        return removed

    def swap(self, path: str, judge: Judge, source: str, target: str) -> None:
        """Rename an unfinished file over another one if the judge says yes to that one.

        :param path: the path of the filesystem, for messages.
        :raises flask_pyfs.filesystems.store.OtherVersion: if the judge says no. What the unfinished file was is to be
            removed then.
        """
        ours = os.open(source, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
        try:
            with self._locks.judging(target):
                if not self._swapped(judge, source, target, ours):
                    raise OtherVersion(path)
        finally:
            os.close(ours)

    def _swapped(self, judge: Judge, source: str, target: str, ours: int) -> bool:
        if not holds(target, judge):
            return False
        try:
            if not renames.exchange(source, target):
                os.rename(source, target)
                return True
        except FileNotFoundError:
            if os.path.lexists(source):
                return False
            raise
        if holds(source, judge) or not os.path.lexists(source):
            self._staging.remove(source)
            return True
        with suppress(FileNotFoundError):
            self._give_back(source, target, ours)
        return False

    def _give_back(self, held: str, target: str, ours: int) -> None:
        """Exchange a file and what came in its place, until only what others left behind is held."""
        with ExitStack() as opened:
            last = ours
            while True:
                coming = os.open(held, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
                opened.callback(os.close, coming)
                try:
                    renames.exchange(held, target)
                except FileNotFoundError:
                    # what was there is deleted, and so is what is held; or it has another name now
                    if os.fstat(last).st_nlink:
                        with suppress(*_OVERTAKEN):
                            self._add(held, target)
                    return
                if holds(held, is_same(os.fstat(last))):
                    return
                last = coming

    def _reserve(self, source: str, target: str) -> None:
        # a system that has neither hard links nor renameat2: an empty file takes the name first
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            is_empty = is_same(os.fstat(descriptor))
            try:
                if os.path.lexists(target) and not holds(target, is_empty):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
                os.rename(source, target)
            except BaseException:
                if holds(target, is_empty):
                    os.unlink(target)
                raise
        finally:
            os.close(descriptor)

    def _set_aside(self, path: str) -> str:
        """Rename a file to a name that nobody else touches, and return that.

        :raises FileNotFoundError: if the file is missing.
        """

        def step(aside: str) -> None:
            try:
                os.rename(path, aside)
            except FileNotFoundError:
                # NFS repeats this request too
                if not os.path.lexists(aside):
                    raise

        try:
            return self._staging.at_new_path(step, path)[1]
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        return self._staging.at_new_path(step, path, os.path.dirname(path))[1]

    def _discard(self, aside: str) -> None:
        at_root = os.path.dirname(os.path.dirname(aside)) == self._staging.root.path
        self._staging.remove(aside, beside=not at_root)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        # NFS repeats a request whose answer was lost, and then finds what the first one made
        if not holds(target, is_same(os.lstat(source))):
            raise
