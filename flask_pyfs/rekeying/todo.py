"""The files that are to be encrypted anew, in a private temporary database, so that they take no memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..scratch import bytes_of, full_disk_told, name_of, temporary_database

__all__ = ["Item", "Todo"]

# so many are written or read at a time, and KiB of the database that are kept in memory
_BATCH, _CACHE = 500, 2048


class Item(NamedTuple):
    """A file that is not kept with the first key.

    :param place: the number of its place.
    :param path: its path in the store.
    :param size: the length of its content in bytes.
    :param version: the version that was looked at, or None if the store knows none.
    :param key: what it is kept with, as :attr:`flask_pyfs.rekeying.report.Holding.key`.
    """

    place: int
    path: str
    size: int
    version: str | None
    key: str


class Todo:
    """Files, in the order in which they were added. One thread uses it.

    :ivar files: how many there are.
    :ivar bytes: the size of all.
    """

    def __init__(self) -> None:
        self.files: int = 0
        self.bytes: int = 0
        self._new: list[tuple[int, bytes, int, str | None, str]] = []
        self._database = temporary_database(
            _CACHE,
            "CREATE TABLE item (number INTEGER PRIMARY KEY, place INTEGER, path BLOB, size INTEGER, version TEXT, "
            "key TEXT)",
        )

    def __enter__(self) -> Todo:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def add(self, item: Item) -> None:
        """Add a file.

        :raises flask_pyfs.errors.FSError: if the temporary file cannot be written.
        """
        self.files += 1
        self.bytes += item.size
        self._new.append((item.place, bytes_of(item.path), *item[2:]))
        if len(self._new) >= _BATCH:
            self._write()

    def __iter__(self) -> Iterator[Item]:
        self._write()
        rows = self._database.execute("SELECT place, path, size, version, key FROM item ORDER BY number")
        while batch := rows.fetchmany(_BATCH):
            for place, path, *rest in batch:
                yield Item(place, name_of(path), *rest)

    def _write(self) -> None:
        with full_disk_told():
            self._database.executemany(
                "INSERT INTO item (place, path, size, version, key) VALUES (?, ?, ?, ?, ?)", self._new
            )
        self._new.clear()
