"""Deletes and walks whole trees, however deep they are, without following links."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# what a directory that is not empty says
_NOT_EMPTY = {errno.ENOTEMPTY, errno.EEXIST}


def open_directory(name: str, above: int | None = None) -> int:
    """Open a directory, and return its descriptor.

    :param above: the descriptor of the directory that has it.
    :raises NotADirectoryError: if it is something else, such as a link to a directory.
    """
    try:
        return os.open(name, _DIRECTORY, dir_fd=above)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from None


def directories_below(root: str) -> Iterator[str]:
    """Iterate over a directory and all directories below it. Those that cannot be read are left out."""
    pending = [root]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(directory) as entries:
                pending += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        yield directory


def delete(path: str) -> bool:
    """Delete a file, a link, or a directory with everything below it. Links are not followed.

    Other processes may write and delete there at the same time. A missing path is no error.

    :returns: whether something was there.
    """
    there = False
    while True:
        try:
            os.unlink(path)
            return True
        except (FileNotFoundError, NotADirectoryError):
            return there
        except OSError as error:
            if error.errno != errno.EISDIR and not (error.errno == errno.EPERM and _is_directory(path)):
                raise
        there = True
        try:
            _empty(path)
            os.rmdir(path)
            return True
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise


def _is_directory(path: str) -> bool:
    # what unlink says of a directory, some systems say of a file too
    return os.path.isdir(path) and not os.path.islink(path)


def _empty(path: str) -> None:
    # a path may be longer than the system takes, and descriptors are few: two are open, whatever the depth
    here = open_directory(path)
    try:
        pending = _delete_files(here)
        above: list[tuple[os.stat_result, str, list[str]]] = []
        while pending or above:
            if pending:
                name = pending.pop()
                try:
                    below = open_directory(name, here)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                above.append((os.fstat(here), name, pending))
                os.close(here)
                here = below
                pending = _delete_files(here)
                continue
            expected, name, pending = above.pop()
            below, here = here, os.open("..", _DIRECTORY, dir_fd=here)
            os.close(below)
            if not os.path.samestat(os.fstat(here), expected):
                # another process moved the directory: what is above it now is not to be deleted
                return
            try:
                os.rmdir(name, dir_fd=here)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if error.errno not in _NOT_EMPTY:
                    raise
                # another process wrote to it
                pending.append(name)
    finally:
        os.close(here)


def _delete_files(directory: int) -> list[str]:
    """Delete the files and links in a directory, and return the names of the directories."""
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    directories = []
    for name, is_directory in found:
        if is_directory:
            directories.append(name)
            continue
        try:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
        except IsADirectoryError:
            directories.append(name)
    return directories
