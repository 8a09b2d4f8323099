"""Wrong settings that only Swift or Keystone can tell: each error names the setting and says what to do."""

import socket
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from containers import bare_connection
from failures import Unseekable
from fs import errors
from servers.faults import FaultProxy
from servers.keystone import all_endpoints, keystone, storage_url
from servers.nginx import nginx
from servers.openstack import GUEST
from servers.process import HOST, free_ports
from servers.tls import certificate
from wrong_settings import check, wrong

import flask_pyfs as fs

pytestmark = pytest.mark.server

BIG = 5_000_000
UNKNOWN = "nowhere.invalid"


@pytest.fixture(scope="module")
def around(swift_server, tmp_path_factory):
    """Swift, and what a wrong address may lead to."""
    directory = tmp_path_factory.mktemp("tls")
    made = certificate(directory, HOST)
    with closing(bare_connection(swift_server.place)) as connection:
        connection.put_container("files")
        acl = {"X-Container-Read": GUEST, "X-Container-Write": GUEST}
        connection.put_container("shared", acl)
        connection.put_container("shared_segments")
        connection.put_container("readable", {"X-Container-Read": GUEST})
    (port,) = free_ports(1)
    listen = f"listen {HOST}:{port} ssl; ssl_certificate {made.path}; ssl_certificate_key {made.key};"
    silent = socket.create_server((HOST, 0))
    unused = socket.create_server((HOST, 0))
    down = f"{HOST}:{unused.getsockname()[1]}"
    unused.close()
    with silent, nginx(directory, swift_server.port, locations=listen) as forwarding:
        yield SimpleNamespace(
            swift=swift_server,
            plain=f"{HOST}:{swift_server.port}",
            proxy=forwarding.url,
            tls=f"{HOST}:{port}",
            down=down,
            silent=f"{HOST}:{silent.getsockname()[1]}",
            authority=made.path,
        )


@pytest.fixture
def configure(configure_storage, around):
    """Configure a storage at Swift's own login, with further settings; one that is None is not set."""

    def configure(**settings):
        swift = around.swift
        given = {"BACKEND": "swift", "AUTHURL": swift.auth_url, "USER": swift.user, "KEY": swift.key, **settings}
        given = {"TIMEOUT": 0.5 if around.silent in str(settings) else 10, "RETRIES": 0, **given}
        return configure_storage("files", {key: value for key, value in given.items() if value is not None})

    return configure


def at_keystone(service, version, **settings):
    """The settings of a user whom Keystone lets in."""
    given = {"AUTHURL": service.url, "USER": service.user.name, "KEY": service.password}
    given |= {"AUTH_VERSION": version, "TENANT_NAME": service.project.name}
    options = settings.pop("OS_OPTIONS", {})
    domain = {"project_domain_id": service.project.domain.id} if version == "3" else {}
    return {**given, "OS_OPTIONS": {**domain, **options}, **settings}


# Out of reach: for each address, the error and what it says of the setting

OUT_OF_REACH = {
    "down": ("http", "down", fs.BackendError, "refused the connection"),
    "unknown": ("http", None, fs.BackendError, "is unknown"),
    "silent": ("http", "silent", fs.BackendError, "did not answer in 0.5 s"),
    "https on a plain port": ("https", "plain", fs.ConfigurationError, "does not speak TLS on this port"),
    "http on a port of TLS": ("http", "tls", fs.ConfigurationError, "wants TLS on this port"),
    "certificate": ("https", "tls", fs.BackendError, "REQUESTS_CA_BUNDLE"),
}


@pytest.mark.parametrize("reason", OUT_OF_REACH)
@pytest.mark.parametrize("path", ["/auth/v1.0", "/v2.0", "/v3"])
def test_a_login_that_is_out_of_reach(app, configure, around, reason, path):
    scheme, name, kind, said = OUT_OF_REACH[reason]
    place = getattr(around, name) if name else UNKNOWN
    url = f"{scheme}://{place}{path}"
    wrong(app, configure(AUTHURL=url, TENANT_NAME="archive"), kind, f"AUTHURL {url}", said)


@pytest.mark.parametrize("reason", OUT_OF_REACH)
@pytest.mark.parametrize("version", ["2", "3", "object_storage_url"])
def test_a_storage_url_that_is_out_of_reach(app, configure, around, reason, version):
    scheme, name, kind, says = OUT_OF_REACH[reason]
    url = f"{scheme}://{getattr(around, name) if name else UNKNOWN}/v1/AUTH_test"
    is_plain = reason == "http on a port of TLS"
    # the answer to a HEAD does not say it
    kinds = (fs.ConfigurationError, fs.BackendError) if is_plain else (kind,)
    said = (f"the storage URL {url}", "TLS" if is_plain else says, "object_storage_url in OS_OPTIONS")
    if version == "object_storage_url":
        said = (*said[:2], said[2] if is_plain else "object_storage_url in OS_OPTIONS is this URL")
        wrong(app, configure(OS_OPTIONS={"object_storage_url": url}), kinds, *said)
        return
    with keystone(around.swift, dict.fromkeys(all_endpoints(), url)) as service:
        storage = configure(**at_keystone(service, version))
        if around.silent in url:
            storage.backend.config["timeout"] = 0.5
        wrong(app, storage, kinds, *said)


