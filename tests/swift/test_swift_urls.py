"""URLs that Swift signs."""

import io
from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import requests

import flask_pyfs as fs


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
        _, _, expires = signing.url("a.txt", expires=lifetime).partition("temp_url_expires=")
        expires = expires.partition("&")[0]
        assert lifetime * 0.75 - 1 <= int(expires) - now <= lifetime + 1


def test_what_was_not_signed_is_refused(signing):
    signing.write("a.txt", b"content")
    signing.write("b.txt", b"other")
    url = signing.url("a.txt", expires=60)
    address, _, query = url.partition("temp_url_expires=")
    expires = query.partition("&")[0]
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


def test_without_a_key_the_app_signs(app, storage):
    storage.write("a.txt", b"content")
    url = storage.url("a.txt", expires=60)
    assert url.startswith("/files/a.txt?")
    assert app.test_client().get(url, buffered=True).data == b"content"


def test_what_browsers_do_with_it(signing):
    signing.write("dir/é b.txt", b"content")
    with urlopen(signing.url("dir/é b.txt", expires=60)) as response:
        assert response.headers["Content-Disposition"].startswith("inline")
    with urlopen(signing.url("dir/é b.txt", expires=60, download=True)) as response:
        assert response.headers["Content-Disposition"].startswith("attachment; filename")
        assert "%C3%A9%20b.txt" in response.headers["Content-Disposition"]


def test_redirects(app, signing, container):
    app.config["FILES_FS_SERVE_MODE"] = "redirect"
    fs.init_app(app, signing)
    signing.write("a b.txt", b"content")
    client = app.test_client()
    with urlopen(client.get("/files/a b.txt").location) as response:
        assert response.read() == b"content"
    assert client.head("/files/a b.txt").content_length == 7


def test_an_upload_goes_to_the_store(signing):
    upload = signing.upload_url("dir/a b.png", expires=60)
    assert upload.method == "PUT"
    assert upload.name.startswith("dir/a b-")
    answer = requests.put(upload.url, data=b"content", headers=upload.headers, timeout=10)
    assert answer.status_code == 201
    assert signing.read(upload.name) == b"content"
    assert signing.metadata(upload.name)["mime"] == "image/png"
    assert requests.get(upload.url, timeout=10).status_code == 401
    other = upload.url.replace("a%20b", "other")
    assert other != upload.url
    assert requests.put(other, data=b"content", timeout=10).status_code == 401


def test_a_container_is_made_for_the_first_upload(app, make_storage, swift_connection, container):
    swift_connection.delete_container(container)
    storage = make_storage(TEMP_URL_KEY="the key")
    with app.app_context():
        upload = storage.upload_url("a.txt", expires=60)
        assert requests.put(upload.url, data=b"content", headers=upload.headers, timeout=10).status_code == 201
        assert storage.read(upload.name) == b"content"


@pytest.mark.parametrize("asked", [{"unique": False}, {"max_size": 10}, {"content_type": "text/plain"}])
def test_what_swift_cannot_hold_goes_through_the_app(app, signing, asked):
    upload = signing.upload_url("a.txt", expires=60, **asked)
    assert (upload.method, upload.url.partition("?")[0]) == ("POST", f"/files/{upload.name}")
    data = {"file": (io.BytesIO(b"content"), "a.txt")}
    assert app.test_client().post(upload.url, data=data).status_code == 201
    assert signing.read(upload.name) == b"content"


def test_swift_cannot_hold_the_largest_size_either(app, signing):
    app.config["FILES_FS_MAX_SIZE"] = 6
    fs.init_app(app, signing)
    upload = signing.upload_url("a.txt", expires=60)
    assert (upload.method, upload.url.partition("?")[0]) == ("POST", f"/files/{upload.name}")
    data = {"file": (io.BytesIO(b"content"), "a.txt")}
    assert app.test_client().post(upload.url, data=data).status_code == 413
    assert not signing.exists(upload.name)
