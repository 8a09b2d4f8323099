"""Content-Encoding, Content-Disposition and Content-Language that others stored with an object, and what we send."""

import gzip
import io
from contextlib import closing
from datetime import datetime, timezone
from http.client import HTTPConnection
from urllib.parse import urlsplit

import flask
import pytest
from buckets import bare_client
from containers import bare_connection
from hypothesis import given
from hypothesis import strategies as st
from servers.s3 import S3Endpoint
from serving.conftest import ALL_S3, on_servers

import flask_pyfs as fs
from flask_pyfs.backends import registry
from flask_pyfs.backends.base import BaseBackend
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.objects.http import known_encoding
from flask_pyfs.filesystems.store import Facts

TEXT = b"the quick brown fox jumps over the lazy dog. " * 2000
ZIPPED = gzip.compress(TEXT, mtime=0)

HEADERS = ("Content-Encoding", "Content-Disposition", "Content-Language")
DESCRIBED = {
    "Content-Encoding": "gzip",
    "Content-Disposition": 'attachment; filename="old name.txt"',
    "Content-Language": "de, en",
}
INLINE = {"Content-Disposition": "inline"}


def described(response):
    return {name: response.headers[name] for name in HEADERS if name in response.headers}


def facts_of(storage, name):
    facts = storage.backend.facts(name)
    found = zip(HEADERS, (facts.content_encoding, facts.content_disposition, facts.content_language), strict=True)
    return {header: value for header, value in found if value is not None}


def connection_of(settings):
    class Place:
        auth_url, user, key = settings["AUTHURL"], settings["USER"], settings["KEY"]

    return closing(bare_connection(Place))


@pytest.fixture(params=on_servers([*ALL_S3, "swift"]))
def place(request, place_on):
    with place_on(request.param) as settings:
        yield settings


@pytest.fixture
def storage(app, configure_storage, place):
    storage = configure_storage("files", {**place, "TEMP_URL_KEY": "the key"} if place["BACKEND"] == "swift" else place)
    with app.app_context():
        yield storage


@pytest.fixture
def put(place):
    """Put an object with headers, as others do."""
    if place["BACKEND"] == "s3":
        own = (place[key] for key in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "REGION", "ADDRESSING_STYLE"))
        client = bare_client(S3Endpoint("any", *own))

        def put(name, content, headers=DESCRIBED, content_type="text/plain"):
            parameters = {header.replace("-", ""): value for header, value in headers.items()}
            client.put_object(Bucket=place["BUCKET"], Key=name, Body=content, ContentType=content_type, **parameters)

        yield put
        return

    with connection_of(place) as connection:
        connection.post_container(place["CONTAINER"], {"X-Container-Meta-Temp-URL-Key": "the key"})

        def put(name, content, headers=DESCRIBED, content_type="text/plain"):
            connection.put_object(place["CONTAINER"], name, content, content_type=content_type, headers=dict(headers))

        yield put


