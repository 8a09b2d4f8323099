"""What may be uploaded: sets of extensions, ALLOW and DENY against names that try to get past them."""

import io
import itertools
import re
import unicodedata

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs import files

# Sets of extensions, and independently of them what each one takes.

IMAGE_TYPES = {"jpg", "jpe", "jpeg", "png", "gif", "svg", "bmp"}


class Short:
    """A container of an app's own, which can only be asked."""

    def __contains__(self, ext):
        return len(ext) == 3


EXTENSIONS = {
    "NONE": (fs.NONE, lambda ext: False),
    "DisallowAll": (fs.DisallowAll(), lambda ext: False),
    "ALL": (fs.ALL, lambda ext: True),
    "All": (fs.All(), lambda ext: True),
    "IMAGES": (fs.IMAGES, lambda ext: ext in IMAGE_TYPES),
    "SCRIPTS": (fs.SCRIPTS, lambda ext: ext in {"js", "php", "pl", "py", "rb", "sh", "bat"}),
    "AllExcept": (fs.AllExcept(fs.SCRIPTS), lambda ext: ext not in {"js", "php", "pl", "py", "rb", "sh", "bat"}),
    "AllExcept, upper case": (fs.AllExcept(("EXE", "JPG")), lambda ext: ext not in {"exe", "jpg"}),
    "AllExcept of a container": (fs.AllExcept(Short()), lambda ext: len(ext) != 3),
    "empty list": ([], lambda ext: False),
    "empty tuple": ((), lambda ext: False),
    "list, upper case": (["JPG", "Php"], lambda ext: ext in {"jpg", "php"}),
    "tuple": (("txt", "jpg"), lambda ext: ext in {"txt", "jpg"}),
    "set": ({"txt", "jpg"}, lambda ext: ext in {"txt", "jpg"}),
    "text": ("txt jpg", lambda ext: ext in {"txt", "jpg"}),
    "container": (Short(), lambda ext: len(ext) == 3),
}

# Settings, and what they name. The environment gives texts.

SETTINGS = {
    "nothing": ({}, set(), set()),
    "allow": ({"FILES_FS_ALLOW": ["txt", "PHP"]}, {"txt", "php"}, set()),
    "allow, with dots": ({"FILES_FS_ALLOW": (".txt",)}, {"txt"}, set()),
    "allow, of the backend": ({"FS_MEMORY_ALLOW": {"txt"}}, {"txt"}, set()),
    "allow, of the app": ({"FS_ALLOW": "txt,csv"}, {"txt", "csv"}, set()),
    "deny": ({"FILES_FS_DENY": ["php"]}, set(), {"php"}),
    "deny, upper case": ({"FILES_FS_DENY": ["PHP", "Htaccess"]}, set(), {"php", "htaccess"}),
    "deny, with dots": ({"FILES_FS_DENY": [".php", ".HTACCESS"]}, set(), {"php", "htaccess"}),
    "deny, of the backend": ({"FS_MEMORY_DENY": ("php", "jpg")}, set(), {"php", "jpg"}),
    "deny, of the app": ({"FS_DENY": "php exe"}, set(), {"php", "exe"}),
    "deny, a text with dots": ({"FS_DENY": ".php, .exe"}, set(), {"php", "exe"}),
    "allow and deny the same": ({"FILES_FS_ALLOW": ["php", "txt"], "FILES_FS_DENY": "php"}, {"php", "txt"}, {"php"}),
    "deny at a level further away": ({"FILES_FS_ALLOW": "php", "FS_DENY": ["php"]}, {"php"}, {"php"}),
    "the nearest level holds alone": (
        {"FILES_FS_ALLOW": "txt", "FS_ALLOW": "php", "FILES_FS_DENY": "exe", "FS_MEMORY_DENY": "txt", "FS_DENY": "jpg"},
        {"txt"},
        {"exe"},
    ),
    "deny nothing after all": ({"FILES_FS_DENY": [], "FS_DENY": ["jpg"]}, set(), set()),
}

