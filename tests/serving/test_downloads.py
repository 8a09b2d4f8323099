"""The name under which a browser saves a file: ``url(download=…)``, ``serve(download=…)`` and ``?download=``."""

from urllib.parse import parse_qs, unquote, urlsplit

import flask
import pytest

import flask_pyfs as fs


@pytest.fixture(params=["stream", "sendfile", "accel"])
def storage(app, request):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(
        FILES_FS_SERVE_MODE="stream" if request.param == "stream" else "sendfile",
        FILES_FS_ACCEL_URL="/below" if request.param == "accel" else None,
    )
    fs.init_app(app, storage)
    with app.app_context():
        storage.write("dir/a.txt", "content")
        storage.write("README", "content")
        storage.write("page.html", "<script>alert(1)</script>")
        yield storage


@pytest.fixture
def headers(app, storage):
    client = app.test_client()

    def headers(url, **options):
        response = client.get(url, buffered=True, **options)
        assert response.status_code in (200, 206, 304)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        return response.headers

    return headers


@pytest.mark.parametrize(
    ("download", "query", "saved"),
    [
        (True, "1", "a.txt"),
        ("1", "./1", "1.txt"),
        ("0", "./0", "0.txt"),
        ("Bericht 2026.txt", "Bericht 2026.txt", "Bericht 2026.txt"),
        ("a&b=c#d%41.txt", "a&b=c#d%41.txt", "a&b=c#d_41.txt"),
        ("evil.exe", "evil.exe", "evil.exe.txt"),
        ("a/b\\c\r\n.txt", "c.txt", "c.txt"),
        ("..", "1", "a.txt"),
        (" 1", "./1", "1.txt"),
        ("a/1", "./1", "1.txt"),
        ("a/0", "./0", "0.txt"),
    ],
)
def test_a_url_without_a_signature(storage, headers, download, query, saved):
    url = storage.url("dir/a.txt", download=download)
    assert parse_qs(urlsplit(url).query) == {"download": [query]}
    assert saved in headers(url)["Content-Disposition"].replace('"', "")


@pytest.mark.parametrize(
    ("download", "disposition"),
    [
        (True, "attachment; filename=a.txt"),
        ("Bericht 2026.pdf", 'attachment; filename="Bericht 2026.pdf"'),
        ("1", "attachment; filename=1"),
        ("0", "attachment; filename=0"),
        ("50%41", "attachment; filename=50_41; filename*=UTF-8''50%2541"),
    ],
)
def test_a_signed_url_has_any_name(app, storage, headers, download, disposition):
    url = storage.url("dir/a.txt", expires=60, download=download)
    assert headers(url)["Content-Disposition"] == disposition
    changed = url.replace("download=", "download=x")
    assert app.test_client().get(changed).status_code == 403
    assert app.test_client().get(f"{storage.url('dir/a.txt', expires=60)}&download=a.txt").status_code == 403


def test_a_url_without_a_name_that_is_known(app, storage):
    # as the original_name of a file that is no upload
    url, signed = (storage.url("dir/a.txt", download=None, expires=expires) for expires in (None, 60))
    assert "download" not in url + signed
    with app.test_request_context("/?download=evil.exe"):
        assert storage.url("dir/a.txt", download=None, expires=60) == signed


@pytest.mark.parametrize("query", ["", "?download=", "?download=0", "?download", "?downloads=1"])
def test_no_download(storage, headers, query):
    assert "Content-Disposition" not in headers(f"/files/dir/a.txt{query}")


@pytest.mark.parametrize("sent", ["evil.exe", "evil.exe%00", "evil%2Eexe", "evil.exe.", "C:%5Cevil.exe", "%0d%0aX:y"])
def test_a_client_cannot_change_the_type(storage, headers, sent):
    for path, ending in (("dir/a.txt", "txt"), ("README", ""), ("page.html", "html")):
        found = headers(f"/files/{path}?download={sent}")
        assert found["Content-Disposition"].strip('"').rpartition(".")[2 if ending else 1] == ending
        assert "X" not in found
    assert found["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_what_a_browser_would_run_stays_an_attachment(storage, headers):
    found = headers("/files/page.html?download=0")
    if storage.config["serve_mode"] == "sendfile":
        assert found["Content-Disposition"] == "attachment; filename=page.html"
    assert found["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("storage", ["stream"], indirect=True)
def test_other_answers_have_it_too(storage, headers):
    url = storage.url("dir/a.txt", download="b.txt")
    tag = headers(url)["ETag"]
    for condition in ({"If-None-Match": tag}, {"Range": "bytes=1-2"}):
        assert headers(url, headers=condition)["Content-Disposition"] == "attachment; filename=b.txt"


@pytest.mark.parametrize(
    ("download", "query", "disposition"),
    [
        (None, "", None),
        (None, "?download=x.exe", "attachment; filename=x.exe.txt"),
        (False, "?download=x.exe", None),
        ("", "?download=x.exe", None),
        (True, "?download=x.exe", "attachment; filename=a.txt"),
        ("Invoice.pdf", "", "attachment; filename=Invoice.pdf"),
        ("0", "", "attachment; filename=0"),
    ],
)
def test_a_view_of_the_app(app, storage, headers, download, query, disposition):
    app.add_url_rule("/mine", view_func=lambda: storage.serve("dir/a.txt", download=download))
    assert headers(f"/mine{query}").get("Content-Disposition") == disposition


def test_a_url_elsewhere(app):
    app.config["FILES_FS_URL"] = "https://cdn.example/"
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    assert storage.url("a.txt", download=True) == "https://cdn.example/a.txt?download=1"
    url = storage.url("a.txt", download="Bericht 2026.txt")
    assert url == "https://cdn.example/a.txt?download=Bericht%202026.txt"
    assert storage.url("a.txt", download=False) == "https://cdn.example/a.txt"


class Redirecting:
    """A backend whose store signs URLs."""

    def signed_url(self, filename, expires, lifetime, *, disposition=None):
        return f"https://store.example/{filename}?{disposition}"


@pytest.mark.parametrize(
    ("path", "disposition"),
    [
        ("dir/a.txt", "None"),
        ("dir/a.txt?download=1", "attachment; filename=a.txt"),
        ("dir/a.txt?download=b.exe", "attachment; filename=b.exe.txt"),
        ("page.html", "attachment; filename=page.html"),
        ("page.html?download=b.html", "attachment; filename=b.html"),
    ],
)
def test_a_redirect_to_the_store(app, monkeypatch, path, disposition):
    from flask_pyfs.backends.memory import MemoryBackend

    monkeypatch.setattr(MemoryBackend, "signed_url", Redirecting.signed_url)
    app.config.update(FILES_FS_BACKEND="memory", FILES_FS_SERVE_MODE="redirect")
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    response = app.test_client().get(f"/files/{path}")
    assert response.status_code == 302
    assert unquote(response.location.partition("?")[2]) == disposition
    assert "Content-Disposition" not in response.headers


def test_a_backend_that_is_called_as_flask_fs_did(app, storage):
    with app.test_request_context("/?download=b.exe"):
        response = flask.make_response(storage.backend.serve("dir/a.txt"))
        response.close()
    assert response.headers["Content-Disposition"] == "attachment; filename=b.exe.txt"
