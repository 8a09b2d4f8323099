"""Measure how many files one worker serves in a second: ``python tests/bench/throughput.py``.

The app runs on gunicorn with one worker of a few threads. Its route serves a file of 4 KiB from the store, and a view
of it returns the same bytes, which is what Flask and gunicorn can do at best. A client in a process of its own keeps
eight connections busy, and asks for one and for the other in turn, several times.

What is printed are medians: requests in a second, milliseconds of CPU of the worker for each, and the ratio of both to
those of the view in the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import flask
from meter import bare_loop
from stores import STORES
from summaries import Measured, summary

import flask_pyfs as fs

sys.path.append(str(Path(__file__).parents[1]))

HOST = "127.0.0.1"
SETTINGS = "THROUGHPUT"
CONTENT = bytes(range(256)) * 16
#: What is asked for: the file, and the same bytes without a store.
PATHS = {"file": "/files/a.bin", "view": "/view"}


def make_app() -> flask.Flask:
    """Return the app that gunicorn runs."""
    app, files = flask.Flask("bench"), fs.Storage("files", fs.ALL, overwrite=True)
    app.config.update(json.loads(os.environ[SETTINGS]), FS_SERVE=True)
    fs.init_app(app, files)

    @app.get(PATHS["view"])
    def view() -> flask.Response:
        return flask.Response(CONTENT, mimetype="application/octet-stream")

    @app.get("/cpu")
    def cpu() -> str:
        return str(time.process_time())

    @app.get("/write")
    def write() -> str:
        return str(files.write("a.bin", CONTENT))

    return app


def main() -> None:
    options = parse_options()
    runs: dict[str, dict[str, list[Measured]]] = {}
    loops: dict[str, list[float]] = {}
    for name in options.only:
        runs[name], loops[name] = {}, []
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-") as area:
            store = STORES[name](Path(area))
            with store.started():
                for threads in options.threads:
                    for measured in of_worker(store.settings(), Path(area), threads, options):
                        runs[name].setdefault(str(threads), []).append(measured)
                        loops[name].append(bare_loop())
        report(name, runs[name])
    if options.json:
        versions = {"raw": f"Python {platform.python_version()}"}
        record = {"machine": platform.platform(), "versions": versions, "options": vars(options)}
        Path(options.json).write_text(json.dumps({**record, "throughput": runs, "loops": loops}, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/bench/throughput.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", nargs="+", choices=list(STORES), default=list(STORES), help="backends (default: all)")
    add("--threads", nargs="+", type=int, default=[1, 2, 4], help="of the worker (default: 1, 2 and 4)")
    add("--connections", type=int, default=8, help="that the client keeps busy (default: %(default)s)")
    add("--rounds", type=int, default=3, help="how often each is measured (default: %(default)s)")
    add("--seconds", type=float, default=1, help="how long each is measured (default: %(default)s)")
    add("--json", help="write all results of all rounds to this file; table.py makes the table of it")
    return parser.parse_args()


def of_worker(settings: dict[str, Any], area: Path, threads: int, options: argparse.Namespace) -> Iterator[Measured]:
    """Start a worker, and measure it once in each round."""
    # the servers of the tests
    from servers.gunicornapp import gunicorn

    arguments = ("--worker-class=gthread", f"--threads={threads}", "--keep-alive=60")
    env = {SETTINGS: json.dumps(settings)}
    with gunicorn(area, "throughput:make_app()", workers=1, options=arguments, env=env) as worker:
        ask = _asking(worker.port)
        ask("/write")
        assert all(ask(path) == CONTENT for path in PATHS.values())
        for number in range(options.rounds):
            # another one goes first in each round
            kinds = list(PATHS) if number % 2 else list(reversed(PATHS))
            yield {kind: _measured(worker.port, PATHS[kind], options) for kind in kinds}


def _asking(port: int) -> Callable[[str], bytes]:
    def ask(path: str) -> bytes:
        with urlopen(f"http://{HOST}:{port}{path}") as answer:
            return bytes(answer.read())

    return ask


def _measured(port: int, path: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--client", str(port), path, str(options.connections), str(options.seconds)]
    ask = _asking(port)
    before = float(ask("/cpu"))
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {**found, "cpu": float(ask("/cpu")) - before}


def report(name: str, runs: dict[str, list[Measured]]) -> None:
    """Print the table of a store."""
    columns = ("threads", "requests/s", "view, requests/s", "ratio", "ms of CPU", "view, ms of CPU", "ratio")
    print(f"### {name}", "", f"| {' | '.join(columns)} |", f"|{' ---: |' * len(columns)}", sep="\n")
    for threads, rounds in runs.items():
        found = summary(rounds)
        cells = [f"{value:,.0f}" for value in found["rate"][:2]] + [f"{found['rate'][2]:.2f}"]
        cells += [f"{value:.3g}" for value in found["cpu"][:2]] + [f"{found['cpu'][2]:.2f}"]
        print(f"| {threads} | {' | '.join(cells)} |")
    print(flush=True)


# The client


def client(port: int, path: str, connections: int, seconds: float) -> None:
    """Keep connections busy for some seconds, and print how many requests were answered in how many seconds."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    selector, received = selectors.DefaultSelector(), dict[Any, bytes]()
    connection: Any
    for _ in range(connections):
        connection = socket.create_connection((HOST, port))
        selector.register(connection, selectors.EVENT_READ)
        received[connection] = b""
        connection.sendall(request)
    answered, start = 0, time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        for key, _ in selector.select(timeout=5):
            connection = key.fileobj
            received[connection] += _received(connection)
            if _is_whole(received[connection]):
                answered += 1
                received[connection] = b""
                connection.sendall(request)
    print(json.dumps({"requests": answered, "seconds": now - start}))


def _received(connection: Any) -> bytes:
    piece: bytes = connection.recv(64 * 1024)
    if not piece:
        raise ConnectionError("the worker closed a connection")
    return piece


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if end and not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"the answer is {head[:200]!r}")
    return bool(end) and len(body) == len(CONTENT)


if __name__ == "__main__":
    if "--client" in sys.argv:
        client(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
