"""Temporary URLs of Swift."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from swiftclient.utils import generate_temp_url


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
