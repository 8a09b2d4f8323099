"""An FTP server for the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from servers.process import HOST, on_free_ports, running

USER, PASSWORD = "user", "s3cret"


# "facts" has MLSD, "unix" and "windows" have only LIST, and "narrow" has no UTF-8
KINDS = ("facts", "unix", "windows", "narrow")


def pyftpd(directory: Path, kind: str = "facts") -> AbstractContextManager[str]:
    """Run a server with its files and its log in ``directory``, and give its address with user and password.

    :param kind: one of ``KINDS``, or ``failing``, where each transfer ends after its first part, or ``secure``, which
        takes nothing but ``ftps://``.
    """
    return on_free_ports(1, lambda ports: _pyftpd(directory, ports[0], kind))


@contextmanager
def _pyftpd(directory: Path, port: int, kind: str) -> Iterator[str]:
    root = directory / "root"
    root.mkdir(exist_ok=True)
    argv = [sys.executable, "-W", "ignore", "-m", "servers.ftpserver", str(root), str(port), USER, PASSWORD, kind]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with running(argv, port, directory / "ftp.log", env):
        yield f"{USER}:{PASSWORD}@{HOST}:{port}"
