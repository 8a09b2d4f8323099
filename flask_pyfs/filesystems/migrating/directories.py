"""The directories of two stores as one, for the standard methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress

from fs import errors
from fs.base import FS

from ...names import has_reserved
from ..below import BelowFS
from ..directories import DirectoriesFS
from ..objects import ObjectFS
from ..store import Facts, StoreFS
from .moving import clear
from .reading import Mode
from .target import Target, Unread

__all__ = ["TwoTrees"]


class TwoTrees(DirectoriesFS):
    """The standard methods over two stores: a directory exists if a file is below it, or if it was made in a store that
    counts. Tombstones make no directory.
    """

    source: StoreFS
    target: StoreFS
    entries_of_target: Target

    @property
    @abstractmethod
    def _mode(self) -> Mode:
        """Says which store has a name, and writes it."""

    def _counted(self) -> tuple[StoreFS, ...]:
        if not self._mode.is_finished():
            return self.target, self.source
        return (self.target if self._mode.direction == "forward" else self.source,)

    def _was_made(self, store: StoreFS, key: str) -> bool:
        whole, full = _placed(store, key)
        if isinstance(whole, ObjectFS) and store is self.target:
            # what is below it may be tombstones
            return whole._has_marker(full)
        return whole.standard.isdir(full)

    def _is_directory(self, key: str) -> bool:
        if not key or any(self._was_made(store, key) for store in self._counted()):
            return True
        return any(True for _ in self.iter_facts(f"{key}/"))

    def _children(self, prefix: str) -> Iterator[tuple[str, Facts | None]]:
        key = prefix.rstrip("/")
        found = dict(self.iter_level(key))
        for store in self._counted():
            for path, facts in store.iter_level(key):
                if facts is not None or path in found or has_reserved(path):
                    continue
                if self._was_made(store, path.rstrip("/")):
                    found[path] = None
        if not found and self._is_directory(key):
            yield prefix, None
        yield from found.items()

    def _remember(self, key: str) -> None:
        for store in self._mode.written:
            whole, full = _placed(store, key)
            if isinstance(whole, ObjectFS):
                # others may be tombstones, or files, above it
                whole._remember(full)
            else:
                whole.standard.makedirs(full, recreate=True)

    def _forget(self, key: str) -> None:
        self._clear_below(f"{key}/")
        for store in (self.source, self.target):
            whole, full = _placed(store, key)
            if isinstance(whole, ObjectFS):
                if whole._has_marker(full):
                    whole._forget(full)
            else:
                with suppress(errors.ResourceNotFound, errors.DirectoryExpected):
                    whole.standard.removedir(full)

    def _clear_below(self, prefix: str) -> None:
        # what a delete left in the source that crashed
        for path in self._names(prefix):
            entry = self.entries_of_target.look(path)
            if entry is not None and entry.is_deleted and entry.mirrors is None:
                clear(self.source, self.entries_of_target, path, entry.version)

    def _names(self, prefix: str, unread: Unread | None = None) -> Iterator[str]:
        return (path for path in self._mode.names(prefix, unread) if not has_reserved(path))

    def _delete_below(self, prefix: str) -> None:
        unread: dict[str, Exception] = {}
        for path in self._names(prefix, unread.setdefault):
            self._mode.delete(path)
        for path, error in unread.items():
            if not isinstance(error, OSError):
                raise error
            message = "the directory '{path}' cannot be read, so what is in it is not deleted"
            raise errors.PermissionDenied(path.rstrip("/"), error, message)
        self._remove_directories(prefix.rstrip("/"))

    def _remove_directories(self, key: str) -> None:
        """Remove all directories below one, and that one unless it is the root, as far as they are empty."""
        for store in (self.source, self.target):
            whole, full = _placed(store, key)
            if isinstance(whole, ObjectFS):
                found = whole.list_objects(f"{full}/" if full else "", deep=True)
                whole.delete_objects([below for below, _ in found if below.endswith("/")])
            else:
                _remove_empty(store, whole.standard, key)

    def _delete_file(self, key: str) -> None:
        self._mode.delete(key)


def _remove_empty(store: StoreFS, standard: FS, key: str) -> None:
    directories = [key]
    for directory in directories:
        # a link leads to what is not below it
        with suppress(errors.ResourceNotFound):
            if not standard.islink(_placed(store, directory)[1]):
                directories += [path.rstrip("/") for path, facts in store.iter_level(directory) if facts is None]
    for directory in filter(None, reversed(directories)):
        # another process may write to it
        with suppress(errors.ResourceNotFound, errors.DirectoryExpected, errors.DirectoryNotEmpty):
            standard.removedir(_placed(store, directory)[1])


def _placed(store: StoreFS, key: str) -> tuple[StoreFS, str]:
    """Return the whole store, which has the directories, and the path of a key there."""
    bare = store.bare
    return (bare.whole, bare.at(key)) if isinstance(bare, BelowFS) else (bare, key)
