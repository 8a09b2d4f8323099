"""Files over HTTP."""

import io
from dataclasses import replace

import pytest

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.http import strong_tag
from flask_pyfs.filesystems.streams import WrappedFile


@pytest.fixture(params=["local", "memory"])
def storage(app, request):
    storage = fs.Storage("files", fs.ALL)
    app.config["FILES_FS_BACKEND"] = request.param
    fs.init_app(app, storage)
    return storage


@pytest.fixture
def get(app, storage):
    client = app.test_client()

    def get(url, method="GET", **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.open(url, method=method, headers=names, buffered=True)

    return get


@pytest.mark.parametrize(
    ("serve", "own", "status"),
    [
        (True, None, 200),
        (False, None, 404),
        (None, None, 404),
        (False, True, 200),
        (True, False, 404),
        (True, "false", 404),
    ],
)
def test_whether_files_are_served(app, serve, own, status):
    app.config["FS_SERVE"] = serve
    app.config["FILES_FS_SERVE"] = own
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("a.txt", "x")
    response = app.test_client().get("/files/a.txt", buffered=True)
    assert response.status_code == status
    with app.test_request_context():
        assert storage.url("a.txt") == "/files/a.txt"


def test_the_route_has_a_prefix(app):
    app.config["FS_PREFIX"] = "/media"
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("d/a b.txt", "x")
    client = app.test_client()
    with app.test_request_context():
        assert storage.url("d/a b.txt") == "/media/files/d/a%20b.txt"
    assert client.get("/media/files/d/a%20b.txt", buffered=True).data == b"x"
    assert client.get("/files/d/a%20b.txt").status_code == 404


def test_what_is_not_there(app, storage, get):
    storage.write("d/a.txt", "x")
    for url in ("/files/b.txt", "/files/d", "/files/d/", "/files/d/a.txt/b", "/other/a.txt", "/files/"):
        assert get(url).status_code == 404, url


def test_only_reading_is_answered(storage, get):
    storage.write("a.txt", "x")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert get("/files/a.txt", method).status_code == 405
    assert storage.read("a.txt") == b"x"


def test_types(storage, get):
    expected = {
        "a.txt": "text/plain",
        "a.png": "image/png",
        "a.webp": "image/webp",
        "a.pdf": "application/pdf",
        "a.tar.gz": "application/gzip",
        "a.unknown": "application/octet-stream",
        "a": "application/octet-stream",
    }
    for name, content_type in expected.items():
        storage.write(name, "x")
        response = get(f"/files/{name}")
        assert response.content_type == content_type, name
        assert "Content-Encoding" not in response.headers
        assert "Content-Security-Policy" not in response.headers
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.html", "a.htm", "a.xhtml", "a.svg", "a.xml", "A.SVG"])
def test_documents_that_a_browser_would_run_are_sandboxed(storage, get, name):
    storage.write(name, "<script>alert(1)</script>")
    response = get(f"/files/{name}")
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.js", "a.mjs"])
def test_scripts_are_text(storage, get, name):
    storage.write(name, "alert(1)")
    assert get(f"/files/{name}").mimetype == "text/plain"


def test_validators(storage, get):
    storage.write("a.txt", "one")
    first = get("/files/a.txt")
    assert not first.headers["ETag"].startswith("W/")
    unchanged = get("/files/a.txt", If_None_Match=first.headers["ETag"])
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert get("/files/a.txt", If_Modified_Since=first.headers["Last-Modified"]).status_code == 304
    assert get("/files/a.txt", If_Match=first.headers["ETag"]).data == b"one"
    failed = get("/files/a.txt", If_Match='"other"')
    assert failed.status_code == 412
    assert b"one" not in failed.data
    storage.write("a.txt", "two", overwrite=True)
    second = get("/files/a.txt", If_None_Match=first.headers["ETag"])
    assert (second.status_code, second.data) == (200, b"two")


def test_ranges(storage, get):
    storage.write("a.txt", "0123456789")
    etag = get("/files/a.txt").headers["ETag"]
    for wanted, content, content_range in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=5-100", b"56789", "bytes 5-9/10"),
    ):
        response = get("/files/a.txt", Range=wanted)
        assert (response.status_code, response.data) == (206, content)
        assert response.headers["Content-Range"] == content_range
        assert response.content_length == len(content)
        assert get("/files/a.txt", Range=wanted, If_Range=etag).data == content
        assert get("/files/a.txt", Range=wanted, If_Range='"other"').data == b"0123456789"
    assert get("/files/a.txt", Range="bytes=0-1,4-5").data == b"0123456789"
    refused = get("/files/a.txt", Range="bytes=10-")
    assert refused.status_code == 416
    assert refused.headers["Content-Range"] == "bytes */10"


