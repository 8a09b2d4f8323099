"""The standard methods of a filesystem over a directory of the operating system."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fs import errors
from fs.copy import copy_modified_time
from fs.enums import ResourceType
from fs.info import Info
from fs.mode import Mode
from fs.osfs import OSFS
from fs.path import abspath, iteratepath, normpath

from ...names import Reserved, has_reserved, is_plain, is_reserved, may_be_reserved
from ..store import StoreFS
from ..streams import PendingFile
from .entries import Entries
from .listing import leads_to_shown
from .osfiles import holds, is_link, is_same, is_version, open_file, require_file, stat_dict, version_of
from .publisher import Publisher
from .root import Root, guarded


class StandardFS(OSFS, StoreFS):
    """OSFS with a root that no link leaves, unfinished files that nobody sees, and writes that are whole or do not
    happen.
    """

    _root: Root
    _entries: Entries
    _publisher: Publisher

    # Paths

    def validatepath(self, path: str) -> str:
        valid = self._valid(path)
        self._resolve(valid)
        return valid

    def getsyspath(self, path: str) -> str:
        return self._resolve(path)

    def _to_sys_path(self, path: str) -> bytes:
        return os.fsencode(self._resolve(path))

    def _valid(self, path: str) -> str:
        self.check()
        if isinstance(path, bytes):
            raise TypeError("paths must be str (not bytes)")
        try:
            os.fsencode(path)
        except UnicodeEncodeError:
            raise errors.InvalidCharsInPath(path) from None
        if "\0" in path:
            raise errors.InvalidCharsInPath(path)
        return abspath(normpath(path))

    def _target(self, path: str) -> str:
        return self._root.walk(path, self._parts(path))

    def _place(self, path: str) -> str:
        """Return the path in the operating system. The last component is not resolved: it may be a link."""
        return self._root.walk(path, self._parts(path), through_last=False)

    def _parts(self, path: str) -> list[str]:
        if not self._closed and isinstance(path, str) and (is_plain(path) or isinstance(path, Reserved)):
            return path.split("/")
        return self._checked_parts(self._valid(path))

    def _checked_parts(self, path: str) -> list[str]:
        parts: list[str] = iteratepath(path)
        if may_be_reserved(path) and has_reserved(path):
            raise errors.InvalidPath(path, "path '{path}' belongs to an unfinished upload")
        return parts

    def _resolve(self, path: str) -> str:
        return self._root.walk(path, self._checked_parts(path))

    # Standard methods

    def gettype(self, path: str) -> ResourceType:
        self.validatepath(path)
        return super().gettype(path)

    def islink(self, path: str) -> bool:
        self.getinfo(path)
        return os.path.islink(self._place(path))

    def listdir(self, path: str) -> list[str]:
        return [info.name for info in self.scandir(path)]

    def getinfo(self, path: str, namespaces: Collection[str] | None = None) -> Info:
        with guarded(self._root, "getinfo", path):
            return super().getinfo(path, namespaces)

    def _scandir(self, path: str, namespaces: Collection[str] | None = None) -> Iterator[Info]:
        parts = self._parts(path)
        directory = self._root.walk(path, parts)
        if not parts:
            self._root.require()
        with guarded(self._root, "scandir", path, directory=True), os.scandir(directory) as entries:
            for entry in entries:
                if is_reserved(entry.name):
                    continue
                if entry.is_symlink() and not leads_to_shown(self._root, entry.path, self._root.runs(parts)):
                    continue
                yield self._entry_info(entry, namespaces or ())

    def _entry_info(self, entry: os.DirEntry[str], namespaces: Collection[str]) -> Info:
        info: dict[str, Any] = {"basic": {"name": entry.name, "is_dir": entry.is_dir()}}
        if not {"details", "stat", "access"}.isdisjoint(namespaces):
            result = entry.stat()
            if "details" in namespaces:
                info["details"] = self._make_details_from_stat(result)
            if "stat" in namespaces:
                info["stat"] = stat_dict(result)
            if "access" in namespaces:
                info["access"] = self._make_access_from_stat(result)
        if "lstat" in namespaces:
            info["lstat"] = stat_dict(entry.stat(follow_symlinks=False))
        if "link" in namespaces:
            info["link"] = {"target": os.readlink(entry.path) if entry.is_symlink() else None}
        return Info(info)

    def openbin(self, path: str, mode: str = "r", buffering: int = -1, **options: Any) -> BinaryIO:
        opened = Mode(mode)
        opened.validate_bin()
        if not self._makes_a_file(path, opened):
            with guarded(self._root, "openbin", path):
                # OSFS would wait for the other end of a pipe
                return super().openbin(path, mode, buffering, opener=open_file, **options)
        return cast(BinaryIO, self._open_pending(path, opened, buffering))

    if not TYPE_CHECKING:
        # OSFS would publish a file even if an exception ends its "with"; the types are the same
        open = StoreFS.open

    def _makes_a_file(self, path: str, mode: Mode) -> bool:
        if mode.appending:
            return not os.path.lexists(self._target(path))
        return bool(mode.truncate or mode.exclusive)

    def _open_pending(self, path: str, mode: Mode, buffering: int) -> PendingFile:
        target = self._target(path)
        if target == self._root.path:
            raise errors.FileExpected(path)
        with guarded(self._root, "open", path):
            if not stat.S_ISDIR(os.stat(os.path.dirname(target)).st_mode):
                raise errors.ResourceNotFound(path)
            if os.path.isdir(target):
                raise errors.FileExpected(path)
            if mode.exclusive and os.path.lexists(target):
                raise errors.FileExists(path)
            written = mode.to_platform_bin().replace("x", "w").replace("a", "w")
            return self._publisher.pending(path, target, written, buffering, not mode.exclusive, make_parents=False)

    def copy(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        # OSFS overwrites the destination while others read it
        source, target = self._check_copy(src_path, dst_path, overwrite)  # type: ignore[no-untyped-call]
        self._copy(source, target, overwrite=overwrite, make_parents=False)
        if preserve_time:
            copy_modified_time(self, source, self, target)

    def move(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        source, target = self._check_copy(src_path, dst_path, overwrite)  # type: ignore[no-untyped-call]
        # rename keeps the times anyway
        self._move(source, target, overwrite=overwrite, make_parents=False)

    def remove(self, path: str) -> None:
        with guarded(self._root, "remove", path):
            os.remove(self._place(path))

    def removedir(self, path: str) -> None:
        if self._valid(path) == "/":
            raise errors.RemoveRootError()
        with guarded(self._root, "removedir", path, directory=True):
            os.rmdir(self._place(path))

    def _location(self, path: str) -> str:
        return self._target(path)

    def removetree(self, dir_path: str) -> None:
        # the base follows a link to a directory and deletes its content
        if not self.getinfo(dir_path).is_dir:
            raise errors.DirectoryExpected(dir_path)
        self.delete_tree(dir_path)

    def _copy(self, path: str, target_path: str, *, overwrite: bool, make_parents: bool) -> None:
        _, _, source = self._found(path)
        target = self._target(target_path)
        if source == target:
            return
        if not overwrite and os.path.lexists(target):
            raise errors.DestinationExists(target_path)
        with guarded(self._root, "copy", path):
            self._publisher.copy(target_path, source, target, overwrite, make_parents=make_parents)

    def _move(self, path: str, target_path: str, *, overwrite: bool, make_parents: bool) -> None:
        name, found, source = self._found(path)
        target = self._target(target_path)
        if source == target:
            return
        with guarded(self._root, "move", path):
            if stat.S_ISLNK(found.st_mode):
                # the target of the link stays, and a relative link would lead elsewhere after a rename
                self._copy(path, target_path, overwrite=overwrite, make_parents=make_parents)
                self._entries.remove_if(name, is_link(found))
            elif overwrite and found.st_nlink > 1 and holds(target, is_same(found)):
                # rename does nothing if both paths are hard links of one file; with one link, they are spellings of one
                # name on a disk that ignores case
                self._entries.remove_if(source, is_version(version_of(found)))
            else:
                self._publisher.move(target_path, source, found, target, overwrite, make_parents=make_parents)

    def _found(self, path: str) -> tuple[str, os.stat_result, str]:
        """Return the path of a file in the operating system, what is there, and where that leads if it is a link."""
        with guarded(self._root, "stat", path):
            name = self._place(path)
            found = os.lstat(name)
            if stat.S_ISLNK(found.st_mode):
                source = self._target(path)
                require_file(path, os.stat(source))
                return name, found, source
            require_file(path, found)
            return name, found, name
