"""Every sample is taken under its own name, and refused under those of all other kinds.

``python -m pytest tests/uploads -rA`` prints the table.
"""

import io
import random
import sys

import collection
import pytest
from collection import extension, kinds_of, samples
from PIL import Image

import flask_pyfs as fs
from flask_pyfs import images
from flask_pyfs.images.opening import EXTENSIONS
from flask_pyfs.mediatypes import TYPES
from flask_pyfs.uploads.kinds import KINDS, Source

SETS = ("TEXT", "DOCUMENTS", "IMAGES", "AUDIO", "VIDEO", "DATA", "ARCHIVES", "SCRIPTS", "EXECUTABLES")
IN_SETS = [ext for name in SETS for ext in getattr(fs, name)]

# what users add to the sets, as their names are today
NEAR = [
    *("m4a", "m4b", "opus", "weba", "aiff", "wma", "mpg", "mpeg", "ts", "wmv", "flv"),
    *("tif", "tiff", "heic", "heif", "ico", "jfif", "apng", "psd", "woff", "woff2", "ttf"),
    *("epub", "ppt", "docm", "xlsm", "pptm", "html", "md", "log", "rar", "xz", "zst"),
]

# one name of each kind, and all in the sets
NAMES = list(dict.fromkeys([*IN_SETS, *{check: ext for ext, check in reversed(KINDS.items())}.values()]))


@pytest.fixture
def is_taken(app):
    app.config.update(FS_BACKEND="memory", UPLOADS_FS_VERIFY=True)
    storage = fs.Storage("uploads", fs.ALL)
    fs.init_app(app, storage)

    def is_taken(content, ext):
        try:
            storage.check(io.BytesIO(content), f"a.{ext}")
        except fs.UnauthorizedFileType:
            return False
        return True

    return is_taken


def test_table(is_taken):
    print(f"Each sample under its own name and {len(NAMES)} others; what is not taken is refused:")
    print(*NAMES)
    wrong = []
    for name, content in samples().items():
        own = is_taken(content, extension(name))
        taken = {ext for ext in NAMES if is_taken(content, ext)}
        print(
            f"{name:28} own name: {'taken' if own else 'REFUSED':8} others refused: {len(NAMES) - len(taken):3} "
            f"taken as: {' '.join(sorted(taken))}"
        )
        expected = {ext for ext in NAMES if KINDS.get(ext, ext) in kinds_of(name)}
        if not own or taken != expected or len(NAMES) - len(taken) < 10:
            wrong.append((name, own, "taken:", sorted(taken - expected), "refused:", sorted(expected - taken)))
    assert not wrong, "\n".join(map(str, wrong))


def test_every_extension_of_the_sets_has_a_sample():
    extensions = {extension(name) for name in samples()}
    assert set(IN_SETS) | set(NEAR) <= extensions
    assert set(IN_SETS) | set(NEAR) <= KINDS.keys() | {"svg"}


def test_every_name_of_a_format_has_its_check():
    """A storage of ``pjpeg`` verifies by default, as its type is that of an image: so it must look at the content."""
    by_type = {TYPES[ext]: (KINDS[ext], format) for ext, format in EXTENSIONS.items()}
    for ext, media_type in TYPES.items():
        if media_type in by_type:
            assert (KINDS.get(ext), EXTENSIONS.get(ext)) == by_type[media_type], ext


# without the one that only has the brand of a sequence
HEIC = [name for name in samples() if extension(name) in ("heic", "heif", "hif") and name != "sequence.heic"]


@pytest.mark.parametrize("name", HEIC)
def test_samples_of_heic_are_decoded(name):
    with Image.open(images.make_thumbnail(io.BytesIO(samples()[name]), 8)) as made:
        assert made.format == "JPEG"
        assert made.size == (8, 8)


def test_samples_of_programs_are_small():
    sizes = {path.name: path.stat().st_size for path in collection.FOLDER.iterdir()}
    assert {name: size for name, size in sizes.items() if size > 20 * 1024} == {}


def test_other_extensions_take_anything(is_taken):
    for ext in ("unknown", ""):
        assert is_taken(b"\0", ext)
        assert not is_taken(b"", ext)


@pytest.mark.parametrize(
    "name", ["RGB.jpg", "deflated.zip", "text.docx", "text.gz", "bare.mp3", "isom.mp4", "seven.7z"]
)
def test_binary_without_nul_is_no_text(name):
    body = random.Random(name).randbytes(20_000)
    content = (samples()[name][:100] + body).replace(b"\0", b"a")
    for ext in ("txt", "csv", "json", "xml", "plist", "ini", "yaml", "py", "html"):
        assert not KINDS[ext](Source(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("ext", "content"),
    [
        ("json", b"Dear {name}, this is a letter."),
        ("json", b"<html></html>"),
        ("json", b"key: value"),
        ("xml", b"A text with <b>tags</b>"),
        ("xml", b"<!DOCTYPE html><p>a"),
        ("xml", b"<html><body>"),
        ("plist", b"<a/>"),
        ("txt", b"a\0b"),
        ("txt", b"\xff\xfe\0\xd8a\0"),
        ("txt", b"\xff\xfea\0\0\0"),
        ("pdf", b"<html>%PDF-1.7</html>"),
        ("pdf", b"\xef\xbb\xbf  <!-- %PDF-1.7"),
        ("pdf", bytes(2000) + b"%PDF-1.7"),
        ("mp3", "<html>".encode("utf-16")),
        ("mp3", b"\xff\xfb\x90\0"),
        ("tar", b"1" * 512),
        ("tar", b"9" * 512),
        ("txz", b"\xfd7zXZ\0" + bytes(100)),
        ("exe", b"MZ is no program, but a text that is long enough"[:20]),
        ("zip", b"PK is what archives begin with"),
        *(("ico", samples()[name][:-1]) for name in ("pngs.ico", "bitmaps.ico")),
    ],
)
def test_what_only_resembles_a_kind_is_refused(ext, content):
    assert not KINDS[ext](Source(io.BytesIO(content)))


def test_without_lzma_the_signature_of_txz_counts(monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert KINDS["txz"](Source(io.BytesIO(samples()["text.xz"])))
    assert not KINDS["txz"](Source(io.BytesIO(samples()["gnu.tgz"])))
