"""Requests to a container."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from fs import errors
from requests import Response

from ...errors import ContentDamaged, StoreMisconfigured, explained, shortened
from ..objects.clients import PerProcess
from ..objects.errors import literal
from .account import Account, Repeatable
from .answers import expected_statuses, odd_answers, require_container, whole_body
from .errors import SwiftRefused, swift_errors
from .facts import copied_mark, facts_of, mark_of, noted, written_mark

# seconds for which a response proves that the container exists, or that it does not
_PROOF = 10.0
_NEVER = float("-inf")


class Answer(NamedTuple):
    """A response that was read.

    :param status: its HTTP status.
    :param headers: its headers.
    :param content: its body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class ContainerMissing(StoreMisconfigured):
    """The container does not exist."""

    @classmethod
    def named(cls, container: str, error: Exception | None = None) -> ContainerMissing:
        name = shortened(repr(container), 66)
        explanation = f"CONTAINER {name} does not exist: make it, correct CONTAINER, or set CREATE_CONTAINER to true"
        return explained(cls(literal(explanation), exc=error), explanation)


class SwiftContainer:
    """Sends requests to a container. A key is the name of an object.

    :param name: the name of the container.
    :param accounts: returns the account of the current process.
    :param create: create the container on the first write.
    :param headers: the headers of the request that creates the container.
    :param owner: the container of the storage, if this one keeps the segments of its objects.
    :ivar limit: the maximum number of names that one request lists, or None for the limit of the cluster.
    """

    def __init__(
        self,
        name: str,
        accounts: PerProcess[Account],
        *,
        create: bool,
        headers: dict[str, str] | None = None,
        owner: str | None = None,
    ) -> None:
        self.name = name
        self.owner: str = owner or name
        self.create = create
        self.limit: int | None = None
        self._accounts = accounts
        self._headers = headers or {}
        self._seen = self._missed = _NEVER

    def beside(self, name: str, *, create: bool = False) -> SwiftContainer:
        """Return another container of the same account. No request."""
        return SwiftContainer(name, self._accounts, create=create, owner=self.owner)

    def errors(self, key: str = "", source: Any = None) -> swift_errors:
        """Return a context that translates the errors of the driver into ``fs.errors``.

        :param source: see :class:`~flask_pyfs.errors.ErrorContext`.
        """
        return swift_errors(self.name, key, source, self.owner)

    def place(self, path: str) -> tuple[SwiftContainer, str]:
        """Split a path below that of the account into the container and the key."""
        name, _, key = path[1:].partition("/")
        return self.beside(name), key

    @property
    def account(self) -> Account:
        """The account of the current process."""
        with self.errors():
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
        with self.errors(key or "", parameters.get("body")):
            expected = expected_statuses(method, key is None, parameters.get("headers") or {})
            answered = self._accounts().request(method, path, expected=expected, **parameters)
        self._seen = time.monotonic()
        return answered

    def finish(self, method: str, key: str | None, **parameters: Any) -> Answer:
        """Send a request and read the whole response."""
        response, _ = self.request(method, key, **parameters)
        return self._whole(response, key)

    def _whole(self, response: Response, key: str | None) -> Answer:
        # read to the end, so that the connection can be reused
        with self.errors(key or ""), response:
            return Answer(response.status_code, response.headers, whole_body(response))

    def read(self, method: str, key: str, **parameters: Any) -> Response:
        """Send a request that reads an object. A container that the first write will create counts as empty."""
        try:
            return self.request(method, key, **parameters)[0]
        except errors.ResourceNotFound:
            # Swift does not say whether the object or the container is missing
            self._require_proof()
            raise

    def head(self, key: str, *, newest: bool = False) -> Answer:
        """Send a HEAD request for an object. If the container may be missing, one more request checks it.

        :param newest: whether Swift asks all servers that have the object. Otherwise the first that answers may not
            have the last version yet.
        """
        answer = self.unread_head(key, newest=newest)
        with odd_answers(self.name, key):
            facts_of(answer.headers)
        return answer

    def unread_head(self, key: str, *, newest: bool = False) -> Answer:
        """Do what :meth:`head` does, for a caller that reads the facts, and so finds out whether there are any."""
        headers = {"X-Newest": "true"} if newest else {}
        return self._whole(self.read("HEAD", key, headers=headers), key)

    def _require_proof(self) -> None:
        if not self.create and time.monotonic() - self._seen > _PROOF and not self._is_there():
            raise ContainerMissing.named(self.name)

    def _is_there(self) -> bool:
        try:
            answer = self.finish("HEAD", None)
        except errors.ResourceNotFound:
            self._missed = time.monotonic()
            return False
        except errors.PermissionDenied:
            # a user without access to the container has no objects in it; a write reports the error
            self._missed = time.monotonic()
            raise
        with odd_answers(self.name, ""):
            require_container(answer.headers)
        self._seen = time.monotonic()
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
            self.make()

    def make(self) -> None:
        """Create the container. One request."""
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
        note: str | None = None,
    ) -> str:
        """Store an object, and return its mark. Create the container if it is missing and ``create`` is set.

        One request. Without ``overwrite``, several concurrent writers of one key may all succeed: Swift checks
        ``If-None-Match`` before the write, not atomically.

        :param digest: returns the expected entity tag after the body was sent: its MD5, or that of the segments' tags.
        :param note: the note of the object, or None.
        :raises fs.errors.FileExists: if the key is taken and ``overwrite`` is false.
        :raises fs.errors.RemoteConnectionError: if the server does not confirm what it stored.
        """
        mark, header = written_mark()
        header |= noted(note, self.path(key), mark)
        headers = {**headers, **header, **({} if overwrite else {"If-None-Match": "*"})}
        try:
            try:
                answer = self.finish("PUT", key, body=body, headers=headers, query=query)
            except errors.ResourceNotFound as error:
                if not self.create:
                    raise ContainerMissing.named(self.name, error) from error
                self.make()
                answer = self.finish("PUT", key, body=body, headers=headers, query=query)
        except SwiftRefused as error:
            if error.status != 412:
                raise
            if error.repeated and self._holds(key, mark):
                # the first attempt succeeded, but its response was lost
                return mark
            raise errors.FileExists(key, exc=error) from error
        tag = answer.headers.get("Etag", "").strip('"')
        if tag == digest():
            return mark
        if not tag:
            raise errors.RemoteConnectionError(key, msg="the server did not confirm that it stored '{path}': try again")
        stored = self._holds(key, mark)
        if query and stored:
            # Swift has compared the segments of a manifest, and other servers derive its tag differently
            return mark
        if stored:
            self.remove(key)
        raise ContentDamaged(key, msg="what arrived at the server is not what was sent: try again")

    def _holds(self, key: str, mark: str) -> bool:
        try:
            return mark_of(self.head(key).headers) == mark
        except errors.ResourceNotFound:
            return False

    def copy(
        self, key: str, target: SwiftContainer, target_key: str, note: str | None = None, *, is_bare: bool = False
    ) -> Mapping[str, str]:
        """Copy an object, and return the headers of the response. One request.

        :param note: the note of the copy, or None.
        :param is_bare: whether only the content is copied, without metadata and without the time of its deletion.
        :raises fs.errors.ResourceNotFound: if there is no such object.
        :raises fs.errors.RemoteConnectionError: if the server does not confirm the copy.
        """
        mark, header = copied_mark()
        header |= noted(note, target.path(target_key), mark)
        if is_bare:
            header["X-Fresh-Metadata"] = "true"
        with self.errors(key):
            headers = {"Destination": quote(target.path(target_key)[1:]), **header}
        try:
            answer = self.finish("COPY", key, headers=headers)
        except errors.ResourceNotFound:
            self._require_proof()
            # the 404 may mean that the container of the target is missing
            if target is self or not self.is_taken(key):
                raise
            if not target.create:
                raise ContainerMissing.named(target.name) from None
            target.make()
            answer = self.finish("COPY", key, headers=headers)
        if not answer.headers.get("Etag") or unquote(answer.headers.get("X-Copied-From", "")) != self.path(key)[1:]:
            raise errors.RemoteConnectionError(key, msg="the server did not confirm that it copied '{path}': try again")
        return answer.headers

    def remove(self, key: str, timeout: float | None = None) -> bool:
        """Delete an object, and return whether it existed. One request.

        :param timeout: the seconds to wait for the response, if other than those of the account.
        :raises fs.errors.InvalidPath: if HTTP clients collapse the dots of the key.
        """
        try:
            self.finish("DELETE", key, timeout=timeout)
        except errors.ResourceNotFound as error:
            self._require_proof()
            # the first attempt may have succeeded, but its response was lost
            return bool(getattr(error.exc, "repeated", False))
        return True


def md5(content: Any) -> str:
    """Return the MD5 of bytes, in hexadecimal digits."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
