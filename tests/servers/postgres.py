"""PostgreSQL for the tests: one server from the Debian packages, in its own directory."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy
from servers.process import HOST, ServerError, on_free_ports, running
from servers.programs import program

ENVIRONMENT = "FLASK_PYFS_POSTGRES_URL"
USER = "postgres"

# no durability: the data is discarded after the tests
OPTIONS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_prepared_transactions=4",
    # otherwise a killed server leaves a shared memory segment behind
    "dynamic_shared_memory_type=mmap",
    f"listen_addresses={HOST}",
)


def postgres() -> AbstractContextManager[str]:
    """Run a server, and return its URL for SQLAlchemy."""
    return on_free_ports(1, lambda ports: _postgres(ports[0]))


@contextmanager
def _postgres(port: int) -> Iterator[str]:
    initdb, server = _program_of("initdb"), _program_of("postgres")
    # not a directory of pytest: the server refuses to run as root, and nobody else may enter those
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        directory, data = Path(name), Path(name) / "data"
        if os.geteuid() == 0:
            shutil.chown(directory, USER, USER)
        argv = [*_as_user(), initdb, "-D", str(data), "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8"]
        done = subprocess.run(argv, cwd=directory, capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"initdb failed:\n{done.stdout}{done.stderr}")
        argv = [*_as_user(), server, "-D", str(data), "-p", str(port), "-k", str(directory)]
        argv += [part for option in OPTIONS for part in ("-c", option)]
        with running(argv, port, directory / "postgres.log"):
            yield f"postgresql+psycopg://{USER}@{HOST}:{port}/postgres"


def _as_user() -> Sequence[str]:
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups") if os.geteuid() == 0 else ()


def _program_of(name: str) -> str:
    # Debian has them outside of PATH, one directory for each version
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return program(name, "postgresql", [str(directory) for directory in versions])


def postgres_from_environment(environ: Mapping[str, str] = os.environ) -> str | None:
    """The URL of the database that ``FLASK_PYFS_POSTGRES_URL`` names; the tests make schemas of their own there."""
    return environ.get(ENVIRONMENT)


@contextmanager
def new_schema(url: str) -> Iterator[str]:
    """Make an empty schema, give the URL with which all tables are in it, and drop it at the end."""
    name = f"tests_{secrets.token_hex(6)}"
    options = {"options": f"-csearch_path={name}"}
    _execute(url, f"CREATE SCHEMA {name}")
    try:
        yield sqlalchemy.make_url(url).update_query_dict(options).render_as_string(hide_password=False)
    finally:
        _execute(url, f"DROP SCHEMA {name} CASCADE")


def _execute(url: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
