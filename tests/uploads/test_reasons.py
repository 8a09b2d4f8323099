"""What the person who uploads is told: the real reason, in one sentence or two, and nothing of the app's inside."""

import io
import re
import struct
import zlib

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.images import make_thumbnail

SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'


def drawn(kind, size=(64, 64)):
    file = io.BytesIO()
    Image.effect_noise(size, 60).save(file, kind)
    return file.getvalue()


PNG, JPEG, TIFF, WEBP = (drawn(kind) for kind in ("PNG", "JPEG", "TIFF", "WEBP"))
# its header promises 60,000 by 60,000 pixels
HEAD = b"IHDR" + struct.pack(">II", 60_000, 60_000) + PNG[24:29]
LARGE = PNG[:12] + HEAD + struct.pack(">I", zlib.crc32(HEAD)) + PNG[33:]
DAMAGED = "The image is damaged, or incomplete."

# name, content, settings, what is told, what the developer is told
REFUSED = [
    ("a.exe", b"MZ", {}, "Only jpg, png, webp, tiff, svg, txt, zip and heic files are accepted.", "not allowed"),
    ("a.png", b"", {}, "The file is empty.", "the file is empty"),
    (
        "a.png",
        JPEG,
        {},
        "The file is not what its name says: its content is not that of a png file.",
        "not of the type",
    ),
    ("a.jpg", b"text", {}, "The file is not what its name says: its content is not that of a jpg file.", "not of the"),
    ("a.txt", PNG, {}, "The file is not what its name says: its content is not that of a txt file.", "not of the type"),
    ("a.png", PNG[:-20], {}, DAMAGED, "truncated"),
    ("a.jpg", JPEG[: len(JPEG) // 2], {}, DAMAGED, "truncated"),
    ("a.png", PNG[:20], {}, DAMAGED, "not a readable image"),
    ("a.png", PNG, {"IMAGES_MAX_PIXELS": 4000}, "The image has too many pixels: it may have 4,000 at most.", "4096"),
    ("a.svg", b"<svg", {}, "The SVG file is damaged, or is no SVG.", "cannot be parsed"),
    ("a.svg", b"<html/>", {}, "The SVG file is no SVG.", "not SVG"),
    (
        "a.svg",
        SVG.format("<script/>").encode(),
        {},
        "The SVG file has scripts, or parts of other sites, which are not accepted.",
        "an element <script>",
    ),
    ("a.svg", b"", {}, "The SVG file is empty.", "empty"),
    ("a.png", PNG, {"MAX_SIZE": 1000}, "The file is too large: it may have 1 kB at most.", "1000 bytes"),
    ("a/../b.png", PNG, {}, fs.InvalidPath.user_message, "'..'"),
    (f"{'a' * 4097}.png", PNG, {}, "The name of the file is too long. Choose a shorter one.", "longer than"),
    ("", PNG, {}, "Choose a file first.", "a filename is required"),
]


@pytest.mark.parametrize(("name", "content", "settings", "told", "message"), REFUSED)
def test_the_reason_is_told(app, name, content, settings, told, message):
    storage = fs.Storage("vault", ["jpg", "png", "webp", "tiff", "svg", "txt", "zip", "heic"])
    app.config.update({f"VAULT_FS_{key}": value for key, value in {"VERIFY": True, **settings}.items()})
    fs.init_app(app, storage)
    for keep in (storage.save, storage.check):
        with pytest.raises(fs.FSError) as raised:
            keep(io.BytesIO(content), name)
        assert raised.value.user_message == told
        assert message in str(raised.value)
        assert 400 <= raised.value.code < 500
        assert not re.search(r"vault|VAULT|FS_|a\.png|/|\n", told)


def test_a_name_that_no_new_file_can_have(app):
    storage = fs.Storage("vault", fs.ALL)
    fs.init_app(app, storage)
    with pytest.raises(fs.InvalidPath, match="longer than 1024 bytes") as raised:
        storage.save(io.BytesIO(b"text"), f"{'a' * 1025}.txt")
    assert raised.value.user_message == "The name of the file is too long. Choose a shorter one."


@pytest.mark.parametrize("name", ["???", "...", "☃", "  ", "/", "\\"])
def test_a_name_of_symbols_alone(app, name):
    storage = fs.Storage("vault", fs.ALL)
    fs.init_app(app, storage)
    with pytest.raises(fs.InvalidPath) as raised:
        storage.save(FileStorage(io.BytesIO(b"text"), filename=name))
    assert raised.value.user_message == "The name of the file has no letter and no digit. Rename the file."
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"text", "The file is not an image."),
        (PNG[:20], DAMAGED),
        (LARGE, "The image is too large to be processed. Make it smaller."),
        (TIFF[:200], DAMAGED),
    ],
)
def test_thumbnails_tell_the_reason_too(content, told):
    with pytest.raises(fs.UnauthorizedFileType) as raised:
        make_thumbnail(io.BytesIO(content), 10)
    assert raised.value.user_message == told


def test_no_uploads_at_all(app):
    storage = fs.Storage("vault", fs.NONE)
    fs.init_app(app, storage)
    with pytest.raises(fs.UploadNotAllowed) as raised:
        storage.save(io.BytesIO(b"text"), "a.txt")
    assert raised.value.user_message == "No files can be uploaded here."


PARTS = st.sampled_from(
    ["a", "é", ".", "..", "/", "\\", "\0", "\n", "\ud800", "~", "<b>", "CON", "\u202e", ".php", ".txt"]
)


@given(parts=st.lists(PARTS | st.text(max_size=3), max_size=8))
def test_whatever_name_a_client_sends_it_is_taken_or_told_why(parts):
    app = flask.Flask("vault", instance_path="/nowhere")
    app.config.update(FS_BACKEND="memory", TESTING=True)
    storage = fs.Storage("vault", ["txt"])
    fs.init_app(app, storage)
    name = "".join(parts)

    @app.post("/")
    def upload():
        return storage.save(FileStorage(io.BytesIO(b"text"), filename=name))

    answer = app.test_client().post("/", headers={"Accept": "application/json"})
    assert answer.status_code in (200, 400, 415)
    if answer.status_code != 200:
        assert re.fullmatch(r"[A-Z][\w .?,]+\.", str(answer.get_json()["description"]))
        assert "vault" not in answer.text