def test_what_is_read_are_the_stored_bytes(storage, put):
    put("a.txt", ZIPPED)
    assert storage.read("a.txt") == b"".join(storage.read_chunks("a.txt", 100)) == ZIPPED
    assert storage.fs.readbytes("a.txt") == ZIPPED
    assert storage.metadata("a.txt")["size"] == len(ZIPPED)
    assert "gzip" not in str(storage.metadata("a.txt"))
    with storage.open("a.txt", "rb") as file:
        # each jump is a request for a range
        for start in (len(ZIPPED) - 9, 5, len(ZIPPED) // 2, 0):
            assert (file.seek(start), file.read()) == (start, ZIPPED[start:])
    assert facts_of(storage, "a.txt") == DESCRIBED


def test_what_is_sent_is_described_as_it_was_stored(app, storage, put):
    put("a.txt", ZIPPED)
    client = app.test_client()
    whole = client.get("/files/a.txt")
    assert (whole.status_code, whole.data, described(whole)) == (200, ZIPPED, DESCRIBED)
    assert whole.mimetype == "text/plain"
    assert gzip.decompress(whole.data) == TEXT
    head = client.head("/files/a.txt")
    assert (head.content_length, described(head)) == (len(ZIPPED), DESCRIBED)
    # a range is one of the encoded content (RFC 9110, section 14.2)
    part = client.get("/files/a.txt", headers={"Range": "bytes=3-9", "Accept-Encoding": "identity"})
    assert (part.status_code, part.data, described(part)) == (206, ZIPPED[3:10], DESCRIBED)
    assert part.headers["Content-Range"] == f"bytes 3-9/{len(ZIPPED)}"
    for condition in ({"If-None-Match": whole.headers["ETag"]}, {"If-Modified-Since": whole.headers["Last-Modified"]}):
        unchanged = client.get("/files/a.txt", headers=condition)
        assert (unchanged.status_code, unchanged.data, described(unchanged)) == (304, b"", {})
        assert unchanged.headers["ETag"] == whole.headers["ETag"]


def test_what_is_stored_without_them_is_sent_without_them(app, storage, put):
    put("a.txt", TEXT, {})
    assert facts_of(storage, "a.txt") == described(app.test_client().get("/files/a.txt")) == {}


def test_the_client_and_what_is_safe_go_before_what_is_stored(app, storage, put):
    put("a.txt", TEXT, INLINE)
    put("a.html", TEXT, INLINE, "text/html")
    put("a.js", TEXT, INLINE, "text/javascript")
    client = app.test_client()
    assert client.get("/files/a.txt?download=1").headers["Content-Disposition"] == "attachment; filename=a.txt"
    page, script = client.get("/files/a.html"), client.get("/files/a.js")
    assert page.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert script.mimetype == "text/plain"
    assert page.headers["X-Content-Type-Options"] == script.headers["X-Content-Type-Options"] == "nosniff"


def test_a_redirect_leads_to_the_same_headers(app, storage, put):
    put("a.txt", ZIPPED)
    put("a.html", ZIPPED, {**DESCRIBED, **INLINE}, "text/html")
    app.config["FS_SERVE_MODE"] = "redirect"
    fs.init_app(app, storage)

    def followed(url, **headers):
        place = urlsplit(app.test_client().get(url).location)
        with closing(HTTPConnection(place.hostname, place.port, timeout=30)) as connection:
            connection.request("GET", f"{place.path}?{place.query}", headers=headers)
            answer = connection.getresponse()
            return answer.read(), described(answer)

    content, sent = followed("/files/a.txt")
    assert content == ZIPPED
    if storage.backend_name == "swift":
        # its temporary URLs replace the disposition
        assert sent == {**DESCRIBED, "Content-Disposition": "inline"}
    else:
        assert sent == DESCRIBED
    content, sent = followed("/files/a.txt?download=1", Range="bytes=2-3")
    assert (content, sent["Content-Encoding"]) == (ZIPPED[2:4], "gzip")
    assert sent["Content-Disposition"].replace('"', "").startswith("attachment; filename=a.txt")
    _, sent = followed("/files/a.html")
    assert sent["Content-Disposition"].startswith("attachment")


def test_copies_and_moves_keep_them_and_writes_do_not(app, storage, put):
    put("a.txt", ZIPPED)
    put("taken.txt", TEXT, {"Content-Language": "fr"})
    for name in ("copy.txt", "taken.txt"):
        storage.copy("a.txt", name, overwrite=True)
        assert (storage.read(name), facts_of(storage, name)) == (ZIPPED, DESCRIBED)
    storage.move("a.txt", "moved.txt")
    assert (storage.read("moved.txt"), facts_of(storage, "moved.txt")) == (ZIPPED, DESCRIBED)
    storage.write("moved.txt", TEXT, overwrite=True)
    storage.save(io.BytesIO(TEXT), "taken.txt", overwrite=True)
    storage.replace_version("copy.txt", TEXT, storage.version("copy.txt"))
    for name in ("moved.txt", "taken.txt", "copy.txt"):
        assert (storage.read(name), facts_of(storage, name)) == (TEXT, {})
        assert described(app.test_client().get(f"/files/{name}")) == {}


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("br", "br"),
        ("utf-8", "utf-8"),
        ("gzip, br", "gzip, br"),
        ("aws-chunked", None),
        ("AWS-Chunked,", None),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked ", "gzip"),
    ],
)
def test_how_it_was_sent_to_the_store_is_no_encoding(stored, known):
    assert known_encoding(stored) == known


