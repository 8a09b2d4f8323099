"""What a storage says if a server of S3 refuses or cannot be reached: the storage, the setting, and what to do."""

import os
import socket
import uuid
from datetime import datetime, timedelta, timezone

import botocore.auth
import pytest
from buckets import on_swift
from servers.openstack import GUEST, KEY
from servers.s3 import ACCESS_KEY, REGION, SECRET_KEY
from servers.scripted import ScriptedServer, answering
from servers.tls import certificate, tls_port

from flask_pyfs import BackendError, ConfigurationError, FSError, PermissionDenied
from flask_pyfs.filesystems.s3 import advice

# isort: split
# after flask_pyfs, which lets fs do without pkg_resources
import fs.errors as fs_errors

pytestmark = pytest.mark.server

SECRET, TOKEN, PASSWORD = "wr0ng-s3cret-key", "t0ken-that-nobody-may-see", "p4ssw0rd"
SECRETS = (SECRET, TOKEN, PASSWORD, SECRET_KEY, "Signature=", "AWS4-HMAC")

OPERATIONS = {
    "write": lambda storage: storage.write("a.txt", b"content"),
    "read": lambda storage: storage.read("a.txt"),
    "exists": lambda storage: storage.exists("a.txt"),
    "list": lambda storage: list(storage.list_files()),
}
STANDARD = {
    "write": lambda storage: storage.fs.writebytes("a.txt", b"content"),
    "read": lambda storage: storage.fs.readbytes("a.txt"),
    "exists": lambda storage: storage.fs.exists("a.txt"),
    "list": lambda storage: storage.fs.listdir("/"),
}


def check_text(text, words):
    assert len(text) <= 300
    assert text.isprintable()
    for secret in SECRETS:
        assert secret not in text
    for word in words:
        assert word in text, text


def told(storage, operation, kind, *words):
    """Return what a failing operation says. ``storage.fs`` says the same in an error of PyFilesystem."""
    with pytest.raises(kind) as raised:
        OPERATIONS[operation](storage)
    text = str(raised.value)
    check_text(text, ["in storage 'files': " if operation != "list" else "in storage 'files'", *words])
    said = text.partition("in storage 'files': ")[2]
    assert said
    assert said in str(raised.value.__cause__)
    with pytest.raises(fs_errors.FSError) as standard:
        STANDARD[operation](storage)
    check_text(str(standard.value), words)
    return text


def all_told(storage, kind, *words, operations=OPERATIONS):
    """The same for each operation."""
    for operation in operations:
        told(storage, operation, kind, *words)


@pytest.fixture(scope="module")
def server():
    """A server that answers as a test says. It keeps its address, so that the client is made once."""
    with ScriptedServer(answering(b"")) as server:
        yield server


@pytest.fixture(scope="module")
def kept():
    """What keeps the client."""
    return []


@pytest.fixture
def at_server(make_at, server, kept):
    """Configure a storage at the server with further settings, and let it answer with a script."""

    def at_server(script, **settings):
        server.play(script)
        storage = make_at(server.url, **settings)
        kept.append(storage.fs)
        return storage

    return at_server


@pytest.fixture
def make_at(app, configure_storage):
    """Configure a storage at an address, with further settings."""

    def make_at(url, **settings):
        settings = {
            "BACKEND": "s3",
            "ENDPOINT": url,
            "ACCESS_KEY": ACCESS_KEY,
            "SECRET_KEY": SECRET_KEY,
            "REGION": REGION,
            "BUCKET": "media",
            "RETRIES": 0,
            "TIMEOUT": 2,
            **settings,
        }
        return configure_storage("files", settings)

    with app.app_context():
        yield make_at


@pytest.fixture
def make(app, make_storage):
    """Configure a storage in a bucket of a real server, with further settings."""
    with app.app_context():
        yield lambda **settings: make_storage(**{"RETRIES": 0, "TIMEOUT": 20, **settings})


# Servers that cannot be reached


def test_a_server_that_is_down(make_at, unused_port):
    url = f"http://127.0.0.1:{unused_port}"
    all_told(make_at(url), BackendError, f"ENDPOINT {url} refused the connection", "running", "port")


def test_a_host_that_is_unknown(make_at):
    url = "http://no-such-host.invalid:9000"
    all_told(make_at(url), BackendError, f"the host of ENDPOINT {url} is unknown", "spelling", "DNS")


def test_a_server_that_does_not_answer(make_at):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = f"ENDPOINT {url} did not answer in 0.2 s", "firewall", "TIMEOUT"
        all_told(make_at(url, TIMEOUT=0.2), BackendError, *words)


