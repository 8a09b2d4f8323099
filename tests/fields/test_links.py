"""The URLs of references: on a private storage they are signed, and whatever AUTHORIZE does, no page breaks."""

# mypy: disable-error-code="override"

import io
import logging
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import flask
import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings

TEMPLATE = """
{{ avatar }} {{ avatar.url }} {{ avatar(50) }} {{ avatar.best_url(50, expires=60) }} {{ avatar.full() }}
{{ avatar.full(expires=60) }} {{ avatar.srcset() }} {{ avatar.srcset(20, expires=60) }} {{ avatar.download_url }}
{{ avatar|tojson }} {{ cv }} {{ cv.url }} {{ cv.download_url }} {{ cv|tojson }}
"""


@pytest.fixture
def make(app, draw):
    """Make a storage with the settings, and an image and a file in it."""

    def make(**settings):
        storage = fs.Storage("files", fs.ALL)
        app.config.update({"FS_BACKEND": "memory", **{f"FILES_FS_{key}": value for key, value in settings.items()}})
        fs.init_app(app, storage)
        avatar = ImageReference(ImageSettings(storage, thumbnails=[20, 50]))
        avatar.save(draw(), "a,b.png")
        cv = FileReference(FileSettings(storage))
        cv.save(FileStorage(io.BytesIO(b"cv"), "Bericht 2026.pdf"), "cv.pdf")
        return avatar, cv

    return make


def urls_of(page):
    """Return the paths and queries of the URLs in a page."""
    text = page.replace("&amp;", "&").replace("\\u0026", "&")
    return re.findall(r"/files/[^\s\"<]+", text)


def render(app, avatar, cv):
    with app.test_request_context():
        return flask.render_template_string(TEMPLATE, avatar=avatar, cv=cv)


def lifetime_of(url):
    return int(parse_qs(urlsplit(url).query)["expires"][0])


def test_a_private_storage_signs(app, make):
    avatar, cv = make(PRIVATE=True)
    found = urls_of(render(app, avatar, cv))
    assert len(found) == 16
    client = app.test_client()
    for url in found:
        assert "signature=" in url
        with client.get(url) as response:
            assert response.status_code == 200
    assert client.get("/files/cv.pdf").status_code == 403


def test_other_storages_do_not(app, make):
    avatar, cv = make(AUTHORIZE=lambda access: False)
    page = render(app, avatar, cv)
    assert len(urls_of(page)) == 16
    assert "signature=" not in page
    # which it would, if it asked
    with pytest.raises(fs.PermissionDenied):
        cv.signed_url()
    app.config["FILES_FS_AUTHORIZE"] = None
    avatar, cv = make(AUTHORIZE=lambda access: True)
    urls = [url for url in urls_of(render(app, avatar, cv)) if "signature=" in url]
    # only where a page asks for it
    assert len(urls) == 4


def fail(access):
    raise ZeroDivisionError


def refuse(access):
    flask.abort(401)


def redirect(access):
    flask.abort(flask.redirect("/login"))


def give_a_redirect(access):
    return flask.redirect("/login")


async def refuse_later(access):
    return False


def need_a_request(access):
    return flask.request.headers["X-User"] == "ann"


@pytest.mark.parametrize(
    ("authorize", "logged"),
    [
        (lambda access: False, 0),
        (refuse, 0),
        (redirect, 0),
        (fail, 1),
        (need_a_request, 1),
        (give_a_redirect, 1),
        (refuse_later, 1),
    ],
)
def test_whatever_authorize_does_a_page_is_whole(app, make, caplog, authorize, logged):
    avatar, cv = make(PRIVATE=True, AUTHORIZE=authorize)
    with caplog.at_level(logging.WARNING):
        if authorize is need_a_request:
            with app.app_context():
                page = " ".join([str(avatar), avatar.srcset(), flask.json.dumps([cv])])
        else:
            page = render(app, avatar, cv)
    assert urls_of(page)
    assert "signature=" not in page
    assert "download=" in page or authorize is need_a_request
    assert bool(caplog.records) == bool(logged)
    # an error of the package says what to do by itself
    needs_no_traceback = authorize in (give_a_redirect, refuse_later)
    assert all("'files'" in record.message for record in caplog.records)
    assert all(bool(record.exc_info) != needs_no_traceback for record in caplog.records)
    assert not needs_no_traceback or "AUTHORIZE of storage 'files' returned a" in caplog.text


def test_a_store_that_refuses_to_sign_is_logged(app, make, caplog, monkeypatch):
    def refuse_login(*arguments, **options):
        raise fs.PermissionDenied("KEY is wrong")

    avatar, cv = make(PRIVATE=True)
    monkeypatch.setattr(avatar.fs.backend, "signed_url", refuse_login)
    with caplog.at_level(logging.WARNING):
        page = render(app, avatar, cv)
    assert "signature=" not in page
    assert "KEY is wrong" in caplog.text


def test_signed_url_raises(app, make):
    avatar, cv = make(PRIVATE=True, AUTHORIZE=lambda access: False)
    for reference in (avatar, cv):
        with pytest.raises(fs.PermissionDenied):
            reference.signed_url()


