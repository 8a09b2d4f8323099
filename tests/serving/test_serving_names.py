"""Whatever path a client sends, nothing but files of the storage is sent back, and nothing is an error of the server.

The paths go into the app as a server hands them on, and over a socket, where no client tidies them up.
"""

import re
import socket
from contextlib import closing
from io import BytesIO
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.waitressapp import serving
from werkzeug.test import create_environ, run_wsgi_app

SECRET = b"nobody may read this"
INSIDE = {
    "a.txt": b"inside a",
    "d/b.txt": b"inside b",
    "été/日本.txt": b"inside c",
    "%2e%2e%2fsecret.txt": b"inside d",
    "..%2fsecret.txt": b"inside e",
    "%2e%2e/secret.txt": b"inside f",
    ".../e.txt": b"inside g",
    "....txt": b"inside h",
    "a b+c&d=e;f,g@h!i$j*k'(l)~.txt": b"inside i",
    "question?mark#hash.txt": b"inside j",
    "100%.txt": b"inside k",
    "%00.txt": b"inside l",
    "~root/.hidden": b"inside m",
}
OUTSIDE = {
    "secret.txt": SECRET,
    "other/a.txt": SECRET + b" other",
    "files-old/a.txt": SECRET + b" beside",
}

# below the storage's URL; {up} is each way of going up
UPWARDS = [
    "{up}secret.txt",
    "{up}other/a.txt",
    "{up}files-old/a.txt",
    "{up}{up}secret.txt",
    "d/{up}{up}secret.txt",
    "d/{up}{up}{up}{up}{up}{up}{up}{up}{up}etc/passwd",
    "absent/{up}{up}secret.txt",
    "a.txt/{up}{up}secret.txt",
    "./{up}secret.txt",
    "{up}",
    "{up}files/a.txt",
]
WAYS_UP = [
    "../",
    "%2e%2e/",
    "%2E%2E/",
    ".%2e/",
    "..%2f",
    "..%2F",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "%252e%252e/",
    "..%252f",
    "%25252e%25252e%25252f",
    "..%5c",
    "..\\",
    "%2e%2e%5c",
    "..%5c%2f",
    "....//",
    "..././",
    "..;/",
    "..%00/",
    ".%00./",
    "..%20/",
    "..%0a/",
    "..%0d%0a/",
    "..%09/",
    "%c0%ae%c0%ae/",
    "%c0%ae%c0%ae%c0%af",
    "..%c0%af",
    "..%c1%9c",
    "%e0%80%ae%e0%80%ae/",
    "%f0%80%80%ae%f0%80%80%ae/",
    "%u002e%u002e/",
    "%ef%bc%8e%ef%bc%8e/",
    "..%ef%bc%8f",
    "..%e2%88%95",
    "%e2%80%ae../",
    "..%ff/",
]
ODD = [
    "",
    ".",
    "..",
    "%2e",
    "%2f",
    "/",
    "//",
    "///",
    "./",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "%2f%2fetc%2fpasswd",
    "file:%2f%2f%2fetc%2fpasswd",
    "C:%5csecret.txt",
    "C:/secret.txt",
    "%5c%5chost%5cshare",
    "%00",
    "a.txt%00",
    "a.txt%00.png",
    "%00a.txt",
    "a.txt%0a",
    "a.txt%0d%0aX-Injected:%20yes",
    "%01%02%1f%7f",
    "%c2%80.txt",
    "%c2%85",
    "%ff",
    "%ff%fe%fd",
    "a%ff.txt",
    "%ed%a0%80",
    "%ed%a0%80%ed%b0%80.txt",
    "%f4%90%80%80",
    "%c3",
    "%",
    "%zz",
    "%2",
    "a.txt%",
    "a.txt%2",
    "a.txt.",
    "a.txt%20",
    "a.txt::$DATA",
    "a.txt;x=y",
    "A.TXT",
    "*",
    "?",
    "~",
    "~root/.ssh/id_rsa",
    "$HOME",
    "`id`",
    "con",
    "d",
    "d/",
    "d/.",
    "d/..",
    "a.txt/",
    "a.txt/.",
    "a.txt/b",
    ".flask_pyfs",
    ".flask_pyfs/x",
    "d/.flask_pyfs-1",
    "%2eflask_pyfs/x",
    "x" * 255,
    "x" * 256,
    "x" * 300,
    "x" * 300 + "/a.txt",
    "d/" + "x" * 300,
    "%c3%a9" * 200,
    "%e6%97%a5" * 300,
    "x" * 5000,
    "x/" * 2500,
    "/" * 5000,
    "./" * 2500,
    "../" * 2500,
    "%2e%2e%2f" * 1000,
    "x" * 1024,
    "x/" * 511 + "xx",
    "a" + "%cc%81" * 1000,
]
PATHS = [*(pattern.replace("{up}", up) for pattern in UPWARDS for up in WAYS_UP), *ODD]
# not below the storage's URL
ABOVE = [
    "/",
    "//",
    "//files/a.txt",
    "///files/a.txt",
    "/files",
    "/files//a.txt",
    "/files///a.txt",
    "/files//etc/passwd",
    "/files//d//b.txt",
    "/./files/a.txt",
    "/../files/a.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt/x",
    "/files%2fa.txt",
    "/files%2f..%2fsecret.txt",
    "/files/../other/a.txt",
    "/files/%2e%2e/other/a.txt",
    "/other/a.txt",
    "/other/../files/../other/a.txt",
    "/%6fther/a.txt",
    "/other%00/a.txt",
    "/OTHER/a.txt",
    "/files-old/a.txt",
    "/./secret.txt",
    "/../secret.txt",
    "/%00/a.txt",
    "/%ff/a.txt",
    "/%ed%a0%80/a.txt",
    "//evil.example/files/a.txt",
    "//evil.example//files",
    "/%5cevil.example/a.txt",
    "/%2fevil.example/%2e%2e",
    "/" + "x" * 5000 + "/a.txt",
]


