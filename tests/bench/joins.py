"""Measure ``join_files`` beside ``put`` of the same content: ``python tests/bench/joins.py``.

256 MiB are put by turns whole, in pieces, and joined from these pieces: as the store does it, and as one would do it
that only reads and writes. What is printed are ratios of the medians to that of the whole ``put``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stores import STORES

MIB = 1024 * 1024
#: The stores that are measured.
MEASURED = ("local", "s3-moto", "gridfs", "swift")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/bench/joins.py", description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=256, help="size of the file, in MiB (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is done (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(STORES), default=MEASURED, help="backends")
    options = parser.parse_args()
    print("| store | put, MiB/s | pieces | join | join by reading |\n|---|---|---|---|---|")
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-", dir="/var/tmp") as area:
            store = STORES[name](Path(area))
            with store.started():
                measure(name, store.settings(), Path(area), options.mb, options.rounds)


def measure(name: str, settings: dict[str, Any], area: Path, mb: int, rounds: int) -> None:
    """Print the row of a store."""
    import flask

    import flask_pyfs as fs
    from flask_pyfs.filesystems.store import StoreFS
    from flask_pyfs.names import Reserved

    app = flask.Flask("bench", instance_path=str(area / "instance"))
    app.config.update(settings)
    storage = fs.Storage("joins", fs.ALL)
    fs.init_app(app, storage)
    source = area / "source"
    with source.open("wb") as file:
        for _ in range(mb):
            file.write(os.urandom(MIB))
    with app.app_context():
        storage.write("warm.bin", b"")
        store: Any = storage.backend.store
        starts = list(range(0, mb * MIB, store.piece_size))
        paths = [Reserved(f".flask_pyfs/uploads/bench/{start:016x}") for start in starts]
        sizes = [min(store.piece_size, mb * MIB - start) for start in starts]

        def put() -> None:
            with source.open("rb") as file:
                store.put("put.bin", file)

        def pieces() -> None:
            import io

            with source.open("rb") as file:
                for path, size in zip(paths, sizes, strict=True):
                    store.put(path, io.BytesIO(file.read(size)))

        def join() -> None:
            store.join_files(paths, "join.bin", sizes=sizes)

        def read() -> None:
            StoreFS.join_files(store, paths, "read.bin", sizes=sizes)

        each: dict[str, Callable[[], None]] = {"put": put, "pieces": pieces, "join": join, "read": read}
        taken: dict[str, list[float]] = {what: [] for what in each}
        for _ in range(rounds):
            for what, do in each.items():
                start = time.perf_counter()
                do()
                taken[what].append(time.perf_counter() - start)
        assert store.facts("join.bin").size == store.facts("read.bin").size == mb * MIB
    medians = {what: statistics.median(times) for what, times in taken.items()}
    ratios = " | ".join(f"{medians[what] / medians['put']:.2f}" for what in list(each)[1:])
    print(f"| {name} | {mb / medians['put']:.0f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