NAUGHTY = [
    "a.jpg",
    "A.JPG",
    "a.JpG",
    "a.txt",
    "a.csv",
    "a.exe",
    "a.php",
    "a.PHP",
    "a.pHp",
    "a.php5",
    "a.phtml",
    "a.php.jpg",
    "a.PHP.JPG",
    "a.jpg.php",
    "a.php.php.jpg",
    "a.b.php.c.jpg",
    "a.jpg.",
    "a.jpg..",
    "a.php.",
    "a.PHP.",
    "a.php...",
    "a..php",
    "a...php.jpg",
    "x.JPEG ",
    "a.php ",
    "a.php  .jpg",
    "a. php",
    "a. php .jpg",
    "a.php\u00a0",
    "a.php\u2003.jpg",
    "a.php%00.jpg",
    "a.jpg%00.php",
    "a.php\0.jpg",
    "a.jpg\0.php",
    "a.php\n.jpg",
    "a.php\r\n",
    "a.php;.jpg",
    "a.php:.jpg",
    "a.php::$DATA",
    "a.php?.jpg",
    "a.php#.jpg",
    "a.php&b.jpg",
    "a.php/",
    "a.php/.",
    "a.php\\",
    "a.php\\.jpg",
    "a.p\u200bhp",
    "a.php\u200b",
    "a.php\u00ad.jpg",
    "a.\uff50\uff48\uff50",
    "a.\uff30\uff28\uff30.jpg",
    "a\uff0ephp",
    "a\uff0ephp\uff0ejpg",
    "a.\uff4a\uff50\uff47",
    "a.jp\u0261",
    "a.\u13e2hp",
    ".htaccess",
    ".HTACCESS",
    ".htaccess.jpg",
    "..htaccess",
    ".php",
    ".jpg",
    ".jpg.php",
    "php",
    "php5",
    "jpg",
    "a",
    "a b",
    "a.",
    "-.jpg",
    "directory/a.php",
    "directory/a.php.jpg",
    "directory.php/a.jpg",
    "/a.php",
    "//./a.php.jpg",
    "../a.jpg",
    "../../a.php",
    "..\\a.php",
    "C:\\a.php",
    "\u0444\u043e\u0442\u043e.jpg",
    "\u0444\u043e\u0442\u043e.JPG",
    "\u0444\u043e\u0442\u043e.php",
    "\u0444\u043e\u0442\u043e.PHP.jpg",
    "\u0444\u043e\u0442\u043e.php ",
    "\u0444\u043e\u0442\u043e.php.",
    "\u0444\u043e\u0442\u043e.php;.jpg",
    "\u0444\u043e\u0442\u043e\u202egpj.php",
    "\u0444\u043e\u0442\u043e.\u0440\u043d\u0440",
    "",
    ".",
    "..",
    "...",
    " ",
    "x" * 300 + ".jpg",
    "x" * 300 + ".php",
    "\u0444" * 300 + ".php",
    "\u0444" * 300 + ".php.jpg",
    "x" * 5000 + ".php",
]


def is_forbidden(name, taken, allow, deny):
    """Whether a file of that name must not be in a storage: the rule, written down for a second time."""
    basename = name.split("/")[-1]
    _, dot, ext = basename.lstrip(".").rpartition(".")
    ext = ext.lower() if dot else ""
    if not taken(ext) and ext not in allow:
        return True
    for part in unicodedata.normalize("NFKC", basename).lower().split(".")[1:]:
        word = itertools.takewhile(lambda character: character.isalnum() or character == "_", part.strip())
        if {part, part.strip(), "".join(word)} & deny:
            return True
    return False


def make(extensions=fs.ALL, **settings):
    """Return a storage in memory, and the app that it is on."""
    app = flask.Flask("tests")
    app.config.update(FS_BACKEND="memory", **settings)
    storage = fs.Storage("files", extensions)
    fs.init_app(app, storage)
    return storage


def content():
    return io.BytesIO(b"content")


def upload(name):
    return FileStorage(content(), filename=name)


# The whole matrix


