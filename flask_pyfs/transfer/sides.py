"""The two sides of a transfer: a storage, a directory in one, or a directory of this machine."""

from __future__ import annotations

import heapq
import os
from collections.abc import Hashable, Iterator
from contextlib import suppress
from functools import cached_property
from operator import itemgetter

from .. import names
from ..backends.contract import Operations
from ..backends.local import LocalBackend
from ..backends.overrides import call
from ..errors import ConfigurationError, FileNotFound, InvalidPath
from ..filesystems.store import Facts
from ..names import RESERVED
from ..state import find
from ..storage import Storage

__all__ = ["Place", "Side", "are_one_file", "require_apart"]

_first = itemgetter(0)


class Side:
    """One side of a transfer. Names are relative to its directory.

    :param operations: the operations of the storage.
    :param directory: a directory in it; empty for the whole storage. It stands for each of its spellings, as the name
        of a file does.
    :param label: what messages call it.
    :raises flask_pyfs.errors.InvalidPath: if no directory can have this name.
    """

    def __init__(self, operations: Operations, directory: str = "", *, label: str = "") -> None:
        self.operations = operations
        self.directory: str = names.given(directory.rstrip("/")) if directory.strip("/") else ""
        self.label = label
        self._path: str | None = None
        #: What the last listing left out, and why: the directories that cannot be read, with a slash at the end of
        #: their names, and the files whose names no operation accepts.
        self.unread: dict[str, Exception] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label!r}>"

    @classmethod
    def of(cls, place: Place, directory: str = "") -> Side:
        """Return the side that a storage or a path of this machine is. Makes no request, and no directory.

        :param directory: a directory in the storage.
        :raises flask_pyfs.errors.ConfigurationError: if the storage is not configured on the current app.
        """
        if isinstance(place, Side):
            return place
        if isinstance(place, Storage):
            return cls(find(place).operations, directory, label=f"{place.name}:{directory}")
        root = os.path.abspath(os.fspath(place))
        side = cls(LocalBackend(root, {"root": root}), label=root)
        side._path = root
        return side

    def tidy(self) -> None:
        """Remove the directory for unfinished files that writing made in a directory of this machine, if it is empty.

        That of a storage stays.
        """
        if self._path is not None:
            with suppress(OSError):
                # another process that needs it makes it again
                os.rmdir(os.path.join(self._path, RESERVED))

    # What is there

    def require(self, *, empty: bool = False, may_be_gone: bool = False) -> None:
        """Do nothing if the side exists, so that an empty one is told from one that is gone. Makes no request.

        On a disk, that is a directory. An object store has directories only as parts of names: one exists if a file is
        in it. A whole bucket or container counts as existing.

        :param empty: whether a listing of it has just found no file.
        :param may_be_gone: whether a directory that is gone counts as empty. The ROOT of a storage never does.
        :raises flask_pyfs.errors.FileNotFound: if it is gone.
        """
        if may_be_gone and (self._path is not None or not self._is_off_disk):
            return
        if self._is_off_disk:
            raise FileNotFound(f"there is no directory {self._root!r}; is it mounted?", path=self.label)
        if empty and self.directory and not self._is_on_disk:
            raise FileNotFound(f"there is no directory {self.label!r}", path=self.directory)

    @property
    def _root(self) -> str | None:
        root: str | None = getattr(self.operations, "root", None)
        return root

    @property
    def _is_off_disk(self) -> bool:
        return self._root is not None and not os.path.isdir(self._root)

    @property
    def _is_on_disk(self) -> bool:
        root = self._root
        return root is not None and any(os.path.isdir(os.path.join(root, start.lstrip("/"))) for start in self._starts)

    def entries(self) -> Iterator[tuple[str, Facts]]:
        """Iterate over the names of the files, lazily, each with what the listing tells of it.

        They are in key order for each spelling of the directory, which nearly always has one. A path of this machine
        that is missing has no files, and is not made. A directory that cannot be read is left out, and so is a file
        whose name is invalid; :attr:`unread` has it then.

        :raises flask_pyfs.errors.FSError: if the listing fails, also after it began.
        """
        self.unread.clear()
        if self._path is not None and self._is_off_disk:
            return
        starts = self._starts
        if len(starts) == 1:
            yield from self._below(starts[0])
        else:
            yield from heapq.merge(*map(self._reachable_below, starts), key=_first)

    def _below(self, start: str) -> Iterator[tuple[str, Facts]]:
        # a listing of a prefix stands for each of its spellings
        def note(name: str, error: Exception) -> None:
            self.unread.setdefault(name[len(start) :], error)

        for name, facts in call(self.operations.entries, names.Exact(start) if start else None, unread=note):
            if name.startswith(start):
                yield name[len(start) :], facts

    def _reachable_below(self, start: str) -> Iterator[tuple[str, Facts]]:
        for name, facts in self._below(start):
            if start + name not in self.operations.spellings(self.full_name(name)):
                message = f"{self.label!r} has files below another spelling: give the directory as {start[:-1]!r}"
                raise InvalidPath(message, path=start + name)
            yield name, facts

    # Names

    def full_name(self, name: str) -> str:
        """Return the name in the storage for a name of this side."""
        return f"{self.directory}/{name}" if self.directory else name

    def compared_name(self, name: str) -> str:
        """Return the name that a new file would get here: the normal form; and if a name has none, so that only an old
        file can have it, the name as this store takes it.

        :raises flask_pyfs.errors.InvalidPath: if no operation accepts the name.
        """
        full = self.full_name(name)
        if names.is_plain(full):
            return name
        normal = names.normal_form(full)
        return self._relative(self.operations.spellings(full)[0] if normal is None else normal)

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the names that a file may have here which is meant by a name, in the order in which they are tried: a
        read, or a write that replaces, takes the first one that has a file. No request.

        :raises flask_pyfs.errors.InvalidPath: if no operation accepts the name.
        """
        return tuple(map(self._relative, self.operations.spellings(self.full_name(name))))

    def refusal(self, name: str) -> InvalidPath | None:
        """Return why no new file can have a name here, or None if one can. No request."""
        try:
            names.normalize(self.full_name(name))
        except InvalidPath as error:
            return error
        return None

    @cached_property
    def _starts(self) -> tuple[str, ...]:
        if not self.directory:
            return ("",)
        spelled = self.operations.spellings(self.directory)
        return tuple(f"{each}/" for each in dict.fromkeys(spelled))

    @property
    def _locations(self) -> list[tuple[Hashable, str]]:
        locate = getattr(self.operations, "location", None)
        # that of a disk is its root
        if locate is None or self._root is not None:
            return []
        return [found for start in self._starts if (found := locate(start)) is not None]

    @property
    def _parts(self) -> list[Side]:
        """This side in each of its stores."""
        stores = getattr(self.operations, "sides", ())
        return [Side(store.operations, self.directory, label=self.label) for store in stores] or [self]

    def _relative(self, full: str) -> str:
        for start in self._starts:
            if full.startswith(start):
                return full[len(start) :]
        raise InvalidPath(f"{full!r} is not below {self.label!r}", path=full)


def require_apart(source: Side, target: Side, *, deletes: bool = False) -> None:
    """Do nothing if a transfer does not change its own source, as far as this is known without a request: two
    directories of one disk, of one storage, or of one bucket. A storage that moves has both of its stores.

    :param deletes: whether it deletes what only the target has.
    :raises flask_pyfs.errors.ConfigurationError: if the target is the source or in it; or, if it deletes, the source in
        the target.
    """
    if _is_inside(target, source):
        raise ConfigurationError(
            f"the target, {target.label!r}, is in the source, {source.label!r}: it would copy itself"
        )
    if deletes and _is_inside(source, target):
        message = f"the source, {source.label!r}, is in the target, {target.label!r}: it would be deleted there"
        raise ConfigurationError(message)


def are_one_file(source: Side, name: str, target: Side, target_name: str) -> bool:
    """Return whether two names are those of one file in two storages of one place, as far as this is known without a
    request. One of them may encrypt it.
    """
    ours = Side(source.operations, source.full_name(name))
    theirs = Side(target.operations, target.full_name(target_name))
    return _is_inside(ours, theirs) and _is_inside(theirs, ours)


def _is_inside(side: Side, other: Side) -> bool:
    return any(_is_one_inside(mine, its) for mine in side._parts for its in other._parts)


def _is_one_inside(side: Side, other: Side) -> bool:
    if side.operations is other.operations:
        return any(mine.startswith(its) for mine in side._starts for its in other._starts)
    if side._root is None or other._root is None:
        return any(
            place == its_place and mine.startswith(its)
            for place, mine in side._locations
            for its_place, its in other._locations
        )
    mine, its = (os.path.realpath(os.path.join(each._root or "", each._starts[0])) for each in (side, other))
    return f"{mine.rstrip('/')}/".startswith(f"{its.rstrip('/')}/")


#: A storage, a side, or the path of a directory of this machine.
Place = Storage | Side | str | os.PathLike[str]
