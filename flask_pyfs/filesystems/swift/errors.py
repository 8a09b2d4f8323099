"""The translation of Swift errors into ``fs.errors``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from fs import errors
from requests import exceptions as http
from swiftclient.client import ClientException
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from ...errors import ContentDamaged, StoreMisconfigured, shortened
from ..objects.errors import StoreErrors
from ..unreachable import is_wrong_scheme, needs_tls
from .advice import denied

_TRY_LATER = {408, 429, 498, 499, 500, 502, 503, 504}
# 422: the MD5 of the body differs from its ETag header
_DAMAGED = 422

_KINDS: dict[int, Kind] = {
    401: errors.PermissionDenied,
    403: errors.PermissionDenied,
    404: errors.RemoteConnectionError,
    413: errors.InsufficientStorage,
    507: errors.InsufficientStorage,
    _DAMAGED: ContentDamaged,
}

# the packages between a request and the source of its body
_DRIVERS = {"http", "requests", "ssl", "swiftclient", "urllib3"}

# the classes of errors, which take different arguments
Kind = Callable[..., errors.FSError]

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
    """Translate errors inside the block into ``fs.errors``, except those raised by the source of a body.

    :param place: the container.
    :param path: the key of the object, for the message.
    :param source: see :class:`~flask_pyfs.errors.ErrorContext`.
    :param owner: the container of the storage, if ``place`` keeps the segments of its objects.
    """

    kind = "container"

    def __init__(self, place: str, path: str = "", source: Any = None, owner: str | None = None) -> None:
        super().__init__(place, path, source)
        self._owner = place if owner is None else owner

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, errors.FSError):
            return None
        if isinstance(error, ClientException):
            return self._refusal(error)
        if isinstance(error, UnicodeError):
            return errors.InvalidPath(self.path, self.message(error), exc=error)
        if isinstance(error, (http.RequestException, HTTPError, OSError, ValueError)):
            kind = StoreMisconfigured if is_wrong_scheme(error, before=self.before) else _failure(error)
            return self.explain(kind, getattr(error, "advice", None), error)
        return None

    def _refusal(self, error: Any) -> errors.FSError:
        status, said = error.http_status, _said(error)
        if status == 403 and getattr(error, "method", None) is not None:
            reads, makes = error.method in ("GET", "HEAD"), error.method == "PUT" and not self.path
            return self.explain(
                errors.PermissionDenied, denied(self.place, self._owner, reads=reads, makes=makes), error
            )
        if status == 404 and is_of_swift(error.http_response_headers or {}):
            return errors.ResourceNotFound(self.path, exc=error)
        if status == 400 and b"name length" in (error.http_response_content or b""):
            return errors.InvalidPath(self.path, exc=error, msg=self.message(said))
        content = (error.http_response_content or b"").decode(errors="replace")
        kind = StoreMisconfigured if needs_tls(content) else _KINDS.get(status)
        if kind is None and (status < 300 or status >= 500 or status in _TRY_LATER):
            kind = errors.RemoteConnectionError
        if kind is None and status < 400:
            kind = StoreMisconfigured
        if kind is None and not is_of_swift(error.http_response_headers or {}) and hasattr(error, "method"):
            # of a server before Swift, or of another one
            kind = errors.RemoteConnectionError
        if kind is None:
            return SwiftRefused(self.path, error, self.message(said), repeated=getattr(error, "repeated", False))
        return self.explain(kind, getattr(error, "advice", None), error, said)


def _failure(error: Exception) -> Kind:
    if is_timeout(error):
        return errors.OperationTimeout
    if isinstance(error, (http.InvalidURL, http.MissingSchema, http.InvalidSchema)):
        return StoreMisconfigured
    if isinstance(error, (http.RequestException, HTTPError, OSError)):
        return errors.RemoteConnectionError
    return StoreMisconfigured


def _said(error: Any) -> str:
    """Return what a refusal says, without the beginning of a page that the driver adds."""
    said = f"{error.args[0]}: {error.http_status} {error.http_reason}"
    content = (error.http_response_content or b"").decode(errors="replace").strip()
    if content and not content.startswith("<"):
        said = f"{said}: {shortened(content, 80)}"
    transaction = (error.http_response_headers or {}).get("X-Trans-Id")
    return f"{said} (transaction {transaction})" if transaction else said


def advised(error: Error, advice: str | None) -> Error:
    """Let an error of the driver say what to do about it; see :func:`~flask_pyfs.errors.explained`."""
    error.advice = advice  # type: ignore[attr-defined]
    return error


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
