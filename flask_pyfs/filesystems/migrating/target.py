"""What the target of a migration has under a name: nothing, a file, or a tombstone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO, Protocol

from fs import errors

from ..base import Readable
from ..store import Description, Facts, StoreFS

__all__ = [
    "ABSENT",
    "ANYTHING",
    "NOTHING",
    "NO_FILE",
    "Entry",
    "Expected",
    "Listed",
    "Target",
    "Unread",
    "known_version",
    "of_another",
]


class _Expected(Enum):
    ANYTHING = "anything"
    NOTHING = "nothing"


#: What a name may have before a write: whatever it has.
ANYTHING = _Expected.ANYTHING

#: Neither a file nor a tombstone.
NOTHING = _Expected.NOTHING

#: One of both, or the version that the file or the tombstone must have.
Expected = _Expected | str

#: Is called with each directory that a listing leaves out because it cannot be read: with the start of the paths below
#: it, and with the exception.
Unread = Callable[[str, Exception], object]

#: What a tombstone mirrors that follows a deletion in the source.
NO_FILE = ""


#: What says that a name has no file; also, that it is the name of a directory, or one that no file of this store can
#: have.
ABSENT = (errors.ResourceNotFound, errors.FileExpected, errors.DirectoryExpected, errors.PathError)


@dataclass(frozen=True)
class Entry:
    """A file or a tombstone of the target.

    :param facts: its facts. The version is never None.
    :param version: that version.
    :param is_deleted: whether it is a tombstone: there is no such file, whatever the source has.
    :param mirrors: the version of the source that it is a copy of; :data:`NO_FILE` for a tombstone that follows a
        deletion in the source; None if the app wrote or deleted it here, so that the source has no say.
    """

    facts: Facts
    version: str
    is_deleted: bool = False
    mirrors: str | None = None


@dataclass(frozen=True)
class Listed:
    """What a listing tells of a file or a tombstone.

    :param facts: the facts of the listing; those of a tombstone are its own.
    :param is_deleted: whether it is a tombstone.
    """

    facts: Facts
    is_deleted: bool


class Target(Protocol):
    """The entries of a store. Errors are ``fs.errors``.

    Each write and each removal is decided by the store, in itself, if the store decides conditions. What is missing,
    or has a tombstone, is told from each other at any moment, also after a crash between any two requests.
    """

    store: StoreFS

    @property
    def is_exact(self) -> bool:
        """Whether conditions are decided in the write itself, as far as it is known by now."""

    @property
    def window(self) -> str | None:
        """What may go wrong if not, in one sentence."""

    def look(self, path: str) -> Entry | None:
        """Return what is there, or None. One request."""

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Entry, BinaryIO | None] | None:
        """Return what is there with its content, as :meth:`StoreFS.fetch` does; the content of a tombstone is None.
        One request.
        """

    def write(
        self,
        path: str,
        file: Readable,
        expected: Expected,
        *,
        content_type: str | None = None,
        description: Description | None = None,
        mirrors: str | None = None,
    ) -> str:
        """Store a file, and return its version.

        :param expected: what must be there until then.
        :raises fs.errors.FileExists: with :data:`NOTHING`, if there is a file or a tombstone.
        :raises OtherVersion: with a version, if something else is there, or nothing. The stream may have been read.
        """

    def open_write(self, path: str, expected: Expected, *, content_type: str | None = None) -> BinaryIO:
        """Open a file for writing. It is stored as :meth:`write` does when it closes without an exception."""

    def copy_in(
        self, store: StoreFS, path: str, target: str, expected: Expected, *, mirrors: str | None = None
    ) -> bool:
        """Copy a file of a store, which may be this one, without reading it; see :meth:`StoreFS.copy_from`.

        :raises fs.errors.ResourceNotFound: if there is no file, or a tombstone of this one.
        """

    def move(self, path: str, version: str, target: str, expected: Expected) -> bool:
        """Rename a file of a version, and leave a tombstone, if that is one step here; else return False and do
        nothing.

        :raises OtherVersion: if the file is another version, or if the target is not as expected.
        :raises fs.errors.FileExists: with :data:`NOTHING`, if the target is taken.
        """

    def bury(self, path: str, expected: Expected, *, mirrors: str | None = None) -> str:
        """Put a tombstone in the place of what is there, and return its version. Errors as for :meth:`write`."""

    def drop(self, path: str, version: str) -> bool:
        """Remove a file or a tombstone if it still is this version, so that nothing is there. Return whether it was."""

    def entries(self, prefix: str = "", *, unread: Unread | None = None) -> Iterator[tuple[str, Listed]]:
        """Iterate over the paths of all files and tombstones, in key order. Reserved names are left out.

        :param unread: is called with each directory that cannot be read, if the store tells them.
        """

    def clear(self) -> None:
        """Remove what this keeps beside the files. Then no file is a copy; there must be no tombstone."""


def of_another(is_deleted: bool) -> str | None:
    """Return what an entry mirrors that another migration left: its files are the app's own, and its tombstones hide
    nothing that the source has.
    """
    return NO_FILE if is_deleted else None


def known_version(version: str | None) -> str:
    """Return a version that the store told.

    :raises fs.errors.OperationFailed: if it told none.
    """
    if version is None:
        raise errors.OperationFailed(msg="the store told no version of a file, which the target of a migration needs")
    return version