def test_an_empty_file(storage, get):
    storage.write("a.txt", "")
    response = get("/files/a.txt")
    assert (response.status_code, response.data, response.content_length) == (200, b"", 0)


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("a.txt", "attachment; filename=a.txt"),
        ("d/b.txt", "attachment; filename=b.txt"),
        ("é.txt", "attachment; filename=e.txt; filename*=UTF-8''%C3%A9.txt"),
        ("日本.txt", "attachment; filename=download.txt; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
        ('q".txt', "attachment; filename=q_.txt; filename*=UTF-8''q%22.txt"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
    ],
)
def test_downloads(app, storage, get, name, disposition):
    storage.write(name, "x")
    with app.test_request_context():
        url = storage.url(name)
    assert get(f"{url}?download=1").headers["Content-Disposition"] == disposition
    assert "Content-Disposition" not in get(url).headers
    assert "Content-Disposition" not in get(f"{url}?download=0").headers


def test_how_long_a_response_may_be_kept(app, storage, get):
    storage.write("a.txt", "x")
    assert get("/files/a.txt").headers["Cache-Control"] == "no-cache"
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    assert get("/files/a.txt").headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.parametrize("name", ["../outside.txt", "..%2foutside.txt", "%2e%2e/outside.txt", "d/../../outside.txt"])
def test_nothing_outside_the_root_is_served(app, storage, get, tmp_path, name):
    storage.write("d/a.txt", "x")
    (tmp_path / "root" / "outside.txt").parent.mkdir(exist_ok=True)
    (tmp_path / "root" / "outside.txt").write_text("outside")
    assert get(f"/files/{name}").status_code == 404


class Watched(WrappedFile):
    """A file that remembers how much was read of it."""

    def __init__(self, file):
        super().__init__(file)
        self.count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content

    def read1(self, size=-1):
        return self.read(size)


def test_a_served_file_is_read_as_far_as_needed_and_closed(app, storage, monkeypatch):
    size = 5_000_000
    storage.write("large.bin", bytes(size))
    opened = []
    fetch = type(storage.backend.store).fetch

    def watched_fetch(self, path, *wanted, **known):
        facts, file = fetch(self, path, *wanted, **known)
        opened.append(Watched(file))
        return facts, opened[-1]

    monkeypatch.setattr(type(storage.backend.store), "fetch", watched_fetch)
    client = app.test_client()

    with client.get("/files/large.bin") as whole:
        next(whole.response)
        assert 0 < opened[-1].count < size / 2
        assert not opened[-1].closed
    assert opened[-1].closed

    with client.get("/files/large.bin", headers={"Range": "bytes=-10"}) as tail:
        assert tail.data == bytes(10)
    assert opened[-1].count == 10
    assert opened[-1].closed

    unwanted = [
        ("HEAD", {}, 200),
        ("GET", {"If-None-Match": whole.headers["ETag"]}, 304),
        ("GET", {"Range": f"bytes={size}-"}, 416),
    ]
    for method, headers, status in unwanted:
        response = client.open("/files/large.bin", method=method, headers=headers)
        assert response.status_code == status
        assert opened[-1].count == 0
        assert opened[-1].closed
    assert len(opened) == 5


def test_a_store_that_fails_is_not_a_missing_file(app, monkeypatch):
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail(self, path, *wanted, **known):
        raise ConnectionResetError

    monkeypatch.setattr(type(storage.backend.store), "fetch", fail)
    assert app.test_client().get("/files/a.txt").status_code == 500


