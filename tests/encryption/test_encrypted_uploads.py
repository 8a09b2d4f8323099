"""What clients upload to an encrypted storage is checked as plain text, and never kept as that."""

import io
import json
import os
import random
import signal
import sys
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.request import urlopen

import pytest
from places import make_place
from planted import LOCAL_AND_S3, PLANTED, encrypted_storage, kept, keyed, plain_in
from servers.gunicornapp import gunicorn
from servers.process import HOST
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.names import RESERVED, Reserved
from flask_pyfs.signals import file_uploaded

# a client of tus, and an app whose workers can be killed
sys.path += [str(Path(__file__).parents[1] / "resumable")]

from tus_client import TusClient

CONTENT = PLANTED * 10_000
MIB = 1024 * 1024


@pytest.fixture(params=LOCAL_AND_S3)
def configured(request, app):
    """A function that configures an encrypted storage, as an app context is active."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(encrypted_storage(request.param, request, app, **settings))


@pytest.fixture
def announced():
    names = []

    def note(storage, filename):
        names.append((str(filename), filename.size))

    with file_uploaded.connected_to(note):
        yield names


def test_forms(app, configured, announced):
    storage = configured(VERIFY=True)
    terms = {"expires": 60, "unique": False, "max_size": len(CONTENT)}
    for name, content, status in (
        ("a.txt", CONTENT, 201),
        ("larger.txt", CONTENT + b"x", 413),
        ("b.png", CONTENT, 415),
    ):
        upload = storage.upload_url(name, content_type="text/plain", **terms)
        assert upload.fields == {}
        sent = {"file": (io.BytesIO(content), "any", "text/plain")}
        assert app.test_client().post(upload.url, data=sent).status_code == status, name
    assert {entry.name: entry.size for entry in storage.entries()} == {"a.txt": len(CONTENT)}
    assert storage.read("a.txt") == CONTENT
    assert announced == [("a.txt", len(CONTENT))]
    assert plain_in(storage) == []


def test_with_confirm_uploads_come_through_the_app(app, configured):
    storage = configured(CONFIRM=True)
    upload = storage.upload_url("a.txt", expires=60, unique=False)
    assert (upload.token, upload.confirm_url) == (None, None)
    assert upload.url.startswith("/files/")
    assert app.test_client().post(upload.url, data={"file": (io.BytesIO(CONTENT), "any")}).status_code == 201
    assert storage.read("a.txt") == CONTENT
    assert plain_in(storage) == []


TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def test_the_pieces_of_an_upload_are_encrypted_files_of_their_own(app, configured, announced):
    storage = configured()
    client, length = app.test_client(), len(CONTENT)
    url = storage.resumable_url("a.txt", expires=60, unique=False).url
    location = client.post(url, headers={**TUS, "Upload-Length": str(length)}).headers["Location"]
    headers = set()
    for offset, stop in ((0, 100_000), (100_000, 170_001), (170_001, length)):
        known = client.head(location, headers=TUS).headers["Upload-Offset"]
        assert int(known) == offset
        fields = {**PIECE, "Upload-Offset": known}
        answer = client.patch(location, headers=fields, data=CONTENT[offset:stop])
        assert answer.status_code == 204
        lying = kept(storage)
        assert [path for path, content in lying.items() if PLANTED in content] == []
        # none goes on with the salt of another
        headers |= {content[:40] for path, content in lying.items() if "/open/" in path and len(content) > 1000}
    assert len(headers) == 2
    assert storage.read("a.txt") == CONTENT
    assert kept(storage)["a.txt"][:40] not in headers
    assert announced == [("a.txt", length)]
    assert plain_in(storage) == []


@pytest.mark.parametrize("kind", LOCAL_AND_S3)
def test_an_upload_goes_on_while_files_may_be_plain(kind, request, app):
    """It begins in a storage that encrypts nothing, and ends in one that does, where each file may still be plain."""
    ahead = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
    client, length, storage = app.test_client(), len(CONTENT), fs.Storage("files", fs.ALL)
    with make_place(kind, request) as place, app.app_context():
        location = None
        for number, more in enumerate(({}, keyed(ENCRYPTION_READ_PLAIN=ahead))):
            app.config.update({f"FILES_FS_{name}": value for name, value in {**place, **more}.items()})
            fs.init_app(app, storage)
            if location is None:
                url = storage.resumable_url("a.txt", expires=60, unique=False).url
                location = client.post(url, headers={**TUS, "Upload-Length": str(length)}).headers["Location"]
            for half in (0, 1):
                start, stop = ((2 * number + each) * length // 4 for each in (half, half + 1))
                assert client.head(location, headers=TUS).headers["Upload-Offset"] == str(start)
                fields = {**PIECE, "Upload-Offset": str(start)}
                assert client.patch(location, headers=fields, data=CONTENT[start:stop]).status_code == 204
        assert storage.read("a.txt") == CONTENT
        assert plain_in(storage) == []


def test_a_scanner_sees_plain_text(app, configured):
    seen = []

    def scan(file, filename):
        seen.append((file.read(), filename))
        return filename != "bad.txt"

    storage = configured(SCAN=scan)
    storage.save(FileStorage(io.BytesIO(CONTENT), filename="a.txt"))
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(FileStorage(io.BytesIO(CONTENT), filename="bad.txt"))
    client, length = app.test_client(), len(CONTENT)
    for name, status in (("b.txt", 204), ("bad.txt", 415)):
        url = storage.resumable_url(name, expires=60, unique=False).url
        location = client.post(url, headers={**TUS, "Upload-Length": str(length)}).headers["Location"]
        half = length // 2
        for offset, stop, expected in ((0, half, 204), (half, length, status)):
            fields = {**PIECE, "Upload-Offset": str(offset)}
            assert client.patch(location, headers=fields, data=CONTENT[offset:stop]).status_code == expected, name
    assert seen == [(CONTENT, name) for name in ("a.txt", "bad.txt", "b.txt", "bad.txt")]
    assert sorted(storage.list_files()) == ["a.txt", "b.txt"]
    assert plain_in(storage) == []


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("kind", LOCAL_AND_S3)
def test_another_worker_goes_on_with_an_upload(kind, request, app, tmp_path, soak):
    kills, length = (20, 100 * MIB) if soak else (4, 2 * MIB)
    content = random.Random(kind).randbytes(length)
    worker = tmp_path / "worker"
    with make_place(kind, request) as place:
        settings = {f"FILES_FS_{name}": value for name, value in {**place, **keyed()}.items()}
        app.config.update(settings)
        storage = fs.Storage("files", fs.ALL)
        fs.init_app(app, storage)
        config = {**settings, "FS_ROOT": app.config["FS_ROOT"]}
        given = {"size": length // 25, "silence": 1, "worker": str(worker), "config": config}
        env = {"UPLOADS": json.dumps(given)}
        with gunicorn(tmp_path, "killedapp:app", env=env, options=("--timeout=120",)) as server:
            moments = sorted(random.choice([random.randrange(length), length]) for _ in range(kills))

            def kill(sent):
                if moments and sent >= moments[0]:
                    moments.pop(0)
                    with suppress(FileNotFoundError, ProcessLookupError):
                        os.kill(int(worker.read_text()), signal.SIGKILL)
                        worker.unlink()

            with urlopen(f"http://{HOST}:{server.port}/begin/a.bin") as answer:
                url = answer.read().decode()
            TusClient(HOST, server.port, kill).upload(url, content)
        with app.app_context():
            assert list(storage.list_files()) == ["a.bin"]
            assert storage.read("a.bin") == content
            assert plain_in(storage, content[1000:1032]) == []
            storage.config["upload_lifetime"] = 0
            storage.backend.remove_leftovers(0)
            assert list(storage.backend.store.iter_files(Reserved(f"{RESERVED}/"))) == []
