"""FS_UPLOAD_ORIGINS: which pages of other origins may upload, below /-/ and by signed URLs."""

import io

import flask
import pytest
from uploading import TUS

import flask_pyfs as fs

PAGE = "https://www.example.org"


def preflight(client, url, origin=PAGE, method="PATCH", fields="tus-resumable,upload-offset,content-type"):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": fields}
    return client.options(url, headers={"Origin": origin, **asked})


def cors(answer):
    return {name: value for name, value in answer.headers if name.startswith("Access-Control")}


@pytest.mark.parametrize("setting", [[PAGE, "http://localhost:5173"], f"{PAGE}, http://localhost:5173"])
def test_pages_of_a_list(app, begin_at, setting):
    app.config["FS_UPLOAD_ORIGINS"] = setting
    client, url = app.test_client(), begin_at()
    answer = preflight(client, url)
    assert answer.status_code == 204
    allowed = cors(answer)
    assert allowed["Access-Control-Allow-Origin"] == PAGE
    assert allowed["Access-Control-Allow-Credentials"] == "true"
    assert allowed["Access-Control-Allow-Headers"] == "tus-resumable,upload-offset,content-type"
    assert {"POST", "HEAD", "PATCH", "DELETE"} <= set(allowed["Access-Control-Allow-Methods"].split(", "))
    assert "Origin" in answer.vary
    created = client.post(url, headers={**TUS, "Upload-Length": "3", "Origin": "http://localhost:5173"})
    assert created.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    exposed = set(created.headers["Access-Control-Expose-Headers"].split(", "))
    # what the answers of both protocols have, all but what a script may read anyway
    assert {name for name, _ in created.headers if name.startswith(("Upload-", "Tus-", "Location"))} <= exposed
    for other in ("http://www.example.org", f"{PAGE}:8443", "https://example.org", "null", f"{PAGE}.evil.org"):
        for answer in (preflight(client, url, other), client.head("/-/upload/a", headers={"Origin": other})):
            assert cors(answer) == {}
            assert "Origin" in answer.vary


def test_errors_can_be_read_too(app, begin_at):
    app.config["FS_UPLOAD_ORIGINS"] = PAGE
    answer = app.test_client().head("/-/upload/a", headers={**TUS, "Origin": PAGE})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (403, PAGE)


def test_all_pages_send_no_cookies(app, begin_at):
    app.config["FS_UPLOAD_ORIGINS"] = "*"
    answer = preflight(app.test_client(), begin_at())
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" not in answer.vary


@pytest.mark.parametrize("setting", [None, [], ""])
def test_no_pages(app, begin_at, setting):
    app.config["FS_UPLOAD_ORIGINS"] = setting
    url = begin_at()
    assert cors(preflight(app.test_client(), url)) == {}
    created = app.test_client().post(url, headers={**TUS, "Upload-Length": "3", "Origin": PAGE})
    assert (created.status_code, cors(created), "Origin" in created.vary) == (201, {}, False)


@pytest.mark.parametrize("fields", ["", "a b", "a,,b", "a\x7f", "ä"])
def test_only_names_of_fields_are_allowed(app, begin_at, fields):
    app.config["FS_UPLOAD_ORIGINS"] = [PAGE]
    answer = preflight(app.test_client(), begin_at(), fields=fields.encode().decode("latin-1"))
    assert answer.status_code == 204
    assert "Access-Control-Allow-Headers" not in answer.headers


def test_forms_of_signed_urls(app, storage):
    app.config["FS_UPLOAD_ORIGINS"] = [PAGE]
    with app.test_request_context():
        url = storage.upload_url("b.txt", expires=60).url
    for origin, allowed in ((PAGE, PAGE), ("https://example.org", None)):
        form = {"file": (io.BytesIO(b"abc"), "b.txt")}
        answer = app.test_client().post(url, data=form, headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        # a name is not taken twice
        assert answer.status_code == (201 if allowed else 409)
    assert cors(app.test_client().get("/files/b.txt", headers={"Origin": PAGE})) == {}


def test_forms_whose_progress_a_script_watches(app, storage):
    # the listeners of an XMLHttpRequestUpload make the browser ask before
    app.config["FS_UPLOAD_ORIGINS"] = [PAGE]
    with app.test_request_context():
        url = storage.upload_url("b.txt", expires=60).url
    answer = preflight(app.test_client(), url, method="POST", fields="")
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    for asked in (
        preflight(app.test_client(), url, "https://example.org"),
        preflight(app.test_client(), "/files/b.txt"),
    ):
        assert (asked.status_code, cors(asked)) == (200, {})
        assert {"GET", "HEAD", "OPTIONS", "POST"} == set(asked.allow)


@pytest.mark.parametrize(
    "setting",
    [
        "www.example.org",
        "https://www.example.org/",
        "https://www.example.org/page",
        "HTTPS://www.example.org",
        "https://WWW.example.org",
        "https://www.example.org:443",
        "http://www.example.org:80",
        "ftp://www.example.org",
        "https://*.example.org",
        "https://a@example.org",
        "null",
        "* https://www.example.org",
        ["https://www.example.org", "*"],
        [1],
        1,
        True,
        {"https://www.example.org": True},
        b"*",
    ],
)
def test_what_is_no_origin_is_refused(setting):
    app = flask.Flask("origins")
    app.config["FS_UPLOAD_ORIGINS"] = setting
    with pytest.raises(fs.ConfigurationError, match="FS_UPLOAD_ORIGINS must be '\\*' alone, or a list of origins"):
        fs.init_app(app)


@pytest.mark.parametrize("setting", ["https://[::1]:8000", "http://localhost", "http://127.0.0.1:5000", "https://a_b"])
def test_what_is_an_origin(setting):
    app = flask.Flask("origins")
    app.config["FS_UPLOAD_ORIGINS"] = setting
    fs.init_app(app)
