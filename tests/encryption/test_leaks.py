"""No key is told by logs, errors, pages and commands, and no named file has plain text."""

import base64
import io
import json
import logging
import pickle
import tempfile
import traceback
from pathlib import Path

import pytest
from PIL import Image
from planted import KINDS, LOCAL_AND_S3, PLANTED, PNG, encrypted_storage, plain_in
from werkzeug.datastructures import FileStorage
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

import flask_pyfs as fs
from flask_pyfs.cli import fs as command
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.names import Reserved

# of bytes that each repr of them shows
RAW = [f"planted key number {number} ".encode().ljust(32, b"-") for number in (1, 2)]
KEYS = [base64.b64encode(raw).decode() for raw in RAW]
TEXTS = [
    *KEYS,
    *(raw.decode() for raw in RAW),
    *(raw.hex() for raw in RAW),
    *(base64.b32encode(raw).decode() for raw in RAW),
]


def told(text):
    return [planted for planted in TEXTS if planted in text]


@pytest.fixture(params=KINDS)
def storage(request, app, caplog):
    caplog.set_level(logging.DEBUG)
    with encrypted_storage(request.param, request, app, ENCRYPTION_KEYS=KEYS) as storage:
        storage.write("a.txt", PLANTED * 10_000)
        yield storage
        assert told(caplog.text) == []


def failures(storage):
    """Return the errors of a file that was changed, of one that is plain, and of one of another key."""
    bare, name = storage.backend.bare, Reserved("a.txt")
    good = bare.read_file(name)
    changed = bytearray(good)
    changed[100_000] ^= 1
    other = bytearray(good)
    other[5] ^= 1
    for content in (changed, other, PLANTED * 100, good[:70_000]):
        bare.put(name, io.BytesIO(content))
        for call in (
            storage.read,
            lambda name: storage.local_copy(name).__enter__(),
            lambda name: list(storage.read_chunks(name)),
        ):
            with pytest.raises(fs.FSError) as raised:
                call("a.txt")
            yield raised.value


def test_errors_tell_no_key_nor_do_their_frames(storage):
    for error in failures(storage):
        chain, each = [], error
        while each is not None:
            chain.append(each)
            each = each.__cause__ or each.__context__
        for each in chain:
            shown = traceback.TracebackException.from_exception(each, capture_locals=True)
            assert told("".join(shown.format())) == []
        assert told(repr(pickle.dumps(error))) == []
        assert PLANTED.decode() not in str(error)


def test_what_is_reachable_shows_no_key(storage):
    state = storage.last_state
    seen, todo, shown = (
        set(),
        [state, storage, state.config, state.backend, state.backend.store, state.backend.wrapper],
        0,
    )
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if type(one).__module__.startswith("flask_pyfs") or isinstance(one, (dict, list, tuple)):
            shown += 1
            assert told(repr(one)) == [], type(one)
            inner = vars(one).values() if hasattr(one, "__dict__") else ()
            todo += [each for each in inner if type(each).__module__.startswith("flask_pyfs")]
    assert shown > 5


def test_commands_tell_no_key(app, storage):
    run = app.test_cli_runner().invoke
    for arguments in (
        ["settings"],
        ["settings", "--json"],
        ["doctor", "--json"],
        ["doctor"],
        ["ls", "files:", "--json"],
    ):
        done = run(command, arguments)
        assert told(done.output) == [], arguments
        assert "files" in done.output, arguments
    shown = [json.loads(line) for line in run(command, ["settings", "--json"]).output.splitlines()]
    assert "ENCRYPTION_KEYS" in json.dumps(shown)


@pytest.mark.parametrize("kind", ["local"])
def test_the_page_of_the_debugger_tells_no_key(request, app, kind):
    with encrypted_storage(kind, request, app, ENCRYPTION_KEYS=KEYS) as storage:
        storage.write("a.txt", PLANTED * 10_000)
        place = Path(storage.root, "a.txt")
        place.write_bytes(place.read_bytes()[:-1])

        @app.get("/broken")
        def broken():
            return storage.read("a.txt")

        app.config["PROPAGATE_EXCEPTIONS"] = True
        page = Client(DebuggedApplication(app)).get("/broken").text
        assert "DecryptionError" in page
        assert told(page) == []