def test_a_server_that_does_not_answer_for_a_file_that_is_named_like_a_failure(make_at):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storage = make_at(f"http://127.0.0.1:{silent.getsockname()[1]}", TIMEOUT=0.2)
        with pytest.raises(BackendError, match=r"did not answer in 0\.2 s"):
            storage.read("http_request/certificate_verify.txt")


def test_a_bucket_before_a_host_that_is_unknown(make_at):
    storage = make_at("http://s3.invalid:9000", ADDRESSING_STYLE="virtual")
    told(storage, "read", BackendError, "ENDPOINT http://s3.invalid:9000", "BUCKET 'media'", "ADDRESSING_STYLE to path")


def test_a_region_of_which_amazon_has_none(make_at):
    told(make_at(None, REGION="eu-wset-1"), "read", BackendError, "REGION 'eu-wset-1'", "spelling")


def test_a_proxy_that_is_down(make_at, unused_port, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://user:{PASSWORD}@127.0.0.1:{unused_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    told(make_at("http://s3.example.org"), "read", BackendError, "ENDPOINT http://s3.example.org", "HTTP_PROXY")


def test_https_on_a_plain_port(make_at, s3_endpoint):
    url = s3_endpoint.url.replace("http:", "https:")
    storage = make_at(url)
    all_told(storage, ConfigurationError, f"ENDPOINT {url} does not speak TLS", "set ENDPOINT to http://")


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"), "s3.example.org")


def test_http_on_a_port_of_openssl(make_at, own_certificate):
    with tls_port(own_certificate) as port:
        told(make_at(f"http://127.0.0.1:{port}"), "read", FSError, "ENDPOINT", "https://")


@pytest.mark.parametrize(
    "body",
    [
        # Go, as MinIO; nginx
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n<body><hr></body>",
    ],
)
def test_http_on_a_port_with_tls(at_server, server, body):
    def answer(request):
        sent = b"" if request.command == "HEAD" else body
        return b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            sent,
        )

    all_told(at_server(answering(answer)), ConfigurationError, f"ENDPOINT {server.url} wants TLS", "https://")


def test_a_certificate_that_is_not_trusted(make_at, own_certificate):
    with tls_port(own_certificate) as port:
        told(make_at(f"https://localhost:{port}"), "read", BackendError, "ENDPOINT", "certificate", "AWS_CA_BUNDLE")


@pytest.mark.parametrize(
    ("host", "days", "word"), [("s3.example.org", 1, "another host"), ("localhost", -1, "expired")]
)
def test_a_certificate_that_does_not_fit(make_at, tmp_path, monkeypatch, host, days, word):
    made = certificate(tmp_path, host, days=days)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(made.path))
    with tls_port(made) as port:
        told(make_at(f"https://localhost:{port}", TIMEOUT=2.5), "read", BackendError, "ENDPOINT", "certificate", word)


# Credentials


def test_an_access_key_that_is_unknown(make):
    all_told(make(ACCESS_KEY="wrong"), PermissionDenied, "does not know ACCESS_KEY", "check it", "ENDPOINT")


@on_swift
def test_an_access_key_that_the_server_does_not_tell_from_a_wrong_secret(make):
    all_told(make(ACCESS_KEY="wrong"), PermissionDenied, "SECRET_KEY does not fit ACCESS_KEY", "check both")


def test_a_wrong_secret_key(make):
    all_told(make(SECRET_KEY=SECRET), PermissionDenied, "SECRET_KEY does not fit ACCESS_KEY", "check both")


