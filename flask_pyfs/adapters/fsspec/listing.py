"""What is in a storage, as fsspec tells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from glob import has_magic
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app, has_app_context

from ... import names
from ...directories import is_directory
from ...errors import FileNotFound, InvalidPath
from ...state import find
from ...storage import Storage

if TYPE_CHECKING:
    from ..._untyped import AbstractFileSystem
else:
    from fsspec import AbstractFileSystem

Info = dict[str, Any]


class ListedStorage(AbstractFileSystem):
    """A storage of one app whose files fsspec can find. No listing is cached.

    :param storage: the storage.
    """

    # an instance is found by the text of its arguments, and so would be that of another app
    cachable = False

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self.storage = storage
        self.app: Flask = find(storage).app

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.storage.name!r}>"

    @property
    def _fs_token(self) -> str:
        # what hash, == and Dask go by would be made of the text of the arguments too
        return f"{id(self.storage):x}{id(self.app):x}"

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return super()._strip_protocol(path).lstrip("/")

    def _context(self) -> AbstractContextManager[Any]:
        # pyarrow and Dask call from threads of their own
        if has_app_context() and current_app._get_current_object() is self.app:  # type: ignore[attr-defined]
            return nullcontext()
        return self.app.app_context()

    def info(self, path: str, **kwargs: Any) -> Info:
        """Return ``name``, ``size``, ``type``, and for a file ``modified``. One request, or two for a directory."""
        path = self._strip_protocol(path)
        if path:
            try:
                with self._context():
                    known = self.storage.metadata(path, checksum=False)
                return _file(path, known["size"], known["modified"])
            except FileNotFound:
                if not self._is_directory(path):
                    raise
        return _directory(path)

    def _is_directory(self, path: str) -> bool:
        with self._context():
            return is_directory(self.storage, path)

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Return whether there is a file or a directory. A store that fails raises an error, unlike in fsspec."""
        return self._type(path) is not None

    def isfile(self, path: str) -> bool:
        """Return whether there is a file. A store that fails raises an error, unlike in fsspec."""
        return self._type(path) == "file"

    def isdir(self, path: str) -> bool:
        """Return whether there is a directory. A store that fails raises an error, unlike in fsspec."""
        return self._type(path) == "directory"

    def _type(self, path: str) -> str | None:
        """Return the type of what is there, also of a file whose content nobody can read; None if nothing is."""
        path = self._strip_protocol(path)
        with self._context():
            if path and self.storage.exists(path):
                return "file"
        return "directory" if not path or self._is_directory(path) else None

    def modified(self, path: str) -> datetime | None:
        """Return the time of the last write, with a time zone, or None if the store does not tell it."""
        return cast("datetime | None", self.info(path).get("modified"))

    def ukey(self, path: str) -> str:
        """Return hexadecimal digits that change when the file is written again. One request."""
        with self._context():
            version = self.storage.version(self._strip_protocol(path))
        # some backends know no versions
        return super().ukey(path) if version is None else version.encode().hex()

    def checksum(self, path: str) -> int:
        """Return a number that changes when the file is written again. One request."""
        return int(self.ukey(path), 16)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        """List a directory. One request lists 1,000 entries on S3, and 10,000 on Swift and GridFS."""
        path = self._strip_protocol(path)
        found = self._scanned(path)
        if path and not found:
            info = self.info(path)
            found = {} if info["type"] == "directory" else {path: info}
        return list(found.values()) if detail else list(found)

    def _scanned(self, path: str) -> dict[str, Info]:
        # nothing if it is no directory
        found: dict[str, Info] = {}
        with self._context(), suppress(InvalidPath):
            for name, facts in find(self.storage).operations.level(_collapsed(path)):
                if facts is None:
                    if _is_path(name[:-1]):
                        # a name may be both in a store of objects: it means the file
                        found.setdefault(name[:-1], _directory(name[:-1]))
                elif _is_path(name):
                    found[name] = _file(name, facts.size, facts.modified)
        return dict(sorted(found.items()))

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **kwargs: Any
    ) -> Any:
        """List all files below a directory, by one listing of all that is there."""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth must be at least 1")
        path = self._strip_protocol(path)
        if maxdepth == 1:
            listed = self._scanned(path)
            found = {name: info for name, info in listed.items() if withdirs or info["type"] == "file"}
        else:
            found = self._below(path, maxdepth, withdirs)
        if path and not found and self.isfile(path):
            found[path] = self.info(path)
        elif path and found and withdirs:
            found.setdefault(path, _directory(path))
        found = dict(sorted(found.items()))
        return found if detail else list(found)

    def _below(self, path: str, maxdepth: int | None, withdirs: bool) -> dict[str, Info]:
        found: dict[str, Info] = {}
        above = path.count("/") + 1 if path else 0
        with self._context():
            for entry in self.storage.entries(f"{path}/" if path else None):
                if not _is_path(entry.name):
                    continue
                parts = entry.name.split("/")
                deepest = len(parts) if maxdepth is None else above + maxdepth
                if withdirs:
                    for end in range(above + 1, min(len(parts), deepest + 1)):
                        name = "/".join(parts[:end])
                        found.setdefault(name, _directory(name))
                if len(parts) <= deepest:
                    found[entry.name] = _file(entry.name, entry.size, entry.modified)
        return found

    def expand_path(self, path: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any) -> list[str]:
        """Return the files and directories that paths and patterns mean. What exists means itself, also if it has
        characters of a pattern: ``a[1].txt`` is not ``a1.txt``. That takes one or two requests for such a path.
        """
        found: set[str] = set()
        patterns = []
        for each in self._strip_protocol(path if isinstance(path, list) else [path]):
            if not has_magic(each) or not self.exists(each):
                patterns.append(each)
                continue
            found.add(each)
            if recursive:
                found.update(self.find(each, maxdepth=maxdepth, withdirs=True))
        if patterns or not found:
            found.update(super().expand_path(patterns, recursive, maxdepth, **kwargs))
        return sorted(found)

    def walk(
        self, path: str, maxdepth: int | None = None, topdown: bool = True, on_error: Any = "omit", **kwargs: Any
    ) -> Iterator[Any]:
        """Walk the directories below a path, with one listing for each. Only one that is missing is left out; a store
        that fails raises an error, unlike in fsspec.
        """
        yield from super().walk(path, maxdepth, topdown, _omit_missing if on_error == "omit" else on_error, **kwargs)

    def du(
        self, path: str, total: bool = True, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> Any:
        """Return how many bytes the files below a path have, or each of them, by one listing."""
        found = self.find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True)
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes


def _is_path(name: str) -> bool:
    # no path means the key "a//b" of another tool
    return not {"", "."}.intersection(name.split("/"))


def _collapsed(path: str) -> str:
    directory = names.collapse(path)
    return names.given(directory) if directory else ""


def _file(name: str, size: int, modified: datetime | None) -> Info:
    return {"name": name, "size": size, "type": "file", "modified": modified}


def _directory(name: str) -> Info:
    return {"name": name, "size": 0, "type": "directory"}


def _omit_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
