"""Servers that hide what is missing, refuse some writes, or take no odd key: which file a name means there."""

import io
import unicodedata
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

import pytest
from servers.s3 import ACCESS_KEY, REGION, SECRET_KEY
from servers.scripted import ScriptedServer, answering

import flask_pyfs as fs

pytestmark = pytest.mark.server

NFC, NFD = (unicodedata.normalize(form, "é.txt") for form in ("NFC", "NFD"))


# of every file at any time, because a version has the second in it
_MODIFIED = formatdate(1_700_000_000, usegmt=True)


class Bucket:
    """The keys of a bucket, with an entity tag for each, and what its server refuses.

    :ivar hides: whether the client has no ListBucket: a missing key is 403.
    :ivar kept: keys that nobody may read, and keys that nobody may write.
    :ivar normal: whether the server takes only normal keys, as MinIO does.
    """

    def __init__(self):
        self.keys = {}
        self.hides = self.normal = False
        self.unreadable, self.unwritable = set(), set()
        self.made = 0

    def answer(self, request):
        key = unquote(urlsplit(request.path).path)[len("/files/") :]
        if not key:
            return self._response("200 OK")
        if self.normal and (key.startswith("/") or "//" in key):
            return self._response("400 Bad Request", self._error("XMinioInvalidObjectName"))
        if request.command in ("GET", "HEAD"):
            return self._read(key, request)
        if key in self.unwritable:
            return self._response("403 Forbidden", self._error("AccessDenied"))
        if request.command == "DELETE":
            self.keys.pop(key, None)
            return self._response("204 No Content")
        return self._write(key, request)

    def _read(self, key, request):
        if key in self.unreadable or (key not in self.keys and self.hides):
            return self._response("403 Forbidden", self._error("AccessDenied"), request)
        if key not in self.keys:
            return self._response("404 Not Found", self._error("NoSuchKey"), request)
        return self._response("200 OK", self.keys[key].encode(), request, self.keys[key])

    def _write(self, key, request):
        if request.headers.get("If-None-Match") and key in self.keys:
            return self._response("412 Precondition Failed", self._error("PreconditionFailed"))
        source = unquote(request.headers.get("x-amz-copy-source", ""))[len("files/") :]
        if source and source not in self.keys:
            status, code = ("403 Forbidden", "AccessDenied") if self.hides else ("404 Not Found", "NoSuchKey")
            return self._response(status, self._error(code))
        self.made += 1
        # the entity tag of a copy is that of its source; here, it is the content too
        tag = self.keys[key] = self.keys[source] if source else f"{self.made:032x}"
        body = f'<CopyObjectResult><ETag>"{tag}"</ETag></CopyObjectResult>'.encode() if source else b""
        return self._response("200 OK", body, tag=tag)

    def _error(self, code):
        return f"<Error><Code>{code}</Code></Error>".encode()

    def _response(self, status, body=b"", request=None, tag=None):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Last-Modified: {_MODIFIED}"]
        lines += [f'ETag: "{tag}"'] if tag else []
        head = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
        return head if request is not None and request.command == "HEAD" else head + body


@pytest.fixture
def bucket():
    return Bucket()


@pytest.fixture
def storage(app, bucket, configure_storage):
    with ScriptedServer(answering(bucket.answer)) as server, app.app_context():
        place = {"ENDPOINT": server.url, "ACCESS_KEY": ACCESS_KEY, "SECRET_KEY": SECRET_KEY, "REGION": REGION}
        yield configure_storage(
            "files", {"BACKEND": "s3", "CREATE_BUCKET": False, "RETRIES": 0, "ADDRESSING_STYLE": "path", **place}
        )


@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize("operation", ["copy", "move"])
def test_a_refused_write_is_not_repeated_with_another_file(storage, bucket, hides, operation):
    bucket.keys = {"p//x.txt": "a" * 32, "p/x.txt": "b" * 32}
    bucket.hides = hides
    bucket.unwritable = {"p/x.txt"}
    with pytest.raises(fs.PermissionDenied):
        getattr(storage, operation)("p//x.txt", "p/x.txt", overwrite=True)
    # the copy is stored, and then the file stays
    bucket.unwritable = {"p//x.txt"}
    if operation == "move":
        with pytest.raises(fs.PermissionDenied):
            storage.move("p//x.txt", "target.txt", overwrite=True)
        assert bucket.keys["target.txt"] == "a" * 32
    assert (bucket.keys["p//x.txt"], bucket.keys["p/x.txt"]) == ("a" * 32, "b" * 32)


def test_a_missing_file_that_is_hidden_is_one_with_another_spelling(storage, bucket):
    bucket.keys = {"p/x.txt": "a" * 32}
    bucket.hides = True
    assert storage.read("p//x.txt") == b"a" * 32
    storage.copy("p//x.txt", "copy.txt", overwrite=True)
    storage.move("p//x.txt", "moved.txt", overwrite=True)
    assert bucket.keys == {"copy.txt": "a" * 32, "moved.txt": "a" * 32}
    version = storage.version("/copy.txt")
    assert storage.replace_version("/copy.txt", b"new", version) == "copy.txt"
    assert storage.delete_version("/copy.txt", storage.version("copy.txt"))
    with pytest.raises(fs.PermissionDenied):
        storage.read("p//x.txt")


@pytest.mark.parametrize("mode", ["stream", "redirect"])
def test_what_is_hidden_is_served_with_another_spelling(app, storage, bucket, mode):
    asked = []
    app.config.update(FILES_FS_SERVE_MODE=mode, FILES_FS_AUTHORIZE=lambda access: not asked.append(access.filename))
    storage.configure(app)
    bucket.keys = {"p/x.txt": "a" * 32, NFD: "b" * 32}
    bucket.hides = True
    client = app.test_client()
    for url, served in (("/files/p//x.txt", "p/x.txt"), (f"/files/{NFC}", NFD)):
        asked.clear()
        assert client.get(url).status_code == (200 if mode == "stream" else 302)
        assert asked == [served]
    asked.clear()
    # not 404: the store may have the file
    assert client.get("/files/p//none.txt").status_code == 500
    assert asked == []
    bucket.unreadable = {"p//x.txt"}
    bucket.keys["p//x.txt"] = "c" * 32
    assert client.get("/files/p//x.txt").status_code == (200 if mode == "stream" else 302)


def test_a_file_is_replaced_where_missing_ones_are_hidden(storage, bucket):
    bucket.keys = {NFD: "a" * 32}
    bucket.hides = True
    assert storage.write(NFC, b"new", overwrite=True) == NFD
    assert bucket.keys.keys() == {NFD}
    assert storage.write("ä.txt", b"new", overwrite=True) == "ä.txt"


def test_a_server_that_takes_only_normal_keys(storage, bucket):
    bucket.normal = True
    for name in ("p//x.txt", "/p/x.txt"):
        assert not storage.exists(name)
        with pytest.raises((fs.FileNotFound, fs.InvalidPath)):
            storage.read(name)
        assert storage.write(name, b"new") == "p/x.txt"
        assert storage.read(name) == bucket.keys["p/x.txt"].encode()
        assert storage.save(io.BytesIO(b"new"), "x.txt", prefix="p/", overwrite=True) == "p/x.txt"
        storage.copy(name, "/copy.txt", overwrite=True)
        storage.move("/copy.txt", "q//y.txt", overwrite=True)
        assert bucket.keys.keys() == {"p/x.txt", "q/y.txt"}
        with pytest.raises(fs.FileExists):
            storage.write_only_new(name, b"new")
        assert storage.delete_version(name, storage.version(name))
        bucket.keys.clear()
