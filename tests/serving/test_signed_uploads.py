"""Uploads to the app's own route, by URLs that it signed."""

import io

import pytest

import flask_pyfs as fs
from flask_pyfs.signals import file_uploaded


@pytest.fixture(params=["local", "memory"])
def storage(app, request):
    storage = fs.Storage("files", ["txt", "png"], upload_to="up")
    app.config["FILES_FS_BACKEND"] = request.param
    app.config["FILES_FS_DENY"] = ["php"]
    fs.init_app(app, storage, fs.Storage("others", fs.ALL))
    with app.app_context():
        yield storage


@pytest.fixture
def send(app, storage):
    client = app.test_client()

    def send(url, content=b"content", filename="any.name", content_type="text/plain", **fields):
        data = {**fields, "file": (io.BytesIO(content), filename, content_type)}
        return client.post(url, data=data, buffered=True)

    return send


def stored(storage):
    return {name: storage.read(name) for name in storage.list_files()}


def test_a_file_is_sent(storage, send):
    signals = []
    with file_uploaded.connected_to(lambda sender, filename: signals.append((sender, filename))):
        upload = storage.upload_url("dir/a.txt", prefix="pre", expires=60, unique=False)
        assert (upload.name, upload.method, upload.fields, upload.headers) == ("up/pre/dir/a.txt", "POST", {}, {})
        answer = send(upload.url)
        assert answer.status_code == 201
        assert answer.json == {"name": upload.name, "url": storage.url(upload.name)}
    assert stored(storage) == {"up/pre/dir/a.txt": b"content"}
    assert signals == [(storage, upload.name)]
    assert signals[0][1].original_name == "any.name"


def test_authorize_is_asked_once(app, storage, send):
    asked = []
    app.config["FILES_FS_AUTHORIZE"] = lambda access: asked.append((access.filename, access.signed)) is None
    fs.init_app(app, storage)
    upload = storage.upload_url("a.txt", expires=60, unique=False, overwrite=True)
    asked.clear()
    assert send(upload.url).status_code == 201
    assert asked == [("up/a.txt", True)]


def test_a_random_part_makes_the_name_unique(storage, send):
    names = {storage.upload_url("a.txt", expires=60).name for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("up/a-") and name.endswith(".txt") for name in names)
    upload = storage.upload_url("a.txt", expires=60)
    assert send(upload.url).status_code == 201
    assert send(upload.url, b"again").status_code == 409
    assert stored(storage) == {upload.name: b"content"}


def test_a_taken_name_is_refused_unless_it_was_signed_otherwise(storage, send):
    storage.write("up/a.txt", "old")
    answer = send(storage.upload_url("a.txt", expires=60, unique=False).url)
    assert answer.status_code == 409
    assert storage.read("up/a.txt") == b"old"
    assert send(storage.upload_url("a.txt", expires=60, unique=False, overwrite=True).url).status_code == 201
    assert storage.read("up/a.txt") == b"content"
    storage.overwrite = True
    assert send(storage.upload_url("a.txt", expires=60, unique=False).url, b"new").status_code == 201
    assert storage.read("up/a.txt") == b"new"


@pytest.mark.parametrize("name", ["a.exe", "a", "a.php", "a.php.txt", "txt"])
def test_the_filter_of_extensions_holds(storage, name):
    with pytest.raises(fs.UnauthorizedFileType):
        storage.upload_url(name, expires=60)


@pytest.mark.parametrize(
    "asked",
    [
        {"max_size": 0},
        {"max_size": -1},
        {"max_size": 1e6},
        {"max_size": True},
        {"content_type": "text/plain; charset=utf-8"},
        {"content_type": "text"},
        {"expires": 0},
    ],
)
def test_what_cannot_be_asked(storage, asked):
    with pytest.raises(ValueError, match=r"max_size|content_type|seconds"):
        storage.upload_url("a.txt", **{"expires": 60, **asked})


def test_a_type_in_capitals(storage, send):
    url = storage.upload_url("a.png", expires=60, content_type="image/PNG").url
    assert send(url, content_type="Image/png").status_code == 201


def test_a_parent_that_is_a_file(storage, send):
    storage.write("up/a.txt", "x")
    answer = send(storage.upload_url("a.txt/b.txt", expires=60, unique=False).url)
    assert answer.status_code == 409
    assert stored(storage) == {"up/a.txt": b"x"}


@pytest.mark.parametrize("name", ["../a.txt", "a/../../b.txt", "a\0.txt", "a\\b.txt", ""])
def test_bad_names_are_refused(storage, name):
    with pytest.raises(fs.InvalidPath):
        storage.upload_url(name, expires=60)


def test_a_storage_that_takes_nothing_signs_nothing(app):
    storage = fs.Storage("none", fs.NONE)
    fs.init_app(app, storage)
    with app.app_context(), pytest.raises(fs.UploadNotAllowed):
        storage.upload_url("a.txt", expires=60)


