"""An account of OpenStack Swift: the requests that are made of it, and what their failures mean."""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import SplitResult, quote, urlsplit

from fs import errors
from requests import Response
from requests import exceptions as http
from requests.adapters import HTTPAdapter
from swiftclient.client import ClientException, http_connection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from ..errors import StoreMisconfigured
from .store import literal
from .swiftauth import Access, Credentials, authenticator

__all__ = ["Account", "AccountSettings", "Refused", "Repeatable", "make_account", "swift_errors"]

_TRY_LATER = {408, 429, 498, 499, 500, 502, 503, 504}
# a body that did not arrive as it was sent
_DAMAGED = 422
_FULL = {413, 507}

_FIRST_PAUSE = 0.1

# what libraries make of these on the way
_COLLAPSED = re.compile(r"(^|/)\.{1,2}(/|$)")


class Refused(errors.OperationFailed):
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


class Repeatable(Protocol):
    """A body that is read piece by piece while it is sent.

    :ivar error: what its source raised.
    """

    error: BaseException | None

    def __len__(self) -> int: ...

    def __iter__(self) -> Any: ...


@dataclass(frozen=True, repr=False)
class AccountSettings:
    """What makes an account.

    :param timeout: how many seconds to wait for a connection, and for each answer.
    :param retries: how often to ask again after a failure. A server that did not answer in time is not asked again.
    :param pool_size: how many connections are kept.
    """

    credentials: Credentials
    timeout: float
    retries: int
    pool_size: int


class Account:
    """An account. The connections are those of a pool, which all threads share.

    :param settings: what makes it.
    """

    def __init__(self, settings: AccountSettings) -> None:
        self._settings = settings
        self._authenticate = authenticator(settings.credentials, settings.timeout)
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._capabilities: dict[str, Any] | None = None
        _, self._connection = http_connection(settings.credentials.auth_url, timeout=settings.timeout)
        adapter = HTTPAdapter(pool_maxsize=settings.pool_size)
        self._connection.request_session.mount("http://", adapter)
        self._connection.request_session.mount("https://", adapter)
        # a PUT that is sent elsewhere becomes a GET, and would seem to have succeeded
        self._connection.requests_args["allow_redirects"] = False

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def access(self, stale: Access | None = None) -> Access:
        """Return the address and a token. One request to the service that lets in, when nobody has asked before.

        :param stale: one that is of no use any longer.
        """
        access = self._access
        if access is None or access is stale:
            with self._lock:
                access = self._access
                if access is None or access is stale:
                    access = self._access = self._authenticate()
        return access

    def request(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes | bytearray | Repeatable | None = None,
        timeout: float | None = None,
    ) -> tuple[Response, bool]:
        """Send a request, and return the answer and whether it was sent before.

        The answer has not been read.

        :param path: the path below the account's, not quoted.
        :param query: the query, quoted.
        :raises ClientException: for an answer that is no success.
        """
        if _COLLAPSED.search(path):
            raise errors.InvalidPath(path)
        attempts, renewed = 0, False
        while True:
            access = self.access()
            again = attempts < self._settings.retries
            try:
                response = self._send(access, method, path, query, headers, body, timeout)
            except (http.RequestException, HTTPError, OSError) as error:
                if not again or _is_silence(error) or error is getattr(body, "error", None):
                    raise
            else:
                status = response.status_code
                if status < 300 or status == 304:
                    return response, attempts > 0
                failure = self._failure(response, method)
                if status == 401 and not renewed:
                    renewed = True
                    self.access(stale=access)
                    continue
                if not again or status not in (*_TRY_LATER, _DAMAGED):
                    failure.repeated = attempts > 0
                    raise failure
            time.sleep(_FIRST_PAUSE * 2**attempts)
            attempts += 1

    def _send(
        self,
        access: Access,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str] | None,
        body: Any,
        timeout: float | None,
    ) -> Response:
        connection, place = self._connected(access, timeout)
        target = f"{place.path}{quote(path)}" + (f"?{query}" if query else "")
        try:
            sent: Response = connection.request(method, target, body, {**(headers or {}), "X-Auth-Token": access.token})
        except BaseException:
            if isinstance(getattr(body, "error", None), BaseException):
                raise body.error from None
            raise
        return sent

    def _connected(self, access: Access, timeout: float | None) -> tuple[Any, SplitResult]:
        # of one's own, because it keeps the last answer; the connections are in its session
        connection, place = copy.copy(self._connection), urlsplit(access.url)
        if timeout is not None:
            connection.requests_args = {**connection.requests_args, "timeout": timeout}
        connection.parsed_url = place
        return connection, place

    def _failure(self, response: Response, method: str) -> Any:
        with response:
            content = response.raw.read(1000)
        return ClientException(
            f"{method} failed",
            http_status=response.status_code,
            http_reason=response.reason,
            http_response_content=content,
            http_response_headers=response.headers,
        )

    def capabilities(self, timeout: float | None = None) -> dict[str, Any]:
        """Return what ``/info`` says that the cluster can do. One request, once; nothing where it says nothing."""
        if self._capabilities is None:
            connection, _ = self._connected(self.access(), timeout)
            response = connection.request("GET", "/info", None, {})
            if response.status_code >= 500:
                raise self._failure(response, "GET")
            said: Any = {}
            # some have no such page, and answer with another one
            with response, suppress(ValueError):
                said = response.json() if response.ok else {}
            self._capabilities = said if isinstance(said, dict) else {}
        return self._capabilities


