"""The URLs of files: in a request, in an app context and outside any, however they are configured."""

from contextlib import nullcontext
from urllib.parse import unquote, urlsplit

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs import names
from flask_pyfs.backends import BaseBackend, registry


class Unreachable(BaseBackend):
    """Has no store: a URL that asks one fails."""

    options = ()

    def open_fs(self):
        raise AssertionError("the store was reached")


class Entry:
    """The entry point of the backend above."""

    name = "unreachable"
    module = __name__

    def load(self):
        return Unreachable


@pytest.fixture(autouse=True)
def unreachable(monkeypatch):
    entries = {**registry.installed(), Entry.name: Entry()}
    monkeypatch.setattr(registry, "installed", lambda: entries)


def make(name="files", **settings):
    """Return an app and a storage on it whose store nobody can reach."""
    app = flask.Flask("tests")
    app.config.update({"FS_BACKEND": "unreachable", **settings})
    storage = fs.Storage(name)
    fs.init_app(app, storage)
    return app, storage


PLACES = {
    "nowhere": lambda app: nullcontext(),
    "app": lambda app: app.app_context(),
    "http": lambda app: app.test_request_context("/page", base_url="http://shop.example.org"),
    "https": lambda app: app.test_request_context("/page", base_url="https://shop.example.org"),
}
HOSTS = {"http": "http://shop.example.org", "https": "https://shop.example.org"}


# what the URL of a file cannot be made of, as Flask's url_for says of its own
NO_HOST = "SERVER_NAME.*APPLICATION_ROOT.*PREFERRED_URL_SCHEME"


def addresses(app, storage, place, name="a.txt"):
    """Return the URL of a file, its absolute one, and the base. The second is None if nothing tells the host."""
    with PLACES[place](app):
        external = None
        if place in HOSTS or app.config["SERVER_NAME"] or "://" in storage.base_url:
            external = storage.url(name, external=True)
        return storage.url(name), external, storage.base_url


def at(host, path):
    """The absolute URL of a path, if something tells the host."""
    return f"{host}{path}" if host else None


# The route of the app


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("prefix", [None, "", "/", "media", "/media", "/media/", "/deep/er"])
def test_the_route(place, prefix):
    app, storage = make(FS_PREFIX=prefix)
    above = f"/{prefix.strip('/')}" if prefix and prefix.strip("/") else ""
    host = HOSTS.get(place, "")
    path = f"{above}/files/"
    assert addresses(app, storage, place) == (f"{path}a.txt", at(host, f"{path}a.txt"), f"{host}{path}")
    assert storage.has_url is False


@pytest.mark.parametrize("prefix", ["<", "/<lang>", "a>"])
def test_a_route_with_a_variable(prefix):
    with pytest.raises(fs.ConfigurationError, match=r"^FS_PREFIX must be .* without '<' and '>'"):
        make(FS_PREFIX=prefix)


