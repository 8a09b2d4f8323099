"""Walks the names of both stores of a migration, without keeping them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .. import names
from ..errors import ConfigurationError, FSError, InvalidPath, PermissionDenied
from ..filesystems.migrating.content import first_file, listed, side_by_side
from ..filesystems.migrating.origin import Origin
from ..filesystems.migrating.target import Listed, Unread
from ..filesystems.store import MIGRATING, Facts, StoreFS
from ..transfer.selection import Selection

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["Name", "refusal", "require_source", "walk"]

Found = TypeVar("Found")

_RIGHT = "is the right SOURCE set, and is it mounted?"


class Name(NamedTuple):
    """What the listings tell of a name.

    :param source: the file of the source, or None.
    :param target: the file or the tombstone of the target, or None.
    """

    path: str
    source: Facts | None
    target: Listed | None


def walk(fs: MigratingFS, unread: Unread, shard: tuple[int, int] | None = None) -> Iterator[Name]:
    """Iterate over the names of both stores, in key order, but for reserved ones. Each store is listed once.

    :param unread: is called with each directory of either store that cannot be read, so that its files are not known;
        its name ends with a slash. Also with a file that an old-style backend cannot name.
    :param shard: ``(i, n)``: only the part i of n of the names.
    :raises flask_pyfs.errors.ConfigurationError: if the shard is invalid.
    :raises fs.errors.FSError: if a listing fails, or if its order is not that of the names.
    """
    selection = Selection(shard=shard)
    mine = _ordered(listed(fs.source, unread=_explained(unread, "source")), fs.source)
    its = _ordered(fs.entries_of_target.entries(unread=_explained(unread, "target")), fs.target)
    for path, source, target in side_by_side(mine, its):
        if selection.has(path) and not names.has_reserved(path):
            yield Name(path, source, target)


def _explained(unread: Unread, side: str) -> Unread:
    def tell(name: str, error: Exception) -> None:
        if not isinstance(error, FSError):
            message = f"the directory {name!r} of the {side} cannot be read, so its files are not known: {error}"
            cause, error = error, PermissionDenied(message, path=name)
            error.__cause__ = cause
        unread(name, error)

    return tell


def _ordered(listing: Iterator[tuple[str, Found]], store: StoreFS) -> Iterator[tuple[str, Found]]:
    last = ""
    for path, found in listing:
        # a name that came too late would look missing on the other side
        if path < last:
            raise RuntimeError(f"{store} lists {path!r} after {last!r}, which is not the order of iter_facts")
        last = path
        yield path, found


def require_source(fs: MigratingFS, storage: str) -> None:
    """Do nothing if the source has a file, or if the files go back there. One request; if it has none, two more, or as
    many as the target has files if the source cannot have a name.

    :raises flask_pyfs.errors.ConfigurationError: if it has none, but may have had some: what is not copied yet would
        count as deleted.
    """
    if fs.direction == "back" or first_file(fs.source) is not None:
        return
    state = fs.journal.state()
    if state is not None and state.source:
        # it keeps its name, also if the app deletes all
        if (name := state.source) != Origin(fs.source).name():
            raise ConfigurationError(
                f"the source has no file, and not the name either that the migration left in it: {_RIGHT} If it was "
                f"emptied on purpose, put a file {MIGRATING}/source there, with the content {name} and no line end",
                storage=storage,
            )
        return
    for path, found in fs.entries_of_target.entries():
        entry = None if found.is_deleted else fs.entries_of_target.look(path)
        if entry is not None and not entry.is_deleted and entry.mirrors is not None:
            raise ConfigurationError(
                f"the source has no file, but the target has copies of its files: {_RIGHT} If they were deleted on "
                "purpose, put any file there",
                storage=storage,
            )


def refusal(store: StoreFS, path: str) -> InvalidPath | None:
    """Return why a store cannot have a file under exactly this name, or None if it can. No request."""
    if names.is_plain(path):
        return None
    try:
        names.given(path)
    except InvalidPath as error:
        return error
    there = store.canonical(path)
    if there == path:
        return None
    return InvalidPath(
        f"{path!r} would be {there!r} in the other store: rename it first, with flask fs adopt", path=path
    )
