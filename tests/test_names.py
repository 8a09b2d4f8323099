"""The rule for names: what normalize makes of them, and that no bad one gets past any method, nor past HTTP."""

import io
import os
import stat
import unicodedata
from functools import partial
from pathlib import Path

import flask
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound

import flask_pyfs as fs
from flask_pyfs import names
from flask_pyfs.backends import BaseBackend, registry

OUTSIDE = b"what lies beside the storage"

# Names that no storage takes.
BAD_NAMES = [
    "",
    ".",
    "/",
    "//",
    "./.",
    "..",
    "../",
    "/..",
    "../x",
    "../outside.txt",
    "/../outside.txt",
    "//..//outside.txt",
    "./../outside.txt",
    "../../outside.txt",
    "../files-and-more/outside.txt",
    "a/..",
    "a/../canary.txt",
    "a/../../x",
    "canary.txt/..",
    "canary.txt/../../outside.txt",
    "..\\x",
    "..\\outside.txt",
    "a\\b",
    "\\",
    "C:\\outside.txt",
    "a\0b",
    "canary.txt\0",
    "\0",
    "canary.txt\0.jpg",
    "a\rb",
    "a\nb",
    "canary.txt\r\n",
    "a\tb",
    "a\x1fb",
    "a\x7fb",
    "a\x85b",
    "a\ud800b",
    "a\udcffb",
    ".flask_pyfs",
    ".flask_pyfs/x",
    "a/.flask_pyfs-1/x",
    "x" * 5000,
    "x/" * 2500 + "x",
    "\u00e9" * 513,
]

# Prefixes that no listing takes; nothing at all and "/" mean the whole storage.
BAD_PREFIXES = [name for name in BAD_NAMES if name.strip("/")]

# Directories that lead out, or are none; "", "." and "/" in front of a name mean the root.
BAD_DIRECTORIES = [name for name in BAD_NAMES if name.strip("./") or ".." in name]


def shown(name):
    return ascii(name[:30])


@pytest.fixture(params=["local", "local below a prefix", "memory", "memory below a prefix"])
def bed(request, tmp_path):
    """An app with a storage of one file and one directory, and files beside it in all directories above."""
    backend, _, below = request.param.partition(" ")
    app = flask.Flask("tests", instance_path=str(tmp_path / "instance"))
    app.config.update(FS_BACKEND=backend, FS_ROOT=str(tmp_path / "root"), FS_SERVE=True)
    storage = fs.Storage("files", fs.ALL)
    if below:
        app.config.update(FILES_FS_PREFIX="shared/own", FS_PREFIX="/media")
    fs.init_app(app, storage)
    storage.write("canary.txt", b"canary")
    storage.write("directory/canary.txt", b"canary below")
    whole = storage.backend.store
    if below:
        for name in ("outside.txt", "shared/outside.txt", "shared/own.txt"):
            whole.writebytes(name, OUTSIDE)
    (tmp_path / "root" / "files-and-more").mkdir(parents=True)
    for name in ("outside.txt", "root/outside.txt", "root/files.txt", "root/files-and-more/outside.txt"):
        (tmp_path / name).write_bytes(OUTSIDE)
    return Bed(app, storage, "/media/files/" if below else "/files/", tmp_path, whole)


def expect(error, what, call):
    """Like pytest.raises, with a message that says what did not raise."""
    try:
        result = call()
    except error:
        return
    pytest.fail(f"{what} gave {result!r}")


class Bed:
    def __init__(self, app, storage, url, directory, whole):
        self.app = app
        self.storage = storage
        self.url = url
        self._directory = directory
        self._whole = whole

    def picture(self):
        """Return all that there is, inside the storage and around it."""
        found = {}
        for directory, directories, files in os.walk(self._directory):
            for name in (*directories, *files):
                path = Path(directory, name)
                status = path.lstat()
                content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
                found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
        for path, info in self._whole.walk.info(namespaces=["details"]):
            found["store:" + path] = (
                info.is_dir,
                info.raw["details"]["modified"],
                None if info.is_dir else self._whole.readbytes(path),
            )
        return found


