"""The media types of names come from one table, whatever the machine, the Python and the app say."""

import io
import json
import mimetypes
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import flask_pyfs as fs
from flask_pyfs import files
from flask_pyfs.mediatypes import _KINDS, TYPES

SETS = ["TEXT", "DOCUMENTS", "IMAGES", "VIDEO", "AUDIO", "DATA", "SCRIPTS", "ARCHIVES", "EXECUTABLES"]

# what other tables say otherwise, and why ours does not
DIFFERENT = {
    "registered by IANA": "avi bmp deb dll exe js mif mjs obj p12 pfx rdf rtf roff t texi texinfo tr vcf wsdl xsl",
    "registered as well": "xml",
    "what browsers play": "wav",
    "a container of audio (RFC 7845)": "opus",
    "most are films": "3g2 3gp 3gpp 3gpp2 m4v",
    "no AAC but subtitles": "ass srt",
    "customary": "c h m3u php pl ram",
}
CPYTHON = set(" ".join(DIFFERENT.values()).split())
# of these, Debian's table says the same as CPython's
BOTH = {"ass", "avi", "dll", "exe", "mif", "srt", "texi", "texinfo", "wav"}

HOSTILE = """
text/x-hostile png jpg jfif docx odt txt html svg webp
text/vnd.trolltech.linguist ts
application/x-foo foo
"""

# asks before the package is imported, and after
PROGRAM = """
import mimetypes, sys, json
where = sys.argv[1]
if where:
    mimetypes.knownfiles[:] = [where]
    mimetypes.init(files=[where])
    mimetypes.add_type("text/x-added", ".png")
    mimetypes.add_type("text/x-added", ".foo")
else:
    mimetypes.knownfiles[:] = []
    mimetypes.init(files=[])
import flask_pyfs as fs
from flask_pyfs.mediatypes import TYPES
if where:
    mimetypes.add_type("text/x-added", ".jfif")
types = {ext: fs.files.mime("x." + ext) for ext in [*TYPES, "foo", "unknown"]}
print(json.dumps({"types": types, "verifies": fs.files.only_images(fs.IMAGES + ["jfif"])}))
"""


def asked_elsewhere(where):
    done = subprocess.run([sys.executable, "-c", PROGRAM, where], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_types_are_the_same_on_every_machine(tmp_path):
    hostile = tmp_path / "mime.types"
    hostile.write_text(HOSTILE)
    expected = {"types": {**TYPES, "foo": None, "unknown": None}, "verifies": True}
    assert asked_elsewhere("") == expected
    assert asked_elsewhere(str(hostile)) == expected


def test_no_module_asks_another_table():
    found = [
        path.name
        for path in Path(fs.__file__).parent.rglob("*.py")
        if re.search(r"\bguess_(type|extension|file_type)|^ *(import|from) mimetypes", path.read_text(), re.MULTILINE)
    ]
    assert found == []


def test_an_app_adds_a_type(monkeypatch):
    monkeypatch.setitem(TYPES, "foo", "application/x-foo")
    assert files.mime("a.FOO") == "application/x-foo"


@pytest.mark.parametrize("ext", ["jfif", "JFIF", ".jfif", "heic", "apng", "tif", "jxl", "ico"])
def test_a_storage_of_images_is_verified(app, ext):
    app.config["FS_BACKEND"] = "memory"
    storage = fs.Storage("x", [*fs.IMAGES, ext])
    fs.init_app(app, storage)
    assert storage.verifies
    with pytest.raises(fs.UnauthorizedFileType, match="not of the type 'png'"):
        storage.save(io.BytesIO(b"<script>alert(1)</script>"), "a.png")


@pytest.mark.parametrize("name", SETS)
def test_every_extension_of_a_set_has_a_type(name):
    extensions = getattr(fs, name)
    assert [ext for ext in extensions if ext not in TYPES] == []
    kinds = {"IMAGES": {"image"}, "VIDEO": {"video"}, "AUDIO": {"audio"}, "TEXT": {"text"}}
    if name in kinds:
        assert {TYPES[ext].partition("/")[0] for ext in extensions} == kinds[name]


def test_the_sets():
    assert set(fs.DOCUMENTS) >= {"pdf", "odt", "ods", "odp", "odg", "odf", "docx", "xlsx", "pptx"}
    assert set(fs.IMAGES) >= {"webp", "avif"}
    assert fs.VIDEO == ["mp4", "m4v", "webm", "ogv", "mov", "mkv", "avi", "3gp"]
    assert fs.DEFAULTS == fs.TEXT + fs.DOCUMENTS + fs.IMAGES + fs.DATA


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plan.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("plan.odt", "application/vnd.oasis.opendocument.text"),
        ("plan.rtf", "application/rtf"),
        ("film.ts", "video/mp2t"),
        ("a.M4A", "audio/mp4"),
        ("a.heic", "image/heic"),
        ("a.tar.gz", "application/gzip"),
        ("a.tar.xz", "application/x-xz"),
        ("a.tar.Z", "application/x-compress"),
        ("a.svgz", "application/gzip"),
        ("a.js", "text/javascript"),
        ("d.png/a", None),
        (".png", None),
        ("png", None),
        ("a.", None),
        ("a.png?x", None),
        ("data:text/html,x.txt", "text/plain"),
    ],
)
def test_types_of_names(name, expected):
    assert files.mime(name) == expected


def test_an_extension_is_what_python_finds():
    for length in range(7):
        for letters in product("./aB", repeat=length):
            name = "".join(letters)
            assert files.extension(name) == os.path.splitext(name)[1][1:].lower(), name
    path: Any = Path("a.d/b.TXT")
    assert files.mime(path) == "text/plain"
    # an upload without a name
    nothing: Any = None
    with pytest.raises(TypeError):
        files.extension(nothing)


def test_the_table_is_well_formed():
    rows = [(media_type, ext) for kind in _KINDS for media_type, exts in kind.items() for ext in exts.split()]
    assert len(rows) == len(TYPES)
    for media_type, ext in rows:
        assert re.fullmatch(r"(application|audio|font|image|message|model|text|video)/[A-Za-z0-9.+-]+", media_type)
        assert re.fullmatch(r"[a-z0-9+]+", ext)
    for kind in _KINDS:
        assert list(kind) == sorted(kind)


def test_it_agrees_with_that_of_cpython():
    known = {ext[1:]: kind for ext, kind in mimetypes.MimeTypes(()).types_map[True].items()}
    assert known.keys() - TYPES.keys() == set()
    assert {ext for ext in known if known[ext] != TYPES[ext]} <= CPYTHON


def test_it_agrees_where_those_of_the_machine_and_cpython_do():
    known = mimetypes.MimeTypes(()).types_map[True]
    for path in filter(os.path.exists, mimetypes.knownfiles):
        own = mimetypes.MimeTypes(())
        own.types_map = ({}, {})
        own.read(path)
        agreed = {ext[1:]: kind for ext, kind in own.types_map[True].items() if known.get(ext) == kind}
        assert {ext for ext, kind in agreed.items() if TYPES[ext] != kind} <= BOTH, path