def test_how_long(app, make, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    avatar, cv = make(PRIVATE=True)
    for expires, urls in (
        (3600, [cv.url, str(cv), avatar(50), avatar.full(), avatar.srcset().split(" ")[0], cv.signed_url()]),
        (60, [avatar(50, expires=60), avatar.full(expires=60), cv.signed_url(expires=timedelta(minutes=1))]),
    ):
        for url in urls:
            assert 0.75 * expires <= lifetime_of(url) - 1_000_000_000 <= expires
    # so that clients can cache what they get
    assert cv.url == cv.url


def test_how_long_the_app_wants(make, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    _, cv = make(PRIVATE=True, URL_EXPIRES=timedelta(minutes=5))
    assert 225 <= lifetime_of(cv.url) - 1_000_000_000 <= 300


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, 3600), ("600", 600), (600.5, 600.5), (timedelta(days=7), 604800)]
)
def test_the_setting(app, value, seconds):
    app.config["FS_URL_EXPIRES"] = value
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    assert storage.config["url_expires"] == seconds


@pytest.mark.parametrize("value", [0, -5, "soon", float("inf"), "nan", True, timedelta(days=7, seconds=1)])
def test_a_setting_that_is_no_time(app, value):
    app.config["FILES_FS_URL_EXPIRES"] = value
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_URL_EXPIRES"):
        fs.init_app(app, fs.Storage("files"))


def test_a_time_that_the_store_cannot_sign_breaks_no_page(app, make, monkeypatch, caplog):
    _, cv = make(PRIVATE=True)

    def too_long(*arguments, **options):
        raise ValueError("at most seven days")

    monkeypatch.setattr(cv.fs.backend, "signed_url", too_long)
    assert "signature=" not in str(cv)
    assert "seven days" in caplog.text
    with pytest.raises(ValueError, match="seven"):
        cv.signed_url()


@pytest.mark.parametrize(
    ("original", "download", "name"),
    [
        ("Bericht 2026.pdf", True, "Bericht 2026.pdf"),
        # the name in a signed URL counts as it is
        ("evil.exe", True, "evil.exe.pdf"),
        (None, True, "cv.pdf"),
        ("Bericht 2026.pdf", "mine.txt", "mine.txt"),
    ],
)
def test_downloads(app, make, original, download, name):
    _, cv = make(PRIVATE=True)
    cv = FileReference(cv.settings, {"filename": "cv.pdf", "original_name": original})
    urls = [cv.signed_url(download=download)] + [cv.download_url] * (download is True)
    for url in urls:
        with app.test_client().get(url) as response:
            disposition = response.headers["Content-Disposition"]
        assert disposition.startswith("attachment")
        assert name.replace(" ", "") in disposition.replace(" ", "").replace("%20", "")
    with app.test_client().get(cv.signed_url(download=False)) as response:
        assert "attachment" not in response.headers.get("Content-Disposition", "")


@pytest.mark.parametrize(("expires", "error"), [(0, ValueError), (-1, ValueError), ("60", TypeError)])
@pytest.mark.parametrize("authorize", [None, lambda access: False])
def test_a_time_that_is_wrong_is_wrong_for_everybody(make, expires, error, authorize):
    avatar, _ = make(PRIVATE=True, AUTHORIZE=authorize)
    for url in (avatar.full, avatar.best_url, avatar.srcset):
        with pytest.raises(error):
            url(expires=expires)


def test_external(app, make):
    avatar, cv = make(PRIVATE=True)
    with app.test_request_context():
        for url in (avatar(50, external=True), avatar.full(external=True), cv.signed_url(external=True)):
            assert url.startswith("http://localhost/files/")
            assert "signature=" in url


def test_srcset_of_a_private_storage(app, make):
    avatar, _ = make(PRIVATE=True)
    choices = [choice.split(" ") for choice in avatar.srcset().split(", ")]
    assert [descriptor for _, descriptor in choices] == ["20w", "50w"]
    for url, _ in choices:
        assert "," not in url
        with app.test_client().get(url) as response:
            assert response.status_code == 200


def test_a_subclass_that_makes_urls(app, make, draw):
    class Mirrored(fs.Storage):
        def url(self, filename, external=False, **options):
            return f"https://mirror.example/{filename}?{options.get('expires')}"

    storage = Mirrored("mirrored", fs.ALL)
    app.config.update(MIRRORED_FS_BACKEND="memory", MIRRORED_FS_PRIVATE=True)
    fs.init_app(app, storage)
    assert FileReference(FileSettings(storage), "a.txt").url == "https://mirror.example/a.txt?3600"


@pytest.mark.parametrize("private", [False, True])
def test_a_subclass_that_was_written_for_flask_fs(app, private, caplog):
    class Old(fs.Storage):
        def url(self, filename, external=False):
            return f"https://old.example/{filename}"

    storage = Old("old", fs.ALL)
    app.config.update(OLD_FS_BACKEND="memory", OLD_FS_PRIVATE=private)
    fs.init_app(app, storage)
    picture = ImageReference(ImageSettings(storage), "a.png")
    assert [picture.url, str(picture), picture(), picture.full(True)] == ["https://old.example/a.png"] * 4
    assert bool(caplog.records) == private
