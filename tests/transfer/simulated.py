"""Sides with the names that a test gives, without files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from flask_pyfs import names
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.transfer import Side

EARLY = datetime(2026, 1, 1, tzinfo=timezone.utc)
LATE = datetime(2026, 1, 2, tzinfo=timezone.utc)


class Simulated(MemoryBackend):
    """Lists what a function returns."""

    def __init__(self, listing: Callable[[], Iterable[tuple[str, Facts]]]) -> None:
        super().__init__("simulated", {})
        self.listing = listing

    def entries(self, prefix: str | None = None, **_: Any) -> Iterator[tuple[str, Facts]]:
        return iter(self.listing())

    def spellings(self, filename: str) -> tuple[str, ...]:
        return names.spellings(filename)


def facts(size: int = 1, modified: datetime | None = EARLY, **others: Any) -> Facts:
    return Facts(size, modified, **others)


def side(files: Iterable[str] | dict[str, Facts], modified: datetime | None = EARLY) -> Side:
    """Return the side of an object store with such files, listed in key order."""
    found = files if isinstance(files, dict) else dict.fromkeys(files, facts(modified=modified))
    ordered = sorted(found.items(), key=lambda each: each[0].encode(errors="surrogatepass"))
    return Side(Simulated(lambda: ordered), label="simulated")
