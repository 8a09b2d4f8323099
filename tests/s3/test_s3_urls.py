"""URLs that S3 is signed for."""

import base64
import json
from datetime import timedelta
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import boto3
import pytest
import requests
from botocore.awsrequest import AWSResponse
from buckets import on_both
from counting import requests_of

import flask_pyfs as fs


@pytest.fixture
def below(app, make_storage):
    """A storage below a PREFIX."""
    storage = make_storage(PREFIX="some/where")
    with app.app_context():
        yield storage


@pytest.mark.parametrize("name", ["a.txt", "dir/a b.txt", "ünï/côde +&?#%41.txt", "100%.txt", "~a'(b)*.txt"])
def test_a_signed_url_gives_the_file(below, name):
    below.write(name, b"content")
    for expires in (60, 60.5, timedelta(minutes=1)):
        with urlopen(below.url(name, expires=expires)) as response:
            assert response.read() == b"content"


def test_a_download(below):
    below.write("dir/é b.txt", b"content")
    with urlopen(below.url("dir/é b.txt", expires=60, download=True)) as response:
        disposition = response.headers["Content-Disposition"]
    assert disposition == "attachment; filename=\"e b.txt\"; filename*=UTF-8''%C3%A9%20b.txt"
    with urlopen(below.url("dir/é b.txt", expires=60)) as response:
        assert response.headers["Content-Disposition"] is None


def test_a_form_has_the_largest_size(make_storage, app):
    storage = make_storage(MAX_SIZE=10)
    with app.app_context():
        for asked, most in ((None, 10), (4, 4), (1000, 10)):
            upload = storage.upload_url("a.txt", expires=60, max_size=asked)
            policy = json.loads(base64.b64decode(upload.fields["policy"]))
            assert ["content-length-range", 0, most] in policy["conditions"]
            assert upload.original_name == "a.txt"


def test_no_request_is_made(below):
    below.exists("a.txt")
    with requests_of(below.backend.store.client) as requested:
        below.url("a.txt", expires=60)
    assert requested == []


def test_it_is_the_same_for_a_while(storage, monkeypatch):
    def url_at(now):
        monkeypatch.setattr("time.time", lambda: now)
        return storage.url("a.txt", expires=3600)

    url = url_at(1_800_000_000.0)
    assert url_at(1_800_000_001.0) == url_at(1_800_000_899.9) == url
    assert url_at(1_800_000_900.0) != url


@on_both
def test_it_is_what_boto3_signs(storage, s3_endpoint, bucket):
    url = storage.url("dir/a b+.txt", expires=3600)
    said = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
    assert said["X-Amz-Expires"] == "3600"
    theirs = storage.backend.store.client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "dir/a b+.txt"}, ExpiresIn=3600
    )
    assert url.partition("?")[0] == theirs.partition("?")[0]
    assert set(said) == set(parse_qs(urlsplit(theirs).query))


