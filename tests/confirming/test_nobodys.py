"""What is not confirmed is reached by no route, no command, and by no other way than the store's own."""

import io
from urllib.parse import quote

import pytest
from flask_admin import Admin
from places import make_place

import flask_pyfs as fs
from flask_pyfs.admin import StorageAdmin
from flask_pyfs.cli import fs as group
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.names import Reserved

SECRET = b"not confirmed yet"
NAME = f"{UPLOADS}/{'0' * 32}/open/incoming"

SPELLINGS = [
    NAME,
    f"/{NAME}",
    f"//{NAME}",
    f"./{NAME}",
    f"x/../{NAME}",
    f"x//{NAME}",
    NAME.upper(),
    NAME.replace("/", "//"),
    NAME.replace("/", "\\"),
    NAME.replace("/", "/./"),
    f"{NAME}/",
    f"{NAME}/.",
    NAME.replace(".f", "\u2024f"),
    NAME.replace(".f", ".\u200bf"),
    NAME.replace("fl", "\ufb02"),
    NAME.replace(".flask_pyfs", "FLASK_~1"),
    NAME.replace(".flask_pyfs", ".flask_pyfs."),
    NAME.replace(".flask_pyfs", ".flask_pyfs::$INDEX_ALLOCATION"),
    quote(NAME, safe="").replace(".", "%2e"),
    f"{NAME}\0",
]


@pytest.fixture(params=["local", pytest.param("s3-moto", marks=pytest.mark.server)])
def storage(request, app):
    with make_place(request.param, request) as place:
        app.config.update({f"FILES_FS_{key}": value for key, value in place.items()}, FILES_FS_PREFIX="in/side")
        app.config.update(FS_SERVE=True, FS_UPLOAD_ORIGINS="*", WTF_CSRF_ENABLED=False)
        storage = fs.Storage("files", fs.ALL)
        fs.init_app(app, storage)
        Admin(app).add_view(StorageAdmin(storage, endpoint="papers"))
        with app.app_context():
            storage.write("a.txt", b"a file")
            storage.write("x/b.txt", b"a file")
            path = Reserved.of("in/side", NAME.partition("/")[2])
            storage.backend.store.put(path, io.BytesIO(SECRET))
            yield storage
            assert storage.backend.store.read_file(path) == SECRET
            assert {storage.read(name) for name in storage.list_files()} <= {b"a file", b"theirs"}


ROUTES = ["/files/{}", "/admin/papers/download/{}", "/admin/papers/edit/?path={}", "/admin/papers/b/{}"]


ON_S3 = pytest.param("s3-moto", "redirect", marks=pytest.mark.server)


@pytest.mark.parametrize(("storage", "mode"), [("local", "stream"), ("local", "sendfile"), ON_S3], indirect=["storage"])
def test_no_route_leads_there(app, storage, mode):
    storage.config["serve_mode"] = mode
    client = app.test_client()
    for spelling in SPELLINGS:
        for route in ROUTES:
            for sent in (quote(spelling), quote(spelling, safe="").replace(".", "%2E")):
                url = route.format(sent)
                answer = client.get(url)
                if answer.status_code == 308:
                    answer = client.get(answer.location)
                assert SECRET not in answer.data, url
                assert answer.status_code in (302, 400, 403, 404, 405) or "/admin/" in url, (url, answer.status_code)
                assert answer.status_code < 500, (url, answer.status_code)
                for header in ("X-Accel-Redirect", "X-Sendfile", "Location"):
                    assert NAME not in answer.headers.get(header, ""), url
        form = {"file": (io.BytesIO(b"theirs"), "a.txt")}
        url = f"/files/{quote(spelling)}?expires=9999999999&overwrite=1&signature=x"
        assert client.post(url, data=form, follow_redirects=True).status_code in (403, 404, 405), url
        for action in ("delete", "rename", "mkdir", "upload"):
            fields = {
                "path": spelling,
                "name": "stolen.txt",
                "directory": spelling,
                "upload": (io.BytesIO(b"theirs"), "a"),
            }
            assert client.post(f"/admin/papers/{action}/", data=fields).status_code < 500


def test_nothing_is_signed_for_it(storage):
    for spelling in SPELLINGS:
        for call in (
            lambda name: storage.url(name, expires=60),
            lambda name: storage.upload_url(name, expires=60, unique=False),
            lambda name: storage.resumable_url(name, expires=60, unique=False),
            lambda name: storage.upload_url("a.txt", prefix=name, expires=60),
        ):
            try:
                made = call(spelling)
            except (fs.InvalidPath, fs.UnauthorizedFileType):
                continue
            # it is another file
            assert "%252e" in str(getattr(made, "url", made)).lower() or "%2e" in str(made).lower(), spelling


COMMANDS = [
    ["cat", "files:{}"],
    ["cp", "files:{}", "files:stolen.txt"],
    ["mv", "files:{}", "files:stolen.txt"],
    ["cp", "files:a.txt", "files:{}", "--overwrite"],
    ["cp", "-r", "files:{}", "files:stolen"],
    ["url", "files:{}", "--upload"],
    ["rm", "files:{}"],
    ["rm", "-r", "files:{}"],
    ["ls", "files:{}"],
    ["du", "files:{}"],
    ["url", "files:{}"],
    ["sync", "files:{}", "files:stolen"],
    ["check", "files:{}", "files:x"],
]


def test_no_command_leads_there(app, storage):
    runner = app.test_cli_runner()
    for spelling in (NAME, f"/{NAME}", f"x/../{NAME}", NAME.upper(), NAME.rpartition("/")[0], ".flask_pyfs/"):
        for command in COMMANDS:
            done = runner.invoke(group, [part.format(spelling) for part in command])
            assert done.exit_code != 0, (command, spelling, done.output)
            assert done.exception is None or isinstance(done.exception, SystemExit), (command, spelling, done.exception)
            assert SECRET not in done.stdout_bytes
    for command in (["ls", "-R", "files:"], ["ls", "files:.fl"], ["adopt", "files"], ["du", "files:"]):
        assert "flask_pyfs" not in runner.invoke(group, command).stdout, command


def test_fsspec_does_not_show_it(storage):
    files = storage.fsspec
    assert sorted(files.find("")) == ["a.txt", "x/b.txt"]
    assert sorted(files.glob("**")) == ["a.txt", "x", "x/b.txt"]
    assert files.glob(".*") == []
    with pytest.raises(fs.InvalidPath):
        files.glob(".flask_pyfs/**")
    for spelling in (each for each in SPELLINGS if "%" not in each):
        for call in (files.cat_file, files.open, files.info, files.ls, files.rm, files.created, files.sign):
            with pytest.raises((OSError, ValueError, NotImplementedError)):
                pytest.fail(f"{spelling!r}: {call(spelling)!r}")
