"""What a disk has besides files and directories, as any PyFilesystem shows it: links, sockets, pipes and devices."""

from __future__ import annotations

import errno
import stat
from collections.abc import Collection

from fs import errors
from fs.base import FS
from fs.enums import ResourceType
from fs.info import Info
from fs.path import join

# to open one of these may wait for ever
_SPECIAL = {ResourceType.character, ResourceType.block_special_file, ResourceType.fifo, ResourceType.socket}


def info_of(filesystem: FS, path: str, namespaces: Collection[str] = ()) -> Info:
    """Return what is at a path.

    :raises fs.errors.ResourceNotFound: if it is missing, or a link that leads to itself.
    """
    try:
        return filesystem.getinfo(path, namespaces)
    except errors.OperationFailed as error:
        if _is_loop(error):
            raise errors.ResourceNotFound(path) from error
        raise


def entries_of(filesystem: FS, directory: str, namespaces: Collection[str]) -> list[Info]:
    """Return what is in a directory. A link that leads to itself, or nowhere, is a link.

    :raises fs.errors.ResourceNotFound: if the directory is missing, or has become a link that leads to itself.
    """
    try:
        return list(filesystem.scandir(directory, namespaces))
    except errors.OperationFailed as error:
        if not _is_loop(error):
            raise
    except errors.ResourceNotFound:
        # the directory is missing, or something in it was deleted meanwhile
        pass
    # OSFS fails for a whole directory in which a link leads to itself, or nowhere
    try:
        names = filesystem.listdir(directory)
    except errors.OperationFailed as error:
        if _is_loop(error):
            raise errors.ResourceNotFound(directory) from error
        raise
    return [_entry(filesystem, directory, name, namespaces) for name in names]


def _entry(filesystem: FS, directory: str, name: str, namespaces: Collection[str]) -> Info:
    try:
        return info_of(filesystem, join(directory, name), namespaces)
    except errors.ResourceNotFound:
        return Info({"basic": {"name": name, "is_dir": False}, "link": {"target": name}})


def is_link(info: Info) -> bool:
    """Return whether an entry is a symbolic link, by its namespace ``link``."""
    return bool(info.has_namespace("link") and info.is_link)


def is_special(info: Info) -> bool:
    """Return whether an entry is neither a file, a directory nor a link, by its namespace ``details`` or ``lstat``.

    OSFS alone has such entries. It tells their types in ``details`` of one, and their modes in ``lstat`` of all.
    """
    if info.get("details", "type") in _SPECIAL:
        return True
    mode = info.get("lstat", "st_mode")
    return mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def _is_loop(error: errors.OperationFailed) -> bool:
    return isinstance(error.exc, OSError) and error.exc.errno == errno.ELOOP
