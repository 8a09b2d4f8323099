"""Servers that redirect, list without end, drip or answer what cannot be, and what they learn of the keys."""

import traceback

import pytest
from fs import errors
from servers.s3 import ACCESS_KEY, REGION, SECRET_KEY
from servers.scripted import ScriptedServer, answering, dripping

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.http import Pace
from flask_pyfs.filesystems.s3 import S3FS
from flask_pyfs.options import Secret

SECRET, TOKEN = "t0p-s3cret-key", "t0ken-that-nobody-may-see"
MANY = 5

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server():
    """A server that answers as a test says."""
    with ScriptedServer(answering(b"")) as server:
        yield server


@pytest.fixture(scope="module")
def other():
    """Another host, which must not be asked."""
    with ScriptedServer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as other:
        yield other
        assert other.received == []


@pytest.fixture(scope="module")
def kept(server):
    """What keeps the client, which takes long to make."""
    return [opened(server)]


def opened(server):
    return S3FS(
        "files",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        aws_session_token=TOKEN,
        endpoint_url=server.url,
        region=REGION,
        retries=0,
        timeout=30.0,
    )


@pytest.fixture
def make_at(app, configure_storage):
    """Configure a storage at an address, with further settings."""

    def make_at(url, **settings):
        settings = {
            "BACKEND": "s3",
            "ENDPOINT": url,
            "ACCESS_KEY": ACCESS_KEY,
            "SECRET_KEY": SECRET_KEY,
            "SESSION_TOKEN": TOKEN,
            "REGION": REGION,
            "RETRIES": 0,
            "TIMEOUT": 30,
            **settings,
        }
        return configure_storage("files", settings)

    with app.app_context():
        yield make_at


@pytest.fixture
def storage(make_at, server, kept):
    """A storage at the server."""
    return make_at(server.url)


CALLS = {
    "exists": lambda storage: storage.exists("a"),
    "read": lambda storage: storage.read("a"),
    "write": lambda storage: storage.write("a", b"content"),
    "list": lambda storage: list(storage.list_files()),
    "copy": lambda storage: storage.copy("a", "b", overwrite=True),
    "delete": lambda storage: storage.delete("a"),
}

# Redirections


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308])
@pytest.mark.parametrize("where", ["another host", "the same host", "nowhere"])
def test_a_redirection_is_not_followed(storage, server, other, status, where):
    location = {"another host": f"Location: {other.url}/a?token=x\r\n", "the same host": "Location: /other\r\n"}
    raw = f"HTTP/1.1 {status} See There\r\n{location.get(where, '')}Content-Length: 0\r\n\r\n"
    for call in CALLS.values():
        server.play(answering(raw.encode()))
        with pytest.raises(fs.ConfigurationError, match="ENDPOINT") as raised:
            call(storage)
        assert "token" not in str(raised.value)
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("status", "location"), [(303, "{other}/a"), (301, "http://[::1/"), (307, "//"), (302, "\x7f")]
)
def test_an_odd_redirection_is_an_error_of_ours(storage, server, other, status, location):
    raw = f"HTTP/1.1 {status} See There\r\nLocation: {location.format(other=other.url)}\r\nContent-Length: 0\r\n\r\n"
    for call in CALLS.values():
        server.play(answering(raw.encode()))
        with pytest.raises(fs.FSError):
            call(storage)
        assert len(server.received) == 1


def test_a_redirection_of_s3_without_a_region_ends(storage, server):
    body = b"<?xml version='1.0'?><Error><Code>PermanentRedirect</Code><Endpoint>other.invalid</Endpoint></Error>"
    raw = b"HTTP/1.1 301 Moved\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    for call in CALLS.values():
        server.play(answering(raw))
        with pytest.raises(fs.ConfigurationError, match="ENDPOINT"):
            call(storage)
        assert len(server.received) <= 2


MOVED = b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: %b\r\nLocation: http://other.invalid/\r\nContent-Length: 0\r\n\r\n"
FOUND = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nLast-Modified: Sat, 28 Nov 2026 10:00:00 GMT\r\nContent-Length: 3\r\n\r\n'


def test_the_redirection_to_another_region_is_followed_at_the_same_server(make_at, server):
    def answer(request):
        return FOUND if "/eu-west-3/" in request.headers["Authorization"] else MOVED % b"eu-west-3"

    server.play(answering(answer))
    # the client remembers the region
    assert make_at(server.url, TIMEOUT=3).exists("a")
    assert [method for method, _, _ in server.received] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("region", [b"eu-west-3", b"evil.invalid/?", b"a" * 100])
def test_a_region_that_is_always_another_one_ends(make_at, server, region):
    server.play(answering(MOVED % region))
    with pytest.raises(fs.ConfigurationError):
        make_at(server.url, TIMEOUT=3.5).exists("a")
    assert len(server.received) <= 2


