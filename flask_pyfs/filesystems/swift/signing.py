"""Temporary URLs of Swift."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

from fs import errors
from requests import exceptions as http
from swiftclient.utils import generate_temp_url
from urllib3.exceptions import HTTPError

from ..objects.errors import misconfigured
from .advice import key_refused
from .container import SwiftContainer

# seconds for which the URL is valid that asks whether the key is right
_VALID = 600

# seconds before it is asked again, if there was no answer
_PAUSE = 10.0


class Signer:
    """Signs URLs of the objects of a container. At first, it asks Swift whether it accepts the key.

    :param container: the container.
    :param key: the Temp-URL key of the account or container.
    """

    def __init__(self, container: SwiftContainer, key: str) -> None:
        self._container = container
        self._key = key
        self._is_accepted = False
        self._asked = float("-inf")
        # by how many seconds the clock of Swift is ahead of this one
        self._ahead = 0.0

    def url(self, key: str, expires: int, method: str) -> str:
        """Return a temporary URL. A login and one request, or two, at first in a process.

        :param expires: the time of expiry, in whole seconds since 1970.
        :param method: the HTTP method that the URL allows.
        :raises flask_pyfs.errors.StoreMisconfigured: if Swift does not accept the key, or by its clock the URL has
            expired.
        """
        with self._container.errors(key):
            account = self._container.account.access().url
            if not self._is_accepted and time.monotonic() - self._asked > _PAUSE:
                self._ask(account)
        now = time.time()
        if now < expires <= now + self._ahead:
            raise misconfigured(
                f"the clock of this machine is {self._ahead:.0f} s behind that of Swift, so signed URLs expire before "
                "anybody has them: set the clock (NTP)"
            )
        return signed_url(account, self._container.path(key), expires, self._key, method)

    def _ask(self, account: str) -> None:
        expires = int(time.time()) + _VALID
        url = signed_url(account, self._container.path("flask-pyfs"), expires, self._key, "GET")
        try:
            # an object that is missing is a 404
            status, headers = self._container.account.visit("HEAD", url)
        except (http.RequestException, HTTPError, OSError):
            # the URL may be good for all that
            self._asked = time.monotonic()
            return
        self._ahead = _ahead(headers)
        if status not in (401, 403):
            self._is_accepted = True
        elif self._ahead < _VALID and self._is_there():
            raise misconfigured(key_refused(self._container.name))

    def _is_there(self) -> bool:
        # the container gets the key when it is made
        try:
            return not self._container.create or self._container.exists()
        except errors.PermissionDenied:
            return True


def _ahead(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0


def signed_url(account: str, path: str, expires: int, key: str, method: str) -> str:
    """Return a temporary URL of an object.

    :param account: the address of the account.
    :param path: the path of the object, below that of the account, not percent-encoded.
    :param expires: the time of expiry, in whole seconds since 1970.
    :param key: the Temp-URL key of the account or container.
    :param method: the HTTP method that the URL allows.
    """
    place = urlsplit(account)
    # Swift verifies the signature of the decoded path, so it is encoded after signing
    signed = generate_temp_url(f"{place.path}{path}", expires, key, method, absolute=True)
    target, _, query = signed.rpartition("?")
    return f"{place.scheme}://{place.netloc}{quote(target)}?{query}"
