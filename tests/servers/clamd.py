"""clamd, the daemon of ClamAV, with a database of one signature: that of EICAR."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.process import HOST, on_free_ports, running
from servers.programs import program

# the file that each scanner is to find (EICAR); in two parts, so that none finds it here
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

# it takes no more, and scans no more
STREAM_MAX, FILE_MAX = 2 * 1024 * 1024, 1024 * 1024

CONF = """
Foreground yes
DatabaseDirectory {directory}
TemporaryDirectory {directory}
TCPAddr {host}
TCPSocket {port}
LocalSocket {socket}
StreamMaxLength {stream_max}
MaxFileSize {file_max}
AlertExceedsMax yes
"""


@dataclass(frozen=True)
class Clamd:
    """A running clamd, also for other processes than that which has started it.

    :ivar socket: the path of its Unix socket.
    """

    pid: int
    port: int
    socket: str

    @property
    def url(self) -> str:
        return f"clamd://{HOST}:{self.port}"

    @property
    def url_of_socket(self) -> str:
        return f"clamd://{self.socket}"


def clamd(directory: Path) -> AbstractContextManager[Clamd]:
    """Run clamd with its database, log and temporary files in ``directory``."""
    return on_free_ports(1, lambda ports: _clamd(directory, ports[0]))


@contextmanager
def _clamd(directory: Path, port: int) -> Iterator[Clamd]:
    # anywhere in files of any type
    (directory / "own.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    # the path of a socket has 107 characters at most
    with tempfile.TemporaryDirectory(prefix="clamd-") as sockets:
        socket = f"{sockets}/clamd.sock"
        conf = directory / "clamd.conf"
        conf.write_text(
            CONF.format(
                directory=directory,
                host=HOST,
                port=port,
                socket=socket,
                stream_max=STREAM_MAX,
                file_max=FILE_MAX,
            )
        )
        argv = [program("clamd", "clamav-daemon"), "--config-file", str(conf)]
        with running(argv, port, directory / "clamd.log") as process:
            yield Clamd(process.pid, port, socket)
