"""An account of OpenStack Swift, and the requests that are made of it."""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from fs import errors
from requests import Response
from requests import exceptions as http
from requests.adapters import HTTPAdapter
from swiftclient.client import ClientException, http_connection
from urllib3.exceptions import HTTPError

from .auth import AccountAccess, Credentials, authenticator
from .errors import is_passing

_FIRST_PAUSE = 0.1

# what libraries make of these on the way
_COLLAPSED = re.compile(r"(^|/)\.{1,2}(/|$)")


Answer = TypeVar("Answer")


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
        self._access: AccountAccess | None = None
        self._refused: list[Exception] = []
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

    def access(self, stale: AccountAccess | None = None) -> AccountAccess:
        """Return the address and a token. One request to the service that lets in, when nobody has asked before.

        :param stale: one that is of no use any longer.
        """
        access, refused = self._access, self._refused
        if access is None or access is stale:
            with self._lock:
                access = self._access
                if access is None or access is stale:
                    if refused:
                        # who has waited for an answer need not wait for another one
                        raise refused[0]
                    access = self._access = self._let_in()
        return access

    def _let_in(self) -> AccountAccess:
        try:
            return self._repeated(self._authenticate)
        except Exception as error:
            self._refused.append(error)
            # only who waits keeps it: it holds what the caller sends
            self._refused = []
            raise

    def pauses(self) -> Iterator[float]:
        """Iterate over the seconds to wait before each time that something is asked again."""
        return (_FIRST_PAUSE * 2**attempt for attempt in range(self._settings.retries))

    def _repeated(self, ask: Callable[[], Answer]) -> Answer:
        for pause in self.pauses():
            try:
                return ask()
            except Exception as error:
                if not is_passing(error):
                    raise
            time.sleep(pause)
        return ask()

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
        repeated, renewed, pauses = False, False, self.pauses()
        while True:
            access = self.access()
            try:
                response = self._send(access, method, path, query, headers, body, timeout)
                if response.status_code < 300 or response.status_code == 304:
                    return response, repeated
                raise self._failure(response, method)
            except (http.RequestException, HTTPError, OSError, ClientException) as error:
                failure: Any = error
            if getattr(failure, "http_status", None) == 401 and not renewed:
                renewed = True
                self.access(stale=access)
                continue
            pause = next(pauses, None)
            if pause is None or failure is getattr(body, "error", None) or not is_passing(failure, method):
                failure.repeated = repeated
                raise failure
            time.sleep(pause)
            repeated = True

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
                raise body.error from None
            raise
        return sent

    def _connected(self, access: AccountAccess, timeout: float | None) -> tuple[Any, SplitResult]:
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
            access = self.access()
            self._capabilities = self._repeated(lambda: self._ask_capabilities(access, timeout))
        return self._capabilities

    def _ask_capabilities(self, access: AccountAccess, timeout: float | None) -> dict[str, Any]:
        connection, _ = self._connected(access, timeout)
        response = connection.request("GET", "/info", None, {})
        if response.status_code >= 500:
            raise self._failure(response, "GET")
        said: Any = {}
        # some have no such page, and answer with another one
        with response, suppress(ValueError):
            said = response.json() if response.ok else {}
        return said if isinstance(said, dict) else {}


def make_account(settings: AccountSettings) -> Account:
    """Return an account. Nothing is reached."""
    return Account(settings)