@pytest.mark.parametrize("extensions", EXTENSIONS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_nothing_forbidden_is_stored_under_an_explicit_name(extensions, settings):
    (accepts, taken), (values, allow, deny) = EXTENSIONS[extensions], SETTINGS[settings]
    for name in NAUGHTY:
        for source in (content(), upload("fine.jpg"), upload(name)):
            storage = make(accepts, **values)
            if not name and isinstance(source, FileStorage):
                # no name at all: it is the client's that counts
                continue
            try:
                stored = storage.save(source, name)
            except (fs.UnauthorizedFileType, fs.UploadNotAllowed):
                stored = None
            except fs.InvalidPath:
                assert re.search(r"[\0\n\r\\]", name) or len(name) > 1024 or not name.strip("./") or "../" in name
                stored = None
            else:
                assert not is_forbidden(stored, taken, allow, deny), name
            assert list(storage.list_files()) == ([] if stored is None else [stored])
            assert not source.closed


@pytest.mark.parametrize("extensions", EXTENSIONS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_nothing_forbidden_is_stored_under_the_name_of_a_client(extensions, settings):
    (accepts, taken), (values, allow, deny) = EXTENSIONS[extensions], SETTINGS[settings]
    for name in NAUGHTY:
        for options in ({}, {"prefix": "p.jpg"}, {"unique": True}):
            storage = make(accepts, **values)
            try:
                stored = storage.save(upload(name), **options)
            except (fs.UnauthorizedFileType, fs.UploadNotAllowed):
                stored = None
            except ValueError:
                assert not name.strip(". ")
                stored = None
            else:
                assert not is_forbidden(stored, taken, allow, deny), name
                assert "/" not in stored.removeprefix("p.jpg/")
            assert list(storage.list_files()) == ([] if stored is None else [stored])


@pytest.mark.parametrize("extensions", EXTENSIONS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_what_is_not_forbidden_is_stored(extensions, settings):
    (accepts, taken), (values, allow, deny) = EXTENSIONS[extensions], SETTINGS[settings]
    for name in ("a.jpg", "b.JPG", "c.txt", "d.csv", "e.exe", "f.php", "g.php5", "h", "i.tar.gz", "j.php.jpg", ".k"):
        storage = make(accepts, **values)
        wanted = not is_forbidden(name, taken, allow, deny)
        for source in (content(), upload("other.nothing")):
            if wanted:
                assert storage.save(source, name, overwrite=True) == name
                assert storage.read(name) == b"content"
            else:
                with pytest.raises((fs.UnauthorizedFileType, fs.UploadNotAllowed)):
                    storage.save(source, name)
        assert storage.file_allowed(content(), name) == wanted
        if deny.isdisjoint({"php", "jpg"}):
            assert storage.extension_allowed(files.extension(name)) == wanted


NAMES = st.lists(
    st.sampled_from(
        [*".. ;%_-/", "a", "b", "php", "PHP", "jpg", "Jpg", "txt", "\0", "\\", "\uff50hp", "\uff0e", "\u0444"]
    ),
    max_size=8,
).map("".join)


@given(
    name=NAMES,
    extensions=st.sampled_from(sorted(EXTENSIONS)),
    settings=st.sampled_from(sorted(SETTINGS)),
    explicit=st.booleans(),
)
def test_nothing_forbidden_is_stored_under_any_name(name, extensions, settings, explicit):
    (accepts, taken), (values, allow, deny) = EXTENSIONS[extensions], SETTINGS[settings]
    storage = make(accepts, **values)
    try:
        stored = storage.save(content(), name) if explicit else storage.save(upload(name))
    except (ValueError, fs.FSError):
        stored = None
    assert stored is None or not is_forbidden(stored, taken, allow, deny)
    assert list(storage.list_files()) == ([] if stored is None else [stored])


# The rule of extensions


@pytest.mark.parametrize("ext", ["jpg", "JPG", "Jpg"])
def test_case_does_not_matter(ext):
    assert make(fs.IMAGES).extension_allowed(ext)
    assert make(["JPG"]).extension_allowed(ext)
    assert make(fs.NONE, FILES_FS_ALLOW=["jPg"]).extension_allowed(ext)
    assert not make(FILES_FS_DENY=["jpG"]).extension_allowed(ext)
    assert not make(fs.AllExcept(["JPg"])).extension_allowed(ext)


def test_images_are_images_and_none_is_none():
    assert not make(fs.IMAGES).extension_allowed("txt")
    assert not make(fs.NONE).extension_allowed("txt")
    storage = make(fs.NONE, FILES_FS_ALLOW=["txt"])
    assert [ext for ext in (*fs.DEFAULTS, *fs.SCRIPTS) if storage.extension_allowed(ext)] == ["txt"]


def test_the_default_takes_the_defaults_and_nothing_that_runs():
    storage = make(fs.DEFAULTS)
    assert all(storage.extension_allowed(ext) for ext in (*fs.TEXT, *fs.DOCUMENTS, *fs.IMAGES, *fs.DATA))
    for ext in (*fs.SCRIPTS, *fs.EXECUTABLES, *fs.ARCHIVES, *fs.AUDIO, "html", "htm", "xhtml", "phtml", ""):
        assert not storage.extension_allowed(ext), ext
    assert fs.Storage().extensions is fs.DEFAULTS


@pytest.mark.parametrize("allow", [["txt"], ("txt",), {"txt"}, "txt", "TXT", ".txt", " .txt ", "csv,txt", "csv, .txt"])
@pytest.mark.parametrize("level", ["FILES_FS_", "FS_MEMORY_", "FS_"])
def test_allow_at_every_level(level, allow):
    storage = make(fs.NONE, **{f"{level}ALLOW": allow})
    assert storage.extension_allowed("txt")
    assert not storage.extension_allowed("php")
    assert storage.save(upload("a.TXT")) == "a.txt"


@pytest.mark.parametrize("deny", [["php"], ("php",), {"php"}, "php", "PHP", ".php", [".PHP"], " .php ", "exe, .php"])
@pytest.mark.parametrize("level", ["FILES_FS_", "FS_MEMORY_", "FS_"])
def test_deny_at_every_level(level, deny):
    storage = make(fs.ALL, **{f"{level}DENY": deny})
    assert not storage.extension_allowed("php")
    assert storage.extension_allowed("txt")
    for name in ("a.php", "a.PHP", "a.php.jpg"):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(content(), name)
    assert storage.save(content(), "php.txt") == "php.txt"


def test_settings_from_the_environment(monkeypatch):
    for key, value in {"ALLOW": '["txt", ".csv"]', "DENY": "php .Exe"}.items():
        monkeypatch.setenv(f"FLASK_FILES_FS_{key}", value)
    app = flask.Flask("tests")
    app.config.from_prefixed_env()
    storage = fs.Storage("files", fs.SCRIPTS)
    fs.init_app(app, storage)
    for ext, allowed in {"txt": True, "CSV": True, "py": True, "php": False, "exe": False, "jpg": False}.items():
        assert storage.extension_allowed(ext) == allowed, ext
    assert storage.file_allowed(None, "a.exe.txt") is False


@pytest.mark.parametrize("allow", [fs.ALL, fs.AllExcept(["php"]), Short()])
def test_allow_may_be_a_container(allow):
    storage = make(fs.NONE, FILES_FS_ALLOW=allow, FILES_FS_DENY=["exe"])
    assert storage.extension_allowed("jpg")
    assert not storage.extension_allowed("exe")
    assert storage.extension_allowed("php") == ("php" in allow)


@pytest.mark.parametrize("denied", ["stra\u00dfe", "STRASSE", "\u0444\u043e\u0442\u043e", "\u0424\u041e\u0422\u041e"])
def test_letters_of_other_scripts_are_denied_in_every_part(denied):
    storage = make(FILES_FS_DENY=[denied])
    for name in (f"a.{denied}", f"a.{denied}.jpg", f"a.{denied.lower()}.jpg"):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(content(), name)


def test_a_denied_word_without_a_dot_before_it_is_no_extension():
    storage = make(FILES_FS_DENY=["php"])
    for name in ("php", "php.txt", "graphphp.txt", "a.php5", "a.xphp", "phpinfo", "directory.php/a.txt"):
        assert storage.save(content(), name) == name


# Refusals


@pytest.mark.parametrize("extensions", [fs.NONE, fs.DisallowAll(), [], (), set(), ""])
def test_a_storage_that_takes_nothing_says_so(extensions):
    storage = make(extensions)
    for source, name in ((upload("a.txt"), None), (content(), "a.txt")):
        with pytest.raises(fs.UploadNotAllowed, match="FILES_FS_ALLOW") as raised:
            storage.save(source, name)
        assert raised.value.storage == "files"
        assert not source.closed
    assert list(storage.list_files()) == []
    # what the app itself writes is not asked for its type
    assert storage.write("a.txt", b"x") == "a.txt"
    with pytest.raises(fs.UnauthorizedFileType):
        make(extensions, FS_ALLOW="csv").save(content(), "a.txt")


def test_a_refusal_names_the_file_and_the_storage():
    storage = make(fs.IMAGES)
    with pytest.raises(fs.UnauthorizedFileType, match=r"'files'.*'b\.php'") as raised:
        storage.save(content(), "a/b.php")
    assert (raised.value.path, raised.value.storage) == ("a/b.php", "files")


@pytest.mark.parametrize("save", [lambda s: s.save(content()), lambda s: s.save(content(), ""), lambda s: s.save(None)])
@pytest.mark.parametrize("extensions", [fs.ALL, fs.NONE])
def test_content_without_a_name(save, extensions):
    storage = make(extensions)
    with pytest.raises(ValueError, match="filename"):
        save(storage)
    assert list(storage.list_files()) == []


@pytest.mark.parametrize("name", [None, "", ".", "...", "/", "../..", "  ", "_", "\0", "$", "\u00b7"], ids=ascii)
@pytest.mark.parametrize("filename", [None, ""])
def test_an_upload_without_a_name(name, filename):
    storage = make()
    with pytest.raises(ValueError, match="filename"):
        storage.save(upload(name), filename, prefix="p")
    assert list(storage.list_files()) == []


def test_an_explicit_name_counts_not_the_clients():
    storage = make(fs.IMAGES)
    assert storage.save(upload("a.php"), "b.png") == "b.png"
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(upload("a.png"), "b.php")


def test_a_refused_file_replaces_nothing():
    storage = make(fs.IMAGES)
    storage.write("a.php", b"the app's own")
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(content(), "a.php", overwrite=True)
    assert storage.read("a.php") == b"the app's own"


# What an app may override


def test_file_allowed_may_be_overridden():
    class Looking(fs.Storage):
        def file_allowed(self, file, basename):
            head = file.read(3)
            file.seek(0)
            return head == b"con" and basename == "a.php"

    app = flask.Flask("tests")
    app.config["FS_BACKEND"] = "memory"
    storage = Looking("files", fs.IMAGES)
    fs.init_app(app, storage)
    assert storage.save(content(), "directory/a.php") == "directory/a.php"
    assert storage.read("directory/a.php") == b"content"
    for source, name in ((io.BytesIO(b"other"), "a.php"), (content(), "a.jpg")):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(source, name)


def test_extension_allowed_may_be_overridden():
    asked = []

    class Asking(fs.Storage):
        def extension_allowed(self, ext):
            asked.append(ext)
            return ext == "php"

    app = flask.Flask("tests")
    app.config.update(FS_BACKEND="memory", FS_DENY="exe")
    storage = Asking("files", fs.IMAGES)
    fs.init_app(app, storage)
    assert storage.save(upload("A.PHP")) == "A.php"
    for name in ("a.jpg", "b.exe.php"):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(content(), name)
    assert set(asked) == {"php", "jpg"}


# The names of clients


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a.jpg", "a.jpg"),
        ("A.JPG", "A.jpg"),
        ("My Holiday.JPeG", "My_Holiday.jpeg"),
        ("a.tar.GZ", "a.tar.gz"),
        ("x.JPEG ", "x.jpeg"),
        ("a.jpg.", "a.jpg"),
        ("../../etc/a.txt", "etc_a.txt"),
        ("/etc/passwd", "etc_passwd"),
        (".htaccess", "htaccess"),
        ("\u00fcn\u00efcode.txt", "unicode.txt"),
        ("\u0444\u043e\u0442\u043e.jpg", "\u0444\u043e\u0442\u043e.jpg"),
        ("\u0444\u043e\u0442\u043e.JPG", "\u0444\u043e\u0442\u043e.jpg"),
        ("../\u0444\u043e\u0442\u043e.jpg", "\u0444\u043e\u0442\u043e.jpg"),
        ("C:\\Users\\\u0444\u043e\u0442\u043e.jpg", "\u0444\u043e\u0442\u043e.jpg"),
        ("\u65e5\u672c \u8a9e.png", "\u65e5\u672c_\u8a9e.png"),
        ("\u0645\u0644\u0641.txt", "\u0645\u0644\u0641.txt"),
        ("\u05e7\u05d5\u05d1\u05e5 1.txt", "\u05e7\u05d5\u05d1\u05e5_1.txt"),
        ("\ud55c\uae00.txt", "\ud55c\uae00.txt"),
        ("\u1112\u1161\u11ab.txt", "\ud55c.txt"),
        ("foto-\u0444.txt", "foto-\u0444.txt"),
        ("<script>.txt", "script.txt"),
        ("\u0444<script>.txt", "\u0444_script_.txt"),
    ],
    ids=ascii,
)
def test_the_name_of_a_client(name, stored):
    storage = make()
    assert storage.save(upload(name)) == stored
    assert storage.read(stored) == b"content"


@pytest.mark.parametrize("letter", ["x", "\u0444", "\u65e5", "\U00020000"])
def test_a_long_name_of_a_client_keeps_its_extension(letter):
    storage = make(fs.IMAGES)
    for options in ({}, {"unique": True}):
        stored = storage.save(upload(letter * 1000 + ".JPG"), **options)
        assert stored.startswith(letter * 10)
        assert stored.endswith(".jpg")
        # the limit of most file systems
        assert len(stored.encode()) <= 255


def test_an_explicit_name_stays_as_it_is():
    assert make().save(upload("a.txt"), "My Holiday (\u00fc).JPG") == "My Holiday (\u00fc).JPG"


# Unique names


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("a.jpg", r"a-\w+\.jpg"),
        ("d/e/a.tar.gz", r"d/e/a\.tar-\w+\.gz"),
        ("a", r"a-\w+"),
        (".hidden", r"\.hidden-\w+"),
        ("\u0444\u043e\u0442\u043e.jpg", r"\u0444\u043e\u0442\u043e-\w+\.jpg"),
    ],
)
def test_unique_names(name, pattern):
    storage = make()
    stored = {storage.save(content(), name, unique=True) for _ in range(20)}
    assert len(stored) == 20
    assert set(storage.list_files()) == stored
    for found in stored:
        assert re.fullmatch(pattern, found)
        # random enough that no one guesses it, and no two meet
        assert len(found) >= len(name) + 12


