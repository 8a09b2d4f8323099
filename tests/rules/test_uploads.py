"""What may be uploaded, against the rule written a second time."""

import io
import itertools
import os
import unicodedata
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs import files

NAMES = [
    "a.jpg",
    "A.JPG",
    "a.php",
    "a.php.jpg",
    "a.jpg.php",
    "a.PHP.",
    "a.php ",
    "a.php .jpg",
    "a.jpg.",
    "a.jpg%00.php",
    "a.php%00.jpg",
    "a.php;.jpg",
    "a.php::$DATA",
    "x.JPEG ",
    "x.jpeg",
    ".htaccess",
    "a.php5",
    "a.phtml",
    "php",
    "jpg",
    "a",
    "a.",
    "a..jpg",
    "a.tar.gz",
    "a.\uff50\uff48\uff50.jpg",
    "a.svg",
    "a.txt",
    "dir.php/a.jpg",
    "dir/a.php",
]


class Short:
    """A container of its own."""

    def __contains__(self, ext):
        return len(ext) == 3


EXTENSIONS: dict[str, Any] = {
    "NONE": fs.NONE,
    "ALL": fs.ALL,
    "IMAGES": fs.IMAGES,
    "DEFAULTS": fs.DEFAULTS,
    "AllExcept": fs.AllExcept(["PHP", "exe"]),
    "upper": ["JPG", "PhP"],
    "set": {"jpg", "php5"},
    "text": "jpg txt",
    "own": Short(),
}
ALLOW = {"nothing": None, "txt": ["txt"], "php": "php, PHP5", "dotted": [".php"]}
DENY = {
    "nothing": None,
    "php": ["php"],
    "dotted": [".PHP"],
    "from the environment": "php,php5 htaccess",
    "jpg": ["JPG"],
}


def listed(value):
    if value is None:
        return set()
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    return {item.lower().strip(".") for item in items}


def is_member(extensions, ext):
    if isinstance(extensions, str):
        return ext in extensions.split()
    if isinstance(extensions, (list, set)):
        return ext in {known.lower() for known in extensions}
    return ext in extensions


def may_be_stored(basename, extensions, allow, deny):
    """The rule: in the extensions or ALLOW, and no dotted part in DENY."""
    ext = os.path.splitext(basename)[1][1:].lower()
    if not (is_member(extensions, ext) or ext in listed(allow)):
        return False
    parts = unicodedata.normalize("NFKC", basename).lower().split(".")[1:]
    return not {part.strip() for part in parts} & listed(deny)


@pytest.mark.parametrize("level", ["FILES_FS_", "FS_MEMORY_", "FS_"])
@pytest.mark.parametrize("extensions", EXTENSIONS)
def test_nothing_forbidden_is_stored(app, extensions, level):
    kinds = EXTENSIONS[extensions]
    for allow, deny in itertools.product(ALLOW.values(), DENY.values()):
        storage = fs.Storage("files", kinds)
        # names are the matter here, not content
        app.config.update({"FS_BACKEND": "memory", "FS_VERIFY": False, f"{level}ALLOW": allow, f"{level}DENY": deny})
        fs.init_app(app, storage)
        for name in NAMES:
            explicit: tuple[Any, ...] = (io.BytesIO(b"x"), name)
            for arguments in (explicit, (FileStorage(io.BytesIO(b"x"), filename=name),)):
                stored: str | None
                try:
                    stored = storage.save(*arguments, overwrite=True)  # type: ignore[misc]
                except fs.FSError:
                    stored = None
                if stored is not None:
                    assert may_be_stored(stored.rpartition("/")[2], kinds, allow, deny), (name, stored, allow, deny)
                    assert storage.exists(stored)
        plain = may_be_stored("a.jpg", kinds, allow, deny)
        assert storage.exists("a.jpg") == plain
        for stored in storage.list_files():
            assert may_be_stored(stored.rpartition("/")[2], kinds, allow, deny)


def configured(app, extensions=fs.DEFAULTS, **settings):
    storage = fs.Storage("x", extensions)
    app.config.update({"FS_BACKEND": "memory"}, **{f"X_FS_{key}": value for key, value in settings.items()})
    fs.init_app(app, storage)
    return storage


