"""Private temporary databases, for what may take more room than memory has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import FSError

__all__ = ["bytes_of", "full_disk_told", "name_of", "temporary_database"]


def temporary_database(memory: int, *statements: str, any_thread: bool = False) -> sqlite3.Connection:
    """Return a database without a name, in a transaction. SQLite keeps it in memory while it is small, else in a file
    that is deleted already; it is gone with the connection.

    :param memory: how many KiB of it are kept in memory.
    :param statements: are executed first, such as those that make its tables.
    :param any_thread: whether another thread than this one may use it, or drop it.
    """
    database = sqlite3.connect("", isolation_level=None, check_same_thread=not any_thread)
    pragmas = ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{memory}", "temp_store = FILE")
    for statement in (*(f"PRAGMA {pragma}" for pragma in pragmas), *statements, "BEGIN"):
        database.execute(statement)
    return database


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Let a database that fails say what to do.

    :raises flask_pyfs.errors.FSError: if the disk is full, or cannot be written.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        message = f"the temporary file cannot be written ({error}): set TMPDIR to a directory with enough room"
        raise FSError(message) from error


def bytes_of(name: str) -> bytes:
    """Return a name as a database keeps it. Text of SQLite is UTF-8, and names may have surrogates, which are none."""
    return name.encode(errors="surrogatepass")


def name_of(kept: bytes) -> str:
    """Return the name that :func:`bytes_of` made bytes of."""
    return kept.decode(errors="surrogatepass")
