"""An HTTP server whose answers never end: after the head, a byte now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

from servers.process import HOST

PAUSE = 0.01


@contextmanager
def dripping(answer: Callable[[bytes], tuple[bytes, bool]]) -> Iterator[str]:
    """Run the server, and return its URL.

    :param answer: returns, for the head of a request, what is sent at once, and whether bytes drip after it.
    """
    stopped = threading.Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            raw, drips = answer(head)
            with suppress(OSError):
                self.wfile.write(raw)
                while drips and not stopped.wait(PAUSE):
                    self.wfile.write(b" ")

    with ThreadingTCPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            stopped.set()
            server.shutdown()
            thread.join()
