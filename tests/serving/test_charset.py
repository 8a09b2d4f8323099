"""No text has a charset that nobody looked for, whichever store keeps it and whoever sends it."""

import io
from contextlib import ExitStack, closing
from urllib.request import urlopen

import pytest
from containers import bare_connection
from serving.conftest import ALL_S3, STORES
from werkzeug.datastructures import FileStorage
from werkzeug.wsgi import FileWrapper

from flask_pyfs.web.charset import LOOKED_AT

TEXT = "Größe, Ελλάδα, 日本語\n"
UTF8 = TEXT.encode()
LATIN = "Größe".encode("latin-1")
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><text>Größe</text></svg>"
DECLARED = f"<?xml version='1.0' encoding='iso-8859-1'?>{SVG}".encode("latin-1")

# by name, the content, the type of the name, and the type that an answer with the whole file has
FILES = {
    "ascii.txt": (b"text", "text/plain", "text/plain"),
    "empty.txt": (b"", "text/plain", "text/plain"),
    "utf8.txt": (UTF8, "text/plain", "text/plain; charset=utf-8"),
    "bom.txt": (b"\xef\xbb\xbftext", "text/plain", "text/plain; charset=utf-8"),
    "latin.txt": (LATIN, "text/plain", "text/plain"),
    "utf16.txt": (TEXT.encode("utf-16"), "text/plain", "text/plain"),
    "sjis.txt": ("日本語".encode("shift-jis"), "text/plain", "text/plain"),
    "iso2022.txt": ("日本語".encode("iso2022-jp"), "text/plain", "text/plain"),
    # a character lies across the end of what is looked at
    "long.txt": (b"x" + "ж".encode() * LOOKED_AT, "text/plain", "text/plain; charset=utf-8"),
    "cut.txt": (b"x" + "ж".encode()[:1], "text/plain", "text/plain"),
    "late.txt": (b"x" * LOOKED_AT + UTF8, "text/plain", "text/plain"),
    "then.txt": (UTF8 + b"x" * LOOKED_AT + LATIN, "text/plain", "text/plain; charset=utf-8"),
    "utf8.md": (UTF8, "text/markdown", "text/markdown; charset=utf-8"),
    "utf8.csv": (UTF8, "text/csv", "text/csv; charset=utf-8"),
    "latin.csv": (LATIN, "text/csv", "text/csv"),
    "utf8.css": (UTF8, "text/css", "text/css; charset=utf-8"),
    "utf8.js": (UTF8, "text/javascript", "text/plain; charset=utf-8"),
    "latin.js": (LATIN, "text/javascript", "text/plain"),
    "utf8.json": (b'["' + "ж".encode() + b'"]', "application/json", "application/json"),
    "utf8.html": (b"<p>" + UTF8, "text/html", "text/html; charset=utf-8"),
    "latin.html": (b"<p>" + LATIN, "text/html", "text/html"),
    "meta.html": (b"<meta charset=iso-8859-1><p>" + LATIN, "text/html", "text/html"),
    # as the document says, though it would also be UTF-8
    "meta8.html": (
        b'<META HTTP-EQUIV=Content-Type CONTENT="text/html;CHARSET=cp1252">' + UTF8,
        "text/html",
        "text/html",
    ),
    "utf8.svg": (SVG.encode(), "image/svg+xml", "image/svg+xml"),
    "latin.svg": (DECLARED, "image/svg+xml", "image/svg+xml"),
    "latin.xml": (DECLARED, "application/xml", "application/xml"),
    "utf8.xml": (SVG.encode(), "application/xml", "application/xml"),
    "utf8.xhtml": (SVG.encode(), "application/xhtml+xml", "application/xhtml+xml"),
    "a.png": (b"\x89PNG" + UTF8, "image/png", "image/png"),
}

# what a store may keep, and what an answer says
KEPT = {
    "text/html; charset=latin-1": "text/html; charset=latin-1",
    "text/plain;charset=KOI8-R": "text/plain;charset=KOI8-R",
    "application/xml; charset=utf-16": "application/xml; charset=utf-16",
    "text/csv; header=present": "text/csv; header=present; charset=utf-8",
    "text/javascript; charset=latin-1": "text/plain; charset=latin-1",
    "application/javascript": "text/plain; charset=utf-8",
    "application/javascript; a=b": "text/plain; charset=utf-8",
    "text/xml": "text/xml",
    "application/x-own": "application/x-own",
}


