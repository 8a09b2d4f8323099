"""Requests of HTTP as a client of the app makes them: without the credentials of the store."""

from __future__ import annotations

import http.client
import os
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import shortened

# in seconds; a client of a browser would not wait for longer either
TIMEOUT = 10

# of an answer
_MOST = 64 * 1024

# whose certificates boto3 and swiftclient trust, as those of a company of its own
_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")

_PORTS = {"http": 80, "https": 443}


class Unanswered(Exception):
    """There is no answer. The text says why."""


class Answer(NamedTuple):
    """An answer.

    :param status: its status.
    :param headers: its headers.
    :param body: its beginning.
    """

    status: int
    headers: Message
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the server did what it was asked for."""
        return 200 <= self.status < 300


def ask(url: str, method: str = "GET", headers: Mapping[str, str] | None = None, data: bytes | None = None) -> Answer:
    """Make a request, and follow redirects.

    :raises Unanswered: if there is no answer within ten seconds, or none of HTTP.
    """
    if not url.startswith(("http://", "https://")):
        raise Unanswered(f"{shortened(url, 60)} is no URL of HTTP")
    request = urllib.request.Request(url, data, {"User-Agent": "flask_pyfs doctor", **(headers or {})}, method=method)
    # to load the certificates takes as long as some requests
    context = _trust(*map(os.environ.get, _BUNDLES)) if url.startswith("https:") else None
    try:
        try:
            answer = urllib.request.urlopen(request, timeout=TIMEOUT, context=context)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            return Answer(answer.status, answer.headers, answer.read(_MOST))
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        host = urlsplit(url).netloc.rpartition("@")[2]
        raise Unanswered(f"{host} does not answer ({shortened(str(reason) or type(reason).__name__, 80)})") from error


@lru_cache
def _trust(*bundles: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for path in filter(None, bundles):
        with suppress(OSError):
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    return context


def origin_of(url: str) -> str:
    """Return the origin of a page, as a browser writes it.

    >>> origin_of("https://Shop.example:443/cart")
    'https://shop.example'

    :raises ValueError: if it is not a URL of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{shortened(url, 60)!r} is no origin such as https://shop.example")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port not in (None, _PORTS[parts.scheme]) else ""
    return f"{parts.scheme}://{host}{port}"


def form(fields: Mapping[str, str], content: bytes) -> tuple[bytes, str]:
    """Return the body of a form with a file in its field ``file``, and its media type (RFC 7578)."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="probe"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