@pytest.mark.server
def test_an_object_that_was_sent_in_chunks(app, configure_storage, place_on):
    with place_on("swift") as settings:
        with connection_of(settings) as connection:
            for name, encoding in (("a.txt", "aws-chunked,gzip"), ("b.txt", "aws-chunked")):
                connection.put_object(settings["CONTAINER"], name, ZIPPED, headers={"Content-Encoding": encoding})
        configure_storage("files", settings)
        client = app.test_client()
        assert client.get("/files/a.txt").headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in client.get("/files/b.txt").headers


class Describing(GenericStore):
    """A store that says of each file what it is told to."""

    said: dict = {}

    def facts(self, path, *, checksum=False):
        return Facts(**{**vars(super().facts(path, checksum=checksum)), **self.said})


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    class Backend(BaseBackend):
        def open_fs(self):
            return Describing(MemoryFS())

    storage = fs.Storage("files", fs.ALL)
    app = flask.Flask("described", instance_path=str(tmp_path_factory.mktemp("described")))
    app.config.update(FS_SERVE=True, FILES_FS_BACKEND="describing")
    with pytest.MonkeyPatch.context() as patch, app.app_context():
        patch.setattr(registry, "load", lambda *_: Backend)
        fs.init_app(app, storage)
        storage.write("a.txt", "0123456789")
        storage.write("utf8.txt", "Größe")
    return app.test_client()


@given(value=st.text(max_size=30), field=st.sampled_from(["encoding", "disposition", "language"]))
def test_no_stored_value_breaks_a_response(client, value, field):
    Describing.said = {f"content_{field}": value}
    for headers, status in (({}, 200), ({"Range": "bytes=2-3"}, 206)):
        response = client.get("/files/a.txt", headers=headers)
        sent = response.headers.get(f"Content-{field.title()}")
        assert response.status_code == status
        assert sent in (None, value)
        assert sent is None or (sent.isprintable() or "\t" in sent or not sent.isascii())


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\0", "\x7f", "attachment; filename=日.txt", " a", "a ", ""]
)
@pytest.mark.parametrize("field", ["encoding", "disposition", "language"])
def test_what_is_no_value_of_a_header_is_left_out(client, field, value):
    Describing.said = {f"content_{field}": value}
    response = client.get("/files/a.txt")
    assert (response.status_code, response.data) == (200, b"0123456789")
    assert described(response) == {}
    assert "X-Evil" not in response.headers


@pytest.mark.parametrize("value", ["x", "attachment; filename=\xc3\xa9.txt", "a\tb", "\xff"])
def test_other_values_are_passed_on_as_they_are(client, value):
    Describing.said = {"content_disposition": value}
    assert client.get("/files/a.txt").headers["Content-Disposition"] == value


def test_the_charset_of_encoded_bytes_is_not_looked_for(client):
    # every byte of it could be UTF-8
    for encoding, charset in ((None, "text/plain; charset=utf-8"), ("x-own", "text/plain")):
        Describing.said = {"content_encoding": encoding}
        assert client.get("/files/utf8.txt").content_type == charset


def test_facts_made_by_hand_describe_nothing(client):
    Describing.said = {}
    assert described(client.get("/files/a.txt")) == {}
    facts = Facts(1, datetime.now(timezone.utc), "etag", "text/plain", None, "mark")
    assert (facts.content_encoding, facts.content_disposition, facts.content_language) == (None, None, None)
