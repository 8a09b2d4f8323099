"""EncryptedFS: the files of a store, encrypted."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fs import errors
from fs.base import FS
from fs.wrapfs import WrapFS

from ..encryption.keys import Keyring
from ..encryption.segments import HEADER, SEGMENT, Cipher, Damaged, EncryptedStream, plain_size, segment_at
from .base import Readable
from .store import DAY, Facts, StoreFS
from .streams import spooled

__all__ = ["EncryptedFS", "Undecipherable"]


class Undecipherable(errors.RemoteConnectionError):
    """The content was changed since it was encrypted, or no key decrypts it."""


class EncryptedFS(WrapFS[FS], StoreFS):
    """The files of a store, which are encrypted there. Their names, and how long they are, are not.

    Each verb makes the requests of the store; a read that does not begin with the first byte makes one more.

    :param store: the store.
    :param keyring: the keys.
    """

    def __init__(self, store: StoreFS, keyring: Keyring) -> None:
        super().__init__(store.standard)
        self.whole = store
        self.keyring = keyring

    def isclosed(self) -> bool:
        return super().isclosed() or self.whole.isclosed()

    def close(self) -> None:
        super().close()
        self.whole.close()

    def delegate_fs(self) -> FS:
        return self.whole.standard

    if not TYPE_CHECKING:
        isfile = StoreFS.isfile
        readbytes = StoreFS.readbytes
        keeps_checksums = True
        piece_size = property(lambda self: self.whole.piece_size)
        settling = property(lambda self: self.whole.settling)
        keeps_descriptions = property(lambda self: self.whole.keeps_descriptions)
        keeps_notes = property(lambda self: self.whole.keeps_notes)
        hides_reserved = property(lambda self: self.whole.hides_reserved)
        decides_versions = property(lambda self: self.whole.decides_versions)

    # Verbs

    def learn_conditions(self, path: str) -> bool:
        return self.whole.learn_conditions(path)

    def canonical(self, path: str) -> str:
        return self.whole.canonical(path)

    def location(self, path: str) -> tuple[Hashable, str] | None:
        return self.whole.location(path)

    def has_file(self, path: str) -> bool:
        return self.whole.has_file(path)

    def _encrypted(self, file: Readable) -> Readable:
        return cast(Readable, EncryptedStream(file, self.keyring.first.secret))

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        return spooled(lambda file: self.put(path, file, overwrite=overwrite, content_type=content_type))

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        return self.whole.put(path, self._encrypted(file), **options)

    def replace_version(self, path: str, file: Readable, version: str, **options: Any) -> str | None:
        return self.whole.replace_version(path, self._encrypted(file), version, **options)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        facts, file = self.whole.fetch(path, unless=unless)
        try:
            plain = self._plain(path, facts)
            raw = DecryptedFile(path, file, facts.size, plain.size, self.keyring)
        except BaseException:
            file.close()
            raise
        return plain, cast(BinaryIO, io.BufferedReader(raw, SEGMENT))

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        return self._plain(path, self.whole.facts(path))

    def _plain(self, path: str, facts: Facts) -> Facts:
        size = plain_size(facts.size)
        if size is None:
            raise Undecipherable(path, msg="'{path}' is not encrypted, or was cut")
        return replace(facts, size=size, checksum=None)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return self.whole.iter_files(prefix)

    def iter_facts(
        self, prefix: str = "", *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        options: dict[str, Any] = {} if unread is None else {"unread": unread}
        for path, facts in self.whole.iter_facts(prefix, **options):
            yield path, self._plain(path, facts)

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        for path, facts in self.whole.iter_level(directory):
            yield path, facts and self._plain(path, facts)

    def delete_tree(self, path: str) -> None:
        self.whole.delete_tree(path)

    def delete_version(self, path: str, version: str) -> bool:
        return self.whole.delete_version(path, version)

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        self.whole.copy_file(path, target, overwrite=overwrite)

    def move_file(self, path: str, target: str, **options: Any) -> None:
        self.whole.move_file(path, target, **options)

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        return self.whole.remove_leftovers(older_than, prefix, dry_run=dry_run)

    def remove_leases(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        return self.whole.remove_leases(older_than, prefix, dry_run=dry_run)

    def remove_uploads(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        return self.whole.remove_uploads(older_than, prefix, dry_run=dry_run)


class DecryptedFile(io.RawIOBase):
    """An encrypted file that is read. It can seek.

    :param path: its path, for errors.
    :param file: the encrypted file.
    :param length: its length in bytes.
    :param size: the length of its content in bytes.
    :param keyring: the keys.
    """

    def __init__(self, path: str, file: BinaryIO, length: int, size: int, keyring: Keyring) -> None:
        super().__init__()
        self._path, self._file, self._length, self._size, self._keyring = path, file, length, size, keyring
        self._position = 0
        self._header = b""
        self._cipher: Cipher | None = None
        self._number, self._content, self._start = -1, b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        position = offset + (0, self._position, self._size)[whence]
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            if not self._size:
                self._load(0)
            return 0
        number, start = segment_at(self._position)
        if number != self._number:
            self._load(number)
            self._start = start
        offset = self._position - self._start
        piece = self._content[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load(self, number: int) -> None:
        if not self._header:
            self._file.seek(0)
            self._header = self._exactly(HEADER)
        start = max(HEADER, number * SEGMENT)
        stop = min((number + 1) * SEGMENT, self._length)
        self._file.seek(start)
        segment = self._exactly(stop - start)
        self._content, self._number = self._opened(number, segment, is_last=stop == self._length), number

    def _opened(self, number: int, segment: bytes, *, is_last: bool) -> bytes:
        ciphers = [self._cipher] if self._cipher else [Cipher(key.secret, self._header) for key in self._keyring]
        for cipher in ciphers:
            try:
                content = cipher.open(number, segment, is_last=is_last)
            except Damaged:
                continue
            self._cipher = cipher
            return content
        raise Undecipherable(self._path, msg="'{path}' was changed since it was encrypted, or no key of it is set")

    def _exactly(self, size: int) -> bytes:
        content = self._file.read(size)
        if len(content) < size:
            raise Undecipherable(self._path, msg="'{path}' was cut")
        return content

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