@pytest.fixture
def no_credentials(monkeypatch, tmp_path):
    for key in [key for key in os.environ if key.startswith("AWS_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize("operation", [*OPERATIONS, "url"])
def test_no_credentials(make_at, unused_port, operation):
    storage = make_at(f"http://127.0.0.1:{unused_port}", ACCESS_KEY=None, SECRET_KEY=None, TIMEOUT=2.2)
    words = "set ACCESS_KEY and SECRET_KEY", "AWS_ACCESS_KEY_ID", "~/.aws/credentials", "role"
    if operation != "url":
        told(storage, operation, ConfigurationError, *words)
        return
    with pytest.raises(ConfigurationError) as raised:
        storage.url("a.txt", expires=60)
    check_text(str(raised.value), ["in storage 'files'", *words])


@pytest.mark.usefixtures("no_credentials")
def test_credentials_that_come_later(make, monkeypatch):
    storage = make(ACCESS_KEY=None, SECRET_KEY=None)
    with pytest.raises(ConfigurationError, match="no credentials"):
        storage.exists("a.txt")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    assert not storage.exists("a.txt")


@pytest.mark.usefixtures("no_credentials")
def test_credentials_that_boto3_found(at_server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "found")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"):
        storage = at_server(refusing(403, code), ACCESS_KEY=None, SECRET_KEY=None)
        told(storage, "read", PermissionDenied, "the credentials that boto3 found", "set ACCESS_KEY and SECRET_KEY")


@pytest.mark.usefixtures("no_credentials")
def test_a_profile_that_does_not_exist(make_at, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    storage = make_at("http://127.0.0.1:1", ACCESS_KEY=None, SECRET_KEY=None, TIMEOUT=2.4)
    told(storage, "read", ConfigurationError, "AWS_PROFILE", "set ACCESS_KEY and SECRET_KEY")


@on_swift
@pytest.mark.parametrize(("minutes", "way"), [(-40, "40 minutes behind"), (180, "3 hours ahead")])
def test_a_clock_that_is_wrong(make, monkeypatch, minutes, way):
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth,
        "get_current_datetime",
        lambda *given, **options: real(*given, **options) + timedelta(minutes=minutes),
    )
    monkeypatch.setattr(advice, "now", lambda: datetime.now(timezone.utc) + timedelta(minutes=minutes))
    all_told(make(), PermissionDenied, f"the clock of this machine is {way}", "set it")


# Regions and buckets


@pytest.fixture
def no_bucket():
    return f"bucket-{uuid.uuid4()}"


def test_a_bucket_that_is_missing(make, no_bucket):
    storage = make(BUCKET=no_bucket, CREATE_BUCKET=False)
    all_told(storage, ConfigurationError, f"BUCKET {no_bucket!r} does not exist", "create it", "CREATE_BUCKET")


def test_a_bucket_that_the_endpoint_holds_too(make, s3_endpoint, no_bucket):
    # moto makes no difference, but what it answers is what other servers answer
    storage = make(ENDPOINT=f"{s3_endpoint.url}/{no_bucket}", CREATE_BUCKET=False)
    told(storage, "read", ConfigurationError, f"ENDPOINT {s3_endpoint.url}/{no_bucket}", no_bucket, "BUCKET", "path")


@on_swift
def test_another_region_than_that_of_the_server(make, no_bucket):
    # botocore reads the right one in the answer, and so reads and writes work
    storage = make(REGION="eu-west-3")
    storage.write("a.txt", b"content")
    assert storage.read("a.txt") == b"content"
    told(make(BUCKET=no_bucket, REGION="eu-west-3"), "write", ConfigurationError, "REGION 'eu-west-3'", "set REGION")


@on_swift
def test_no_right_on_a_bucket(make):
    storage = make(ACCESS_KEY=GUEST, SECRET_KEY=KEY)
    rights = {"write": "s3:PutObject", "read": "s3:GetObject", "exists": "s3:GetObject", "list": "s3:ListBucket"}
    for operation, right in rights.items():
        with pytest.raises(PermissionDenied) as raised:
            OPERATIONS[operation](storage)
        words = "in storage 'files'", f"BUCKET {storage.backend.bucket_name!r}", "AccessDenied", right
        check_text(str(raised.value), words)


# What no server of the tests answers


def refusal(status, code, message="Said so.", headers=(), **members):
    """Return a function that makes the bytes of an answer, as the reference of S3 describes an error."""
    inside = "".join(
        f"<{name}>{value}</{name}>" for name, value in {"Code": code, "Message": message, **members}.items()
    )
    body = f"<?xml version='1.0' encoding='UTF-8'?>\n<Error>{inside}<RequestId>1</RequestId></Error>".encode()
    lines = "".join(f"{line}\r\n" for line in headers)

    def answer(request):
        # the answer to HEAD has no body
        head = f"HTTP/1.1 {status} Refused\r\nContent-Type: application/xml\r\nx-amz-request-id: 1\r\n{lines}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + (b"" if request.command == "HEAD" else body)

    return answer


def refusing(*arguments, **members):
    return answering(refusal(*arguments, **members))


def making(answer):
    """A script that has no bucket, and answers this to who makes one."""
    missing = refusal(404, "NoSuchBucket")

    def choose(request):
        is_bucket = request.path.strip("/").count("/") == 0
        return (answer if request.command == "PUT" and is_bucket else missing)(request)

    return answering(choose)


TIMES = {
    "RequestTime": "20261129T100000Z",
    "ServerTime": "2026-11-29T10:17:30Z",
    "MaxAllowedSkewMilliseconds": "900000",
}
MOVED = {"Endpoint": "media.s3.eu-west-1.amazonaws.com", "Bucket": "media"}

REFUSALS = {
    "expired token": (
        refusal(400, "ExpiredToken", "The provided token has expired."),
        {"SESSION_TOKEN": TOKEN},
        PermissionDenied,
        ("SESSION_TOKEN has expired", "ACCESS_KEY", "SECRET_KEY"),
    ),
    "invalid token": (
        refusal(400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
        {"SESSION_TOKEN": TOKEN},
        PermissionDenied,
        ("does not take SESSION_TOKEN", "ACCESS_KEY"),
    ),
    "temporary key without its token": (
        refusal(403, "InvalidAccessKeyId", AWSAccessKeyId="ASIAEXAMPLE"),
        {"ACCESS_KEY": "ASIAEXAMPLE"},
        PermissionDenied,
        ("ACCESS_KEY", "set its SESSION_TOKEN"),
    ),
    "skew": (
        refusal(403, "RequestTimeTooSkewed", **TIMES),
        {},
        PermissionDenied,
        ("the clock of this machine is 18 minutes behind", "set it"),
    ),
    "skew without times": (
        refusal(403, "RequestTimeTooSkewed"),
        {},
        PermissionDenied,
        ("clock of this machine", "NTP"),
    ),
    "malformed header without a region": (
        refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed."),
        {},
        ConfigurationError,
        ("REGION 'us-east-1'", "set REGION"),
    ),
    "wrong region for good": (
        refusal(
            400, "AuthorizationHeaderMalformed", "the region 'x' is wrong; expecting 'eu-west-1'", Region="eu-west-1"
        ),
        {},
        ConfigurationError,
        ("REGION 'us-east-1' is not that of BUCKET 'media'", "set REGION to 'eu-west-1'"),
    ),
    "moved": (
        refusal(
            301, "PermanentRedirect", "Send requests to this endpoint.", ["x-amz-bucket-region: eu-west-1"], **MOVED
        ),
        {},
        ConfigurationError,
        ("REGION 'us-east-1' is not that of BUCKET 'media'", "set REGION to 'eu-west-1'"),
    ),
    "denied": (
        refusal(
            403,
            "AccessDenied",
            "User: arn:aws:iam::123456789012:user/app is not authorized to perform: s3:X because no policy allows it "
            * 3,
        ),
        {},
        PermissionDenied,
        ("BUCKET 'media' refuses these credentials (AccessDenied): allow them s3:",),
    ),
    "denied in another way": (
        refusal(403, "AccountProblem"),
        {},
        PermissionDenied,
        ("BUCKET 'media'", "AccountProblem"),
    ),
    "slow down": (refusal(503, "SlowDown"), {}, BackendError, ("503 SlowDown", "ENDPOINT", "RETRIES")),
    "broken": (refusal(500, "InternalError"), {}, BackendError, ("500 InternalError", "ENDPOINT", "log")),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_amazon_answers(at_server, name):
    answer, settings, kind, words = REFUSALS[name]
    # the client remembers the region of each bucket
    settings = {"TIMEOUT": "2.6", **settings} if kind is ConfigurationError else settings
    storage = at_server(answering(answer), **settings)
    all_told(storage, kind, *words, operations=["write", "read", "list"])
    # a HEAD is not sent again to a server that fails
    told(storage, "exists", kind, *(("ENDPOINT", "log") if kind is BackendError else words))


WRITES = {
    "InvalidEncryptionAlgorithmError": (400, ("SSE",)),
    "InvalidStorageClass": (400, ("STORAGE_CLASS",)),
    "KMS.NotFoundException": (400, ("SSE_KMS_KEY_ID", "KMS.NotFoundException")),
    "AccessControlListNotSupported": (400, ("ACL", "BUCKET 'media'")),
    "EntityTooLarge": (400, ("PART_SIZE",)),
    "InvalidBucketName": (400, ("BUCKET 'media'", "3 to 63")),
    "SomethingNew": (400, ("SomethingNew", "Said so.")),
}


@pytest.mark.parametrize("code", WRITES)
def test_what_amazon_answers_to_a_write(at_server, code):
    status, words = WRITES[code]
    with pytest.raises(FSError) as raised:
        at_server(refusing(status, code)).write("a.txt", b"content")
    check_text(str(raised.value), ["'a.txt' in storage 'files': ", *words])


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "QuotaExceeded", ("quota", "BUCKET 'media'")),
        (400, "XMinioAdminBucketQuotaExceeded", ("quota", "BUCKET 'media'")),
        (507, "XMinioStorageFull", ("ENDPOINT", "is full")),
        (507, "InsufficientStorage", ("ENDPOINT", "is full")),
    ],
)
def test_a_store_that_is_full(at_server, status, code, words):
    with pytest.raises(FSError) as raised:
        at_server(refusing(status, code)).write("a.txt", b"content")
    # whoever uploads lacks no permission
    assert type(raised.value) is FSError
    check_text(str(raised.value), ["'a.txt' in storage 'files': ", code, *words])


@pytest.mark.parametrize("code", ["RequestTimeout", "Throttling"])
def test_a_refusal_that_passes(at_server, code):
    with pytest.raises(BackendError) as raised:
        at_server(refusing(400, code)).write("a.txt", b"content")
    check_text(str(raised.value), ["ENDPOINT", code, "try again later", "RETRIES"])


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (408, BackendError, ("408", "try again later")),
        (413, FSError, ("413", "takes no request of this size", "proxy", "PART_SIZE")),
        (502, BackendError, ("502", "try again later")),
    ],
)
def test_a_proxy_that_refuses(at_server, status, kind, words):
    page = b"<html><body>nginx</body></html>"
    storage = at_server(answering(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%b" % (status, len(page), page)))
    with pytest.raises(FSError) as raised:
        storage.write("a.txt", b"content")
    assert type(raised.value) is kind
    check_text(str(raised.value), ["ENDPOINT", *words])
    assert "address of S3" not in str(raised.value)


DENIED = "User: arn:aws:iam::1:user/app is not authorized to perform: {} on resource: arn:aws:kms:eu-west-1:1:key/2 {}"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            DENIED.format(
                "kms:GenerateDataKey", "because no identity-based policy allows the kms:GenerateDataKey action"
            ),
            "allow them kms:GenerateDataKey",
        ),
        (DENIED.format("s3:PutObject", "with an explicit deny in a VPC endpoint policy"), "which a policy denies"),
    ],
)
def test_the_right_that_amazon_names(at_server, message, words):
    with pytest.raises(PermissionDenied) as raised:
        at_server(refusing(403, "AccessDenied", message)).write("a.txt", b"content")
    check_text(str(raised.value), ["BUCKET 'media'", words])


