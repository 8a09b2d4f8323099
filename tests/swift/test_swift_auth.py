"""How a storage is let in: by Swift, and by Keystone with a password or an application credential."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import fs
import pytest
from fs.opener.errors import OpenerError
from logins import v1, v2, v2_ids, v3_credential, v3_domain_ids, v3_ids, v3_named_credential, v3_names
from servers.faults import FaultProxy
from servers.keystone import REGIONS, all_endpoints, keystone, storage_url
from servers.process import HOST

import flask_pyfs
from flask_pyfs.backends.swift import SwiftBackend
from flask_pyfs.config import Config
from flask_pyfs.errors import BackendError, ConfigurationError, PermissionDenied, StoreMisconfigured
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.filesystems.swift.account import make_account

PASSWORDS = [v2, v2_ids, v3_names, v3_domain_ids, v3_ids]
CASES = [*PASSWORDS, v3_credential, v3_named_credential]


@contextmanager
def only(endpoint, swift, port):
    """A Keystone that knows endpoints on which nothing answers, but for one."""
    endpoints = dict.fromkeys(all_endpoints(), f"http://{HOST}:{port}/v1/AUTH_test")
    with keystone(swift, {**endpoints, endpoint: storage_url(swift)}) as service:
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


@pytest.mark.parametrize(
    ("address", "version"),
    [
        ("/auth/v1.0", "1"),
        ("/auth/v1.0/", "1"),
        ("/auth/v1", "1"),
        ("/v1", "1"),
        ("/v1.0", "1"),
        ("/v2.0", "2"),
        ("/v2", "2"),
        ("/identity/v2.0//", "2"),
        ("/v3", "3"),
        ("/identity/v3/", "3"),
        ("", "3"),
        ("/", "3"),
        ("/identity", "3"),
        ("/v1/identity", "3"),
        ("/v4", "3"),
        ("/v10", "3"),
        ("/av1", "3"),
        (":5000", "3"),
    ],
)
def test_the_version_of_an_address(make_storage, address, version):
    storage = make_storage(AUTHURL=f"https://swift.example.org{address}", AUTH_VERSION=None)
    assert storage.config.auth_version == storage.backend.config.auth_version == version
    for given in ("1", "2", "3"):
        told = make_storage(AUTHURL=f"https://swift.example.org{address}", AUTH_VERSION=given)
        assert told.config.auth_version == given


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("form", [int, float, str, "{}.0", "v{}", "v{}.0", "V{}", " {} "], ids=str)
def test_the_forms_of_a_version(make_storage, number, form):
    given = form.format(number) if isinstance(form, str) else form(number)
    assert make_storage(AUTH_VERSION=given).config.auth_version == str(number)


@pytest.mark.parametrize("given", [0, 4, "4", "", "one", True, [1]])
def test_what_is_no_version(make_storage, given):
    with pytest.raises(ConfigurationError, match="FILES_FS_AUTH_VERSION must be"):
        make_storage(AUTH_VERSION=given)


def test_a_backend_built_by_hand_takes_the_version_of_its_address():
    given = {"authurl": "https://swift.example.org/auth/v1.0", "user": "a", "key": "k"}
    assert SwiftBackend("files", Config(given)).config.auth_version == "1"
    assert SwiftBackend("files", Config(given, auth_version=3)).config.auth_version == "3"


def test_swift_lets_in_who_tells_no_version(app, make_storage):
    # the settings of Flask-FS 0.6, which always was let in by Swift itself
    storage = make_storage(AUTH_VERSION=None)
    with app.app_context():
        storage.write("a", b"content")
        assert storage.read("a") == b"content"


@pytest.mark.parametrize("case", [v2, v3_ids])
def test_keystone_lets_in_who_tells_no_version(make_kept, service, case):
    path = "/v2.0" if case is v2 else "/v3"
    storage = make_kept(service, case, AUTHURL=f"{service.url}{path}", AUTH_VERSION=None)
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


@pytest.fixture
def make_any(make_kept, service, swift_place):
    """Configure a storage whose users are let in at another address, by Keystone or, in version 1, by Swift itself."""

    def make_any(case, origin, **settings):
        given, path = case(service), urlsplit(swift_place.auth_url).path if case is v1 else ""
        if case is v1:
            given |= {"USER": swift_place.user, "KEY": swift_place.key}
        return make_kept(service, lambda _: given, AUTHURL=f"{origin}{path}", **settings)

    return make_any


@pytest.fixture
def origin_of(service, swift_place):
    """The host and port that let users in."""
    return lambda case: (HOST, urlsplit(swift_place.auth_url).port if case is v1 else service.port)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
def test_a_redirection_takes_no_secret_elsewhere(make_any, origin_of, case, status):
    with FaultProxy(*origin_of(case)) as proxy, FaultProxy(*origin_of(case)) as elsewhere:
        path = {v1: "/auth/v1.0", v2: "/v2.0/tokens"}.get(case, "/v3/auth/tokens")
        storage = make_any(case, proxy.url)
        targets = {
            f"{elsewhere.url}{path}": elsewhere.url,
            f"https://{HOST}:{proxy.port}{path}": f"https://{HOST}:{proxy.port}",
            f"http://s3cret:s3cret@{HOST}:{elsewhere.port}{path}?s3cret": elsewhere.url.replace("localhost", HOST),
            "/elsewhere": "another path",
        }
        for target, told in targets.items():
            headers = f"Location: {target}\r\nContent-Length: 0\r\nConnection: close"
            proxy.answer(f"HTTP/1.1 {status} Elsewhere\r\n{headers}\r\n\r\n".encode())
            proxy.reset()
            with pytest.raises(ConfigurationError, match=f"AUTHURL redirects to {told}: ") as raised:
                storage.exists("a")
            assert "s3cret" not in str(raised.value)
            assert len(proxy.requests) == 1
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_takes_no_token_elsewhere(make_any, origin_of, status):
    with FaultProxy(*origin_of(v1)) as proxy, FaultProxy(*origin_of(v1)) as elsewhere:
        storage = make_any(v1, proxy.url)
        storage.write("a", b"content")
        for target in (f"{elsewhere.url}/v1/AUTH_test", f"https://{HOST}:{proxy.port}/v1/AUTH_test", "/v1/AUTH_other"):
            headers = f"Location: {target}\r\nContent-Length: 0\r\nConnection: close"
            proxy.answer(f"HTTP/1.1 {status} Elsewhere\r\n{headers}\r\n\r\n".encode())
            for call in (
                lambda: storage.read("a"),
                lambda: storage.metadata("a"),
                lambda: storage.write("a", b"new", overwrite=True),
                lambda: storage.copy("a", "b", overwrite=True),
                lambda: storage.move("a", "b", overwrite=True),
                lambda: storage.delete("a"),
                lambda: list(storage.list_files()),
            ):
                proxy.reset()
                with pytest.raises(ConfigurationError, match=r"redirects to .*object_storage_url"):
                    call()
                assert len([line for line in proxy.requests if "/info" not in line]) == 1
        assert elsewhere.connections == 0
        proxy.restore()
        assert storage.read("a") == b"content"


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


def keystone_3(catalog, expires="2999-01-01T00:00:00Z", token="token"):
    body = json.dumps({"token": {"catalog": catalog, "expires_at": expires, "methods": [], "user": {}}})
    header = "" if token is None else f"X-Subject-Token: {token}\r\n"
    return f"HTTP/1.1 201 Created\r\n{header}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"


def keystone_2(catalog, expires="2999-01-01T00:00:00Z", token="token"):
    found = {"expires": expires} if token is None else {"expires": expires, "id": token}
    body = json.dumps({"access": {"token": found, "user": {}, "serviceCatalog": catalog}})
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"


def swift_1(url, token="token", expires="60"):
    headers = {"X-Storage-Url": url, "X-Auth-Token": token, "X-Auth-Token-Expires": expires, "Content-Length": "0"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
    return f"HTTP/1.1 200 OK\r\n{lines}Connection: close\r\n\r\n"


def service_of(url):
    names = {"url": url, "interface": "public", "publicURL": url, "region": "RegionOne"}
    return [{"type": "object-store", "name": "swift", "endpoints": [names]}]


NOWHERE = f"http://{HOST}:9/v1/AUTH_test"
ODD_CATALOGS = [5, "x", {}, [], [5], [[]], [{}], [{"type": "object-store"}], [{"type": 5, "endpoints": 5}]]
ODD_CATALOGS += [[{"type": "object-store", "endpoints": odd}] for odd in (5, {}, [5], [{}], [{"interface": "public"}])]
ODD_URLS = [
    None,
    5,
    [],
    {},
    "",
    "x",
    "//host",
    "ftp://host/",
    "http://",
    "http://[",
    "http://host:x/",
    "http://host:99999/",
]
ODD_URLS += ["http://user:s3cret@host/", "http://s3cret@host/v1"]
ODD_TIMES = [None, 5, "", "soon", [], "300000-01-01T00:00:00Z", "2026-99-99T00:00:00Z"]
ODD_LOGINS = [
    *((v3_ids, keystone_3(catalog)) for catalog in [*ODD_CATALOGS, *map(service_of, ODD_URLS)]),
    *((v3_ids, keystone_3(service_of(NOWHERE), token=token)) for token in (None, "", "t\xe9")),
    *((v2, keystone_2(catalog)) for catalog in [*ODD_CATALOGS, *map(service_of, ODD_URLS)]),
    *((v2, keystone_2(service_of(NOWHERE), token=token)) for token in (None, 5, [], "", "a\nb", "\u20ac")),
    *((v1, swift_1(url)) for url in ODD_URLS if isinstance(url, str | None)),
    *((v1, swift_1(NOWHERE, token=token)) for token in (None, "", "t\xe9")),
]
# nobody needs to know when a token expires
ODD_EXPIRIES = [
    *((v3_ids, keystone_3(service_of(NOWHERE), expires)) for expires in ODD_TIMES),
    *((v2, keystone_2(service_of(NOWHERE), expires)) for expires in ODD_TIMES),
    *((v1, swift_1(NOWHERE, expires=expires)) for expires in ("", "soon", "-5", "9" * 400, "nan", "inf")),
]


@pytest.mark.parametrize("case", [v1, v2, v3_ids])
def test_odd_logins(make_any, origin_of, case):
    with FaultProxy(*origin_of(case)) as proxy:
        storage = make_any(case, proxy.url)
        tried = [answer for version, answer in ODD_LOGINS if version is case]
        for answer in tried:
            proxy.answer(answer.encode("latin-1", "backslashreplace"))
            with pytest.raises(ConfigurationError) as raised:
                storage.exists("a")
            assert "s3cret" not in str(raised.value), answer
        assert len(proxy.requests) == len(tried) > 12


@pytest.mark.parametrize("case", [v1, v2, v3_ids])
def test_odd_times_of_expiry(make_any, origin_of, case):
    with FaultProxy(*origin_of(case)) as proxy:
        storage = make_any(case, proxy.url)
        for answer in (answer for version, answer in ODD_EXPIRIES if version is case):
            proxy.answer(answer.encode())
            storage.backend.store._container.account._access = None
            with pytest.raises((BackendError, ConfigurationError)):
                storage.exists("a")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@host/",
        "https://s3cret@host/v3",
        "http://user:s3/cret@host/",
        "user:s3cret@host",
        "http://user:s3@cret@host/",
        "http://user:s3[cret@host/",
    ],
)
@pytest.mark.parametrize("key", ["AUTHURL", "OS_OPTIONS"])
def test_an_address_with_a_password_is_refused(app, url, key):
    right = {"BACKEND": "swift", "AUTHURL": "http://127.0.0.1:1/", "USER": "user", "KEY": "key"}
    wrong = {key: url if key == "AUTHURL" else {"object_storage_url": url}}
    app.config.update({f"FILES_FS_{name}": value for name, value in (right | wrong).items()})
    with pytest.raises(ConfigurationError, match=f"FILES_FS_{key} .*without a user or a password") as raised:
        flask_pyfs.init_app(app, flask_pyfs.Storage("files"))
    assert "s3" not in str(raised.value)
    with pytest.raises(StoreMisconfigured) as caught, SwiftFS("files", url, "user", "key") as filesystem:
        filesystem.isfile("a")
    assert "s3" not in str(caught.value)


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
