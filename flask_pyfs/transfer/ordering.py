"""Brings the listings of both sides into the order of the names under which they are compared.

A listing is in the order of the names as they are stored. Most names are normal, and two listings of these are merged
as they come. A name that is not normal belongs elsewhere: later, as in NFD; or earlier, as U+212A KELVIN SIGN, which is
K. All wait in a private temporary database, which SQLite keeps on disk, until both listings have ended: nothing is said
of any file before all are known.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import NamedTuple, TypeVar

from ..filesystems.store import Facts
from ..scratch import bytes_of, full_disk_told, name_of, temporary_database
from .sameness import moment_of

__all__ = ["SOURCE", "TARGET", "Group", "Listed", "Ordering"]

SOURCE, TARGET = 0, 1

#: A name, and what a listing tells of the file.
Listed = tuple[str, Facts]

# how many rows are written at a time, and what SQLite keeps in memory, in KiB
_ROWS = 1000
_CACHE = 8 * 1024

_rest = attrgetter(*(each for each in Facts.__dataclass_fields__ if each not in ("size", "modified")))
_first = itemgetter(0)

Left = TypeVar("Left")
Right = TypeVar("Right")


class Group(NamedTuple):
    """The files that are compared under one name.

    :param name: that name.
    :param sources: those of the source, each under its own name.
    :param targets: those of the target.
    """

    name: str
    sources: list[Listed]
    targets: list[Listed]


class Ordering:
    """Takes two listings, and gives out what belongs together, in the order of names. Memory is constant.

    :param compared_name: returns the name under which a file is compared, or None if it is left out.
    """

    def __init__(self, compared_name: Callable[[str], str | None]) -> None:
        self._compared_name = compared_name
        self._odd: list[tuple[bytes, int, bytes, bytes]] = []
        self.counts: list[int] = [0, 0]
        # an iterator may be dropped in another thread
        self._database = temporary_database(
            _CACHE,
            "CREATE TABLE pairs (name BLOB PRIMARY KEY, source BLOB, target BLOB) WITHOUT ROWID",
            "CREATE TABLE odd (name BLOB, side INTEGER, listed BLOB, facts BLOB)",
            any_thread=True,
        )

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def read(self, source: Iterable[Listed], target: Iterable[Listed]) -> None:
        """Read both listings to their ends.

        :raises flask_pyfs.errors.FSError: if the temporary file cannot be written.
        :raises Exception: what a listing raises.
        """
        pairs = _joined(self._normal(source, SOURCE), self._normal(target, TARGET))
        while rows := list(islice(pairs, _ROWS)):
            with full_disk_told():
                self._database.executemany("INSERT INTO pairs VALUES (?, ?, ?)", rows)
        self._write_odd()

    def _normal(self, listing: Iterable[Listed], side: int) -> Iterator[tuple[bytes, bytes]]:
        last = b""
        for listed, facts in listing:
            self.counts[side] += 1
            name = self._compared_name(listed)
            if name is None:
                continue
            key = bytes_of(name)
            kept = _kept(facts)
            # a listing that is not in order, or tells a name twice, costs more and is not wrong
            if name == listed and key > last:
                last = key
                yield key, kept
            else:
                self._odd.append((key, side, bytes_of(listed), kept))
                if len(self._odd) >= _ROWS:
                    self._write_odd()

    def _write_odd(self) -> None:
        with full_disk_told():
            self._database.executemany("INSERT INTO odd VALUES (?, ?, ?, ?)", self._odd)
        self._odd.clear()

    def groups(self) -> Iterator[Group]:
        """Iterate over what was read, in the order of names, that of their UTF-8. Each file is in one group."""
        rows = self._database.execute("SELECT name, source, target FROM pairs ORDER BY name")
        pairs = ((key, kept) for key, *kept in rows)
        # to sort them takes a file too
        with full_disk_told():
            odd = self._database.execute("SELECT name, side, listed, facts FROM odd ORDER BY name, side, rowid")
        others = ((key, list(rows)) for key, rows in groupby(odd, _first))
        for key, pair, rest in _joined(pairs, others):
            name = name_of(key)
            found: tuple[list[Listed], list[Listed]] = ([], [])
            for side, kept in enumerate(pair or ()):
                if kept is not None:
                    found[side].append((name, _facts(kept)))
            for _, side, listed, kept in rest or ():
                found[side].append((name_of(listed), _facts(kept)))
            yield Group(name, *found)


def _kept(facts: Facts) -> bytes:
    # a pickled time takes longer than all the rest
    moment = moment_of(facts)
    seconds = None if moment is None else moment.timestamp()
    return pickle.dumps((facts.size, seconds, _rest(facts)), pickle.HIGHEST_PROTOCOL)


def _facts(kept: bytes) -> Facts:
    size, seconds, rest = pickle.loads(kept)
    return Facts(size, None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc), *rest)


def _joined(
    left: Iterator[tuple[bytes, Left]], right: Iterator[tuple[bytes, Right]]
) -> Iterator[tuple[bytes, Left | None, Right | None]]:
    """Iterate over the keys of two iterators, each in order, with what each has under a key."""
    mine, its = next(left, None), next(right, None)
    while mine is not None or its is not None:
        if its is None or (mine is not None and mine[0] < its[0]):
            assert mine is not None
            yield mine[0], mine[1], None
            mine = next(left, None)
        elif mine is None or its[0] < mine[0]:
            yield its[0], None, its[1]
            its = next(right, None)
        else:
            yield mine[0], mine[1], its[1]
            mine, its = next(left, None), next(right, None)