# The rule itself


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("a.txt", "a.txt"),
        ("a/b/c.txt", "a/b/c.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("///a", "a"),
        ("a//b", "a/b"),
        ("./a", "a"),
        ("a/./b/.", "a/b"),
        ("a/", "a"),
        ("...", "..."),
        ("..a", "..a"),
        ("a..", "a.."),
        ("a..b/c", "a..b/c"),
        (".hidden", ".hidden"),
        (" a ", " a "),
        ("~", "~"),
        ("~root/x", "~root/x"),
        ("C:", "C:"),
        ("%2e%2e/x", "%2e%2e/x"),
        ("$HOME/`x`;|&*?", "$HOME/`x`;|&*?"),
        ("e\u0301", "\u00e9"),
        ("\u00e9", "\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("\u212a.txt", "K.txt"),
        # NFC, not NFKC: what only looks like a dot or a slash is a letter like others
        ("\u2024\u2024\uff0fx", "\u2024\u2024\uff0fx"),
        ("\uff3cx", "\uff3cx"),
        ("\ufb01.txt", "\ufb01.txt"),
        ("flask_pyfs", "flask_pyfs"),
        ("a.flask_pyfs", "a.flask_pyfs"),
        ("x" * 1024, "x" * 1024),
        ("\u00e9" * 512, "\u00e9" * 512),
        ("/" * 3000 + "x", "x"),
    ],
    ids=ascii,
)
def test_what_normalize_makes_of_a_name(name, normal):
    assert names.normalize(name) == normal
    assert names.is_normal(normal)
    assert names.is_normal(name) == (name == normal)


@pytest.mark.parametrize("name", BAD_NAMES, ids=shown)
def test_what_normalize_refuses(name):
    with pytest.raises(fs.InvalidPath) as raised:
        names.normalize(name)
    assert raised.value.path == name
    assert not names.is_normal(name)
    message = str(raised.value)
    assert message.isprintable()
    assert len(message) < 200


@pytest.mark.parametrize("name", [None, 5, b"a.txt", Path("a.txt"), ["a.txt"]], ids=repr)
def test_a_name_is_text(name):
    with pytest.raises(fs.InvalidPath, match=type(name).__name__):
        names.normalize(name)


def test_the_limit_counts_the_bytes_of_the_normal_name():
    # three bytes each that become two
    assert len(("e\u0301" * 512).encode()) == 1536
    assert names.normalize("e\u0301" * 512) == "\u00e9" * 512
    # three bytes each that become six, as the composed form is excluded
    name = "\u0958" * 341
    assert len(name.encode()) == 1023
    with pytest.raises(fs.InvalidPath):
        names.normalize(name)


TRICKY = st.text(
    st.sampled_from([*"ab./~% -", "\\", "\0", "\n", "\x7f", "\u0301", "e", "\u00e9", "\u0958", "\ud800", "\uff0e"]),
    max_size=12,
)
LONG = st.builds(str.__mul__, st.text(min_size=1, max_size=3), st.integers(300, 1100))


@given(st.one_of(st.text(st.characters()), TRICKY, LONG))
@example("..")
@example("/.././")
@example("a/\u0301..")
def test_normalize_of_any_text(name):
    try:
        normal = names.normalize(name)
    except fs.InvalidPath:
        # test_normalize_takes_what_it_must says that it does not refuse too much
        assert not names.is_normal(name)
        return
    assert names.normalize(normal) == normal
    assert normal == unicodedata.normalize("NFC", normal)
    assert len(normal.encode()) <= 1024
    assert not {"", ".", ".."} & set(normal.split("/"))
    assert "\\" not in normal
    assert not any(unicodedata.category(character) == "Cc" for character in normal)
    # nothing was dropped but what does not count
    assert normal.replace("/", "").replace(".", "") == unicodedata.normalize("NFC", name).replace("/", "").replace(
        ".", ""
    )


PARTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\."), min_size=1, max_size=20
).filter(lambda part: unicodedata.normalize("NFC", part) == part)


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_normalize_takes_what_it_must(parts):
    name = "/".join(parts)
    for written in (name, f"/{name}", f"{name}/", f"./{name}", name.replace("/", "//"), name.replace("/", "/./")):
        assert names.normalize(written) == name


@pytest.mark.parametrize(
    ("prefix", "normal"),
    [
        (None, ""),
        ("", ""),
        ("/", ""),
        ("//", ""),
        ("a", "a"),
        ("a/", "a/"),
        ("/a/b/", "a/b/"),
        ("a//b", "a/b"),
        ("e\u0301/", "\u00e9/"),
    ],
)
def test_the_prefix_of_a_listing(prefix, normal):
    assert names.normalize_prefix(prefix) == normal


@pytest.mark.parametrize("prefix", BAD_PREFIXES, ids=shown)
def test_a_bad_prefix_of_a_listing(prefix):
    for written in (prefix, prefix + "/"):
        with pytest.raises(fs.InvalidPath):
            names.normalize_prefix(written)


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (("a",), "a"),
        (("", "a"), "a"),
        (("a", "", "b"), "a/b"),
        (("/a/", "/b/c"), "a/b/c"),
        (("a/b/", "c"), "a/b/c"),
        (("/", "/"), ""),
    ],
)
def test_join(parts, joined):
    assert names.join(*parts) == joined


# Every method


def upload(name=None):
    return FileStorage(io.BytesIO(b"new"), filename=name)


def write_through(storage, name, mode):
    with storage.open(name, mode) as file:
        file.write(b"new" if "b" in mode else "new")


METHODS = {
    "exists": lambda storage, name: storage.exists(name),
    "in": lambda storage, name: name in storage,
    "read": lambda storage, name: storage.read(name),
    "read_chunks": lambda storage, name: list(storage.read_chunks(name)),
    **{f"open {mode}": lambda storage, name, mode=mode: storage.open(name, mode).close() for mode in ("r", "rb")},
    **{
        f"open {mode}": lambda storage, name, mode=mode: write_through(storage, name, mode)
        for mode in ("w", "wb", "x", "xb", "a", "ab")
    },
    "write": lambda storage, name: storage.write(name, b"new"),
    "write over": lambda storage, name: storage.write(name, b"new", overwrite=True),
    "write an upload": lambda storage, name: storage.write(name, upload("fine.txt"), overwrite=True),
    "delete": lambda storage, name: storage.delete(name),
    "copy from": lambda storage, name: storage.copy(name, "target.txt"),
    "copy to": lambda storage, name: storage.copy("canary.txt", name),
    "copy over": lambda storage, name: storage.copy("canary.txt", name, overwrite=True),
    "copy onto itself": lambda storage, name: storage.copy(name, name, overwrite=True),
    "move from": lambda storage, name: storage.move(name, "target.txt"),
    "move to": lambda storage, name: storage.move("canary.txt", name),
    "move over": lambda storage, name: storage.move("canary.txt", name, overwrite=True),
    "move onto itself": lambda storage, name: storage.move(name, name, overwrite=True),
    "metadata": lambda storage, name: storage.metadata(name),
    "url": lambda storage, name: storage.url(name),
    "url, external": lambda storage, name: storage.url(name, external=True),
    "path": lambda storage, name: storage.path(name),
}

SAVES = {
    "save": lambda storage, name: storage.save(io.BytesIO(b"new"), name, overwrite=True),
    "save an upload": lambda storage, name: storage.save(upload(), name, overwrite=True),
    "save below": lambda storage, name: storage.save(upload(), name, prefix="directory", overwrite=True),
    "save, unique": lambda storage, name: storage.save(upload(), name, unique=True),
}

EVERY = METHODS | SAVES


