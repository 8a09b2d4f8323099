"""An OpenStack Swift account: its login, its connections and its requests."""

from __future__ import annotations

import copy
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import SplitResult, quote, urlsplit

from fs import errors
from requests import Response, Session
from requests import exceptions as http
from requests.adapters import HTTPAdapter
from swiftclient.client import ClientException, http_connection
from urllib3.exceptions import HTTPError

from ..objects.http import Pace
from .advice import account_failed, account_refused, login_failed
from .answers import whole_body
from .auth import AccountAccess, Credentials, authenticator
from .errors import advised, is_of_swift, is_transient, without_driver_frames

_FIRST_PAUSE = 0.1

# how many bytes of the body of a refusal are kept
_SHOWN = 1000

# how often a copy may take TIMEOUT: Swift says nothing until it has copied all, of 5 GiB at most
_COPYING = 20

# path segments that HTTP libraries collapse before they send a request
_COLLAPSED = re.compile(r"(^|/)\.{1,2}(/|$)")


Answer = TypeVar("Answer")


class Repeatable(Protocol):
    """A request body that is read while it is sent, and can be sent again.

    :ivar error: the exception that reading its source raised, or None.
    """

    error: BaseException | None

    def __len__(self) -> int: ...

    def __iter__(self) -> Any: ...


@dataclass(frozen=True, repr=False)
class AccountSettings:
    """The settings of an account.

    :param credentials: the user, and the address of the authentication service.
    :param timeout: the seconds to wait for a connection, and for each response.
    :param retries: the number of retries after a failure other than a timeout.
    :param pool_size: the maximum number of idle connections to keep.
    """

    credentials: Credentials
    timeout: float
    retries: int
    pool_size: int


