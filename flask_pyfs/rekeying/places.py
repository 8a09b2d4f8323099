"""The stores whose files are encrypted anew: that of a storage, or those of both of its sides."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from fs import errors

from ..backends.base import BaseBackend
from ..backends.overrides import call
from ..config import setting_name
from ..errors import ConfigurationError, translated
from ..filesystems.base import Readable
from ..filesystems.encrypted import EncryptedFS
from ..filesystems.store import MIGRATING, UPLOADS, Facts, OtherVersion, is_as_seen
from ..names import Reserved, has_reserved
from ..state import State, find
from ..storage import Storage
from .origins import Origin, origin_of
from .report import AES256_KEY, PLAIN, Holding

__all__ = ["Found", "Looked", "Place", "places_of"]


class Looked(NamedTuple):
    """What is seen of a file without reading all of it.

    :param facts: its facts, as those of its content.
    :param holding: the key with which it is kept.
    """

    facts: Facts
    holding: Holding


class Found(NamedTuple):
    """A file that is read.

    :param facts: its facts, as those of its content.
    :param file: the content, or None if it only says that there is no file.
    :param mirrors: which version of the other side it is a copy of, or None.
    """

    facts: Facts
    file: BinaryIO | None
    mirrors: str | None = None

    @property
    def content(self) -> BinaryIO:
        """The content of a file that is one."""
        assert self.file is not None
        return self.file

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


class Place:
    """The store of a backend. Paths are relative to its PREFIX. Errors are ``fs.errors``.

    :param backend: the backend, whose files are encrypted.
    :param side: ``source`` or ``target``, if it is one of two.
    :param entries: what remembers, of the target of a migration, which files are copies, and which names were deleted;
        see ``flask_pyfs.filesystems.migrating.target``.
    """

    def __init__(self, backend: BaseBackend, side: str = "", entries: Any = None) -> None:
        self.side = side
        self._store = cast(EncryptedFS, backend.store)
        self._config = backend.config
        self._entries = entries
        self._above = f"{backend.prefix}/" if backend.prefix else ""

    @property
    def first(self) -> Holding:
        """The key that encrypts."""
        return Holding(self.side, self._store.forms.keyring.first.identifier)

    def holdings(self, state: State) -> Iterator[tuple[Holding, Origin]]:
        """Iterate over what files may be kept with, by the settings, and where that is set.

        :param state: the state of the storage.
        """
        for number, key in enumerate(self._store.forms.keyring, 1):
            yield Holding(self.side, key.identifier), origin_of(state, self._config, "ENCRYPTION_KEYS", number)
        for kind, setting in ((AES256_KEY, "AES256_KEY"), (PLAIN, "ENCRYPTION_READ_PLAIN")):
            if self._config[setting.lower()] is not None:
                yield Holding(self.side, kind), origin_of(state, self._config, setting)

    def paths(self, start: str, unread: Callable[[str, Exception], object]) -> Iterator[str]:
        """Iterate over the paths of the files, as the store lists them; without a start, also over what the package
        keeps for long: unfinished uploads, and the journal of a migration.

        :param start: how the paths begin.
        :param unread: is called with each directory that cannot be read, and the exception.
        """
        # the wrapper would ask for the sizes of some
        bare = self._store.bare

        def tell(directory: str, error: Exception) -> None:
            unread(directory[len(self._above) :], error)

        for path, _ in call(bare.iter_facts, self._above + start, unread=tell):
            if not has_reserved(path):
                yield path[len(self._above) :]
        for room in () if start else (UPLOADS, MIGRATING):
            for path, _ in bare.iter_facts(Reserved(f"{self._above}{room}/")):
                relative = path[len(self._above) :]
                # what lies deeper in the latter are locks, and texts that are not encrypted
                if room == UPLOADS or "/" not in relative[len(room) + 1 :]:
                    yield relative

    def look(self, path: str) -> Looked:
        """Return with which key a file is kept. One request, or two."""
        kept = self._store.kept(self._full(path))
        keys = {"segments": kept.key, "fernet": AES256_KEY, "plain": PLAIN}
        return Looked(kept.facts, Holding(self.side, str(keys[kept.form])))

    def fetch(self, path: str) -> Found:
        """Open a file."""
        if self._entries is None or has_reserved(path):
            return Found(*self._store.fetch(self._full(path)))
        found = self._entries.fetch(path)
        if found is None:
            raise errors.ResourceNotFound(path)
        entry, file = found
        return Found(entry.facts, file, entry.mirrors)

    def replace(self, path: str, found: Found, content: Readable) -> None:
        """Store the content of a file in the place of the version that was found. What the store keeps with it stays.

        :raises OtherVersion: if there is another version, or none.
        """
        facts, full = found.facts, self._full(path)
        kept: dict[str, Any] = {"content_type": facts.content_type}
        if facts.description is not None:
            kept["description"] = facts.description
        if self._entries is not None and not has_reserved(path):
            if found.file is None:
                self._entries.bury(path, facts.version, mirrors=found.mirrors)
            else:
                self._entries.write(path, content, facts.version, mirrors=found.mirrors, **kept)
            return
        if facts.note is not None:
            kept["note"] = facts.note
        if facts.version is not None:
            self._store.replace_version(full, content, facts.version, **kept)
        elif is_as_seen(facts, self._store.facts(full)):
            self._store.put(full, content, **kept)
        else:
            raise OtherVersion(path)

    def window(self) -> str | None:
        """Return what may go wrong, if the store does not decide conditions; None if it does. Four requests to S3."""
        probe = Reserved.of(self._above.rstrip("/"), f"probe-{secrets.token_hex(8)}")
        if self._store.learn_conditions(probe) and not self._store.settling:
            return None
        return (
            "the store does not decide conditions: it looks at a file, and then replaces it, so what the app writes or "
            "deletes under this name between these two requests may be undone"
        )

    def _full(self, path: str) -> str:
        full = self._above + path
        return Reserved(full) if has_reserved(path) else full


def places_of(storage: Storage) -> list[Place]:
    """Return the stores of a storage whose files are encrypted. No request but those that open them.

    :raises flask_pyfs.errors.ConfigurationError: if there are none.
    """
    backend = find(storage).operations
    with translated(storage.name):
        found = list(_encrypted(backend))
        for place in found:
            # a service that has the keys is asked here
            place.first  # noqa: B018
    if not found:
        key = setting_name(find(storage).config, storage.name, "ENCRYPTION_KEYS")
        raise ConfigurationError(
            f"storage {storage.name!r} has no keys to encrypt with: set {key} to a list of keys, such as 'flask fs "
            "keygen' prints",
            storage=storage.name,
        )
    return found


def _encrypted(backend: Any) -> Iterator[Place]:
    sides = getattr(backend, "sides", None)
    if sides is None:
        if _has_keys(backend):
            yield Place(backend)
        return
    for side in sides:
        if _has_keys(side.backend):
            entries = backend.store.entries_of_target if side.key == "TARGET" else None
            yield Place(side.backend, side.key.lower(), entries)


def _has_keys(backend: Any) -> bool:
    return (
        isinstance(backend, BaseBackend)
        and backend.wrapper is not None
        and bool(backend.config["encryption_keys"])
        and isinstance(backend.store, EncryptedFS)
    )
