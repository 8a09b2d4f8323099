"""The route of upload.js: what browsers keep of it, and what it may do under a strict policy."""

import gzip

import pytest
from flask_wtf import CSRFProtect

import flask_pyfs as fs
from flask_pyfs.resumable.script import script_url


@pytest.fixture
def client(app):
    fs.init_app(app)
    return app.test_client()


@pytest.fixture
def url(app, client):
    with app.test_request_context():
        return script_url()


def test_the_script_is_a_module_of_the_app(client, url):
    answer = client.get(url)
    assert (answer.status_code, answer.content_type) == (200, "text/javascript; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = answer.get_data(as_text=True)
    assert "export class Uploads" in text
    # it needs nothing else
    assert "import " not in text
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    # as the page about it says
    assert len(gzip.compress(answer.data)) < 7_000


def test_a_browser_keeps_the_script_under_its_version_and_no_other(client, url):
    kept = client.get(url).headers["Cache-Control"]
    assert {*kept.split(", ")} == {"public", "immutable", "max-age=31536000"}
    path = url.partition("?")[0]
    for other in (path, f"{path}?v=0.1", f"{path}?v="):
        assert client.get(other).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_script_that_is_known_is_not_sent_again(client, url, method):
    etag = client.get(url).headers["ETag"]
    assert etag.startswith('"')
    for known, status in ((etag, 304), ("W/" + etag, 304), ('"other"', 200)):
        answer = client.open(url, method=method, headers={"If-None-Match": known})
        assert (answer.status_code, answer.headers["ETag"]) == (status, etag)
        assert bool(answer.data) == (status == 200 and method == "GET")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_script_is_only_read(client, method):
    answer = client.open("/-/upload.js", method=method)
    assert (answer.status_code, {*answer.headers["Allow"].split(", ")}) == (405, {"GET", "HEAD"})


def test_csrf_protection_exempts_the_routes_of_uploads_and_nothing_else(app):
    files = fs.Storage("files", fs.ALL)
    app.config.update(FILES_FS_BACKEND="memory")
    fs.init_app(app, files)
    csrf = CSRFProtect(app)
    app.add_url_rule("/form", "form", lambda: "", methods=["POST"])
    with app.test_request_context():
        url = files.resumable_url("a.txt", expires=60).url
    client, tus = app.test_client(), {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    assert client.post(url, headers=tus).status_code == 400
    for endpoint in ("fs.put_file", "fs.call_room"):
        csrf.exempt(app.view_functions[endpoint])
    location = client.post(url, headers=tus).location
    piece = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert client.patch(location, headers=piece, data=b"x").status_code == 204
    assert client.post("/form").status_code == 400


def test_nothing_is_below_the_script(client):
    assert client.get("/-/upload.js/map").status_code == 404


def test_the_script_lies_below_the_prefix_and_the_root_of_the_app(app):
    app.config.update(FS_PREFIX="files", FS_SERVE=False, APPLICATION_ROOT="/app")
    fs.init_app(app)
    with app.test_request_context(base_url="http://localhost/app"):
        url = script_url()
    assert url.startswith("/app/files/-/upload.js?v=")
    assert app.test_client().get(url.removeprefix("/app")).status_code == 200