def test_unique_names_of_uploads_below_directories():
    storage = make(fs.IMAGES)
    storage.upload_to = lambda: "2026/11"
    stored = storage.save(upload("A.JPG"), prefix="p", unique=True)
    assert re.fullmatch(r"2026/11/p/A-\w+\.jpg", stored)
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(upload("a.php"), unique=True)


# Callers keep their files


class Unseekable(io.RawIOBase):
    def __init__(self):
        super().__init__()
        self._rest = [b"cont", b"ent"]

    def readable(self):
        return True

    def readinto(self, buffer):
        piece = self._rest.pop(0) if self._rest else b""
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_the_callers_file_is_left_open(app, tmp_path, backend):
    app.config["FS_BACKEND"] = backend
    storage = fs.Storage("files")
    fs.init_app(app, storage)
    path = tmp_path / "source.txt"
    path.write_bytes(b"content")
    for source in (content(), Unseekable(), path.open("rb"), path.open(encoding="utf-8"), upload("b.txt")):
        with source if hasattr(source, "__enter__") else source.stream:
            assert storage.save(source, "a.txt", overwrite=True) == "a.txt"
            assert storage.read("a.txt") == b"content"
            assert not source.closed
            for name in ("a.php", "../a.txt", "a.txt"):
                with pytest.raises(fs.FSError):
                    storage.save(source, name)
                assert not source.closed


