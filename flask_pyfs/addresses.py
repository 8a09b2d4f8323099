"""What is wrong with a URL that a setting has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from .misspelt import closest

__all__ = ["Clamd", "bucket_in", "clamd_in", "require_link", "require_mongo", "require_scanner", "require_server"]

_SCHEMES = ("http", "https")
_START = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)")
# no URL has these, so they are slips of the one who wrote it, as the quotes that Docker keeps in an env file
_IMPOSSIBLE = re.compile(r"[\x00-\x20\x7f\\\"<>]|^'")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_AMAZON = re.compile(
    r"(?!.*\.vpce\.)(?P<bucket>.+)\.(?P<server>s3(?:-fips|-accelerate|-external-1|-[a-z]{2}(?:-[a-z]+)+-[0-9])?\..*amazonaws\.com.*)"
)
# a host (a name or an IPv4 address), or the path of a socket
_CLAMD = re.compile(
    r"clamd://(?:(?P<host>[^/?#:@\[\]]+)(?::(?P<port>[0-9]{1,5}))?/?|(?P<path>/[^?#]+))"
    r"(?:\?timeout=(?P<timeout>[0-9]{1,6}(?:\.[0-9]{1,3})?))?"
)
_CLAMD_PORT = 3310
# clamd itself gives a file up after its MaxScanTime, which is 120 seconds
_CLAMD_TIMEOUT = 150.0
# others with the bucket in front of the host
_PROVIDERS = ("digitaloceanspaces.com", "linodeobjects.com", "r2.cloudflarestorage.com", "your-objectstorage.com")


def require_link(url: str) -> bool:
    """Check the start of the URLs of files: a URL, a host or a path. An empty one is allowed.

    :raises ValueError: if it can be none of these. The message says what it must be.
    """
    _require_characters(url)
    scheme = _scheme_of(url)
    if re.match(r"https?(/|$)", url, re.IGNORECASE):
        raise ValueError("a URL with a colon after its scheme")
    if scheme and closest(scheme, _SCHEMES) and scheme.lower() not in _SCHEMES:
        raise ValueError(f"a URL that begins with http:// or https://: '{scheme}' is misspelt")
    if scheme.lower() in _SCHEMES:
        _require_host(url.partition("//")[2])
    elif url.startswith("//") or not url.startswith("/"):
        _require_port(url.lstrip("/"))
    return True


def require_server(url: str) -> bool:
    """Check the URL of a server. An empty one is allowed, and one with a password is left to the backend, which does
    not show it.

    :raises ValueError: if it is not one of HTTP. The message says what it must be.
    """
    if not url or "@" in url:
        return True
    _require_characters(url)
    scheme = _scheme_of(url)
    if not scheme:
        raise ValueError(f"a URL with its scheme, such as 'https://{url.lstrip('/:')[:40]}'")
    if scheme.lower() not in _SCHEMES:
        raise ValueError("a URL that begins with https:// or http://")
    host = _require_host(url.partition("//")[2])
    if not host.startswith("[") and not all(_LABEL.fullmatch(label) for label in host.rstrip(".").split(".")):
        raise ValueError("a URL whose host has only letters, digits, '-' and '.', as boto3 takes no others")
    if "?" in url or "#" in url:
        raise ValueError("a URL without '?' and '#'")
    return True


def bucket_in(url: str, bucket: str) -> tuple[str, str] | None:
    """Return the bucket that is a part of the URL of a server of S3, and the URL without it; None if there is none.

    :param bucket: the bucket of the storage. Some servers are below a path, so only this name is looked for, except on
        Amazon's S3.
    """
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    path = path.strip("/")
    if found := _AMAZON.fullmatch(host.lower()):
        return host[: found.end("bucket")], f"{scheme}://{host[found.start('server') :]}"
    above, _, last = path.rpartition("/")
    if last and (unquote(last) == bucket or host.partition(":")[0].endswith((".amazonaws.com", ".amazonaws.com.cn"))):
        return unquote(last), f"{scheme}://{host}{'/' if above else ''}{above}"
    first, _, server = host.partition(".")
    if first == bucket and (server.startswith(("s3.", "s3-")) or server.endswith(_PROVIDERS)):
        return bucket, f"{scheme}://{server}"
    return None


class Clamd(NamedTuple):
    """Where a daemon of ClamAV listens.

    :param host: the host; None for a Unix socket.
    :param port: the port.
    :param path: the path of the Unix socket, or None.
    :param timeout: how long to wait for it to say or take something, in seconds.
    """

    host: str | None
    port: int
    path: str | None
    timeout: float


def require_scanner(scanner: str | Callable[..., Any]) -> bool:
    """Check that a scanner is a callable, or the URL of a daemon of ClamAV.

    :raises ValueError: if it is neither. The message says what it must be.
    """
    return callable(scanner) or clamd_in(scanner) is not None


def clamd_in(url: str) -> Clamd:
    """Return where a daemon of ClamAV listens.

    >>> clamd_in("clamd://scanner?timeout=20")
    Clamd(host='scanner', port=3310, path=None, timeout=20.0)

    :raises ValueError: if the URL does not say it. The message says what it must be.
    """
    _require_characters(url)
    found = _CLAMD.fullmatch(url)
    port, timeout = (int(found["port"] or _CLAMD_PORT), float(found["timeout"] or _CLAMD_TIMEOUT)) if found else (0, 0)
    if found is None or not 0 < port <= 65535 or timeout == 0:
        raise ValueError("a callable, 'clamd://host:port' or 'clamd:///path/of/socket', or one with '?timeout=SECONDS'")
    return Clamd(found["host"], port, found["path"], timeout)


def require_mongo(url: str) -> bool:
    """Check the start of a connection string of MongoDB, and that its user and its password are quoted.

    :raises ValueError: if they are not. The message says what it must be, without showing them.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme not in ("mongodb", "mongodb+srv"):
        raise ValueError("a URL that begins with mongodb:// or mongodb+srv://")
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    login, at, _ = authority.rpartition("@")
    # an option may have one too, as AWS_SESSION_TOKEN
    before = re.split("[?][A-Za-z]+=", rest, maxsplit=1)[0]
    further = "@" in before[len(authority) :] or (
        "@" in rest and not at and not all(map(_is_server, authority.split(",")))
    )
    if further or (at and ("@" in login or login.count(":") > 1 or _has_unquoted_percent(login))):
        raise ValueError("a URL whose user and password are quoted: write %40 for @, %3A for :, %2F for /, %25 for %")
    return True