@pytest.mark.usefixtures("no_credentials")
def test_a_refusal_without_a_reason_to_a_role(at_server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "found")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    storage = at_server(
        answering(b"HTTP/1.1 403 No\r\nx-amz-request-id: 1\r\nContent-Length: 0\r\n\r\n"),
        ACCESS_KEY=None,
        SECRET_KEY=None,
    )
    text = told(storage, "exists", PermissionDenied, "the credentials that boto3 found", "s3:GetObject")
    assert "ACCESS_KEY" not in text


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (400, "InvalidLocationConstraint", ConfigurationError, ("BUCKET 'media' cannot be created", "set REGION")),
        (400, "IllegalLocationConstraintException", ConfigurationError, ("BUCKET 'media'", "set REGION")),
        (403, "AccessDenied", PermissionDenied, ("BUCKET 'media'", "s3:CreateBucket", "CREATE_BUCKET to False")),
        (400, "TooManyBuckets", FSError, ("too many buckets", "BUCKET")),
    ],
)
def test_a_bucket_that_cannot_be_made(at_server, status, code, kind, words):
    told(at_server(making(refusal(status, code))), "write", kind, *words)


def test_a_bucket_of_another_account(at_server):
    tried = []

    def answer(request):
        if request.path.strip("/") == "media":
            return refusal(409, "BucketAlreadyExists")(request)
        tried.append(request.path)
        return (refusal(404, "NoSuchBucket") if len(tried) == 1 else refusal(403, "AccessDenied"))(request)

    with pytest.raises(ConfigurationError) as raised:
        at_server(answering(answer)).write("a.txt", b"content")
    check_text(str(raised.value), ["storage 'files'", "BUCKET 'media' belongs to another account", "another name"])


