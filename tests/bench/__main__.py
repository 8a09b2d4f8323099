"""Measure flask_pyfs beside the bare client of each store and its predecessors: ``python tests/bench``.

What is printed are medians of several rounds, and of ratios also the least and the most. Nothing is forced to the disk
(fsync) while it is measured.

Creating files is slow for everyone, and differences drown, where many files were deleted within the last half minute
(ext4 does not reuse their inodes at once), so wait between two runs, or give a file system of its own with ``--dir``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

import contest
import libraries
import report
from stores import STORES, Store
from workloads import WORKLOADS, Sizes

#: Kept on a disk on most systems, where ``/tmp`` may be memory.
DISK = "/var/tmp"


def main() -> None:
    options = parse_options()
    sizes = Sizes(options.mb, options.small, options.listing)
    known = {client for name in options.only for client in STORES[name].clients}
    peers = [peer for peer in options.peers if peer in libraries.PEERS or peer in known]
    compared = libraries.prepare(peers, options.venvs)
    versions = {library.name: library.versions for library in compared}
    runs, loops, done = {}, {}, {}
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-", dir=options.dir) as area:
            title = f"{name}, on {file_system(area)}"
            store = STORES[name](Path(area))
            done[name] = store.sizes(sizes)
            with store.started():
                runs[name], loops[name] = contest.run(
                    store,
                    [each for each in compared if is_compared(each, store)],
                    done[name],
                    options.rounds,
                    options.workloads,
                )
        print(report.as_markdown(title, runs[name], done[name], store), flush=True)
        print(report.quietness(loops[name]), flush=True)
    print("\n".join(f"- {name}: {found}" for name, found in versions.items()))
    if options.json:
        record = {"machine": platform.platform(), "versions": versions, "options": vars(options), "runs": runs}
        record |= {"loops": loops, "sizes": {name: asdict(each) for name, each in done.items()}}
        Path(options.json).write_text(json.dumps(record, indent=1, default=str) + "\n")


def is_compared(library: libraries.Library, store: Store) -> bool:
    """Return whether a library knows a store."""
    if library.name in libraries.CLIENTS:
        return library.name in store.clients
    return library.name not in store.without


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--mb", type=int, default=256, help="size of the big file, in MiB (default: %(default)s)")
    add("--small", type=int, default=2000, help="how many files of 4 KiB (default: %(default)s)")
    add("--listing", type=int, default=100_000, help="how many files are listed (default: %(default)s)")
    add("--rounds", type=int, default=5, help="how often each library runs (default: %(default)s)")
    add("--only", nargs="+", choices=list(STORES), default=list(STORES), help="backends (default: all)")
    add("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS), help="default: all")
    peers = [*libraries.PEERS, *libraries.CLIENTS]
    add("--peers", nargs="*", choices=peers, default=peers, help="default: all")
    add("--dir", default=DISK if os.path.isdir(DISK) else None, help="where the files lie (default: %(default)s)")
    add("--venvs", type=Path, default=libraries.default_venvs(), help="where the peers' venvs are kept (%(default)s)")
    add("--json", help="write all results of all rounds to this file")
    return parser.parse_args()


def file_system(directory: str) -> str:
    """Return the type of the file system of a directory, where the system tells."""
    if not shutil.which("df"):
        return directory
    found = subprocess.run(["df", "--output=fstype", directory], stdout=subprocess.PIPE, text=True)
    return found.stdout.split()[-1] if not found.returncode else directory


main()