def save_below(storage, directory):
    """Return calls that save a file below a directory, in all the ways that there are."""

    def upload_to(value, prefix=None):
        storage.upload_to = value
        try:
            storage.save(upload("fine.txt"), prefix=prefix, overwrite=True)
        finally:
            storage.upload_to = None

    return {
        "prefix": lambda: storage.save(io.BytesIO(b"new"), "fine.txt", prefix=directory, overwrite=True),
        "prefix, called": lambda: storage.save(upload("fine.txt"), prefix=lambda: directory, overwrite=True),
        "upload_to": lambda: upload_to(directory),
        "upload_to, called": lambda: upload_to(lambda: directory),
        "upload_to and prefix": lambda: upload_to("directory", directory),
        "both": lambda: upload_to(directory, directory),
        "directory of the name": lambda: storage.save(upload(), f"{directory}/fine.txt", overwrite=True),
        "unique": lambda: storage.save(upload("fine.txt"), prefix=directory, unique=True),
    }


def test_no_method_takes_a_bad_name(bed):
    before = bed.picture()
    with bed.app.app_context():
        for name in BAD_NAMES:
            # without a name at all, save says so; that error is a ValueError and an InvalidPath, too
            for called, method in EVERY.items():
                expect(fs.InvalidPath, f"{called} of {name!r}", partial(method, bed.storage, name))
    assert bed.picture() == before


def test_no_directory_in_front_leads_out(bed):
    before = bed.picture()
    with bed.app.app_context():
        for directory in BAD_DIRECTORIES:
            for called, save in save_below(bed.storage, directory).items():
                expect(fs.InvalidPath, f"{called} {directory!r}", save)
            with pytest.raises(fs.InvalidPath):
                bed.storage.resolve_conflict(directory, "fine.txt")
    assert bed.picture() == before


@pytest.mark.parametrize("directory", ["", ".", "/", "./", "//", None])
def test_no_directory_in_front_is_the_root(bed, directory):
    storage = bed.storage
    assert storage.save(upload("fine.txt"), prefix=directory) == "fine.txt"
    assert storage.save(upload("fine.txt"), prefix=lambda: directory, overwrite=True) == "fine.txt"
    assert storage.resolve_conflict(directory or "", "fine.txt") == "fine_1.txt"


def test_no_listing_takes_a_bad_prefix(bed):
    before = bed.picture()
    for prefix in BAD_PREFIXES:
        for written in (prefix, prefix + "/"):
            expect(fs.InvalidPath, repr(written), lambda written=written: list(bed.storage.list_files(written)))
    assert bed.picture() == before


def test_a_listing_of_everything_holds_nothing_from_outside(bed):
    for prefix in (None, "", "/", "//"):
        assert sorted(bed.storage.list_files(prefix)) == ["canary.txt", "directory/canary.txt"]
    for prefix in ("outside", "..outside", "files", "own", "root", "shared", "etc"):
        assert list(bed.storage.list_files(prefix)) == []


def test_nothing_at_a_bad_name_is_served(bed):
    before = bed.picture()
    for name in BAD_NAMES:
        with bed.app.test_request_context("/page"), pytest.raises(NotFound):
            bed.storage.serve(name)
    assert bed.picture() == before


