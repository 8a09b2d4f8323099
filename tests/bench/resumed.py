"""Measure the ways in which clients upload beside a form: ``python tests/bench/resumed.py``.

One client sends a file of 1 GiB to an app on gunicorn with one worker. It sends a form, which the app saves; by tus, in
one request, and in requests of 8 MiB; to the app by a signed URL; to the store by a signed URL, and confirms it; and to
S3 in parts of 8 MiB, one after the other. All in turn, several times, to each store, as far as the store knows the way.
What is printed are medians of the seconds until the file has its name, and the most memory that the worker took above
the start.

What is to be reached: 1.15 times the seconds of the form, and 32 MiB of memory above the start.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import flask
import meter
from stores import STORES

import flask_pyfs as fs

sys.path.append(str(Path(__file__).parents[1]))

MIB = 1024 * 1024
#: How many times the seconds of the form it may take, and how many MiB above the start.
RATIO, MEMORY = 1.15, 32
PART = os.urandom(MIB)
#: How many MiB a part of an upload to S3 has, and a request of "tus-parts".
PARTS = 8
HOST = "127.0.0.1"


def make_app() -> flask.Flask:
    """Return the app that gunicorn runs."""
    app, files, confirmed = flask.Flask("bench"), fs.Storage("files", fs.ALL), fs.Storage("confirmed", fs.ALL)
    app.config.update(json.loads(os.environ["RESUMED"]), SECRET_KEY="secret", FS_SERVE=True, CONFIRMED_FS_CONFIRM=True)
    fs.init_app(app, files, confirmed)
    begin: dict[str, Callable[[], fs.UploadURL]] = {
        "tus": lambda: files.resumable_url("a.bin", expires=600),
        "tus-parts": lambda: files.resumable_url("a.bin", expires=600),
        # no store holds both terms
        "signed": lambda: files.upload_url("a.bin", expires=600, unique=False, max_size=2**40),
        "confirmed": lambda: confirmed.upload_url("a.bin", expires=600, external=True),
        "parts": lambda: files.multipart_url("a.bin", expires=600),
    }

    @app.get("/begin/<way>")
    def begun(way: str) -> flask.Response:
        upload: fs.UploadURL | None = None
        with suppress(fs.OperationNotSupported):
            upload = begin[way]()
        # without a token, it is the URL of the app
        is_known = upload is not None and (way != "confirmed" or upload.token is not None)
        return flask.jsonify(dataclasses.asdict(upload) if is_known else None)

    @app.post("/save")
    def save() -> str:
        return files.save(flask.request.files["file"], unique=True)

    @app.post("/clear")
    def clear() -> str:
        for storage in (files, confirmed):
            for name in list(storage.list_files()):
                storage.delete(name)
            storage.backend.remove_leftovers(0)
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
    add("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="ways beside the form (default: all)")
    add("--dir", default="/var/tmp", help="where the files are (default: %(default)s)")
    options = parser.parse_args()
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-", dir=options.dir) as area:
            store = STORES[name](Path(area))
            with store.started():
                measure(name, Path(area), store.settings(), options)


def measure(name: str, area: Path, settings: dict[str, Any], options: argparse.Namespace) -> None:
    """Send the file in each way, and print what it took."""
    from servers.gunicornapp import gunicorn

    env = {"RESUMED": json.dumps(settings), "TMPDIR": str(area)}
    with gunicorn(area, "resumed:make_app()", workers=1, options=("--timeout=600",), env=env) as server:
        app = App(server.port)
        # what they import is no part of it
        ways = {"form": by_form} | {way: WAYS[way] for way in options.ways if app.begin(way) is not None}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        memory: dict[str, list[float]] = {way: [] for way in ways}
        for send in ways.values():
            send(app, 1)
        for _ in range(options.rounds):
            for way, send in ways.items():
                before = int(app.ask("POST", "/clear"))
                start = time.perf_counter()
                send(app, options.mb)
                seconds[way].append(time.perf_counter() - start)
                memory[way].append((int(app.ask("GET", "/peak")) - before) / 1024)
    form = statistics.median(seconds["form"])
    print(f"{name}, {options.mb} MiB: form {form:.2f} s, {max(memory['form']):.0f} MiB", flush=True)
    for way in [*ways][1:]:
        ratio, most = statistics.median(seconds[way]) / form, max(memory[way])
        verdict = "reached" if ratio <= RATIO and most <= MEMORY else "missed"
        print(f"  {way}: {ratio * form:.2f} s, ratio {ratio:.2f}, {most:.0f} MiB: {verdict}", flush=True)


class App:
    """The app, as a client sees it."""

    def __init__(self, port: int) -> None:
        self.base = f"http://{HOST}:{port}"

    def ask(self, method: str, path: str, content: Any = None) -> bytes:
        """Send a request, with content in JSON if there is any."""
        body = None if content is None else json.dumps(content).encode()
        return sent(method, self.base + path, {}, [body] if body else [])[1]

    def begin(self, way: str) -> Any:
        """Return what the client gets to upload a file; None if the store takes none in this way."""
        return json.loads(self.ask("GET", f"/begin/{way}"))


def by_form(app: App, mb: int) -> None:
    sent_as_form(f"{app.base}/save", {}, mb)


def by_tus(app: App, mb: int, step: int | None = None) -> None:
    version = {"Tus-Resumable": "1.0.0"}
    begun, _ = sent("POST", app.base + app.begin("tus")["url"], {**version, "Upload-Length": str(mb * MIB)})
    for start in range(0, mb, step or mb):
        fields = {"Upload-Offset": str(start * MIB), "Content-Type": "application/offset+octet-stream"}
        sent("PATCH", app.base + begun["Location"], {**version, **fields}, [PART] * min(step or mb, mb - start))


def by_tus_in_parts(app: App, mb: int) -> None:
    by_tus(app, mb, PARTS)


def by_signed_url(app: App, mb: int) -> None:
    sent_as_form(app.base + app.begin("signed")["url"], {}, mb)


def by_confirming(app: App, mb: int) -> None:
    upload = app.begin("confirmed")
    if upload["method"] == "POST":
        sent_as_form(upload["url"], upload["fields"], mb)
    else:
        sent("PUT", upload["url"], upload["headers"], [PART] * mb)
    sent("POST", upload["confirm_url"], {})


def by_parts(app: App, mb: int) -> None:
    base = app.begin("parts")["url"] + "/s3/multipart"
    begun = json.loads(app.ask("POST", base, {"filename": "a.bin"}))
    upload, key = f"{base}/{begun['uploadId']}", f"key={quote(begun['key'])}"
    parts = []
    for start in range(0, mb, PARTS):
        number = len(parts) + 1
        url = json.loads(app.ask("GET", f"{upload}/{number}?{key}"))["url"]
        answer, _ = sent("PUT", url, {}, [PART] * min(PARTS, mb - start))
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    app.ask("POST", f"{upload}/complete?{key}", {"parts": parts})


#: The ways beside the form, each with what sends so many MiB.
WAYS: dict[str, Callable[[App, int], None]] = {
    "tus": by_tus,
    "tus-parts": by_tus_in_parts,
    "signed": by_signed_url,
    "confirmed": by_confirming,
    "parts": by_parts,
}


def sent_as_form(url: str, fields: dict[str, str], mb: int) -> None:
    head = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    sent("POST", url, kind, [head + file, *[PART] * mb, b"\r\n--x--\r\n"])


def sent(method: str, url: str, fields: dict[str, str], parts: Sequence[bytes] = ()) -> tuple[Any, bytes]:
    """Send a request, and return the headers and the body of the answer."""
    split = urlsplit(url)
    connection = HTTPConnection(split.netloc)
    connection.putrequest(method, f"{split.path}?{split.query}")
    for name, value in {**fields, "Content-Length": str(sum(map(len, parts)))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for part in parts:
        connection.send(part)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 300:
        raise ValueError(f"{method} {url}: {answer.status} {content[:500]!r}")
    return answer.headers, content


if __name__ == "__main__":
    main()
