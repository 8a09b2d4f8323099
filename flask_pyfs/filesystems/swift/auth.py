"""The login to OpenStack Swift: at Swift itself (version 1), or at Keystone (versions 2 and 3).

keystoneauth1 sends the requests. Compared with ``get_auth`` of swiftclient, this module follows no redirect, logs no
key, does not need python-keystoneclient, and raises the same errors as the other requests.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from keystoneauth1 import exceptions as keystone
from keystoneauth1.identity import v2, v3
from keystoneauth1.session import Session
from requests import Response
from requests import exceptions as http
from requests.adapters import HTTPAdapter
from requests.sessions import Session as HTTPSession
from swiftclient.authv1 import PasswordPlugin
from swiftclient.client import ClientException

from ...errors import StoreMisconfigured
from ...options import Secret
from ..objects.errors import misconfigured
from .advice import login_refused, no_login, no_store, origin
from .answers import whole_body
from .errors import advised, is_transient

VERSIONS = ("1", "2", "3")

#: The rule for the address of a service, to be read after its name.
ADDRESS = "must be a URL that begins with http:// or https://, without a user or a password before the host"

# what the plugins raise for an answer that is none of a login
_ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

# the names that OS_OPTIONS accepts
_USER = ("user_id", "user_domain_id", "user_domain_name")
_PROJECT = ("tenant_id", "tenant_name", "project_id", "project_name", "project_domain_id", "project_domain_name")
_APPLICATION = ("application_credential_id", "application_credential_name", "application_credential_secret")
_PLACE = ("region_name", "endpoint_type", "service_type", "object_storage_url")
KNOWN = frozenset((*_USER, *_PROJECT, *_APPLICATION, *_PLACE, "auth_type"))


@dataclass(frozen=True, repr=False)
class AccountAccess:
    """The access to an account.

    :param url: the address of the account.
    :param token: the token for its requests.
    """

    url: str
    token: Secret


@dataclass(frozen=True, repr=False)
class Credentials:
    """The credentials of a user.

    :param auth_url: the address of the authentication service.
    :param user: the name of the user.
    :param key: the key or password of the user.
    :param version: the version of the authentication service: ``'1'``, ``'2'`` or ``'3'``.
    :param options: pairs of names and values; the names are those of ``os_options`` in swiftclient.
    """

    auth_url: str
    user: str | None
    key: str | None
    version: str
    options: tuple[tuple[str, str], ...] = ()


def authenticator(credentials: Credentials, timeout: float) -> Callable[[], AccountAccess]:
    """Return a function that logs in and returns the access. No request before it is called.

    :param timeout: the seconds to wait for each response.
    :raises flask_pyfs.errors.StoreMisconfigured: if an option has an unknown name, or the credentials are invalid.
    """
    if not is_address(credentials.auth_url):
        # not shown, because it may have a password
        raise misconfigured(f"AUTHURL {ADDRESS}")
    options = dict(credentials.options)
    if unknown := sorted(set(options) - KNOWN):
        names = ", ".join(sorted(KNOWN))
        raise misconfigured(f"OS_OPTIONS has an unknown name {unknown[0]!r}: use one of {names}")
    plugin = _plugin(credentials, options)
    return lambda: _access(plugin, credentials, timeout)


def is_address(url: str) -> bool:
    """Return whether a URL can be that of a service. One with a user or a password is not: it would be shown."""
    try:
        place = urlsplit(url)
        return (
            place.scheme in ("http", "https") and "@" not in place.netloc and bool(place.hostname and place.port != 0)
        )
    except ValueError:
        return False


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
        return v2.Password(url, password=_secret(credentials.key), tenant_id=project_id, tenant_name=project, **user)
    if "user_id" not in given:
        given["username"] = credentials.user or ""
        if "user_domain_name" not in given:
            given.setdefault("user_domain_id", "default")
    application: dict[str, Any] = {name: Secret(options[name]) for name in _APPLICATION if name in options}
    if application:
        # the name of an application credential is unique per user only, so it needs the user
        user = (
            {} if "application_credential_id" in application else {k: v for k, v in given.items() if "project" not in k}
        )
        return v3.ApplicationCredential(url, **application, **user)
    if project and not project_id and "project_domain_name" not in given:
        given.setdefault("project_domain_id", "default")
    return v3.Password(url, password=_secret(credentials.key), project_id=project_id, project_name=project, **given)


def _secret(key: str | None) -> Secret:
    return Secret(key or "")


def _header(secret: str | None) -> Secret:
    value = _secret(secret)
    if not value.isprintable() or max(value, default="") > "\xff" or value != value.strip():
        # checked here, because the error of the driver would show the secret
        raise misconfigured(
            "USER or KEY begins or ends with white space, or contains characters that an HTTP header cannot have"
        )
    # the library encodes headers as Latin-1, but Swift expects UTF-8
    return Secret(value.encode().decode("latin-1"))


class _Login(HTTPAdapter):
    """Sends the requests of a login."""

    def send(self, request: Any, *arguments: Any, **options: Any) -> Response:
        response: Any = super().send(request, *arguments, **options)
        with response:
            if response.is_redirect:
                # it would send the secrets to another server
                place = origin(response.headers["Location"])
                raise misconfigured(f"AUTHURL redirects to {place}: set it to the final address")
            response.raw.decode_content = True
            content = whole_body(response)
        response.raw = io.BytesIO(content)
        return cast(Response, response)


def _access(plugin: Any, credentials: Credentials, timeout: float) -> AccountAccess:
    options = dict(credentials.options)
    with HTTPSession() as sender:
        sender.mount("http://", _Login())
        sender.mount("https://", _Login())
        session = Session(plugin, session=sender, timeout=timeout, redirect=False)
        # do not reuse the plugin's last token: it has expired
        session.invalidate()
        try:
            return _checked(*_token_and_url(plugin, session, options))
        except keystone.ConnectionError as error:
            # the exception of requests tells a timeout from other failures
            raise error.__context__ or http.ConnectionError(str(error)) from None
        except keystone.HttpError as error:
            raise _refused(error, credentials) from error
        except keystone.CatalogException as error:
            raise misconfigured(no_store(_catalogue(plugin, session), options), error) from error
        except (keystone.ClientException, *_ODD) as error:
            # the plugins do not validate a response before they parse it
            raise _no_login(getattr(error, "response", None), error, credentials) from error


def _catalogue(plugin: Any, session: Session) -> list[Any]:
    access = plugin.get_access(session)
    return list(access.service_catalog.normalize_catalog()) if access.has_service_catalog() else []


def _no_login(response: Any, error: Exception, credentials: Credentials) -> StoreMisconfigured:
    status = getattr(response, "status_code", 200)
    content = getattr(response, "text", "")
    said = no_login(
        credentials.auth_url,
        credentials.version,
        None if status < 300 else status,
        getattr(response, "headers", {}),
        content,
    )
    return misconfigured(said, error)


def _checked(token: Any, url: Any) -> AccountAccess:
    """Return the access that a login gave.

    :raises TypeError: if it gave something else.
    """
    if not isinstance(token, str) or not isinstance(url, str):
        raise TypeError("the token or the address of the account is no text")
    if not token or not token.isprintable() or not token.isascii():
        raise ValueError("the token is empty, or cannot be sent")
    if not is_address(url):
        raise misconfigured(f"the storage URL, which the login or object_storage_url gives, {ADDRESS}")
    return AccountAccess(url.rstrip("/"), Secret(token))


def _token_and_url(plugin: Any, session: Session, options: Mapping[str, str]) -> tuple[Any, Any]:
    if isinstance(plugin, PasswordPlugin):
        # the session would log in twice if the token expires soon
        found = plugin.get_access(session)
        return found.auth_token, options.get("object_storage_url") or found.storage_url
    token = session.get_token()
    url = options.get("object_storage_url") or session.get_endpoint(
        service_type=options.get("service_type", "object-store"),
        interface=options.get("endpoint_type", "public").removesuffix("URL"),
        region_name=options.get("region_name"),
    )
    if not url:
        raise misconfigured(no_store(_catalogue(plugin, session), options))
    return token, url


def _refused(error: Any, credentials: Credentials) -> Exception:
    status = error.http_status
    failure: Exception = ClientException("the login failed", http_status=status, http_reason=error.message)
    if status in (401, 403):
        options = dict(credentials.options)
        said = login_refused(credentials.auth_url, credentials.version, credentials.user, options, error.message)
        return advised(failure, said)
    # a 404 of the authentication service must not look like a missing file
    if status >= 500 or is_transient(failure):
        return failure
    return _no_login(error.response, error, credentials)
