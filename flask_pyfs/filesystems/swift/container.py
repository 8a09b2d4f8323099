"""Requests to a container."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any
from urllib.parse import quote

from fs import errors
from requests import Response

from ...errors import StoreMisconfigured
from ..objects.clients import PerProcess
from ..objects.errors import literal
from .account import Account, Repeatable
from .errors import SwiftRefused, swift_errors

# seconds for which a response proves that the container exists, or that it does not
_PROOF = 10.0
_NEVER = float("-inf")

# the most objects in one bulk-delete request
_BATCH = 1000

# the longest line of such a request in characters (a limit of Swift)
_LINE = 2000

# how many objects are deleted in parallel if the cluster has no bulk delete
_AT_ONCE = 8

Entry = dict[str, Any]


class ContainerMissing(StoreMisconfigured):
    """The container does not exist."""

    @classmethod
    def named(cls, container: str, error: Exception | None = None) -> ContainerMissing:
        message = f"container {container!r} does not exist: create it, or set CREATE_CONTAINER"
        return cls(literal(message), exc=error)


class SwiftContainer:
    """Sends requests to a container. A key is the name of an object.

    :param name: the name of the container.
    :param accounts: returns the account of the current process.
    :param create: create the container on the first write.
    :param headers: the headers of the request that creates the container.
    :ivar limit: the maximum number of names that one request lists, or None for the limit of the cluster.
    """

    def __init__(
        self, name: str, accounts: PerProcess[Account], *, create: bool, headers: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self.create = create
        self.limit: int | None = None
        self._accounts = accounts
        self._headers = headers or {}
        self._seen = self._missed = _NEVER

    def beside(self, name: str, *, create: bool = False) -> SwiftContainer:
        """Return another container of the same account. No request."""
        return SwiftContainer(name, self._accounts, create=create)

    def place(self, path: str) -> tuple[SwiftContainer, str]:
        """Split a path below that of the account into the container and the key."""
        name, _, key = path[1:].partition("/")
        return self.beside(name), key

    @property
    def account(self) -> Account:
        """The account of the current process."""
        with swift_errors(self.name, ""):
            return self._accounts()

    def path(self, key: str) -> str:
        """Return the path of an object, below that of the account."""
        return f"/{self.name}/{key}"

    def request(self, method: str, key: str | None, **parameters: Any) -> tuple[Response, bool]:
        """Send a request. Return the response, whose body is unread, and whether the request was sent more than once.

        :param key: the key of the object, or None for the container.
        :param parameters: those of :meth:`Account.request`.
        :raises SwiftRefused: if a condition does not hold, or for another reason that the caller may handle.
        :raises fs.errors.FSError: if the request fails otherwise.
        """
        path = f"/{self.name}" if key is None else self.path(key)
        with swift_errors(self.name, key or "", parameters.get("body")):
            answered = self._accounts().request(method, path, **parameters)
        self._seen = time.monotonic()
        return answered

    def finish(self, method: str, key: str | None, **parameters: Any) -> Response:
        """Send a request and read the whole response."""
        response, _ = self.request(method, key, **parameters)
        with swift_errors(self.name, key or ""), response:
            # read to the end, so that the connection can be reused
            response.content  # noqa: B018
        return response

    def read(self, method: str, key: str, **parameters: Any) -> Response:
        """Send a request that reads an object. A container that the first write will create counts as empty."""
        try:
            return self.request(method, key, **parameters)[0]
        except errors.ResourceNotFound:
            # Swift does not say whether the object or the container is missing
            self._require_proof()
            raise

    def head(self, key: str) -> Response:
        """Send a HEAD request for an object. If the container may be missing, one more request checks it."""
        response = self.read("HEAD", key)
        with swift_errors(self.name, key), response:
            response.content  # noqa: B018
        return response

    def _require_proof(self) -> None:
        if not self.create and time.monotonic() - self._seen > _PROOF and not self._is_there():
            raise ContainerMissing.named(self.name)

    def _is_there(self) -> bool:
        try:
            self.finish("HEAD", None)
        except errors.ResourceNotFound:
            self._missed = time.monotonic()
            return False
        except errors.PermissionDenied:
            # a user without access to the container has no objects in it; a write reports the error
            self._missed = time.monotonic()
            raise
        return True

    def exists(self) -> bool:
        """Return whether the container exists. One request, or none if this process already knows.

        A container that existed once counts as existing; the proof that it is missing expires after 10 seconds.
        """
        if self._seen > _NEVER:
            return True
        return time.monotonic() - self._missed > _PROOF and self._is_there()

    def is_taken(self, key: str) -> bool:
        """Return whether an object with this key exists."""
        try:
            self.head(key)
        except errors.ResourceNotFound:
            return False
        return True

    def prepare(self) -> None:
        """Check that the container exists, and create it if ``create`` is set, before a large body is sent.

        One request, or two, on the first call.
        """
        if not self.exists():
            if not self.create:
                raise ContainerMissing.named(self.name)
            self._make()

    def _make(self) -> None:
        self.finish("PUT", None, headers=dict(self._headers))

    def put(
        self,
        key: str,
        body: bytes | bytearray | Repeatable,
        digest: Callable[[], str],
        *,
        overwrite: bool,
        headers: dict[str, str],
        query: str = "",
    ) -> None:
        """Store an object. Create the container if it is missing and ``create`` is set. One request.

        Without ``overwrite``, several concurrent writers of one key may all succeed: Swift checks ``If-None-Match``
        before the write, not atomically.

        :param digest: returns the expected entity tag after the body was sent: its MD5, or that of the segments' tags.
        :raises fs.errors.FileExists: if the key is taken and ``overwrite`` is false.
        """
        headers = headers if overwrite else {**headers, "If-None-Match": "*"}
        try:
            try:
                response, _ = self._put(key, body=body, headers=headers, query=query)
            except errors.ResourceNotFound as error:
                if not self.create:
                    raise ContainerMissing.named(self.name, error) from error
                self._make()
                response, _ = self._put(key, body=body, headers=headers, query=query)
        except SwiftRefused as error:
            if error.status != 412:
                raise
            if error.repeated and self.holds(key, digest()):
                # the first attempt succeeded, but its response was lost
                return
            raise errors.FileExists(key, exc=error) from error
        tag = response.headers.get("Etag", "").strip('"')
        # Swift has compared the segments of a manifest, and other servers derive its tag differently
        if tag and not query and tag != digest():
            self.remove(key)
            raise errors.RemoteConnectionError(key, msg="what arrived at the server is not what was sent: try again")

    def _put(self, key: str, **parameters: Any) -> tuple[Response, bool]:
        response, repeated = self.request("PUT", key, **parameters)
        with swift_errors(self.name, key), response:
            response.content  # noqa: B018
        return response, repeated

    def holds(self, key: str, tag: str) -> bool:
        """Return whether an object with this key and entity tag exists."""
        try:
            return self.head(key).headers.get("Etag", "").strip('"') == tag
        except errors.ResourceNotFound:
            return False

    def copy(self, key: str, target: SwiftContainer, target_key: str) -> None:
        """Copy an object. One request.

        :raises fs.errors.ResourceNotFound: if there is no such object.
        """
        destination = quote(target.path(target_key)[1:])
        try:
            self.finish("COPY", key, headers={"Destination": destination})
        except errors.ResourceNotFound:
            self._require_proof()
            # the 404 may mean that the container of the target is missing
            if target is self or not self.is_taken(key):
                raise
            target._make()
            self.finish("COPY", key, headers={"Destination": destination})

    def remove(self, key: str, timeout: float | None = None) -> None:
        """Delete an object, if it exists. One request.

        :param timeout: the seconds to wait for the response, if other than those of the account.
        """
        try:
            self.finish("DELETE", key, timeout=timeout)
        except errors.ResourceNotFound:
            self._require_proof()
        except errors.InvalidPath:
            self._remove_many([key], timeout)

    def delete(self, keys: Iterable[str], timeout: float | None = None) -> None:
        """Delete objects. Missing objects are ignored. 1,000 per request if the cluster has bulk delete, else one.

        :param timeout: the seconds to wait for each response, if other than those of the account.
        """
        remaining = iter(keys)
        while batch := list(islice(remaining, _BATCH)):
            if len(batch) == 1:
                self.remove(batch[0], timeout)
            else:
                self._remove_many(batch, timeout)

    def _remove_many(self, keys: list[str], timeout: float | None) -> None:
        with swift_errors(self.name, keys[0]):
            bulk = self.account.capabilities(timeout).get("bulk_delete")
        if bulk is None:
            if any(key for key in keys if _collapses(key)):
                raise errors.OperationFailed(
                    keys[0], msg="cannot delete '{path}': HTTP clients collapse its dots, and Swift has no bulk delete"
                )
            self._remove_each(keys, timeout)
            return
        for key in keys:
            # Swift refuses longer lines, and counts the percent-encoded characters
            if len(quote(self.path(key))) > _LINE:
                self.remove(key, timeout)
        keys = [key for key in keys if len(quote(self.path(key))) <= _LINE]
        most = min(_BATCH, bulk.get("max_deletes_per_request", _BATCH))
        for start in range(0, len(keys), most):
            self._remove_by_one_request(keys[start : start + most], timeout)

    def _remove_each(self, keys: list[str], timeout: float | None) -> None:
        unreachable = threading.Event()

        def remove(key: str) -> None:
            # after the first timeout, skip the rest instead of waiting for each
            if not unreachable.is_set():
                try:
                    self.remove(key, timeout)
                except (errors.OperationTimeout, errors.RemoteConnectionError):
                    unreachable.set()
                    raise

        with ThreadPoolExecutor(_AT_ONCE, "delete") as deletions:
            # the executor waits for all deletions before an error leaves the block
            list(deletions.map(remove, keys))

    def _remove_by_one_request(self, keys: list[str], timeout: float | None) -> None:
        body = "\n".join(quote(self.path(key)) for key in keys).encode()
        headers = {"Content-Type": "text/plain", "Accept": "application/json"}
        account, renewed = self.account, False
        pauses = account.pauses()
        while True:
            with swift_errors(self.name, keys[0]):
                response, _ = account.request(
                    "POST", "", query="bulk-delete", headers=headers, body=body, timeout=timeout
                )
                with response:
                    result = json.loads(response.content)
                # Swift sends 200 before it checks the token and the objects; the body has the real statuses
                statuses = [str(result.get("Response Status", "")), *(status for _, status in result.get("Errors", ()))]
                if not renewed and any(status.startswith("401") for status in statuses):
                    renewed = True
                    account.access(stale=account.access())
                    continue
            pause = next(pauses, None)
            if pause is None or not any(status.startswith(("409", "5")) for status in statuses):
                break
            time.sleep(pause)
        refused = [(path, status) for path, status in result.get("Errors", ()) if not status.startswith("404")]
        status = str(result.get("Response Status", ""))
        if refused or not status.startswith("200"):
            if not refused and status.startswith("400") and result.get("Number Not Found") == len(keys):
                # Swift answers 400 if none of the objects exists
                return
            raise _not_deleted(self.name, refused, status)

    def entries(self, prefix: str, delimiter: str | None = None, limit: int | None = None) -> Iterator[Entry]:
        """Iterate over the entries of the listing whose keys start with a prefix. One request per page.

        :param delimiter: group the keys that contain it after the prefix: each group is one entry with ``subdir``.
        :param limit: the maximum number of entries.
        """
        return islice(self._pages(prefix, delimiter, limit), limit)

    def _pages(self, prefix: str, delimiter: str | None, limit: int | None) -> Iterator[Entry]:
        most = self._page_size()
        marker = ""
        while True:
            page = self._listed(prefix, delimiter, marker, min(filter(None, (most, limit)), default=None))
            yield from page
            if not page or (most is not None and len(page) < most):
                return
            marker = page[-1].get("subdir") or page[-1]["name"]

    def _page_size(self) -> int | None:
        if self.limit is not None:
            return self.limit
        with swift_errors(self.name, ""):
            limit = self.account.capabilities().get("swift", {}).get("container_listing_limit")
        return limit if isinstance(limit, int) else None

    def _listed(self, prefix: str, delimiter: str | None, marker: str, limit: int | None) -> list[Entry]:
        asked = {"format": "json", "prefix": prefix, "delimiter": delimiter, "marker": marker, "limit": limit}
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items() if value)
        with suppress(errors.ResourceNotFound):
            response = self.finish("GET", None, query=query)
            if response.status_code == 204:
                return []
            with swift_errors(self.name, prefix):
                page: list[Entry] = response.json()
                if not isinstance(page, list) or not all("subdir" in entry or "name" in entry for entry in page):
                    raise errors.RemoteConnectionError(prefix, msg="the response of the server is not a listing")
            return page
        if not self.create:
            raise ContainerMissing.named(self.name)
        return []


def md5(content: Any) -> str:
    """Return the MD5 of bytes, in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _collapses(key: str) -> bool:
    return any(part in (".", "..") for part in key.split("/"))


def _not_deleted(container: str, refused: list[tuple[str, str]], status: str) -> errors.FSError:
    path, reason = refused[0] if refused else ("", status)
    message = f"container {container!r}: could not delete {len(refused)} objects, among them {path!r}: {reason}"
    kind = errors.RemoteConnectionError if reason.startswith("5") else errors.OperationFailed
    if reason.startswith(("401", "403")):
        kind = errors.PermissionDenied
    return kind(path, msg=literal(message))