@pytest.fixture
def serve(app, place_on, configure_storage):
    """Serve a storage with the files from a place of a kind."""
    with ExitStack() as stack:

        def serve(kind, **settings):
            settings |= stack.enter_context(place_on(kind))
            storage = configure_storage("files", settings)
            stack.enter_context(app.app_context())
            for name, (content, _, _) in FILES.items():
                storage.write(name, content)
            return storage, app.test_client()

        yield serve


def types_of(client, names, method="GET", **headers):
    """Return the types of the answers to requests for files."""
    types = {}
    for name in names:
        with client.open(f"/files/{name}", method=method, headers=headers) as answer:
            types[name] = answer.headers["Content-Type"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return types


SENT = {name: sent for name, (_, _, sent) in FILES.items()}
# without looking
BARE = {name: sent.partition(";")[0] for name, sent in SENT.items()}
LOOKED_FOR = {name: bare for name, bare in BARE.items() if bare != SENT[name]}


@pytest.mark.parametrize("kind", ["local", "memory", "pyfs", *STORES])
def test_streamed(serve, kind):
    storage, client = serve(kind)
    for name, (content, kept, sent) in FILES.items():
        assert storage.metadata(name)["mime"] == kept
        with client.get(f"/files/{name}") as answer:
            assert (answer.headers["Content-Type"], answer.data) == (sent, content), name
            tag = answer.headers["ETag"]
    assert types_of(client, LOOKED_FOR, "HEAD") == LOOKED_FOR
    assert types_of(client, LOOKED_FOR, Range="bytes=0-2") == LOOKED_FOR
    with client.get(f"/files/{name}", headers={"If-None-Match": tag}) as answer:
        assert (answer.status_code, answer.headers.get("Content-Type")) == (304, None)


@pytest.mark.parametrize("kind", [*ALL_S3, "gridfs", "swift"])
def test_what_a_store_keeps_is_passed_on(serve, kind):
    storage, client = serve(kind)
    for number, (kept, sent) in enumerate(KEPT.items()):
        name = storage.write(f"{number}.unknown", FileStorage(io.BytesIO(UTF8), content_type=kept))
        with client.get(f"/files/{name}") as answer:
            assert (answer.headers["Content-Type"], answer.data) == (sent, UTF8), kept


@pytest.mark.parametrize("server", [{}, {"ACCEL_URL": "/protected"}], ids=["X-Sendfile", "X-Accel-Redirect"])
def test_sent_by_the_web_server(serve, server):
    _, client = serve("local", SERVE_MODE="sendfile", **server)
    assert types_of(client, SENT) == SENT
    assert types_of(client, BARE, "HEAD") == BARE


def test_sent_by_wsgi(serve):
    _, client = serve("local")
    for name, (content, _, sent) in FILES.items():
        with client.get(f"/files/{name}", environ_overrides={"wsgi.file_wrapper": FileWrapper}) as answer:
            assert (answer.headers["Content-Type"], answer.data) == (sent, content)


@pytest.mark.parametrize("kind", [*ALL_S3, "swift"])
def test_sent_by_the_store(serve, request, kind):
    key = {"TEMP_URL_KEY": "the key"} if kind == "swift" else {}
    storage, client = serve(kind, SERVE_MODE="redirect", **key)
    if key:
        with closing(bare_connection(request.getfixturevalue("swift_place"))) as connection:
            connection.post_container(storage.config["container"], {"X-Container-Meta-Temp-URL-Key": "the key"})
    for name, (content, kept, _) in FILES.items():
        with client.get(f"/files/{name}") as answer:
            # scripts are not sent by the store
            assert answer.status_code == (200 if name.endswith(".js") else 302)
            location = answer.location
        if location:
            with urlopen(location) as sent:
                assert (sent.headers["Content-Type"], sent.read()) == (kept, content)
