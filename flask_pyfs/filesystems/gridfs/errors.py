"""The translation of MongoDB errors into ``fs.errors``."""

from __future__ import annotations

import re

from bson.errors import BSONError
from fs import errors
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

from ...errors import StoreMisconfigured
from ..objects.errors import StoreErrors

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml: Unauthorized, AuthenticationFailed,
# and the code that Atlas uses for both
_REFUSED = {13, 18, 8000}
# OutOfDiskSpace, ExceededMemoryLimit
_FULL = {14031, 146}
# InvalidNamespace, CannotCreateIndex, IndexOptionsConflict, IndexKeySpecsConflict
_MISCONFIGURED = {73, 67, 85, 86}


class mongo_errors(StoreErrors):  # noqa: N801
    """Translate errors of PyMongo inside the block into ``fs.errors``. ``place`` is ``database.bucket``."""

    def meaning(self, error: Exception) -> errors.FSError | None:
        if not isinstance(error, (PyMongoError, BSONError, UnicodeError)):
            return None
        message = self.message(error)
        code = error.code if isinstance(error, OperationFailure) else None
        if isinstance(error, BulkWriteError):
            code = next((each.get("code") for each in error.details.get("writeErrors", ())), None)
        if isinstance(error, ServerSelectionTimeoutError) and (match := re.search(r"'code': (\d+)", str(error))):
            # after a failed login, only the text of this error contains the code
            code = int(match[1])
        if code in _REFUSED:
            return errors.PermissionDenied(self.path, exc=error, msg=message)
        if code in _FULL:
            return errors.InsufficientStorage(self.path, exc=error, msg=message)
        if code in _MISCONFIGURED or isinstance(error, (ConfigurationError, InvalidName)):
            return StoreMisconfigured(message, exc=error)
        if isinstance(error, (NetworkTimeout, ServerSelectionTimeoutError, ExecutionTimeout, WaitQueueTimeoutError)):
            return errors.OperationTimeout(self.path, exc=error, msg=message)
        if isinstance(error, (AutoReconnect, ConnectionFailure)):
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        if isinstance(error, UnicodeError):
            return errors.InvalidPath(self.path, message, exc=error)
        return errors.OperationFailed(self.path, exc=error, msg=message)
