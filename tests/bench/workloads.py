"""What every library is asked to do, in calls of a storage. No store is known here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from drivers import BLOCK, Driver
from meter import Meter
from web import ask, called, posted, served

if TYPE_CHECKING:
    from stores import Store

#: A storage with one big file, one whose files lie in directories of a hundred, and one with a single directory.
#: They are filled by the bare client and read by all.
BIG, DEEP, FLAT = "big", "deep", "flat"
FILLED = (BIG, DEEP, FLAT)
NAME = "big.bin"
TINY = "tiny.bin"

SMALL = bytes(range(256)) * 16
#: Reading is so quick that one time through all files says little.
PASSES = 5
SEEKS = 200
TAIL = 100
#: Over sockets.
CLIENTS = 8
FIRSTS = 5


@dataclass(frozen=True)
class Sizes:
    """How much is done.

    :param mb: the size of the big file, in MiB.
    :param small: how many files of 4 KiB there are.
    :param listing: how many files are listed.
    """

    mb: int
    small: int
    listing: int


@dataclass(frozen=True)
class Bench:
    """What a library is measured with.

    :param drivers: its drivers by the names of storages; ``own`` is one that only this library writes to.
    :param area: a directory for files of the benchmark itself.
    :param turn: another number in each round.
    """

    drivers: dict[str, Driver]
    area: Path
    sizes: Sizes
    meter: Meter
    turn: int = 0

    @property
    def own(self) -> Driver:
        return self.drivers["own"]

    @property
    def big(self) -> Driver:
        return self.drivers[BIG]

    @property
    def big_size(self) -> int:
        return self.sizes.mb * 1024 * 1024

    @property
    def upload(self) -> Path:
        """The file that is saved."""
        return self.area / "upload.bin"

    def settle(self) -> None:
        """Bring the machine into the same state for everyone before a big file is written.

        What others wrote is on the disk, the upload is in the page cache, and as much memory as the copy of it takes
        was just in use: a virtual machine is slow to get memory that nobody used for a while.
        """
        scratch = self.area / "scratch.bin"
        with open(self.upload, "rb") as upload, open(scratch, "wb") as file:
            while piece := upload.read(BLOCK // 8):
                file.write(piece)
        scratch.unlink()
        os.sync()


def fill(store: Store, sizes: Sizes) -> None:
    """Store what all libraries read."""
    bench = Bench({name: store.raw(name) for name in FILLED}, store.area, sizes, Meter())
    with open(bench.upload, "wb") as file:
        for _ in range(sizes.mb):
            file.write(os.urandom(BLOCK))
    with open(bench.upload, "rb") as file:
        bench.big.save(file, NAME)
    bench.big.write(TINY, SMALL[:1024])
    for number in range(sizes.listing):
        bench.drivers[DEEP].write(f"l/{number // 100}/{number}.bin", b"x")
        bench.drivers[FLAT].write(f"l/{number}.bin", b"x")
    for name in (DEEP, FLAT):
        # the first listing would read the directories from the disk
        assert sum(1 for _ in bench.drivers[name].list_files()) == sizes.listing


def small_files(bench: Bench) -> None:
    """Write, read and find files of 4 KiB in one directory."""
    driver, meter, count = bench.own, bench.meter, bench.sizes.small
    # files are not deleted in between: ext4 is slow to reuse the inodes of files that were just deleted
    directory = f"round{bench.turn}"
    names = [f"{directory}/{number}.bin" for number in range(count)]
    absent = [f"{directory}/{number}.txt" for number in range(count)]
    # the first calls make what is made once: connections, directories
    for number in range(20):
        name = f"{directory}/warm{number}.bin"
        driver.write(name, SMALL)
        assert driver.exists(name)
        assert driver.read(name) == SMALL
    os.sync()
    with meter.measure("write", count):
        for name in names:
            driver.write(name, SMALL)
    with meter.measure("read", count * PASSES):
        for _ in range(PASSES):
            for name in names:
                driver.read(name)
    with meter.measure("exists", count * PASSES):
        for _ in range(PASSES):
            for name in names:
                driver.exists(name)
    with meter.measure("absent", count * PASSES):
        for _ in range(PASSES):
            for name in absent:
                driver.exists(name)


def save(bench: Bench) -> None:
    """Save a big file from an open one."""
    bench.settle()
    with open(bench.upload, "rb") as file, bench.meter.measure("save"):
        bench.big.save(file, "saved.bin")
    bench.big.delete("saved.bin")


def copy(bench: Bench) -> None:
    """Copy a big file inside the storage."""
    if bench.big.copy is None:
        return
    bench.settle()
    with bench.meter.measure("copy"):
        bench.big.copy(NAME, "copy.bin")
    bench.big.delete("copy.bin")


def stream(bench: Bench) -> None:
    """Read a big file, and the end of it."""
    driver, meter = bench.big, bench.meter
    if driver.read_chunks is not None:
        with meter.measure("read_chunks"):
            found = sum(len(piece) for piece in driver.read_chunks(NAME))
        assert found == bench.big_size, found
    with meter.measure("open"), driver.open(NAME, "rb") as file:
        found = 0
        while piece := file.read(BLOCK):
            found += len(piece)
    assert found == bench.big_size, found
    with meter.measure("seek", SEEKS):
        for _ in range(SEEKS):
            with driver.open(NAME, "rb") as file:
                file.seek(bench.big_size - TAIL)
                assert len(file.read()) == TAIL


def serve(bench: Bench) -> None:
    """Answer a request for a big file."""
    with bench.meter.measure("serve"):
        found = sum(len(piece) for piece in bench.big.serve(NAME))
    assert found == bench.big_size, found


def web(bench: Bench) -> None:
    """Answer requests for a big file and a small one over sockets."""
    driver, meter = bench.big, bench.meter
    with served(driver.web) as port:
        path, small = f"{driver.url}/{NAME}", f"{driver.url}/{TINY}"
        ask(port, small)
        found = ask(port, path)
        assert found["bytes"] == bench.big_size, found
        meter.results["web"] = {"seconds": found["seconds"], "times": 1}
        firsts: dict[str, list[float]] = {path: [], small: []}
        for _ in range(FIRSTS):
            for each, times in firsts.items():
                times.append(ask(port, each)["first"])
        meter.results["first_big"] = {"seconds": median(firsts[path]), "times": 1}
        meter.results["first_tiny"] = {"seconds": median(firsts[small]), "times": 1}
        if driver.copes_with_threads:
            with meter.measure("web_many"):
                found = ask(port, path, CLIENTS)
            assert found["bytes"] == CLIENTS * bench.big_size, found


def route(bench: Bench) -> None:
    """Answer requests for a file of 4 KiB, without sockets."""
    driver, count = bench.own, bench.sizes.small
    name = f"route{bench.turn}.bin"
    driver.write(name, SMALL)
    path = f"{driver.url}/{name}"
    assert called(driver.small, path) == len(SMALL)
    with bench.meter.measure("route", count):
        for _ in range(count):
            called(driver.small, path)


def upload(bench: Bench) -> None:
    """Save uploads of 4 KiB, without sockets."""
    driver, count = bench.own, bench.sizes.small
    body, content_type = posted("upload.bin", SMALL)
    paths = [f"/save{driver.url}/upload{bench.turn}-{number}.bin" for number in range(count)]
    driver.write(f"before{bench.turn}.bin", SMALL)
    called(driver.small, f"/save{driver.url}/warm{bench.turn}.bin", body, content_type)
    with bench.meter.measure("upload", count):
        for path in paths:
            called(driver.small, path, body, content_type)
    assert driver.read(paths[-1].rpartition("/")[2]) == SMALL


def listing(bench: Bench) -> None:
    """List many files."""
    for name in (DEEP, FLAT):
        with bench.meter.measure(f"list_{name}"):
            start = time.perf_counter()
            names = iter(bench.drivers[name].list_files())
            next(names)
            first = time.perf_counter() - start
            found = 1 + sum(1 for _ in names)
        assert found == bench.sizes.listing, found
        bench.meter.results[f"first_{name}"] = {"seconds": first, "times": 1}


WORKLOADS: dict[str, Callable[[Bench], None]] = {
    function.__name__: function for function in (small_files, route, upload, save, copy, stream, serve, web, listing)
}
