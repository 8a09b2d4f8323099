"""The files of a storage and the names that were not among them, in a private temporary database on the disk."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from ..fields.naming import Named
from ..filesystems.store import Facts
from ..storage import Storage

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE file (name BLOB PRIMARY KEY, size INTEGER, modified REAL, etag TEXT, version TEXT, named INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE absent (view INTEGER, name BLOB, state INTEGER NOT NULL, PRIMARY KEY (view, name)) WITHOUT ROWID;
CREATE TABLE mention (number INTEGER PRIMARY KEY, naming INTEGER, view INTEGER, name BLOB, key BLOB, model TEXT,
    place TEXT, part TEXT);
BEGIN;
"""

# what is known of a name that no listing has
_UNKNOWN, _GONE, _FOUND = range(3)

#: In seconds: some stores tell more digits of a time in a listing than for one file
PRECISION = 1.5


class Listed(NamedTuple):
    """A file of the listing.

    :param name: the name.
    :param facts: what the listing told of it: size, time, entity tag and version.
    """

    name: str
    facts: Facts


class Ledger:
    """What is known of the files of a storage. SQLite moves to the disk what does not fit into 2 MB of memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Delete the database."""
        self._database.close()

    def add(self, name: str, facts: Facts) -> None:
        """Note a file of the listing."""
        modified = None if facts.modified is None else facts.modified.timestamp()
        values = (_bytes(name), facts.size, modified, facts.etag, facts.version)
        self._database.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, 0)", values)

    def note(self, names: Sequence[str]) -> bool:
        """Note that a file is named, in any of these spellings. Return whether there is such a file."""
        marks = ", ".join("?" * len(names))
        found = self._database.execute(f"UPDATE file SET named = 1 WHERE name IN ({marks})", [*map(_bytes, names)])
        return found.rowcount > 0

    def note_absent(self, view: int, name: str) -> None:
        """Note that a name is not among the files.

        :param view: the number of the storage for which it was said.
        """
        self._database.execute("INSERT OR IGNORE INTO absent VALUES (?, ?, ?)", (view, _bytes(name), _UNKNOWN))

    def note_mention(self, number: int, view: int, named: Named) -> None:
        """Note who names a file that is not among the files.

        :param number: the number of what was read.
        """
        self._database.execute(
            "INSERT INTO mention VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            (number, view, _bytes(named.name), pickle.dumps(named.key), named.model, named.column, named.part),
        )

    def note_looked_up(self, view: int, name: str, is_there: bool) -> None:
        """Note what the store says of a name that is not among the files."""
        state = _FOUND if is_there else _GONE
        self._database.execute("UPDATE absent SET state = ? WHERE view = ? AND name = ?", (state, view, _bytes(name)))

    def note_alike(self, size: int | None, modified: datetime | None) -> None:
        """Note that each file of a size and time may be named.

        :param size: bytes; None if it is not known.
        :param modified: None if it is not known.
        """
        time = None if modified is None else modified.timestamp()
        if size is not None:
            self._database.execute("CREATE INDEX IF NOT EXISTS file_of_size ON file (size)")
        self._database.execute(
            f"UPDATE file SET named = 1 WHERE {'? IS NULL' if size is None else 'size = ?'} "
            "AND (? IS NULL OR modified IS NULL OR abs(modified - ?) < ?)",
            (size, time, time, PRECISION),
        )

    def note_version(self, version: str | None) -> None:
        """Note that each file of a version is named."""
        self._index_versions()
        self._database.execute("UPDATE file SET named = 1 WHERE version = ?", (version,))

    def note_links(self) -> None:
        """Note that a file is named if the same one is under another name: one is a link to the other, or to its
        directory.
        """
        self._index_versions()
        self._database.execute(
            "UPDATE file SET named = 1 WHERE named = 0 "
            "AND version IN (SELECT version FROM file AS other WHERE other.named = 1)"
        )

    def _index_versions(self) -> None:
        self._database.execute("CREATE INDEX IF NOT EXISTS file_of_version ON file (version, named)")

    def unknown(self) -> Iterator[tuple[int, str]]:
        """Iterate over the names that are not among the files, and were not looked up yet."""
        query = f"SELECT view, name FROM absent WHERE state = {_UNKNOWN} LIMIT 500"
        while page := self._database.execute(query).fetchall():
            yield from ((view, _text(name)) for view, name in page)

    def missing(self, view: int, storage: Storage) -> Iterator[tuple[int, Named]]:
        """Iterate over who named a file that is gone, each with the number of what was read.

        :param storage: the storage of this view.
        """
        query = (
            "SELECT number, naming, name, key, model, place, part FROM mention JOIN absent USING (view, name) "
            f"WHERE view = ? AND state = {_GONE} AND number > ? ORDER BY number LIMIT 500"
        )
        last = 0
        while page := self._database.execute(query, (view, last)).fetchall():
            for _, naming, name, key, model, place, part in page:
                yield naming, Named(storage, model, pickle.loads(key), place, part, _text(name))
            last = page[-1][0]

    def unnamed(self, before: float, after: str | None, most: int) -> list[Listed]:
        """Return the next files that nothing names, and that were written before a time.

        :param before: in seconds since 1970.
        :param after: the name of the last one that was returned before.
        """
        found = self._database.execute(
            "SELECT name, size, modified, etag, version FROM file "
            "WHERE named = 0 AND modified < ? AND name > ? ORDER BY name LIMIT ?",
            (before, b"" if after is None else _bytes(after), most),
        )
        return [Listed(_text(name), _facts(*told)) for name, *told in found]

    def is_unnamed(self, name: str) -> bool:
        """Return whether nothing names a file, as far as was read."""
        found = self._database.execute("SELECT named FROM file WHERE name = ?", (_bytes(name),)).fetchone()
        return bool(found == (0,))

    def below(self, above: str, most: int) -> list[str]:
        """Return some of the files whose names start with a text."""
        found = self._database.execute(
            "SELECT name FROM file WHERE name >= ? AND name < ? ORDER BY name LIMIT ?",
            # no name has this byte
            (_bytes(above), _bytes(above) + b"\xff", most),
        )
        return [_text(name) for (name,) in found]


def _facts(size: int, modified: float, etag: str | None, version: str | None) -> Facts:
    mark = None if version == etag else version
    time = datetime.fromtimestamp(modified, timezone.utc)
    return Facts(size, time, etag, mark=mark, marked=version is not None)


def _bytes(name: str) -> bytes:
    # a disk may have bytes that are not UTF-8, which a str has as surrogates
    return name.encode(errors="surrogatepass")


def _text(name: bytes) -> str:
    return name.decode(errors="surrogatepass")