# Listings


def page(*keys, token=None, root="ListBucketResult", more=True):
    entries = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-11-28T10:00:00Z</LastModified></Contents>"
        for key in keys
    )
    follows = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    body = f"<{root}><IsTruncated>{str(more).lower()}</IsTruncated>{follows}{entries}</{root}>".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


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
def test_a_listing_without_an_end(storage, server, kind):
    server.play(answering(Pages(*ENDLESS[kind])))
    with pytest.raises(fs.BackendError, match="not one of S3"):
        list(storage.list_files())
    assert len(server.received) <= MANY


@pytest.mark.parametrize(
    "pages",
    [
        [page("a/b", "a.txt", more=False)],
        # as UTF-16 has it
        [page("\U0001f600", "\ufffd", more=False)],
        [page("a", "b", token="t"), page("a0", more=False)],
        [page("a", "b", token="t"), page("b", "c", more=False)],
    ],
)
def test_a_listing_in_another_order_is_an_error_where_the_order_counts(storage, server, pages):
    server.play(answering(Pages(*pages)))
    with pytest.raises(fs.FSError, match="not list its objects in the order of their keys") as raised:
        list(storage.entries())
    assert raised.value.storage == storage.name
    server.play(answering(Pages(*pages)))
    assert len(list(storage.list_files())) > 1


def test_pages_without_keys_have_an_end(storage, server):
    server.play(answering(Pages(lambda number: page(token=f"t{number}"))))
    with pytest.raises(fs.BackendError):
        list(storage.list_files())
    assert len(server.received) < 200


def test_a_page_without_keys_is_no_end(storage, server):
    server.play(answering(Pages(page("a", token="1"), page(token="2"), page(token="3"), page("b", more=False))))
    assert list(storage.list_files()) == ["a", "b"]


def test_what_is_not_asked_for_is_not_deleted(storage, server):
    server.play(answering(page("tree/a", "other", more=False)))
    with pytest.raises(fs.BackendError, match="other"):
        storage.delete("tree")
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
def test_a_listing_of_uploads_without_an_end(storage, server, pages):
    server.play(answering(Pages(*pages)))
    with pytest.raises(fs.BackendError):
        storage.backend.remove_leftovers()
    assert len(server.received) <= MANY


# Answers that lack something


