from contextlib import closing
from urllib.parse import urlsplit

import pytest
from containers import bare_connection, new_container, open_container
from servers.faults import FaultProxy
from servers.keystone import keystone


@pytest.fixture
def swift_connection(swift_place):
    """A connection of the driver."""
    with closing(bare_connection(swift_place)) as connection:
        yield connection


@pytest.fixture
def container(swift_place):
    """The name of an empty container."""
    with new_container(swift_place) as name:
        yield name


@pytest.fixture
def open_swift(swift_place, container):
    """Open the container, or another one, as a filesystem, with further parameters of SwiftFS."""
    opened = []

    def open_swift(name=container, **parameters):
        opened.append(open_container(swift_place, name, **parameters))
        return opened[-1]

    yield open_swift
    for filesystem in opened:
        filesystem.close()


@pytest.fixture
def swift(open_swift):
    """The container as a filesystem."""
    return open_swift()


@pytest.fixture
def proxy(swift_place):
    """Stands between the storage and the server, and fails as it is told."""
    address = urlsplit(swift_place.auth_url)
    with FaultProxy(address.hostname, address.port) as proxy:
        yield proxy


@pytest.fixture
def make_storage(configure_storage, swift_place, container):
    """Configure a storage in the container, with further settings."""

    def make_storage(name="files", **settings):
        settings = {
            "BACKEND": "swift",
            "AUTHURL": swift_place.auth_url,
            "USER": swift_place.user,
            "KEY": swift_place.key,
            "AUTH_VERSION": "1",
            "CONTAINER": container,
            **settings,
        }
        return configure_storage(name, settings)

    return make_storage


@pytest.fixture
def storage(app, make_storage):
    """An empty storage in the container."""
    storage = make_storage()
    with app.app_context():
        yield storage


@pytest.fixture
def service(swift_server):
    with keystone(swift_server) as service:
        yield service


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
