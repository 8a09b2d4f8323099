"""Lists directories and whole trees. What the root hides is left out, and what cannot be read."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ...names import is_reserved
from ..store import Facts
from .osfiles import facts_of
from .root import Root, Run
from .trees import open_directory

_log = logging.getLogger(__name__)

# the directories that were logged because they cannot be read
_logged: set[str] = set()
_MOST_LOGGED = 1000


def leads_to_shown(root: Root, link: str, runs: Sequence[Run]) -> bool:
    """Return whether a listing shows a symbolic link.

    :param runs: the directories on the way to it, as :meth:`Root.runs` returns them.
    """
    # OSFS fails on a broken link, and follows a link that leaves the root or leads to a parent
    real = os.path.realpath(link)
    return os.path.exists(real) and root.leads_to(real) and not any(_has(run, real) for run in runs)


def _has(run: Run, directory: str) -> bool:
    top, last = (f"{path.rstrip('/')}/" for path in run)
    return f"{directory.rstrip('/')}/".startswith(top) and last.startswith(f"{directory.rstrip('/')}/")


class Directory(NamedTuple):
    """A directory to list.

    :param above: what the paths of its files begin with.
    :param place: its path in the operating system, with links resolved.
    :param runs: the directories on the way to it, as :meth:`Root.runs` returns them.
    """

    above: str
    place: str
    runs: tuple[Run, ...]


class Listing:
    """Lists the files below a directory, lazily.

    :param root: the root.
    :param parts: the path of the directory.
    :param place: the same path in the operating system, with links resolved.
    :param start: the start of the names inside the directory.
    :param unread: is called with each directory that is left out, in place of a line in the log.
    """

    def __init__(
        self, root: Root, parts: list[str], place: str, start: str, unread: Callable[[str, Exception], object] | None
    ) -> None:
        self._root = root
        self._asked = Directory("".join(f"{part}/" for part in parts), place, root.runs(parts))
        self._start = start
        self._unread = unread
        if place == root.path:
            root.require()

    def paths(self) -> Iterator[str]:
        """Iterate over the paths of the files.

        :raises PermissionError: if the directory cannot be read. Others that cannot are left out, and logged once.
        """
        # a directory and a name in it, of which nothing is asked before its turn
        pending = [(self._asked, "")]
        while pending:
            above, name = pending.pop()
            directory = self._below(above, name) if name else above
            if directory is None or (descriptor := self._open(directory)) is None:
                continue
            try:
                for name in self._shown(directory, descriptor):
                    if name.endswith("/"):
                        pending.append((directory, name[:-1]))
                    else:
                        yield directory.above + name
            finally:
                os.close(descriptor)

    def facts(self) -> Iterator[tuple[str, Facts]]:
        """Iterate over the paths of the files in key order, each with its facts.

        It keeps the names in a directory, and in those on the way to it, and has one descriptor open.

        :raises PermissionError: as :meth:`paths` does.
        """
        levels = [self._level(self._asked)]
        while levels:
            found = next(levels[-1], None)
            if found is None:
                levels.pop()
            elif isinstance(found, Directory):
                levels.append(self._level(found))
            else:
                yield found

    def level(self) -> Iterator[tuple[str, Facts | None]]:
        """Iterate over what is in the directory alone. A directory ends with a slash, and has no facts.

        :raises PermissionError: as :meth:`paths` does.
        """
        for found in self._level(self._asked):
            yield (found.above, None) if isinstance(found, Directory) else found

    def _level(self, directory: Directory) -> Iterator[Directory | tuple[str, Facts]]:
        descriptor = self._open(directory)
        try:
            # a directory is where its slash puts its files; while it changes, some systems tell a name twice
            for name in sorted(set(self._shown(directory, descriptor))) if descriptor is not None else ():
                if name.endswith("/"):
                    if below := self._below(directory, name[:-1]):
                        if descriptor is not None:
                            # they are few
                            os.close(descriptor)
                            descriptor = None
                        yield below
                    continue
                if descriptor is None:
                    descriptor = self._open(directory)
                if descriptor is None:
                    return
                path = directory.above + name
                if found := self._found(directory, name, descriptor):
                    yield path, facts_of(path, found)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _open(self, directory: Directory) -> int | None:
        place = directory.place
        try:
            # the root may have become a link to where it was moved; behind a slash, links are followed
            return open_directory(f"{place}/" if place == self._root.path else place)
        except (FileNotFoundError, NotADirectoryError):
            self._root.require()
        except OSError as error:
            if directory is self._asked or error.errno not in (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG):
                raise
            self._leave_out(directory, error)
        return None

    def _leave_out(self, directory: Directory, error: Exception) -> None:
        if self._unread is not None:
            self._unread(directory.above, error)
        else:
            log_once(directory.place, error)

    def _shown(self, directory: Directory, descriptor: int) -> Iterator[str]:
        """Iterate over the names in a directory that a listing shows. Those of directories end with a slash."""
        start = self._start if directory is self._asked else ""
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = entry.name
                if not name.startswith(start) or is_reserved(name):
                    continue
                linked = entry.is_symlink()
                if linked and not leads_to_shown(self._root, f"{directory.place}/{name}", directory.runs):
                    continue
                if entry.is_file():
                    yield name
                elif entry.is_dir() and (not linked or self._root.follow_symlinks):
                    yield f"{name}/"

    def _below(self, directory: Directory, name: str) -> Directory | None:
        above, place, runs = f"{directory.above}{name}/", f"{directory.place}/{name}", directory.runs
        if not os.path.islink(place):
            return Directory(above, place, (*runs[:-1], (runs[-1][0], place)))
        # it may have become a link, or lead elsewhere, since its name was read
        if self._root.follow_symlinks and leads_to_shown(self._root, place, runs):
            real = os.path.realpath(place)
            return Directory(above, real, (*runs, (real, real)))
        return None

    def _found(self, directory: Directory, name: str, descriptor: int) -> os.stat_result | None:
        try:
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                if not leads_to_shown(self._root, f"{directory.place}/{name}", directory.runs):
                    return None
                found = os.stat(name, dir_fd=descriptor)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            # who may read the names in a directory need not be allowed to search it
            if directory is self._asked:
                raise
            self._leave_out(directory, error)
            return None
        return found if stat.S_ISREG(found.st_mode) else None


def log_once(path: str, error: Exception) -> None:
    """Log, once in this process, that something cannot be read."""
    if path not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add(path)
        _log.warning("%r is left out of listings and is not served, because it cannot be read: %s", path, error)