@pytest.mark.parametrize("place", ["nowhere", "app"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_route_outside_a_request_of_an_app_that_knows_its_host(place, scheme):
    app, storage = make(SERVER_NAME="example.org:8080", PREFERRED_URL_SCHEME=scheme, FS_PREFIX="/media")
    _, external, base = addresses(app, storage, place)
    assert external == f"{scheme}://example.org:8080/media/files/a.txt"
    assert base == f"{scheme}://example.org:8080/media/files/"


@pytest.mark.parametrize("place", ["nowhere", "app"])
def test_the_route_that_is_not_external_is_a_path_when_the_host_is_known(place):
    app, storage = make(SERVER_NAME="example.org")
    assert addresses(app, storage, place)[0] == "/files/a.txt"


@pytest.mark.parametrize("place", ["http", "https"])
def test_the_route_in_a_request_of_an_app_that_knows_its_host(place):
    app, storage = make(SERVER_NAME="shop.example.org")
    host = HOSTS[place]
    assert addresses(app, storage, place) == ("/files/a.txt", f"{host}/files/a.txt", f"{host}/files/")


@pytest.mark.parametrize("place", ["nowhere", "app"])
@pytest.mark.parametrize("root", ["/shop", "/shop/"])
@pytest.mark.parametrize(("server", "host"), [(None, ""), ("example.org", "http://example.org")])
def test_the_route_of_an_app_below_a_path(place, root, server, host):
    app, storage = make(APPLICATION_ROOT=root, SERVER_NAME=server, FS_PREFIX="/media")
    path = "/shop/media/files/"
    assert addresses(app, storage, place) == (f"{path}a.txt", at(host, f"{path}a.txt"), f"{host}{path}")


def test_the_route_in_a_request_to_an_app_below_a_path():
    app, storage = make()
    with app.test_request_context("/page", base_url="https://example.org/shop"):
        assert storage.url("a.txt") == "/shop/files/a.txt"
        assert storage.url("a.txt", external=True) == "https://example.org/shop/files/a.txt"
        assert storage.base_url == "https://example.org/shop/files/"


def test_the_route_has_the_name_of_the_storage():
    app, storage = make("User-files.1")
    assert addresses(app, storage, "http")[:2] == (
        "/User-files.1/a.txt",
        "http://shop.example.org/User-files.1/a.txt",
    )


def test_the_urls_of_the_route_are_answered(tmp_path):
    app, storage = make(FS_BACKEND="local", FS_ROOT=str(tmp_path), FS_SERVE=True, FS_PREFIX="/media")
    name = "a b/\u00e4+&?#%41;='.txt"
    storage.write(name, "content")
    for place in PLACES:
        path, external, base = addresses(app, storage, place, name)
        assert app.test_client().get(path).data == b"content"
        assert path.startswith(urlsplit(base).path)
        if place in HOSTS:
            assert urlsplit(external).path == path
            assert external.startswith(base)


@pytest.mark.parametrize("place", PLACES)
def test_urls_are_built_when_the_app_does_not_serve(place):
    app, storage = make(FS_SERVE=False)
    assert addresses(app, storage, place)[0] == "/files/a.txt"


def test_two_apps_have_their_own_urls():
    one, storage = make(FS_PREFIX="/one")
    two = flask.Flask("two")
    two.config.update(FS_BACKEND="unreachable", FS_URL="https://two.example.org/")
    fs.init_app(two, storage)
    with one.app_context():
        assert (storage.url("a.txt"), storage.has_url) == ("/one/files/a.txt", False)
    with two.app_context():
        assert (storage.url("a.txt"), storage.has_url) == ("https://two.example.org/files/a.txt", True)
    assert storage.url("a.txt") == "https://two.example.org/files/a.txt"


def test_the_route_of_another_app_during_a_request():
    shop, (media, storage) = flask.Flask("shop"), make(FS_PREFIX="/media")
    with shop.test_request_context("/page"), media.app_context():
        assert storage.url("a.txt") == "/media/files/a.txt"


# Configured URLs


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("key", "path"), [("FILES_FS_URL", "/x/"), ("FS_UNREACHABLE_URL", "/x/files/"), ("FS_URL", "/x/files/")]
)
@pytest.mark.parametrize("host", ["https://cdn.example.org", "http://cdn.example.org:8080"])
def test_a_configured_url_is_the_same_everywhere(place, slash, key, path, host):
    app, storage = make(**{key: f"{host}/x{slash}", "FS_PREFIX": "/media", "APPLICATION_ROOT": "/shop"})
    assert addresses(app, storage, place) == (f"{host}{path}a.txt", f"{host}{path}a.txt", f"{host}{path}")
    assert storage.has_url is True


@pytest.mark.parametrize("server", [None, "example.org"])
@pytest.mark.parametrize("place", PLACES)
def test_the_host_of_the_app_does_not_change_a_configured_url(place, server):
    app, storage = make(FS_URL="https://cdn.example.org", SERVER_NAME=server)
    url = "https://cdn.example.org/files/"
    assert addresses(app, storage, place) == (url + "a.txt", url + "a.txt", url)


def test_the_url_of_the_storage_wins_over_those_of_the_backend_and_the_app():
    urls = {"FILES_FS_URL": "http://1.org/", "FS_UNREACHABLE_URL": "http://2.org/", "FS_URL": "http://3.org/"}
    found = []
    for key in [*urls, ""]:
        _, storage = make(**urls)
        found.append((storage.url("a.txt"), storage.has_url))
        urls.pop(key, None)
    assert found == [
        ("http://1.org/a.txt", True),
        ("http://2.org/files/a.txt", True),
        ("http://3.org/files/a.txt", True),
        ("/files/a.txt", False),
    ]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("written", ["cdn.example.org", "cdn.example.org/", "//cdn.example.org", "//cdn.example.org/"])
def test_a_url_without_a_scheme_takes_that_of_the_request(place, written):
    app, storage = make(FILES_FS_URL=written)
    url = f"{'https' if place == 'https' else 'http'}://cdn.example.org/"
    assert addresses(app, storage, place) == (url + "a.txt", url + "a.txt", url)
    assert storage.has_url is True


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", ["FS_URL", "FS_UNREACHABLE_URL"])
def test_a_shared_url_without_a_scheme(place, key):
    app, storage = make(**{key: "localhost:8080/x/"})
    url = f"{'https' if place == 'https' else 'http'}://localhost:8080/x/files/"
    assert addresses(app, storage, place) == (url + "a.txt", url + "a.txt", url)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_url_that_is_a_path(place, slash):
    app, storage = make(FILES_FS_URL=f"/static/files{slash}", FS_PREFIX="/media")
    host = HOSTS.get(place, "")
    url, external, base = addresses(app, storage, place)
    assert (url, external) == ("/static/files/a.txt", at(host, "/static/files/a.txt"))
    assert base == "/static/files/"
    assert storage.has_url is True


def test_a_url_that_is_a_path_in_a_request_to_an_app_below_a_path():
    app, storage = make(FS_URL="/static")
    with app.test_request_context("/page", base_url="https://example.org/shop"):
        assert storage.url("a.txt") == "/static/files/a.txt"
        assert storage.url("a.txt", external=True) == "https://example.org/static/files/a.txt"


@pytest.mark.parametrize("place", ["nowhere", "app"])
def test_a_url_that_is_a_path_is_absolute_when_the_host_is_known(place):
    app, storage = make(FS_URL="/static", SERVER_NAME="example.org")
    assert addresses(app, storage, place)[1] == "http://example.org/static/files/a.txt"


WITHOUT_HOST = [{}, {"FS_PREFIX": "/media"}, {"FS_URL": "/static"}, {"FILES_FS_URL": "/"}, {"SERVER_NAME": ""}]


@pytest.mark.parametrize("place", ["nowhere", "app"])
@pytest.mark.parametrize("settings", WITHOUT_HOST, ids=str)
def test_an_absolute_url_without_a_host_is_an_error_as_in_flask(place, settings):
    app, storage = make(**settings, SECRET_KEY="secret")
    calls = (
        lambda: storage.url("a.txt", external=True),
        lambda: storage.url("a.txt", True),
        lambda: storage.url("", external=True),
        lambda: storage.url("a.txt", external=True, download=True),
        lambda: storage.url("a.txt", external=True, expires=60),
        lambda: storage.upload_url("a.txt", external=True, expires=60),
    )
    with PLACES[place](app):
        for call in calls:
            with pytest.raises(RuntimeError, match=NO_HOST) as raised:
                call()
            assert "'files'" in str(raised.value)
    if "SERVER_NAME" not in settings:
        # Flask takes an empty one for a host
        with app.app_context(), pytest.raises(RuntimeError, match=NO_HOST):
            flask.url_for("fs.get_file", fs="files", filename="a.txt", _external=True)


@pytest.mark.parametrize("place", ["nowhere", "app"])
@pytest.mark.parametrize("settings", WITHOUT_HOST, ids=str)
def test_what_need_not_be_absolute_is_a_path_without_a_host(tmp_path, place, settings):
    app, storage = make(FS_BACKEND="local", FS_ROOT=str(tmp_path), SECRET_KEY="secret", **settings)
    storage.write("a.txt", "content")
    with PLACES[place](app):
        base = storage.base_url
        assert base.startswith("/")
        assert storage.has_url is ("FS_URL" in str(settings))
        assert storage.url("a.txt") == storage.metadata("a.txt")["url"] == f"{base}a.txt"
        assert storage.metadata("a.txt", checksum=False)["url"] == f"{base}a.txt"
        # the route, whatever URL is
        assert storage.url("a.txt", expires=60).startswith("/")
        assert storage.upload_url("a.txt", expires=60).url.startswith("/")


def test_an_empty_url_takes_a_storage_out_of_the_shared_one():
    _, storage = make(FS_URL="https://cdn.example.org/", FILES_FS_URL="")
    assert (storage.url("a.txt"), storage.has_url) == ("/files/a.txt", False)


# PREFIX


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("prefix", ["deep/er", "/deep/er", "deep/er/", "/deep/er/"])
def test_a_configured_url_shows_the_prefix_of_the_storage(place, prefix):
    app, storage = make(FILES_FS_URL="https://cdn.example.org/x", FILES_FS_PREFIX=prefix)
    url = "https://cdn.example.org/x/deep/er/a.txt"
    assert addresses(app, storage, place)[:2] == (url, url)


@pytest.mark.parametrize("place", PLACES)
def test_the_route_does_not_show_the_prefix_of_the_storage(place):
    app, storage = make(FILES_FS_PREFIX="deep/er", FS_PREFIX="/media")
    assert addresses(app, storage, place)[0] == "/media/files/a.txt"


def test_a_prefix_is_percent_encoded():
    _, storage = make(FILES_FS_URL="https://cdn.example.org/", FILES_FS_PREFIX="a b/\u00e4?")
    assert storage.url("c d.txt") == "https://cdn.example.org/a%20b/%C3%A4%3F/c%20d.txt"


@pytest.mark.parametrize(
    ("prefix", "stored"), [("deep//er", "deep/er"), ("./deep", "deep"), ("cafe\u0301", "caf%C3%A9")]
)
def test_a_configured_url_shows_the_prefix_as_the_store_has_it(prefix, stored):
    _, storage = make(FILES_FS_URL="https://cdn.example.org/", FILES_FS_PREFIX=prefix)
    assert storage.url("a.txt") == f"https://cdn.example.org/{stored}/a.txt"


# Names


@pytest.mark.parametrize("url", [None, "https://cdn.example.org/files/", "/files", "cdn.example.org/files"])
@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("a b.txt", "a%20b.txt"),
        ("100%.txt", "100%25.txt"),
        ("%2e%2e/a.txt", "%252e%252e/a.txt"),
        ("what?.txt", "what%3F.txt"),
        ("a#b.txt", "a%23b.txt"),
        ("\u0444\u043e\u0442\u043e.jpg", "%D1%84%D0%BE%D1%82%D0%BE.jpg"),
        ("e\u0301.txt", "e%CC%81.txt"),
        ("a\\b.txt", "a%5Cb.txt"),
        ("a\nb.txt", "a%0Ab.txt"),
        ("caf\udce9.txt", "caf%E9.txt"),
        ('"<x>".txt', "%22%3Cx%3E%22.txt"),
        ("a/b/c.txt", "a/b/c.txt"),
        ("/a//b/c.txt", "/a//b/c.txt"),
        ("dir/", "dir/"),
        ("", ""),
        ("-", "-"),
        ("~x_y-z.txt", "~x_y-z.txt"),
    ],
)
def test_names_are_percent_encoded(url, name, encoded):
    app, storage = make(FILES_FS_URL=url)
    for place in PLACES:
        for address in filter(None, addresses(app, storage, place, name)[:2]):
            assert address.endswith(f"/files/{encoded}")


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(name=NAMES, place=st.sampled_from(sorted(PLACES)), external=st.booleans(), data=st.data())
def test_any_name_comes_back_out_of_its_url(built, name, place, external, data):
    # a client collapses dots
    refused = names.is_refused(name)
    app, storage = data.draw(st.sampled_from(built))
    external = external and (place in HOSTS or "cdn." in storage.base_url)
    with PLACES[place](app):
        if refused:
            with pytest.raises(fs.InvalidPath):
                storage.url(name, external=external)
            return
        url = storage.url(name, external=external)
    assert url.isascii()
    assert set(url).isdisjoint(' "<>\\^`{|}')
    parts = urlsplit(url)
    assert (parts.query, parts.fragment) == ("", "")
    assert unquote(parts.path) == f"/files/{name}"


