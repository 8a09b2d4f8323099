"""What to do about an error of Swift or of Keystone: the setting that is wrong, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import shortened
from ..unreachable import needs_tls, shown_address, tls_only, unreachable

STORAGE_URL = "the storage URL"

_VERSION_1 = re.compile(r"/(auth/v1(\.\d+)?|v1\.\d+|auth)/*\Z")
_VERSION_OF = re.compile(r"/v([23])(\.\d+)?/*\Z")

# what Keystone may say of a login that it refuses (its setting insecure_debug), and which setting that means
_TOLD = (
    (re.compile("application credential", re.IGNORECASE), "application_credential_id and _secret in OS_OPTIONS"),
    (re.compile("domain", re.IGNORECASE), "user_domain_name and project_domain_name in OS_OPTIONS"),
    (re.compile("project|tenant", re.IGNORECASE), "TENANT_NAME"),
    (re.compile("invalid user(name)? (/|or) password", re.IGNORECASE), "USER and KEY"),
    (re.compile("user", re.IGNORECASE), "USER"),
    (re.compile("password", re.IGNORECASE), "KEY"),
)

Options = Mapping[str, str]


def login_refused(url: str, version: str, user: str | None, options: Options, said: str) -> str:
    """Return what to do if the login is refused.

    :param url: the address of the authentication service.
    :param version: its version.
    :param said: what the service says.
    """
    if version == "1":
        hint = "" if ":" in (user or "") else "; in version 1, USER is usually account:user"
        if not _VERSION_1.search(urlsplit(url).path):
            hint += "; AUTHURL usually ends with /auth/v1.0"
        return f"Swift refused USER or KEY, and does not tell which: correct them{hint}"
    blamed = next((setting for pattern, setting in _TOLD if pattern.search(said)), None)
    if "application_credential_id" in options or "application_credential_name" in options:
        blamed = "application_credential_id or _name, and _secret, in OS_OPTIONS"
    if blamed is None:
        project = next((f"{key} in OS_OPTIONS" for key in ("project_id", "tenant_id") if key in options), "TENANT_NAME")
        return (
            f"Keystone refused USER, KEY or {project}, and does not tell which: correct them, or the domains of both "
            "in OS_OPTIONS (user_domain_name, project_domain_name)"
        )
    return f"Keystone refused the login ({shortened(said, 80)}): correct {blamed}"


def no_login(url: str, version: str, status: int | None, headers: Mapping[str, str], content: str) -> str:
    """Return what to do if what answers at AUTHURL is no login of this version.

    :param status: the status of the answer, or None if it was that of a success.
    :param headers: its headers.
    :param content: its body.
    """
    if needs_tls(content):
        return tls_only("AUTHURL", url)
    where = f"AUTHURL {shown_address(url)}"
    answered = "answered, but not with a token" if status is None else f"answered {status}"
    path = urlsplit(url).path
    written = _VERSION_OF.search(path)
    if version == "1":
        if written or re.search(r'"versions?"\s*:', content):
            return f"{where} is Keystone's: set AUTH_VERSION to {written[1] if written else 3}, which now is 1"
        return (
            f"{where} {answered}: it usually ends with /auth/v1.0; for Keystone set AUTH_VERSION to 3, which now is 1"
        )
    if _VERSION_1.search(path) or "X-Trans-Id" in headers:
        return (
            f"{where} {answered}, as Swift's own login does: set AUTH_VERSION to 1, which now is {version}, with an "
            "AUTHURL that ends with /auth/v1.0"
        )
    if written and written[1] != version:
        return f"{where} is that of version {written[1]}, but AUTH_VERSION is {version}: make them the same"
    ending = "/v3" if version == "3" else "/v2.0"
    return (
        f"{where} {answered}: for Keystone it usually ends with {ending}, without /auth/tokens; if it is Swift's own "
        "login, with /auth/v1.0 and AUTH_VERSION 1"
    )


def no_store(catalogue: Iterable[Any], options: Options) -> str:
    """Return what to do if the catalogue of Keystone has no address for the account.

    :param catalogue: its services, in the form of version 3.
    """
    kind, region = options.get("service_type", "object-store"), options.get("region_name")
    interface = options.get("endpoint_type", "public").removesuffix("URL")
    services = list(catalogue)
    if not services:
        return "Keystone gives no catalogue without a project: set TENANT_NAME, or object_storage_url in OS_OPTIONS"
    endpoints = [each for service in services if service["type"] == kind for each in service["endpoints"]]
    if not endpoints:
        found = _listed(service["type"] for service in services)
        if "service_type" in options:
            return f"Keystone's catalogue has no service_type '{kind}', as OS_OPTIONS asks for: it has {found}"
        return (
            "Keystone's catalogue has no object store for this project: check TENANT_NAME, or set service_type in "
            f"OS_OPTIONS to one of {found}"
        )
    regions = {each["region_name"] for each in endpoints}
    if region and region not in regions:
        return f"Keystone's catalogue has no REGION_NAME '{region}' for the object store: it has {_listed(regions)}"
    interfaces = _listed(each["interface"] for each in endpoints if region in (None, each["region_name"]))
    return (
        f"Keystone's catalogue has no usable '{interface}' address of the object store: set endpoint_type in "
        f"OS_OPTIONS to one of {interfaces}, or another REGION_NAME of {_listed(regions)}"
    )


def _listed(names: Iterable[Any]) -> str:
    return shortened(", ".join(repr(name) for name in sorted({str(name) for name in names})), 80)


def login_failed(error: BaseException, url: str, timeout: float, before: BaseException | None) -> str | None:
    """Return what to do if the authentication service could not be reached, or failed; else None."""
    status = getattr(error, "http_status", None)
    if isinstance(status, int):
        where, reason = f"AUTHURL {shown_address(url)}", getattr(error, "http_reason", "")
        return f"{where} answered {status} {shortened(reason, 60)}: look into the log of the authentication service"
    return unreachable(error, "AUTHURL", url, timeout, before=before)


def account_failed(
    error: BaseException, url: str, timeout: float, before: BaseException | None, options: Options
) -> str | None:
    """Return what to do if the address of the account could not be reached, else None."""
    advice = unreachable(error, STORAGE_URL, url, timeout, before=before)
    if "object_storage_url" in options:
        return advice and f"{advice} (object_storage_url in OS_OPTIONS is this URL)"
    # the app sets no such key
    return advice and f"{advice} (the login gave this URL; object_storage_url in OS_OPTIONS replaces it)"


def account_refused(status: int, headers: Mapping[str, str], content: str, url: str, *, is_swift: bool) -> str | None:
    """Return what to do about an answer that has nothing to do with the object or its container, else None."""
    where = f"{STORAGE_URL} {shown_address(url)}"
    if needs_tls(content):
        return tls_only(STORAGE_URL, url) + " by object_storage_url in OS_OPTIONS"
    if status == 401:
        return (
            f"{where} does not accept the token that the login gave: correct AUTHURL or REGION_NAME, or "
            "object_storage_url in OS_OPTIONS; or Swift cannot ask Keystone"
        )
    if "Location" in headers:
        return (
            f"{where} redirects to {origin(headers['Location'])}, where no token is sent: correct it in the "
            "authentication service, or set object_storage_url in OS_OPTIONS"
        )
    if not is_swift:
        # the answer to a HEAD has no body that says more
        is_tls = status == 400 and url.startswith("http://")
        check, https = ("if it is a port of TLS,", " to https://…") if is_tls else ("check its proxy, or", "")
        return f"{where} answered {status}, but not as Swift does: {check} set object_storage_url in OS_OPTIONS{https}"
    return None


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL. The rest may have secrets."""
    try:
        place = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return f"{place.scheme}://{place.netloc.rpartition('@')[2]}" if place.netloc else "another path"


def denied(container: str, owner: str, *, reads: bool, makes: bool = False) -> str:
    """Return what to do if Swift refuses a container.

    :param owner: the container of the storage, which is another one if this one keeps segments.
    :param reads: whether it was to be read.
    :param makes: whether it was to be made.
    """
    name = shortened(repr(container), 66)
    if container != owner:
        does = "make" if makes else "read" if reads else "write to"
        return (
            f"USER may not {does} {name}, which keeps the segments of CONTAINER {shortened(repr(owner), 50)}: give it "
            "the same role or ACLs (X-Container-Read, X-Container-Write) on both"
        )
    if makes:
        return (
            f"USER may not make CONTAINER {name}: make it and give USER its ACLs (X-Container-Read, "
            "X-Container-Write), or give USER a role that may, or correct CONTAINER"
        )
    does, acl = ("read", "X-Container-Read") if reads else ("write to", "X-Container-Write")
    return (
        f"USER may not {does} CONTAINER {name}: give USER a role in the project or the container's ACL {acl}, or "
        "correct CONTAINER"
    )