# The functions and the sets


@pytest.mark.parametrize(
    ("name", "ext", "lowered"),
    [
        ("a.txt", "txt", "a.txt"),
        ("A.TXT", "txt", "A.txt"),
        ("A.Tar.GZ", "gz", "A.Tar.gz"),
        ("D.X/A.TXT", "txt", "D.X/A.txt"),
        ("D.X/A", "", "D.X/A"),
        ("A", "", "A"),
        ("A.", "", "A."),
        (".HIDDEN", "", ".HIDDEN"),
        (".A.TXT", "txt", ".A.txt"),
        ("..TXT", "", "..TXT"),
        ("", "", ""),
        ("A.JPG ", "jpg ", "A.jpg "),
    ],
)
def test_extension_and_lower_extension(name, ext, lowered):
    assert files.extension(name) == ext
    assert files.lower_extension(name) == lowered


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text/plain"),
        ("A.TXT", "text/plain"),
        ("a.jpg", "image/jpeg"),
        ("a.png", "image/png"),
        ("d.txt/a.png", "image/png"),
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.webp", "image/webp"),
        ("a.WOFF2", "font/woff2"),
        ("a.7z", "application/x-7z-compressed"),
        ("a.md", "text/markdown"),
        ("a.gz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a.tar.bz2", "application/x-bzip2"),
        ("a.txt.xz", "application/x-xz"),
        ("a.none", None),
        ("a", None),
        ("", None),
        ("d.txt/a", None),
        ("a.html?x.txt", "text/plain"),
        ("a#b.png", "image/png"),
        ("data:text/html,x.txt", "text/plain"),
        ("data:text/html,x", None),
        ("c;d.txt", "text/plain"),
        ("http://example.org/a.txt", "text/plain"),
    ],
)
def test_mime(name, expected):
    assert files.mime(name) == expected
    assert files.mime(name, "x/y") == (expected or "x/y")


