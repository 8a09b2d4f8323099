"""Files that are kept in several forms."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO, cast

from fs import errors

from ...encryption import fernet
from ...encryption.keys import Key, Keyring
from ...encryption.segments import HEADER, SEGMENT, Cipher, Damaged
from ..store import Facts, StoreFS
from .begun import BegunFile, some_of
from .failures import damaged, doubtful, not_opened, of_flask_fs2
from .fetching import end_of, fetch_again, is_behind_first, is_nothing, segments_of, span
from .forms import Form, Forms, Kept
from .likeness import looks_encrypted
from .old import OldFile
from .reading import ContentReader, DecryptedFile

__all__ = ["MixedForms"]

_OURS, _OLD = bytes([HEADER]), bytes([fernet.FIRST_BYTE])

# how much of a file tells its form, if that can be told without a proof, in bytes
_START = 9

# shorter files of a listing are read as a whole, in bytes
_SHORT = 16 * 1024


class MixedForms(Forms):
    """Reads files that may also be those of flask-fs2, or plain if they are old.

    The first byte of a file tells its form; then it is proven. The first segment of one of this package must decrypt,
    and the MAC of one of flask-fs2 covers all of it. Only a file that the store dates before a moment may be plain.
    There, a file that nothing decrypts is refused if it :func:`looks encrypted <.likeness.looks_encrypted>`, or if only
    its first byte was changed. It cannot be told from a plain file if less than its header is left, or if its first
    byte and its first segment were changed.

    :param keyring: the keys.
    :param old: the key of flask-fs2, whose files are then read, or None.
    :param plain_before: the moment before which files may be plain, with a time zone, or None.
    """

    def __init__(self, keyring: Keyring, *, old: Key | None, plain_before: datetime | None) -> None:
        super().__init__(keyring)
        self._old = old
        self._fernet = None if old is None else fernet.Fernet(old.secret)
        # some stores tell whole seconds
        self._plain_before = plain_before and plain_before.replace(microsecond=0)

    @property
    def readable(self) -> frozenset[tuple[Form, str | None]]:
        old: set[tuple[Form, str | None]] = {("fernet", self._old.identifier)} if self._old else set()
        plain: set[tuple[Form, str | None]] = {("plain", None)} if self._plain_before else set()
        return super().readable | old | plain

    # Facts

    def facts_of(self, store: StoreFS, path: str) -> Facts:
        """As for files of one form. One request, and another one for a file of flask-fs2."""
        return self._looked_at(store, path, _START)

    def facts(self, store: StoreFS, path: str, facts: Facts) -> Facts:
        """As for files of one form. One request if the file may be of another form, and another one for a file of
        flask-fs2 of more than 16 KiB. A file that the store does not let be read, such as one in an archive, counts as
        one of this package.
        """
        if self._may_be_old(facts) or self._may_be_plain(facts):
            # it must not hide all others
            with suppress(errors.ResourceNotFound, errors.FileExpected, errors.PermissionDenied):
                return self._looked_at(store, path, facts.size if 0 < facts.size <= _SHORT else _START)
        return super().facts(store, path, facts)

    def _looked_at(self, store: StoreFS, path: str, stop: int) -> Facts:
        kept, file = store.fetch(path, 0, stop)
        with file:
            if form := self._claimed(path, kept, file, stop):
                return self._facts_in(form, store, path, kept, file)
        return self._looked_at(store, path, SEGMENT)

    def _facts_in(self, form: Form, store: StoreFS, path: str, kept: Facts, file: BinaryIO) -> Facts:
        if form == "plain":
            return replace(kept, checksum=None)
        if form == "fernet":
            return replace(kept, size=self._old_size(path, kept, file), checksum=None)
        return super().facts(store, path, kept)

    def _old_size(self, path: str, kept: Facts, file: BinaryIO) -> int:
        assert self._fernet is not None
        file.seek(kept.size - fernet.TAIL)
        try:
            return self._fernet.size(kept.size, some_of(file, fernet.TAIL))
        except Damaged:
            raise damaged(path) from None

    # Content

    def fetch(
        self, store: StoreFS, path: str, start: int, stop: int | None, *, unless: str | None
    ) -> tuple[Facts, BinaryIO]:
        """As for files of one form. A file of flask-fs2 is read as a whole before anything of it is given out."""
        if is_nothing(start, stop):
            return self.facts_of(store, path), io.BytesIO()
        while True:
            kept, file = store.fetch(path, 0, _reach(start, stop), unless=unless)
            try:
                form, begun = self._proven(path, kept, file)
                facts, content = self._content_in(form, store, path, kept, begun, start, stop)
            except BaseException:
                file.close()
                raise
            if content is not None:
                return facts, content

    def _content_in(
        self, form: Form, store: StoreFS, path: str, kept: Facts, file: BinaryIO, start: int, stop: int | None
    ) -> tuple[Facts, BinaryIO | None]:
        """Return the facts and the content of a file; no content if the file was replaced meanwhile."""
        if form == "plain":
            return replace(kept, checksum=None), _plain(store, path, kept, file, start, stop)
        if form == "fernet":
            assert self._fernet is not None
            old = OldFile(path, file, kept.size, self._fernet)
            return replace(kept, size=old.size, checksum=None), cast(BinaryIO, ContentReader(old, file))
        facts = super().facts(store, path, kept)
        return facts, segments_of(store, path, kept, file, facts.size, start, stop, self.keyring)

    def kept(self, store: StoreFS, path: str) -> Kept:
        kept, file = store.fetch(path, 0, SEGMENT)
        with file:
            form, begun = self._proven(path, kept, file)
            facts = self._facts_in(form, store, path, kept, begun)
            return Kept(facts, form, self._key_in(form, path, kept, facts, begun))

    def _key_in(self, form: Form, path: str, kept: Facts, facts: Facts, file: BinaryIO) -> str | None:
        if form == "segments":
            return DecryptedFile(path, file, kept.size, facts.size, self.keyring).key.identifier
        return self._old.identifier if form == "fernet" and self._old else None

    def to_encrypt(self, store: StoreFS, path: str) -> tuple[Facts, BinaryIO] | None:
        """As for files of one form. The store dates a copy anew, so nobody could read a plain one. That of a file of
        flask-fs2 can be read; it is encrypted anew if there is a key.
        """
        kept, file = store.fetch(path, 0, SEGMENT)
        try:
            form, begun = self._proven(path, kept, file)
            if form == "plain" or (form == "fernet" and self.keyring.keys):
                facts, content = self._content_in(form, store, path, kept, begun, 0, None)
                assert content is not None
                return facts, content
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    # Forms

    def _may_be_old(self, kept: Facts) -> bool:
        return self._fernet is not None and fernet.has_length(kept.size)

    def _may_be_plain(self, kept: Facts) -> bool:
        before = self._plain_before
        return before is not None and kept.modified is not None and kept.modified < before

    def _of_start(self, kept: Facts, start: bytes) -> Form | None:
        """Return the form of a file as its beginning tells it, or None if that needs a proof."""
        may_be_plain = self._may_be_plain(kept)
        # many plain files have this first byte
        if self._may_be_old(kept) and start[:1] == _OLD and (not may_be_plain or fernet.has_time(start)):
            return "fernet"
        return None if may_be_plain else "segments"

    def _claimed(self, path: str, kept: Facts, file: BinaryIO, stop: int) -> Form | None:
        """Return the form of a file as its beginning tells it, or None if that needs more than was asked for.

        :param stop: the byte before which that ends.
        """
        start = some_of(file, _START)
        if form := self._of_start(kept, start):
            return form
        if start[:1] != _OURS:
            return "plain"
        if stop < min(kept.size, SEGMENT):
            return None
        return self._proven_by(path, start + some_of(file, SEGMENT - len(start)))

    def _proven(self, path: str, kept: Facts, file: BinaryIO) -> tuple[Form, BinaryIO]:
        """Return the form of a file, and the file, at its beginning."""
        start = some_of(file, SEGMENT if self._may_be_plain(kept) else _START)
        form = self._of_start(kept, start) or self._proven_by(path, start)
        return form, cast(BinaryIO, ContentReader(BegunFile(file, start), file))

    def _proven_by(self, path: str, start: bytes) -> Form:
        """Return the form of a file that may be plain.

        :param start: its first segment.
        """
        is_ours = self._opens(start)
        if is_ours and start[:1] == _OURS:
            return "segments"
        if is_ours:
            raise not_opened(path, self.keyring)
        if looks_encrypted(start):
            raise (of_flask_fs2 if fernet.has_time(start) else doubtful)(path, self.keyring)
        return "plain"

    def _opens(self, start: bytes) -> bool:
        """Return whether a key opens the first segment, whatever its first byte is."""
        if len(start) < HEADER:
            return False
        header, segment = _OURS + start[1:HEADER], start[HEADER:]
        for key in self.keyring:
            cipher = Cipher(key.secret, header)
            for is_last in (True, False):
                with suppress(Damaged):
                    cipher.open(0, segment, is_last=is_last)
                    return True
        return False


def _reach(start: int, stop: int | None) -> int | None:
    # the beginning is needed in any case
    if is_behind_first(start):
        return SEGMENT
    return None if stop is None else end_of(stop)


def _plain(store: StoreFS, path: str, kept: Facts, file: BinaryIO, start: int, stop: int | None) -> BinaryIO | None:
    first, last = span(kept.size, start, stop)
    if not is_behind_first(start) or first >= last or last <= SEGMENT:
        return file
    file.close()
    return fetch_again(store, path, kept, first, last)
