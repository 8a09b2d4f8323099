"""How many modules and calls there are between an app and its store. They are read one by one by a newcomer."""

import gc
import io
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import boto3.session
import botocore
import flask
import pytest
import urllib3
from botocore.awsrequest import AWSResponse

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.deferred import run_deferred
from flask_pyfs.filesystems.s3.client import S3Settings, make_client

PACKAGE = f"{Path(fs.__file__).parent}/"
# the driver calls what parses for it, once for each header that an answer may have
OF_DRIVER = f"{PACKAGE}filesystems/s3/parsing.py"
HEADERS = {
    "ETag": '"9a0364b9e99bb480dd25e1f0284c8555"',
    "Content-Type": "text/plain",
    "Last-Modified": "Sat, 28 Nov 2026 12:00:00 GMT",
}


class Calls:
    """Counts the calls of functions of the package inside the block, and of all that are written in Python."""

    def __init__(self):
        self.functions = Counter()
        self.total = 0

    def __call__(self, frame, event, argument):
        if event != "call":
            return
        self.total += 1
        code = frame.f_code
        if code.co_filename.startswith(PACKAGE) and code.co_filename != OF_DRIVER:
            self.functions[code.co_filename[len(PACKAGE) :], code.co_firstlineno] += 1

    def __enter__(self):
        # a collection is not on the way, and the package hears of each
        gc.disable()
        sys.setprofile(self)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)
        gc.enable()

    @property
    def modules(self):
        return {module for module, _ in self.functions}


def answer_to(request):
    body = b"content" if request.method == "GET" else b""
    headers = {**HEADERS, "Content-Length": str(len(body))}
    raw = urllib3.HTTPResponse(io.BytesIO(body), headers, 200, preload_content=False)
    return AWSResponse(request.url, 200, headers, raw)


@pytest.fixture
def storage(app):
    app.config.update(
        FILES_FS_BACKEND="s3",
        FS_S3_ENDPOINT="http://127.0.0.1:1",
        FS_S3_REGION="us-east-1",
        FS_S3_ACCESS_KEY="access",
        FS_S3_SECRET_KEY="secret",
    )
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    return storage


@pytest.fixture
def answer(app, storage):
    """Answer requests in place of S3, before anything is sent."""
    requests = []

    def answer(request, **others):
        # what the driver does with the answer is not on the way there
        requests.append((request.method, request.url, request.body))
        if request.method == "PUT":
            sys.setprofile(None)
        return answer_to(request)

    with app.app_context():
        events = storage.fs.client.meta.events
        events.register("before-send.s3", answer)
        yield requests
        events.unregister("before-send.s3", answer)


@pytest.fixture(autouse=True)
def nothing_deferred():
    gc.collect()
    run_deferred()


def test_a_small_save(storage, answer):
    storage.save(io.BytesIO(b"content"), "before.txt")
    with Calls() as calls:
        storage.save(io.BytesIO(b"content"), "a.txt")
    method, url, body = answer[-1]
    assert (method, url.rpartition("/")[2], bytes(body)) == ("PUT", "a.txt", b"content")
    assert len(answer) == 2
    assert len(calls.modules) <= 16, sorted(calls.modules)
    assert calls.functions.total() <= 87, calls.functions


def test_a_get_through_the_route(app, storage, answer):
    client = app.test_client()
    client.get("/files/before.txt", buffered=True)
    with Calls() as calls:
        response = client.get("/files/a.txt", buffered=True)
    assert (response.status_code, response.data) == (200, b"content")
    assert [method for method, _, _ in answer] == ["GET", "GET"]
    assert len(calls.modules) <= 19, sorted(calls.modules)
    assert calls.functions.total() <= 126, calls.functions


@pytest.fixture
def local(app, tmp_path):
    app.config.update(FS_SERVE=True, LOCAL_FS_BACKEND="local", LOCAL_FS_ROOT=str(tmp_path))
    local = fs.Storage("local", fs.ALL)
    fs.init_app(app, local)
    app.add_url_rule("/peer/<path:name>", "peer", lambda name: flask.send_from_directory(tmp_path, name))
    app.add_url_rule("/save", "save", lambda: local.save(flask.request.files["file"]), methods=["POST"])
    app.add_url_rule("/peer/save", "peer_save", lambda: peer_save(tmp_path), methods=["POST"])
    (tmp_path / "a.txt").write_bytes(b"content" * 600)
    return local


def peer_save(directory):
    upload = flask.request.files["file"]
    upload.save(directory / upload.filename)
    return upload.filename


def calls_of(request):
    request(0)
    with Calls() as calls:
        response = request(1)
    assert response.status_code == 200
    return calls.total


def test_a_get_of_a_local_file_beside_send_from_directory(app, local):
    client = app.test_client()
    ours, peer = (
        calls_of(lambda number, path=path: client.get(path, buffered=True)) for path in ("/local/a.txt", "/peer/a.txt")
    )
    assert ours - peer <= 120, (ours, peer)


def test_a_small_upload_beside_the_save_of_werkzeug(app, local):
    client = app.test_client()

    def post(path):
        return lambda number: client.post(path, data={"file": (io.BytesIO(b"content" * 600), f"{path[1]}{number}.txt")})

    ours, peer = (calls_of(post(path)) for path in ("/save", "/peer/save"))
    assert ours - peer <= 160, (ours, peer)


SETTINGS = S3Settings(
    endpoint_url="http://127.0.0.1:1",
    region="us-east-1",
    access_key="access",
    secret_key="secret",
    session_token=None,
)


def test_a_head_takes_the_driver_less_than_with_its_defaults():
    session = boto3.session.Session("access", "secret", region_name="us-east-1")
    bare, ours = session.client("s3", endpoint_url="http://127.0.0.1:1"), make_client(SETTINGS)
    found = []
    for client in (bare, ours):
        sending = client._endpoint.http_session
        getattr(sending, "_session", sending).send = answer_to
        client.head_object(Bucket="files", Key="before.txt")
        with Calls() as calls:
            answer = client.head_object(Bucket="files", Key="a.txt")
        assert answer["LastModified"] == datetime(2026, 11, 28, 12, tzinfo=timezone.utc)
        found.append(calls.total)
    assert found[1] <= 0.9 * found[0], found


def test_requests_still_name_the_driver_and_the_id_of_the_app(monkeypatch):
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "shop")
    client, sent = make_client(SETTINGS), []

    def answer(request, **others):
        sent.append(request.headers["User-Agent"].decode())
        return answer_to(request)

    client.meta.events.register("before-send.s3", answer)
    client.head_object(Bucket="files", Key="a.txt")
    assert sent == [f"flask_pyfs Boto3/{boto3.__version__} app/shop Botocore/{botocore.__version__}"]
