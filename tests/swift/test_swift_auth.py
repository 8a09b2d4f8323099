"""How a storage is let in: by Swift, and by Keystone with a password or an application credential."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import fs
import pytest
from fs.opener.errors import OpenerError
from servers.faults import FaultProxy
from servers.keystone import REGIONS, all_endpoints, keystone, storage_url
from servers.process import HOST

from flask_pyfs.errors import BackendError, ConfigurationError, PermissionDenied
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift.account import make_account


def v1(service):
    return {"AUTH_VERSION": "1"}


def v2(service):
    return {"AUTH_VERSION": "2", "TENANT_NAME": service.project.name}


def v2_ids(service):
    return {"AUTH_VERSION": "2.0", "OS_OPTIONS": {"tenant_id": service.project.id}}


def v3_names(service):
    return {
        "TENANT_NAME": service.project.name,
        "OS_OPTIONS": {
            "user_domain_name": service.user.domain.name,
            "project_domain_name": service.project.domain.name,
        },
    }


def v3_domain_ids(service):
    # without a domain of its own, the user is in the one with the id "default"
    options = {"project_name": service.project.name, "project_domain_id": service.project.domain.id}
    return {"AUTH_VERSION": "3", "OS_OPTIONS": options}


def v3_ids(service):
    return {"AUTH_VERSION": "v3", "OS_OPTIONS": {"user_id": service.user.id, "project_id": service.project.id}}


def v3_credential(service):
    options = {
        "auth_type": "v3applicationcredential",
        "application_credential_id": service.credential.id,
        "application_credential_secret": service.credential_secret,
    }
    return {"KEY": "(not used)", "OS_OPTIONS": options}


def v3_named_credential(service):
    options = {
        "application_credential_name": service.credential.name,
        "application_credential_secret": service.credential_secret,
        "user_domain_name": service.user.domain.name,
    }
    return {"KEY": "(not used)", "OS_OPTIONS": options}


PASSWORDS = [v2, v2_ids, v3_names, v3_domain_ids, v3_ids]
CASES = [*PASSWORDS, v3_credential, v3_named_credential]


@pytest.fixture
def make_kept(app, make_storage):
    """Configure a storage whose users are let in by a Keystone."""

    def make_kept(service, case, **settings):
        user = {"AUTHURL": service.url, "USER": service.user.name, "KEY": service.password}
        given = {**user, "AUTH_VERSION": "3", "TIMEOUT": 3, "RETRIES": 0, **case(service)}
        options = {**given.pop("OS_OPTIONS", {}), **settings.pop("OS_OPTIONS", {})}
        return make_storage(**{**given, "OS_OPTIONS": options, **settings})

    with app.app_context():
        yield make_kept


@contextmanager
def only(endpoint, swift, port):
    """A Keystone that knows endpoints on which nothing answers, but for one."""
    endpoints = dict.fromkeys(all_endpoints(), f"http://{HOST}:{port}/v1/AUTH_test")
    with keystone(swift, {**endpoints, endpoint: storage_url(swift)}) as service:
        yield service


@pytest.fixture
def service(swift_server):
    with keystone(swift_server) as service:
        yield service


@pytest.mark.parametrize("case", CASES)
def test_who_is_let_in(make_kept, service, case):
    storage = make_kept(service, case)
    storage.write("a", b"content")
    assert storage.read("a") == b"content"
    assert service.tokens == 1
    account = storage.backend.store._container.account
    account._access = type(account.access())(account.access().url, "expired")
    assert storage.read("a") == b"content"
    assert service.tokens == 2


@pytest.mark.parametrize("version", ["v2.0", "v3"])
def test_an_address_with_its_version(make_kept, service, version):
    storage = make_kept(service, v2 if version == "v2.0" else v3_ids, AUTHURL=f"{service.url}/{version}/")
    assert not storage.exists("a")


@pytest.mark.parametrize("case", [v2, v3_ids, v3_credential])
@pytest.mark.parametrize("interface", ["internal", "public", "internalURL"])
@pytest.mark.parametrize("region", REGIONS)
def test_region_and_endpoint_type(swift_server, make_kept, unused_port, case, interface, region):
    with only((region, interface.removesuffix("URL")), swift_server, unused_port) as service:
        storage = make_kept(service, case, REGION_NAME=region, OS_OPTIONS={"endpoint_type": interface})
        assert not storage.exists("a")
        other = make_kept(service, case, REGION_NAME=region, OS_OPTIONS={"endpoint_type": "admin"})
        with pytest.raises(BackendError):
            other.exists("a")


def test_a_region_that_is_not_there(make_kept, service):
    storage = make_kept(service, v3_ids, REGION_NAME="Nowhere")
    with pytest.raises(ConfigurationError, match="Nowhere"):
        storage.exists("a")


def test_an_address_of_the_account_that_is_told(make_kept, service, swift_server):
    url = storage_url(swift_server)
    storage = make_kept(service, v3_ids, REGION_NAME="Nowhere", OS_OPTIONS={"object_storage_url": url})
    assert not storage.exists("a")


@pytest.mark.parametrize("case", PASSWORDS)
def test_a_wrong_password(make_kept, service, case):
    storage = make_kept(service, case, KEY="wr0ng password")
    with pytest.raises(PermissionDenied) as raised:
        storage.write("a", b"content")
    assert raised.value.storage == "files"
    assert "wr0ng" not in str(raised.value)
    assert service.tokens == 0


def test_a_wrong_credential(make_kept, service):
    storage = make_kept(service, v3_credential, OS_OPTIONS={"application_credential_secret": "wr0ng"})
    with pytest.raises(PermissionDenied) as raised:
        storage.exists("a")
    assert "wr0ng" not in str(raised.value)


def test_a_service_that_is_away(make_kept, service, unused_port):
    for version in ("1", "2", "3"):
        storage = make_kept(service, v3_ids, AUTHURL=f"http://{HOST}:{unused_port}/", AUTH_VERSION=version)
        with pytest.raises(BackendError):
            storage.exists("a")


@pytest.mark.parametrize("case", [v2, v3_ids, v3_credential])
def test_keystone_is_asked_again(make_kept, service, case):
    answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with FaultProxy(HOST, service.port) as proxy:
        storage = make_kept(service, case, AUTHURL=proxy.url, RETRIES=1)
        proxy.cut_received(after=0)
        assert not storage.exists("a")
        account = storage.backend.store._container.account
        account._access = None
        proxy.answer(answer)
        with pytest.raises(BackendError):
            storage.exists("a")
        first: list[bytes] = []
        proxy.answer(answer, when=lambda head: not first and not first.append(head))
        assert not storage.exists("a")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
def test_a_redirection_takes_no_secret_elsewhere(make_kept, service, swift_place, case, status):
    given = case(service)
    origin = urlsplit(swift_place.auth_url if case is v1 else service.url)
    with FaultProxy(origin.hostname, origin.port) as proxy, FaultProxy(origin.hostname, origin.port) as elsewhere:
        path = {v1: origin.path, v2: "/v2.0/tokens"}.get(case, "/v3/auth/tokens")
        headers = f"Location: {elsewhere.url}{path}\r\nContent-Length: 0\r\nConnection: close"
        proxy.answer(f"HTTP/1.1 {status} Elsewhere\r\n{headers}\r\n\r\n".encode())
        url = f"{proxy.url}{origin.path}"
        if case is v1:
            given |= {"USER": swift_place.user, "KEY": swift_place.key}
        with pytest.raises(ConfigurationError):
            make_kept(service, lambda _: given, AUTHURL=url).exists("a")
        assert len(proxy.requests) == 1
        assert elsewhere.connections == 0


@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
@pytest.mark.parametrize("status", [200, 201, 300, 404, 410])
def test_an_address_of_something_else(make_kept, service, case, status):
    bodies = ["", "<html>", "[]", "5", '{"token": 5}', '{"access": {}}', '{"token": {}, "access": 5}']
    with FaultProxy(HOST, service.port) as proxy:
        storage = make_kept(service, case, AUTHURL=proxy.url, RETRIES=1)
        for body in bodies:
            headers = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\nConnection: close"
            proxy.answer(f"HTTP/1.1 {status} Something\r\n{headers}\r\n\r\n{body}".encode())
            with pytest.raises(ConfigurationError, match="AUTHURL"):
                storage.exists("a")
        assert len(proxy.requests) == len(bodies)


@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_with_braces(make_kept, service, case, status):
    body = """{"error": {"message": "Failed validating 'type': {'type': 'string'}"}}"""
    headers = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\nConnection: close"
    with FaultProxy(HOST, service.port) as proxy:
        proxy.answer(f"HTTP/1.1 {status} Bad {{request}}\r\n{headers}\r\n\r\n{body}".encode())
        with pytest.raises(ConfigurationError, match="AUTHURL"):
            make_kept(service, case, AUTHURL=proxy.url).exists("a")


def test_a_token_that_soon_expires_takes_one_login(make_kept, service):
    head = "X-Storage-Url: http://127.0.0.1:9/v1/AUTH_test\r\nX-Auth-Token: token\r\nX-Auth-Token-Expires: 60"
    with FaultProxy(HOST, service.port) as proxy:
        proxy.answer(f"HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        # the service type is Keystone's alone
        storage = make_kept(service, v1, AUTHURL=proxy.url, OS_OPTIONS={"service_type": "swift"})
        access = storage.backend.store._container.account.access()
        assert (access.url, access.token) == ("http://127.0.0.1:9/v1/AUTH_test", "token")
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
def test_a_login_that_stops_in_its_answer(make_kept, service, case):
    with FaultProxy(HOST, service.port) as proxy:
        proxy.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        with pytest.raises(BackendError):
            make_kept(service, case, AUTHURL=proxy.url, RETRIES=1).exists("a")
        assert len(proxy.requests) == 2


@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
def test_a_login_that_nobody_answers_is_not_repeated(make_kept, service, case):
    with FaultProxy(HOST, service.port) as proxy:
        proxy.hang()
        with pytest.raises(BackendError):
            make_kept(service, case, AUTHURL=proxy.url, RETRIES=2, TIMEOUT=0.5).exists("a")
        assert proxy.connections == 1


@pytest.mark.parametrize("case", CASES)
def test_no_log_has_a_secret(make_kept, service, case, caplog):
    wrong = {"KEY": "wr0ng"} if case in PASSWORDS else {"OS_OPTIONS": {"application_credential_secret": "wr0ng"}}
    with caplog.at_level("DEBUG"):
        storage = make_kept(service, case)
        assert not storage.exists("a")
        token = storage.backend.store._container.account.access().token
        with pytest.raises(PermissionDenied):
            make_kept(service, case, **wrong).exists("a")
    assert caplog.records
    for secret in (service.password, service.credential_secret, token, "wr0ng"):
        assert secret not in caplog.text


def test_one_token_for_all_threads(make_kept, service):
    storage = make_kept(service, v3_ids)
    account = make_account(storage.backend.store._settings)
    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(lambda _: account.access(), range(100)))) == 1
    assert service.tokens == 1
    account.close()


def test_the_opener(swift_place, container):
    user = swift_place.user.replace(":", "%3A")
    host = swift_place.auth_url.partition("//")[2].partition("/")[0]
    url = f"swift://{user}:{swift_place.key}@{host}/{container}?secure=false&timeout=5&segment_size=2000000"
    with fs.open_fs(url) as filesystem:
        assert isinstance(filesystem, SwiftFS)
        filesystem.makedirs("some/where").writetext("a.txt", "content")
    with fs.open_fs(url) as filesystem:
        assert isinstance(filesystem, SwiftFS)
        assert filesystem.readtext("some/where/a.txt") == "content"
        assert filesystem.segment_size == 2_000_000
        assert swift_place.key not in repr(filesystem)


@pytest.mark.parametrize(
    "url",
    [
        "swift://host",
        "swift://user:s3cret@host/",
        "swift://user:s3cret@host/a/b",
        "swift://user:s3cret@host/a?auth_version=7",
        "swift://user:s3cret@host/a?timeout=soon",
    ],
)
def test_urls_that_cannot_be_right(url):
    with pytest.raises(OpenerError) as raised:
        fs.open_fs(url)
    assert "s3cret" not in str(raised.value)
