"""The login of a user of OpenStack Swift: at Swift itself (version 1), or at Keystone (versions 2 and 3).

keystoneauth1 sends the requests. This module buys what swiftclient's ``get_auth`` lacks: no redirection takes a secret
elsewhere, no key is logged, no python-keystoneclient is needed, and the errors are those of the other requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from keystoneauth1 import exceptions as keystone
from keystoneauth1.identity import v2, v3
from keystoneauth1.session import Session
from requests import exceptions as http
from swiftclient.authv1 import PasswordPlugin
from swiftclient.client import ClientException

from ...errors import StoreMisconfigured
from .errors import is_passing

VERSIONS = ("1", "2", "3")

# what OS_OPTIONS takes
_USER = ("user_id", "user_domain_id", "user_domain_name")
_PROJECT = ("tenant_id", "tenant_name", "project_id", "project_name", "project_domain_id", "project_domain_name")
_APPLICATION = ("application_credential_id", "application_credential_name", "application_credential_secret")
_PLACE = ("region_name", "endpoint_type", "service_type", "object_storage_url")
KNOWN = frozenset((*_USER, *_PROJECT, *_APPLICATION, *_PLACE, "auth_type"))


@dataclass(frozen=True)
class AccountAccess:
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


def authenticator(credentials: Credentials, timeout: float) -> Callable[[], AccountAccess]:
    """Return what asks for access.

    :param timeout: how many seconds to wait for each answer.
    :raises flask_pyfs.errors.StoreMisconfigured: for options that nobody knows.
    """
    options = dict(credentials.options)
    if unknown := sorted(set(options) - KNOWN):
        raise StoreMisconfigured(f"OS_OPTIONS has {unknown[0]!r}, which is none of {', '.join(sorted(KNOWN))}")
    plugin = _plugin(credentials, options)
    return lambda: _access(plugin, options, timeout)


def _plugin(credentials: Credentials, options: Mapping[str, str]) -> Any:
    if credentials.version == "1":
        return PasswordPlugin(credentials.auth_url, _header(credentials.user), _header(credentials.key))
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


def _header(secret: str | None) -> str:
    value = secret or ""
    if not value.isprintable() or max(value, default="") > "\xff" or value != value.strip():
        # an error of the driver would show it
        raise StoreMisconfigured(
            "USER or KEY begins or ends with white space, or has characters that no header may have"
        )
    # in UTF-8, through a library that writes Latin-1
    return value.encode().decode("latin-1")


def _access(plugin: Any, options: Mapping[str, str], timeout: float) -> AccountAccess:
    # who is redirected would tell the secrets elsewhere
    session = Session(plugin, timeout=timeout, redirect=False)
    # one that was asked for before is known to be of no more use
    session.invalidate()
    try:
        token = session.get_token()
        url = options.get("object_storage_url") or session.get_endpoint(
            service_type=options.get("service_type", "object-store"),
            interface=options.get("endpoint_type", "public").removesuffix("URL"),
            region_name=options.get("region_name"),
        )
    except keystone.ConnectionError as error:
        # what requests raised says whether it was silence
        raise error.__context__ or http.ConnectionError(str(error)) from None
    except keystone.HttpError as error:
        raise _refused(error) from error
    except (keystone.InvalidResponse, AttributeError, LookupError, TypeError) as error:
        # plugins take answers apart as they come
        message = f"what answers at AUTHURL is no login of that AUTH_VERSION, or only redirects to one ({error})"
        raise StoreMisconfigured(message, exc=error) from error
    except keystone.ClientException as error:
        raise StoreMisconfigured(f"the login failed: {error}", exc=error) from error
    if not url:
        raise StoreMisconfigured("Keystone knows no object store of that region and endpoint type: see REGION_NAME")
    return AccountAccess(url.rstrip("/"), str(token))


def _refused(error: Any) -> Exception:
    failure: Exception = ClientException("the login failed", http_status=error.http_status, http_reason=error.message)
    # a page that is not there is no file that is not there
    if error.http_status in (401, 403) or error.http_status >= 500 or is_passing(failure):
        return failure
    return StoreMisconfigured(f"{failure}: see AUTHURL and AUTH_VERSION", exc=error)