def test_a_wrong_key_is_not_shown(app):
    app.config["FILES_FS_ENCRYPTION_KEYS"] = f"{KEYS[0]}, {KEYS[1]}x"
    with pytest.raises(fs.ConfigurationError) as raised:
        fs.init_app(app, fs.Storage("files"))
    shown = traceback.TracebackException.from_exception(raised.value)
    assert told("".join(shown.format()) + repr(raised.value)) == []


@pytest.mark.parametrize("returned", ["nothing", "a wrong key", "an error"])
def test_what_a_key_service_returns_is_not_shown(app, caplog, returned):
    def service():
        if returned == "an error":
            raise OSError("the service is down")
        return None if returned == "nothing" else [f"{KEYS[0]}x"]

    caplog.set_level(logging.DEBUG)
    app.config.update(FS_BACKEND="memory", FILES_FS_ENCRYPTION_KEYS=service)
    files = fs.Storage("files", fs.ALL)
    fs.init_app(app, files)
    with app.app_context(), pytest.raises(fs.FSError) as raised:
        files.write("a.txt", b"content")
    assert "FILES_FS_ENCRYPTION_KEYS" in str(raised.value)
    shown = traceback.TracebackException.from_exception(raised.value)
    assert told("".join(shown.format()) + caplog.text) == []


# Plain text


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory for temporary files, which is empty."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def named(directory, text=PLANTED):
    """Return the files below a directory, whatever they are for, that have a text."""
    found = []
    for path in directory.rglob("*"):
        try:
            if path.is_file() and text in path.read_bytes():
                found.append(path)
        except FileNotFoundError:
            # it was removed meanwhile
            continue
    return found


class Watched(io.BytesIO):
    """An upload that looks for its content wherever files have names, each time some of it is read."""

    def __init__(self, content, look):
        super().__init__(content)
        self._look = look

    def read(self, size=-1):
        piece = super().read(size)
        self._look()
        return piece


@pytest.mark.parametrize("kind", LOCAL_AND_S3)
def test_no_named_file_has_plain_text_during_an_upload(request, app, tmp_path, temporary, kind):
    looked = []

    def look():
        looked.append(named(tmp_path))

    def scan(file, filename):
        file.read()
        look()
        return True

    content = PLANTED * 100_000
    with (
        encrypted_storage(kind, request, app, SCAN=scan, ROOT=str(tmp_path / "root"))
        if kind == "local"
        else (encrypted_storage(kind, request, app, SCAN=scan)) as storage
    ):
        storage.save(FileStorage(Watched(content, look), filename="saved.txt"))
        storage.write("written.txt", Watched(content, look))
        with storage.open("opened.txt", "wb") as file:
            for _ in range(10):
                file.write(content[:100_000])
                look()
        storage.replace_version("written.txt", Watched(content, look), storage.version("written.txt"))
        with storage.fs.openbin("written.txt", "r+") as file:
            file.seek(10)
            file.write(PLANTED)
            look()
        url = storage.upload_url("form.txt", expires=60, unique=False).url
        assert app.test_client().post(url, data={"file": (io.BytesIO(content[:400_000]), "any.txt")}).status_code == 201
        look()
        assert plain_in(storage) == []
        with storage.local_copy("form.txt") as path:
            # a program is to read it
            assert named(tmp_path) == [Path(path)]
    look()
    assert len(looked) > 10
    assert [found for found in looked if found] == []


def test_no_named_file_has_a_plain_image(request, app, tmp_path, temporary):
    picture = io.BytesIO()
    Image.new("RGB", (600, 400), "navy").save(picture, "PNG")
    with encrypted_storage("local", request, app, ROOT=str(tmp_path / "root")) as storage:
        found: list[Path] = []
        for process in ("now", "lazy"):
            reference = ImageReference(ImageSettings(storage, max_size=300, thumbnails=(50,), process=process))
            upload = Watched(picture.getvalue(), lambda: found.extend(named(tmp_path, b"PNG")))
            reference.save(FileStorage(upload, filename=f"{process}.png"))
            with app.test_client().get(reference(50)) as response:
                assert response.status_code == 200
            assert found == named(tmp_path, b"PNG") == []
        assert plain_in(storage, PNG) == []