@pytest.mark.parametrize("prefix", ["media", "/media", "/media/", "media/"])
def test_the_slashes_of_the_prefix_do_not_matter(app, prefix):
    app.config["FS_PREFIX"] = prefix
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("a.txt", "x")
    assert app.test_client().get("/media/files/a.txt", buffered=True).data == b"x"


@pytest.mark.parametrize(("value", "status"), [("true", 200), ("1", 200), ("false", 404), ("no", 404)])
def test_fs_serve_from_the_environment(app, value, status):
    app.config["FS_SERVE"] = value
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    storage.write("a.txt", "x")
    assert app.test_client().get("/files/a.txt", buffered=True).status_code == status


def test_fs_serve_is_true_or_false(app):
    app.config["FS_SERVE"] = "perhaps"
    with pytest.raises(fs.ConfigurationError, match="FS_SERVE"):
        fs.init_app(app)


@pytest.mark.parametrize(
    ("asked", "status"),
    [("bytes=-100", 206), ("lines=1-2", 200), ("bytes=x", 200), ("bytes=5-2", 200)],
)
def test_a_range_that_is_none_or_too_long_gives_the_file(storage, get, asked, status):
    storage.write("a.txt", "content")
    response = get("/files/a.txt", Range=asked)
    assert response.status_code == status
    assert response.data == b"content"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ("text/html", "text/html"),
        ("Text/HTML; charset=latin-1", "text/html"),
        ("text/javascript", "text/plain"),
        ("text/x-ecmascript", "text/plain"),
        ("text/jscript", "text/plain"),
        ("multipart/x-mixed-replace", "application/octet-stream"),
        ("text/plain, text/html", "application/octet-stream"),
        ("text/plain; charset=\u20ac", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
    ],
)
def test_types_that_a_store_knows(app, storage, get, monkeypatch, known, expected):
    storage.write("a.bin", "x")
    store = type(storage.backend.store)
    fetch = store.fetch

    def fetch_with_type(self, *wanted, **known_tag):
        facts, file = fetch(self, *wanted, **known_tag)
        return replace(facts, content_type=known), file

    monkeypatch.setattr(store, "fetch", fetch_with_type)
    assert get("/files/a.bin").mimetype == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [('"abc"', "abc"), ("abc", "abc"), ('W/"abc"', None), ("", None), (None, None), ('a"b', None), ("a b", None)],
)
def test_strong_tags(tag, expected):
    assert strong_tag(tag) == expected


class BrokenFile(io.RawIOBase):
    """Has what a stream must have, and fails in one of its methods."""

    def __init__(self, content, broken=None):
        super().__init__()
        self._file, self._broken = io.BytesIO(content), broken

    def _ask(self, method, *arguments):
        if method == self._broken:
            raise OSError(f"{method} broke")
        return getattr(self._file, method)(*arguments)

    def seekable(self):
        return True

    def read(self, size=-1):
        return self._ask("read", size)

    def seek(self, *arguments):
        return self._ask("seek", *arguments)

    def tell(self):
        return self._file.tell()

    def close(self):
        super().close()
        self._ask("close")


@pytest.mark.parametrize("broken", [None, "read", "seek", "close"])
def test_a_stream_that_fails_while_it_is_served(app, storage_of_streams, broken):
    storage_of_streams(lambda: BrokenFile(b"0123456789", broken))

    def ask():
        # the client closes what it has read
        return app.test_client().get("/files/a.txt", headers={"Range": "bytes=2-4"}, buffered=True)

    if broken is None:
        assert (ask().status_code, ask().data) == (206, b"234")
    else:
        with pytest.raises(fs.FSError, match=f"{broken} broke"):
            ask()


@pytest.fixture
def storage_of_streams(app, monkeypatch):
    def storage_of_streams(make):
        storage = fs.Storage("files", fs.ALL)
        app.config["FILES_FS_BACKEND"] = "memory"
        fs.init_app(app, storage)
        with app.app_context():
            storage.write("a.txt", b"0123456789")
            store = storage.backend.store
        monkeypatch.setattr(type(store), "fetch", lambda self, path, *wanted, **more: (store.facts(path), make()))

    return storage_of_streams
