"""What the failures of Swift mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fs import errors
from requests import exceptions as http
from swiftclient.client import ClientException
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from ...errors import StoreMisconfigured
from ..objects.errors import StoreErrors

_TRY_LATER = {408, 429, 498, 499, 500, 502, 503, 504}
# a body that did not arrive as it was sent
_DAMAGED = 422
_FULL = {413, 507}


class SwiftRefused(errors.OperationFailed):
    """Swift refused a request for a reason that the caller may know what to do about.

    :ivar status: the status of its answer.
    :ivar headers: the headers of its answer.
    :ivar repeated: whether the request had been sent before, so that its refusal may be the work of its first sending.
    """

    def __init__(self, path: str, exc: ClientException, msg: str, *, repeated: bool) -> None:
        super().__init__(path, exc, msg)
        self.status: int = exc.http_status
        self.headers: Mapping[str, str] = exc.http_response_headers or {}
        self.repeated = repeated


class swift_errors(StoreErrors):  # noqa: N801
    """Let only ``fs.errors`` out of the block, and what the source of a body raised."""

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
            return errors.ResourceNotFound(self.path, exc=error)
        if status in _FULL:
            return errors.InsufficientStorage(self.path, exc=error, msg=message)
        if status in _TRY_LATER or status == _DAMAGED or status >= 500:
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        if status == 400 and b"name length" in (error.http_response_content or b""):
            return errors.InvalidPath(self.path, exc=error, msg=message)
        if 300 <= status < 400:
            return StoreMisconfigured(message, exc=error)
        return SwiftRefused(self.path, error, message, repeated=getattr(error, "repeated", False))

    def _failure(self, error: Exception) -> errors.FSError:
        message = self.message(error)
        if is_silence(error):
            return errors.OperationTimeout(self.path, exc=error, msg=message)
        if isinstance(error, (http.InvalidURL, http.MissingSchema, http.InvalidSchema)):
            return StoreMisconfigured(message, exc=error)
        if isinstance(error, (http.RequestException, HTTPError, OSError)):
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        return StoreMisconfigured(message, exc=error)


def is_passing(error: BaseException, method: str = "GET") -> bool:
    """Whether what is asked again may be answered.

    :param method: what was asked.
    """
    status = getattr(error, "http_status", None)
    if isinstance(error, ClientException):
        # who writes at the same time, or whose clock is ahead, may have written after the deletion
        return status in _TRY_LATER or status == _DAMAGED or (status == 409 and method == "DELETE")
    return isinstance(error, (http.RequestException, HTTPError, OSError)) and not is_silence(error)


def is_silence(error: BaseException) -> bool:
    if isinstance(error, (http.Timeout, HTTPTimeoutError, TimeoutError)):
        return True
    # libraries wrap what happens while they send
    return any(is_silence(inner) for inner in error.args if isinstance(inner, BaseException))
