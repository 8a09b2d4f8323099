"""Operations on files of the operating system."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from fs import errors

from ..base import CHUNK_SIZE
from ..store import Facts

# whether the facts of a file are those of the one that is meant
Judge = Callable[[os.stat_result], bool]

# what a system says that cannot copy inside itself, or not between these two files
_NO_COPY = {errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV, errno.EPERM}

# how many bytes one call copies, so that a signal is handled soon; a transfer waits for the whole copy
_STEP = 64 * 1024 * 1024


def require_file(path: str, result: os.stat_result) -> os.stat_result:
    """Return the result of ``os.stat`` if it is that of a regular file.

    :raises fs.errors.FileExpected: if it is a directory.
    :raises fs.errors.ResourceNotFound: if it is anything else, such as a pipe.
    """
    if stat.S_ISREG(result.st_mode):
        return result
    if stat.S_ISDIR(result.st_mode):
        raise errors.FileExpected(path)
    raise errors.ResourceNotFound(path)


def open_now(path: str, flags: int) -> int:
    """Open what is at a path, without waiting for the other end of a pipe, and return the descriptor.

    :param flags: those of ``os.open``.
    :raises FileNotFoundError: if it is missing, or cannot be opened and is no file, such as a socket.
    """
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if not isinstance(error, FileNotFoundError) and holds(path, _is_special):
            raise _missing(path) from error
        raise


def open_file(path: str, flags: int) -> int:
    """Open a file, as the ``opener`` of ``open``.

    :raises FileNotFoundError: if it is missing, or anything else than a file or a directory.
    """
    descriptor = open_now(path, flags)
    if _is_special(os.fstat(descriptor)):
        os.close(descriptor)
        raise _missing(path)
    return descriptor


def _is_special(found: os.stat_result) -> bool:
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode))


def _missing(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def facts_of(path: str, result: os.stat_result) -> Facts:
    """Return the facts of a file.

    :raises fs.errors.FSError: see :func:`require_file`.
    """
    require_file(path, result)
    return Facts(result.st_size, datetime.fromtimestamp(result.st_mtime, timezone.utc), version_of(result))


def version_of(result: os.stat_result) -> str:
    """Return the version of a file, which is also its entity tag."""
    # every write makes a new inode, so two writes of one size within one tick of the clock differ
    return f"{result.st_mtime_ns:x}-{result.st_size:x}-{result.st_ino:x}"


def stat_dict(result: os.stat_result) -> dict[str, Any]:
    """Return the result of ``os.stat`` as a dict, for the namespaces ``stat`` and ``lstat``."""
    return {key: getattr(result, key) for key in dir(result) if key.startswith("st_")}


def write_all(descriptor: int, data: Any) -> None:
    """Write all bytes of a buffer."""
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]


def copy_all(source: int, target: int) -> None:
    """Copy all bytes from one descriptor to another, by the system if it can. The position of the source stays."""
    offset = 0
    for copy in (_by_range, os.sendfile, _by_reading):
        try:
            while sent := copy(target, source, offset, _STEP):
                offset += sent
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise
        else:
            if offset:
                return


def _by_range(target: int, source: int, offset: int, count: int) -> int:
    if not hasattr(os, "copy_file_range"):
        # of Linux
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return os.copy_file_range(source, target, count, offset)


def _by_reading(target: int, source: int, offset: int, count: int) -> int:
    piece = os.pread(source, CHUNK_SIZE, offset)
    write_all(target, piece)
    return len(piece)


def is_version(version: str) -> Judge:
    """Return a judge of one version of a file."""
    return lambda found: stat.S_ISREG(found.st_mode) and version_of(found) == version


def is_same(known: os.stat_result) -> Judge:
    """Return a judge of one file or link, which must be kept from being deleted: its number would be given again."""
    return lambda found: os.path.samestat(found, known)


def is_link(known: os.stat_result) -> Judge:
    """Return a judge of one symbolic link."""
    return lambda found: stat.S_ISLNK(found.st_mode) and os.path.samestat(found, known)


def holds(path: str, judge: Judge) -> bool:
    """Return whether there is a file at a path, without following a link, and the judge says yes."""
    try:
        return judge(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def open_nameless(directory: str) -> int | None:
    """Open a new file without a name in a directory, and return its descriptor, or None if that is impossible."""
    try:
        return os.open(directory, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o666)
    except (OSError, AttributeError):
        # the directory is missing, or the file system or the operating system does not support it
        return None
