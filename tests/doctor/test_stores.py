"""What the doctor says of a store that is wrong, or is reached wrongly."""

import gc
import re
import threading
from datetime import datetime, timedelta
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from fs import errors
from fs.memoryfs import MemoryFS
from servers.ftp import pyftpd
from servers.rewriting import Answer

import flask_pyfs as fs
from flask_pyfs import names
from flask_pyfs.backends import BaseBackend, Option
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.config import Config
from flask_pyfs.doctor import examine
from flask_pyfs.filesystems.generic import GenericStore

S3 = "s3-moto"


def answer(status, body=b"", **headers):
    """Return an answer that a proxy gives itself."""
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Answer(status, message, body)


def refusal(status, code):
    """Return an answer of S3 that refuses a request."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>It is refused.</Message></Error>"
    return answer(status, body.encode(), Content_Type="application/xml")


def is_listing(request):
    return request.method == "GET" and "prefix=" in request.path


# Reaching the store


@pytest.mark.parametrize("kind", [S3, "swift", "gridfs"])
def test_a_server_that_is_down(kind, configured, findings, unused_port):
    key, url = {
        S3: ("ENDPOINT", "http://127.0.0.1:{}"),
        "swift": ("AUTHURL", "http://127.0.0.1:{}/auth/v1.0"),
        "gridfs": ("MONGO_URL", "mongodb://127.0.0.1:{}/"),
    }[kind]
    configured(kind, TIMEOUT=1, **{key: url.format(unused_port)})
    found = findings()
    assert found["reach"].level == "error"
    assert f"FILES_FS_{key}" in found["reach"].message or key in found["reach"].message
    assert found["reach"].again
    assert found["probe"].level == "skipped"
    assert "write" not in found


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        (S3, {"SECRET_KEY": "wrong"}, "SECRET_KEY"),
        (S3, {"ACCESS_KEY": "wrong"}, "ACCESS_KEY"),
        (S3, {"BUCKET": "missing-bucket", "CREATE_BUCKET": False}, "BUCKET"),
        (S3, {"ENDPOINT": "http://nowhere.invalid"}, "ENDPOINT"),
        ("swift", {"KEY": "wrong"}, "KEY"),
        ("swift", {"CONTAINER": "missing", "CREATE_CONTAINER": False}, "CONTAINER"),
    ],
)
def test_a_wrong_setting(kind, settings, named, configured, findings):
    configured(kind, **settings)
    errors = [each for each in findings().values() if each.level == "error"]
    assert errors
    assert all(named in each.message for each in errors)
    assert all("wrong" not in each.message for each in errors)


def test_a_key_that_may_only_read(proxied, findings):
    _, proxy = proxied(S3)
    proxy.ask = lambda request: refusal(403, "AccessDenied") if request.method in ("PUT", "POST", "DELETE") else None
    found = findings()
    assert found["reach"].level == "ok"
    assert found["write"].level == "error"
    assert "the storage takes no files: " in found["write"].message
    assert found["probe"].level == "skipped"


def test_a_key_that_may_not_list(proxied, findings):
    _, proxy = proxied(S3)
    proxy.ask = lambda request: refusal(403, "AccessDenied") if is_listing(request) else None
    found = findings()
    assert found["list"].level == "error"
    assert found["write"].level == found["read"].level == found["delete"].level == "ok"


def test_a_key_that_may_not_delete(app, proxied, findings):
    storage, proxy = proxied(S3)

    def ask(request):
        is_deletion = request.method == "DELETE" or (request.method == "POST" and request.path.endswith("?delete"))
        return refusal(403, "AccessDenied") if is_deletion else None

    proxy.ask = ask
    found = findings()
    assert found["delete"].level == "error"
    probe = re.search(r"the probe '(\.flask_pyfs/doctor-\w+)' stays", found["delete"].message).group(1)
    proxy.ask = lambda request: None
    with app.app_context():
        assert [path for path, _ in storage.backend.store.iter_facts(".flask_pyfs/")] == [probe]
        assert storage.backend.remove_leftovers(-60) == 1


# What the store does


def test_a_store_that_ignores_conditions(proxied, findings):
    def ask(request):
        del request.headers["If-None-Match"]

    _, proxy = proxied("swift")
    proxy.ask = ask
    found = findings()
    assert found["exclusive"].level == "error"
    assert "unique=True" in found["exclusive"].message
    assert "FILES_FS_AUTHURL" in found["exclusive"].message
    # the others look at the probe that is there then
    assert found["read"].level == found["replace"].level == found["delete"].level == "ok"


def test_a_bucket_that_ignores_conditions(proxied, findings):
    def change(request, given):
        if request.method == "PUT" and given.status == 412:
            given.status, given.body = 200, b""
            given.headers["ETag"] = '"5f1c"'

    _, proxy = proxied(S3)
    proxy.change = change
    found = findings()
    assert found["exclusive"].level == "error"
    assert "FILES_FS_ENDPOINT" in found["exclusive"].message


def test_a_condition_that_the_server_does_not_know_is_a_warning(proxied, findings):
    def ask(request):
        return (
            refusal(501, "NotImplemented") if request.method == "PUT" and "If-None-Match" in request.headers else None
        )

    _, proxy = proxied(S3)
    proxy.ask = ask
    found = findings()
    assert found["exclusive"].level == "ok"
    assert found["log"].level == "warning"
    assert "does not support If-None-Match" in found["log"].message


def test_content_that_changes_on_the_way(proxied, findings):
    def change(request, given):
        if request.method == "GET" and "/.flask_pyfs/" in request.path and given.status == 200:
            given.body = given.body[::-1]

    _, proxy = proxied("swift")
    proxy.change = change
    found = findings()
    assert found["read"].level == "error"
    assert "other bytes" in found["read"].message


def test_a_media_type_that_changes_on_the_way(proxied, findings):
    def change(request, given):
        if "/.flask_pyfs/" in request.path and request.method == "GET":
            del given.headers["Content-Type"]
            given.headers["Content-Type"] = "text/html"

    _, proxy = proxied("swift")
    proxy.change = change
    found = findings()
    assert found["content-type"].level == "warning"
    assert "'text/html'" in found["content-type"].message
    assert "FILES_FS_AUTHURL" in found["content-type"].message


def test_parts_that_are_wrong(proxied, findings):
    def change(request, given):
        if given.status == 206:
            given.body = given.body[::-1]

    _, proxy = proxied("swift")
    proxy.change = change
    assert findings()["range"].level == "error"


def test_a_listing_that_is_late(proxied, findings):
    def change(request, given):
        if "prefix=.flask_pyfs" in request.path:
            given.body = b"[]"

    _, proxy = proxied("swift")
    proxy.change = change
    found = findings()
    assert found["list"].level == "warning"
    assert "late" in found["list"].message


@pytest.mark.parametrize(
    ("kind", "seconds", "level", "said"),
    [
        ("swift", 30, "ok", "agree"),
        ("swift", 90, "warning", "seconds behind"),
        ("swift", -90, "warning", "ahead of"),
        ("swift", 600, "error", "10 minutes behind"),
        (S3, -600, "error", "ahead of"),
    ],
)
def test_a_clock_that_is_wrong(kind, seconds, level, said, proxied, findings):
    def change(request, given):
        for name in ("Date", "Last-Modified"):
            if name in given.headers:
                shifted = parsedate_to_datetime(given.headers[name]) + timedelta(seconds=seconds)
                given.headers.replace_header(name, format_datetime(shifted, usegmt=True))
        if "X-Timestamp" in given.headers:
            given.headers.replace_header("X-Timestamp", f"{float(given.headers['X-Timestamp']) + seconds:.5f}")

    _, proxy = proxied(kind)
    proxy.change = change
    found = findings()["clock"]
    assert found.level == level
    assert said in found.message
    assert level == "ok" or "NTP" in found.message


def test_a_clock_that_s3_refuses(proxied, findings):
    _, proxy = proxied(S3)
    server = datetime.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    body = f"<Error><Code>RequestTimeTooSkewed</Code><ServerTime>{server}</ServerTime></Error>".encode()
    proxy.ask = lambda request: answer(403, body, Content_Type="application/xml")
    found = [each for each in findings().values() if each.level == "error"]
    assert found
    assert all("clock" in each.message for each in found)


class _Careless(GenericStore):
    def replace_version(self, path, file, version, *, content_type=None):
        return self.put(path, file)


class _Undeleted(GenericStore):
    def delete_version(self, path, version):
        return True


def broken(monkeypatch, kind):
    open_fs = MemoryBackend.open_fs
    monkeypatch.setattr(MemoryBackend, "open_fs", lambda self: kind(open_fs(self)))


def test_a_store_that_replaces_any_version(monkeypatch, configured, findings):
    broken(monkeypatch, _Careless)
    configured("memory")
    found = findings()["replace"]
    assert found.level == "error"
    assert "FILES_FS_BACKEND" in found.message


def test_a_store_that_keeps_what_is_deleted(monkeypatch, configured, findings):
    broken(monkeypatch, _Undeleted)
    configured("memory")
    found = findings()["delete"]
    assert found.level == "error"
    assert "still shows it" in found.message


# What cannot be checked


class _OldBackend:
    """A backend as Flask-FS has them."""

    DEFAULT_MIME = "application/octet-stream"

    def __init__(self, name, config):
        self.files = {}

    def exists(self, filename):
        return filename in self.files

    def list_files(self):
        yield from self.files


def test_a_backend_of_flask_fs(app, configured_app, findings):
    _, storage = configured_app
    with app.app_context():
        storage.backend = _OldBackend("files", {})
    found = findings()
    assert found["reach"].level == "ok"
    assert found["probe"].level == "skipped"
    assert "_OldBackend was written for Flask-FS" in found["probe"].message
    assert "write" not in found


def test_a_backend_that_signs_no_reserved_name(monkeypatch, configured, findings):
    monkeypatch.setattr(MemoryBackend, "signed_url", lambda self, filename, *others, **options: names.given(filename))
    configured("memory")
    found = findings()
    assert found["signed-url"].level == found["reserved"].level == "skipped"
    assert found["delete"].level == "ok"


def test_a_backend_that_fails_in_its_own_way(app, configured_app, findings):
    class Failing(_OldBackend):
        def list_files(self):
            raise ZeroDivisionError("of its author")

    _, storage = configured_app
    with app.app_context():
        storage.backend = Failing("files", {})
    assert findings()["reach"].message == "ZeroDivisionError: of its author"


def test_the_mock_backend(configured, findings):
    configured("mock")
    found = findings()
    assert found["reach"].level == found["probe"].level == "skipped"


@pytest.mark.parametrize("opened", ["mem://", "temp://", "osfs://{}", "local://{}"])
def test_other_filesystems(opened, tmp_path, configure_storage, findings):
    configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": opened.format(tmp_path)})
    found = findings()
    assert (found["shared"].level == "warning") is (opened == "mem://")
    assert [each for each in found.values() if each.level == "error"] == []


def test_an_archive_that_cannot_be_written_to(tmp_path, configure_storage, findings):
    from fs.zipfs import ZipFS

    path = tmp_path / "a.zip"
    with ZipFS(str(path), write=True) as archive:
        archive.writetext("a.txt", "a")
    before = path.read_bytes()
    configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": f"zip://{path}"})
    found = findings()
    assert found["reach"].level == "ok"
    assert found["write"].level in ("error", "skipped")
    assert path.read_bytes() == before


@pytest.mark.server
# PyFilesystem's client closes no connection
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("server", ["facts", "unix", "windows"])
def test_ftp(server, app, tmp_path, configure_storage, findings, monkeypatch):
    # some list the times of their own time zone, and do not say so
    monkeypatch.setenv("TZ", "America/New_York")
    with pyftpd(tmp_path, server) as address:
        storage = configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": f"ftp://{address}/files"})
        found = findings()
        with app.app_context():
            storage.fs.close()
    del storage
    # another test would be told of them
    gc.collect()
    assert [each for each in found.values() if each.level in ("error", "warning")] == []


def test_an_ftp_server_that_is_down(configure_storage, findings, unused_port):
    configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": f"ftp://127.0.0.1:{unused_port}/"})
    found = findings()["reach"]
    assert found.level == "error"
    assert found.again
    assert "OPEN_URL" in found.message


# Time


def test_storages_are_examined_at_the_same_time(app):
    together = threading.Barrier(5, timeout=30)

    class Waiting(_OldBackend):
        def list_files(self):
            together.wait()
            yield from ()

    storages = [fs.Storage(f"files{number}") for number in range(5)]
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, *storages)
    with app.app_context():
        for storage in storages:
            storage.backend = Waiting(storage.name, {})
    assert [each.level for each in examine(app, storages) if each.check == "reach"] == ["ok"] * 5


def test_a_store_that_hangs_is_left_alone(app, configured_app):
    over = threading.Event()

    class Hanging(_OldBackend):
        def list_files(self):
            over.wait(60)
            yield from ()

    _, storage = configured_app
    other = fs.Storage("other")
    app.config["OTHER_FS_BACKEND"] = "memory"
    fs.init_app(app, other)
    with app.app_context():
        storage.backend = Hanging("files", {})
    try:
        found = list(examine(app, [storage, other], patience=0.3))
    finally:
        over.set()
    *before, late = [each for each in found if each.storage == "files"]
    assert "settings" in {each.check for each in before}
    assert {each.level for each in before} == {"ok"}
    assert (late.check, late.level, late.again) == ("reach", "error", True)
    assert "did not end within 0.3 seconds" in late.message
    assert "delete" in {each.check for each in found if each.storage == "other"}


def test_a_refusal_names_a_setting(app, configured_app):
    class Refusing(MemoryFS):
        def openbin(self, path, mode="r", buffering=-1, **options):
            raise errors.PermissionDenied()

    class Backend(BaseBackend):
        options = (Option("HOST"),)

        def open_fs(self):
            return Refusing()

    _, storage = configured_app
    with app.app_context():
        storage.backend = Backend("files", Config())
    (found,) = [each for each in examine(app, [storage]) if each.check == "write"]
    assert found.level == "error"
    assert "FILES_FS_BACKEND" in found.message
