"""The client of MongoDB: how it is made, and what its errors mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pymongo
from bson.errors import BSONError
from fs import errors
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidName,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)
from pymongo.uri_parser import parse_uri

from ...errors import StoreMisconfigured
from ..store import literal

__all__ = ["Client", "ClientSettings", "check_url", "close_client", "make_client", "mongo_errors"]

Client = MongoClient[dict[str, Any]]

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: Unauthorized, AuthenticationFailed,
# and what Atlas answers for both
_REFUSED = {13, 18, 8000}
# OutOfDiskSpace, ExceededMemoryLimit
_FULL = {14031, 146}
# InvalidNamespace, CannotCreateIndex, IndexOptionsConflict, IndexKeySpecsConflict
_MISCONFIGURED = {73, 67, 85, 86}

_CLOSE_SECONDS = 0.5


@dataclass(frozen=True, repr=False)
class ClientSettings:
    """What makes a client.

    :param url: the connection string, with its options.
    :param timeout: how many seconds an operation may take, with all that the driver does to repeat it.
    """

    url: str
    timeout: float


def make_client(settings: ClientSettings) -> Client:
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


class mongo_errors:  # noqa: N801
    """Let only ``fs.errors`` out of the block.

    :param bucket: the database and the bucket, for the message.
    :param path: the path of the file, or empty.
    """

    def __init__(self, bucket: str, path: str = "") -> None:
        self._bucket = bucket
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, (PyMongoError, BSONError, UnicodeError)):
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> errors.FSError:
        message = literal(f"bucket {self._bucket!r}: {error}")
        code = error.code if isinstance(error, OperationFailure) else None
        if isinstance(error, BulkWriteError):
            code = next((each.get("code") for each in error.details.get("writeErrors", ())), None)
        if isinstance(error, ServerSelectionTimeoutError) and (told := re.search(r"'code': (\d+)", str(error))):
            # a server that refused to let the client in is not selected again, and says why in words alone
            code = int(told[1])
        if code in _REFUSED:
            return errors.PermissionDenied(self._path, exc=error, msg=message)
        if code in _FULL:
            return errors.InsufficientStorage(self._path, exc=error, msg=message)
        if code in _MISCONFIGURED or isinstance(error, (ConfigurationError, InvalidName)):
            return StoreMisconfigured(message, exc=error)
        if isinstance(error, (NetworkTimeout, ServerSelectionTimeoutError, ExecutionTimeout, WaitQueueTimeoutError)):
            return errors.OperationTimeout(self._path, exc=error, msg=message)
        if isinstance(error, (AutoReconnect, ConnectionFailure)):
            return errors.RemoteConnectionError(self._path, exc=error, msg=message)
        if isinstance(error, UnicodeError):
            return errors.InvalidPath(self._path, message, exc=error)
        return errors.OperationFailed(self._path, exc=error, msg=message)
