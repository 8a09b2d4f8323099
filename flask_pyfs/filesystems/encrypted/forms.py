"""The forms in which files may be kept: encrypted by this package, by flask-fs2, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO, Literal, NamedTuple

from ...encryption.keys import Keyring
from ...encryption.segments import SEGMENT, plain_size
from ..store import Facts, StoreFS
from .failures import of_no_length
from .fetching import fetch_segments
from .reading import DecryptedFile

__all__ = ["Form", "Forms", "Kept"]

#: ``segments`` for the files of this package, ``fernet`` for those of flask-fs2.
Form = Literal["segments", "fernet", "plain"]


class Kept(NamedTuple):
    """How a file is kept.

    :param facts: its facts, as those of its content.
    :param form: in which form.
    :param key: the identifier of the key that decrypts it; None if it is plain.
    """

    facts: Facts
    form: Form
    key: str | None


class Forms:
    """Reads the files of a store in whatever form they are kept.

    :param keyring: the keys.
    """

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def facts_of(self, store: StoreFS, path: str) -> Facts:
        """Return the facts of the content of a file. One request.

        :raises Undecipherable: if it cannot be encrypted.
        :raises fs.errors.FSError: as :meth:`StoreFS.facts` does.
        """
        return self.facts(store, path, store.facts(path))

    def facts(self, store: StoreFS, path: str, facts: Facts) -> Facts:
        """Return the facts of the content of a file that was listed.

        :param facts: those of the file as it is kept.
        """
        size = plain_size(facts.size)
        if size is None:
            error = of_no_length(path, self.keyring)
            error.facts = replace(facts, size=0, checksum=None)
            raise error
        return replace(facts, size=size, checksum=None)

    def fetch(
        self, store: StoreFS, path: str, start: int, stop: int | None, *, unless: str | None
    ) -> tuple[Facts, BinaryIO]:
        """Return the facts of the content of a file, and the content; see :meth:`StoreFS.fetch`."""
        return fetch_segments(
            store,
            path,
            start,
            stop,
            unless=unless,
            keyring=self.keyring,
            facts_of=lambda kept: self.facts(store, path, kept),
        )

    def kept(self, store: StoreFS, path: str) -> Kept:
        """Return how a file is kept. One request, or two."""
        found, file = store.fetch(path, 0, SEGMENT)
        with file:
            facts = self.facts(store, path, found)
            raw = DecryptedFile(path, file, found.size, facts.size, self.keyring)
            return Kept(facts, "segments", raw.key.identifier)

    @property
    def readable(self) -> frozenset[tuple[Form, str | None]]:
        """The forms and the identifiers of the keys of the files that can be read."""
        return frozenset(("segments", key.identifier) for key in self.keyring)

    def reads_copies_of(self, other: Forms) -> bool:
        """Return whether each file that other forms read is read by these too, if a store copies it as it is. No
        request.
        """
        # the store dates a copy anew, so nobody could read that of a plain file
        return other.readable <= self.readable - {("plain", None)}

    def to_encrypt(self, store: StoreFS, path: str) -> tuple[Facts, BinaryIO] | None:
        """Return the facts and the content of a file that must be encrypted to be copied, or None if the store may
        copy it.

        :raises fs.errors.FSError: as :meth:`StoreFS.fetch` does.
        """
        return None
