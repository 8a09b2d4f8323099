"""Apps, called as a server does; one on a server of this process, and clients in processes of their own: ``python
web.py PORT PATH CLIENTS``.

The server is waitress, which is quick to take an answer from the app, and keeps what a client has not read yet in a
file. It costs the same for everyone.
"""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from wsgiref.util import FileWrapper

from drivers import BLOCK

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

THREADS = 8


@contextmanager
def served(app: App) -> Iterator[int]:
    """Let an app answer at the port that is returned."""
    from waitress.server import create_server

    server: Any = create_server(app, host="127.0.0.1", port=0, threads=THREADS)
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            server.asyncore.loop(timeout=1, map=server._map, use_poll=True, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        stopping.set()
        server.trigger.pull_trigger()
        thread.join()
        server.task_dispatcher.shutdown()
        server.close()


def ask(port: int, path: str, clients: int = 1) -> dict[str, float]:
    """Let so many clients read a file at the same time, and drop it.

    :returns: ``seconds`` until all had it, ``first`` for the median of the times to the first byte, and the ``bytes``
        of all answers.
    """
    command = [sys.executable, __file__, str(port), path, str(clients)]
    found: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def streaming(serve: Callable[[str], Iterable[bytes]]) -> App:
    """Return an app without a framework, for what a bare client reads."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return serve(environ["PATH_INFO"].rpartition("/")[2])

    return app


def views(get: Callable[[str], Any], save: Callable[[Any, str], object]) -> Any:
    """Return an app of Flask for small files: the ``small`` of a bare client.

    :param get: returns what a view may, for the name of a file.
    :param save: saves a ``FileStorage`` under a name.
    """
    from flask import Flask, request

    app = Flask("raw")
    app.add_url_rule("/raw/<name>", "get", get)

    def post(name: str) -> str:
        save(request.files["file"], name)
        return name

    app.add_url_rule("/save/raw/<name>", "save", post, methods=["POST"])
    return app


def posted(name: str, content: bytes) -> tuple[bytes, str]:
    """Return the body of a form with a file, and its Content-Type."""
    head = f'--limit\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--limit--\r\n"
    return body, "multipart/form-data; boundary=limit"


def called(app: App, path: str, body: bytes | None = None, content_type: str = "") -> int:
    """Let an app answer a GET, or a POST with a body, without sockets, and return how many bytes the answer has."""
    environ = {
        "REQUEST_METHOD": "GET" if body is None else "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body or b"")),
        "CONTENT_TYPE": content_type,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    statuses: list[str] = []
    answer = app(environ, lambda status, headers, error=None: statuses.append(status))
    try:
        count = sum(map(len, answer))
    finally:
        getattr(answer, "close", int)()
    assert statuses[0].startswith("20"), statuses
    return count


def _read(port: int, path: str) -> tuple[float, int]:
    buffer, count, start = bytearray(BLOCK), 0, time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head or head.endswith(b"\r\n\r\n"):
            piece = connection.recv(4096)
            head += piece
            if not piece:
                break
        first = time.perf_counter() - start
        if head.split(b" ", 2)[1] != b"200":
            sys.exit(head.partition(b"\r\n")[0].decode())
        count = len(head.partition(b"\r\n\r\n")[2])
        while received := connection.recv_into(buffer):
            count += received
    return first, count


def main(port: int, path: str, clients: int) -> None:
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        answers = list(threads.map(lambda number: _read(port, path), range(clients)))
    firsts = sorted(first for first, _ in answers)
    found = {"first": firsts[len(firsts) // 2], "bytes": sum(count for _, count in answers)}
    print(json.dumps({"seconds": time.perf_counter() - start, **found}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