def test_a_leading_slash_means_the_root_of_the_storage(bed):
    storage = bed.storage
    before = {path: seen for path, seen in bed.picture().items() if path.endswith(("outside.txt", "own.txt"))}
    for operation in (storage.read, storage.open, storage.metadata, storage.read_chunks):
        with pytest.raises(fs.FileNotFound):
            operation("/etc/passwd")
    assert not storage.exists("/etc/passwd")
    with bed.app.test_request_context("/page"), pytest.raises(NotFound):
        storage.serve("/etc/passwd")
    assert storage.write("/etc/passwd", b"new") == "etc/passwd"
    assert storage.read("etc/passwd") == storage.read("/etc/passwd") == b"new"
    assert list(storage.list_files("/etc/")) == ["etc/passwd"]
    assert storage.save(upload(), "/etc/passwd.txt", prefix="/var/") == "var/etc/passwd.txt"
    storage.copy("/etc/passwd", "/root.txt")
    storage.move("/root.txt", "/outside.txt")
    assert storage.read("/outside.txt") == b"new"
    if storage.root:
        assert storage.path("/etc/passwd") == os.path.join(storage.root, "etc/passwd")
        assert Path(storage.path("/etc/passwd")).read_bytes() == b"new"
    storage.delete("/etc")
    storage.delete("/outside.txt")
    assert sorted(storage.list_files()) == ["canary.txt", "directory/canary.txt", "var/etc/passwd.txt"]
    after = bed.picture()
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize(
    "name",
    [
        "../../outside.txt",
        "..\\..\\outside.txt",
        "/etc/passwd.txt",
        "C:\\outside.txt",
        "a\0b.txt",
        "a\r\nb.txt",
        "../\u0444\u043e\u0442\u043e.txt",
        "..\\\u0444\u043e\u0442\u043e.txt",
        "\u0444\0\u043e\r\n\u0442.txt",
        "....//\u0444.txt",
        "\u202e\u0444/\u0444..\u2044..\uff0fx.txt",
        "x" * 5000 + ".txt",
        "\u0444" * 5000 + ".txt",
        "\u0444\ud800.txt",
        "\u0444/.flask_pyfs.txt",
        ".flask_pyfs\u0444.txt",
    ],
    ids=shown,
)
def test_the_name_that_a_client_gives_is_made_safe(bed, name):
    before = bed.picture()
    stored = bed.storage.save(upload(name), prefix="uploads")
    directory, _, basename = stored.rpartition("/")
    assert directory == "uploads"
    assert basename.endswith(".txt")
    assert not basename.startswith(".")
    assert "\\" not in basename
    assert names.is_normal(stored)
    assert bed.storage.read(stored) == b"new"
    bed.storage.delete("uploads")
    after = bed.picture()
    assert {path: seen for path, seen in after.items() if path in before and seen[-1] is not None} == {
        path: seen for path, seen in before.items() if seen[-1] is not None
    }


@pytest.mark.parametrize("name", ["", ".", "..", "../", "/", "...", "\\", " ", "\0", "\r\n", "../..", "._."], ids=repr)
def test_a_client_that_gives_no_name(bed, name):
    before = bed.picture()
    with pytest.raises(ValueError, match="filename"):
        bed.storage.save(upload(name), prefix="uploads")
    assert bed.picture() == before


# The name of a directory where a file is meant


@pytest.mark.parametrize("name", ["directory", "directory/", "/directory", "./directory/."])
def test_a_directory_is_no_file(bed, name):
    storage = bed.storage
    before = bed.picture()
    assert not storage.exists(name)
    assert name not in storage
    reading = ("read", "read_chunks", "open r", "open rb", "metadata", "copy from", "move from")
    writing = ("open x", "open xb", "write", "copy to", "move to", "open w", "open wb", "write over")
    over = ("write an upload", "copy over", "move over", "open a", "open ab", "save", "save an upload")
    with bed.app.app_context():
        for called in (*reading, "copy onto itself", "move onto itself"):
            expect(fs.FileNotFound, called, partial(METHODS[called], storage, name))
        for called in (*writing, *over):
            expect(fs.FSError, called, partial(EVERY[called], storage, name))
    with bed.app.test_request_context("/page"), pytest.raises(NotFound):
        storage.serve(name)
    assert without_leftovers(bed.picture()) == without_leftovers(before)


def without_leftovers(picture):
    """Leave out the times of directories, in which unfinished uploads came and went."""
    return {
        path: (seen[0] if seen[-1] is None else seen)
        for path, seen in picture.items()
        if names.RESERVED not in path.split("/")[-1]
    }


