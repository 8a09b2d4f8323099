"""A WSGI app on waitress, in a thread of the tests, with a record of its requests and responses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from servers.process import HOST
from waitress.server import create_server

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

# how many bytes waitress reads from an app before the client has received them
BUFFERED = 256 * 1024
STOP_SECONDS = 20


@dataclass
class Exchange:
    """A request and the response of the app; ``sent`` is the number of bytes read from its body so far."""

    method: str
    path: str
    query: str
    range: str | None
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    closed: bool = False


class Served:
    """An app that answers on ``port``."""

    def __init__(self, app: App) -> None:
        self.exchanges: list[Exchange] = []
        self.port = 0
        self._app = app
        self._answers = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def requests(self, path: str) -> list[Exchange]:
        """Return all exchanges for a path (percent-decoded)."""
        return [exchange for exchange in list(self.exchanges) if exchange.path == path]

    def statuses(self, method: str, count: int) -> list[int]:
        """Return those of the requests of a method, once so many are answered. A page may not wait for its requests."""

        def answered() -> list[int]:
            return [each.status for each in list(self.exchanges) if each.method == method and each.status]

        with self._answers:
            self._answers.wait_for(lambda: len(answered()) >= count, STOP_SECONDS)
        return answered()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).encode("latin-1").decode(errors="replace")
        exchange = Exchange(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], environ.get("HTTP_RANGE"))
        self.exchanges.append(exchange)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            with self._answers:
                exchange.status, exchange.headers = int(status.split()[0]), headers
                self._answers.notify_all()
            return start_response(status, headers, exc_info)

        wrap = environ["wsgi.file_wrapper"]
        environ["wsgi.file_wrapper"] = lambda file, *size: wrap(_CountedFile(exchange, file), *size)
        body = self._app(environ, start)
        # waitress reads a wrapped file itself, after the app has returned
        return body if isinstance(body, wrap) else _Counted(exchange, body)


class _CountedFile:
    def __init__(self, exchange: Exchange, file: Any) -> None:
        self._exchange = exchange
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._file.read(size)
        # waitress reads bytes again that the client did not accept at once
        self._exchange.sent = max(self._exchange.sent, self._file.tell())
        return piece

    def close(self) -> None:
        self._file.close()
        self._exchange.closed = True


class _Counted:
    def __init__(self, exchange: Exchange, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            self._exchange.sent += len(piece)
            yield piece

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
        self._exchange.closed = True


@contextmanager
def serving(app: App, threads: int = 8) -> Iterator[Served]:
    """Serve an app on a free port until the end of the block, which aborts unfinished responses."""
    served = Served(app)
    server = create_server(
        served,
        host=HOST,
        port=0,
        threads=threads,
        outbuf_high_watermark=BUFFERED,
        clear_untrusted_proxy_headers=True,
    )
    served.port = server.effective_port
    stopping = threading.Event()
    thread = threading.Thread(target=_run, args=(server, stopping), name=f"waitress on port {served.port}")
    thread.start()
    try:
        yield served
    finally:
        stopping.set()
        server.trigger.pull_trigger()
        thread.join()
        _close(server)


def _run(server: Any, stopping: threading.Event) -> None:
    while not stopping.is_set():
        server.asyncore.loop(timeout=1, map=server._map, use_poll=True, count=1)


def _close(server: Any) -> None:
    # connections first, because workers may wait for them; the trigger last, because workers use it to wake the server
    for channel in list(server.active_channels.values()):
        channel.handle_close()
    server.task_dispatcher.shutdown(timeout=STOP_SECONDS)
    server.close()
    if server.task_dispatcher.threads:
        raise RuntimeError(f"the app still answered {STOP_SECONDS} seconds after its clients disconnected")
