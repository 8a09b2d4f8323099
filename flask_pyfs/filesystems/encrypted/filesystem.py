"""EncryptedFS: the files of a store, encrypted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fs import errors

from ...encryption.segments import EncryptedStream
from ...errors import Undecipherable
from ...names import Reserved
from ..base import Readable
from ..elsewhere import Elsewhere
from ..store import DAY, Facts, OtherVersion, StoreFS
from .forms import Forms, Kept
from .standard import StandardMethods
from .writing import encrypting

__all__ = ["EncryptedFS"]


class EncryptedFS(StandardMethods):
    """The files of a store, which are encrypted there. Their names, and how long they are, are not.

    Each verb makes the requests of the store. A read that begins behind the first 64 KiB makes one more.

    :param store: the store. To close this one closes it.
    :param forms: how its files may be kept, and the keys.
    """

    def __init__(self, store: StoreFS, forms: Forms) -> None:
        super().__init__()
        self.whole = store
        self.forms = forms
        self._takes_unread = "unread" in inspect.signature(store.iter_facts).parameters

    def __str__(self) -> str:
        return f"<encrypted {self.whole}>"

    __repr__ = __str__

    def isclosed(self) -> bool:
        return super().isclosed() or self.whole.isclosed()

    def close(self) -> None:
        super().close()
        self.whole.close()

    if not TYPE_CHECKING:
        # what the store is, which it may learn later
        checksum_algorithm = property(lambda self: self.whole.checksum_algorithm)
        piece_size = property(lambda self: self.whole.piece_size)
        settling = property(lambda self: self.whole.settling)
        keeps_descriptions = property(lambda self: self.whole.keeps_descriptions)
        keeps_notes = property(lambda self: self.whole.keeps_notes)
        # clients may have begun to send parts before the files were encrypted
        takes_parts = property(lambda self: self.whole.takes_parts)
        hides_reserved = property(lambda self: self.whole.hides_reserved)
        strict = property(lambda self: self.whole.strict)
        decides_versions = property(lambda self: self.whole.decides_versions)

    @property
    def bare(self) -> StoreFS:
        return self.whole.bare

    # Verbs

    def learn_conditions(self, path: str) -> bool:
        return self.whole.learn_conditions(path)

    def canonical(self, path: str) -> str:
        return self.whole.canonical(path)

    def location(self, path: str) -> tuple[Hashable, str] | None:
        return self.whole.location(path)

    def has_file(self, path: str) -> bool:
        return self.whole.has_file(path)

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        # without a key nothing is begun
        secret = self._secret
        return encrypting(self.whole.open_write(path, overwrite=overwrite, content_type=content_type), secret)

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        return self.whole.put(path, self._encrypted(file), **options)

    def replace_version(self, path: str, file: Readable, version: str, **options: Any) -> str | None:
        return self.whole.replace_version(path, self._encrypted(file), version, **options)

    def _encrypted(self, file: Readable) -> Readable:
        return cast(Readable, EncryptedStream(file, self._secret))

    @property
    def _secret(self) -> bytes:
        return self.forms.keyring.first.secret

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        return self.forms.fetch(self.whole, path, start, stop, unless=unless)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        """Return the facts of the content of a file. It has no checksum.

        :raises flask_pyfs.errors.Undecipherable: if no encrypted file has this length.
        :raises fs.errors.FSError: as the store does.
        """
        return self.forms.facts_of(self.whole, path)

    def version(self, path: str) -> str | None:
        return self.whole.version(path)

    def kept(self, path: str) -> Kept:
        """Return how a file is kept. One request, or two.

        :raises fs.errors.FSError: as :meth:`fetch` does.
        """
        return self.forms.kept(self.whole, path)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return self.whole.iter_files(prefix)

    def iter_facts(
        self, prefix: str = "", *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        """Iterate over all files, as any store does. Of one that cannot be an encrypted file, the size is 0."""
        options: dict[str, Any] = {} if unread is None or not self._takes_unread else {"unread": unread}
        for path, facts in self.whole.iter_facts(prefix, **options):
            yield path, self._listed(_as_meant(path, prefix), facts)

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        for path, facts in self.whole.iter_level(directory):
            yield path, facts and self._listed(_as_meant(path, directory), facts)

    def _listed(self, path: str, facts: Facts) -> Facts:
        # one file that nobody can read must not hide all others
        try:
            return self.forms.facts(self.whole, path, facts)
        except Undecipherable as error:
            told: Facts | None = error.facts
            return told or replace(facts, size=0, checksum=None)

    def delete_tree(self, path: str) -> None:
        self.whole.delete_tree(path)

    def delete_version(self, path: str, version: str) -> bool:
        return self.whole.delete_version(path, version)

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        if self._encrypted_copy(path, target, overwrite=overwrite) is None:
            self.whole.copy_file(path, target, overwrite=overwrite)

    def copy_from(self, store: StoreFS, path: str, target: str, **options: Any) -> bool:
        # what is copied stays as it is, so all its keys must be known here
        if not isinstance(store, EncryptedFS) or not self.forms.reads_copies_of(store.forms):
            return False
        return self.whole.copy_from(store.whole, path, target, **options)

    def move_file(self, path: str, target: str, *, overwrite: bool = True, **options: Any) -> None:
        copied = self._encrypted_copy(path, target, overwrite=overwrite, **options)
        if copied is None:
            self.whole.move_file(path, target, overwrite=overwrite, **options)
        elif copied.version is not None:
            # what was written there meanwhile stays
            self.whole.delete_version(path, copied.version)
        else:
            self.whole.standard.remove(path)

    def _encrypted_copy(self, path: str, target: str, *, overwrite: bool, version: str | None = None) -> Facts | None:
        """Copy a file that must be encrypted to be copied, and return its facts; None if the store may copy it.

        :param version: as for :meth:`replace_version`.
        """
        opened = None if self.canonical(path) == self.canonical(target) else self.forms.to_encrypt(self.whole, path)
        if opened is None:
            return None
        facts, file = opened
        self._store(target, facts, file, overwrite=overwrite, version=version)
        return facts

    def _store(self, path: str, facts: Facts, file: BinaryIO, *, overwrite: bool, version: str | None) -> None:
        options: dict[str, Any] = {"content_type": facts.content_type}
        if self.keeps_descriptions:
            options["description"] = facts.description
        with file:
            if version is None:
                self.put(path, cast(Readable, file), overwrite=overwrite, **options)
            else:
                self.replace_version(path, cast(Readable, file), version, **options)

    def _encrypt(self, path: str) -> None:
        try:
            opened = self.forms.to_encrypt(self.whole, path)
        except (errors.ResourceNotFound, errors.FileExpected, Undecipherable):
            return
        if opened is not None:
            facts, file = opened
            # what is written there meanwhile is encrypted
            with suppress(OtherVersion):
                self._store(path, facts, file, overwrite=True, version=facts.version)

    def for_upload(self, directory: str, target: str, length: int | None, **options: Any) -> StoreFS:
        """An upload that has begun before the files were encrypted goes on, if plain files can be read."""
        if ("plain", None) not in self.forms.readable:
            return self
        place = self.whole.for_upload(directory, target, length)
        return Elsewhere(self, [EncryptedFS(place, self.forms)]) if place.joins_in_place else self

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        return self.whole.remove_leftovers(older_than, prefix, dry_run=dry_run)

    def remove_leases(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        return self.whole.remove_leases(older_than, prefix, dry_run=dry_run)

    def remove_uploads(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        return self.whole.remove_uploads(older_than, prefix, dry_run=dry_run)


def _as_meant(path: str, start: str) -> str:
    # who lists reserved names means each of them
    return Reserved(path) if isinstance(start, Reserved) else path