@on_both
def test_what_was_not_signed_is_refused(storage, s3_endpoint):
    storage.write("a.txt", b"content")
    storage.write("b.txt", b"other")
    url = storage.url("a.txt", expires=60)
    for changed in (
        url.replace("/a.txt", "/b.txt"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
        storage.backend.store.signed_url("a.txt", 1_000_000_000, 60),
    ):
        with pytest.raises(HTTPError) as raised:
            urlopen(changed)
        raised.value.close()
        assert raised.value.code in (400, 401, 403), changed


@pytest.mark.parametrize("expires", [0, -1, timedelta(days=7, seconds=1)])
def test_times_that_cannot_be(storage, expires):
    with pytest.raises(ValueError, match="seconds"):
        storage.url("a.txt", expires=expires)


def test_another_endpoint_for_others(app, make_storage):
    storage = make_storage(PUBLIC_ENDPOINT="https://files.example")
    with app.app_context():
        assert storage.url("a.txt", expires=60).startswith(
            f"https://files.example/{storage.backend.bucket_name}/a.txt?"
        )
        assert storage.upload_url("a.txt", expires=60).url.startswith("https://files.example/")


def test_redirects(app, make_storage):
    storage = make_storage(SERVE_MODE="redirect", PREFIX="pre")
    client = app.test_client()
    storage.write("a b.txt", b"content")
    storage.write("a.html", b"<script></script>")
    storage.exists("a b.txt")
    with requests_of(storage.backend.store.client) as requested:
        answer = client.get("/files/a b.txt")
    assert (answer.status_code, answer.data, requested) == (302, b"", [])
    assert "max-age" not in answer.headers.get("Cache-Control", "")
    with urlopen(answer.location) as response:
        assert response.read() == b"content"
    # the store sends no Content-Security-Policy
    for name in ("a.html", "a b.txt?download=1"):
        with urlopen(client.get(f"/files/{name}").location) as response:
            assert response.headers["Content-Disposition"].startswith("attachment")
    storage.write("a.js", b"alert(1)")
    assert client.get("/files/a.js").mimetype == "text/plain"
    head = client.head("/files/a b.txt")
    assert (head.status_code, head.content_length) == (200, 7)


def policy_of(upload):
    return json.loads(base64.b64decode(upload.fields["policy"]))


def test_an_upload_goes_to_the_store(app, make_storage, bucket):
    storage = make_storage(PREFIX="pre", ACL="private", CACHE_CONTROL="max-age=60", STORAGE_CLASS="STANDARD")
    upload = storage.upload_url("dir/a.png", expires=60, max_size=1000, content_type="image/png")
    assert upload.method == "POST"
    assert upload.name.startswith("dir/a-")
    assert upload.fields["key"] == f"pre/{upload.name}"
    conditions = policy_of(upload)["conditions"]
    assert ["content-length-range", 0, 1000] in conditions
    for condition in (
        {"Content-Type": "image/png"},
        {"acl": "private"},
        {"Cache-Control": "max-age=60"},
        {"x-amz-storage-class": "STANDARD"},
        {"bucket": bucket},
        {"key": f"pre/{upload.name}"},
    ):
        assert condition in conditions
    for name in ("Content-Type", "acl", "Cache-Control", "x-amz-storage-class"):
        assert name in upload.fields


def test_the_type_is_held_even_where_none_is_given(storage):
    upload = storage.upload_url("a.png", expires=60)
    assert {"Content-Type": "image/png"} in policy_of(upload)["conditions"]


@pytest.fixture
def send():
    """Send a form."""

    def send(upload, content=b"content", **changed):
        fields = {**upload.fields, **changed}
        return requests.post(upload.url, data=fields, files={"file": ("any", content)}, timeout=10).status_code

    return send


# OpenStack Swift knows no forms
def test_the_store_takes_it(make_storage, send):
    storage = make_storage(PREFIX="pre", ACL="private", CACHE_CONTROL="max-age=60")
    upload = storage.upload_url("dir/a b.png", expires=60, max_size=1000)
    assert send(upload) in (200, 201, 204)
    assert storage.read(upload.name) == b"content"
    assert storage.metadata(upload.name)["mime"] == "image/png"


def test_the_store_refuses_what_was_not_signed(storage, send):
    upload = storage.upload_url("a.png", expires=60, max_size=1000)
    assert send(upload, bytes(1001)) == 403
    for changed in ({"key": "b.png"}, {"Content-Type": "text/html"}, {"acl": "public-read"}, {"policy": "e30="}):
        assert send(upload, **changed) == 403, changed
    assert list(storage.list_files()) == []


def test_what_neither_a_form_nor_a_put_can_refuse_goes_through_the_app(app, storage):
    upload = storage.upload_url("a.png", expires=60, unique=False, max_size=10)
    assert upload.url.startswith("/files/a.png?")
    # a file in NFD has the name too
    assert storage.upload_url("é.png", expires=60, unique=False).url.startswith("/files/")
    storage.overwrite = True
    assert "policy" in storage.upload_url("a.png", expires=60, unique=False).fields


@pytest.mark.parametrize("name", ["a.${filename}", "${filename}", "x${filename}.png"])
def test_the_client_does_not_choose_the_name(app, storage, name):
    upload = storage.upload_url(name, expires=60)
    assert upload.fields == {}
    assert upload.url.startswith("/files/")


def test_who_may_only_write_gets_a_form(app, make_storage, s3_client, bucket, monkeypatch):
    storage = make_storage()

    def forbid(request, **others):
        return AWSResponse(request.url, 403, {}, SimpleNamespace(stream=list))

    with app.app_context():
        storage.backend.store.client.meta.events.register("before-send.s3.HeadBucket", forbid)
        try:
            assert "policy" in storage.upload_url("a.png", expires=60).fields
        finally:
            storage.backend.store.client.meta.events.unregister("before-send.s3.HeadBucket", forbid)


def test_a_bucket_is_made_for_the_first_upload(app, make_storage, s3_client, bucket):
    storage = make_storage(BUCKET=f"{bucket}-new")
    with app.app_context():
        storage.upload_url("a.txt", expires=60)
        s3_client.head_bucket(Bucket=f"{bucket}-new")
        s3_client.delete_bucket(Bucket=f"{bucket}-new")


def test_without_credentials(app, configure_storage, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    storage = configure_storage("files", {"BACKEND": "s3", "REGION": "us-east-1"})
    with app.app_context(), pytest.raises(fs.ConfigurationError, match="credentials"):
        storage.url("a.txt", expires=60)