def _is_server(entry: str) -> bool:
    return re.fullmatch(r"(\[.*\]|[^:]*)(:[0-9]*)?", entry) is not None


def _has_unquoted_percent(text: str) -> bool:
    return re.search("%(?![0-9A-Fa-f]{2})", text) is not None


def _require_characters(url: str) -> None:
    if _IMPOSSIBLE.search(url):
        raise ValueError("a URL without spaces, line breaks, quotes, '<', '>' and backslashes")


def _scheme_of(url: str) -> str:
    """Return the scheme of a URL, or an empty str if it has none."""
    found = _START.match(url)
    if not found:
        return ""
    scheme, slashes = found[1], found[2]
    if len(slashes) < 2 and (slashes or scheme.lower() in _SCHEMES):
        raise ValueError(f"a URL with two slashes after '{scheme}:'")
    # without slashes, it is a host and a port
    return scheme if slashes else ""


def _require_host(rest: str) -> str:
    """Return the host of what follows the slashes of a URL."""
    host = _require_port(rest)
    if not host:
        raise ValueError("a URL with a host")
    return host


def _require_port(rest: str) -> str:
    """Return the host, which may be empty."""
    authority = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    host, _, port = authority.rpartition(":") if re.search(r":[^\]]*$", authority) else (authority, "", "")
    if port and not (port.isdecimal() and int(port) <= 65535):
        raise ValueError("a URL with a port from 0 to 65535")
    return host
