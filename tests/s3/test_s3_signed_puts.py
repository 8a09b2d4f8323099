"""New files that clients send to S3 by a PUT that replaces nothing."""

import pytest
import requests
from botocore.awsrequest import AWSResponse
from buckets import on_both
from counting import operations, requests_of


def send(upload, content=b"content", **changed):
    headers = {name: value for name, value in {**upload.headers, **changed}.items() if value is not None}
    return requests.put(upload.url, data=content, headers=headers, timeout=10).status_code


@pytest.fixture
def make(app, make_storage):
    with app.app_context():
        yield make_storage


@on_both
def test_a_new_file_is_sent_and_no_file_is_replaced(make, s3_endpoint):
    storage = make(PREFIX="pre", CACHE_CONTROL="max-age=60", STORAGE_CLASS="STANDARD")
    upload = storage.upload_url("dir/a b.png", expires=60, unique=False)
    assert (upload.method, upload.name, upload.fields) == ("PUT", "dir/a b.png", {})
    assert upload.headers == {
        "Content-Type": "image/png",
        "If-None-Match": "*",
        "Cache-Control": "max-age=60",
        "x-amz-storage-class": "STANDARD",
    }
    assert send(upload) == 200
    assert send(upload, b"again") == 412
    assert storage.read("dir/a b.png") == b"content"
    assert storage.metadata("dir/a b.png")["mime"] == "image/png"


def test_nothing_goes_straight_to_the_store_that_a_filter_must_see(make, monkeypatch):
    storage = make()
    assert not storage.inspects
    monkeypatch.setattr(storage, "file_allowed", lambda file, basename: file is None or b"bad" not in file.read())
    assert storage.inspects
    for terms in ({}, {"unique": False}):
        upload = storage.upload_url("a.txt", expires=60, **terms)
        assert upload.url.startswith("/"), upload


def test_the_acl_is_signed(make):
    upload = make(ACL="private").upload_url("a.png", expires=60, unique=False, content_type="image/webp")
    assert upload.headers == {"Content-Type": "image/webp", "If-None-Match": "*", "x-amz-acl": "private"}
    assert "x-amz-acl" in upload.url
    assert "if-none-match" in upload.url


# moto checks no signature
@pytest.mark.parametrize("s3_endpoint", ["swift"], indirect=True)
@pytest.mark.parametrize(
    "changed",
    [{"If-None-Match": None}, {"Content-Type": "text/html"}, {"Content-Type": None}, {"x-amz-acl": "private"}],
)
def test_the_store_refuses_what_was_not_signed(make, s3_endpoint, changed):
    storage = make()
    storage.write("a.png", b"old")
    for name in ("a.png", "b.png"):
        answer = send(storage.upload_url(name, expires=60, unique=False), **changed)
        assert answer == 403 or (answer == 412 and name == "a.png"), answer
    assert storage.read("a.png") == b"old"


def test_the_server_is_asked_once_whether_it_knows_the_condition(make, left):
    storage = make(PREFIX="pre")
    storage.exists("a")
    with requests_of(storage.backend.store.client) as sent:
        storage.upload_url("a.png", expires=60, unique=False)
        assert operations(sent) == {"PutObject": 2, "DeleteObject": 1}
        storage.upload_url("b.png", expires=60, unique=False)
        assert len(sent) == 3
    assert left() == ([], [])


class Body:
    def __init__(self, text):
        self.text = text

    def stream(self):
        return [self.text]


@pytest.mark.parametrize("code", [200, 501, 403])
def test_a_server_without_the_condition_gets_none(make, left, code):
    storage = make()
    codes = {501: "NotImplemented", 403: "AccessDenied"}

    def answer(request, **others):
        if "If-None-Match" in request.headers:
            body = f"<Error><Code>{codes[code]}</Code></Error>".encode() if code != 200 else b""
            return AWSResponse(request.url, code, {"ETag": '"x"', "x-amz-request-id": "1"}, Body(body))
        return None

    events = storage.backend.store.client.meta.events
    events.register("before-send.s3.PutObject", answer)
    try:
        for _ in range(2):
            assert storage.upload_url("a.png", expires=60, unique=False).url.startswith("/files/a.png?")
    finally:
        events.unregister("before-send.s3.PutObject", answer)
    assert left() == ([], [])


def test_what_a_put_does_not_hold_goes_through_the_app(make):
    storage = make(MAX_SIZE=100)
    assert storage.upload_url("a.png", expires=60, unique=False).url.startswith("/files/")
    storage = make("others")
    assert storage.upload_url("a.png", expires=60, unique=False, max_size=1).url.startswith("/others/")
    assert storage.upload_url("é.png", expires=60, unique=False).url.startswith("/others/")
    with pytest.raises(ValueError, match="7 days"):
        storage.upload_url("a.png", expires=8 * 24 * 3600, unique=False)


def test_another_endpoint_for_others(make):
    # what asks the server is the app
    storage = make(PUBLIC_ENDPOINT="https://files.example")
    assert storage.upload_url("a.txt", expires=60, unique=False).url.startswith("https://files.example/")


def test_who_verifies_gets_no_put(app, make):
    storage = make(VERIFY=True)
    assert storage.upload_url("a.png", expires=60, unique=False).url.startswith("/files/")
