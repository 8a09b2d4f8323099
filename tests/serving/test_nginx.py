"""A real nginx in front of an app: it sends files that the app only names, or passes on what the app sends."""

import os
import socket
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

import pytest
from servers.nginx import nginx
from servers.process import HOST
from servers.waitressapp import Served, serving

import flask_pyfs as fs

pytestmark = pytest.mark.server

SECONDS = 20
CONTENT = bytes(range(256)) * 1000
SANDBOX = "sandbox; default-src 'none'"

PROTECTED = """
location /protected/ {{
    internal;
    alias "{alias}/";
    default_type application/x-of-nginx;
    {add_headers}
}}
"""
ADD_HEADERS = """
    add_header X-Content-Type-Options $upstream_http_x_content_type_options always;
    add_header Content-Security-Policy $upstream_http_content_security_policy always;
"""

LARGE = 256 * 1024 * 1024

TYPES = {
    "a.txt": "text/plain",
    "a.png": "image/png",
    "a.pdf": "application/pdf",
    "a.unknown": "application/octet-stream",
    "a.tar.gz": "application/gzip",
    "a.js": "text/plain",
    "a.html": "text/html",
    "a.svg": "image/svg+xml",
}

NAMES = [
    "plain.txt",
    "two words.txt",
    "100%.txt",
    "%41%2e.txt",
    "what?.txt",
    "a?b=c&d.txt",
    "no#1.txt",
    'it\'s "so".txt',
    "one+one;two,three=four.txt",
    "[brackets]{braces}|^`.txt",
    "~tilde$var@host:80!*().txt",
    "été/日本語 🎈.txt",
    "e\u0301 decomposed.txt",
    "deep/er/file",
]


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes


def ask(port, target, method="GET", **headers):
    """Ask for a target exactly as it is written."""
    with closing(HTTPConnection(HOST, port, timeout=SECONDS)) as connection:
        connection.request(method, target, headers={name.replace("_", "-"): text for name, text in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@dataclass
class Site:
    """A storage, the port of nginx in front and the app behind it."""

    storage: fs.Storage
    front: int
    served: Served

    def url(self, name):
        # outside a request, it is the path alone
        return self.storage.url(name)

    def get(self, name, method="GET", **headers):
        return ask(self.front, self.url(name), method, **headers)

    def get_from_app(self, name, method="GET", **headers):
        return ask(self.served.port, self.url(name), method, **headers)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "files of the storage"


@pytest.fixture
def start(app, tmp_path):
    """Configure a storage, serve its app and put nginx in front, with directives of the app's location and others."""
    with ExitStack() as stack:

        def start(settings, options="", locations=""):
            storage = fs.Storage("files", fs.ALL)
            app.config.update(settings)
            fs.init_app(app, storage)
            served = stack.enter_context(serving(app))
            front = stack.enter_context(nginx(tmp_path, served.port, options=options, locations=locations))
            return Site(storage, front.port, served)

        yield start


@pytest.fixture
def start_protected(start, root):
    """Start a site whose app lets nginx send the files."""

    def start_protected(alias=root, add_headers=ADD_HEADERS, **settings):
        defaults = {"FILES_FS_ROOT": str(root), "FILES_FS_SERVE_MODE": "sendfile", "FILES_FS_ACCEL_URL": "/protected/"}
        return start(defaults | settings, locations=PROTECTED.format(alias=alias, add_headers=add_headers))

    return start_protected


@pytest.fixture
def start_streaming(start, root):
    """Start a site whose app sends the files."""

    def start_streaming(options=""):
        return start({"FILES_FS_ROOT": str(root), "FILES_FS_SERVE_MODE": "stream"}, options=options)

    return start_streaming


def test_nginx_sends_what_the_app_names(start_protected):
    site = start_protected()
    site.storage.write("a b.bin", CONTENT)

    whole = site.get("a b.bin")
    assert (whole.status, whole.body) == (200, CONTENT)
    head = site.get("a b.bin", "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))

    named = site.get_from_app("a b.bin")
    assert (named.status, named.body) == (200, b"")
    assert named.headers["X-Accel-Redirect"] == "/protected/a%20b.bin"
    assert "X-Sendfile" not in named.headers
    assert [exchange.sent for exchange in site.served.requests("/files/a b.bin")] == [0, 0, 0]
    assert "X-Accel-Redirect" not in whole.headers


def test_empty_file(start_protected):
    site = start_protected()
    site.storage.write("empty.txt", b"")
    answer = site.get("empty.txt")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=9-19", 9, 20), ("bytes=255000-", 255000, 256000), ("bytes=-5", 255995, 256000)],
)
def test_ranges_are_those_of_nginx(start_protected, asked, first, stop):
    site = start_protected()
    site.storage.write("a.bin", CONTENT)
    part = site.get("a.bin", Range=asked)
    assert (part.status, part.body) == (206, CONTENT[first:stop])
    assert part.headers["Content-Range"] == f"bytes {first}-{stop - 1}/256000"

    named = site.get_from_app("a.bin", Range=asked)
    assert (named.status, named.body) == (200, b"")
    assert "Content-Range" not in named.headers


def test_range_behind_the_end_is_refused_by_nginx(start_protected):
    site = start_protected()
    site.storage.write("a.bin", CONTENT)
    answer = site.get("a.bin", Range="bytes=256000-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */256000"


def test_conditions_are_held_against_the_validators_of_nginx(start_protected):
    site = start_protected()
    site.storage.write("a.bin", CONTENT)
    whole = site.get("a.bin")
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]

    for condition in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        answer = site.get("a.bin", **condition)
        assert (answer.status, answer.body) == (304, b""), condition
    for condition in ({"If-Match": etag}, {"If-Unmodified-Since": modified}, {"If-None-Match": '"other"'}):
        answer = site.get("a.bin", **condition)
        assert (answer.status, answer.body) == (200, CONTENT), condition
    for validator, status in ((etag, 206), (modified, 206), ('"other"', 200)):
        assert site.get("a.bin", Range="bytes=1-5", If_Range=validator).status == status, validator
    assert site.get("a.bin", If_Match='"other"').status == 412

    site.storage.write("a.bin", b"changed", overwrite=True)
    assert site.get("a.bin", If_None_Match=etag).body == b"changed"


def test_clients_cannot_ask_for_what_is_protected(start_protected):
    site = start_protected()
    site.storage.write("a.txt", "content")
    assert site.get("a.txt").body == b"content"
    for target in ("/protected/a.txt", "/protected/", "/protected/../protected/a.txt", "//protected/a.txt"):
        answer = ask(site.front, target)
        assert answer.status == 404, target
        assert b"content" not in answer.body, target


@pytest.mark.parametrize("name", NAMES)
def test_names(start_protected, name):
    site = start_protected()
    site.storage.write(name, name)
    site.storage.write("A..txt", "what %41%2e.txt is, decoded twice")
    site.storage.write("what", "what is before the question mark")
    site.storage.write("no", "what is before the number sign")
    answer = site.get(name)
    assert (answer.status, answer.body.decode()) == (200, name)
    assert site.get(name, Range="bytes=1-").body.decode(errors="replace") == name.encode()[1:].decode(errors="replace")


def test_headers_of_the_app_arrive(start_protected):
    site = start_protected(FILES_FS_MAX_AGE=77)
    for name in TYPES:
        site.storage.write(name, "content")
    for name, content_type in TYPES.items():
        answer, named = site.get(name), site.get_from_app(name)
        assert answer.body == b"content", name
        assert answer.headers.get_all("Content-Type") == [content_type], name
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], name
        for header in ("Content-Disposition", "Content-Security-Policy", "Cache-Control"):
            assert answer.headers.get_all(header) == named.headers.get_all(header), (name, header)
        assert "max-age=77" in answer.headers["Cache-Control"], name


def test_download_has_its_name(start_protected):
    site = start_protected()
    site.storage.write("été.txt", "content")
    answer = ask(site.front, site.url("été.txt") + "?download=1")
    assert answer.body == b"content"
    assert answer.headers["Content-Disposition"] == "attachment; filename=ete.txt; filename*=UTF-8''%C3%A9t%C3%A9.txt"


@pytest.mark.parametrize("name", ["page.html", "page.xhtml", "image.svg", "feed.xml"])
def test_documents_are_sandboxed(start_protected, name):
    site = start_protected()
    site.storage.write(name, "<script>alert(1)</script>")
    assert site.get(name).headers.get_all("Content-Security-Policy") == [SANDBOX]


@pytest.mark.parametrize("name", ["page.html", "page.xhtml", "image.svg", "feed.xml"])
def test_documents_are_attachments_where_nginx_drops_the_other_headers(start_protected, name):
    site = start_protected(add_headers="")
    site.storage.write(name, "<script>alert(1)</script>")
    answer = site.get(name)
    assert "Content-Security-Policy" not in answer.headers
    assert answer.headers["Content-Disposition"].partition(";")[0] == "attachment"


@pytest.mark.parametrize(
    "target", ["missing.txt", "a.txt/b", "directory", "directory/", "pipe", ".flask_pyfs", "..%2fsecret.txt"]
)
def test_what_is_no_file_is_not_found(start_protected, root, target):
    site = start_protected()
    site.storage.write("a.txt", "content")
    site.storage.write("directory/b.txt", "content")
    os.mkfifo(root / "pipe")
    (root.parent / "secret.txt").write_text("secret")
    answer = ask(site.front, f"/files/{target}")
    assert answer.status == 404
    assert "X-Accel-Redirect" not in ask(site.served.port, f"/files/{target}").headers


def test_links_to_other_places_are_not_followed(start_protected, root):
    site = start_protected()
    site.storage.write("a.txt", "content")
    secret = root.parent / "secret.txt"
    secret.write_text("secret")
    (root / "link.txt").symlink_to(secret)
    (root / "directory").symlink_to(root.parent)
    for name in ("link.txt", "directory/secret.txt"):
        assert site.get(name).status == 404
        assert "X-Accel-Redirect" not in site.get_from_app(name).headers


def test_file_in_a_prefix(start_protected, root):
    site = start_protected(FILES_FS_PREFIX="some/where else")
    site.storage.write("d/a.txt", "content")
    assert (root / "some" / "where else" / "d" / "a.txt").read_bytes() == b"content"
    assert site.get_from_app("d/a.txt").headers["X-Accel-Redirect"] == "/protected/some/where%20else/d/a.txt"
    assert site.get("d/a.txt").body == b"content"


def test_one_location_for_all_storages(start_protected, tmp_path):
    settings = {"FILES_FS_ROOT": None, "FILES_FS_ACCEL_URL": None, "FS_ACCEL_URL": "/protected/"}
    site = start_protected(alias=tmp_path / "root", **settings)
    site.storage.write("a.txt", "content")
    assert (tmp_path / "root" / "files" / "a.txt").read_bytes() == b"content"
    assert site.get_from_app("a.txt").headers["X-Accel-Redirect"] == "/protected/files/a.txt"
    assert site.get("a.txt").body == b"content"


def test_address_without_its_last_slash(start_protected):
    site = start_protected(FILES_FS_ACCEL_URL="/protected")
    site.storage.write("a.txt", "content")
    assert site.get("a.txt").body == b"content"


def test_view_of_the_app(app, start_protected):
    site = start_protected(FILES_FS_SERVE=False)
    app.add_url_rule("/mine/<path:name>", view_func=lambda name: site.storage.serve(name))
    site.storage.write("a.txt", "content")
    assert site.get("a.txt").status == 404
    assert ask(site.front, "/mine/a.txt").body == b"content"


def test_refused_request_gets_nothing(start_protected):
    asked = []

    def may(access):
        asked.append((access.storage.name, access.filename, access.action))
        return access.filename == "open.txt"

    site = start_protected(FILES_FS_AUTHORIZE=may)
    site.storage.write("open.txt", "content")
    site.storage.write("closed.txt", "content")
    assert site.get("open.txt").body == b"content"
    for method in ("GET", "HEAD"):
        answer = site.get("closed.txt", method)
        assert answer.status == 403
        assert b"content" not in answer.body
    opened = site.get("open.txt").headers
    for condition in ({"Range": "bytes=0-3"}, {"If-None-Match": "*"}, {"If-Modified-Since": opened["Last-Modified"]}):
        assert site.get("closed.txt", **condition).status == 403, condition
    assert "X-Accel-Redirect" not in site.get_from_app("closed.txt").headers
    assert set(asked) == {("files", "open.txt", "read"), ("files", "closed.txt", "read")}


def test_private_files_are_sent_to_who_has_a_signature(start_protected):
    site = start_protected(FILES_FS_PRIVATE=True)
    site.storage.write("a b.txt", "content")
    signed = site.storage.url("a b.txt", expires=60)
    assert ask(site.front, signed).body == b"content"
    assert ask(site.front, signed, Range="bytes=1-3").body == b"ont"
    for target in (site.url("a b.txt"), signed[:-1] + "-", signed.replace("a%20b", "c")):
        answer = ask(site.front, target)
        assert answer.status == 403, target
        assert b"content" not in answer.body, target


@pytest.mark.parametrize("options", ["", "proxy_buffering off;"])
def test_streams_pass_through(start_streaming, options):
    site = start_streaming(options)
    site.storage.write("a b.bin", CONTENT)
    whole = site.get("a b.bin")
    assert (whole.status, whole.body) == (200, CONTENT)
    assert (whole.headers["Content-Length"], whole.headers["Accept-Ranges"]) == ("256000", "bytes")

    part = site.get("a b.bin", Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, CONTENT[1000:2000])
    assert part.headers["Content-Range"] == "bytes 1000-1999/256000"
    (exchange,) = [exchange for exchange in site.served.requests("/files/a b.bin") if exchange.range]
    assert (exchange.status, exchange.sent) == (206, 1000)

    head = site.get("a b.bin", "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "256000")
    assert site.get("a b.bin", Range="bytes=256000-").status == 416
    again = site.get("a b.bin", If_None_Match=whole.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert site.get("missing").status == 404


def test_client_that_goes_away_closes_the_file(start_streaming, root):
    site = start_streaming("proxy_buffering off;")
    site.storage.write("large.bin", b"")
    large = root / "large.bin"
    os.truncate(large, LARGE)
    with socket.create_connection((HOST, site.front), timeout=SECONDS) as client:
        client.sendall(b"GET /files/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        (exchange,) = site.served.requests("/files/large.bin")
        assert not exchange.closed
        assert is_open(large) is not False
    wait_until(lambda: exchange.closed)
    assert exchange.sent < LARGE / 2
    assert is_open(large) is not True


def is_open(file):
    """Whether this process holds a file open; None on systems that do not show it."""
    found = set()
    for descriptor in Path("/proc/self/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed in the meantime
            found.add(descriptor.readlink())
    return file in found if found else None


def wait_until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