@pytest.mark.parametrize("right", ["s3:DeleteObject", "s3:ListBucket"])
def test_no_right_to_delete(at_server, right):
    listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

    def answer(request):
        if request.command == "GET" and right == "s3:DeleteObject":
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(listing), listing)
        return refusal(403, "AccessDenied")(request)

    with pytest.raises(PermissionDenied) as raised:
        at_server(answering(answer)).delete("a.txt")
    check_text(str(raised.value), ["storage 'files'", "BUCKET 'media'", right])


# Servers that are none of S3


PAGES = [
    b"<!doctype html><html><head><title>Welcome</title></head><body><br>Log in</body></html>",
    # this is XML too
    b"<html><body><h1>Welcome</h1></body></html>",
]


@pytest.mark.parametrize("status", [200, 403, 404, 405])
@pytest.mark.parametrize("page", PAGES)
def test_a_web_page(at_server, status, page):
    def answer(request):
        sent = b"" if request.command == "HEAD" else page
        head = f"HTTP/1.1 {status} Status\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        return head.encode() + sent

    storage = at_server(answering(answer))
    all_told(storage, FSError, "ENDPOINT", operations=["write", "read", "list"])
    told(storage, "exists", FSError, "405" if status == 405 else "ENDPOINT")


# The texts


@pytest.mark.parametrize("length", [10, 200, 900])
def test_long_names_leave_what_is_to_be_done(make_at, unused_port, length):
    name = "n" * length + ".txt"
    with pytest.raises(BackendError) as raised:
        make_at(f"http://127.0.0.1:{unused_port}").read(name)
    check_text(str(raised.value), ["in storage 'files': ENDPOINT", "is the port right?"])
    assert raised.value.path == name


