"""Servers that redirect, list without end, drip or answer what cannot be, and what they learn of the keys."""

import traceback

import pytest
from servers.s3 import ACCESS_KEY, REGION, SECRET_KEY
from servers.scripted import ScriptedServer, answering, dripping

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.http import Pace
from flask_pyfs.filesystems.s3 import S3FS
from flask_pyfs.options import Secret

TOKEN = "t0ken-that-nobody-may-see"
MANY = 5

pytestmark = pytest.mark.server


@pytest.fixture
def open_at(app, configure_storage):
    """Configure a storage at an address, with further settings."""

    def open_at(url, **settings):
        settings = {
            "BACKEND": "s3",
            "ENDPOINT": url,
            "ACCESS_KEY": ACCESS_KEY,
            "SECRET_KEY": SECRET_KEY,
            "SESSION_TOKEN": TOKEN,
            "REGION": REGION,
            "RETRIES": 0,
            "TIMEOUT": 2,
            **settings,
        }
        return configure_storage("files", settings)

    with app.app_context():
        yield open_at


CALLS = {
    "exists": lambda storage: storage.exists("a"),
    "read": lambda storage: storage.read("a"),
    "write": lambda storage: storage.write("a", b"content"),
    "list": lambda storage: list(storage.list_files()),
    "copy": lambda storage: storage.copy("a", "b", overwrite=True),
    "delete": lambda storage: storage.delete("a"),
}

# Redirections


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["another host", "the same host", "nowhere", "no address"])
def test_a_redirection_is_not_followed(open_at, call, status, where):
    with ScriptedServer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as other:
        location = {"another host": other.url, "the same host": "/other", "nowhere": "", "no address": "http://[::1"}
        raw = f"HTTP/1.1 {status} See There\r\nLocation: {location[where]}/?token=x\r\nContent-Length: 0\r\n\r\n"
        if where == "nowhere":
            raw = f"HTTP/1.1 {status} See There\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer(answering(raw.encode())) as server:
            with pytest.raises(fs.ConfigurationError, match="ENDPOINT") as raised:
                CALLS[call](open_at(server.url))
            assert "token" not in str(raised.value)
            assert len(server.received) == 1
        assert other.received == []


PERMANENT = (
    b"<?xml version='1.0'?><Error><Code>PermanentRedirect</Code><Endpoint>%s</Endpoint><Message>no</Message></Error>"
)


@pytest.mark.parametrize("call", ["exists", "read", "list"])
def test_a_redirection_of_s3_without_a_region_ends(open_at, call):
    body = PERMANENT % b"other.invalid"
    raw = b"HTTP/1.1 301 Moved\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with ScriptedServer(answering(raw)) as server:
        with pytest.raises(fs.ConfigurationError, match="ENDPOINT"):
            CALLS[call](open_at(server.url))
        assert len(server.received) <= 2


def test_the_redirection_to_another_region_is_followed_at_the_same_server(open_at):
    wrong = b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\nLocation: http://other.invalid/\r\nContent-Length: 0\r\n\r\n"
    right = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nLast-Modified: Sat, 28 Nov 2026 10:00:00 GMT\r\nContent-Length: 3\r\n\r\n'

    def answer(request):
        return right if "/eu-west-3/" in request.headers["Authorization"] else wrong

    with ScriptedServer(answering(answer)) as server:
        assert open_at(server.url).exists("a")
        assert [method for method, _, _ in server.received] == ["HEAD", "HEAD"]


def test_a_region_that_is_always_another_one_ends(open_at):
    raw = b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer(answering(raw)) as server:
        with pytest.raises(fs.ConfigurationError):
            open_at(server.url).exists("a")
        assert len(server.received) <= 2


# Listings


def page(*keys, token=None, root="ListBucketResult", more=True):
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-11-28T10:00:00Z</LastModified></Contents>"
        for key in keys
    )
    follows = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    body = f"<{root}><IsTruncated>{str(more).lower()}</IsTruncated>{follows}{entries}</{root}>"
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class Pages:
    """Answers with one page after the other, and then again from the start."""

    def __init__(self, *pages):
        self._pages = pages
        self._number = -1

    def __call__(self, request):
        self._number += 1
        page = self._pages[self._number % len(self._pages)]
        return page(self._number) if callable(page) else page


