"""Objects that the server of S3 encrypts: SSE and SSE_KMS_KEY_ID."""

import hashlib
import io
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests
from buckets import PART, on_both
from servers.rewriting import RewritingProxy

import flask_pyfs as fs
from flask_pyfs.doctor import examine
from flask_pyfs.errors import FSError

KEY_ID = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
LARGE = bytes(range(256)) * (PART // 256) + b"end"
SSE, KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
# what makes an object
OPERATIONS = ("PutObject", "CreateMultipartUpload", "CopyObject")

WAYS = {"AES256": {"SSE": "AES256"}, "KMS": {"SSE": "aws:kms"}, "key": {"SSE": "aws:kms", "SSE_KMS_KEY_ID": KEY_ID}}


@pytest.fixture(params=WAYS)
def settings(request):
    return WAYS[request.param]


@pytest.fixture
def expected(settings):
    """The headers that each request must have."""
    return {SSE: settings["SSE"], **({KEY: KEY_ID} if "SSE_KMS_KEY_ID" in settings else {})}


@pytest.fixture
def make(app, make_storage):
    with app.app_context():
        yield make_storage


@pytest.fixture
def head(s3_client, bucket):
    return lambda key: s3_client.head_object(Bucket=bucket, Key=key)


@contextmanager
def watched(storage, expected):
    """Check what the client sends in the block: as a policy of the bucket does that refuses what is not encrypted."""
    seen = []

    def check(request, event_name, **others):
        operation = event_name.rpartition(".")[2]
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen.append(operation)
        found = {name: headers[name] for name in (SSE, KEY) if name in headers}
        found = {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}
        assert found == (expected if operation in OPERATIONS else {}), operation

    events = storage.backend.store.client.meta.events
    events.register("before-send.s3", check)
    try:
        yield seen
    finally:
        events.unregister("before-send.s3", check)


def test_each_request_that_makes_an_object_says_how_to_encrypt_it(make, settings, expected, left):
    storage = make(PART_SIZE=PART, **settings)
    storage.backend.store.copy_part_size = PART
    with watched(storage, expected) as seen:
        storage.write("a.txt", b"content")
        storage.write("a.txt", b"new", overwrite=True)
        storage.save(io.BytesIO(LARGE), "large.bin")
        storage.copy("a.txt", "b.txt")
        storage.move("b.txt", "c.txt")
        version = storage.version("a.txt")
        storage.replace_version("a.txt", b"newer", version)
        with storage.open("d.txt", "w") as file:
            file.write("text")
        storage.fs.makedir("directory")
        storage.upload_url("e.txt", expires=60, unique=False)
        storage.backend.store.learn_conditions(fs.names.Reserved.of("", "probe"))
        client = storage.backend.in_parts("f.bin")
        client.abort(client.begin("0123456789abcdef"))
        assert client.is_sealed()
    assert set(OPERATIONS) <= set(seen)
    assert storage.read("a.txt") == b"newer"
    assert storage.read("large.bin") == LARGE
    assert not storage.exists("b.txt")
    assert left()[1] == []


def test_what_other_parts_of_the_package_store_is_encrypted(app, make, settings, expected, head):
    other, storage = make("others"), make(PART_SIZE=PART, CONFIRM=True, **settings)
    other.write("a.txt", b"content")
    other.save(io.BytesIO(LARGE), "large.bin")
    store = storage.backend.store
    with watched(storage, expected) as seen:
        assert store.copy_from(other.backend.store, "a.txt", "copied.txt")
        store.join_files(["large.bin", "a.txt"], "joined.bin")
        found = list(examine(app, [storage], origin="https://shop.example"))
        permit = storage.upload_url("b.txt", expires=60)
        assert requests.post(permit.url, data=permit.fields, files={"file": ("any", b"content")}, timeout=10).ok
        stored = storage.confirm(permit.token)
    assert not [each for each in found if each.level == "error"]
    assert seen.count("PutObject") > 3
    for name in ("copied.txt", "joined.bin", stored):
        assert head(name)["ServerSideEncryption"] == settings["SSE"]


def test_what_clients_send_is_encrypted(make, settings, expected, head):
    storage = make(**settings)
    form = storage.upload_url("a.txt", expires=60)
    assert {name: form.fields[name] for name in (SSE, KEY) if name in form.fields} == expected
    sent = requests.post(form.url, data=form.fields, files={"file": ("any", b"content")}, timeout=10)
    assert sent.ok
    new = storage.upload_url("b.txt", expires=60, unique=False)
    assert {name: new.headers[name] for name in (SSE, KEY) if name in new.headers} == expected
    assert all(name in new.url for name in expected)
    assert requests.put(new.url, data=b"content", headers=new.headers, timeout=10).ok
    assert head("b.txt")["ServerSideEncryption"] == settings["SSE"]
    for name in (form.name, new.name):
        assert storage.read(name) == b"content"


@on_both
def test_objects_are_encrypted_or_the_setting_is_named(make, s3_endpoint, head, caplog):
    storage = make(SSE="AES256", PART_SIZE=PART)
    if s3_endpoint.name == "swift":
        # it cannot, and does not pretend
        with pytest.raises(FSError, match="SSE"):
            storage.write("a.txt", b"content")
        assert not storage.exists("a.txt")
        assert not [record for record in caplog.records if "If-None-Match" in record.getMessage()]
        return
    storage.write("a.txt", b"content")
    storage.save(io.BytesIO(LARGE), "large.bin")
    storage.copy("a.txt", "b.txt")
    assert [head(name)["ServerSideEncryption"] for name in ("a.txt", "large.bin", "b.txt")] == ["AES256"] * 3


@pytest.fixture
def encrypting(make, s3_endpoint):
    """A storage on a server whose entity tags are no digests once KMS encrypts, as those of Amazon are."""
    place = urlsplit(s3_endpoint.url)
    encrypted = set()

    def change(request, answer):
        key = urlsplit(request.path).path
        if request.headers.get(SSE) == "aws:kms":
            encrypted.add(key)
        if key in encrypted and answer.status == 200:
            answer.headers[SSE] = "aws:kms"
            tag = hashlib.md5(key.encode()).hexdigest()
            if answer.headers["ETag"]:
                answer.headers.replace_header("ETag", f'"{tag}"')
            answer.body = re.sub(rb"<ETag>.*?</ETag>", b"<ETag>&quot;%s&quot;</ETag>" % tag.encode(), answer.body)

    with RewritingProxy(place.hostname, place.port) as proxy:
        proxy.change = change
        yield make("moved", ENDPOINT=proxy.url, SSE="aws:kms")


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "of another tool"])
def test_a_move_of_what_was_not_encrypted_leaves_nothing_behind(make, encrypting, s3_client, bucket, is_ours):
    if is_ours:
        make().write("a.txt", b"content")
    else:
        s3_client.put_object(Bucket=bucket, Key="a.txt", Body=b"content")
    encrypting.move("a.txt", "b.txt")
    assert list(encrypting.list_files()) == ["b.txt"]
    assert encrypting.read("b.txt") == b"content"
    assert encrypting.metadata("b.txt")["checksum"] is None


def test_a_key_needs_kms(make):
    for others in ({}, {"SSE": "AES256"}):
        with pytest.raises(fs.ConfigurationError, match=r"FILES_FS_SSE_KMS_KEY_ID.* is set without SSE 'aws:kms'"):
            make(SSE_KMS_KEY_ID=KEY_ID, **others)
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_SSE must be one of AES256, aws:kms"):
        make(SSE="aes")
