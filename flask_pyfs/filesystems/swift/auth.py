"""How a user of OpenStack Swift is let in: by Swift itself (version 1), or by Keystone (versions 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from swiftclient.client import ClientException, http_connection

from ...errors import StoreMisconfigured

__all__ = ["VERSIONS", "Access", "Credentials", "authenticator"]

VERSIONS = ("1", "2", "3")

# what OS_OPTIONS takes
_USER = ("user_id", "user_domain_id", "user_domain_name")
_PROJECT = ("tenant_id", "tenant_name", "project_id", "project_name", "project_domain_id", "project_domain_name")
_APPLICATION = ("application_credential_id", "application_credential_name", "application_credential_secret")
_PLACE = ("region_name", "endpoint_type", "service_type", "object_storage_url")
KNOWN = frozenset((*_USER, *_PROJECT, *_APPLICATION, *_PLACE, "auth_type"))


@dataclass(frozen=True)
class Access:
    """Where an account is, and what lets in there.

    :param url: the address of the account.
    :param token: the token.
    """

    url: str
    token: str


@dataclass(frozen=True, repr=False)
class Credentials:
    """Who asks to be let in.

    :param auth_url: the address of the service that lets in.
    :param version: its version: ``'1'``, ``'2'`` or ``'3'``.
    :param options: pairs of names and values, named as the ``os_options`` of swiftclient.
    """

    auth_url: str
    user: str | None
    key: str | None
    version: str
    options: tuple[tuple[str, str], ...] = ()


def authenticator(credentials: Credentials, timeout: float) -> Callable[[], Access]:
    """Return what asks for access.

    :param timeout: how many seconds to wait for each answer.
    :raises flask_pyfs.errors.StoreMisconfigured: for options that nobody knows.
    """
    options = dict(credentials.options)
    if unknown := sorted(set(options) - KNOWN):
        raise StoreMisconfigured(f"OS_OPTIONS has {unknown[0]!r}, which is none of {', '.join(sorted(KNOWN))}")
    if credentials.version == "1":
        return lambda: _by_swift(credentials, options, timeout)
    plugin = _plugin(credentials, options)
    return lambda: _by_keystone(plugin, options, timeout)


def _by_swift(credentials: Credentials, options: Mapping[str, str], timeout: float) -> Access:
    # swiftclient's own function logs the key
    parsed, connection = http_connection(credentials.auth_url, timeout=timeout)
    # who is redirected would tell the key elsewhere
    connection.requests_args["allow_redirects"] = False
    headers = {"X-Auth-User": credentials.user or "", "X-Auth-Key": credentials.key or ""}
    if any(
        not value.isprintable() or max(value, default="") > "\xff" or value != value.strip()
        for value in headers.values()
    ):
        # an error of the driver would show it
        raise StoreMisconfigured(
            "USER or KEY begins or ends with white space, or has characters that no header may have"
        )
    try:
        response = connection.request("GET", parsed.path, None, headers)
        body = response.content
    finally:
        connection.close()
    url = options.get("object_storage_url") or response.headers.get("X-Storage-Url")
    token = response.headers.get("X-Storage-Token") or response.headers.get("X-Auth-Token")
    if response.status_code >= 300:
        raise _refused(response.status_code, response.reason, body)
    if not url or not token:
        raise StoreMisconfigured("who answers at AUTHURL does not speak version 1 of Swift's authentication")
    return Access(url.rstrip("/"), token)


def _refused(status: int, reason: str, body: bytes) -> ClientException:
    return ClientException("Auth GET failed", http_status=status, http_reason=reason, http_response_content=body[:100])


def _plugin(credentials: Credentials, options: Mapping[str, str]) -> Any:
    try:
        from keystoneauth1.identity import v2, v3
    except ImportError as error:
        raise StoreMisconfigured("AUTH_VERSION 2 and 3 need the package keystoneauth1", exc=error) from error
    url = credentials.auth_url.rstrip("/")
    version = f"v{credentials.version}"
    if not urlsplit(url).path.rstrip("/").rpartition("/")[2].startswith("v"):
        url = f"{url}/{version}.0" if version == "v2" else f"{url}/{version}"
    given: dict[str, Any] = {name: value for name, value in options.items() if name in (*_USER, *_PROJECT)}
    tenant_id, tenant = given.pop("tenant_id", None), given.pop("tenant_name", None)
    project_id, project = given.pop("project_id", tenant_id), given.pop("project_name", tenant)
    if version == "v2":
        user = {"user_id": given["user_id"]} if "user_id" in given else {"username": credentials.user}
        return v2.Password(url, password=credentials.key or "", tenant_id=project_id, tenant_name=project, **user)
    if "user_id" not in given:
        given["username"] = credentials.user or ""
        if "user_domain_name" not in given:
            given.setdefault("user_domain_id", "default")
    application: dict[str, Any] = {name: options[name] for name in _APPLICATION if name in options}
    if application:
        # without an id, its name is that of one of a user's
        user = (
            {} if "application_credential_id" in application else {k: v for k, v in given.items() if "project" not in k}
        )
        return v3.ApplicationCredential(url, **application, **user)
    if project and not project_id and "project_domain_name" not in given:
        given.setdefault("project_domain_id", "default")
    return v3.Password(url, password=credentials.key or "", project_id=project_id, project_name=project, **given)


def _by_keystone(plugin: Any, options: Mapping[str, str], timeout: float) -> Access:
    from keystoneauth1.session import Session

    # who is redirected would tell the secrets elsewhere
    session = Session(plugin, timeout=timeout, redirect=False)
    # one that was asked for before is known to be of no more use
    session.invalidate()
    token = session.get_token()
    url = options.get("object_storage_url") or session.get_endpoint(
        service_type=options.get("service_type", "object-store"),
        interface=options.get("endpoint_type", "public").removesuffix("URL"),
        region_name=options.get("region_name"),
    )
    if not url:
        raise StoreMisconfigured("Keystone knows no object store of that region and endpoint type: see REGION_NAME")
    return Access(url.rstrip("/"), str(token))