@pytest.mark.parametrize("missing", ["Key", "Size", "LastModified"])
def test_an_entry_that_lacks_something(storage, server, missing):
    _, _, body = page("a", more=False).partition(b"\r\n\r\n")
    body = body.replace(missing.encode() + b">", b"Other>")
    server.play(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    with pytest.raises(fs.BackendError, match=missing):
        list(storage.list_files())


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
def test_an_entry_with_what_cannot_be(storage, server, was, wrong):
    _, _, body = page("a", more=False).partition(b"\r\n\r\n")
    body = body.replace(was, wrong)
    server.play(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    with pytest.raises(fs.BackendError):
        list(storage.list_files())


DESCRIBED = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nLast-Modified: Sat, 28 Nov 2026 10:00:00 GMT\r\n'


@pytest.mark.parametrize("length", [b"-5", b"many", b"1e3", b"\xb2"])
def test_a_length_that_cannot_be(storage, server, length):
    server.play(answering(DESCRIBED + b"Content-Length: " + length + b"\r\n\r\ncontent"))
    for call in ("read", "exists", "list"):
        with pytest.raises(fs.BackendError):
            CALLS[call](storage)


@pytest.mark.parametrize("body", [b"<html>Not found</html>", b"<html><br>Not found", b"Not found", b""])
def test_a_whole_404_of_another_server_is_a_matter_of_configuration(storage, server, body):
    server.play(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    with pytest.raises(fs.ConfigurationError):
        storage.read("a")
    server.play(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 200\r\n\r\n" + body))
    with pytest.raises(fs.BackendError):
        storage.read("a")


def test_another_version_than_was_asked_for_is_not_mixed_in(storage, server):
    def answer(request):
        if not request.headers["Range"]:
            return DESCRIBED + b"Content-Length: 1000000\r\n\r\n" + b"old " * 250_000
        described = DESCRIBED.replace(b'"x"', b'"new"').replace(b"200 OK", b"206 Partial Content")
        described += b"Content-Range: bytes 500000-999999/1000000\r\nContent-Length: 500000\r\n\r\n"
        return described + b"new " * 125_000

    server.play(answering(answer))
    with storage.open("a", "rb") as file:
        file.seek(500_000)
        with pytest.raises(fs.FSError, match="replaced"):
            file.read()


# Servers that drip


@pytest.mark.parametrize("call", ["read", "list", "write", "copy", "delete"])
def test_a_server_that_drips(storage, server, monkeypatch, call):
    monkeypatch.setattr(Pace, "span", 0.3)
    monkeypatch.setattr(Pace, "patience", 0.4)
    head = DESCRIBED if call == "read" else b"HTTP/1.1 200 OK\r\n"
    server.play(dripping(head + b"Content-Length: 10000\r\n\r\n", b"x", 0.02))
    with pytest.raises(fs.BackendError):
        CALLS[call](storage)


def test_a_server_that_keeps_the_connection_alive_while_it_copies(storage, server, monkeypatch):
    monkeypatch.setattr(Pace, "span", 0.02)
    body = b"<CopyObjectResult><ETag>x</ETag><LastModified>2026-11-28T10:00:00Z</LastModified></CopyObjectResult>"

    def script(request):
        if request.command == "HEAD":
            request.wfile.write(DESCRIBED + b"Content-Length: 1\r\n\r\n")
            return
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (20 + len(body)))
        for piece in [b" "] * 20 + [body]:
            request.wfile.write(piece)
            server.over.wait(0.005)

    server.play(script)
    storage.copy("a", "b", overwrite=True)
    assert [method for method, _, _ in server.received] == ["PUT"]


def test_an_answer_that_is_silent_for_long_and_then_comes_is_taken(storage, server, monkeypatch):
    monkeypatch.setattr(Pace, "span", 0.05)

    def script(request):
        request.wfile.write(DESCRIBED + b"Content-Length: 7\r\n\r\n")
        request.wfile.flush()
        server.over.wait(0.1)
        request.wfile.write(b"content")

    server.play(script)
    assert storage.read("a") == b"content"


@pytest.mark.parametrize("status", [200, 204])
def test_a_deletion_is_answered_by_either_status(storage, server, status):
    server.play(answering(f"HTTP/1.1 {status} OK\r\nx-amz-request-id: 1\r\nContent-Length: 0\r\n\r\n".encode()))
    storage.backend.store.delete_objects(["a"])
    server.play(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"))
    with pytest.raises(errors.FSError):
        storage.backend.store.delete_objects(["a"])


def test_an_object_without_an_entity_tag(storage, server):
    head = b"HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\nContent-Length: 7\r\n\r\n"
    server.play(lambda request: request.wfile.write(head + (b"" if request.command == "HEAD" else b"content")))
    assert storage.read("a") == b"content"
    assert storage.exists("a")
    assert storage.metadata("a")["modified"] is None
    server.play(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>"))
    with pytest.raises(fs.BackendError):
        storage.read("a")


def test_a_slow_but_honest_server(storage, server, monkeypatch):
    monkeypatch.setattr(Pace, "span", 0.02)
    server.play(dripping(DESCRIBED + b"Content-Length: 10000\r\n\r\n", b"x" * 200, 0.002))
    assert storage.read("a") == b"x" * 10000


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


FAILURES = {
    "refused": answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
    "html": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
    "odd": answering(page("a").replace(b"<Size>1", b"<Size>x")),
    "moved": answering(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"),
    "cut": answering(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "gone": answering(b""),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_variable_of_a_traceback_shows_a_key(make_at, server, failure):
    server.play(FAILURES[failure])
    no_key_is_shown(make_at(server.url, SECRET_KEY=SECRET))


def test_no_variable_of_a_traceback_shows_a_key_without_a_server(make_at, unused_port):
    no_key_is_shown(make_at(f"http://127.0.0.1:{unused_port}", SECRET_KEY=SECRET))


def no_key_is_shown(storage):
    for call in CALLS:
        shown = shown_of(storage, call)
        assert "bucket.py" in shown
        for secret in (SECRET, TOKEN, "Signature="):
            assert secret not in shown


def shown_of(storage, call):
    """What a tool shows that prints the variables of all frames."""
    try:
        CALLS[call](storage)
    except fs.FSError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError("it did not fail")


def test_errors_of_the_caller_keep_their_variables(make_at, unused_port):
    def fail():
        mine = "a variable of the caller"
        raise RuntimeError(mine)

    storage = make_at(f"http://127.0.0.1:{unused_port}")
    try:
        fail()
    except RuntimeError as error:
        with pytest.raises(fs.BackendError):
            storage.exists("a")
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "mine = 'a variable of the caller'" in text


def test_the_filesystem_hides_its_keys():
    keys = "key", "t0ps3cret", TOKEN
    named = S3FS("bucket", aws_access_key_id=keys[0], aws_secret_access_key=keys[1], aws_session_token=keys[2])
    for filesystem in (named, S3FS("bucket", "", *keys)):
        assert filesystem.aws_secret_access_key == "t0ps3cret"
        assert "t0ps3cret" not in repr(vars(filesystem))
        assert TOKEN not in repr(vars(filesystem))
        assert isinstance(filesystem._settings.secret_key, Secret)