def test_a_storage_of_images_takes_no_text(app):
    storage = configured(app, fs.IMAGES)
    assert storage.extension_allowed("jpg")
    assert storage.extension_allowed("JPG")
    assert not storage.extension_allowed("txt")
    with pytest.raises(fs.UnauthorizedFileType, match="does not take"):
        storage.save(io.BytesIO(b"x"), "a.txt")


def test_a_storage_with_nothing_takes_what_is_allowed(app):
    storage = configured(app, fs.NONE, ALLOW=["txt"])
    assert storage.save(io.BytesIO(b"x"), "a.txt") == "a.txt"
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(io.BytesIO(b"x"), "a.jpg")


@pytest.mark.parametrize("extensions", [fs.NONE, [], (), set(), ""])
def test_a_storage_that_takes_nothing_at_all(app, extensions):
    with pytest.raises(fs.UploadNotAllowed, match="X_FS_ALLOW"):
        configured(app, extensions).save(io.BytesIO(b"x"), "a.txt")


@pytest.mark.parametrize(
    "file", [io.BytesIO(b"x"), FileStorage(io.BytesIO(b"x")), FileStorage(io.BytesIO(b"x"), "", "")]
)
def test_an_upload_has_a_name(app, file):
    storage = configured(app, fs.ALL)
    with pytest.raises(ValueError, match="filename"):
        storage.save(file)
    assert list(storage.list_files()) == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("My Photo.JPG", "My_Photo.jpg"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("фото.JPG", "фото.jpg"),
        ("日本 語.txt", "日本_語.txt"),
        ("..\\фото.jpg", "фото.jpg"),
        ("../фото/été.jpg", "ete.jpg"),
        ("ж\x00ж\nж.jpg", "жж_ж.jpg"),
        ("café.txt", "cafe.txt"),
        (".hidden.txt", "hidden.txt"),
        ("🎉.PNG", "file.png"),
        ("हिन्दी.txt", "हिन्दी.txt"),
    ],
)
def test_the_clients_name_is_made_safe(app, given, stored):
    storage = configured(app, fs.ALL)
    assert storage.save(FileStorage(io.BytesIO(b"x"), filename=given)) == stored
    assert storage.read(stored) == b"x"


@pytest.mark.parametrize("stem", ["x" * 300, "ф" * 300, "日" * 300])
def test_a_long_name_is_cut_and_keeps_its_extension(app, stem):
    name = configured(app, fs.ALL).save(FileStorage(io.BytesIO(b"x"), filename=f"{stem}.JPG"), unique=True)
    assert len(name.encode()) <= 255
    assert name.startswith(stem[:20])
    assert name.endswith(".jpg")


def test_extensions_may_be_given_with_their_dots_and_in_any_case(app):
    storage = configured(app, fs.AllExcept([".PHP"]), DENY=["straße"])
    storage.save(io.BytesIO(b""), "a.txt")
    for name in ("a.php", "a.STRASSE.txt", "a.straße"):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(io.BytesIO(b""), name)


def test_extensions_may_be_what_only_answers_whether_it_has_one(app):
    class Drafts:
        def __contains__(self, ext):
            return ext.startswith("draft")

    storage = configured(app, fs.IMAGES, ALLOW=Drafts())
    assert [storage.extension_allowed(ext) for ext in ("png", "draft2", "txt")] == [True, True, False]


def test_a_storage_may_judge_files_itself(app):
    class Small(fs.Storage):
        def file_allowed(self, file, basename):
            return super().file_allowed(file, basename) and file.getbuffer().nbytes < 3

    class Odd(fs.Storage):
        def extension_allowed(self, ext):
            return ext == "odd"

    app.config["FS_BACKEND"] = "memory"
    small, odd = Small("small", fs.ALL), Odd("odd", fs.ALL)
    fs.init_app(app, small, odd)
    small.save(io.BytesIO(b"12"), "a.txt")
    with pytest.raises(fs.UnauthorizedFileType):
        small.save(io.BytesIO(b"123"), "b.txt")
    odd.save(io.BytesIO(b""), "a.odd")
    with pytest.raises(fs.UnauthorizedFileType):
        odd.save(io.BytesIO(b""), "a.txt")


def test_extensions_of_names():
    assert [files.extension(name) for name in ("a.JPG", "a.tar.gz", "a", ".htaccess", "a.")] == [
        "jpg",
        "gz",
        "",
        "",
        "",
    ]
    assert [files.lower_extension(name) for name in ("A.JPG", "A", ".HTACCESS")] == ["A.jpg", "A", ".HTACCESS"]
