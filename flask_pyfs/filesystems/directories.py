"""The standard methods of PyFilesystem over the verbs of a store, which knows only files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, BinaryIO

from fs import errors
from fs.base import FS
from fs.enums import ResourceType
from fs.info import Info
from fs.mode import Mode
from fs.path import basename, dirname, relpath
from fs.permissions import Permissions
from fs.subfs import SubFS
from fs.time import datetime_to_epoch

from ..names import has_reserved, may_be_reserved
from .base import copy_stream, refuse_reserved
from .store import Facts, StoreFS
from .streams import spooled


class DirectoriesFS(StoreFS):
    """The standard methods, made of verbs and of a few steps that a subclass has for directories.

    - The standard methods normalise paths, so they reach no key that is not normal, such as ``a//b``; the verbs may.
    - A directory exists if a file is below it, or if it was made.
    - The rules of PyFilesystem hold: the parent of a new file must exist, unless :attr:`strict` is off, and a directory
      remains when its last file is deleted.
    - A key with files below it may be a file itself. ``getinfo`` then reports a file, and the directory is found by
      listing.
    """

    _meta = {
        "case_insensitive": False,
        "invalid_path_chars": "\0",
        "network": True,
        "read_only": False,
        "thread_safe": True,
        "unicode_paths": True,
        "virtual": False,
    }

    #: Whether writing a file fails if its parent directory does not exist.
    strict = True

    # The steps. A key is a path without its leading slash; that of the root is empty.

    @abstractmethod
    def _is_directory(self, key: str) -> bool:
        """Return whether there is a directory."""

    @abstractmethod
    def _children(self, prefix: str) -> Iterator[tuple[str, Facts | None]]:
        """Iterate over what is in a directory, as :meth:`StoreFS.iter_level` does. If there is one, but nothing is in
        it, or it was made, the prefix itself is listed.

        :param prefix: the key of the directory and a slash; empty for the root.
        """

    @abstractmethod
    def _remember(self, key: str) -> None:
        """Make a directory, whether there is one or not."""

    @abstractmethod
    def _forget(self, key: str) -> None:
        """Remove an empty directory."""

    @abstractmethod
    def _delete_below(self, prefix: str) -> None:
        """Delete all files and directories below a directory, and the directory itself unless it is the root."""

    @abstractmethod
    def _delete_file(self, key: str) -> None:
        """Delete a file."""

    def validatepath(self, path: str) -> str:
        valid = str(super().validatepath(path))
        if may_be_reserved(valid) and self.hides_reserved:
            # no standard method means one
            refuse_reserved(str(path), valid)
        return valid

    def _is_shown(self, key: str) -> bool:
        return not (may_be_reserved(key) and self.hides_reserved and has_reserved(key))

    # Standard methods: queries

    def getinfo(self, path: str, namespaces: Collection[str] | None = None) -> Info:
        key = self._key(path)
        if key:
            try:
                return self._file_info(key, self.facts(key), namespaces or ())
            except errors.ResourceNotFound:
                pass
        if not self._is_directory(key):
            raise errors.ResourceNotFound(path)
        return self._directory_info(key, namespaces or ())

    def exists(self, path: str) -> bool:
        try:
            self.getinfo(path)
        except errors.ResourceNotFound:
            return False
        return True

    def isdir(self, path: str) -> bool:
        return self._is_directory(self._key(path))

    def isfile(self, path: str) -> bool:
        key = self._key(path)
        return bool(key) and self.has_file(key)

    def isempty(self, path: str) -> bool:
        return not self.listdir(path)

    def listdir(self, path: str) -> list[str]:
        # a name may be a file and a directory
        return list(dict.fromkeys(info.name for info in self._scan(path, ())))

    def scandir(
        self, path: str, namespaces: Collection[str] | None = None, page: tuple[int, int] | None = None
    ) -> Iterator[Info]:
        self.check()
        infos = self._scan(path, namespaces or ())
        return infos if page is None else islice(infos, *page)

    def _scan(self, path: str, namespaces: Collection[str]) -> Iterator[Info]:
        key = self._directory_key(path)
        found = not key
        for below, facts in self._children(key):
            found = True
            name = below[len(key) :].rstrip("/")
            # the empty name is the marker's; a walk that follows the others leaves this directory
            if name in ("", ".", "..") or not self._is_shown(name):
                continue
            if facts is None:
                yield self._directory_info(f"{key}{name}", namespaces)
            else:
                yield self._file_info(below, facts, namespaces)
        if not found:
            raise self._no_directory(path)

    def _no_directory(self, path: str) -> errors.FSError:
        if self.isfile(path):
            return errors.DirectoryExpected(path)
        return errors.ResourceNotFound(path)

    def _no_file(self, path: str) -> errors.FSError:
        if self._is_directory(self._key(path)):
            return errors.FileExpected(path)
        return errors.ResourceNotFound(path)

    def _directory_info(self, key: str, namespaces: Collection[str]) -> Info:
        raw: dict[str, dict[str, Any]] = {"basic": {"name": basename(key), "is_dir": True}}
        if "details" in namespaces:
            raw["details"] = {"type": int(ResourceType.directory), "size": 0, "modified": None, "accessed": None}
        return Info(raw)

    def _file_info(self, key: str, facts: Facts, namespaces: Collection[str]) -> Info:
        raw: dict[str, dict[str, Any]] = {"basic": {"name": basename(key), "is_dir": False}}
        if "details" in namespaces:
            modified = facts.modified and datetime_to_epoch(facts.modified)
            raw["details"] = {
                "type": int(ResourceType.file),
                "size": facts.size,
                "modified": modified,
                "accessed": None,
            }
        return Info(raw)

    def setinfo(self, path: str, info: Any) -> None:
        # no store can change the facts of an object
        self.getinfo(path)

    # Standard methods: directories

    def makedir(self, path: str, permissions: Permissions | None = None, recreate: bool = False) -> SubFS[FS]:
        key = self._key(path)
        if key:
            self._require_directory(dirname(key), path)
        try:
            info = self.getinfo(key)
        except errors.ResourceNotFound:
            self._remember(key)
        else:
            if not info.is_dir:
                raise errors.DirectoryExpected(path) if recreate else errors.DirectoryExists(path)
            if not recreate:
                raise errors.DirectoryExists(path)
        return self.opendir(path)

    def removedir(self, path: str) -> None:
        key = self._key(path)
        if not key:
            raise errors.RemoveRootError(path)
        if not self.isempty(path):
            raise errors.DirectoryNotEmpty(path)
        self._forget(key)
        self._keep_directory(dirname(key))

    def removetree(self, dir_path: str) -> None:
        key = self._key(dir_path)
        if not self._is_directory(key):
            raise self._no_directory(dir_path)
        self._delete_below(f"{key}/" if key else "")
        self._keep_directory(dirname(key))

    def _keep_directory(self, key: str) -> None:
        if self.strict and not self._is_directory(key):
            self._remember(key)

    def _require_directory(self, key: str, path: str) -> None:
        if self.strict and not self._is_directory(key):
            raise errors.ResourceNotFound(path)

    # Standard methods: files

    def openbin(self, path: str, mode: str = "r", buffering: int = -1, **options: Any) -> BinaryIO:
        opened = Mode(mode)
        opened.validate_bin()
        key = self._standard_key(path)
        if not opened.writing:
            return self._open_read(path, key)
        if self.strict:
            self._require_directory(dirname(key), path)
            if self._is_directory(key):
                raise errors.FileExpected(path)
        if opened.exclusive and self.isfile(key):
            raise errors.FileExists(path)
        content_type = options.get("content_type")
        if opened.reading or opened.appending:
            return self._open_update(path, key, opened, content_type)
        return self.open_write(key, overwrite=not opened.exclusive, content_type=content_type)

    def _open_read(self, path: str, key: str) -> BinaryIO:
        try:
            return self.open_read(key)
        except errors.ResourceNotFound:
            raise self._no_file(path) from None

    def _open_update(self, path: str, key: str, mode: Mode, content_type: str | None) -> BinaryIO:
        # objects are immutable: a local copy is edited, and sent when the file is closed
        def fill(file: BinaryIO) -> None:
            nonlocal content_type
            if not mode.truncate and not mode.exclusive:
                content_type = self._download_to(file, path, key, mode) or content_type

        def publish(content: BinaryIO) -> None:
            self.put(key, content, overwrite=not mode.exclusive, content_type=content_type)

        return spooled(publish, mode.to_platform_bin(), fill)

    def _download_to(self, file: Any, path: str, key: str, mode: Mode) -> str | None:
        try:
            facts, source = self.fetch(key)
        except errors.ResourceNotFound:
            if mode.create:
                return None
            raise self._no_file(path) from None
        with source:
            copy_stream(source, file)
        if not mode.appending:
            file.seek(0)
        return facts.content_type

    def readbytes(self, path: str) -> bytes:
        with self.openbin(path) as file:
            return file.read()

    def writebytes(self, path: str, contents: bytes) -> None:
        if not isinstance(contents, bytes):
            raise TypeError("contents must be bytes")
        with self.openbin(path, "w") as file:
            file.write(contents)

    def upload(self, path: str, file: BinaryIO, chunk_size: int | None = None, **options: Any) -> None:
        # fs.copy passes the open file of another filesystem, which may know its type
        options.setdefault("content_type", getattr(file, "content_type", None))
        super().upload(path, file, chunk_size, **options)

    def remove(self, path: str) -> None:
        key = self._standard_key(path)
        if self.strict and not self.isfile(key):
            raise self._no_file(path)
        self._delete_file(key)
        self._keep_directory(dirname(key))

    def copy(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        self._transfer(self.copy_file, src_path, dst_path, overwrite)

    def move(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        self._transfer(self.move_file, src_path, dst_path, overwrite)
        self._keep_directory(dirname(self._key(src_path)))

    def _transfer(self, transfer: Callable[..., None], path: str, target: str, overwrite: bool) -> None:
        key, target_key = self._standard_key(path), self._standard_key(target)
        self._require_directory(dirname(target_key), target)
        if self.strict and self._is_directory(target_key):
            raise errors.FileExpected(target) if overwrite else errors.DestinationExists(target)
        if target_key == key and not overwrite and self.has_file(key):
            raise errors.DestinationExists(target)
        try:
            transfer(key, target_key, overwrite=overwrite)
        except errors.FileExists:
            raise errors.DestinationExists(target) from None
        except errors.ResourceNotFound:
            raise self._no_file(path) from None

    def _standard_key(self, path: str) -> str:
        key = self._key(path)
        if not key:
            raise errors.FileExpected(path)
        return key

    def _key(self, path: str) -> str:
        return str(relpath(self.validatepath(path)))

    def _directory_key(self, path: str) -> str:
        key = self._key(path)
        return f"{key}/" if key else ""
