"""Server processes of the tests: start them on a free port, wait until they answer, and kill them reliably."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

HOST = "127.0.0.1"
START_SECONDS = 60
LOG_TAIL = 4000

# below the ephemeral ports, so that only another server can take a free port before ours
PORTS = range(20000, 32000)
PORT_ATTEMPTS = 5

# waits until the pipe from the parent closes, even if the parent is killed, then kills the process group of the server
GUARD = 'read -r _; kill -s KILL -- "-$0"'

# the test that is running, if it is not marked as one that starts servers
unmarked: str | None = None

T = TypeVar("T")


class ServerError(Exception):
    """A server did not start; the message ends with its log."""


class PortTakenError(ServerError):
    """Another process listens on the port of the server."""


@dataclass(frozen=True)
class Process:
    """A running server."""

    popen: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def wait_until_it_answers(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not answers(self.port):
            if self.popen.poll() is not None:
                raise self._error(ServerError, f"ended with status {self.popen.returncode}")
            if time.monotonic() > deadline:
                raise self._error(ServerError, f"did not answer on port {self.port} within {seconds} seconds")
            time.sleep(0.01)
        if not listens(self.pid, self.port):
            raise self._error(PortTakenError, f"cannot use port {self.port}: another process listens on it")

    def _error(self, error: type[ServerError], problem: str) -> ServerError:
        tail = self.log.read_text(errors="replace")[-LOG_TAIL:]
        return error(f"{self.log.stem} {problem}. {self.log} ends with:\n{tail or '(nothing)'}")


@contextmanager
def started(argv: Sequence[str], port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Start a server and kill it, with all its children, at the end; it may not answer yet."""
    check_marked()
    owner = os.getpid()
    with log.open("ab") as output:
        server = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True
        )
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, str(server.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with guard:  # the end of the guard kills the group before server.wait() frees the process id for reuse
            yield Process(server, port, log)
    finally:
        if os.getpid() == owner:  # a forked child that leaves the block must not kill the server
            _kill_group(server.pid)
            server.wait()


def check_marked() -> None:
    """Raise ServerError in a test that is not marked as one that starts servers."""
    if unmarked:
        raise ServerError(f"{unmarked} starts a server: mark it with pytest.mark.server")


@contextmanager
def running(
    argv: Sequence[str],
    port: int,
    log: Path,
    env: Mapping[str, str] | None = None,
    seconds: float = START_SECONDS,
) -> Iterator[Process]:
    """Run a server that answers on ``port``, with its output in the file ``log``."""
    with started(argv, port, log, env) as process:
        process.wait_until_it_answers(seconds)
        yield process


@contextmanager
def on_free_ports(count: int, start: Callable[[list[int]], AbstractContextManager[T]]) -> Iterator[T]:
    """Enter ``start(ports)``; try other ports if another process takes one of them first."""
    with ExitStack() as stack:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                entered = stack.enter_context(start(free_ports(count)))
                break
            except PortTakenError:
                if attempt == PORT_ATTEMPTS:
                    raise
        yield entered


@contextmanager
def halted(*pids: int) -> Iterator[None]:
    """Suspend processes: they hold their connections, and say nothing more."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    # the signal reaches one thread after the other
    while not all(_is_suspended(task) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()):
        time.sleep(0.001)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _is_suspended(task: Path) -> bool:
    try:
        # the state is behind the name, which may hold anything
        return (task / "stat").read_text().rpartition(") ")[2][0] == "T"
    except FileNotFoundError:  # ended in the meantime
        return True


def free_ports(count: int) -> list[int]:
    ports = random.SystemRandom().sample(PORTS, len(PORTS))
    free = (port for port in ports if _is_free(port))
    return [next(free) for _ in range(count)]


def answers(port: int) -> bool:
    """Return whether any process accepts connections on the port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def listens(pid: int, port: int) -> bool:
    """Return whether this process listens on the port; always true on systems without ``/proc/net``."""
    sockets = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
            sockets |= {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    return not sockets or not sockets.isdisjoint(_open_files(pid))


def _open_files(pid: int) -> set[str]:
    files = set()
    for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed in the meantime
            files.add(os.readlink(descriptor))
    return files


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return False
        return True


def _kill_group(pid: int) -> None:
    # not SIGTERM: the data of a test server is discarded, and a suspended process does not handle it
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
