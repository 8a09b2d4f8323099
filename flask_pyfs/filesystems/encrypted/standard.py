"""The standard methods of an encrypted store: directories are those of the store, contents go through the verbs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from fs.base import FS
from fs.copy import copy_modified_time
from fs.info import Info
from fs.path import join
from fs.permissions import Permissions
from fs.subfs import SubFS

from ..content import ContentFS
from ..store import Facts, StoreFS

# others tell of the file as it is kept: a URL of it, its checksum, its length by other names
_NAMESPACES = ("basic", "details", "access", "link", "stat", "lstat")
# the facts of a namespace that tell the length of a file
_SIZES = (("details", "size"), ("stat", "st_size"), ("lstat", "st_size"))
_TIMES = (("details", "modified"), ("stat", "st_mtime"), ("lstat", "st_mtime"))


class StandardMethods(ContentFS):
    """The standard methods. What is not here is made of these, so nothing reaches an encrypted file but by a verb."""

    whole: StoreFS

    @property
    def _names(self) -> FS:
        """The names of the store, as apps see them."""
        return self.whole.shown

    @abstractmethod
    def _listed(self, path: str, facts: Facts) -> Facts:
        """Return the facts of the content of a file that a listing told.

        :param facts: those of the file as it is kept.
        """

    @abstractmethod
    def _encrypt(self, path: str) -> None:
        """Encrypt a file in place that can only be read as long as it has its date."""

    def _is_directory(self, key: str) -> bool:
        return self._names.isdir(key)

    def _keep_directory(self, key: str) -> None:
        if self.strict and not self._is_directory(key):
            self._names.makedirs(key, recreate=True)

    def validatepath(self, path: str) -> str:
        self.check()
        return str(self._names.validatepath(path))

    def getmeta(self, namespace: str = "standard") -> Mapping[str, Any]:
        known = dict(self._names.getmeta(namespace))
        if "supports_rename" in known:
            # no path of the operating system leads to the content
            known["supports_rename"] = False
        return known

    # Queries

    def exists(self, path: str) -> bool:
        return self._names.exists(path)

    def isdir(self, path: str) -> bool:
        return self._names.isdir(path)

    def isempty(self, path: str) -> bool:
        return self._names.isempty(path)

    def islink(self, path: str) -> bool:
        return self._names.islink(path)

    def listdir(self, path: str) -> list[str]:
        return self._names.listdir(path)

    def getinfo(self, path: str, namespaces: Collection[str] | None = None) -> Info:
        return self._of_content(path, self._names.getinfo(path, _of_both(namespaces)))

    def scandir(
        self, path: str, namespaces: Collection[str] | None = None, page: tuple[int, int] | None = None
    ) -> Iterator[Info]:
        self.check()
        found = self._names.scandir(path, _of_both(namespaces), page)
        return (self._of_content(join(path, info.name), info) for info in found)

    def _of_content(self, path: str, info: Info) -> Info:
        raw = {namespace: info.raw[namespace] for namespace in _of_both(info.raw)}
        known: dict[str, dict[str, Any]] = {namespace: dict(facts) for namespace, facts in raw.items()}
        sizes = [(names, name) for names, name in _SIZES if name in known.get(names, ())]
        if sizes and not info.is_dir:
            kept = Facts(known[sizes[0][0]][sizes[0][1]], _modified(known), marked=False)
            size = self._listed(self._key(path), kept).size
            for names, name in sizes:
                known[names][name] = size
        return Info(known)

    # Changes

    def setinfo(self, path: str, info: Any) -> None:
        if "modified" in info.get("details", ()):
            self._encrypt(self._key(path))
        self._names.setinfo(path, info)

    def makedir(self, path: str, permissions: Permissions | None = None, recreate: bool = False) -> SubFS[FS]:
        self._names.makedir(path, permissions, recreate)
        return self.opendir(path)

    def makedirs(self, path: str, permissions: Permissions | None = None, recreate: bool = False) -> SubFS[FS]:
        self._names.makedirs(path, permissions, recreate)
        return self.opendir(path)

    def remove(self, path: str) -> None:
        self._names.remove(path)

    def removedir(self, path: str) -> None:
        self._names.removedir(path)

    def removetree(self, dir_path: str) -> None:
        self._names.removetree(dir_path)

    def copy(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        super().copy(src_path, dst_path, overwrite)
        if preserve_time:
            copy_modified_time(self, src_path, self, dst_path)


def _of_both(namespaces: Collection[str] | None) -> list[str]:
    """Return those of some namespaces whose facts are also those of the content, but for its length."""
    return [namespace for namespace in _NAMESPACES if namespace in (namespaces or ())]


def _modified(known: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    times = (known[namespace].get(name) for namespace, name in _TIMES if namespace in known)
    seconds = next((time for time in times if time is not None), None)
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
