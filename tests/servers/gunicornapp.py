"""An app on gunicorn: workers of one server, each a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from servers.process import HOST, Process, on_free_ports, running


def gunicorn(
    directory: Path, app: str, *, workers: int = 2, options: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> AbstractContextManager[Process]:
    """Run gunicorn on a free port, with its log in a directory, until the end of the block.

    :param app: the module of the app and its name there: ``'shop:app'``. Modules of the tests can be imported.
    :param options: more options of gunicorn.
    :param env: more variables of its environment.
    """

    @contextmanager
    def start(ports: list[int]) -> Iterator[Process]:
        (port,) = ports
        argv = [
            sys.executable,
            "-m",
            "gunicorn",
            f"--bind={HOST}:{port}",
            f"--workers={workers}",
            "--log-level=warning",
        ]
        argv += [f"--worker-tmp-dir={directory}", "--no-control-socket", *options, app]
        paths = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, "PYTHONPATH": paths, **(env or {})}
        with running(argv, port, directory / "gunicorn.log", environment) as process:
            yield process

    return on_free_ports(1, start)
