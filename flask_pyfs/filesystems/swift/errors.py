"""The translation of Swift errors into ``fs.errors``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from fs import errors
from requests import exceptions as http
from swiftclient.client import ClientException
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from ...errors import ContentDamaged, StoreMisconfigured
from ..objects.errors import StoreErrors

_TRY_LATER = {408, 429, 498, 499, 500, 502, 503, 504}
# 422: the MD5 of the body differs from its ETag header
_DAMAGED = 422
_FULL = {413, 507}

# the packages between a request and the source of its body
_DRIVERS = {"http", "requests", "ssl", "swiftclient", "urllib3"}

Error = TypeVar("Error", bound=BaseException)


def is_of_swift(headers: Mapping[str, str]) -> bool:
    """Return whether a response is one of Swift: a page of a proxy has a status, a length and a date too."""
    return "X-Trans-Id" in headers or "X-Timestamp" in headers


class SwiftRefused(errors.OperationFailed):
    """Swift refused a request for a reason that the caller may handle.

    :ivar status: the HTTP status of the response.
    :ivar headers: the headers of the response.
    :ivar repeated: whether this was a retry. An earlier attempt may then have succeeded and caused the refusal.
    """

    def __init__(self, path: str, exc: ClientException, msg: str, *, repeated: bool) -> None:
        super().__init__(path, exc, msg)
        self.status: int = exc.http_status
        self.headers: Mapping[str, str] = exc.http_response_headers or {}
        self.repeated = repeated


class swift_errors(StoreErrors):  # noqa: N801
    """Translate errors inside the block into ``fs.errors``, except those raised by the source of a body."""

    kind = "container"

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, errors.FSError):
            return None
        if isinstance(error, ClientException):
            return self._refusal(error)
        if isinstance(error, UnicodeError):
            return errors.InvalidPath(self.path, self.message(error), exc=error)
        if isinstance(error, (http.RequestException, HTTPError, OSError, ValueError)):
            return self._failure(error)
        return None

    def _refusal(self, error: Any) -> errors.FSError:
        status, message = error.http_status, self.message(error)
        if status in (401, 403):
            return errors.PermissionDenied(self.path, exc=error, msg=message)
        if status == 404:
            if not is_of_swift(error.http_response_headers or {}):
                message = f"{message}: the 404 is not one of Swift, but perhaps of a proxy before it"
                return errors.RemoteConnectionError(self.path, exc=error, msg=message)
            return errors.ResourceNotFound(self.path, exc=error)
        if status in _FULL:
            return errors.InsufficientStorage(self.path, exc=error, msg=message)
        if status == _DAMAGED:
            return ContentDamaged(self.path, exc=error, msg=message)
        if status in _TRY_LATER or status >= 500:
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        if status < 300:
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        if status == 400 and b"name length" in (error.http_response_content or b""):
            return errors.InvalidPath(self.path, exc=error, msg=message)
        if 300 <= status < 400:
            return StoreMisconfigured(message, exc=error)
        return SwiftRefused(self.path, error, message, repeated=getattr(error, "repeated", False))

    def _failure(self, error: Exception) -> errors.FSError:
        message = self.message(error)
        if is_timeout(error):
            return errors.OperationTimeout(self.path, exc=error, msg=message)
        if isinstance(error, (http.InvalidURL, http.MissingSchema, http.InvalidSchema)):
            return StoreMisconfigured(message, exc=error)
        if isinstance(error, (http.RequestException, HTTPError, OSError)):
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        return StoreMisconfigured(message, exc=error)


def is_transient(error: BaseException, method: str = "GET") -> bool:
    """Return whether a retry of the request may succeed. Timeouts are not retried.

    :param method: the method of the request.
    """
    status = getattr(error, "http_status", None)
    if isinstance(error, ClientException):
        if status == 202 and method == "PUT":
            # another writer, or a server whose clock is ahead, has stored a version with a later timestamp
            return True
        # 409: a concurrent write, or one by a server whose clock is ahead, has a later timestamp than the deletion
        return status in _TRY_LATER or status == _DAMAGED or (status == 409 and method == "DELETE")
    return isinstance(error, (http.RequestException, HTTPError, OSError)) and not is_timeout(error)


def is_timeout(error: BaseException) -> bool:
    if isinstance(error, (http.Timeout, HTTPTimeoutError, TimeoutError)):
        return True
    # libraries wrap the exceptions raised while they send
    return any(is_timeout(inner) for inner in error.args if isinstance(inner, BaseException))


def without_driver_frames(error: Error) -> Error:
    """Drop the frames of the driver from the traceback of an error that the source of a body raised.

    Their variables hold the request, with the token, and tools that report errors print the variables of each frame.
    """
    kept: TracebackType | None = None
    for traceback in reversed(list(_entries(error.__traceback__))):
        frame = traceback.tb_frame
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _DRIVERS:
            kept = TracebackType(kept, frame, traceback.tb_lasti, traceback.tb_lineno)
    error.__traceback__ = kept
    return error


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
