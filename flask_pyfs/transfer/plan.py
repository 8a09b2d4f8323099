"""What a sync is to do, kept in a private temporary database, so that it takes no memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from ..filesystems.store import Facts

__all__ = ["Plan", "Step"]

# so many steps are written or read at a time
_BATCH = 500

# KiB of the database that are kept in memory
_CACHE = 2048


class Step(NamedTuple):
    """Something to do with one file.

    :param name: the name that both sides are compared under.
    :param source_name: the name at the source; None if the file is to be deleted.
    :param target_name: the name at the target.
    :param size: the length in bytes: of the source, or of the file to delete.
    :param listed: the file at the target, as it was listed; None if there is none.
    """

    name: str
    source_name: str | None
    target_name: str
    size: int
    listed: Facts | None


class Plan:
    """The steps of a sync, in the order in which they were added. One thread uses it.

    It is a database of SQLite without a name, which SQLite keeps in memory while it is small, and in a file that is
    deleted already otherwise. A name that is added again replaces its step.

    :ivar copies: how many files are to be copied.
    :ivar bytes: their size together.
    :ivar deletions: how many files are to be deleted.
    """

    def __init__(self) -> None:
        self.copies = self.bytes = self.deletions = 0
        self._new: list[tuple[Any, ...]] = []
        self._database = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}", "temp_store = FILE"):
            self._database.execute(f"PRAGMA {pragma}")
        # text of SQLite is UTF-8, and names may have bytes that are none
        self._database.execute(
            "CREATE TABLE step (number INTEGER PRIMARY KEY, name BLOB, source BLOB, target BLOB, size INTEGER, "
            "listed INTEGER, modified TEXT, etag TEXT, mark TEXT, marked INTEGER)"
        )
        self._database.execute("BEGIN")

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def add(self, step: Step) -> None:
        """Add a step."""
        if step.source_name is None:
            self.deletions += 1
        else:
            self.copies += 1
            self.bytes += step.size
        listed: tuple[Any, ...] = (None,) * 5
        if (facts := step.listed) is not None:
            modified = None if facts.modified is None else facts.modified.isoformat()
            listed = (facts.size, modified, facts.etag, facts.mark, facts.marked)
        self._new.append((_blob(step.name), _blob(step.source_name), _blob(step.target_name), step.size, *listed))
        if len(self._new) >= _BATCH:
            self._write()

    def drop(self, name: str) -> None:
        """Take back what is to be done under a name, if there is anything."""
        self._write()
        # only names that few sources have are dropped, and an index would cost more than it saves
        condition = "WHERE name = ?"
        for source, size in self._database.execute(f"SELECT source, size FROM step {condition}", (_blob(name),)):
            if source is None:
                self.deletions -= 1
            else:
                self.copies -= 1
                self.bytes -= size
        self._database.execute(f"DELETE FROM step {condition}", (_blob(name),))

    def to_copy(self) -> Iterator[Step]:
        """Iterate over the files to copy."""
        return self._steps("source IS NOT NULL")

    def to_delete(self) -> Iterator[Step]:
        """Iterate over the files to delete."""
        return self._steps("source IS NULL")

    def _steps(self, condition: str) -> Iterator[Step]:
        self._write()
        columns = "name, source, target, size, listed, modified, etag, mark, marked"
        rows = self._database.execute(f"SELECT {columns} FROM step WHERE {condition} ORDER BY number")
        while batch := list(islice(rows, _BATCH)):
            yield from map(_step, batch)

    def _write(self) -> None:
        columns = "name, source, target, size, listed, modified, etag, mark, marked"
        self._database.executemany(f"INSERT INTO step ({columns}) VALUES ({', '.join('?' * 9)})", self._new)
        self._new.clear()


def _step(row: tuple[Any, ...]) -> Step:
    name, source, target, size, listed, modified, etag, mark, marked = row
    facts = None
    if listed is not None:
        time = None if modified is None else datetime.fromisoformat(modified)
        facts = Facts(listed, time, etag, mark=mark, marked=bool(marked))
    return Step(_text(name) or "", _text(source), _text(target) or "", size, facts)


def _blob(name: str | None) -> bytes | None:
    return None if name is None else name.encode(errors="surrogateescape")


def _text(blob: bytes | None) -> str | None:
    return None if blob is None else blob.decode(errors="surrogateescape")
