"""A server of HTTP that answers as a test says, however wrong that is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# what a test does for each request: it may write to ``wfile`` whatever it likes
Script = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # clients hang up on a server that misbehaves
        pass


class ScriptedServer:
    """Calls a script for each request. ``with`` starts and stops it.

    :ivar script: what to do for each request.
    :ivar received: the method, the path and the headers of each request.
    :ivar over: set when the server stops, for a script that waits between bytes.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[tuple[str, str, dict[str, str]]] = []
        self.over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.received.append((self.command, self.path, headers))
                server.script(self)
                self.wfile.flush()

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def play(self, script: Script) -> None:
        """Change the script, and forget what was received."""
        self.script = script
        self.received.clear()

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answering(raw: bytes | Callable[[BaseHTTPRequestHandler], bytes]) -> Script:
    """Return a script that sends these bytes, or those that a function returns, and closes the connection."""

    def script(request: BaseHTTPRequestHandler) -> None:
        sent = raw(request) if callable(raw) else raw
        if sent.startswith(b"HTTP/"):
            # otherwise clients may send the next request on this connection
            sent = sent.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        request.wfile.write(sent)
        request.close_connection = True

    return script


def dripping(head: bytes, piece: bytes, seconds: float) -> Script:
    """Return a script that sends a head, and then a piece each time that so many seconds have passed."""

    def script(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(head)
        request.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        over = threading.Event()
        # ends where the client hangs up
        while not over.wait(seconds):
            request.wfile.write(piece)

    return script
