"""What is wrong if a server cannot be reached: one sentence for whoever wrote the settings."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

# the longest address in a sentence
_LONGEST = 80

# what drivers say where the exception below them does not come along, as in PyMongo's ServerSelectionTimeoutError
_REFUSED = re.compile("connection refused|actively refused")
_UNKNOWN = re.compile(
    "name or service not known|name resolution|nodename nor servname|getaddrinfo failed|failed to resolve"
    "|no address associated|dns query name does not exist|dns operation timed out|all nameservers failed"
)
_NO_ROUTE = re.compile("no route to host|network is unreachable|host is down")
_TOO_MANY_FILES = re.compile("too many open files")
_TOO_MANY_CONNECTIONS = re.compile(
    "too many (open )?connections|checking out a connection from|connection pool is full"
)
_SILENT = re.compile("timed out|read timeout on|connect timeout on|no servers found yet")
_CLOSED = re.compile("connection (was )?(closed|reset|aborted|broken)|end connection without response|unexpected_eof")

# what a server without TLS sends looks to OpenSSL like one of these
_NOT_TLS = re.compile("wrong_version_number|wrong version number|unknown_protocol|record layer failure|http_request")
# what PyMongo says if the server hangs up on the first bytes of TLS
_NO_HANDSHAKE = re.compile("ssl handshake failed: .*(unexpected_eof|eof occurred|connection reset)")
# what Go, nginx, Apache and Tomcat answer to HTTP without TLS; and the beginning of a TLS alert, as a status line
_NEEDS_TLS = re.compile(
    "http request to an https server|plain http request was sent to https port|speaking plain http to an ssl-enabled"
    "|this combination of host and port requires tls|\x15\x03[\x00-\x04]|" + r"\\x15\\x03"
)

# where each driver looks for authorities
_AUTHORITIES = {
    "ENDPOINT": "in the file that AWS_CA_BUNDLE names",
    "AUTHURL": "in the file that REQUESTS_CA_BUNDLE names",
    "MONGO_URL": "by tlsCAFile in MONGO_URL",
    # that of Swift, which a login gives
    "the storage URL": "in the file that REQUESTS_CA_BUNDLE names",
}


def unreachable(
    error: BaseException,
    key: str,
    address: str,
    timeout: float | None = None,
    *,
    before: BaseException | None = None,
) -> str | None:
    """Return what to do about an error of a driver, or None if it does not say that the server was out of reach.

    :param error: the exception of the driver. What it was raised from is looked at too.
    :param key: the setting that holds the address: ``ENDPOINT``, ``AUTHURL``, ``MONGO_URL``, ``OPEN_URL``.
    :param address: its value. User, password and query are left out of the sentence.
    :param timeout: the setting TIMEOUT, in seconds.
    :param before: what was handled already when the driver was called, and so is not the driver's.
    """
    where = f"{key} {shown_address(address)}"
    found = list(_linked(error, before))
    texts = [_said(each) for each in found]

    def is_kind(kinds: type[BaseException] | tuple[type[BaseException], ...], *numbers: int) -> bool:
        return any(isinstance(each, kinds) or getattr(each, "errno", None) in numbers for each in found)

    def says(pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(text) for text in texts)

    if any(type(each).__name__ in ("ProxyError", "ProxyConnectionError") for each in found):
        return f"the proxy before {where} cannot be used: check HTTP_PROXY and HTTPS_PROXY, or add the host to NO_PROXY"
    if is_kind((), errno.EMFILE, errno.ENFILE) or says(_TOO_MANY_FILES):
        return f"{where} cannot be reached, because this process has too many open files: raise its limit (ulimit -n)"
    if says(_TOO_MANY_CONNECTIONS):
        return f"{where} has no connection left: too many are in use at once, so allow more there or run fewer workers"
    if is_kind(ConnectionRefusedError, errno.ECONNREFUSED) or says(_REFUSED):
        return f"{where} refused the connection: is the server running, and is the port right?"
    if is_kind(socket.gaierror) or says(_UNKNOWN):
        return f"the host of {where} is unknown: check its spelling, and whether DNS works here"
    if (certificate := _certificate(found, texts, key, where)) is not None:
        return certificate
    if says(_NOT_TLS) or says(_NO_HANDSHAKE):
        return no_tls(key, address)
    if says(_NEEDS_TLS):
        return tls_only(key, address)
    if is_kind(TimeoutError, errno.ETIMEDOUT) or says(_SILENT):
        within = "in time" if timeout is None else f"in {timeout:g} s"
        longer = "timeout in its query" if key == "OPEN_URL" else "TIMEOUT"
        return f"{where} did not answer {within}: check host, port and firewall, or raise {longer}"
    if is_kind((), errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN) or says(_NO_ROUTE):
        return f"there is no route to {where}: check the host, the network and the firewall"
    if is_kind((ConnectionError, EOFError, ssl.SSLEOFError, ssl.SSLZeroReturnError)) or says(_CLOSED):
        hint = f", or {_scheme(key, address, tls=True)} if the port needs TLS" if _may_need_tls(address, texts) else ""
        return f"{where} closed the connection before its answer was complete: look into its log{hint}"
    if is_kind(ssl.SSLError):
        return f"{where} and this machine agree on no version or cipher of TLS: look into the server's settings"
    return None


def is_wrong_scheme(error: BaseException, *, before: BaseException | None = None) -> bool:
    """Return whether only the setting can be wrong: the server speaks no TLS on this port, or nothing else."""
    texts = [_said(each) for each in _linked(error, before)]
    return any(_NOT_TLS.search(text) or _NEEDS_TLS.search(text) for text in texts)


def is_unknown_host(error: BaseException, *, before: BaseException | None = None) -> bool:
    """Return whether there is no such host."""
    found = list(_linked(error, before))
    return any(isinstance(each, socket.gaierror) or _UNKNOWN.search(_said(each)) for each in found)


def needs_tls(text: str) -> bool:
    """Return whether the text of an answer with the status 400 says that the server wants TLS on this port."""
    return _NEEDS_TLS.search(text.lower()) is not None


def tls_only(key: str, address: str) -> str:
    """Return what to do if the server wants TLS on this port."""
    return f"{key} {shown_address(address)} wants TLS on this port: {_scheme(key, address, tls=True)}"


def no_tls(key: str, address: str) -> str:
    """Return what to do if the server does not speak TLS on this port."""
    scheme = _scheme(key, address, tls=False)
    return f"{key} {shown_address(address)} does not speak TLS on this port: {scheme}, or set the port with TLS"


def _certificate(found: list[BaseException], texts: list[str], key: str, where: str) -> str | None:
    text = next((text for text in texts if "certificate verify failed" in text or "certificate_verify" in text), None)
    if text is None and not any(isinstance(each, ssl.SSLCertVerificationError) for each in found):
        text = next((text for text in texts if "hostname" in text and "doesn't match" in text), None)
        if text is None:
            return None
    text = text or ""
    if "mismatch" in text or "doesn't match" in text or "not valid for" in text:
        return f"the certificate of {where} is for another host: set a host that the certificate names"
    if "expired" in text or "not yet valid" in text:
        return f"the certificate of {where} is expired or not valid yet: renew it, or set the clock of this machine"
    authority = _AUTHORITIES.get(key, "in the file that SSL_CERT_FILE names")
    return f"the certificate of {where} is not trusted here: make its authority (CA) known {authority}"


def _may_need_tls(address: str, texts: list[str]) -> bool:
    # before the first answer
    if address.startswith("mongodb://"):
        return not re.search("(tls|ssl)=true", address) and any("topology description" in text for text in texts)
    return address.startswith("http://") and any("connection aborted" in text for text in texts)


def _scheme(key: str, address: str, *, tls: bool) -> str:
    scheme = address.partition("://")[0].lower()
    if scheme.startswith("mongodb"):
        return f"set tls={'true' if tls else 'false'} in {key}"
    plain = scheme.removesuffix("s") if scheme in ("https", "ftps") else scheme
    return f"set {key} to {plain}{'s' if tls else ''}://…"


def _said(error: BaseException) -> str:
    # without URLs, which have the name of a file: that may be anything
    return " ".join(word for word in str(error).lower().split() if "/" not in word)


def _linked(error: BaseException, before: BaseException | None) -> Iterator[BaseException]:
    # drivers keep the exception below in any of these, and some only there
    seen, pending = {id(before)}, [error]
    while pending:
        each = pending.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inside = [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        more = getattr(each, "kwargs", None)
        inside += more.values() if isinstance(more, dict) else ()
        pending += [inner for inner in inside if isinstance(inner, BaseException)]


def shown_address(address: str) -> str:
    """Return an address without user, password and query, and not longer than 80 characters."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        scheme, rest = "", address
    if not _is_clean(rest):
        # a password that is not quoted may hold anything
        rest = rest.rpartition("@")[2]
    shown = scheme + mark + re.split("[?#]", rest, maxsplit=1)[0].rstrip("/")
    shown = "".join(character for character in shown if character.isprintable())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]}…{shown[1 - _LONGEST // 2 :]}"


def _is_clean(rest: str) -> bool:
    before, _, query = rest.partition("?")
    if "@" in before:
        return False
    return "@" not in query or re.match(r"\w+=", query) is not None
