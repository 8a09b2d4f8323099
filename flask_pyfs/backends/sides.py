"""One of the two stores of a storage that moves from one to the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable
from typing import Any

from ..config import Config, setting_name
from ..filesystems.below import BelowFS
from .base import BaseBackend
from .contract import Operations
from .flaskfs import FlaskFSBackend
from .operated import OperatedFS
from .registry import build_side

__all__ = ["Side"]


class Side:
    """The source or the target of a storage, with a backend and a PREFIX of its own.

    :param storage: the storage's name.
    :param config: the storage's settings.
    :param key: the KEY of the setting that names the backend: ``SOURCE`` or ``TARGET``.
    :raises flask_pyfs.errors.ConfigurationError: if there is no such backend, or one of its settings is wrong.
    """

    def __init__(self, storage: str, config: Config, key: str) -> None:
        self.key = key
        self.setting: str = setting_name(config, storage, key)
        self.backend: Any
        self.backend, self._callee = build_side(storage, config, key)
        self._lock = threading.Lock()
        self._store: BelowFS | None = None

    @property
    def operations(self) -> Operations:
        """What to call for the backend."""
        return self._callee.operations

    @property
    def is_old(self) -> bool:
        """Whether the backend was written for Flask-FS, or a part of it."""
        return isinstance(self.operations, FlaskFSBackend)

    @property
    def store(self) -> BelowFS:
        """The filesystem of the side, with the storage as its root. It is opened at first, and again if it was closed.

        :raises fs.errors.FSError: if it cannot be opened.
        """
        store = self._store
        if store is None or store.isclosed():
            with self._lock:
                store = self._store
                if store is None or store.isclosed():
                    store = self._store = self._opened()
        return store

    def _opened(self) -> BelowFS:
        operations, label = self.operations, f"{self.key}: "
        if isinstance(operations, FlaskFSBackend):
            return BelowFS(OperatedFS(operations), label=label)
        return BelowFS(self.backend.store, self.backend.prefix, label=label)

    @property
    def root(self) -> str | None:
        """The directory of the operating system that has the files, or None."""
        root: str | None = getattr(self.backend, "root", None)
        return root

    @property
    def keeper(self) -> BaseBackend | None:
        """The backend, if its files are on a disk as they are."""
        backend = self.backend if self.root and isinstance(self.backend, BaseBackend) else None
        return backend and backend.keeper("")

    @property
    def signs_urls(self) -> bool:
        """Whether the store signs URLs itself."""
        return isinstance(self.backend, BaseBackend) and self.backend.signs_urls

    def obstacle_to(self, serve_mode: str) -> str | None:
        """Return why this side cannot serve files in a SERVE_MODE, or None if it can."""
        if isinstance(self.backend, BaseBackend):
            return self.backend.obstacle_to(serve_mode)
        return None if serve_mode == "stream" else "it was written for Flask-FS"

    def place(self) -> tuple[Hashable, str] | None:
        """Return what tells the place of the files from all others, and the path there; None if it is not known. No
        request.
        """
        if self.root is not None:
            return "disk", os.path.join(os.path.realpath(self.root), "")
        return None if self.is_old else self.backend.location("")
