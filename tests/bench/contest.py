"""The libraries' processes, and whose turn it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libraries import Library
from meter import bare_loop
from workloads import Sizes, fill

if TYPE_CHECKING:
    from stores import Store

Results = dict[str, dict[str, float]]

HERE = Path(__file__).parent


def run(
    store: Store, libraries: list[Library], sizes: Sizes, rounds: int, workloads: list[str]
) -> tuple[dict[str, list[Results]], list[float]]:
    """Return what was measured of each library in each round, and the seconds of a bare loop between the rounds.

    All libraries run a workload before any runs it again, and each in a process of its own, so a machine that is slow
    for a while is slow for all of them.
    """
    _note(f"{store.name}: storing what is to be read")
    fill(store, sizes)
    for library in libraries:
        if library.name in store.clients:
            # the bare client makes what it writes to
            store.raw(_own(library))
    results: dict[str, list[Results]] = {library.name: [{} for _ in range(rounds)] for library in libraries}
    loops = []
    with ExitStack() as stack:
        workers = {library: stack.enter_context(_worker(library, store, sizes)) for library in libraries}
        for workload in workloads:
            for number in range(rounds):
                _note(f"{store.name}: {workload}, round {number + 1} of {rounds}")
                loops.append(bare_loop())
                for library in _in_turn(libraries, number):
                    results[library.name][number].update(_ask(workers[library], workload))
    for number in range(rounds):
        _note(f"{store.name}: start, round {number + 1} of {rounds}")
        for library in _in_turn(libraries, number):
            if library.is_storage:
                results[library.name][number].update(_start_up(library, store, sizes))
    return results, loops


def _in_turn(libraries: list[Library], number: int) -> list[Library]:
    """Let another one go first in each round."""
    first = number % len(libraries)
    return libraries[first:] + libraries[:first]


@contextmanager
def _worker(library: Library, store: Store, sizes: Sizes) -> Iterator[subprocess.Popen[str]]:
    command = _command(library, "worker.py", store, sizes)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _ask(process: subprocess.Popen[str], workload: str) -> Results:
    assert process.stdin
    assert process.stdout
    print(workload, file=process.stdin, flush=True)
    return _results(process.stdout.readline())


def _start_up(library: Library, store: Store, sizes: Sizes) -> Results:
    # an import would be measured with its compilation
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = _command(library, "startup.py", store, sizes)
    return _results(subprocess.run(command, stdout=subprocess.PIPE, env=environment, text=True).stdout)


def _command(library: Library, script: str, store: Store, sizes: Sizes) -> list[str]:
    job: dict[str, Any] = {
        "module": library.module,
        "store": store.name,
        "area": str(store.area),
        "storage": _own(library),
        "sizes": asdict(sizes),
    }
    return [library.python, str(HERE / script), json.dumps(job)]


def _own(library: Library) -> str:
    return "own" + library.module.replace("_", "")


def _results(answer: str) -> Results:
    if not answer:
        sys.exit("a library failed; its error is above")
    results: Results = json.loads(answer)
    return results


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
