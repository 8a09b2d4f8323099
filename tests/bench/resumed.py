"""Measure uploads that survive interruptions beside a form: ``python tests/bench/resumed.py``.

One client sends a file of 1 GiB to an app on gunicorn with one worker: by tus, in one request, and by a form, which the
app saves. Both in turn, several times, to each store. What is printed are medians.

What is to be reached: 1.15 times the seconds of the form, and 32 MiB of memory above the start.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import flask
import meter
from stores import STORES

import flask_pyfs as fs

sys.path.append(str(Path(__file__).parents[1]))

MIB = 1024 * 1024
#: How many times the seconds of the form it may take, and how many MiB above the start.
RATIO, MEMORY = 1.15, 32
PART = os.urandom(MIB)
HOST = "127.0.0.1"


def make_app() -> flask.Flask:
    """Return the app that gunicorn runs."""
    app, files = flask.Flask("bench"), fs.Storage("files", fs.ALL)
    app.config.update(json.loads(os.environ["RESUMED"]), SECRET_KEY="secret")
    fs.init_app(app, files)

    @app.get("/begin")
    def begin() -> str:
        return files.resumable_url("a.bin", expires=600).url

    @app.post("/save")
    def save() -> str:
        return files.save(flask.request.files["file"], unique=True)

    @app.post("/clear")
    def clear() -> str:
        for name in list(files.list_files()):
            files.delete(name)
        files.backend.remove_leftovers(0)
        meter._tidy_memory()
        return str(meter._reset_peak())

    @app.get("/peak")
    def peak() -> str:
        return str(meter._memory("VmHWM"))

    return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/bench/resumed.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--mb", type=int, default=1024, help="size of the file, in MiB (default: %(default)s)")
    add("--rounds", type=int, default=3, help="how often each runs (default: %(default)s)")
    add("--only", nargs="+", choices=list(STORES), default=list(STORES), help="stores (default: all)")
    add("--dir", default="/var/tmp", help="where the files are (default: %(default)s)")
    options = parser.parse_args()
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-", dir=options.dir) as area:
            store = STORES[name](Path(area))
            with store.started():
                measure(name, Path(area), store.settings(), options)


def measure(name: str, area: Path, settings: dict[str, Any], options: argparse.Namespace) -> None:
    """Send the file in both ways, and print what they took."""
    from servers.gunicornapp import gunicorn

    ways = {"tus": by_tus, "form": by_form}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    memory: dict[str, list[float]] = {way: [] for way in ways}
    env = {"RESUMED": json.dumps(settings), "TMPDIR": str(area)}
    with gunicorn(area, "resumed:make_app()", workers=1, options=("--timeout=600",), env=env) as server:
        for send in ways.values():
            # what they import is no part of it
            send(server.port, 1)
        for _ in range(options.rounds):
            for way, send in ways.items():
                before = int(asked(server.port, "POST", "/clear"))
                start = time.perf_counter()
                send(server.port, options.mb)
                seconds[way].append(time.perf_counter() - start)
                memory[way].append((int(asked(server.port, "GET", "/peak")) - before) / 1024)
    tus, form = (statistics.median(seconds[way]) for way in ways)
    verdict = "reached" if tus <= RATIO * form and max(memory["tus"]) <= MEMORY else "missed"
    print(
        f"{name}, {options.mb} MiB: {tus:.2f} s, form {form:.2f} s; ratio {tus / form:.2f}, at most {RATIO}; "
        f"{max(memory['tus']):.0f} MiB, form {max(memory['form']):.0f} MiB, at most {MEMORY}: {verdict}",
        flush=True,
    )


def asked(port: int, method: str, path: str) -> bytes:
    connection = HTTPConnection(HOST, port)
    connection.request(method, path)
    content = connection.getresponse().read()
    connection.close()
    return content


def by_tus(port: int, mb: int) -> None:
    with urlopen(f"http://{HOST}:{port}/begin") as answer:
        url = answer.read().decode()
    connection = HTTPConnection(HOST, port)
    version = {"Tus-Resumable": "1.0.0"}
    connection.request("POST", url, headers={**version, "Upload-Length": str(mb * MIB)})
    created = connection.getresponse()
    created.read()
    connection.close()
    fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent(port, "PATCH", created.headers["Location"], {**version, **fields}, [PART] * mb, 204)


def by_form(port: int, mb: int) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    fields = {"Content-Type": "multipart/form-data; boundary=x"}
    sent(port, "POST", "/save", fields, [head, *[PART] * mb, b"\r\n--x--\r\n"], 200)


def sent(port: int, method: str, path: str, fields: dict[str, str], parts: list[bytes], status: int) -> None:
    connection = HTTPConnection(HOST, port)
    connection.putrequest(method, path)
    for name, value in {**fields, "Content-Length": str(sum(map(len, parts)))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for part in parts:
        connection.send(part)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == status, answer.status


if __name__ == "__main__":
    main()