ENDLESS = {
    "the same page": [page("a", "b", token="t")],
    "the same token": [lambda number: page(f"{number}", token="t")],
    "a circle of tokens": [lambda number: page(f"{number}", token=f"t{number % 3}")],
    "the same keys": [lambda number: page("a", "b", token=f"t{number}")],
    "back to the first": [
        lambda number: page("c", "d", token=f"t{number}"),
        lambda number: page("a", "b", token=f"t{number}"),
    ],
    "no token": [page("a", "b")],
    "a token and no keys": [page(token="t")],
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_listing_without_an_end(open_at, kind):
    with ScriptedServer(answering(Pages(*ENDLESS[kind]))) as server:
        storage = open_at(server.url)
        with pytest.raises(fs.BackendError, match="not one of S3"):
            list(storage.list_files())
        assert len(server.received) <= MANY
        with pytest.raises(fs.BackendError):
            list(storage.fs.walk.files())


def test_pages_without_keys_have_an_end(open_at):
    with ScriptedServer(answering(Pages(lambda number: page(token=f"t{number}")))) as server:
        with pytest.raises(fs.BackendError):
            list(open_at(server.url).list_files())
        assert len(server.received) < 200


def test_a_page_without_keys_is_no_end(open_at):
    pages = Pages(page("a", token="1"), page(token="2"), page(token="3"), page("b", more=False))
    with ScriptedServer(answering(pages)) as server:
        assert list(open_at(server.url).list_files()) == ["a", "b"]


def test_what_is_not_asked_for_is_not_deleted(open_at):
    with ScriptedServer(answering(page("tree/a", "other", more=False))) as server:
        with pytest.raises(fs.BackendError, match="other"):
            open_at(server.url).delete("tree")
        assert [method for method, _, _ in server.received] == ["GET"]


def uploads_page(*keys, marker):
    entries = "".join(
        f"<Upload><Key>{key}</Key><UploadId>u</UploadId><Initiated>2036-11-28T10:00:00Z</Initiated></Upload>"
        for key in keys
    )
    follows = f"<NextKeyMarker>{marker}</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>" if marker else ""
    root = "ListMultipartUploadsResult"
    body = f"<{root}><IsTruncated>true</IsTruncated>{follows}{entries}</{root}>"
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "pages",
    [
        [uploads_page("a", marker="m")],
        [lambda number: uploads_page(f"{number}", marker="m")],
        [lambda number: uploads_page("a", marker=f"{number}")],
        [uploads_page("a", marker=None)],
    ],
)
def test_a_listing_of_uploads_without_an_end(open_at, pages):
    with ScriptedServer(answering(Pages(*pages))) as server:
        with pytest.raises(fs.BackendError):
            open_at(server.url).backend.remove_leftovers()
        assert len(server.received) <= MANY


# Answers that lack something


@pytest.mark.parametrize("missing", ["Key", "Size", "LastModified"])
def test_an_entry_that_lacks_something(open_at, missing):
    raw = page("a", more=False).replace(missing.encode() + b">", b"Other>")
    with ScriptedServer(answering(raw)) as server, pytest.raises(fs.BackendError):
        list(open_at(server.url).list_files())


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        (b"<Size>1<", b"<Size>many<"),
        (b"<Size>1<", b"<Size>-1<"),
        (b"<Size>1<", b"<Size><"),
        (b"2026-11-28T10:00:00Z", b"9999-12-31T23:59:59Z"),
        (b"2026-11-28T10:00:00Z", b"0001-01-01T00:00:00Z"),
        (b"2026-11-28T10:00:00Z", b"some time ago....... "),
        (b"<Key>a<", b"<Key><"),
    ],
)
def test_an_entry_with_what_cannot_be(open_at, was, wrong):
    head, _, body = page("a", more=False).partition(b"\r\n\r\n")
    body = body.replace(was, wrong)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with ScriptedServer(answering(raw)) as server, pytest.raises(fs.BackendError):
        list(open_at(server.url).list_files())


@pytest.mark.parametrize("length", [b"-5", b"many", b"1e3", b"\xb2"])
def test_a_length_that_cannot_be(open_at, length):
    head = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nLast-Modified: Sat, 28 Nov 2026 10:00:00 GMT\r\nConnection: close\r\n'
    with ScriptedServer(answering(head + b"Content-Length: " + length + b"\r\n\r\ncontent")) as server:
        for call in ("read", "exists"):
            with pytest.raises(fs.BackendError):
                CALLS[call](open_at(server.url))