class Account:
    """Sends requests to an account, over a connection pool that all threads share.

    :param settings: the settings of the account.
    """

    def __init__(self, settings: AccountSettings) -> None:
        self._settings = settings
        self._authenticate = authenticator(settings.credentials, settings.timeout)
        self._lock = threading.Lock()
        self._access: AccountAccess | None = None
        self._refused: list[Exception] = []
        self._capabilities: dict[str, Any] | None = None
        _, self._connection = http_connection(settings.credentials.auth_url, timeout=settings.timeout)
        adapter = HTTPAdapter(pool_maxsize=settings.pool_size)
        # what the session would look up and merge for each request takes a fifth of the time of one
        session = self._connection.request_session
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.trust_env, session.params, session.proxies = False, None, None
        # requests turns a redirected PUT into a GET, whose success would look like that of the PUT
        self._connection.requests_args["allow_redirects"] = False

    def close(self) -> None:
        """Close the idle connections."""
        self._connection.close()

    def access(self, stale: AccountAccess | None = None) -> AccountAccess:
        """Return the address of the account and a token. The first call sends a request to the authentication service.

        :param stale: an expired access, to log in again unless another thread already has.
        """
        access, refused = self._access, self._refused
        if access is None or access is stale:
            with self._lock:
                access = self._access
                if access is None or access is stale:
                    if refused:
                        # the threads that waited for this login share its error
                        raise refused[0]
                    access = self._access = self._log_in()
        return access

    def _log_in(self) -> AccountAccess:
        before = sys.exc_info()[1]
        try:
            access = self._with_retries(self._authenticate)
        except Exception as error:
            if getattr(error, "advice", None) is None:
                url = self._settings.credentials.auth_url
                advised(error, login_failed(error, url, self._settings.timeout, before))
            self._refused.append(error)
            # only the waiting threads keep the error, because its traceback holds the data that the caller sends
            self._refused = []
            raise
        self._connection.requests_args |= _surroundings(access.url)
        return access

    def pauses(self) -> Iterator[float]:
        """Iterate over the seconds to wait before each retry."""
        return (_FIRST_PAUSE * 2**attempt for attempt in range(self._settings.retries))

    def _with_retries(self, send: Callable[[], Answer]) -> Answer:
        for pause in self.pauses():
            try:
                return send()
            except Exception as error:
                if not is_transient(error):
                    raise
            time.sleep(pause)
        return send()

    def request(
        self,
        method: str,
        path: str,
        *,
        expected: Container[int],
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes | bytearray | Repeatable | None = None,
        timeout: float | None = None,
    ) -> tuple[Response, bool]:
        """Send a request. Return the response, whose body is unread, and whether the request was sent more than once.

        :param path: the path below that of the account, not percent-encoded.
        :param expected: the statuses of a success. Any other means that something else answered in place of Swift.
        :param query: the query string, percent-encoded.
        :param timeout: the seconds to wait for the response, if other than those of the account, and than 20 times
            those for a copy.
        :raises ClientException: if the status is another one.
        """
        if _COLLAPSED.search(path):
            raise errors.InvalidPath(path)
        repeated, renewed, pauses, before = False, False, self.pauses(), sys.exc_info()[1]
        if method == "COPY" and timeout is None:
            timeout = _COPYING * self._settings.timeout
        while True:
            access = self.access()
            try:
                response = self._send(access, method, path, query, headers, body, timeout)
                if response.status_code in expected:
                    return response, repeated
                raise _failure(response, method, access)
            except (http.RequestException, HTTPError, OSError, ClientException) as error:
                failure: Any = error
            if getattr(failure, "http_status", None) == 401 and not renewed:
                renewed = True
                self.access(stale=access)
                continue
            pause = next(pauses, None)
            if pause is None or failure is getattr(body, "error", None) or not is_transient(failure, method):
                failure.repeated = repeated
                raise self._advised(failure, access, timeout, before)
            time.sleep(pause)
            repeated = True

    def _advised(
        self, failure: Any, access: AccountAccess, timeout: float | None, before: BaseException | None
    ) -> BaseException:
        if not isinstance(failure, ClientException):
            options = dict(self._settings.credentials.options)
            said = account_failed(failure, access.url, timeout or self._settings.timeout, before, options)
            advised(failure, said)
        return cast(BaseException, failure)

    def _send(
        self,
        access: AccountAccess,
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
                raise without_driver_frames(body.error) from None
            raise
        return sent

    def _connected(self, access: AccountAccess, timeout: float | None) -> tuple[Any, SplitResult]:
        # a copy per request, because the object stores the last response; the copies share the session and its pool
        connection, place = copy.copy(self._connection), urlsplit(access.url)
        if timeout is not None:
            connection.requests_args = {**connection.requests_args, "timeout": timeout}
        connection.parsed_url = place
        return connection, place

    def capabilities(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the capabilities that the cluster lists at ``/info``, else an empty dict. One request, at first.

        :param timeout: the seconds to wait for the response, if other than those of the account.
        """
        if self._capabilities is None:
            access, before = self.access(), sys.exc_info()[1]
            try:
                self._capabilities = self._with_retries(lambda: self._ask_capabilities(access, timeout))
            except Exception as error:
                raise self._advised(error, access, timeout, before) from None
        return self._capabilities

    def _ask_capabilities(self, access: AccountAccess, timeout: float | None) -> dict[str, Any]:
        connection, _ = self._connected(access, timeout)
        response = connection.request("GET", "/info", None, {})
        if response.status_code >= 500:
            raise _failure(response, "GET", access)
        info: Any = {}
        # some clusters do not serve /info, and answer with another page
        with response, suppress(ValueError, RecursionError):
            info = json.loads(whole_body(response)) if response.ok else {}
        return info if isinstance(info, dict) else {}


def _failure(response: Response, method: str, access: AccountAccess) -> ClientException:
    status = response.status_code
    content, pace = b"", Pace()
    with response:
        # to its end: a 404 that was cut is no 404
        while len(content) < _SHOWN and (piece := pace.read(response.raw, _SHOWN - len(content))):
            content += piece
    failure: Any = ClientException(
        f"{method} failed",
        http_status=status,
        http_reason=response.reason,
        http_response_content=content,
        http_response_headers=response.headers,
    )
    failure.method = method
    text, is_swift = content.decode(errors="replace"), is_of_swift(response.headers)
    advised(failure, account_refused(status, response.headers, text, access.url, is_swift=is_swift))
    return cast(ClientException, failure)


def _surroundings(url: str) -> dict[str, Any]:
    # the proxies and the certificates that the environment names for an address
    with Session() as session:
        return dict(session.merge_environment_settings(url, {}, True, True, None))


def make_account(settings: AccountSettings) -> Account:
    """Create an account. No request."""
    return Account(settings)
