"""nginx in front of an app: one process with its own configuration, started on a free port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.process import HOST, Process, on_free_ports, running
from servers.programs import program

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

CONF = """
daemon off;
{user}
worker_processes 1;
pid "{directory}/nginx.pid";
error_log stderr info;
events {{ worker_connections 256; }}
http {{
    access_log "{directory}/access.log";
    {temporary}
    server {{
        listen {host}:{port};
        location / {{
            proxy_pass http://{host}:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            {options}
        }}
        {locations}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    process: Process

    @property
    def port(self) -> int:
        return self.process.port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def nginx(directory: Path, upstream: int, *, options: str = "", locations: str = "") -> AbstractContextManager[Nginx]:
    """Run nginx with its configuration, logs and temporary files in ``directory``.

    :param upstream: the port of the app.
    :param options: directives of the location ``/``, which passes requests to the app.
    :param locations: further ``location`` blocks.
    """
    return on_free_ports(1, lambda ports: _nginx(directory, ports[0], upstream, options, locations))


@contextmanager
def _nginx(directory: Path, port: int, upstream: int, options: str, locations: str) -> Iterator[Nginx]:
    # otherwise its workers run as a user without access to the directories of pytest
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "\n    ".join(f'{name}_temp_path "{directory}/{name}";' for name in TEMPORARY)
    conf = directory / "nginx.conf"
    conf.write_text(
        CONF.format(
            directory=directory,
            user=user,
            temporary=temporary,
            host=HOST,
            port=port,
            upstream=upstream,
            options=options,
            locations=locations,
        )
    )
    argv = [program("nginx", "nginx-light"), "-p", str(directory), "-c", str(conf)]
    with running(argv, port, directory / "nginx.log") as process:
        yield Nginx(process)