@pytest.mark.parametrize("name", ["canary.txt/x", "canary.txt/x/y", "canary.txt/canary.txt"])
def test_a_file_is_no_directory(bed, name):
    storage = bed.storage
    before = bed.picture()
    assert not storage.exists(name)
    with bed.app.app_context():
        for called in ("read", "read_chunks", "open r", "metadata", "copy from", "move from"):
            expect(fs.FileNotFound, called, partial(METHODS[called], storage, name))
        for called in ("write", "write over", "open w", "open x", "open a", "copy to", "copy over", "save"):
            expect(fs.FSError, called, partial(EVERY[called], storage, name))
        storage.delete(name)
    assert list(storage.list_files(name)) == []
    assert without_leftovers(bed.picture()) == without_leftovers(before)


# What a file system may not hold


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "/y", "directory/" + "x" * 300, "\u00e9" * 130], ids=shown)
def test_a_component_that_a_file_system_may_not_hold(bed, name):
    """The rule takes these names, and a store may refuse them; then every method says so clearly."""
    storage = bed.storage
    try:
        storage.write(name, b"new")
    except fs.FSError:
        assert storage.root is not None
        before = bed.picture()
        for called in ("read", "read_chunks", "open r", "metadata", "copy from", "move from", "open w", "open x"):
            expect(fs.FSError, called, partial(METHODS[called], storage, name))
        for called in ("write over", "open a", "copy to", "copy over", "move to", "move over", "save"):
            expect(fs.FSError, called, partial(EVERY[called], storage, name))
        status = 404
        assert without_leftovers(bed.picture()) == without_leftovers(before)
    else:
        assert storage.root is None
        assert storage.read(name) == b"new"
        status = 200
    with bed.app.test_client().get(bed.url + name) as response:
        assert response.status_code == status


# Nothing is asked of a store


class Unreachable(BaseBackend):
    """Fails where its store is reached."""

    options = ()

    def open_fs(self):
        raise AssertionError("the store was reached")


class OldStyle:
    """A backend of Flask-FS, whose methods fail where they are called."""

    def __init__(self, name, config):
        pass

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise AssertionError(f"{name}() of the backend was asked for")


class Entry:
    """An entry point of a class that is already there."""

    module = __name__

    def __init__(self, name, loaded):
        self.name = name
        self.loaded = loaded

    def load(self):
        return self.loaded


@pytest.mark.parametrize("backend", [Unreachable, OldStyle])
@pytest.mark.parametrize("prefix", ["", "shared"])
def test_a_bad_name_is_refused_before_the_store_is_reached(monkeypatch, backend, prefix):
    entries = {**registry.installed(), "unreachable": Entry("unreachable", backend)}
    monkeypatch.setattr(registry, "installed", lambda: entries)
    app = flask.Flask("tests")
    app.config.update(FS_BACKEND="unreachable", FILES_FS_PREFIX=prefix, FS_SERVE=True)
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    with app.test_request_context("/page"):
        for name in BAD_NAMES:
            for method in [METHODS[called] for called in METHODS if called != "path"] + [*SAVES.values()]:
                with pytest.raises(fs.InvalidPath):
                    method(storage, name)
            with pytest.raises(NotFound):
                storage.serve(name)
        for directory in BAD_DIRECTORIES:
            for save in save_below(storage, directory).values():
                with pytest.raises(fs.InvalidPath):
                    save()
        for listed in BAD_PREFIXES:
            with pytest.raises(fs.InvalidPath):
                list(storage.list_files(listed))


# HTTP

