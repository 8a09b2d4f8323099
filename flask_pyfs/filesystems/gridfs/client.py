"""The settings and the creation of the MongoDB client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from ..objects.errors import misconfigured
from .advice import unusable_url

Client = MongoClient[dict[str, Any]]

_CLOSE_SECONDS = 0.5


@dataclass(frozen=True, repr=False)
class MongoSettings:
    """The settings of a client.

    :param url: the connection string, with its options.
    :param timeout: the time limit of an operation in seconds, including the retries of the driver.
    """

    url: str
    timeout: float


def make_client(settings: MongoSettings) -> Client:
    """Create a client. It connects on first use.

    :raises flask_pyfs.errors.StoreMisconfigured: if the connection string is invalid or has ``w=0``.
    """
    timeout = int(settings.timeout * 1000)
    try:
        client: Client = MongoClient(
            settings.url,
            connect=False,
            tz_aware=True,
            timeoutMS=timeout,
            serverSelectionTimeoutMS=timeout,
            connectTimeoutMS=timeout,
            # in streaming mode, the driver ignores a server for ten seconds after it refused a password
            serverMonitoringMode="poll",
        )
    except (PyMongoError, ValueError, TypeError, OSError) as error:
        problem = unusable_url(error, settings.url)
    else:
        if client.write_concern.acknowledged:
            return client
        client.close()
        raise misconfigured("MONGO_URL has w=0, which hides failed writes: remove it, or use w=1 or w=majority")
    # without the cause, whose message may contain the password
    raise misconfigured(problem)


def check_url(url: str, database: str) -> str | None:
    """Return the problem with a connection string or a database name, or None. No command."""
    try:
        parse_uri(url)
    except (PyMongoError, ValueError, OSError) as error:
        return unusable_url(error, url)
    if re.search(r"[\s./\\\"$*<>:|?\0]", database):
        return "the name of the database has characters that MongoDB does not allow"
    return None


def close_client(client: Client) -> None:
    """Close a client and its connections."""
    # closing sends a command, and the server may be unreachable
    with pymongo.timeout(_CLOSE_SECONDS):
        client.close()
