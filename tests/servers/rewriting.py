"""A proxy of HTTP that changes requests and answers on their way, as a test says."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from servers.tls import Certificate


@dataclass
class Request:
    """A request on its way to the server, which a test may change."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Answer:
    """An answer on its way to the client, which a test may change."""

    status: int
    headers: Message
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, request: Any, client_address: Any) -> None:
        # clients hang up when they are killed
        pass


class RewritingProxy:
    """Passes requests to a server. ``with`` starts and stops it.

    :param host: the host and the port of the server.
    :param certificate: the clients come with TLS, and get this certificate.
    :ivar ask: called with each request, before it is passed on. It may return an answer instead of the server's.
    :ivar change: called with each request and its answer, before that is passed on.
    :ivar requests: the method and the path of each request.
    """

    def __init__(self, host: str, port: int, certificate: Certificate | None = None) -> None:
        self.ask: Callable[[Request], Answer | None] = lambda request: None
        self.change: Callable[[Request, Answer], None] = lambda request, answer: None
        self.requests: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, self.headers, body)
                proxy.requests.append((self.command, self.path))
                answer = proxy.ask(request) or proxy._passed(host, port, request)
                proxy.change(request, answer)
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                length = answer.headers["Content-Length"] if self.command == "HEAD" else len(answer.body)
                self.send_header("Content-Length", str(length or 0))
                self.end_headers()
                self.wfile.write(answer.body)

        self._server = _Server(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.whole)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self._server.server_port}"

    @staticmethod
    def _passed(host: str, port: int, request: Request) -> Answer:
        connection = http.client.HTTPConnection(host, port, timeout=30)
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() not in ("connection", "expect"):
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        connection.endheaders(request.body)
        answer = connection.getresponse()
        try:
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            answer.close()
            connection.close()

    def __enter__(self) -> RewritingProxy:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