def make_account(settings: AccountSettings) -> Account:
    """Return an account. Nothing is reached."""
    return Account(settings)


class swift_errors:  # noqa: N801
    """Let only ``fs.errors`` out of the block, and what a body's own source raised.

    :param container: the container, for the message.
    :param path: the path of the file, or empty.
    :param body: the body that is sent.
    """

    def __init__(self, container: str, path: str, body: Any = None) -> None:
        self._container = container
        self._path = path
        self._body = body

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or error is getattr(self._body, "error", None) or isinstance(error, errors.FSError):
            return
        if isinstance(error, ClientException):
            raise self._refusal(error) from error
        if isinstance(error, UnicodeError):
            raise errors.InvalidPath(self._path, self._message(error), exc=error) from error
        if isinstance(error, (http.RequestException, HTTPError, OSError, ValueError)):
            raise self._failure(error) from error
        if type(error).__module__.startswith("keystoneauth1."):
            raise self._of_keystone(error) from error

    def _refusal(self, error: Any) -> errors.FSError:
        status, message = error.http_status, self._message(error)
        if status in (401, 403):
            return errors.PermissionDenied(self._path, exc=error, msg=message)
        if status == 404:
            return errors.ResourceNotFound(self._path, exc=error)
        if status in _FULL:
            return errors.InsufficientStorage(self._path, exc=error, msg=message)
        if status in _TRY_LATER or status == _DAMAGED or status >= 500:
            return errors.RemoteConnectionError(self._path, exc=error, msg=message)
        if 300 <= status < 400:
            return StoreMisconfigured(message, exc=error)
        return Refused(self._path, error, message, repeated=getattr(error, "repeated", False))

    def _failure(self, error: Exception) -> errors.FSError:
        message = self._message(error)
        if _is_silence(error):
            return errors.OperationTimeout(self._path, exc=error, msg=message)
        if isinstance(error, (http.InvalidURL, http.MissingSchema, http.InvalidSchema)):
            return StoreMisconfigured(message, exc=error)
        if isinstance(error, (http.RequestException, HTTPError, OSError)):
            return errors.RemoteConnectionError(self._path, exc=error, msg=message)
        return StoreMisconfigured(message, exc=error)

    def _of_keystone(self, error: Any) -> errors.FSError:
        from keystoneauth1 import exceptions as keystone

        message = self._message(error)
        if isinstance(error, (keystone.Unauthorized, keystone.Forbidden)):
            return errors.PermissionDenied(self._path, exc=error, msg=message)
        if isinstance(error, keystone.ConnectTimeout):
            return errors.OperationTimeout(self._path, exc=error, msg=message)
        if isinstance(error, (keystone.ConnectionError, keystone.HttpServerError)):
            return errors.RemoteConnectionError(self._path, exc=error, msg=message)
        return StoreMisconfigured(message, exc=error)

    def _message(self, error: Exception) -> str:
        return literal(f"container {self._container!r}: {error}")


def _is_silence(error: BaseException) -> bool:
    if isinstance(error, (http.Timeout, HTTPTimeoutError, TimeoutError)):
        return True
    # libraries wrap what happens while they send
    return any(_is_silence(inner) for inner in error.args if isinstance(inner, BaseException))