def test_a_proxy_that_is_out_of_reach(app, configure, around, monkeypatch):
    url = f"http://{UNKNOWN}/v1/AUTH_test"
    with keystone(around.swift, dict.fromkeys(all_endpoints(), url)) as service:
        monkeypatch.setenv("http_proxy", f"http://{around.down}")
        monkeypatch.setenv("no_proxy", HOST)
        storage = configure(**at_keystone(service, "3"))
        wrong(app, storage, fs.BackendError, f"the proxy before the storage URL {url}", "HTTP_PROXY")


def test_a_proxy_that_the_environment_names(app, configure, around, monkeypatch):
    url = f"http://{UNKNOWN}{urlsplit(storage_url(around.swift)).path}"
    with keystone(around.swift, dict.fromkeys(all_endpoints(), url)) as service, app.app_context():
        monkeypatch.setenv("http_proxy", around.proxy)
        monkeypatch.setenv("no_proxy", HOST)
        storage = configure(**at_keystone(service, "3"))
        storage.write("proxied.txt", b"content")
        # it was read at the login
        monkeypatch.delenv("http_proxy")
        assert storage.read("proxied.txt") == b"content"
        storage.delete("proxied.txt")
        monkeypatch.setenv("http_proxy", around.proxy)
        monkeypatch.setenv("no_proxy", f"{HOST},.invalid")
        # another account, which logs in
        storage = configure(**at_keystone(service, "3"), TIMEOUT=9)
        wrong(app, storage, fs.BackendError, f"the storage URL {url}", "is unknown")


def test_a_storage_url_without_tls_behind_a_proxy_with_it(app, configure, around, monkeypatch):
    # Swift gives its own scheme, where storage_url_scheme is not set
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(around.authority))
    storage = configure(AUTHURL=f"https://{around.tls}/auth/v1.0")
    kind = (fs.ConfigurationError, fs.BackendError)
    wrong(app, storage, kind, f"the storage URL http://{around.tls}", "TLS", "https://", "object_storage_url")


def test_a_storage_url_of_something_else(app, configure, around):
    with keystone(around.swift) as service:
        storage = configure(OS_OPTIONS={"object_storage_url": f"{service.url}/v1/AUTH_test"})
        said = ("the storage URL", "but not as Swift does", "object_storage_url in OS_OPTIONS")
        wrong(app, storage, fs.BackendError, *said)


def test_a_token_of_another_cluster(app, configure, around):
    with keystone(around.swift) as service, FaultProxy(HOST, around.swift.port) as proxy:
        answer = b"HTTP/1.1 401 Unauthorized\r\nX-Trans-Id: tx1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        proxy.answer(answer)
        url = f"{proxy.url}/v1/AUTH_test"
        storage = configure(**at_keystone(service, "3", OS_OPTIONS={"object_storage_url": url}))
        wrong(app, storage, fs.PermissionDenied, "the storage URL", "token", "AUTHURL", "object_storage_url")


# The version, and the path of AUTHURL


VERSION_1 = [
    # what AUTHURL ends with, AUTH_VERSION, and what is said
    ("/auth", None, ["AUTHURL", "answered 405", "set AUTH_VERSION to 1"]),
    ("", None, ["AUTHURL", "answered 4", "set AUTH_VERSION to 1", "/auth/v1.0"]),
    ("/auth/v1.0", "3", ["AUTHURL", "answered 405", "set AUTH_VERSION to 1", "now is 3"]),
    ("/auth/v1.0", "2", ["AUTHURL", "answered 405", "set AUTH_VERSION to 1", "now is 2"]),
    ("", "1", ["AUTHURL", "answered 404", "usually ends with /auth/v1.0"]),
    ("/v1.0", "1", ["AUTHURL", "answered 412", "usually ends with /auth/v1.0"]),
    ("/auth", "1", ["AUTHURL", "answered 412", "usually ends with /auth/v1.0"]),
    ("/auth/v7.0", "1", ["AUTHURL", "answered 400", "usually ends with /auth/v1.0"]),
    ("/healthcheck", "1", ["AUTHURL", "not with a token", "usually ends with /auth/v1.0"]),
]


