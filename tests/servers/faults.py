"""A TCP proxy that fails as it is told, for tests of what a client makes of a failing server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

SENT, RECEIVED = "sent", "received"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Cut:
    """Ends a connection when so many bytes have gone in one direction."""

    direction: str
    after: int
    always: bool
    orderly: bool = False
    gone: Counter[int] = field(default_factory=Counter)

    def allowed(self, connection: int, direction: str, count: int) -> int | None:
        """How many of the bytes may go before the end; None for all of them, and no end."""
        if direction != self.direction:
            return None
        # one that is not repeated counts the bytes of all connections
        key = connection if self.always else 0
        self.gone[key] += count
        over = self.gone[key] - self.after
        return None if over < 0 else count - over


@dataclass
class Answer:
    """Answers requests in place of the server."""

    raw: bytes
    when: Callable[[bytes], bool]


class FaultProxy:
    """Passes the bytes between clients and a server on, until it is told to fail.

    A fault holds until the next one, or until :meth:`restore`. ``with`` starts and stops the proxy.

    :ivar sent: how many bytes have gone to the server since :meth:`reset`; ``received`` likewise from it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: Cut | Answer | str | None = None
        self.port = 0
        self.reset()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Count from 0 again."""
        self.sent = self.received = 0

    def cut_sent(self, after: int, *, always: bool = False) -> None:
        """Reset a connection when so many more bytes have gone to the server.

        :param always: each connection after so many of its own bytes; else once, after the bytes of all together.
        """
        self._arm(Cut(SENT, after, always))

    def cut_received(self, after: int, *, always: bool = False) -> None:
        """Reset a connection when so many more bytes have come from the server."""
        self._arm(Cut(RECEIVED, after, always))

    def close_received(self, after: int, *, always: bool = False) -> None:
        """Close a connection in good order when so many more bytes have come from the server."""
        self._arm(Cut(RECEIVED, after, always, orderly=True))

    def answer(self, raw: bytes, when: Callable[[bytes], bool] = lambda head: True) -> None:
        """Answer requests whose head is such in place of the server, and close the connection."""
        self._arm(Answer(raw, when))

    def hang(self) -> None:
        """Take all bytes and answer nothing."""
        self._arm("hang")

    def refuse(self) -> None:
        """Refuse connections."""
        self._arm("refuse")

    def restore(self) -> None:
        """Fail no more. What was connected is not any longer."""
        self._arm(None)

    def _arm(self, fault: Cut | Answer | str | None) -> None:
        self._run(self._change(fault))

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _change(self, fault: Cut | Answer | str | None) -> None:
        if self._fault == "refuse":
            await self._listen()
        if fault == "refuse":
            await self._stop()
        elif not isinstance(fault, Cut):
            self._close_all()
        self._fault = fault

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._close_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # the sockets of aborted connections are closed in the next round of the loop
        await asyncio.sleep(0)

    def _close_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client: Stream = (reader, writer)
        self._open.add(writer)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            server = await asyncio.open_connection(*self._server)
            self._open.add(server[1])
            try:
                await asyncio.gather(
                    self._pass(client, server, SENT, client), self._pass(server, client, RECEIVED, client)
                )
            finally:
                self._open.discard(server[1])
                server[1].transport.abort()
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, source: Stream, target: Stream, direction: str, client: Stream) -> None:
        with contextlib.suppress(OSError):
            while data := await source[0].read(65536):
                if isinstance(self._fault, Answer) and direction == SENT:
                    data = await _whole_request(data, source[0])
                if not await self._goes_on(data, source, target, direction, id(client)):
                    return
            target[1].write_eof()

    async def _goes_on(self, data: bytes, source: Stream, target: Stream, direction: str, connection: int) -> bool:
        fault, allowed = self._fault, None
        if fault == "hang":
            return True
        if isinstance(fault, Answer) and direction == SENT and fault.when(data.partition(b"\r\n\r\n")[0]):
            source[1].write(fault.raw)
            source[1].close()
            target[1].transport.abort()
            return False
        if isinstance(fault, Cut):
            allowed = fault.allowed(connection, direction, len(data))
            if allowed is not None and not fault.always:
                self._fault = None
        if direction == SENT:
            self.sent += len(data)
        else:
            self.received += len(data)
        target[1].write(data[:allowed])
        await target[1].drain()
        if allowed is None:
            return True
        if isinstance(fault, Cut) and fault.orderly:
            target[1].close()
            source[1].transport.abort()
        else:
            _reset(target[1])
            _reset(source[1])
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    end = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _whole_request(data: bytes, reader: asyncio.StreamReader) -> bytes:
    while b"\r\n\r\n" not in data and (piece := await reader.read(65536)):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (piece := await reader.read(65536)):
        data += piece
        missing -= len(piece)
    return data
