"""Files in a directory of the operating system."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, BinaryIO, ClassVar, cast

from fs import errors as fs_errors

from .. import names
from ..config import Config, wrong_setting
from ..errors import FileNotFound, InvalidPath, PermissionDenied, shortened, translated
from ..filesystems.base import copy_stream
from ..filesystems.local.filesystem import LocalFS
from ..filesystems.local.listing import log_once
from ..filesystems.store import Description, Facts
from ..options import Option
from .base import BaseBackend
from .contract import StoredName, Wanted
from .handles import Source
from .surroundings import surroundings

__all__ = ["LocalBackend"]

_log = logging.getLogger(__name__)


class LocalBackend(BaseBackend):
    """Keeps files in a directory. This is the default backend.

    The first operation makes the directory, and removes the leftovers of uploads whose process was killed more than a
    day ago.

    :raises flask_pyfs.errors.ConfigurationError: if ROOT is missing, or the directory cannot be made or written to.
    """

    options: ClassVar[Sequence[Option]] = (
        Option("ROOT", "directory", named=True, required=True),
        Option("MODE", "mode", argument="mode"),
        Option("DIR_MODE", "mode", argument="directory_mode"),
        Option("DURABLE", "bool", default=False, argument="durable"),
        Option("FOLLOW_SYMLINKS", "bool", default=False, argument="follow_symlinks"),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        if not config.get("root") and (above := self.default_root):
            config = Config(config, root=os.path.join(above, name))
        super().__init__(name, config)
        self._directory = os.path.abspath(self.config["root"])
        self.root: str | None = os.path.join(self._directory, self.prefix) if self.prefix else self._directory

    def check_settings(self) -> None:
        if problem := _problem_of(self._directory):
            rule = f"must be a directory that this process can write to, but {problem}"
            raise wrong_setting(self.name, "local", self.config, "ROOT", rule)

    @property
    def default_root(self) -> str | None:
        """The directory above the roots of backends that are built without ROOT: ``FS_LOCAL_ROOT`` of the current app,
        else its ``FS_ROOT``; None outside an app context.
        """
        return surroundings.default_root()

    def derived_settings(self) -> dict[str, Any]:
        return {"ROOT": self._directory}

    def open_fs(self) -> LocalFS:
        self._make_directory(self._directory)
        filesystem = LocalFS(self._directory, **self.arguments())
        try:
            filesystem.remove_leftovers(everywhere=False)
        except fs_errors.FSError as error:
            # files can be read all the same, for example on a disk that is read-only
            _log.warning("storage %r: leftovers in %r are not removed: %s", self.name, self._directory, error)
        return filesystem

    def path(self, filename: str) -> str:
        """Return the absolute path of a file. The file need not exist.

        A subclass that overrides it decides where the files lie, for all operations.
        """
        return cast(str, super().local_path(filename))

    def ensure_path(self, filename: str) -> None:
        """Make the directory of a file."""
        with self._translated(filename):
            self.store.makedirs(os.path.dirname(self._path(filename)), recreate=True)

    def local_path(self, filename: str) -> str:
        return self.path(filename) if self._is_plain else self._placed(filename)[0]

    def spellings(self, filename: str) -> tuple[str, ...]:
        return super().spellings(filename) if self._is_plain else (names.normalize(filename),)

    @property
    def _is_plain(self) -> bool:
        # no other code decides where files lie
        return getattr(self.path, "__func__", None) is _PATH

    def _only_path(self, filename: str) -> str | None:
        return super()._only_path(filename) if self._is_plain else self._placed(filename)[1]

    def _path(self, filename: str) -> str:
        return super()._path(filename) if self._is_plain else self._placed(filename)[1]

    def _name(self, path: str) -> str:
        return path.name if isinstance(path, _Place) else super()._name(path)

    def _placed(self, filename: str) -> tuple[str, _Place]:
        name = names.normalize(filename)
        place = os.path.join(self._directory, os.fsdecode(self.path(name)))
        for actual in (os.path.abspath, os.path.realpath):
            inside = os.path.relpath(actual(place), actual(self._directory))
            parts = inside.split(os.sep)
            if parts[0] not in (os.curdir, os.pardir) and not names.has_reserved(inside):
                return os.path.join(self._directory, inside), _Place(inside, name)
        raise InvalidPath(
            f"storage {self.name!r}: {type(self).__name__}.path puts {name!r} at {place!r}, "
            f"which is not below ROOT, {self._directory!r}",
            path=name,
            storage=self.name,
        )

    # What Flask-FS's methods call, if a subclass overrides it

    def _ensure(self, filename: str) -> None:
        if getattr(self.ensure_path, "__func__", None) is not _ENSURE_PATH:
            self.ensure_path(names.normalize(filename))

    def open(self, filename: str, mode: str = "r", encoding: str = "utf-8", **options: Any) -> IO[Any]:
        if "r" not in mode:
            self._ensure(filename)
        return super().open(filename, mode, encoding, **options)

    def read(self, filename: str) -> bytes:
        if getattr(self.open, "__func__", None) is _OPEN:
            return super().read(filename)
        with self._translated(filename), self.open(filename, "rb") as file:
            return cast(bytes, file.read())

    def _write(
        self,
        filename: str,
        content: Any,
        overwrite: bool,
        content_type: str | None,
        description: Description | None = None,
    ) -> StoredName:
        self._ensure(filename)
        return super()._write(filename, content, overwrite, content_type, description)

    def write(
        self, filename: str, content: Any, overwrite: bool = True, *, content_type: str | None = None
    ) -> StoredName:
        if getattr(self.open, "__func__", None) is _OPEN:
            return super().write(filename, content, overwrite, content_type=content_type)
        self._refuse_taken(filename, overwrite)
        source = Source(content)
        with translated(self.name, filename, source):
            self.ensure_path(names.normalize(filename))
            with self.open(filename, "wb") as file:
                copy_stream(source, file)
        return StoredName(names.normalize(filename))

    def save(
        self,
        file: Any,
        filename: str,
        overwrite: bool = True,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> str:
        return self._write(filename, file, overwrite, content_type, description)

    def copy(self, filename: str, target: str, overwrite: bool = True) -> None:
        self._ensure(target)
        super().copy(filename, target, overwrite)

    def _copy_from(self, other: BaseBackend, source: str, target: str, overwrite: bool, version: str | None) -> bool:
        self._ensure(target)
        return super()._copy_from(other, source, target, overwrite, version)

    def _join(self, paths: Sequence[str], filename: str, *arguments: Any) -> StoredName:
        self._ensure(filename)
        return super()._join(paths, filename, *arguments)

    def move(self, filename: str, target: str, overwrite: bool = True) -> None:
        self._ensure(target)
        self._move(filename, target, overwrite)

    # Requests

    def facts(self, filename: str) -> Facts:
        """Return the facts of a file, for a request. What this process may not read does not exist."""
        try:
            return super().facts(filename)
        except PermissionDenied as error:
            self._log_hidden(filename, error)
            raise FileNotFound(str(error), path=filename, storage=self.name) from error

    def _fetch(self, path: str, wanted: Wanted) -> tuple[Facts, BinaryIO]:
        # for a request, as facts
        try:
            return super()._fetch(path, wanted)
        except fs_errors.PermissionDenied as error:
            self._log_hidden(path, error)
            raise fs_errors.ResourceNotFound(path, exc=error) from error

    def _log_hidden(self, path: str, error: Exception) -> None:
        log_once(os.path.dirname(os.path.join(self._directory, path)), error)

    def _entries(
        self, prefixes: Sequence[str], unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        # who only looks makes no directory; one that is gone after it was opened is an error
        if self._store is None and not os.path.isdir(self._directory):
            return iter(())
        return super()._entries(prefixes, unread)

    def _make_directory(self, directory: str) -> None:
        if os.path.isdir(directory):
            return
        self._make_directory(os.path.dirname(directory))
        try:
            os.mkdir(directory)
        except FileExistsError:
            # another process made it first
            return
        if self.config["dir_mode"] is not None:
            os.chmod(directory, self.config["dir_mode"])


class _Place(str):
    """A path that other code gave to a file.

    :ivar name: the name of the file.
    """

    def __new__(cls, path: str, name: str) -> _Place:
        place = super().__new__(cls, path)
        place.name = name
        return place

    name: str


_PATH, _ENSURE_PATH, _OPEN = LocalBackend.path, LocalBackend.ensure_path, LocalBackend.open


def _problem_of(directory: str) -> str | None:
    existing = directory
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    shown = shortened(repr(existing), 150)
    if not os.path.isdir(existing):
        return f"{shown} is not a directory"
    if existing == directory and os.statvfs(directory).f_flag & os.ST_RDONLY:
        # whoever mounts it so wants it to be read
        return None
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return f"{shown} is not writable"
    return None