@pytest.mark.parametrize(("path", "version", "said"), VERSION_1)
def test_a_wrong_path_or_version_at_the_login_of_swift(app, configure, around, path, version, said):
    storage = configure(AUTHURL=f"http://{around.plain}{path}", AUTH_VERSION=version)
    wrong(app, storage, fs.ConfigurationError, *said)


KEYSTONE = [
    ("/v3", "1", ["AUTHURL", "Keystone's", "set AUTH_VERSION to 3"]),
    ("/v2.0", "1", ["AUTHURL", "Keystone's", "set AUTH_VERSION to 2"]),
    ("", "1", ["AUTHURL", "Keystone's", "set AUTH_VERSION to 3"]),
    ("/", "1", ["AUTHURL", "Keystone's", "set AUTH_VERSION to 3"]),
    ("/identity", "1", ["AUTHURL", "answered 404", "AUTH_VERSION to 3"]),
    ("/v3", "2", ["AUTHURL", "version 3", "AUTH_VERSION is 2"]),
    ("/v2.0", "3", ["AUTHURL", "version 2", "AUTH_VERSION is 3"]),
    ("/identity/v3", "3", ["AUTHURL", "answered 404", "usually ends with /v3"]),
    ("/identity", "3", ["AUTHURL", "answered 404", "usually ends with /v3"]),
    ("/v3/auth/tokens", "3", ["AUTHURL", "answered 404", "usually ends with /v3", "/auth/tokens"]),
    ("/v2.0/tokens", "2", ["AUTHURL", "answered 404", "usually ends with /v2.0"]),
]


@pytest.mark.parametrize(("path", "version", "said"), KEYSTONE)
def test_a_wrong_path_or_version_at_keystone(app, configure, around, path, version, said):
    with keystone(around.swift) as service:
        storage = configure(**at_keystone(service, version, AUTHURL=f"{service.url}{path}"))
        wrong(app, storage, fs.ConfigurationError, *said)


# Who is refused


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"KEY": "wr0ng"}, []),
        ({"USER": "test:nobody"}, []),
        ({"USER": "tester"}, ["account:user"]),
    ],
)
def test_a_login_that_swift_refuses(app, configure, settings, said):
    said = ["Swift refused USER or KEY", "does not tell which", *said]
    wrong(app, configure(**settings), fs.PermissionDenied, *said, hidden=["wr0ng"])


def test_a_login_of_swift_at_the_address_of_the_account(app, configure, around):
    storage = configure(AUTHURL=f"http://{around.plain}/v1/AUTH_test", AUTH_VERSION="1")
    wrong(app, storage, fs.PermissionDenied, "AUTHURL usually ends with /auth/v1.0")


REFUSED = [
    ({"KEY": "wr0ng"}, "KEY"),
    ({"USER": "nobody"}, "USER"),
    ({"TENANT_NAME": "other"}, "TENANT_NAME"),
]


@pytest.mark.parametrize(("settings", "key"), REFUSED)
@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("tells", [False, True])
def test_a_login_that_keystone_refuses(app, configure, around, settings, key, version, tells):
    with keystone(around.swift) as service:
        service.tells = tells
        storage = configure(**at_keystone(service, version, **settings))
        said = [f"correct {key}"] if tells else ["USER, KEY or TENANT_NAME", "does not tell which", "user_domain_name"]
        if tells and key != "TENANT_NAME" and (version == "2" or key == "KEY"):
            said = ["correct USER and KEY"]
        wrong(app, storage, fs.PermissionDenied, *said, hidden=["wr0ng"])


def test_a_project_in_os_options_that_keystone_refuses(app, configure, around):
    with keystone(around.swift) as service:
        options = {"project_id": "0"}
        storage = configure(**at_keystone(service, "3", TENANT_NAME=None, OS_OPTIONS=options))
        wrong(app, storage, fs.PermissionDenied, "USER, KEY or project_id in OS_OPTIONS")


@pytest.mark.parametrize("tells", [False, True])
def test_an_application_credential_that_keystone_refuses(app, configure, around, tells):
    with keystone(around.swift) as service:
        service.tells = tells
        given = {"application_credential_id": service.credential.id, "application_credential_secret": "wr0ng"}
        storage = configure(AUTHURL=service.v3_url, USER="-", KEY="unused", OS_OPTIONS=given)
        said = ("application_credential_id", "_secret", "in OS_OPTIONS")
        wrong(app, storage, fs.PermissionDenied, *said, hidden=["wr0ng"])


# The catalogue

CATALOGUE = [
    ({"TENANT_NAME": None, "OS_OPTIONS": {"project_domain_id": ""}}, ["catalogue", "TENANT_NAME"]),
    ({"REGION_NAME": "Nowhere"}, ["REGION_NAME 'Nowhere'", "'RegionOne', 'RegionTwo'"]),
    ({"OS_OPTIONS": {"endpoint_type": "secret"}}, ["endpoint_type in OS_OPTIONS", "'admin", "'internal", "'public"]),
    ({"OS_OPTIONS": {"service_type": "files"}}, ["service_type 'files'", "OS_OPTIONS", "'object-store'"]),
]


