"""What a sync is to do, kept in a private temporary database, so that it takes no memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ..filesystems.store import Facts
from ..scratch import bytes_of, full_disk_told, name_of, temporary_database

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
    :param source: the file at the source, as it was listed; None if the file is to be deleted.
    :param target: the file at the target, as it was listed; None if there is none.
    """

    name: str
    source_name: str | None
    target_name: str
    source: Facts | None
    target: Facts | None


class Plan:
    """The steps of a sync, in the order in which they were added. One thread uses it.

    :ivar copies: how many files are to be copied.
    :ivar bytes: their size together.
    :ivar deletions: how many files are to be deleted.
    """

    def __init__(self) -> None:
        self.copies: int = 0
        self.bytes: int = 0
        self.deletions: int = 0
        self._new: list[tuple[Any, ...]] = []
        self._database = temporary_database(
            _CACHE,
            "CREATE TABLE step (number INTEGER PRIMARY KEY, name BLOB, source_name BLOB, target_name BLOB, "
            "source TEXT, target TEXT)",
        )

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def add(self, step: Step) -> None:
        """Add a step.

        :raises flask_pyfs.errors.FSError: if the temporary file cannot be written.
        """
        if step.source is None:
            self.deletions += 1
        else:
            self.copies += 1
            self.bytes += step.source.size
        source_name = None if step.source_name is None else bytes_of(step.source_name)
        names = (bytes_of(step.name), source_name, bytes_of(step.target_name))
        self._new.append((*names, _written(step.source), _written(step.target)))
        if len(self._new) >= _BATCH:
            self._write()

    def to_copy(self) -> Iterator[Step]:
        """Iterate over the files to copy."""
        return self._steps("source IS NOT NULL")

    def to_delete(self) -> Iterator[Step]:
        """Iterate over the files to delete."""
        return self._steps("source IS NULL")

    def _steps(self, condition: str) -> Iterator[Step]:
        self._write()
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM step WHERE {condition} ORDER BY number")
        while batch := rows.fetchmany(_BATCH):
            yield from map(_step, batch)

    def _write(self) -> None:
        with full_disk_told():
            self._database.executemany(f"INSERT INTO step ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", self._new)
        self._new.clear()


_COLUMNS = "name, source_name, target_name, source, target"


def _step(row: tuple[Any, ...]) -> Step:
    name, source_name, target_name, source, target = row
    source_name = None if source_name is None else name_of(source_name)
    return Step(name_of(name), source_name, name_of(target_name), _read(source), _read(target))


def _written(facts: Facts | None) -> str | None:
    if facts is None:
        return None
    modified = None if facts.modified is None else facts.modified.isoformat()
    return json.dumps((facts.size, modified, facts.etag, facts.mark, facts.marked))


def _read(written: str | None) -> Facts | None:
    if written is None:
        return None
    size, modified, etag, mark, marked = json.loads(written)
    return Facts(size, modified and datetime.fromisoformat(modified), etag, mark=mark, marked=marked)