@given(st.text())
def test_mime_of_any_name(name):
    found = files.mime(name, "x/y")
    assert re.fullmatch(r"[\w.+-]+/[\w.+-]+", found)
    assert files.mime(name) in (found, None)


@given(st.text())
def test_the_extension_of_any_name(name):
    assert files.extension(name) == files.extension(files.lower_extension(name))
    assert files.lower_extension(name).casefold() == name.casefold() or not name.isascii()


def test_the_sets():
    assert [*fs.TEXT, *fs.DOCUMENTS, *fs.IMAGES, *fs.DATA] == fs.DEFAULTS
    every = [fs.TEXT, fs.DOCUMENTS, fs.IMAGES, fs.AUDIO, fs.DATA, fs.SCRIPTS, fs.ARCHIVES, fs.EXECUTABLES]
    extensions = list(itertools.chain.from_iterable(every))
    assert len(extensions) == len(set(extensions))
    assert all(ext == ext.lower().strip(". ") for ext in extensions)
    for ext in (*extensions, "", "anything"):
        assert ext in fs.ALL
        assert ext not in fs.NONE
        assert (ext in fs.AllExcept(fs.EXECUTABLES)) == (ext not in fs.EXECUTABLES)
    assert isinstance(fs.ALL, fs.All)
    assert isinstance(fs.NONE, fs.DisallowAll)
    assert 5 not in fs.AllExcept(fs.IMAGES)
