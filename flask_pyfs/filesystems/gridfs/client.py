"""The client of MongoDB: how it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from ...errors import StoreMisconfigured

Client = MongoClient[dict[str, Any]]

_CLOSE_SECONDS = 0.5


@dataclass(frozen=True, repr=False)
class MongoSettings:
    """What makes a client.

    :param url: the connection string, with its options.
    :param timeout: how many seconds an operation may take, with all that the driver does to repeat it.
    """

    url: str
    timeout: float


def make_client(settings: MongoSettings) -> Client:
    """Return a client. It connects when it is first used.

    :raises flask_pyfs.errors.StoreMisconfigured: where the connection string cannot be one.
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
            # one that streams would leave a server out for ten seconds after it refused a password
            serverMonitoringMode="poll",
        )
    except (PyMongoError, ValueError, TypeError) as error:
        problem = type(error).__name__
    else:
        if client.write_concern.acknowledged:
            return client
        client.close()
        raise StoreMisconfigured("MONGO_URL has w=0, with which nobody knows whether a file was written")
    # without its cause, whose message may hold the password
    raise StoreMisconfigured(f"MONGO_URL is no connection string that the driver understands ({problem})")


def check_url(url: str, database: str) -> str | None:
    """Return what is wrong with a connection string or the name of a database, or None. Nothing is reached."""
    try:
        parse_uri(url)
    except (PyMongoError, ValueError) as error:
        return f"the driver does not understand it ({type(error).__name__})"
    if re.search(r"[\s./\\\"$*<>:|?\0]", database):
        return "the name of the database has characters that MongoDB does not take"
    return None


def close_client(client: Client) -> None:
    """Close a client and its connections."""
    # it tells the server, which may be the one that went away
    with pymongo.timeout(_CLOSE_SECONDS):
        client.close()
