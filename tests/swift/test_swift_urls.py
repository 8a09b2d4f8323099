"""URLs that Swift signs."""

from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from flask_pyfs.errors import OperationNotSupported


@pytest.fixture
def signing(app, make_storage, swift_connection, container):
    """A storage that signs, with the key of its container."""
    swift_connection.post_container(container, {"X-Container-Meta-Temp-URL-Key": "the key"})
    storage = make_storage(PREFIX="some/where", TEMP_URL_KEY="the key")
    with app.app_context():
        yield storage


@pytest.mark.parametrize("name", ["a.txt", "dir/a b.txt", "ünï/côde +&?#%41.txt", "100%.txt"])
@pytest.mark.parametrize("expires", [60, 60.5, timedelta(minutes=1)])
def test_a_signed_url_gives_the_file(signing, name, expires):
    signing.write(name, b"content")
    with urlopen(signing.url(name, expires=expires)) as response:
        assert response.read() == b"content"


def test_a_signed_url_is_the_same_for_a_while(signing, monkeypatch):
    def url_at(now):
        monkeypatch.setattr("time.time", lambda: now)
        return signing.url("a.txt", expires=3600)

    url = url_at(1_800_000_000.0)
    assert url_at(1_800_000_001.0) == url_at(1_800_000_899.9) == url
    assert url_at(1_800_000_900.0) != url


@pytest.mark.parametrize("lifetime", [1, 2, 5, 60, 3600, 86400 * 7])
def test_how_long_it_is_valid(signing, monkeypatch, lifetime):
    for now in (1_800_000_000.0, 1_800_000_000.9, 1_800_001_234.5):
        monkeypatch.setattr("time.time", lambda now=now: now)
        _, _, expires = signing.url("a.txt", expires=lifetime).rpartition("temp_url_expires=")
        assert lifetime * 0.75 - 1 <= int(expires) - now <= lifetime + 1


def test_what_was_not_signed_is_refused(signing):
    signing.write("a.txt", b"content")
    signing.write("b.txt", b"other")
    url = signing.url("a.txt", expires=60)
    address, _, expires = url.rpartition("temp_url_expires=")
    for changed in (
        url.replace("/a.txt", "/b.txt"),
        f"{address}temp_url_expires={int(expires) + 1}",
        url.partition("?")[0],
        signing.backend.store.temporary_url("some/where/a.txt", 1_000_000_000),
    ):
        with pytest.raises(HTTPError) as raised:
            urlopen(changed)
        raised.value.close()
        assert raised.value.code == 401


def test_a_container_that_is_made_has_the_key(app, make_storage, swift_connection, container):
    swift_connection.delete_container(container)
    storage = make_storage(TEMP_URL_KEY="the key")
    with app.app_context():
        storage.write("a.txt", b"content")
        with urlopen(storage.url("a.txt", expires=60)) as response:
            assert response.read() == b"content"


@pytest.mark.parametrize("expires", [0, -1, float("nan"), float("inf"), timedelta(0)])
def test_times_that_are_none(signing, expires):
    with pytest.raises(ValueError, match="seconds"):
        signing.url("a.txt", expires=expires)


def test_without_a_key(storage):
    with pytest.raises(OperationNotSupported, match="TEMP_URL_KEY"):
        storage.url("a.txt", expires=60)


def test_a_store_that_signs_nothing(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context(), pytest.raises(OperationNotSupported, match="signs no URLs"):
        storage.url("a.txt", expires=60)
