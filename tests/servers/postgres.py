"""PostgreSQL for the tests: one server from the packages of Debian, in a directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from servers.process import HOST, ServerError, on_free_ports, running

ENVIRONMENT = "FLASK_PYFS_POSTGRES_URL"
USER = "postgres"

# nothing that the tests write has to outlive them
OPTIONS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    # else a server that is killed leaves a segment of the system's shared memory
    "dynamic_shared_memory_type=mmap",
    f"listen_addresses={HOST}",
)


def postgres() -> AbstractContextManager[str]:
    """Run a server and return its URL, as SQLAlchemy takes it."""
    return on_free_ports(1, lambda ports: _postgres(ports[0]))


@contextmanager
def _postgres(port: int) -> Iterator[str]:
    # not a directory of pytest: the server refuses to run as root, and nobody else may enter those
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        directory, data = Path(name), Path(name) / "data"
        if os.geteuid() == 0:
            shutil.chown(directory, USER, USER)
        initdb = [_program("initdb"), "-D", str(data), "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8"]
        done = subprocess.run([*_as_user(), *initdb], cwd=directory, capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"initdb failed:\n{done.stdout}{done.stderr}")
        argv = [*_as_user(), _program("postgres"), "-D", str(data), "-p", str(port), "-k", str(directory)]
        argv += [part for option in OPTIONS for part in ("-c", option)]
        with running(argv, port, directory / "postgres.log"):
            yield f"postgresql+psycopg://{USER}@{HOST}:{port}/postgres"


def _as_user() -> Sequence[str]:
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups") if os.geteuid() == 0 else ()


def _program(name: str) -> str:
    # Debian has them outside of PATH, one directory for each version
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise ServerError(f"there is no {name} (Debian: postgresql): let {ENVIRONMENT} name a server")
    return program


def postgres_from_environment(environ: Mapping[str, str] = os.environ) -> str | None:
    """The URL of the database that ``FLASK_PYFS_POSTGRES_URL`` names; it must be one that the tests may empty."""
    return environ.get(ENVIRONMENT)
