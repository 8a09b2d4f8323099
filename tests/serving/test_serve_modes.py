"""A web server in front of the app sends the files."""

import pytest

import flask_pyfs as fs


@pytest.fixture
def storage(app):
    app.config["FS_SERVE_MODE"] = "sendfile"
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    with app.app_context():
        storage.write("dir/a b%.txt", "content")
        yield storage


def test_x_sendfile(app, storage):
    response = app.test_client().get(storage.url("dir/a b%.txt"))
    assert response.status_code == 200
    assert response.data == b""
    assert response.headers["X-Sendfile"] == f"{storage.root}/dir/a%20b%25.txt"
    assert response.content_type == "text/plain"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Accel-Redirect" not in response.headers


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"FILES_FS_ACCEL_URL": "/protected/"}, "/protected/dir/a%20b%25.txt"),
        ({"FILES_FS_ACCEL_URL": "/protected"}, "/protected/dir/a%20b%25.txt"),
        ({"FS_ACCEL_URL": "/protected/"}, "/protected/files/dir/a%20b%25.txt"),
        ({"FS_LOCAL_ACCEL_URL": "/protected"}, "/protected/files/dir/a%20b%25.txt"),
        ({"FILES_FS_ACCEL_URL": "/protected/", "FILES_FS_PREFIX": "pre"}, "/protected/pre/dir/a%20b%25.txt"),
    ],
)
def test_x_accel_redirect(app, storage, settings, expected):
    app.config.update(settings)
    fs.init_app(app, storage)
    storage.write("dir/a b%.txt", "content", overwrite=True)
    response = app.test_client().get(storage.url("dir/a b%.txt"))
    assert response.headers["X-Accel-Redirect"] == expected
    assert response.data == b""
    assert "X-Sendfile" not in response.headers


def test_what_is_not_there(app, storage, tmp_path):
    client = app.test_client()
    (tmp_path / "outside.txt").write_text("outside")
    (tmp_path / "root" / "files" / "link.txt").symlink_to(tmp_path / "outside.txt")
    for name in ("none.txt", "dir", "dir/", "..%2foutside.txt", "link.txt"):
        response = client.get(f"/files/{name}")
        assert response.status_code in (403, 404), name
        assert "X-Sendfile" not in response.headers


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.xml"])
def test_what_a_browser_would_run_is_an_attachment(app, storage, name):
    storage.write(name, "<script>alert(1)</script>")
    response = app.test_client().get(f"/files/{name}")
    assert response.headers["Content-Disposition"] == f"attachment; filename={name}"
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_downloads(app, storage):
    response = app.test_client().get(storage.url("dir/a b%.txt", download=True))
    assert response.headers["Content-Disposition"] == 'attachment; filename="a b%.txt"'


class Old:
    """A backend of Flask-FS, which serves by itself."""

    root = "/srv/shared"

    def __init__(self, name, config):
        pass

    def exists(self, filename):
        return True

    def serve(self, filename):
        return "<script>", 200, {"Content-Type": "text/html", "Cache-Control": "public, max-age=48"}


@pytest.fixture
def old(app, monkeypatch):
    monkeypatch.setattr("flask_pyfs.backends.registry.load", lambda *_: Old)
    app.config.update(FILES_FS_SERVE_MODE="sendfile", FILES_FS_PRIVATE=True, FILES_FS_BACKEND="old")
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    with app.app_context():
        yield storage


def test_backends_of_flask_fs(app, old):
    client = app.test_client()
    assert client.get("/files/a.html").status_code == 403
    answer = client.get(old.url("a.html", expires=60))
    assert (answer.status_code, answer.data) == (200, b"<script>")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.cache_control.private
    assert not answer.cache_control.public
    assert "X-Sendfile" not in answer.headers


@pytest.mark.parametrize("mode", ["sendfile", "redirect"])
def test_backends_that_cannot_stream(app, mode):
    app.config.update(FS_SERVE_MODE=mode, FILES_FS_BACKEND="memory")
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    storage.write("a.txt", "content")
    assert app.test_client().get("/files/a.txt", buffered=True).data == b"content"
