"""The requests that are made of a container."""

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

# seconds for which an answer proves that the container exists, or that it does not
_PROOF = 10.0
_NEVER = float("-inf")

# the most objects of a request that deletes
_BATCH = 1000

# the longest line of such a request, in characters
_LINE = 2000

# how many are deleted at the same time where the cluster cannot delete many
_AT_ONCE = 8

Entry = dict[str, Any]


class ContainerMissing(StoreMisconfigured):
    """There is no such container."""

    @classmethod
    def named(cls, container: str, error: Exception | None = None) -> ContainerMissing:
        return cls(literal(f"there is no container {container!r}: make it, or set CREATE_CONTAINER"), exc=error)


class SwiftContainer:
    """A container, and the requests that are made of it. A key is the name of an object.

    :param name: its name.
    :param accounts: returns the account of the process.
    :param create: make the container when something is first written to it.
    :param headers: what it is made with.
    :ivar limit: the most names that one request lists, or None for what the cluster allows.
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
        """Return another container of the account."""
        return SwiftContainer(name, self._accounts, create=create)

    def place(self, path: str) -> tuple[SwiftContainer, str]:
        """Return the container and the key of a path below the account's."""
        name, _, key = path[1:].partition("/")
        return self.beside(name), key

    @property
    def account(self) -> Account:
        """The account of this process."""
        with swift_errors(self.name, ""):
            return self._accounts()

    def path(self, key: str) -> str:
        """Return the path of an object below the account's."""
        return f"/{self.name}/{key}"

    def request(self, method: str, key: str | None, **parameters: Any) -> tuple[Response, bool]:
        """Send a request, and return the answer, unread, and whether it was sent before.

        :param key: the object, or None for the container.
        :param parameters: as for :meth:`Account.request`.
        :raises SwiftRefused: where the server refuses a condition, or something else that the caller may know.
        :raises fs.errors.FSError: where it refuses otherwise, or fails.
        """
        path = f"/{self.name}" if key is None else self.path(key)
        with swift_errors(self.name, key or "", parameters.get("body")):
            answered = self._accounts().request(method, path, **parameters)
        self._seen = time.monotonic()
        return answered

    def finish(self, method: str, key: str | None, **parameters: Any) -> Response:
        """Send a request and read the answer."""
        response, _ = self.request(method, key, **parameters)
        with swift_errors(self.name, key or ""), response:
            # read to its end, so that the connection can be used again
            response.content  # noqa: B018
        return response

    def read(self, method: str, key: str, **parameters: Any) -> Response:
        """Send a request for an object. In a container that is still to be made there is nothing."""
        try:
            return self.request(method, key, **parameters)[0]
        except errors.ResourceNotFound:
            # which of both is not there, Swift does not say
            self._require_proof()
            raise

    def head(self, key: str) -> Response:
        """Ask for the facts of an object."""
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
            # who may not see a container has put nothing into it; whether it can, a write will say
            self._missed = time.monotonic()
            raise
        return True

    def exists(self) -> bool:
        """Whether the container was ever there. One request, but none where it was, or was not a moment ago."""
        if self._seen > _NEVER:
            return True
        return time.monotonic() - self._missed > _PROOF and self._is_there()

    def is_taken(self, key: str) -> bool:
        """Whether there is an object of that key."""
        try:
            self.head(key)
        except errors.ResourceNotFound:
            return False
        return True

    def prepare(self) -> None:
        """Make sure that the container is there, for a body that should not be sent in vain. One request at
        first.
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
        """Store an object. A container that is still to be made is made now. One request.

        Of several at once, Swift may let more than one be the first.

        :param digest: returns the MD5 of the body, or what else the entity tag is made of, after it was sent.
        :raises fs.errors.FileExists: without ``overwrite``, where there is one.
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
                # the first answer was lost
                return
            raise errors.FileExists(key, exc=error) from error
        tag = response.headers.get("Etag", "").strip('"')
        # the segments of a manifest have been compared, and other servers make other tags of it
        if tag and not query and tag != digest():
            self.remove(key)
            raise errors.RemoteConnectionError(key, msg="what arrived at the server is not what was sent")

    def _put(self, key: str, **parameters: Any) -> tuple[Response, bool]:
        response, repeated = self.request("PUT", key, **parameters)
        with swift_errors(self.name, key), response:
            response.content  # noqa: B018
        return response, repeated

    def holds(self, key: str, tag: str) -> bool:
        """Whether there is an object of that key with that entity tag."""
        try:
            return self.head(key).headers.get("Etag", "").strip('"') == tag
        except errors.ResourceNotFound:
            return False

    def copy(self, key: str, target: SwiftContainer, target_key: str) -> None:
        """Copy an object. One request.

        :raises fs.errors.ResourceNotFound: where there is none.
        """
        destination = quote(target.path(target_key)[1:])
        try:
            self.finish("COPY", key, headers={"Destination": destination})
        except errors.ResourceNotFound:
            self._require_proof()
            # the container of the target may be what is not there
            if target is self or not self.is_taken(key):
                raise
            target._make()
            self.finish("COPY", key, headers={"Destination": destination})

    def remove(self, key: str, timeout: float | None = None) -> None:
        """Delete an object. What is not there is no error. One request."""
        try:
            self.finish("DELETE", key, timeout=timeout)
        except errors.ResourceNotFound:
            self._require_proof()
        except errors.InvalidPath:
            self._remove_many([key], timeout)

    def delete(self, keys: Iterable[str], timeout: float | None = None) -> None:
        """Delete objects, a thousand in a request where the cluster can. What is not there is no error.

        :param timeout: how many seconds to wait for each answer, where it is not what the account waits.
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
                raise errors.OperationFailed(keys[0], msg="no request can name '{path}', for clients collapse its dots")
            self._remove_each(keys, timeout)
            return
        for key in keys:
            # Swift refuses longer lines, and counts what is quoted
            if len(quote(self.path(key))) > _LINE:
                self.remove(key, timeout)
        keys = [key for key in keys if len(quote(self.path(key))) <= _LINE]
        most = min(_BATCH, bulk.get("max_deletes_per_request", _BATCH))
        for start in range(0, len(keys), most):
            self._remove_by_one_request(keys[start : start + most], timeout)

    def _remove_each(self, keys: list[str], timeout: float | None) -> None:
        unreachable = threading.Event()

        def remove(key: str) -> None:
            # the others need not wait, too
            if not unreachable.is_set():
                try:
                    self.remove(key, timeout)
                except (errors.OperationTimeout, errors.RemoteConnectionError):
                    unreachable.set()
                    raise

        with ThreadPoolExecutor(_AT_ONCE, "delete") as deletions:
            # all of them end before the error of one is raised
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
                    said = json.loads(response.content)
                # the answer has begun before the token and the objects are looked at
                statuses = [str(said.get("Response Status", "")), *(status for _, status in said.get("Errors", ()))]
                if not renewed and any(status.startswith("401") for status in statuses):
                    renewed = True
                    account.access(stale=account.access())
                    continue
            pause = next(pauses, None)
            if pause is None or not any(status.startswith(("409", "5")) for status in statuses):
                break
            time.sleep(pause)
        refused = [(path, status) for path, status in said.get("Errors", ()) if not status.startswith("404")]
        status = str(said.get("Response Status", ""))
        if refused or not status.startswith("200"):
            if not refused and status.startswith("400") and said.get("Number Not Found") == len(keys):
                # none of them was there
                return
            raise _not_deleted(self.name, refused, status)

    def entries(self, prefix: str, delimiter: str | None = None, limit: int | None = None) -> Iterator[Entry]:
        """Iterate over what a listing says of the objects whose keys start with a prefix.

        One request for as many as the cluster lists at once.

        :param delimiter: where it is given, those below the next one come once, as ``subdir``.
        :param limit: the most that are wanted.
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
            said = self.account.capabilities().get("swift", {}).get("container_listing_limit")
        return said if isinstance(said, int) else None

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
                    raise errors.RemoteConnectionError(prefix, msg="the answer of the server is no listing")
            return page
        if not self.create:
            raise ContainerMissing.named(self.name)
        return []


def md5(content: Any) -> str:
    """Return the MD5 of some content, in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _collapses(key: str) -> bool:
    return any(part in (".", "..") for part in key.split("/"))


def _not_deleted(container: str, refused: list[tuple[str, str]], status: str) -> errors.FSError:
    path, reason = refused[0] if refused else ("", status)
    message = f"container {container!r}: {len(refused)} objects could not be deleted, {path!r} for one: {reason}"
    kind = errors.RemoteConnectionError if reason.startswith("5") else errors.OperationFailed
    if reason.startswith(("401", "403")):
        kind = errors.PermissionDenied
    return kind(path, msg=literal(message))