def test_a_filter_that_looks_at_the_content_holds(app, send, storage, monkeypatch):
    monkeypatch.setattr(storage, "file_allowed", lambda file, basename: file is None or b"bad" not in file.read())
    url = storage.upload_url("a.txt", expires=60).url
    assert send(url, b"so bad").status_code == 415
    assert stored(storage) == {}


def test_the_size_holds(storage, send):
    url = storage.upload_url("a.txt", expires=60, max_size=10).url
    assert send(url, bytes(11)).status_code == 413
    assert send(url, bytes(100_000)).status_code == 413
    assert stored(storage) == {}
    assert send(url, bytes(10)).status_code == 201
    assert len(stored(storage)) == 1


def test_the_type_holds(storage, send):
    url = storage.upload_url("a.png", expires=60, content_type="image/png").url
    assert send(url, content_type="text/html").status_code == 415
    assert stored(storage) == {}
    assert send(url, content_type="image/png").status_code == 201


def test_what_was_not_signed_is_refused(app, storage, send, monkeypatch):
    upload = storage.upload_url("a.txt", expires=60, max_size=10, content_type="text/plain", unique=False)
    changed = [
        upload.url.replace("a.txt", "b.txt"),
        upload.url.replace("/files/", "/others/"),
        upload.url.replace("size=10", "size=11"),
        upload.url.replace("size=10&", ""),
        upload.url.replace("type=text", "type=image"),
        upload.url + "&overwrite=1",
        upload.url[:-1] + ("A" if upload.url[-1] != "A" else "B"),
        upload.url.replace("a.txt", "..%2fa.txt"),
        storage.url("up/a.txt", expires=60),
    ]
    for url in changed:
        assert url != upload.url
        assert send(url).status_code == 403, url
    assert send(upload.url.partition("?")[0]).status_code == 405
    assert stored(storage) == {}
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert send(upload.url).status_code == 403


def test_forms_without_a_file(app, storage):
    url = storage.upload_url("a.txt", expires=60).url
    client = app.test_client()
    assert client.post(url, data={"file": "text"}).status_code == 400
    assert client.post(url, data=b"raw", content_type="text/plain").status_code == 400
    assert client.post(url).status_code == 400
    assert client.put(url, data=b"raw").status_code == 405
    assert stored(storage) == {}


def test_a_storage_that_is_not_served_takes_nothing(app, storage, send):
    url = storage.upload_url("a.txt", expires=60).url
    app.config["FS_SERVE"] = False
    assert send(url).status_code == 404
    assert stored(storage) == {}


def test_what_is_too_large_for_the_app_is_refused(app, storage, send):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    assert send(storage.upload_url("a.txt", expires=60).url, bytes(2000)).status_code == 413
    assert stored(storage) == {}


@pytest.fixture
def limited(app, storage):
    app.config["FILES_FS_MAX_SIZE"] = "10 B"
    fs.init_app(app, storage)
    return storage


@pytest.mark.parametrize(("asked", "most"), [({}, 10), ({"max_size": 4}, 4), ({"max_size": 1000}, 10)])
def test_the_largest_size_holds(limited, send, asked, most):
    url = limited.upload_url("a.txt", expires=60, **asked).url
    assert send(url, bytes(most + 1)).status_code == 413
    assert stored(limited) == {}
    assert send(url, bytes(most)).status_code == 201
    assert [len(content) for content in stored(limited).values()] == [most]


def test_a_url_that_was_signed_before_the_limit(app, storage, send):
    url = storage.upload_url("a.txt", expires=60).url
    app.config["FILES_FS_MAX_SIZE"] = 10
    fs.init_app(app, storage)
    assert send(url, bytes(11)).status_code == 413
    assert stored(storage) == {}


def test_a_body_over_the_limit_is_not_read(app, storage):
    class Unread:
        def __getattr__(self, name):
            raise AssertionError(f"the body is used: {name}")

    url = storage.upload_url("a.txt", expires=60).url
    # the limit of today counts, not that of the URL
    app.config["FILES_FS_MAX_SIZE"] = "10 B"
    fs.init_app(app, storage)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    for sent, said in (
        ({"CONTENT_LENGTH": "1000000"}, "may have 10 bytes at most"),
        (chunked, "came without its size"),
    ):
        body = {"CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": Unread(), **sent}
        answer = app.test_client().post(url, environ_overrides=body)
        assert answer.status_code == 413
        assert said in answer.text


def test_an_upload_that_the_app_has_read_is_refused(app, send, storage, monkeypatch):
    prepared = storage.prepared

    def read_before(upload, filename):
        upload.read()
        return prepared(upload, filename)

    monkeypatch.setattr(storage, "prepared", read_before)
    url = storage.upload_url("a.txt", expires=60).url
    assert send(url).status_code == 400
    assert stored(storage) == {}


def test_a_filter_that_reads_takes_nothing_away(send, storage, monkeypatch):
    monkeypatch.setattr(storage, "file_allowed", lambda file, basename: file is None or file.read() == b"content")
    assert send(storage.upload_url("a.txt", expires=60).url).status_code == 201
    assert list(stored(storage).values()) == [b"content"]
