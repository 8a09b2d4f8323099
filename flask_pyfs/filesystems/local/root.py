"""The root of a filesystem: how paths are found below it, and whether it still is the directory that it was."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from fs import errors
from fs.error_tools import convert_os_errors

from ...errors import explained, shortened
from ...names import has_reserved

# the first and the last of directories of which each holds the next, without a link between them
Run = tuple[str, str]


# of more directories, the system is asked at once, in three calls; to ask of each takes it the square of their number
_MANY = 3


class _Place(NamedTuple):
    # the directory that the root is; the last two as they were at first use, or when it was made again
    path: str
    bare: str
    parent: str
    here: os.stat_result
    above: os.stat_result


def _place(path: str) -> _Place:
    parent = os.path.dirname(path)
    return _Place(path, path.rstrip("/"), parent, os.stat(path), os.stat(parent))


class Root:
    """The root of a filesystem.

    If a symbolic link leads to it, and is switched to another directory, that one is the root from then on.

    Parameters named ``path`` are paths of the filesystem, for messages; all others are paths of the operating system.

    :param directory: the root, which exists.
    :param follow_symlinks: let symbolic links lead out of it.
    :param directory_mode: its permissions if it has to be made again; None means those that the umask leaves.
    """

    def __init__(self, directory: str, follow_symlinks: bool, directory_mode: int | None) -> None:
        self._given = os.path.abspath(directory)
        # one file must have one path, though links may lead to it
        self._now = _place(os.path.realpath(directory))
        self._is_linked = self._now.path != self._given
        self.follow_symlinks = follow_symlinks
        self._directory_mode = directory_mode

    @property
    def path(self) -> str:
        """The path of the directory, without links."""
        return self._now.path

    def _follow(self) -> None:
        # where releases are switched by a link, no process is told; without a link, nobody asks
        with suppress(OSError):
            if not os.path.samestat(os.stat(self._given), self._now.here):
                path = os.path.realpath(self._given)
                if path != self._now.path:
                    self._now = _place(path)

    # Paths

    def walk(self, path: str, parts: list[str], *, through_last: bool = True) -> str:
        """Return the path in the operating system, with links resolved.

        :param through_last: resolve the last component too. Without it, that may be a link to any place.
        :raises fs.errors.InvalidPath: if a link leads out of the root.
        :raises fs.errors.ResourceNotFound: if links lead to each other.
        """
        if self._is_linked:
            self._follow()
        current = self._now.bare
        if len(parts) - 1 > _MANY and _is_real(straight := "/".join((current, *parts[:-1]))):
            current, parts = straight, parts[-1:]
        for index, part in enumerate(parts):
            current = f"{current}/{part}"
            if not through_last and index == len(parts) - 1:
                break
            try:
                linked = stat.S_ISLNK(os.lstat(current).st_mode)
            except (OSError, ValueError):
                # the path is missing or invalid: the operation itself will raise the error
                return "/".join((current, *parts[index + 1 :]))
            if linked:
                current = os.path.realpath(current)
                if os.path.islink(current):
                    raise errors.ResourceNotFound(path, msg="path '{path}' has a loop of symbolic links")
                if not self.leads_to(current):
                    raise errors.InvalidPath(path, "path '{path}' leads out of the root through a symbolic link")
        return current or "/"

    def leads_to(self, real_path: str) -> bool:
        """Return whether a link may lead to a place."""
        bare = self._now.bare
        if f"{real_path}/".startswith(f"{bare}/"):
            return not has_reserved(real_path[len(bare) + 1 :])
        return self.follow_symlinks

    def runs(self, parts: list[str]) -> tuple[Run, ...]:
        """Return all directories on the way to one, as runs without links."""
        runs, top = [], self.path
        current = top
        for part in parts:
            below = f"{current.rstrip('/')}/{part}"
            if os.path.islink(below):
                runs.append((top, current))
                below = top = os.path.realpath(below)
            current = below
        return (*runs, (top, current))

    # The directory itself

    def recognize(self, written: os.stat_result) -> None:
        """Do nothing if a file was written to the disk of the root, or to one that is mounted inside it.

        :raises fs.errors.RemoteConnectionError: see :meth:`require`.
        """
        if written.st_dev != self._now.here.st_dev:
            self.require()

    def require(self) -> None:
        """Do nothing if the root is the directory that it was at first use, or one that replaced it.

        :raises fs.errors.RemoteConnectionError: if it is gone, or another disk is or was mounted in its place.
        """
        if self._is_linked:
            self._follow()
        now = self._now
        try:
            found = os.stat(now.path)
        except OSError:
            raise self._gone() from None
        if not stat.S_ISDIR(found.st_mode):
            raise self._gone()
        if not os.path.samestat(found, now.here):
            if not _is_replaced_by(now, found):
                raise self._gone()
            self._now = now._replace(here=found, above=os.stat(now.parent))

    def restore(self) -> None:
        """Make the root again if it was deleted, but only inside the parent that it had at first use.

        :raises fs.errors.RemoteConnectionError: see :meth:`require`; or if the parent is another one.
        """
        if self._is_linked:
            self._follow()
        now = self._now
        if not os.path.lexists(now.path):
            # a link may lead elsewhere by now, where nothing is yet
            is_elsewhere = os.path.realpath(self._given) != now.path
            if is_elsewhere or _is_mounted(now, now.here) or not _has_its_parent(now):
                raise self._gone()
            with suppress(FileExistsError):
                os.mkdir(now.path)
                if self._directory_mode is not None:
                    os.chmod(now.path, self._directory_mode)
        self.require()

    def _gone(self) -> errors.FSError:
        explanation = f"ROOT {shortened(repr(self.path), 160)} is gone; is it mounted?"
        error = errors.RemoteConnectionError(self.path, msg="ROOT '{path}' is gone; is it mounted?")
        return explained(error, explanation)


def _is_replaced_by(now: _Place, found: os.stat_result) -> bool:
    # the same disk may have another number after it was mounted again
    if found.st_ino == now.here.st_ino:
        return True
    if _has_its_parent(now):
        return _is_mounted(now, found) == _is_mounted(now, now.here)
    # FUSE and overlays may give directories other numbers while they are mounted
    return os.major(found.st_dev) == 0 and found.st_dev == now.here.st_dev


def _has_its_parent(now: _Place) -> bool:
    try:
        return os.path.samestat(os.stat(now.parent), now.above)
    except OSError:
        return False


def _is_mounted(now: _Place, found: os.stat_result) -> bool:
    return found.st_dev != now.above.st_dev


def _is_real(path: str) -> bool:
    """Return whether no component of a path is a link; also False if the system does not tell it in one step."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError, AttributeError):
        return False
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == path
    except OSError:
        return False
    finally:
        os.close(descriptor)


class guarded:  # noqa: N801
    """Raise errors of the operating system as ``fs.errors``. If something is missing, ask whether it is the root.

    :param operation: the name of the operation.
    :param path: the path of the filesystem.
    :param directory: whether the path is meant to be a directory.
    """

    __slots__ = ("_directory", "_operation", "_path", "_root")

    def __init__(self, root: Root, operation: str, path: str, directory: bool = False) -> None:
        self._root = root
        self._operation = operation
        self._path = path
        self._directory = directory

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            return
        if isinstance(error, (FileNotFoundError, NotADirectoryError, errors.ResourceNotFound)):
            self._root.require()
        try:
            convert_os_errors(self._operation, self._path, self._directory).__exit__(kind, error, traceback)
        except errors.PermissionDenied as denied:
            refused = getattr(error, "filename", None)
            place = os.fsdecode(refused) if isinstance(refused, (str, bytes)) else self._root.path
            explained(
                denied,
                f"this process has no permission for {shortened(repr(place), 130)}: "
                "check the owner and the permissions there, or set ROOT to another directory",
            )
            raise
