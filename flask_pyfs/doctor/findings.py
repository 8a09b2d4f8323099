"""Finding: what a check found. Subject: the storage that is examined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ..backends.base import BaseBackend
from ..backends.registry import build_side
from ..config import setting_name
from ..declared import backends_of, declared_options
from ..errors import BackendError, FSError, InvalidPath, OperationNotSupported, shortened
from ..filesystems.store import StoreFS
from ..settings import Unread
from ..state import State

Level = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What a check found.

    :param storage: the name of the storage; None if the check is one of the app as a whole.
    :param check: the name of the check, such as ``'exclusive'``. It stays the same in later releases.
    :param level: ``'ok'``, ``'warning'``, ``'error'``, or ``'skipped'`` if the check cannot be made here.
    :param message: one line: what was found and, of a warning or an error, which setting to change.
    :param again: whether an error may be gone if the check is made again, as when a server is down.
    """

    storage: str | None
    check: str
    level: Level
    message: str
    again: bool = False


def signs_urls(state: State) -> bool:
    """Return whether the store of a storage signs URLs, so that the app does not."""
    return isinstance(state.backend, BaseBackend) and state.backend.signs_urls


@dataclass(frozen=True)
class Subject:
    """A storage that is examined.

    :param state: its state on the app.
    :param origin: the origin of the app's pages, such as ``'https://shop.example'``, or None if nothing tells it.
    :param unread: the settings of the app that reach no storage.
    :param is_origin_given: whether who asks has said the origin, so that pages of the app need the store.
    :param side: the KEY of the setting that names the backend, if it is one of several that the storage has.
    """

    state: State
    origin: str | None = None
    unread: tuple[Unread, ...] = ()
    is_origin_given: bool = False
    side: str = ""

    def sides(self) -> Iterator[Subject]:
        """Iterate over the backends of the storage, if it has several.

        :raises flask_pyfs.errors.ConfigurationError: if one cannot be used with its settings.
        """
        state = self.state
        for side, name in backends_of(state).items():
            backend, callee = build_side(state.storage.name, state.config, side)
            own = state._replace(
                backend_name=name, backend=backend, callee=callee, config=state.config.side(side), configured=None
            )
            yield replace(self, state=own, side=side)

    @property
    def store(self) -> StoreFS | None:
        """The filesystem, or None if the backend has none.

        :raises fs.errors.FSError: if it cannot be opened.
        """
        backend = self.state.backend
        try:
            return backend.store if isinstance(backend, BaseBackend) else None
        except OperationNotSupported:
            return None

    @property
    def root(self) -> str | None:
        """The directory of the files, if they are on a disk of this machine.

        :raises fs.errors.FSError: if the filesystem cannot be opened.
        """
        if self.state.root or self.store is None:
            return self.state.root
        filesystem = self.store.bare.standard
        return filesystem.getsyspath("/") if filesystem.hassyspath("/") else None

    @property
    def is_meant_for_all(self) -> bool:
        """Whether anybody may read the files, by the settings."""
        config = self.state.config
        return bool(config["url"]) and not config["private"] and config["authorize"] is None

    @property
    def declared(self) -> set[str]:
        """The settings that this storage may have."""
        return set(declared_options(self.state))

    def setting(self, *keys: str) -> str:
        """Return the name of the first setting that this backend has of some, as it is set, or as it can be set."""
        key = next((key for key in keys if key in self.declared), keys[-1])
        return setting_name(self.state.config, self.state.storage.name, key)

    @property
    def place(self) -> str:
        """The name of the setting that says where the store is."""
        return self.setting("ENDPOINT", "AUTHURL", "MONGO_URL", "OPEN_URL", "ROOT", "BACKEND")

    def found(self, check: str, level: Level, message: str, again: bool = False) -> Finding:
        """Return a finding about this storage. That of one backend of several begins with its KEY."""
        text = f"{self.side}: {message}" if self.side else message
        return Finding(self.state.storage.name, check, level, shortened(text, 400), again)

    def failed(self, check: str, error: FSError, what: str = "") -> Finding:
        """Return the finding for an error of the storage, whose message names the setting.

        :param what: what could not be done, if the message does not say it.
        """
        # a backend that other code wrote may take no reserved name
        if isinstance(error, (OperationNotSupported, InvalidPath)):
            return self.found(check, "skipped", str(error))
        message = f"{what}: {error}" if what else str(error)
        if not any(key in message for key in self.declared):
            message += f" (see {self.place})"
        return self.found(check, "error", message, isinstance(error, BackendError))