@pytest.mark.parametrize(("settings", "said"), CATALOGUE)
@pytest.mark.parametrize("version", ["2", "3"])
def test_what_the_catalogue_does_not_have(app, configure, around, settings, said, version):
    with keystone(around.swift) as service:
        storage = configure(**at_keystone(service, version, **settings))
        wrong(app, storage, fs.ConfigurationError, *said)


def test_a_region_that_has_no_such_endpoint(app, configure, around):
    endpoints = {("RegionOne", "public"): storage_url(around.swift), ("RegionTwo", "internal"): "http://internal/"}
    with keystone(around.swift, endpoints) as service:
        storage = configure(**at_keystone(service, "3", REGION_NAME="RegionTwo"))
        wrong(app, storage, fs.ConfigurationError, "endpoint_type in OS_OPTIONS", "'internal'", "REGION_NAME")


# The container

DENIED = [
    ("files", ["write"], ["USER may not write to CONTAINER 'files'", "X-Container-Write", "role"]),
    ("files", ["read", "exists", "list_files"], ["USER may not read CONTAINER 'files'", "X-Container-Read", "role"]),
    ("readable", ["write"], ["USER may not write to CONTAINER 'readable'", "X-Container-Write", "role"]),
    ("absent", ["write"], ["USER may not write to CONTAINER 'absent'", "X-Container-Write", "correct CONTAINER"]),
]


@pytest.mark.parametrize(("container", "calls", "said"), DENIED)
def test_a_container_that_is_refused(app, configure, container, calls, said):
    wrong(app, configure(USER=GUEST, CONTAINER=container), fs.PermissionDenied, *said, calls=calls)


@pytest.mark.parametrize("container", ["files", "readable", "shared", "absent"])
def test_a_container_of_segments_that_is_refused(app, configure, container, caplog):
    storage = configure(USER=GUEST, CONTAINER=container)
    with app.app_context(), pytest.raises(fs.PermissionDenied) as raised:
        storage.write("a.bin", Unseekable(bytes(BIG)), overwrite=True)
    said = (f"'{container}_segments'", f"CONTAINER '{container}'", "X-Container-Write", "both", "'files'")
    check(str(raised.value), [], *said)
    # nothing was stored, so there is nothing to delete
    assert "could not delete" not in caplog.text


def test_a_container_that_may_not_be_made(app, configure, around):
    with FaultProxy(HOST, around.swift.port) as proxy:
        answer = "HTTP/1.1 {}\r\nX-Trans-Id: tx1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        storage = configure(AUTHURL=f"{proxy.url}/auth/v1.0", CONTAINER="unmade")
        with app.app_context():
            storage.exists("a.txt")
        proxy.answer(
            answer.format("403 Forbidden").encode(), when=lambda head: head.startswith(b"PUT") and b"a.txt" not in head
        )
        said = ("USER may not make CONTAINER 'unmade'", "make it", "X-Container-Write")
        wrong(app, storage, fs.PermissionDenied, *said, calls=["write"])


def test_a_container_that_is_missing(app, configure, swift_connection):
    storage = configure(CONTAINER="missing", CREATE_CONTAINER=False)
    wrong(app, storage, fs.ConfigurationError, "CONTAINER 'missing' does not exist", "make it", "CREATE_CONTAINER")
    for overwrite in (True, False):
        with app.app_context(), pytest.raises(fs.ConfigurationError, match="CONTAINER 'missing' does not exist"):
            storage.write("a.bin", Unseekable(bytes(BIG)), overwrite=overwrite)
    # no segments were stored for nothing
    names = [found["name"] for found in swift_connection.get_account(full_listing=True)[1]]
    assert not {"missing", "missing_segments"} & set(names)


# The key of temporary URLs


def test_a_filesystem_without_a_temp_url_key(app, configure):
    storage = configure()
    with app.app_context(), pytest.raises(errors.Unsupported, match="TEMP_URL_KEY"):
        storage.backend.store.temporary_url("a.txt", 9_999_999_999)


def test_signing_asks_nobody(app, make_storage, proxy):
    # Swift may be down, slow, or reached in another way than by those who have the URL
    storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", TEMP_URL_KEY="s3cret key", RETRIES=0, TIMEOUT=2)
    with app.test_request_context():
        storage.exists("a.txt")
        before = len(proxy.requests)
        proxy.refuse()
        for name in "abc":
            assert "temp_url_sig" in storage.url(name, expires=60)
        assert len(proxy.requests) == before
