"""The standard methods of PyFilesystem over the verbs of a store, which knows only files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from fs import errors
from fs.base import FS
from fs.enums import ResourceType
from fs.info import Info
from fs.path import basename, dirname
from fs.permissions import Permissions
from fs.subfs import SubFS
from fs.time import datetime_to_epoch

from ..names import has_reserved, may_be_reserved
from .base import refuse_reserved
from .content import ContentFS
from .store import Facts


class DirectoriesFS(ContentFS):
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

    # The steps. A key is a path without its leading slash; that of the root is empty.

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

    def remove(self, path: str) -> None:
        key = self._standard_key(path)
        if self.strict and not self.isfile(key):
            raise self._no_file(path)
        self._delete_file(key)
        self._keep_directory(dirname(key))

    def _directory_key(self, path: str) -> str:
        key = self._key(path)
        return f"{key}/" if key else ""
