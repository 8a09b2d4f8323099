"""EncryptedFS: the files of a store, encrypted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fs.base import FS
from fs.wrapfs import WrapFS

from ...encryption.segments import EncryptedStream
from ..base import Readable
from ..store import DAY, Facts, StoreFS
from ..streams import spooled
from .forms import Forms, Kept

__all__ = ["EncryptedFS"]


class EncryptedFS(WrapFS[FS], StoreFS):
    """The files of a store, which are encrypted there. Their names, and how long they are, are not.

    Each verb makes the requests of the store; a read that does not begin with the first byte makes one more.

    :param store: the store.
    :param forms: how its files may be kept, and the keys.
    """

    def __init__(self, store: StoreFS, forms: Forms) -> None:
        super().__init__(store.standard)
        self.whole = store
        self.forms = forms

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

    def _encrypted(self, file: Readable) -> Readable:
        return cast(Readable, EncryptedStream(file, self.forms.keyring.first.secret))

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        return spooled(lambda file: self.put(path, file, overwrite=overwrite, content_type=content_type))

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        return self.whole.put(path, self._encrypted(file), **options)

    def replace_version(self, path: str, file: Readable, version: str, **options: Any) -> str | None:
        return self.whole.replace_version(path, self._encrypted(file), version, **options)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        return self.forms.fetch(self.whole, path, start, stop, unless=unless)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        return self.forms.facts(self.whole, path, self.whole.facts(path))

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
        options: dict[str, Any] = {} if unread is None else {"unread": unread}
        for path, facts in self.whole.iter_facts(prefix, **options):
            yield path, self.forms.facts(self.whole, path, facts)

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        for path, facts in self.whole.iter_level(directory):
            yield path, facts and self.forms.facts(self.whole, path, facts)

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