ENCODED = [
    "../outside.txt",
    "../../outside.txt",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "%2Fetc/passwd",
    "%2e%2e/outside.txt",
    "%2e%2e%2foutside.txt",
    "..%2foutside.txt",
    "..%2Foutside.txt",
    "%2e%2e/%2e%2e/outside.txt",
    "%252e%252e/outside.txt",
    "%252e%252e%252foutside.txt",
    "..%252foutside.txt",
    "%25252e%25252e%25252foutside.txt",
    "..%c0%afoutside.txt",
    "%c0%ae%c0%ae/outside.txt",
    "%e0%80%ae%e0%80%ae/outside.txt",
    "%uff0e%uff0e/outside.txt",
    "%ef%bc%8e%ef%bc%8e/outside.txt",
    "..%5coutside.txt",
    "..%255coutside.txt",
    "..\\outside.txt",
    "directory/../canary.txt",
    "directory/..%2fcanary.txt",
    "directory/%2e%2e/%2e%2e/outside.txt",
    "directory/..%2f..%2foutside.txt",
    "....//outside.txt",
    "..;/outside.txt",
    "./../outside.txt",
    ".%2e/outside.txt",
    "canary.txt%00",
    "canary.txt%00.jpg",
    "..%00/outside.txt",
    "%00",
    "canary.txt%0d%0aSet-Cookie:x=y",
    "canary.txt%0a",
    "%ff%fe",
    "canary.txt/../../outside.txt",
    "canary.txt/..%2f..%2foutside.txt",
    "canary.txt/x",
    "directory",
    "directory/",
    ".",
    "..",
    "./",
    "%2e",
    "%2e%2e",
    ".flask_pyfs",
    ".flask_pyfs/x",
    "file:///etc/passwd",
    "~root/outside.txt",
    "x" * 5000,
    "x/" * 2500,
]


def test_no_url_leads_out(bed):
    before = bed.picture()
    client = bed.app.test_client()
    for name in ENCODED:
        for method in ("GET", "HEAD"):
            with client.open(bed.url + name, method=method, follow_redirects=True) as response:
                found = response.get_data()
            assert response.status_code in (400, 404), name
            assert OUTSIDE not in found
            assert b"root:" not in found
            assert "Set-Cookie" not in response.headers
    with client.get(f"{bed.url}canary.txt") as response:
        assert (response.status_code, response.get_data()) == (200, b"canary")
    assert bed.picture() == before


@pytest.mark.parametrize("name", BAD_NAMES, ids=shown)
def test_no_path_of_a_server_leads_out(bed, name):
    """A server may pass anything on as PATH_INFO, which no client has made tidy."""
    before = bed.picture()
    path = (bed.url + name).encode(errors="surrogatepass").decode("latin-1")
    environ = {"PATH_INFO": path, "REQUEST_URI": path, "RAW_URI": path}
    with bed.app.test_client().open("/", environ_overrides=environ, follow_redirects=False) as response:
        assert response.status_code in (308, 400, 404)
        assert OUTSIDE not in response.get_data()
    assert bed.picture() == before


@pytest.mark.parametrize(
    "storage", ["..", ".", "%2e%2e", "..%2froot", "other", "files%00", "files.txt", "files-and-more"]
)
def test_no_name_of_a_storage_leads_out(bed, storage):
    with bed.app.test_client().get(
        f"{bed.url[: -len('files/')]}{storage}/outside.txt", follow_redirects=True
    ) as response:
        assert response.status_code in (400, 404)
        assert OUTSIDE not in response.get_data()


# Any name


@pytest.fixture(scope="module", params=["local", "memory"])
def shared(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("names")
    app = flask.Flask("tests")
    app.config.update(FS_BACKEND=request.param, FS_ROOT=str(directory / "root"), FS_SERVE=True)
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    return app, storage, directory


@given(name=st.one_of(st.text(st.characters(), max_size=40), TRICKY), data=st.binary(max_size=5))
def test_any_name_is_stored_under_its_normal_form_or_not_at_all(shared, name, data):
    app, storage, directory = shared
    try:
        normal = names.normalize(name)
    except fs.InvalidPath:
        with pytest.raises(fs.InvalidPath):
            storage.write(name, data)
        normal = None
    if normal is not None:
        assert storage.write(name, data) == normal
        assert list(storage.list_files()) == [normal]
        assert storage.read(name) == storage.read(normal) == data
        with app.test_request_context():
            url = storage.url(name)
        with app.test_client().get(url) as response:
            assert (response.status_code, response.get_data()) == (200, data)
        storage.delete(normal.split("/")[0])
    assert list(storage.list_files()) == []
    assert {path.name for path in directory.rglob("*")} <= {"root", "files", names.RESERVED}
