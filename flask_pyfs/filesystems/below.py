"""A directory of a store, or a whole one, as a store of its own that says in errors which one it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from fs.base import FS
from fs.path import join, normpath, relpath
from fs.wrapfs import WrapFS

from ..errors import explained
from ..names import Reserved
from .base import Readable
from .parts import InParts
from .store import DAY, Facts, StoreFS

__all__ = ["BelowFS", "PiecesFS", "ViewFS"]


class BelowFS(WrapFS[FS], StoreFS):
    """The files of a store whose paths begin with a directory, by the rest of their paths.

    Each verb makes the requests of the store itself. The first standard method makes the directory if it is missing. To
    close it closes the store.

    :param store: the store.
    :param directory: the directory, without slashes around it; empty for the whole store.
    :param label: what goes before the sentences of errors that name a setting, for one who uses several stores.
    """

    def __init__(self, store: StoreFS, directory: str = "", *, label: str = "") -> None:
        super().__init__(store.standard)
        self.whole = store
        self.directory = directory
        self._above = f"{directory}/" if directory else ""
        self._told = _Told(label)
        self._is_made = not directory
        # a filesystem that nobody needs any more closes itself, and so would close the store
        self._bare = None if store.bare is store else self._viewed(store.bare)
        self._takes_unread = "unread" in inspect.signature(store.iter_facts).parameters

    def at(self, path: str) -> str:
        """Return the path of a file in the whole store. No request."""
        if not self._above:
            return path
        full = f"{self._above}{path}" if path else self.directory
        return Reserved(full) if isinstance(path, Reserved) else full

    def _start(self, prefix: str) -> str:
        return Reserved(self._above + prefix) if isinstance(prefix, Reserved) else self._above + prefix

    def _path(self, path: str) -> str:
        return path[len(self._above) :]

    # Standard methods

    def delegate_fs(self) -> FS:
        return self.whole.standard

    def delegate_path(self, path: str) -> tuple[FS, str]:
        standard = self.whole.standard
        if not self._is_made:
            with self._told:
                if not standard.isdir(self.directory):
                    standard.makedirs(self.directory, recreate=True)
            self._is_made = True
        return standard, self._standard_path(path)

    def _standard_path(self, path: str) -> str:
        return str(join("/", self.directory, relpath(normpath(path))))

    def getsyspath(self, path: str) -> str:
        # who asks where a file is makes no directory
        return str(self.whole.standard.getsyspath(self._standard_path(path)))

    def isclosed(self) -> bool:
        return super().isclosed() or self.whole.isclosed()

    def close(self) -> None:
        super().close()
        self.whole.close()

    if not TYPE_CHECKING:
        # WrapFS would pass these on to the wrapped filesystem; the types are the same
        isfile = StoreFS.isfile
        readbytes = StoreFS.readbytes
        # what the store is, which it may learn later
        checksum_algorithm = property(lambda self: self.whole.checksum_algorithm)
        keeps_checksums = property(lambda self: self.whole.keeps_checksums)
        piece_size = property(lambda self: self.whole.piece_size)
        joins_in_place = property(lambda self: self.whole.joins_in_place)
        reads_parts = property(lambda self: self.whole.reads_parts)
        settling = property(lambda self: self.whole.settling)
        keeps_descriptions = property(lambda self: self.whole.keeps_descriptions)
        keeps_notes = property(lambda self: self.whole.keeps_notes)
        hides_reserved = property(lambda self: self.whole.hides_reserved)
        decides_versions = property(lambda self: self.whole.decides_versions)

    @property
    def bare(self) -> StoreFS:
        return self if self._bare is None else self._bare

    # Verbs

    def learn_conditions(self, path: str) -> bool:
        with self._told:
            return self.whole.learn_conditions(self.at(path))

    def canonical(self, path: str) -> str:
        return self._path(self.whole.canonical(self.at(path)))

    def location(self, path: str) -> tuple[Hashable, str] | None:
        return self.whole.location(self._above + path)

    def address(self, path: str) -> str | None:
        with self._told:
            return self.whole.address(self.at(path))

    def in_parts(self, path: str) -> InParts | None:
        with self._told:
            return self.whole.in_parts(self.at(path))

    def has_file(self, path: str) -> bool:
        with self._told:
            return self.whole.has_file(self.at(path))

    def open_write(self, path: str, **options: Any) -> BinaryIO:
        with self._told:
            return self.whole.open_write(self.at(path), **options)

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        with self._told:
            return self.whole.put(self.at(path), file, **options)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        with self._told:
            return self.whole.fetch(self.at(path), start, stop, unless=unless)

    def open_read(self, path: str) -> BinaryIO:
        with self._told:
            return self.whole.open_read(self.at(path))

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        with self._told:
            return self.whole.facts(self.at(path), checksum=checksum)

    def version(self, path: str) -> str | None:
        with self._told:
            return self.whole.version(self.at(path))

    def read_file(self, path: str) -> bytes:
        with self._told:
            return self.whole.read_file(self.at(path))

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        with self._told:
            for path in self.whole.iter_files(self._start(prefix)):
                yield self._path(path)

    def iter_facts(
        self, prefix: str = "", *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        options: dict[str, Any] = {}
        if unread is not None and self._takes_unread:
            tell = unread
            options["unread"] = lambda above, error: tell(self._path(above), error)
        with self._told:
            for path, facts in self.whole.iter_facts(self._start(prefix), **options):
                yield self._path(path), facts

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        with self._told:
            for path, facts in self.whole.iter_level(self.at(directory)):
                yield self._path(path), facts

    def delete_tree(self, path: str) -> None:
        with self._told:
            self.whole.delete_tree(self.at(path))

    def delete_version(self, path: str, version: str) -> bool:
        with self._told:
            return self.whole.delete_version(self.at(path), version)

    def replace_version(self, path: str, file: Readable, version: str, **options: Any) -> str | None:
        with self._told:
            return self.whole.replace_version(self.at(path), file, version, **options)

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        with self._told:
            self.whole.copy_file(self.at(path), self.at(target), overwrite=overwrite)

    def copy_from(self, store: StoreFS, path: str, target: str, **options: Any) -> bool:
        origin, found = (store.whole, store.at(path)) if isinstance(store, BelowFS) else (store, path)
        with self._told:
            return self.whole.copy_from(origin, found, self.at(target), **options)

    def join_files(self, paths: Sequence[str], target: str, **options: Any) -> str | None:
        with self._told:
            return self.whole.join_files([self.at(path) for path in paths], self.at(target), **options)

    def for_upload(self, directory: str, target: str, length: int | None, **options: Any) -> StoreFS:
        found = self.whole.for_upload(self.at(directory), self.at(target), length, **options)
        return self if found is self.whole else self._viewed(found)

    def part_mark(self, mark: str, offset: int, size: int, *, waits: bool) -> str | None:
        with self._told:
            return self.whole.part_mark(mark, offset, size, waits=waits)

    def _viewed(self, store: StoreFS) -> ViewFS:
        return ViewFS(store, self.directory, label=self._told.label)

    def iter_elsewhere(self, prefix: str, before: datetime) -> Iterator[tuple[str, StoreFS, datetime]]:
        with self._told:
            for directory, store, time in self.whole.iter_elsewhere(self._above + prefix, before):
                yield self._path(directory), self._viewed(store), time

    def move_file(self, path: str, target: str, **options: Any) -> None:
        with self._told:
            self.whole.move_file(self.at(path), self.at(target), **options)

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        with self._told:
            return self.whole.remove_leftovers(older_than, self._above + prefix, dry_run=dry_run)

    def remove_leases(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        with self._told:
            return self.whole.remove_leases(older_than, self._above + prefix, dry_run=dry_run)

    def remove_uploads(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        with self._told:
            return self.whole.remove_uploads(older_than, self._above + prefix, dry_run=dry_run)


class ViewFS(BelowFS):
    """A store that others use too: to close this one closes nothing else."""

    def close(self) -> None:
        FS.close(self)


class PiecesFS(ViewFS):
    """A store as an unfinished upload sees it, which has pieces elsewhere than in the directory of the upload.

    A subclass says where they are, by its own ``put``, ``fetch``, ``facts``, ``iter_facts`` and ``delete_tree``.
    """

    joins_in_place = True

    if not TYPE_CHECKING:
        # not those of the store; the types are the same
        has_file = StoreFS.has_file
        read_file = StoreFS.read_file
        open_read = StoreFS.open_read
        part_mark = StoreFS.part_mark

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return (path for path, _ in self.iter_facts(prefix))


class _Told:
    """Puts a label before the sentence of an error that names a setting."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        said = getattr(error, "explanation", None)
        if isinstance(error, Exception) and said is not None and not said.startswith(self.label):
            explained(error, f"{self.label}{said}")