@pytest.fixture(scope="module")
def built():
    with pytest.MonkeyPatch.context() as patch:
        entries = {**registry.installed(), Entry.name: Entry()}
        patch.setattr(registry, "installed", lambda: entries)
        urls = (None, "https://cdn.example.org/files", "/files/", "cdn.example.org/files")
        return [make(FILES_FS_URL=url) for url in urls]


@pytest.mark.parametrize("url", [None, "https://cdn.example.org/"])
@pytest.mark.parametrize("name", [".", "..", "../a.txt", "a/../../b.txt", "a\\..\\b", "a\0b"])
def test_a_bad_name_has_no_url(url, name):
    _, storage = make(FILES_FS_URL=url)
    with pytest.raises(fs.InvalidPath):
        storage.url(name)


# In a real request


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_urls_in_a_view(scheme):
    app, storage = make(FS_PREFIX="/media")
    app.add_url_rule(
        "/page", view_func=lambda: [storage.url("a.txt", external=True), storage.base_url], endpoint="page"
    )
    response = app.test_client().get("/page", base_url=f"{scheme}://shop.example.org")
    base = f"{scheme}://shop.example.org/media/files/"
    assert response.json == [base + "a.txt", base]


def test_the_url_in_the_metadata_is_absolute(app):
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("a b.txt", "a")
    with app.test_request_context("/page", base_url="https://shop.example.org"):
        assert storage.metadata("a b.txt")["url"] == "https://shop.example.org/files/a%20b.txt"