def test_a_whole_404_of_another_server_is_a_matter_of_configuration(open_at):
    for body in (b"<html>Not found</html>", b"<html><br>Not found", b"Not found", b""):
        raw = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        with ScriptedServer(answering(raw)) as server, pytest.raises(fs.ConfigurationError):
            open_at(server.url).read("a")
        cut = b"HTTP/1.1 404 Not Found\r\nContent-Length: 200\r\n\r\n" + body
        with ScriptedServer(answering(cut)) as server, pytest.raises(fs.BackendError):
            open_at(server.url).read("a")


# Servers that drip


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(Pace, "span", 0.3)


BODY = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nLast-Modified: Sat, 28 Nov 2026 10:00:00 GMT\r\nContent-Length: 10000\r\n\r\n'


@pytest.mark.parametrize("call", ["read", "list", "write", "copy"])
def test_a_server_that_drips(open_at, impatient, call):
    servers = []
    head = BODY if call == "read" else b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
    with ScriptedServer(dripping(head, b"x", 0.02, lambda: servers[0].over)) as server:
        servers.append(server)
        with pytest.raises(fs.BackendError, match="in 0"):
            CALLS[call](open_at(server.url))


def test_a_slow_but_honest_server(open_at, monkeypatch):
    monkeypatch.setattr(Pace, "span", 0.05)
    servers = []
    # 200 bytes each time
    with ScriptedServer(dripping(BODY, b"x" * 200, 0.002, lambda: servers[0].over)) as server:
        servers.append(server)
        assert open_at(server.url).read("a") == b"x" * 10000


def test_a_slow_reader_is_not_a_slow_server(app, make_storage, s3_client, bucket, monkeypatch):
    monkeypatch.setattr(Pace, "span", 0.0)
    monkeypatch.setattr(Pace, "least", 1)
    s3_client.put_object(Bucket=bucket, Key="a", Body=bytes(300_000))
    with app.app_context(), make_storage().open("a", "rb") as file:
        assert len(file.read()) == 300_000


# Keys and tokens


@pytest.mark.parametrize("key", ["ENDPOINT", "PUBLIC_ENDPOINT"])
@pytest.mark.parametrize(
    "url", ["http://user:t0ps3cret@host", "https://user:t0p/s3cret@host:9000/x", "user:t0ps3cret@host"]
)
def test_an_address_with_a_password_is_refused(app, key, url):
    app.config.update(FILES_FS_BACKEND="s3", **{f"FILES_FS_{key}": url})
    with pytest.raises(fs.ConfigurationError, match=f"FILES_FS_{key}") as raised:
        fs.init_app(app, fs.Storage("files"))
    assert "s3cret" not in str(raised.value)


def unused_port_url():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", ["no server", "refused", "html", "silent", "cut"])
def test_no_variable_of_a_traceback_shows_a_key(open_at, call, failure):
    scripts = {
        "refused": answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        "html": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
        "cut": answering(b"HTTP/1.1 200 OK\r\nContent-Le"),
        "silent": lambda request: server.over.wait(),
    }
    secret = "t0p-s3cret-key"
    if failure == "no server":
        shown = shown_of(open_at(unused_port_url(), SECRET_KEY=secret), call)
    else:
        with ScriptedServer(scripts[failure]) as server:
            shown = shown_of(open_at(server.url, SECRET_KEY=secret, TIMEOUT=0.2), call)
    assert "bucket.py" in shown
    assert secret not in shown
    assert TOKEN not in shown
    assert "Signature=" not in shown


def shown_of(storage, call):
    """What a tool shows that prints the variables of all frames."""
    try:
        CALLS[call](storage)
    except fs.FSError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError("it did not fail")


def test_errors_of_the_caller_keep_their_variables(open_at):
    def fail():
        mine = "a variable of the caller"
        raise RuntimeError(mine)

    storage = open_at(unused_port_url())
    try:
        fail()
    except RuntimeError as error:
        with pytest.raises(fs.BackendError):
            storage.exists("a")
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "mine = 'a variable of the caller'" in text


def test_the_filesystem_hides_its_keys():
    for arguments in (("", "key", "t0ps3cret", TOKEN), ()):
        options = {} if arguments else {"aws_secret_access_key": "t0ps3cret", "aws_session_token": TOKEN}
        filesystem = S3FS("bucket", *arguments, region=REGION, **options)
        assert filesystem.aws_secret_access_key == "t0ps3cret"
        assert "t0ps3cret" not in repr(vars(filesystem))
        assert TOKEN not in repr(vars(filesystem))
        assert isinstance(filesystem._settings.secret_key, Secret)
