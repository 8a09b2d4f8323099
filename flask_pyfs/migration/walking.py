"""Walks the names of both stores of a migration, without keeping them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .. import names
from ..errors import ConfigurationError, FSError, InvalidPath, PermissionDenied
from ..filesystems.migrating.content import listed
from ..filesystems.migrating.target import Listed, Unread
from ..filesystems.store import Facts, StoreFS
from ..transfer.selection import Selection

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS

__all__ = ["Name", "refusal", "require_source", "walk"]

Found = TypeVar("Found")


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
    left, right = next(mine, None), next(its, None)
    while left is not None or right is not None:
        path = min(each[0] for each in (left, right) if each is not None)
        source = target = None
        if left is not None and left[0] == path:
            source, left = left[1], next(mine, None)
        if right is not None and right[0] == path:
            target, right = right[1], next(its, None)
        if selection.has(path) and not _is_reserved(path):
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


def _is_reserved(path: str) -> bool:
    return not names.is_plain(path) and any(map(names.is_reserved, path.split("/")))


def require_source(fs: MigratingFS, storage: str) -> None:
    """Do nothing if the source has a file, or if the files go back there. One request; if it has none, up to 100 more
    to the target.

    :raises flask_pyfs.errors.ConfigurationError: if it has none, but the target has copies of its files: what is not
        copied yet would count as deleted.
    """
    if fs.direction == "back" or any(not _is_reserved(path) for path, _ in fs.source.iter_facts()):
        return
    files = (path for path, listed in fs.entries_of_target.entries() if not listed.is_deleted)
    for path in islice(files, 100):
        entry = fs.entries_of_target.look(path)
        if entry is not None and not entry.is_deleted and entry.mirrors is not None:
            raise ConfigurationError(
                "the source has no file, but the target has copies of its files: is the right SOURCE set, and is it "
                "mounted? If they were deleted on purpose, put any file there",
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