class Site:
    """An app with the files, and with what is outside of the storage."""

    def __init__(self, app, storage):
        self.app = app
        self.storage = storage

    def ask(self, path, method="GET"):
        """Return what the app answers to a path that is percent-encoded, given to it as servers do."""
        target, _, query = path.partition("?")
        environ = create_environ(method=method, query_string=query)
        # each byte is a character (PEP 3333)
        environ["PATH_INFO"] = unquote_to_bytes(target).decode("latin-1")
        environ["REQUEST_URI"] = environ["RAW_URI"] = path
        chunks, status, headers = run_wsgi_app(self.app.wsgi_app, environ, buffered=True)
        return int(status.split()[0]), headers, b"".join(chunks)


@pytest.fixture
def local(app, configure_storage, tmp_path):
    """A storage in a directory, with other files around it."""
    storage = configure_storage("files", {"BACKEND": "local"})
    other = configure_storage("other", {"BACKEND": "local", "SERVE": False})
    root = tmp_path / "root"
    for name, content in OUTSIDE.items():
        for directory in (root, tmp_path):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
    assert other.read("a.txt") == OUTSIDE["other/a.txt"]
    assert storage.path("a.txt") == str(root / "files" / "a.txt")
    return filled(app, storage)


@pytest.fixture
def memory(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory"})
    other = configure_storage("other", {"BACKEND": "memory", "SERVE": False})
    for name in ("a.txt", "secret.txt"):
        other.write(name, SECRET)
    return filled(app, storage)


@pytest.fixture
def below(app, configure_storage):
    """A storage in a part of another one's place."""
    storage = configure_storage("files", {"BACKEND": "local", "PREFIX": "below/files", "ROOT": app.config["FS_ROOT"]})
    whole = configure_storage("whole", {"BACKEND": "local", "SERVE": False, "ROOT": app.config["FS_ROOT"]})
    for above in ("", "below/"):
        for name, content in OUTSIDE.items():
            whole.write(above + name, content)
    return filled(app, storage)


def filled(app, storage):
    with app.app_context():
        for name, content in INSIDE.items():
            storage.write(name, content)
    return Site(app, storage)


@pytest.fixture(params=["local", "memory", "below"])
def site(request):
    """Each storage that needs no server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def port(local):
    """Where a server answers with the storage in a directory."""
    with serving(local.app) as server:
        yield server.port


def ask_over_socket(port, target, method="GET"):
    """Send a request as it is, and return the status, the headers and the content."""
    raw = target if isinstance(target, bytes) else target.encode()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as connection:
        connection.sendall(method.encode() + b" " + raw + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = BytesIO()
        while piece := connection.recv(65536):
            answer.write(piece)
    head, _, content = answer.getvalue().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), [tuple(line.split(": ", 1)) for line in lines], content


def judge(path, answer, method="GET"):
    """Hold an answer against what it may be."""
    status, headers, content = answer
    shown = (path[:200], status, content[:200])
    assert status in (200, 308, 400, 404), shown
    assert SECRET not in content, shown
    assert b"root:" not in content, shown
    fields = {name.lower(): value for name, value in headers}
    assert "x-injected" not in fields, shown
    if status == 200:
        assert content in INSIDE.values() or (method == "HEAD" and not content), shown
    if status == 308:
        # to the same path with single slashes, on the same host
        location = re.fullmatch(r"(?:http://localhost)?(/[\x21-\x7e]*)", fields["location"])
        assert location, (shown, fields["location"])
        assert "//" not in location[1].partition("?")[0], (shown, fields["location"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_paths_that_lead_elsewhere(site, method):
    for path in PATHS:
        judge(path, site.ask(f"/files/{path}", method), method)
    for path in ABOVE:
        judge(path, site.ask(path, method), method)


def test_what_is_outside_is_never_200(site):
    for path in (pattern.replace("{up}", up) for pattern in UPWARDS[:9] for up in WAYS_UP):
        status, _, content = site.ask(f"/files/{path}")
        # some are the names of files
        assert status != 200 or content in INSIDE.values(), path
        if unquote_to_bytes(path).startswith((b"../", b"./../", b"d/../..")):
            assert status in (308, 404), path


def test_paths_that_lead_elsewhere_over_a_socket(port):
    for path in PATHS:
        target = f"/files/{path}"
        judge(target, ask_over_socket(port, target))
    for path in ABOVE:
        judge(path, ask_over_socket(port, path))


@pytest.mark.parametrize(
    "target",
    [
        b"http://localhost/files/../secret.txt",
        b"http://localhost/files/..%2fsecret.txt",
        b"http://evil.example//files//a.txt",
        b"/files/\xff\xfe.txt",
        b"/files/..\xc0\xaf../secret.txt",
        b"/files/\xed\xa0\x80",
        b"/files/\x00",
        b"/files/\x01\x7f",
        b"/files/\t../secret.txt",
        b"/files/a.txt#../secret.txt",
        b"/files/a.txt?../secret.txt",
        b"../secret.txt",
        b"files/a.txt",
        b"*",
        b"\\files\\..\\secret.txt",
    ],
)
def test_targets_that_are_no_paths_over_a_socket(port, target):
    judge(repr(target), ask_over_socket(port, target))


def test_the_socket_is_really_asked(port):
    status, headers, content = ask_over_socket(port, "/files/a.txt")
    assert (status, content) == (200, b"inside a")
    assert ("X-Content-Type-Options", "nosniff") in headers
    assert ask_over_socket(port, "/files/absent.txt")[0] == 404


def names_are_files(site):
    for name, content in INSIDE.items():
        with site.app.test_request_context():
            url = site.storage.url(name)
        status, _, answered = site.ask(url)
        assert (status, answered) == (200, content), name


def test_names_that_only_look_odd_are_files(site):
    names_are_files(site)


def test_names_that_only_look_odd_are_files_over_a_socket(local, port):
    for name, content in INSIDE.items():
        with local.app.test_request_context():
            url = local.storage.url(name)
        status, _, answered = ask_over_socket(port, url)
        assert (status, answered) == (200, content), name


def test_slashes_in_a_name_reach_the_storage(site):
    for path in ("/files//d//b.txt", "/files///d////b.txt", "//files///d////b.txt"):
        assert site.ask(path)[::2] == (200, b"inside b")


PIECES = st.one_of(
    st.sampled_from(WAYS_UP),
    st.sampled_from(["/", "//", ".", "..", "%2e", "%2f", "%5c", "%00", "%25", "?", "#", ";", ":", "\\", "~", "%"]),
    st.sampled_from(["files", "other", "files-old", "secret.txt", "a.txt", "d", "b.txt", "etc/passwd", ".flask_pyfs"]),
    st.binary(max_size=6).map(lambda raw: quote_from_bytes(raw)),
    st.binary(max_size=3).map(lambda raw: quote_from_bytes(raw).replace("%", "%25")),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=6),
    st.text(max_size=3).map(lambda text: quote_from_bytes(text.encode("utf-8", "surrogatepass"))),
)
RAW_PATHS = st.tuples(
    st.sampled_from(["/files/", "/files/", "/files/d/", "/other/", "/"]), st.lists(PIECES, max_size=12)
)


def test_arbitrary_paths(site, soak):
    @settings(max_examples=5000 if soak else 50, database=None)
    @given(RAW_PATHS)
    def check(parts):
        path = parts[0] + "".join(parts[1])
        judge(path, site.ask(path))

    check()


def test_arbitrary_paths_over_a_socket(port, soak):
    @settings(max_examples=5000 if soak else 50, database=None)
    @given(RAW_PATHS)
    def check(parts):
        path = parts[0] + "".join(parts[1])
        judge(path, ask_over_socket(port, path))

    check()


# Swift, whose client would make its own path of a name with dots


@pytest.fixture
def swift(app, configure_storage, place_on):
    """A storage in a container of Swift, the name of another container, and its driver."""
    with place_on("swift") as settings, place_on("swift") as others:
        other = configure_storage("other", {**others, "SERVE": False})
        storage = configure_storage("files", settings)
        with app.app_context():
            for name in ("a.txt", "secret.txt", "d/b.txt"):
                other.write(name, SECRET)
        yield filled(app, storage), others["CONTAINER"]
        with app.app_context():
            assert sorted(other.list_files()) == ["a.txt", "d/b.txt", "secret.txt"]


def test_paths_that_lead_to_another_container(swift):
    site, other = swift
    for up in WAYS_UP:
        for pattern in ("{up}{other}/a.txt", "d/{up}{up}{other}/secret.txt", "{up}{up}AUTH_test/{other}/a.txt", "{up}"):
            path = pattern.replace("{up}", up).replace("{other}", other)
            for method in ("GET", "HEAD"):
                judge(path, site.ask(f"/files/{path}", method), method)
    for path in (path for path in ODD if len(path) < 4000):
        judge(path, site.ask(f"/files/{path}"))


def test_names_that_only_look_odd_are_objects(swift):
    names_are_files(swift[0])
