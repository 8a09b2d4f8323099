"""Renames files to the normal form of their names."""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Literal, NamedTuple

from fs.errors import FSError as FilesystemError
from fs.path import normpath, recursepath

from . import names
from .backends.contract import Operations
from .errors import BackendError, FileExists, FileNotFound, FSError, OperationNotSupported
from .state import find
from .storage import Storage

__all__ = ["Adopted", "Outcome", "adopt"]

Outcome = Literal["renamed", "taken", "shared", "impossible", "failed"]

_TABLES = """
CREATE TABLE odd (name BLOB PRIMARY KEY, normal BLOB) WITHOUT ROWID;
CREATE TABLE left_behind (directory BLOB PRIMARY KEY) WITHOUT ROWID;
"""


class Adopted(NamedTuple):
    """A file whose name was not in normal form.

    :param name: that name.
    :param normal: its normal form, or None if it has none.
    :param outcome: ``renamed``, or, with ``dry_run``, would be; ``taken``: another file has the normal form;
        ``shared``: several names have this one normal form; ``impossible``: the name has no normal form; ``failed``.
    :param error: why it failed, or None.
    """

    name: str
    normal: str | None
    outcome: Outcome
    error: FSError | None = None


def adopt(storage: Storage, *, dry_run: bool = False) -> Iterator[Adopted]:
    """Rename the files of a storage whose names are not in normal form to it, and iterate over these files.

    Nothing happens before the iteration begins, and each file is renamed when its turn comes. All names are listed
    first; those that are not normal are kept in a temporary file. No file is ever replaced: where the normal form is
    free is decided by the store, as far as it can. If several names have one normal form, none of them is renamed. On
    stores with directories, directories that are left empty are removed.

    On ``local``, a symbolic link to a file that is renamed leads nowhere then, as after any renaming.

    Who is stopped in the middle runs it again. A store that renames by copying may have been stopped between the two
    steps: both files are there then, and the old name is ``taken``.

    No signals are sent.

    :param dry_run: rename nothing. It makes a request for each file.
    :raises BackendError: if the store cannot be reached, or does not answer.
    """
    operations = find(storage).operations
    with closing(sqlite3.connect("")) as database:
        database.executescript(_TABLES)
        odd = ((name, names.normal_form(name)) for name in operations.list_files() if not names.is_plain(name))
        database.executemany(
            "INSERT OR IGNORE INTO odd VALUES (?, ?)",
            ((_packed(name), normal and _packed(normal)) for name, normal in odd if normal != name),
        )
        database.execute("CREATE INDEX by_normal ON odd (normal)")
        found = (
            "SELECT name, normal, (SELECT count(*) FROM odd AS o WHERE o.normal = odd.normal) FROM odd ORDER BY name"
        )
        for packed, packed_normal, count in database.execute(found):
            name, normal = _unpacked(packed), packed_normal and _unpacked(packed_normal)
            adopted = _adopted(storage, operations, name, normal, shared=count > 1, dry_run=dry_run)
            if adopted is None:
                continue
            if adopted.outcome == "renamed" and not dry_run:
                above = ((_packed(each),) for each in _odd_directories(name))
                database.executemany("INSERT OR IGNORE INTO left_behind VALUES (?)", above)
            yield adopted
        # the deepest first
        left = database.execute("SELECT directory FROM left_behind ORDER BY directory DESC")
        for (packed,) in left:
            with suppress(FilesystemError, FSError):
                operations.fs.removedir(_unpacked(packed))


def _adopted(
    storage: Storage, operations: Operations, name: str, normal: str | None, *, shared: bool, dry_run: bool
) -> Adopted | None:
    exact = names.Exact(name)
    if normal is None:
        return Adopted(name, None, "impossible")
    if shared:
        return Adopted(name, normal, "shared")
    try:
        if name not in operations.spellings(exact):
            message = f"the backend of storage {storage.name!r} reaches files only by the normal form of their names"
            raise OperationNotSupported(message, path=name, storage=storage.name)
        if not dry_run:
            operations.move(exact, normal, overwrite=False)
        elif operations.exists(names.Exact(normal)):
            return Adopted(name, normal, "taken")
    except FileNotFound:
        # deleted, or renamed, in the meantime
        return None
    except FileExists:
        return Adopted(name, normal, "taken")
    except BackendError:
        raise
    except FSError as error:
        return Adopted(name, normal, "failed", error)
    return Adopted(name, normal, "renamed")


def _odd_directories(name: str) -> Iterator[str]:
    """Return the directories of a file that its normal form does not have, as far as a store can have them."""
    above, _, _ = name.rpartition("/")
    if above and normpath(above) == above and not above.startswith("/"):
        for path in recursepath(above):
            directory = path.lstrip("/")
            if directory and names.normal_form(directory) != directory:
                yield directory


def _packed(name: str) -> bytes:
    # bytes that are not UTF-8 are surrogates
    return name.encode(errors="surrogatepass")


def _unpacked(packed: bytes) -> str:
    return packed.decode(errors="surrogatepass")
