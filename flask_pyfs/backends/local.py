"""Files in a directory of the operating system."""

from __future__ import annotations

import logging
import os
from typing import BinaryIO

from fs import errors as fs_errors

from ..config import Config, storage_key
from ..errors import ConfigurationError, FileNotFound, PermissionDenied
from ..filesystems.local.filesystem import LocalFS
from ..filesystems.local.listing import log_once
from ..filesystems.store import Facts
from ..options import Option
from .base import BaseBackend
from .contract import Wanted

__all__ = ["LocalBackend"]

log = logging.getLogger(__name__)


class LocalBackend(BaseBackend):
    """Keeps files in a directory. This is the default backend.

    The first operation makes the directory, and removes the leftovers of uploads whose process was killed more than a
    day ago.

    :raises flask_pyfs.errors.ConfigurationError: if ROOT is missing, or the directory cannot be made or written to.
    """

    options = (
        Option("ROOT", named=True, required=True),
        Option("MODE", "mode", argument="mode"),
        Option("DIR_MODE", "mode", argument="directory_mode"),
        Option("DURABLE", "bool", default=False, argument="durable"),
        Option("FOLLOW_SYMLINKS", "bool", default=False, argument="follow_symlinks"),
    )

    def __init__(self, name: str, config: Config) -> None:
        super().__init__(name, config)
        self._directory = os.path.abspath(self.config["root"])
        _require_writable(self._directory, name)
        self.root = os.path.join(self._directory, self.prefix) if self.prefix else self._directory

    def open_fs(self) -> LocalFS:
        self._make_directory(self._directory)
        filesystem = LocalFS(self._directory, **self.arguments())
        try:
            filesystem.remove_leftovers(everywhere=False)
        except fs_errors.FSError as error:
            # files can be read all the same, for example on a disk that is read-only
            log.warning("storage %r: leftovers in %r are not removed: %s", self.name, self._directory, error)
        return filesystem

    def version(self, filename: str) -> str | None:
        return super().facts(filename).version

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


def _require_writable(directory: str, storage: str) -> None:
    existing = directory
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        problem = f"{existing!r} is not a directory"
    elif not os.access(existing, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        problem = f"{existing!r} is not writable"
    else:
        return
    raise ConfigurationError(
        f"storage {storage!r} cannot keep files in {directory!r}: {problem}. "
        f"Set {storage_key(storage, 'ROOT')}, FS_LOCAL_ROOT or FS_ROOT to a directory that this process can write to",
        storage=storage,
    )
