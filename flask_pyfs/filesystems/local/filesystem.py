"""A filesystem over a directory of the operating system, with atomic writes. It follows no link out of its root."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, cast

from fs import errors
from fs.copy import copy_modified_time
from fs.enums import ResourceType
from fs.error_tools import convert_os_errors
from fs.info import Info
from fs.mode import Mode
from fs.osfs import OSFS
from fs.path import abspath, iteratepath, normpath, recursepath

from ...names import RESERVED, is_plain
from ..base import CHUNK_SIZE, Readable
from ..store import DAY, Facts, OtherVersion, StoreFS
from ..streams import PendingFile
from .osfiles import are_links, delete, facts_of, open_nameless, require_file, stat_dict, version_of, write_all
from .staging import Staging

# larger pieces cost more to allocate than they save
_PIECE = 256 * 1024


class LocalFS(OSFS, StoreFS):
    """A filesystem over a directory of the operating system.

    A file opened with ``w`` or ``x``, uploaded, copied or put is written in the directory ``.flask_pyfs`` of the root,
    which no listing shows. It gets its name when it is complete: by ``rename``, or by ``link`` if it must be new, so
    the operating system decides which of several writers succeeds. If the system has files without a name
    (``O_TMPFILE`` on Linux), ``put`` without ``overwrite`` writes such a file unless ``durable`` is set, so even a
    killed process leaves nothing behind. ``a`` and ``r+`` change an existing file in place.

    :param root_path: the directory.
    :param create: make the directory if it is missing.
    :param mode: the permissions of new files; None means those that the umask leaves.
    :param directory_mode: the permissions of directories that the verbs make; None means those that the umask leaves.
    :param durable: before a write ends, wait until the file and its name are on the disk (fsync).
    :param follow_symlinks: follow symbolic links out of the root. Without it, such a path raises
        :exc:`fs.errors.InvalidPath`.
    :raises fs.errors.CreateFailed: if the root is not a directory.
    """

    def __init__(
        self,
        root_path: str,
        create: bool = False,
        *,
        mode: int | None = None,
        directory_mode: int | None = None,
        durable: bool = False,
        follow_symlinks: bool = False,
    ) -> None:
        if create:
            # OSFS fails if another process makes the directory at the same time
            with suppress(OSError):
                os.makedirs(root_path, exist_ok=True)
        super().__init__(root_path, create=create, expand_vars=False)
        # one file must have one path, though links may lead to it
        self._root_path = os.path.realpath(self._root_path)
        self._bare_root = self._root_path.rstrip("/")
        self._staging = Staging(self._root_path, mode, directory_mode, durable)
        self._follow_symlinks = follow_symlinks
        # OSFS uses a constant that is false on Linux
        self._meta["unicode_paths"] = sys.getfilesystemencoding() == "utf-8"

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
        return self._walk(path, self._parts(path))

    def _place(self, path: str) -> str:
        """Return the path in the operating system. The last component is not resolved: it may be a link."""
        return self._walk(path, self._parts(path), through_last=False)

    def _parts(self, path: str) -> list[str]:
        if not self._closed and isinstance(path, str) and is_plain(path):
            return path.split("/")
        return self._checked_parts(self._valid(path))

    def _resolve(self, path: str, *, through_last: bool = True) -> str:
        """Return the path in the operating system, with links resolved.

        :param through_last: resolve the last component too. Without it, that may be a link to any place.
        """
        return self._walk(path, self._checked_parts(path), through_last=through_last)

    def _checked_parts(self, path: str) -> list[str]:
        parts: list[str] = iteratepath(path)
        if any(part.startswith(RESERVED) for part in parts):
            raise errors.InvalidPath(path, "path '{path}' belongs to an unfinished upload")
        return parts

    def _walk(self, path: str, parts: list[str], *, through_last: bool = True) -> str:
        current = self._bare_root
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
                if not self._inside(current):
                    raise errors.InvalidPath(path, "path '{path}' leads out of the root through a symbolic link")
        return current or "/"

    def _inside(self, real_path: str) -> bool:
        root = self._root_path.rstrip("/") + "/"
        if f"{real_path}/".startswith(root):
            return not any(part.startswith(RESERVED) for part in real_path[len(root) :].split("/"))
        return self._follow_symlinks

    # Standard methods

    def gettype(self, path: str) -> ResourceType:
        self.validatepath(path)
        return super().gettype(path)

    def islink(self, path: str) -> bool:
        self.getinfo(path)
        return os.path.islink(self._resolve(self._valid(path), through_last=False))

    def listdir(self, path: str) -> list[str]:
        return [info.name for info in self.scandir(path)]

    def _scandir(self, path: str, namespaces: Collection[str] | None = None) -> Iterator[Info]:
        directory = self._target(path)
        with convert_os_errors("scandir", path, directory=True), os.scandir(directory) as entries:
            for entry in entries:
                if self._shows(entry, path):
                    yield self._entry_info(entry, namespaces or ())

    def _shows(self, entry: os.DirEntry[str], path: str) -> bool:
        if entry.name.startswith(RESERVED):
            return False
        if not entry.is_symlink():
            return True
        # OSFS fails on a broken link, and follows a link that leaves the root or leads to a parent
        real = os.path.realpath(entry.path)
        return os.path.exists(real) and self._inside(real) and real not in map(self._target, recursepath(path))

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
            return super().openbin(path, mode, buffering, **options)
        return cast(BinaryIO, self._open_pending(path, opened, buffering))

    # OSFS would publish a file even if an exception ends its "with"
    open = StoreFS.open

    def _makes_a_file(self, path: str, mode: Mode) -> bool:
        if mode.appending:
            return not os.path.lexists(self._target(path))
        return bool(mode.truncate or mode.exclusive)

    def _open_pending(self, path: str, mode: Mode, buffering: int) -> PendingFile:
        target = self._target(path)
        if target == self._root_path:
            raise errors.FileExpected(path)
        with convert_os_errors("open", path):
            if not stat.S_ISDIR(os.stat(os.path.dirname(target)).st_mode):
                raise errors.ResourceNotFound(path)
            if os.path.isdir(target):
                raise errors.FileExpected(path)
            if mode.exclusive and os.path.lexists(target):
                raise errors.FileExists(path)
            written = mode.to_platform_bin().replace("x", "w").replace("a", "w")
            return self._staging.pending(path, target, written, buffering, not mode.exclusive, make_parents=False)

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
        with convert_os_errors("remove", path):
            os.remove(self._resolve(self._valid(path), through_last=False))

    def removedir(self, path: str) -> None:
        valid = self._valid(path)
        if valid == "/":
            raise errors.RemoveRootError()
        with convert_os_errors("removedir", path, directory=True):
            os.rmdir(self._resolve(valid, through_last=False))

    def _location(self, path: str) -> str:
        return self._target(path)

    def removetree(self, dir_path: str) -> None:
        # the base follows a link to a directory and deletes its content
        if not self.getinfo(dir_path).is_dir:
            raise errors.DirectoryExpected(dir_path)
        self.delete_tree(dir_path)

    # Verbs

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        target = self._target(path) if overwrite else self._new_target(path)
        if not overwrite and os.path.lexists(target):
            raise errors.FileExists(path)
        with convert_os_errors("open", path):
            return cast(BinaryIO, self._staging.pending(path, target, "wb", -1, overwrite, make_parents=True))

    def put(self, path: str, file: Readable, *, overwrite: bool = True, content_type: str | None = None) -> str | None:
        target = self._target(path) if overwrite else self._new_target(path)
        descriptor = None if overwrite or self._staging.durable else open_nameless(target.rpartition("/")[0])
        if descriptor is None:
            return self._put_staged(path, file, target, overwrite)
        try:
            self._fill(descriptor, path, file)
            if self._link_nameless(descriptor, path, target):
                return version_of(os.fstat(descriptor))
            os.lseek(descriptor, 0, os.SEEK_SET)
            with open(descriptor, "rb", buffering=0, closefd=False) as written:
                return self._put_staged(path, written, target, overwrite)
        finally:
            os.close(descriptor)

    def delete_version(self, path: str, version: str) -> bool:
        with convert_os_errors("delete", path):
            if not self._is_version(path, version):
                return False
            os.unlink(self._target(path))
        return True

    def replace_version(
        self, path: str, file: Readable, version: str, *, content_type: str | None = None
    ) -> str | None:
        if not self._is_version(path, version):
            raise OtherVersion(path)
        return self.put(path, file, content_type=content_type)

    def _is_version(self, path: str, version: str) -> bool:
        try:
            return self.facts(path).version == version
        except (errors.ResourceNotFound, errors.FileExpected):
            return False

    def _link_nameless(self, descriptor: int, path: str, target: str) -> bool:
        try:
            # without src_dir_fd, Python calls link(), which does not follow the link in /proc
            os.link(f"/proc/self/fd/{descriptor}", target, src_dir_fd=descriptor, follow_symlinks=True)
        except FileExistsError:
            raise errors.FileExists(path) from None
        except OSError:
            # the parent was deleted, or the system has no hard links or no /proc
            return False
        return True

    def _put_staged(self, path: str, file: Readable, target: str, overwrite: bool) -> str:
        with convert_os_errors("write", path):
            descriptor, temporary = self._staging.open()
        try:
            try:
                self._fill(descriptor, path, file)
                version = version_of(os.fstat(descriptor))
            finally:
                os.close(descriptor)
            self._staging.publish(path, temporary, target, overwrite, make_parents=True)
        except BaseException:
            self._staging.remove(temporary)
            raise
        return version

    def _new_target(self, path: str) -> str:
        target = self._place(path)
        # unlike lstat, access raises no exception for a missing file
        if os.access(target, os.F_OK, follow_symlinks=False):
            target = self._target(path)
            if os.path.lexists(target):
                # raised before the stream is read, so the caller can store it under another name
                raise errors.FileExists(path)
        return target

    def _fill(self, descriptor: int, path: str, file: Readable) -> None:
        while piece := file.read(_PIECE):
            with convert_os_errors("write", path):
                write_all(descriptor, piece.encode() if isinstance(piece, str) else piece)
        if self._staging.finishes:
            with convert_os_errors("write", path):
                self._staging.finish(descriptor)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        with convert_os_errors("open", path):
            descriptor = self._open_descriptor(path)
        try:
            return facts_of(path, os.fstat(descriptor)), open(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def _open_descriptor(self, path: str) -> int:
        # without O_NONBLOCK, opening a named pipe would wait for a writer
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            return os.open(self._place(path), flags | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        # the path is a link: _target checks where it leads
        return os.open(self._target(path), flags)

    def read_file(self, path: str) -> bytes:
        with convert_os_errors("read", path):
            descriptor = self._open_descriptor(path)
            try:
                size = require_file(path, os.fstat(descriptor)).st_size
                data = os.read(descriptor, size + 1) if size <= CHUNK_SIZE else b""
                if len(data) == size:
                    return data
                # the file is large, or changes during the read
                os.lseek(descriptor, 0, os.SEEK_SET)
                with open(descriptor, "rb", closefd=False) as file:
                    return file.read()
            finally:
                os.close(descriptor)

    def isfile(self, path: str) -> bool:
        with convert_os_errors("stat", path):
            try:
                found = os.lstat(self._place(path))
                if stat.S_ISLNK(found.st_mode):
                    found = os.stat(self._target(path))
            except (FileNotFoundError, NotADirectoryError, errors.ResourceNotFound):
                return False
        return stat.S_ISREG(found.st_mode)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        if not checksum:
            with convert_os_errors("stat", path):
                return facts_of(path, os.stat(self._target(path)))
        facts, file = self.fetch(path)
        with file, convert_os_errors("read", path):
            digest = hashlib.sha1(usedforsecurity=False)
            while piece := file.read(CHUNK_SIZE):
                digest.update(piece)
        return Facts(facts.size, facts.modified, facts.etag, checksum=f"sha1:{digest.hexdigest()}")

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        directory, _, start = prefix.rpartition("/")
        yield from self._iter_files(directory, start)

    def _iter_files(self, directory: str, start: str) -> Iterator[str]:
        directories = []
        above = f"{directory}/" if directory else ""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._target(directory)) as entries:
            for entry in entries:
                if not entry.name.startswith(start) or not self._shows(entry, directory):
                    continue
                if entry.is_file():
                    yield above + entry.name
                elif entry.is_dir() and (self._follow_symlinks or not entry.is_symlink()):
                    directories.append(above + entry.name)
        for below in directories:
            yield from self._iter_files(below, "")

    def delete_tree(self, path: str) -> None:
        valid = self._valid(path)
        with convert_os_errors("delete", path):
            if valid != "/":
                delete(self._resolve(valid, through_last=False))
                return
            for name in os.listdir(self._root_path):
                if not name.startswith(RESERVED):
                    delete(os.path.join(self._root_path, name))

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        self._copy(path, target, overwrite=overwrite, make_parents=True)

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        self._move(path, target, overwrite=overwrite, make_parents=True)

    def remove_leftovers(
        self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False, everywhere: bool = True
    ) -> int:
        """Remove the leftovers of uploads whose process was killed, and return their number.

        :param older_than: the time since the last write of a leftover, in seconds. Younger ones stay, because their
            upload may still run.
        :param prefix: ignored, because a leftover does not tell the path of its file.
        :param dry_run: only count.
        :param everywhere: search all directories. Without it, only the root is searched. Others have leftovers only of
            moves, and of writes to other file systems mounted inside the root.
        """
        with convert_os_errors("remove_leftovers", "/"):
            return self._staging.remove_leftovers(older_than, dry_run=dry_run, everywhere=everywhere)

    def _copy(self, path: str, target_path: str, *, overwrite: bool, make_parents: bool) -> None:
        source, target = self._pair(path, target_path)
        if source == target:
            return
        if not overwrite and os.path.lexists(target):
            raise errors.DestinationExists(target_path)
        with convert_os_errors("copy", path):
            self._staging.copy(target_path, source, target, overwrite, make_parents=make_parents)

    def _move(self, path: str, target_path: str, *, overwrite: bool, make_parents: bool) -> None:
        source, target = self._pair(path, target_path)
        if source == target:
            return
        name = self._resolve(self._valid(path), through_last=False)
        with convert_os_errors("move", path):
            if os.path.islink(name):
                # the target of the link stays, and a relative link would lead elsewhere after a rename
                self._copy(path, target_path, overwrite=overwrite, make_parents=make_parents)
                os.unlink(name)
            elif overwrite and are_links(source, target):
                # rename does nothing if both paths are hard links of one file
                os.unlink(source)
            else:
                self._staging.move(target_path, source, target, overwrite, make_parents=make_parents)

    def _pair(self, path: str, target_path: str) -> tuple[str, str]:
        self.facts(path)
        return self._target(path), self._target(target_path)
