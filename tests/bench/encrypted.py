"""Measure encrypted storages beside plain ones: ``python tests/bench/encrypted.py``.

Two storages of one store, a plain and an encrypted one, save a file of 256 MiB and read it in chunks, by turns. Then
each reads the tail of a file of 1 GiB. What is printed are medians.

What is to be reached is 1.25 times the seconds of the plain storage on s3 and swift, 0.15 seconds more for 256 MiB
elsewhere, and 4 MiB more memory. Where other programs run, the seconds that the processor worked tell more.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import meter
from stores import STORES

MIB = 1024 * 1024
#: How many times the seconds it may take where a server answers, how many more elsewhere, and how many MiB more.
RATIO, MORE, MEMORY = 1.25, 0.15, 4
#: The stores that are measured.
MEASURED = ("local", "memory", "s3-moto", "gridfs", "swift")
SERVED = ("s3-moto", "s3-swift", "swift")
PLAIN, ENCRYPTED = "plain", "encrypted"


class Memory:
    """The memory of the process."""

    def __init__(self, area: Path) -> None:
        pass

    def started(self) -> AbstractContextManager[None]:
        return nullcontext()

    def settings(self) -> dict[str, Any]:
        return {"FS_BACKEND": "memory"}


ALL: dict[str, Any] = {**STORES, "memory": Memory}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/bench/encrypted.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--mb", type=int, default=256, help="size of the file, in MiB (default: %(default)s)")
    add("--tail", type=int, default=1024, help="size of the file whose tail is read, in MiB (default: %(default)s)")
    add("--rounds", type=int, default=5, help="how often each is done (default: %(default)s)")
    add("--only", nargs="+", choices=list(ALL), default=MEASURED, help="stores")
    add("--dir", default="/var/tmp", help="where the files are (default: %(default)s)")
    options = parser.parse_args()
    print("| store | what | plain | encrypted | target | measured | reached |\n|---|---|---:|---:|---|---:|---|")
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-", dir=options.dir) as area:
            store = ALL[name](Path(area))
            with store.started():
                measure(name, store.settings(), Path(area), options)


def measure(name: str, settings: dict[str, Any], area: Path, options: argparse.Namespace) -> None:
    """Print the rows of a store."""
    import flask

    import flask_pyfs as fs
    from flask_pyfs.encryption.keys import new_key

    app = flask.Flask("bench", instance_path=str(area / "instance"))
    app.config.update(settings, ENCRYPTED_FS_ENCRYPTION_KEYS=[new_key()])
    storages = {each: fs.Storage(each, fs.ALL) for each in (PLAIN, ENCRYPTED)}
    fs.init_app(app, *storages.values())
    with app.app_context():
        sources = {mb: source(area / f"{mb}", mb) for mb in (1, options.mb)}
        results = by_turns(storages, lambda storage, each: once(storage, sources, each), options.rounds)
        for what in ("save", "stream"):
            time_row(name, what, results[what], options.mb)
            processor_row(name, what, results[what])
            memory_row(name, what, results[what])
        for storage in storages.values():
            long = source(area / "long", options.tail)
            with long.open("rb") as file:
                storage.save(file, "long.bin")
            long.unlink()
        tails = by_turns(storages, lambda storage, each: tail(storage, options.tail, each), options.rounds)
        plain, encrypted = (statistics.median(each["seconds"] for each in tails["tail"][way]) for way in storages)
        print(
            f"| {name} | tail of {options.tail} MiB, ms | {plain * 1000:.1f} | {encrypted * 1000:.1f} | | | |",
            flush=True,
        )


def source(path: Path, mb: int) -> Path:
    """Make a file of random bytes."""
    with path.open("wb") as file:
        for _ in range(mb):
            file.write(os.urandom(MIB))
    return path


Results = dict[str, dict[str, list[dict[str, float]]]]


def by_turns(storages: dict[str, Any], do: Callable[[Any, meter.Meter], None], rounds: int) -> Results:
    """Return what was measured of each storage, by the names of what was done, after a round that does not count."""
    results: Results = {}
    for number in range(rounds + 1):
        for way, storage in storages.items():
            each = meter.Meter()
            do(storage, each)
            for what, result in each.results.items() if number else ():
                results.setdefault(what, {one: [] for one in storages})[way].append(result)
    return results


def once(storage: Any, sources: dict[int, Path], each: meter.Meter) -> None:
    """Save a file and read it."""
    mb, path = max(sources.items())
    with path.open("rb") as file, working(each, "save"):
        storage.save(file, "big.bin")
    with working(each, "stream"):
        size = sum(map(len, storage.read_chunks("big.bin")))
    assert size == mb * MIB
    storage.delete("big.bin")


@contextmanager
def working(each: meter.Meter, name: str) -> Iterator[None]:
    """Measure a block, and how long this process worked in it."""
    start = time.process_time()
    with each.measure(name):
        yield
    each.results[name]["cpu"] = time.process_time() - start


def tail(storage: Any, mb: int, each: meter.Meter) -> None:
    """Read the last 64 KiB of a long file."""
    with each.measure("tail"), storage.open("long.bin", "rb") as file:
        file.seek(mb * MIB - 65_536)
        assert len(file.read()) == 65_536


def time_row(name: str, what: str, results: dict[str, list[dict[str, float]]], mb: int) -> None:
    plain, encrypted = (statistics.median(each["seconds"] for each in results[way]) for way in (PLAIN, ENCRYPTED))
    if name in SERVED:
        target, measured, limit = f"{RATIO} times", encrypted / plain, RATIO
    else:
        limit = MORE * mb / 256
        target, measured = f"{limit:.2f} s more", encrypted - plain
    reached = "yes" if measured <= limit else "no"
    print(f"| {name} | {what}, s | {plain:.3f} | {encrypted:.3f} | {target} | {measured:.2f} | {reached} |", flush=True)


def processor_row(name: str, what: str, results: dict[str, list[dict[str, float]]]) -> None:
    plain, encrypted = (statistics.median(each["cpu"] for each in results[way]) for way in (PLAIN, ENCRYPTED))
    print(
        f"| {name} | {what}, processor, s | {plain:.3f} | {encrypted:.3f} | | {encrypted - plain:.2f} | |", flush=True
    )


def memory_row(name: str, what: str, results: dict[str, list[dict[str, float]]]) -> None:
    pairs = [[each["mib"] for each in results[way] if "mib" in each] for way in (PLAIN, ENCRYPTED)]
    if not all(pairs):
        return
    plain, encrypted = map(statistics.median, pairs)
    reached = "yes" if encrypted - plain <= MEMORY else "no"
    row = f"{plain:.1f} | {encrypted:.1f} | {MEMORY} MiB more | {encrypted - plain:.1f} | {reached}"
    print(f"| {name} | {what}, MiB | {row} |", flush=True)


if __name__ == "__main__":
    main()
