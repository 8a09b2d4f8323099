"""Files in a directory of the operating system."""

from __future__ import annotations

import os

from ..config import Config, storage_key
from ..errors import ConfigurationError
from ..filesystems.local.filesystem import LocalFS
from ..options import Option
from .base import BaseBackend

__all__ = ["LocalBackend"]


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
        filesystem.remove_leftovers(everywhere=False)
        return filesystem

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
