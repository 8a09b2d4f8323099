"""URLs that the app signs for its own route."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

import flask_pyfs as fs

NOW = 1_800_000_000.0


@pytest.fixture(params=["local", "memory"])
def storage(app, request):
    storage = fs.Storage("files", fs.ALL)
    app.config["FILES_FS_BACKEND"] = request.param
    fs.init_app(app, storage, fs.Storage("others", fs.ALL))
    with app.app_context():
        storage.write("a.txt", "content")
        storage.write("b.txt", "other")
        yield storage


@pytest.fixture
def status(app, storage):
    client = app.test_client()
    return lambda url, **options: client.get(url, buffered=True, **options).status_code


@pytest.mark.parametrize("name", ["a.txt", "dir/a b.txt", "ünï/côde +&?#%41.txt", "100%.txt", "%2e%2e/x"])
@pytest.mark.parametrize("expires", [60, 60.5, timedelta(minutes=1)])
def test_a_signed_url_gives_the_file(app, storage, name, expires):
    storage.write(name, b"signed content", overwrite=True)
    app.config["FILES_FS_PRIVATE"] = True
    fs.init_app(app, storage)
    storage.write(name, b"signed content", overwrite=True)
    url = storage.url(name, expires=expires)
    assert app.test_client().get(url, buffered=True).data == b"signed content"
    assert app.test_client().get(storage.url(name)).status_code == 403


def test_it_is_absolute_on_demand(app, storage):
    with app.test_request_context(base_url="https://files.example/"):
        assert storage.url("a.txt", expires=60).startswith("/files/a.txt?")
        assert storage.url("a.txt", external=True, expires=60).startswith("https://files.example/files/a.txt?")


def test_it_is_one_of_the_route_where_a_url_is_configured(app, storage):
    app.config["FILES_FS_URL"] = "https://cdn.example/"
    fs.init_app(app, storage)
    assert storage.url("a.txt") == "https://cdn.example/a.txt"
    assert storage.url("a.txt", expires=60).startswith("/files/a.txt?")


def test_it_is_the_same_for_a_while(storage, monkeypatch):
    def url_at(now):
        monkeypatch.setattr("time.time", lambda: now)
        return storage.url("a.txt", expires=3600)

    url = url_at(NOW)
    assert url_at(NOW + 1) == url_at(NOW + 899.9) == url
    assert url_at(NOW + 900) != url


@pytest.mark.parametrize("lifetime", [1, 2, 60, 3600])
def test_when_it_expires(storage, status, monkeypatch, lifetime):
    def status_at(now):
        monkeypatch.setattr("time.time", lambda: now)
        return status(url)

    monkeypatch.setattr("time.time", lambda: NOW)
    url = storage.url("a.txt", expires=lifetime)
    assert status_at(NOW) == 200
    assert status_at(NOW + lifetime * 0.74 - 0.5) == 200
    assert status_at(NOW + lifetime + 1) == 403


def test_what_was_not_signed_is_refused(app, storage, status):
    url = storage.url("a.txt", expires=60)
    address, _, query = url.partition("?")
    said = {name: value for name, (value,) in parse_qs(query).items()}
    assert status(url) == 200
    changed = [
        url.replace("/a.txt", "/b.txt"),
        url.replace("/files/", "/others/"),
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        f"{url}A",
        f"{url}&download=1",
        f"{address}?expires={int(said['expires']) + 1}&signature={said['signature']}",
        f"{address}?expires={said['expires']}&expires=9999999999&signature=",
        f"{address}?signature={said['signature']}",
        f"{address}?expires=&signature={said['signature']}",
        f"{address}?expires=%C3%A9&signature=%C3%A9",
        f"{address}?expires={said['expires']}0&signature={said['signature']}",
        f"{address}?signature=",
    ]
    for other in changed:
        assert status(other) == 403, other
    assert status(address) == 200


def test_what_else_a_query_holds_does_not_matter(storage, status):
    assert status(storage.url("a.txt", expires=60) + "&utm_source=mail") == 200


def test_a_signature_for_writing_does_not_let_read(storage, status):
    assert status(storage.upload_url("a.txt", expires=60, unique=False).url) == 403


def test_another_key_does_not_sign(app, storage, status):
    url = storage.url("a.txt", expires=60)
    app.config["SECRET_KEY"] = "another"
    assert status(url) == 403
    app.config["SECRET_KEY_FALLBACKS"] = ["secret"]
    assert status(url) == 200
    app.config["SECRET_KEY"] = None
    assert status(url) == 403


@pytest.mark.parametrize("older", ["old", b"old", ["old", None, ""]])
def test_older_keys(app, storage, status, older):
    app.config["SECRET_KEY"] = "old"
    url = storage.url("a.txt", expires=60)
    app.config["SECRET_KEY"] = "o"
    forged = storage.url("a.txt", expires=60)
    app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=older)
    assert status(url) == 200
    assert status(forged) == 403


def test_urls_of_an_app_that_have_a_query_already(app, storage, status):
    app.url_defaults(lambda endpoint, values: values.setdefault("lang", "en"))
    with app.test_request_context():
        for url in (storage.url("a.txt", expires=60), storage.url("a.txt", download=True)):
            assert url.count("?") == 1
            assert "lang=en&" in url
            assert status(url) == 200


def test_without_a_key(app, storage):
    app.config["SECRET_KEY"] = None
    with pytest.raises(fs.ConfigurationError, match="SECRET_KEY"):
        storage.url("a.txt", expires=60)
    with pytest.raises(fs.ConfigurationError, match="SECRET_KEY"):
        storage.upload_url("a.txt", expires=60)


@pytest.mark.parametrize("expires", [0, -1, float("nan"), float("inf"), timedelta(0)])
def test_times_that_are_none(storage, expires):
    with pytest.raises(ValueError, match="seconds"):
        storage.url("a.txt", expires=expires)


def test_downloads(app, storage):
    client = app.test_client()
    for url in (storage.url("a.txt", download=True), storage.url("a.txt", expires=60, download=True)):
        response = client.get(url, buffered=True)
        assert response.headers["Content-Disposition"] == "attachment; filename=a.txt"
        assert response.data == b"content"


@pytest.mark.parametrize(("private", "expected"), [(True, 403), (False, 200), ("true", 403)])
def test_private_storages_refuse_what_is_not_signed(app, storage, status, private, expected):
    app.config["FILES_FS_PRIVATE"] = private
    fs.init_app(app, storage)
    storage.write("a.txt", "content", overwrite=True)
    assert status(storage.url("a.txt")) == expected
    assert status("/files/none.txt") == (403 if expected == 403 else 404)
    assert status("/files/..%2fa.txt") == (403 if expected == 403 else 404)
    assert app.test_client().head(storage.url("a.txt")).status_code == expected
    assert status(storage.url("a.txt", expires=60)) == 200
    assert status(storage.url("none.txt", expires=60)) == 404


def test_a_view_of_ones_own_serves_a_private_storage(app, storage):
    app.config["FILES_FS_PRIVATE"] = True
    fs.init_app(app, storage)
    storage.write("a.txt", "content", overwrite=True)
    with app.test_request_context("/anything"), storage.serve("a.txt") as response:
        assert b"".join(response.response) == b"content"


def test_caches_keep_it_no_longer_than_it_is_valid(app, storage):
    app.config["FILES_FS_MAX_AGE"] = 1_000_000
    fs.init_app(app, storage)
    storage.write("a.txt", "content", overwrite=True)
    client = app.test_client()
    assert client.get(storage.url("a.txt"), buffered=True).cache_control.max_age == 1_000_000
    url = storage.url("a.txt", expires=60)
    assert "expires" in parse_qs(urlsplit(url).query)
    assert 0 < client.get(url, buffered=True).cache_control.max_age <= 60


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"no-cache"}),
        ({"MAX_AGE": 60}, {"public", "max-age=60"}),
        ({"MAX_AGE": "60"}, {"public", "max-age=60"}),
        ({"MAX_AGE": timedelta(hours=1)}, {"public", "max-age=3600"}),
        ({"MAX_AGE": 0}, {"public", "max-age=0"}),
        ({"IMMUTABLE": True}, {"public", "max-age=31536000", "immutable"}),
        ({"IMMUTABLE": True, "MAX_AGE": 60}, {"public", "max-age=60", "immutable"}),
        ({"MAX_AGE": 60, "AUTHORIZE": lambda access: True}, {"private", "max-age=60"}),
        ({"AUTHORIZE": lambda access: True}, {"private", "no-cache"}),
    ],
)
def test_how_long_caches_may_keep_it(app, storage, settings, expected):
    app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
    fs.init_app(app, storage)
    storage.write("a.txt", "content", overwrite=True)
    response = app.test_client().get("/files/a.txt", buffered=True)
    assert set(response.headers["Cache-Control"].split(", ")) == expected


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("MAX_AGE", "soon", "a number"),
        ("MAX_AGE", -1, "a number of seconds"),
        ("SERVE_MODE", "fast", "stream, redirect, sendfile"),
        ("AUTHORIZE", "no.such:thing", "a callable"),
        ("AUTHORIZE", 1, "a callable"),
        ("PRIVATE", "perhaps", "true or false"),
    ],
)
def test_settings_that_cannot_be(app, key, value, rule):
    app.config[f"FILES_FS_{key}"] = value
    with pytest.raises(fs.ConfigurationError, match=f"FILES_FS_{key}.*{rule}"):
        fs.init_app(app, fs.Storage("files"))
