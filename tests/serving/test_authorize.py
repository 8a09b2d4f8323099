"""The callable that an app has asked before anything is shown, signed or stored."""

import io

import flask
import pytest
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.local import LocalProxy

import flask_pyfs as fs


class Gate:
    """Remembers what it was asked, and lets through what it is told to."""

    def __init__(self):
        self.asked = []
        self.allowed = True

    def __call__(self, access):
        self.asked.append((access.storage.name, access.filename, access.action, access.signed))
        return self.allowed


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def storage(app, gate):
    storage = fs.Storage("files", fs.ALL)
    app.config["FS_AUTHORIZE"] = gate
    fs.init_app(app, storage)
    with app.app_context():
        storage.write("a.txt", "content")
        yield storage


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("mode", ["stream", "sendfile", "redirect"])
def test_it_is_asked_before_every_answer(app, storage, gate, method, mode):
    app.config["FS_SERVE_MODE"] = mode
    fs.init_app(app, storage)
    client = app.test_client()
    assert client.open("/files/a.txt", method=method, buffered=True).status_code == 200
    assert gate.asked == [("files", "a.txt", "read", False)]
    gate.allowed = False
    for headers in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}):
        answer = client.open("/files/a.txt", method=method, headers=headers, buffered=True)
        assert answer.status_code == 403
        assert b"content" not in answer.data
        assert not {"X-Sendfile", "Location", "ETag"} & set(answer.headers)
    assert client.open("/files/none.txt", method=method).status_code == 403


def test_it_is_asked_by_views_too(app, storage, gate):
    app.add_url_rule("/view", view_func=lambda: storage.serve("a.txt"))
    gate.allowed = False
    assert app.test_client().get("/view").status_code == 403


def test_it_knows_what_is_signed(app, storage, gate):
    url = storage.url("a.txt", expires=60)
    assert gate.asked == [("files", "a.txt", "read", False)]
    assert app.test_client().get(url, buffered=True).data == b"content"
    assert gate.asked[1:] == [("files", "a.txt", "read", True)]
    assert storage.url("a.txt")
    assert len(gate.asked) == 2


async def deny_later(access):
    return False


@pytest.mark.parametrize(
    "authorize",
    [
        deny_later,
        lambda access: flask.redirect("/login"),
        lambda access: ("denied", 403),
        lambda access: Forbidden(),
        lambda access: access.filename.isdigit,
    ],
)
def test_what_is_true_but_allows_nothing(app, caplog, authorize):
    storage = fs.Storage("others", fs.ALL)
    app.config["OTHERS_FS_AUTHORIZE"] = authorize
    fs.init_app(app, storage)
    with app.test_request_context():
        storage.write("a.txt", "content")
        with pytest.raises(fs.ConfigurationError, match="AUTHORIZE of storage 'others' returned a"):
            storage.url("a.txt", expires=60)
    answer = app.test_client().get("/others/a.txt")
    assert (answer.status_code, b"content" in answer.data) == (500, False)
    assert "AUTHORIZE of storage 'others' returned a" in caplog.text


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (LocalProxy(lambda: "ann"), 200),
        (LocalProxy(lambda: None), 403),
        (object(), 200),
        ((), 403),
    ],
)
def test_what_is_true_or_false(app, storage, gate, answer, status):
    gate.allowed = answer
    assert app.test_client().get("/files/a.txt", buffered=True).status_code == status


def test_it_is_asked_before_a_signature(storage, gate):
    gate.allowed = False
    with pytest.raises(fs.PermissionDenied, match=r"AUTHORIZE.*'files'.*read 'a.txt'"):
        storage.url("a.txt", expires=60)
    with pytest.raises(fs.PermissionDenied, match="write"):
        storage.upload_url("b.txt", expires=60)


def test_it_is_asked_before_an_upload(app, storage, gate):
    upload = storage.upload_url("b.txt", expires=60)
    assert gate.asked == [("files", upload.name, "write", False)]
    gate.allowed = False
    data = {"file": (io.BytesIO(b"content"), "b.txt")}
    assert app.test_client().post(upload.url, data=data).status_code == 403
    assert gate.asked[1:] == [("files", upload.name, "write", True)]
    assert list(storage.list_files()) == ["a.txt"]


def test_the_app_itself_is_not_asked(storage, gate):
    gate.allowed = False
    assert storage.read("a.txt") == b"content"
    storage.write("b.txt", "x")
    assert gate.asked == []


def test_it_may_answer_otherwise(app, storage, monkeypatch):
    def hide(access):
        raise NotFound

    app.config["FS_AUTHORIZE"] = hide
    fs.init_app(app, storage)
    assert app.test_client().get("/files/a.txt").status_code == 404


def test_each_storage_has_its_own(app, storage, gate):
    other = fs.Storage("other", fs.ALL)
    app.config["OTHER_FS_AUTHORIZE"] = f"{__name__}:refuse"
    fs.init_app(app, other)
    other.write("a.txt", "x")
    client = app.test_client()
    assert client.get("/other/a.txt").status_code == 403
    assert client.get("/files/a.txt", buffered=True).status_code == 200


def refuse(access):
    return False
