"""How many modules and calls there are between an app and its store. They are read one by one by a newcomer."""

import gc
import io
import sys
from collections import Counter
from pathlib import Path

import pytest
import urllib3
from botocore.awsrequest import AWSResponse

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.deferred import run_deferred

PACKAGE = f"{Path(fs.__file__).parent}/"
HEADERS = {
    "ETag": '"9a0364b9e99bb480dd25e1f0284c8555"',
    "Content-Type": "text/plain",
    "Last-Modified": "Sat, 28 Nov 2026 12:00:00 GMT",
}


class Calls:
    """Counts the calls of functions of the package inside the block."""

    def __init__(self):
        self.functions = Counter()

    def __call__(self, frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
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
        body = b"content" if request.method == "GET" else b""
        headers = {**HEADERS, "Content-Length": str(len(body))}
        raw = urllib3.HTTPResponse(io.BytesIO(body), headers, 200, preload_content=False)
        return AWSResponse(request.url, 200, headers, raw)

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
    assert calls.functions.total() <= 86, calls.functions


def test_a_get_through_the_route(app, storage, answer):
    client = app.test_client()
    client.get("/files/before.txt", buffered=True)
    with Calls() as calls:
        response = client.get("/files/a.txt", buffered=True)
    assert (response.status_code, response.data) == (200, b"content")
    assert [method for method, _, _ in answer] == ["GET", "GET"]
    assert len(calls.modules) <= 19, sorted(calls.modules)
    assert calls.functions.total() <= 129, calls.functions
