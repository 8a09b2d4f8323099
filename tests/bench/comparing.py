"""Compares many names of two sides: how fast, and in how much memory.

Run with ``python tests/bench/comparing.py``. Two sides make up their names, once in normal form and once in another,
which puts each name elsewhere in the order. Then one bucket of a server is compared with itself.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from meter import Meter

from flask_pyfs import names
from flask_pyfs.backends import registry
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.transfer import Side
from flask_pyfs.transfer.comparing import compare

sys.path.append(str(Path(__file__).parents[1]))

#: What is to be reached: names of each side a second, and MiB above the start.
FASTEST, MEMORY = 20_000, 64


class Simulated(MemoryBackend):
    """An object store that makes up what it lists."""

    def __init__(self, listing: Callable[[], Iterator[tuple[str, Facts]]]) -> None:
        super().__init__("simulated", {})
        self._listing = listing

    def entries(self, prefix: str | None = None, **_: Any) -> Iterator[tuple[str, Facts]]:
        return self._listing()

    def spellings(self, filename: str) -> tuple[str, ...]:
        return names.spellings(filename)


def simulated(count: int, day: int, name: str, form: str) -> Side:
    modified = datetime(2026, 1, day, tzinfo=timezone.utc)
    pattern = unicodedata.normalize(form, name)

    def listing() -> Iterator[tuple[str, Facts]]:
        for number in range(count):
            yield pattern % number, Facts(20480, modified, etag=f"{number:032x}", marked=False)

    return Side(Simulated(listing))


def measure(title: str, source: Side, target: Side, count: int) -> None:
    meter = Meter()
    with meter.measure("compare", count):
        found = sum(1 for _ in compare(source, target))
    assert found == count, found
    result = meter.results["compare"]
    rate, memory = count / result["seconds"], result.get("mib", 0)
    reached = "yes" if rate >= FASTEST and memory <= MEMORY else "no"
    print(f"| {title} | {count:,} | {result['seconds']:.1f} | {rate:,.0f} | {memory:.1f} | {reached} |", flush=True)


def on_swift(area: Path, count: int) -> None:
    from servers.openstack import openstack_swift

    with openstack_swift(area) as server:
        place = server.place
        settings: dict[str, Any] = {"authurl": place.auth_url, "user": place.user, "key": place.key}
        kind = registry.installed()["swift"].load()
        backend = kind("files", {**settings, "auth_version": "1", "container": "bench", "create_container": True})
        fill(backend, count)
        side = Side(backend)
        measure("Swift", side, side, count)


def fill(backend: Any, count: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(lambda number: backend.write(f"{number:07}.jpg", b""), range(count)):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000, help="of each simulated side (default: %(default)s)")
    parser.add_argument("--stored", type=int, default=100_000, help="on Swift; 0 leaves it out (default: %(default)s)")
    options = parser.parse_args()
    print("| sides | names | s | names/s | MiB | reached |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for title, name, forms in (
        ("normal names", "photos/%07d.jpg", ("NFC", "NFC")),
        ("letters with accents", "\xe9/%07d-\xe9.jpg", ("NFC", "NFC")),
        ("NFD against NFC", "\xe9/%07d-\xe9.jpg", ("NFD", "NFC")),
        ("NFD against NFD", "\xe9/%07d-\xe9.jpg", ("NFD", "NFD")),
    ):
        sides = (simulated(options.names, day, name, form) for day, form in enumerate(forms, 1))
        measure(title, *sides, options.names)
    if options.stored:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-") as area:
            on_swift(Path(area), options.stored)


if __name__ == "__main__":
    main()
