"""A TCP proxy that fails on demand, to test how a client handles a failing server."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from servers.httpheads import Requests

SENT, RECEIVED = "sent", "received"
HANG, REFUSE = "hang", "refuse"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# the ioctl of Linux for the number of unsent bytes of a socket
SIOCOUTQNSD = 0x894B
FLUSH_SECONDS = 5.0


@dataclass(eq=False)
class Connection:
    """A connection of a client, and the connection to the server that belongs to it."""

    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    requests: Requests = field(default_factory=Requests)
    # the head of a request that the proxy may still answer itself
    held: bytes = b""
    answer: bytes | None = None

    def reset(self) -> None:
        for _, writer in (self.client, self.server):
            _reset(writer)


@dataclass
class Cut:
    """Ends a connection after ``after`` bytes in one direction."""

    direction: str
    after: int
    times: int
    always: bool
    orderly: bool = False
    gone: Counter[Connection | None] = field(default_factory=Counter)

    def allowed(self, connection: Connection, direction: str, count: int) -> int | None:
        """Return how many of the bytes to pass before the end; None to pass all and not end the connection."""
        if direction != self.direction:
            return None
        # a limited fault counts the bytes of all connections together
        key = connection if self.always else None
        self.gone[key] += count
        over = self.gone[key] - self.after
        if over < 0:
            return None
        self.gone[key] = 0
        self.times -= 1
        return count - over


@dataclass
class Answer:
    """Answers requests instead of the server."""

    raw: bytes
    when: Callable[[bytes], bool]


Fault = Cut | Answer | str | None


class FaultProxy:
    """Passes bytes between clients and a server, and fails on demand.

    A fault lasts until the next one, or until :meth:`restore`. ``with`` starts and stops the proxy.

    :ivar sent: the bytes sent to the server since :meth:`reset`.
    :ivar received: the bytes received from the server since then.
    :ivar connections: the number of connections since then.
    :ivar requests: the request lines of the HTTP requests since then.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._fault: Fault = None
        self.port = 0
        self.sent = self.received = self.connections = 0
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self._stop())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Set all counters to 0."""
        self._run(self._reset_counts())

    def cut_sent(self, after: int, *, times: int = 1, always: bool = False) -> None:
        """Reset a connection after ``after`` more bytes were sent to the server.

        :param times: the number of resets; the bytes of all connections count together.
        :param always: reset every connection after ``after`` of its own bytes.
        """
        self._arm(Cut(SENT, after, times, always))

    def cut_received(self, after: int, *, times: int = 1, always: bool = False) -> None:
        """Reset a connection after ``after`` more bytes were received from the server."""
        self._arm(Cut(RECEIVED, after, times, always))

    def close_received(self, after: int, *, times: int = 1, always: bool = False) -> None:
        """Close a connection without a reset after ``after`` more bytes were received from the server."""
        self._arm(Cut(RECEIVED, after, times, always, orderly=True))

    def answer(self, raw: bytes, when: Callable[[bytes], bool] = lambda head: True) -> None:
        """Answer the requests whose head matches ``when`` instead of the server, and close the connection."""
        self._arm(Answer(raw, when))

    def hang(self) -> None:
        """Read all bytes and answer nothing."""
        self._arm(HANG)

    def refuse(self) -> None:
        """Refuse connections."""
        self._arm(REFUSE)

    def restore(self) -> None:
        """End the fault, and reset all connections."""
        self._arm(None)

    def _arm(self, fault: Fault) -> None:
        self._run(self._change(fault))

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _reset_counts(self) -> None:
        self.sent = self.received = self.connections = 0
        self.requests = []

    async def _change(self, fault: Fault) -> None:
        if fault == REFUSE:
            await self._stop()
            self._socket = self._bound()
        elif self._fault == REFUSE:
            await self._listen()
        elif not isinstance(fault, Cut):
            self._close_all()
        self._fault = fault

    def _bound(self) -> socket.socket:
        # a bound socket that does not listen refuses connections and keeps the port
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", self.port))
        self.port = bound.getsockname()[1]
        return bound

    async def _listen(self) -> None:
        self._socket = self._socket or self._bound()
        self._socket.setblocking(False)
        self._socket.listen(100)
        # a server of asyncio that is closed loses the sockets that it has just accepted
        self._loop.add_reader(self._socket, self._accept, self._socket)

    async def _stop(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        # a task that is cancelled before its first step would not close its socket
        await asyncio.sleep(0)
        self._close_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # the sockets of aborted connections are closed in the next round of the loop
        await asyncio.sleep(0)

    def _close_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    @contextlib.asynccontextmanager
    async def _closing(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._open.add(writer)
        try:
            yield
            writer.close()
            await writer.wait_closed()
        finally:
            writer.close()
            self._open.discard(writer)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setblocking(False)
        self.connections += 1
        task = self._loop.create_task(self._connected(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(sock=client)
            async with self._closing(writer):
                server = await asyncio.open_connection(*self._server)
                async with self._closing(server[1]):
                    connection = Connection((reader, writer), server)
                    await asyncio.gather(self._pass(connection, SENT), self._pass(connection, RECEIVED))

    async def _pass(self, connection: Connection, direction: str) -> None:
        ends = connection.client, connection.server
        (source, _), (_, target) = ends if direction == SENT else reversed(ends)
        try:
            while data := await source.read(65536):
                if target.is_closing():
                    return
                if direction == SENT:
                    data = self._requested(connection, data)
                if self._fault != HANG and not await self._goes_on(connection, target, direction, data):
                    return
            if self._fault != HANG:
                target.write_eof()
        except OSError:
            connection.reset()

    def _requested(self, connection: Connection, data: bytes) -> bytes:
        """Return the bytes of a client to pass to the server."""
        requests, fault = connection.requests, self._fault
        heads = requests.feed(data)
        self.requests += [head.partition(b"\r\n")[0].decode("latin-1") for head in heads]
        if isinstance(fault, Answer):
            if connection.answer is None and any(map(fault.when, heads)):
                connection.answer = fault.raw
            if connection.answer is not None:
                self._answer(connection, connection.answer)
                return b""
            if requests.in_head:
                connection.held += data
                return b""
        data, connection.held = connection.held + data, b""
        return data

    def _answer(self, connection: Connection, raw: bytes) -> None:
        client, server = connection.client[1], connection.server[1]
        if connection.requests.waits:
            client.write(CONTINUE)
        elif connection.requests.whole:
            # send the answer and the FIN in one packet, so that the client never reuses the connection
            if sys.platform == "linux":
                client.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            client.write(raw)
            client.write_eof()
            client.close()
            server.transport.abort()

    async def _goes_on(self, connection: Connection, target: asyncio.StreamWriter, direction: str, data: bytes) -> bool:
        fault, allowed = self._fault, None
        if isinstance(fault, Cut) and data:
            allowed = fault.allowed(connection, direction, len(data))
            if not fault.always and not fault.times:
                self._fault = None
        data = data[:allowed]
        if direction == SENT:
            self.sent += len(data)
        else:
            self.received += len(data)
        target.write(data)
        await target.drain()
        if allowed is None:
            return True
        await _flush(target)
        if isinstance(fault, Cut) and fault.orderly:
            target.close()
            connection.server[1].transport.abort()
        else:
            connection.reset()
        return False


async def _flush(writer: asyncio.StreamWriter) -> None:
    # a reset discards unsent bytes
    deadline = time.monotonic() + FLUSH_SECONDS
    while time.monotonic() < deadline and (writer.transport.get_write_buffer_size() or _unsent(writer)):
        await asyncio.sleep(0.005)


def _unsent(writer: asyncio.StreamWriter) -> int:
    if sys.platform != "linux" or writer.transport.is_closing():
        return 0
    count = fcntl.ioctl(writer.get_extra_info("socket").fileno(), SIOCOUTQNSD, bytes(4))
    return int.from_bytes(count, sys.byteorder)


def _reset(writer: asyncio.StreamWriter) -> None:
    end = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
