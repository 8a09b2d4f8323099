"""A token service in front of a Swift with tempauth: the part of OpenStack Keystone that clients of Swift need."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from servers.openstack import Swift
from servers.process import HOST

REGIONS = ("RegionOne", "RegionTwo")
INTERFACES = ("public", "internal", "admin")
SWIFT_SECONDS = 60

JSON = dict[str, Any]
Endpoints = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Entity:
    """An entity that a request names by its id, or by its name and domain, if it has a domain."""

    id: str
    name: str
    domain: Entity | None = None

    def is_meant(self, given: JSON) -> bool:
        if "id" in given:
            return bool(given["id"] == self.id)
        return bool(given["name"] == self.name) and (self.domain is None or self.domain.is_meant(given["domain"]))

    def facts(self) -> JSON:
        domain = {"domain": self.domain.facts()} if self.domain else {}
        return {"id": self.id, "name": self.name, **domain}


# two domains, so that a client that confuses them is refused; without a setting, clients use the id "default"
USER = Entity("5f0ae3b1", "keeper", Entity("default", "Default"))
PROJECT = Entity("91c7d2e4", "archive", Entity("d3a06b58", "Projects"))
CREDENTIAL = Entity("7be41f90", "robot")


@dataclass
class Keystone:
    """A running token service, the credentials it accepts, and the number of tokens it issued.

    :ivar tells: whether it says why it refuses a login, as Keystone does with ``insecure_debug``.
    """

    port: int
    user: Entity = USER
    password: str = "right password"
    project: Entity = PROJECT
    credential: Entity = CREDENTIAL
    credential_secret: str = "right secret"
    tokens: int = 0
    tells: bool = False

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def v2_url(self) -> str:
        return f"{self.url}/v2.0"

    @property
    def v3_url(self) -> str:
        return f"{self.url}/v3"


@contextmanager
def keystone(swift: Swift, endpoints: Endpoints | None = None) -> Iterator[Keystone]:
    """Issue tokens for ``swift``.

    :param endpoints: the URLs in the catalog by region and interface, as in ``{("RegionOne", "public"): url}``. By
        default, the catalog lists all ``REGIONS`` and ``INTERFACES`` with ``storage_url(swift)``.
    """
    if endpoints is None:
        endpoints = dict.fromkeys(all_endpoints(), storage_url(swift))
    owner = os.getpid()
    with _Server((HOST, 0), _Handler) as server:
        server.service = _Service(swift, endpoints, Keystone(server.server_port))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.service.keystone
        finally:
            if os.getpid() == owner:  # a forked child does not have the thread, and would wait for it forever
                server.shutdown()
                thread.join()


def all_endpoints() -> list[tuple[str, str]]:
    """Return all pairs of a region and an interface."""
    return [(region, interface) for region in REGIONS for interface in INTERFACES]


def storage_url(swift: Swift) -> str:
    """Return the URL of the account in Swift."""
    return _tempauth(swift)["X-Storage-Url"]


def _tempauth(swift: Swift) -> Mapping[str, str]:
    url = urlsplit(swift.auth_url)
    with closing(HTTPConnection(url.netloc, timeout=SWIFT_SECONDS)) as connection:
        connection.request("GET", url.path, headers={"X-Auth-User": swift.user, "X-Auth-Key": swift.key})
        response = connection.getresponse()
        response.read()
    if response.status != 200:
        raise OSError(f"{swift.auth_url} answered {response.status}")
    return dict(response.headers)


class _RefusedError(Exception):
    """The request is well formed, but its credentials are not accepted."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class _Service:
    def __init__(self, swift: Swift, endpoints: Endpoints, keystone: Keystone) -> None:
        self.keystone = keystone
        self._swift = swift
        self._endpoints = endpoints
        self._counting = threading.Lock()

    def describe(self, path: str) -> _Answer:
        versions = [{"id": "v3.14", "status": "stable"}, {"id": "v2.0", "status": "deprecated"}]
        found = {"/v3": versions[0], "/v2.0": versions[1]}.get(path.rstrip("/"))
        if found:
            return _Answer(200, {"version": found})
        if path == "/":
            return _Answer(300, {"versions": {"values": versions}})
        return _error(404, "Not Found", f"Nothing is at {path}.")

    def answer(self, path: str, body: bytes) -> _Answer:
        versions = {"/v2.0/tokens": self._version_2, "/v3/auth/tokens": self._version_3}
        if path not in versions:
            return _error(404, "Not Found", f"Nothing is at {path}.")
        try:
            return versions[path](json.loads(body)["auth"])
        except _RefusedError as error:
            hidden = "The request you have made requires authentication."
            return _error(401, "Unauthorized", str(error) if self.keystone.tells else hidden)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _error(400, "Bad Request", f"The request cannot be understood: {error!r}.")
        except (OSError, HTTPException) as error:
            return _error(503, "Service Unavailable", f"Swift gave no token: {error!r}.")

    def _version_2(self, auth: JSON) -> _Answer:
        given, known = auth["passwordCredentials"], self.keystone
        user = known.user.id == given["userId"] if "userId" in given else known.user.name == given["username"]
        _check(user and given["password"] == known.password, "Invalid username or password")
        is_scoped = "tenantId" in auth or "tenantName" in auth
        project = (
            known.project.id == auth["tenantId"] if "tenantId" in auth else known.project.name == auth.get("tenantName")
        )
        _check(project or not is_scoped, "Could not find project")
        token, issued, expires = self._new_token()
        tenant = {"id": known.project.id, "name": known.project.name, "enabled": True}
        user = {"id": known.user.id, "name": known.user.name, "username": known.user.name, "roles": [{"name": "admin"}]}
        access = {
            "token": {"id": token, "issued_at": issued, "expires": expires, "tenant": tenant},
            "user": user,
            "serviceCatalog": [_object_store(self._endpoints_2())] if is_scoped else [],
        }
        return _Answer(200, {"access": access})

    def _version_3(self, auth: JSON) -> _Answer:
        identity, known = auth["identity"], self.keystone
        if identity["methods"] == ["password"]:
            self._check_password(identity["password"]["user"], auth.get("scope"))
            more: JSON = {}
        elif identity["methods"] == ["application_credential"]:
            _check("scope" not in auth, "Application credentials cannot request a scope.")
            self._check_credential(identity["application_credential"])
            more = {"application_credential": {**known.credential.facts(), "restricted": True}}
        else:
            raise _RefusedError(f"The methods {identity['methods']} are not supported.")
        token, issued, expires = self._new_token()
        facts = {
            "methods": identity["methods"],
            "issued_at": issued,
            "expires_at": expires,
            "user": known.user.facts(),
            **more,
        }
        if more or "scope" in auth:
            # a token without a project has no catalogue
            facts["project"] = known.project.facts()
            facts["roles"] = [{"id": "admin", "name": "admin"}]
            facts["catalog"] = [_object_store(self._endpoints_3())]
        return _Answer(201, {"token": facts}, {"X-Subject-Token": token})

    def _check_password(self, user: JSON, scope: JSON | None) -> None:
        _check(self.keystone.user.is_meant(user), "Could not find user")
        _check(user["password"] == self.keystone.password, "Invalid user / password")
        _check(scope is None or self.keystone.project.is_meant(scope["project"]), "Could not find project")

    def _check_credential(self, given: JSON) -> None:
        _check(self.keystone.credential.is_meant(given), "Could not find Application Credential")
        _check("id" in given or self.keystone.user.is_meant(given["user"]), "Could not find user")
        _check(given["secret"] == self.keystone.credential_secret, "Invalid application credential")

    def _new_token(self) -> tuple[str, str, str]:
        """Return a token of Swift, its time of issue and its time of expiry. Swift returns the same one until then."""
        headers = _tempauth(self._swift)
        with self._counting:
            self.keystone.tokens += 1
        now = datetime.now(timezone.utc)
        expires = now + timedelta(seconds=int(headers["X-Auth-Token-Expires"]))
        return headers["X-Auth-Token"], _time(now), _time(expires)

    def _endpoints_2(self) -> list[JSON]:
        regions: dict[str, JSON] = {}
        for (region, interface), url in self._endpoints.items():
            regions.setdefault(region, {"region": region})[f"{interface}URL"] = url
        return list(regions.values())

    def _endpoints_3(self) -> list[JSON]:
        return [
            {"id": f"{region}-{interface}", "region": region, "region_id": region, "interface": interface, "url": url}
            for (region, interface), url in self._endpoints.items()
        ]


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a longer queue, so that with many clients at once no SYN is dropped and retried
    service: _Service


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._send(self.server.service.describe(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(self.server.service.answer(self.path, body))

    def _send(self, answer: _Answer) -> None:
        content = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _check(right: bool, told: str) -> None:
    if not right:
        raise _RefusedError(told)


def _object_store(endpoints: list[JSON]) -> JSON:
    return {"id": "swift", "type": "object-store", "name": "swift", "endpoints": endpoints}


def _error(status: int, title: str, message: str) -> _Answer:
    return _Answer(status, {"error": {"code": status, "title": title, "message": message}})


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
