"""The translation of MongoDB errors into ``fs.errors``."""

from __future__ import annotations

from collections.abc import Callable

from bson.errors import BSONError
from fs import errors
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from ...errors import StoreMisconfigured
from ..objects.errors import StoreErrors
from .advice import MongoPlace, code_of, failed, is_over_quota, misconfigured, passes, plain, refused

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: OutOfDiskSpace, ExceededMemoryLimit
_FULL = {14031, 146}
# DuplicateKey
_DUPLICATE = 11000
# CannotCreateIndex, IndexOptionsConflict, IndexKeySpecsConflict
_MISCONFIGURED = {67, 85, 86}


class mongo_errors(StoreErrors):  # noqa: N801
    """Translate errors of PyMongo inside the block into ``fs.errors``.

    :param place: the bucket.
    :param path: the path of the file, for the message.
    """

    def __init__(self, place: MongoPlace, path: str = "") -> None:
        super().__init__(f"{place.database}.{place.bucket}", path)
        self._bucket = place

    def meaning(self, error: Exception) -> errors.FSError | None:
        if not isinstance(error, (PyMongoError, BSONError, UnicodeError)):
            return None
        code = code_of(error)
        if isinstance(error, BulkWriteError):
            code = next((each.get("code") for each in error.details.get("writeErrors", ())), None)
        if (advice := refused(error, self._bucket)) is not None:
            return self.explain(errors.PermissionDenied, advice, error)
        if (advice := misconfigured(error, self._bucket)) is not None:
            return self.explain(StoreMisconfigured, advice, error)
        if (advice := failed(error, self._bucket, self.before)) is not None:
            return self.explain(_kind(error), advice, error)
        message = self.message(plain(error))
        if code in _FULL or is_over_quota(error):
            return errors.InsufficientStorage(self.path, exc=error, msg=message)
        if code in _MISCONFIGURED:
            return StoreMisconfigured(message, exc=error)
        return _kind(error)(self.path, exc=error, msg=message)


def is_duplicate(error: BulkWriteError) -> bool:
    """Return whether nothing is wrong but that a unique index has refused documents."""
    codes = {each.get("code") for each in error.details.get("writeErrors", ())}
    return codes == {_DUPLICATE} and not error.details.get("writeConcernErrors")


def _kind(error: Exception) -> Callable[..., errors.FSError]:
    if isinstance(error, (NetworkTimeout, ServerSelectionTimeoutError, ExecutionTimeout, WaitQueueTimeoutError)):
        return errors.OperationTimeout
    if passes(error) or isinstance(error, (AutoReconnect, ConnectionFailure, ConfigurationError)):
        return errors.RemoteConnectionError
    return errors.InvalidPath if isinstance(error, UnicodeError) else errors.OperationFailed