def test_a_reason_is_asked_for_with_one_request(at_server, server):
    storage = at_server(refusing(403, "AccessDenied"))
    with pytest.raises(PermissionDenied):
        storage.exists("a.txt")
    assert [method for method, _, _ in server.received] == ["HEAD", "GET"]
    assert server.received[1][2]["range"] == "bytes=0-0"


def test_a_reason_that_the_server_does_not_give(at_server, server):
    # a proxy refuses HEAD
    def answer(request):
        if request.command == "HEAD":
            return b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        head = b'HTTP/1.1 206 Part\r\nETag: "x"\r\nx-amz-request-id: 1\r\nContent-Range: bytes 0-0/3\r\n'
        return head + b"Content-Length: 1\r\n\r\na"

    told(at_server(answering(answer)), "exists", PermissionDenied, "403", "ACCESS_KEY", "SECRET_KEY", "s3:GetObject")


@pytest.mark.parametrize(
    "then", [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
def test_a_reason_that_cannot_be_learnt(at_server, then):
    # what is known is the refusal, not what becomes of the second request
    def answer(request):
        return refusal(403, "AccessDenied")(request) if request.command == "HEAD" else then

    words = "the server gives no reason (403)", "s3:GetObject"
    told(at_server(answering(answer)), "exists", PermissionDenied, *words)


def test_a_reason_is_asked_for_as_the_file_was(at_server, server):
    storage = at_server(refusing(403, "AccessDenied"))
    storage.backend.store.download_args = {"RequestPayer": "requester", "SSECustomerKey": "k" * 32}
    with pytest.raises(PermissionDenied):
        storage.exists("a.txt")
    asked = [
        {name: value for name, value in headers.items() if "payer" in name or "customer" in name}
        for _, _, headers in server.received
    ]
    assert asked[0]
    assert asked[0] == asked[1]


def not_found(with_id):
    """A 404 for an object, of a server that gives its answers ids or not."""

    def answer(request):
        body = b"" if request.command == "HEAD" else b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
        lines = b"x-amz-request-id: 1\r\n" if with_id else b""
        return b"HTTP/1.1 404 Not Found\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)

    return answer


def test_a_404_without_a_sign_of_s3_is_checked_once(at_server, server):
    storage = at_server(answering(not_found(with_id=False)))
    for _ in range(3):
        assert not storage.exists("a.txt")
    assert [method for method, _, _ in server.received] == ["HEAD", "GET", "HEAD", "HEAD"]


def test_a_404_of_a_proxy_is_no_answer_of_a_server_that_gave_signs_before(at_server, server):
    storage = at_server(answering(b'HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\nETag: "x"\r\nContent-Length: 3\r\n\r\n'))
    assert storage.exists("a.txt")
    # the server is deployed again, and what is before it has nobody to ask
    server.play(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="answers 404, but not as S3 does"):
            storage.exists("a.txt")
    server.play(answering(not_found(with_id=True)))
    assert not storage.exists("a.txt")
    assert len(server.received) == 1
