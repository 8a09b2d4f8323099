"""A storage as a filesystem of fsspec."""

import gzip
import io
import os
import pickle
import threading
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import flask
import fsspec
import pandas
import pytest
from places import make_place
from servers.faults import FaultProxy

import flask_pyfs as fs
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.fsspec import StorageFileSystem
from flask_pyfs.signals import file_deleted, file_uploaded
from flask_pyfs.state import find

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]
MIB = 1024 * 1024


@pytest.fixture
def storage(request, app):
    with make_place(getattr(request, "param", "memory"), request) as settings:
        storage = fs.Storage("files", fs.ALL)
        app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        with app.app_context():
            yield storage


@pytest.fixture
def files(storage):
    return storage.fsspec


on_all = pytest.mark.parametrize("storage", ["memory", "local", "pyfs", *SERVERS], indirect=True)
TREE = {"a.txt": b"1", "d/b.txt": b"22", "d/e/c.txt": b"333", "d-e": b"4444"}


def fill(storage, names=TREE):
    for name, content in dict(names).items():
        storage.write(name, content)


# What is there


@on_all
def test_listings(storage, files):
    fill(storage)
    assert files.ls("", detail=False) == files.ls("/", detail=False) == ["a.txt", "d", "d-e"]
    assert files.ls("d/", detail=False) == files.ls("/d", detail=False) == ["d/b.txt", "d/e"]
    assert files.ls("a.txt", detail=False) == ["a.txt"]
    assert files.find("") == sorted(TREE)
    assert files.find("d") == ["d/b.txt", "d/e/c.txt"]
    assert files.find("d", withdirs=True) == ["d", "d/b.txt", "d/e", "d/e/c.txt"]
    assert files.find("", maxdepth=2, withdirs=True) == ["a.txt", "d", "d-e", "d/b.txt", "d/e"]
    assert files.find("", maxdepth=1) == ["a.txt", "d-e"]
    assert files.find("a.txt") == ["a.txt"]
    assert files.find("none") == []
    assert files.glob("*") == ["a.txt", "d", "d-e"]
    assert files.glob("/d/*.txt") == ["d/b.txt"]
    assert files.glob("**/*.txt") == ["a.txt", "d/b.txt", "d/e/c.txt"]
    assert [(path, sorted(dirs), sorted(names)) for path, dirs, names in files.walk("")] == [
        ("", ["d"], ["a.txt", "d-e"]),
        ("d", ["e"], ["b.txt"]),
        ("d/e", [], ["c.txt"]),
    ]
    assert (files.du(""), files.du("d"), files.du("d", total=False)) == (10, 5, {"d/b.txt": 2, "d/e/c.txt": 3})
    for name in ("none", "d/none"):
        with pytest.raises(FileNotFoundError):
            files.ls(name)


def listings(files):
    """What is in the root, as each way to list it tells."""
    return [
        files.ls("", detail=False),
        files.ls(".", detail=False),
        files.glob("*"),
        files.find("", maxdepth=1, withdirs=True),
        sorted([*next(files.walk(""))[1], *next(files.walk(""))[2]]),
        sorted({name.partition("/")[0] for name in files.find("")}),
        sorted(name.rstrip("/") for name, _ in find(files.storage).operations.level()),
    ]


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_all_listings_leave_out_the_same_on_a_disk(storage, files, tmp_path):
    fill(storage)
    root = Path(storage.root)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.txt").write_bytes(b"x")
    (root / "link").symlink_to(root / "d")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "broken").symlink_to("nothing")
    os.mkfifo(root / "fifo")
    os.mkfifo(root / "d" / "fifo")
    (root / "alias.txt").symlink_to("a.txt")
    assert listings(files) == [["a.txt", "alias.txt", "d", "d-e"]] * 7
    assert files.cat("d/*.*") == {"d/b.txt": b"22"}
    assert files.ls("d", detail=False) == files.ls("d/./", detail=False) == ["d/b.txt", "d/e"]


class Hiding(MemoryBackend):
    def list_files(self, prefix=None):
        return (name for name in super().list_files(prefix) if not name.endswith(".secret"))


def test_all_listings_leave_out_what_a_backend_hides(app):
    storage = fs.Storage("files", fs.ALL)
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    with app.app_context():
        storage.backend = Hiding("files", storage.config)
        fill(storage, {**TREE, "b.secret": b"", "s/c.secret": b"", "d/c.secret": b""})
        assert listings(storage.fsspec) == [["a.txt", "d", "d-e"]] * 7
        assert storage.fsspec.ls("d", detail=False) == ["d/b.txt", "d/e"]


class Old:
    """A backend that was written for Flask-FS: it only lists everything."""

    def __init__(self, name, config):
        self.asked = []

    def list_files(self):
        return [f"d/{number}.txt" for number in range(20)]

    def exists(self, filename):
        return filename in self.list_files()

    def get_metadata(self, filename):
        self.asked.append(filename)
        if filename not in self.list_files():
            raise FileNotFoundError(filename)
        return {"size": 3, "modified": None, "mime": "text/plain"}


def test_a_backend_of_flask_fs_is_asked_for_one_file_of_a_directory(app):
    storage = fs.Storage("files", fs.ALL)
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    with app.app_context():
        storage.backend = old = Old("files", storage.config)
        files = storage.fsspec
        assert (files.isdir("d"), files.isdir("e")) == (True, False)
        assert [name for name in old.asked if name not in ("d", "e")] == ["d/0.txt"]
        assert files.ls("", detail=False) == ["d"]
        assert len(files.ls("d")) == 20
        with pytest.raises(FileNotFoundError):
            files.ls("e")


@on_all
def test_facts_are_the_same_everywhere(storage, files):
    fill(storage)
    known = storage.metadata("d/b.txt", checksum=False)
    info = files.info("/d/b.txt")
    assert info == {"name": "d/b.txt", "size": 2, "type": "file", "modified": known["modified"]}
    for listed in (files.ls("d")[0], files.find("", detail=True)["d/b.txt"], files.glob("d/*", detail=True)["d/b.txt"]):
        assert {**listed, "modified": None} == {**info, "modified": None}
        assert abs((listed["modified"] - info["modified"]).total_seconds()) < 1
    assert files.info("d") == files.ls("")[1] == {"name": "d", "size": 0, "type": "directory"}
    assert (files.isfile("d"), files.isdir("d"), files.exists("d")) == (False, True, True)
    assert (files.isfile("a.txt"), files.isdir("a.txt"), files.exists("a.txt")) == (True, False, True)
    assert (files.isfile("x"), files.isdir("x"), files.exists("x")) == (False, False, False)
    assert (files.size("d/e/c.txt"), files.modified("d/b.txt")) == (3, known["modified"])
    with pytest.raises(FileNotFoundError):
        files.info("x")


@on_all
def test_a_file_that_is_written_again_has_another_key(storage, files):
    storage.write("a.txt", b"1")
    before = files.ukey("a.txt"), files.checksum("a.txt")
    assert before == (files.ukey("a.txt"), files.checksum("a.txt"))
    storage.write("a.txt", b"12", overwrite=True)
    assert files.ukey("a.txt") != before[0]
    assert files.checksum("a.txt") != before[1]


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", ".flask_pyfs/x", "a\0b"])
def test_names_outside_the_rules(files, name):
    for operation in (files.info, files.exists, files.open, files.cat_file, files.ls, files.rm, files.rm_file):
        with pytest.raises((fs.InvalidPath, FileNotFoundError)):
            operation(name)
    for write in (lambda: files.pipe_file(name, b"x"), lambda: files.open(name, "wb")):
        with pytest.raises(fs.InvalidPath):
            write()


def test_names_of_other_tools(app, tmp_path):
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    with app.app_context():
        storage.write("d/caf\xe9.txt", b"1")
        decomposed = tmp_path / "root" / "files" / "d" / "ne\u0301.txt"
        decomposed.write_bytes(b"2")
        files = storage.fsspec
        assert files.find("") == ["d/caf\xe9.txt", "d/ne\u0301.txt"]
        assert [files.cat_file(name) for name in files.find("")] == [b"1", b"2"]
        assert files.cat_file("d/n\xe9.txt") == b"2"


def test_a_store_that_fails_is_no_missing_file(app, unused_port):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(FILES_FS_BACKEND="pyfs", FILES_FS_OPEN_URL=f"ftp://127.0.0.1:{unused_port}/")
    fs.init_app(app, storage)
    with app.app_context():
        files = storage.fsspec
        for operation in (
            files.exists,
            files.isfile,
            files.isdir,
            files.ls,
            files.find,
            lambda name: [*files.walk(name)],
        ):
            with pytest.raises(ConnectionError):
                operation("a")


# Reading


@on_all
def test_parts_of_a_file(storage, files):
    content = b"0123456789"
    storage.write("a.txt", content)
    for start in (None, 0, 3, 9, 10, 11, -1, -3, -11):
        for end in (None, 0, 2, 10, 12, -1, -4, -12):
            assert files.cat_file("a.txt", start, end) == content[slice(start, end)], (start, end)
    assert files.cat_ranges(["a.txt"] * 3, [0, 8, -2], [2, 20, None]) == [b"01", b"89", b"89"]
    assert (files.head("a.txt", 4), files.tail("a.txt", 4), files.tail("a.txt", 0)) == (b"0123", b"6789", b"")
    assert files.read_block("a.txt", 2, 3) == b"234"
    assert files.cat(["a.txt"]) == {"a.txt": content}
    (missing,) = files.cat_ranges(["x"], 0, 1)
    assert isinstance(missing, FileNotFoundError)
    for arguments in ((), (0, 2), (2, 2), (-2,), (0, -1)):
        with pytest.raises(FileNotFoundError):
            files.cat_file("x", *arguments)


@on_all
def test_an_open_file_can_seek(storage, files):
    storage.write("a.txt", "line 1\nline 2\n\xe9")
    with files.open("a.txt") as file:
        assert (file.size, file.path, file.mode, file.readable(), file.seekable()) == (16, "a.txt", "rb", True, True)
        assert (file.seek(7), file.read(4), file.tell(), file.size, file.read(2)) == (7, b"line", 11, 16, b" 2")
    assert file.closed
    with files.open("a.txt", "r") as text:
        assert list(text) == ["line 1\n", "line 2\n", "\xe9"]
    with files.open("a.txt", "rt", encoding="latin-1", newline="") as text:
        assert text.read().endswith("\xc3\xa9")
    assert files.read_text("a.txt").endswith("\xe9")


@pytest.fixture
def counted(request, app):
    """A storage on S3, and a proxy that counts what is sent and received."""
    with make_place("s3-moto", request) as settings:
        address = urlsplit(settings["ENDPOINT"])
        with FaultProxy(address.hostname, address.port) as proxy:
            storage = fs.Storage("files", fs.ALL)
            app.config.update({f"FILES_FS_{key}": value for key, value in {**settings, "ENDPOINT": proxy.url}.items()})
            fs.init_app(app, storage)
            with app.app_context():
                storage.write("warm", b"")
                yield storage, proxy


@pytest.mark.server
def test_only_what_is_read_is_fetched(counted):
    storage, proxy = counted
    storage.write("a.bin", bytes(range(256)) * (64 * MIB // 256))
    files = storage.fsspec
    reads = [
        (lambda: files.cat_file("a.bin", 30 * MIB, 30 * MIB + 10), 1),
        (lambda: files.tail("a.bin", 10), 1),
        (lambda: files.cat_ranges(["a.bin"] * 3, [0, 10 * MIB, 50 * MIB], [10, 10 * MIB + 10, 50 * MIB + 10]), 3),
        (lambda: files.info("a.bin"), 1),
        (lambda: files.ls(""), 1),
        (lambda: files.find(""), 1),
        (lambda: files.du(""), 1),
        (lambda: files.exists("a.bin"), 1),
    ]
    for read, requests in reads:
        proxy.reset()
        read()
        assert (len(proxy.requests), proxy.received < 8192) == (requests, True), proxy.requests


@pytest.mark.server
def test_of_an_archive_only_the_member_that_is_read_is_fetched(counted):
    storage, proxy = counted
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(64):
            archive.writestr(f"{number}.bin", bytes([number]) * MIB)
    storage.write("a.zip", packed.getvalue())
    proxy.reset()
    with storage.fsspec.open("a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("40.bin") == bytes([40]) * MIB
    assert len(proxy.requests) <= 5
    assert proxy.received < 16 * MIB


# Writing


@on_all
def test_writing(storage, files):
    with files.open("d/a.txt", "wb") as file:
        file.write(b"some ")
        assert not storage.exists("d/a.txt")
        file.write(b"text")
    assert storage.read("d/a.txt") == b"some text"
    with files.open("d/a.txt", "w") as text:
        text.write("\xe9\n")
        assert storage.read("d/a.txt") == b"some text"
    assert storage.read("d/a.txt") == b"\xc3\xa9\n"
    with files.open("d/a.txt", "ab") as file:
        file.write(b"more")
    assert storage.read("d/a.txt") == b"\xc3\xa9\nmore"
    files.touch("d/empty")
    files.write_text("d/t.txt", "\xe9")
    assert (storage.read("d/empty"), storage.read("d/t.txt")) == (b"", b"\xc3\xa9")


@on_all
@pytest.mark.parametrize(
    ("mode", "compression"), [("wb", None), ("w", None), ("xb", None), ("wb", "gzip"), ("w", "bz2")]
)
def test_an_exception_discards_what_was_written(storage, files, mode, compression):
    content = "text" if "b" not in mode else b"text"

    def fail(name):
        with files.open(name, mode, compression=compression) as file:
            file.write(content)
            raise ZeroDivisionError

    storage.write("old.txt", b"old")
    for name in ("a.txt", *(["old.txt"] if "x" not in mode else [])):
        with pytest.raises(ZeroDivisionError):
            fail(name)
    assert {name: storage.read(name) for name in storage.list_files()} == {"old.txt": b"old"}


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("compression", [None, "gzip", "xz"])
def test_a_file_that_is_forgotten_is_discarded(storage, files, mode, compression):
    files.open("a.txt", mode, compression=compression).write("text" if mode == "w" else b"text")
    assert not storage.exists("a.txt")


@on_all
def test_only_a_new_file(storage, files):
    with files.open("a.txt", "xb") as file:
        file.write(b"first")
    with pytest.raises(FileExistsError):
        files.open("a.txt", "xb")
    with pytest.raises(FileExistsError):
        files.pipe_file("a.txt", b"second", mode="create")
    file = files.open("b.txt", "xb")
    file.write(b"late")
    storage.write("b.txt", b"soon")
    with pytest.raises(FileExistsError):
        file.close()
    assert (storage.read("a.txt"), storage.read("b.txt")) == (b"first", b"soon")


def test_a_local_file_that_must_be_new(storage, files, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"content")
    storage.write("b.txt", b"old")
    files.put_file(str(tmp_path / "a.txt"), "d/a.txt", mode="create")
    with pytest.raises(FileExistsError):
        files.put_file(str(tmp_path / "a.txt"), "b.txt", mode="create")
    assert (storage.read("d/a.txt"), storage.read("b.txt")) == (b"content", b"old")
    files.get("d/a.txt", str(tmp_path / "got.txt"))
    assert (tmp_path / "got.txt").read_bytes() == b"content"


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "zip"])
def test_compression(storage, files, compression):
    with files.open("a.dat", "wb", compression=compression) as file:
        file.write(b"content" * 1000)
    assert storage.read("a.dat") != b"content" * 1000
    with files.open("a.dat", "rb", compression=compression) as file:
        assert file.read() == b"content" * 1000
    with files.open("a.csv.gz", "w", compression="infer") as text:
        text.write("\xe9")
    assert gzip.decompress(storage.read("a.csv.gz")) == b"\xc3\xa9"
    with pytest.raises(ValueError, match="squash"):
        files.open("b.dat", "wb", compression="squash")
    assert not storage.exists("b.dat")


@on_all
def test_a_transaction(storage, files):
    with files.transaction:
        files.pipe_file("piped.txt", b"at once")
        with files.open("a.txt", "w") as text:
            text.write("a")
        with files.open("b.txt", "wb") as file:
            file.write(b"b")
        assert not storage.exists("a.txt")
        assert not storage.exists("b.txt")
    assert (storage.read("a.txt"), storage.read("b.txt")) == (b"a", b"b")

    def fail():
        with files.transaction:
            with files.open("c.txt", "wb") as file:
                file.write(b"c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not storage.exists("c.txt")
    with files.open("d.txt", "wb") as file:
        file.write(b"d")
    assert storage.read("d.txt") == b"d"


def test_writing_asks_for_no_extension_as_write_does_not(app):
    storage = fs.Storage("notes", ["txt"])
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    with app.app_context():
        storage.write("a.exe", b"x")
        storage.fsspec.pipe_file("b.exe", b"x")
        assert sorted(storage.list_files()) == ["a.exe", "b.exe"]


def test_signals_are_those_of_the_storage(storage, files):
    heard = []

    def note(sender, filename):
        heard.append(filename)

    with file_uploaded.connected_to(note, storage), file_deleted.connected_to(note, storage):
        files.pipe_file("a.txt", b"x")
        files.rm("a.txt")
    assert heard == ["a.txt", "a.txt"]


# Moving and deleting


@on_all
def test_copies_and_moves(storage, files):
    fill(storage)
    files.copy("a.txt", "copy.txt")
    files.mv("d/b.txt", "moved.txt")
    files.mv("d", "new/d", recursive=True)
    assert {name: storage.read(name) for name in storage.list_files()} == {
        "a.txt": b"1",
        "copy.txt": b"1",
        "moved.txt": b"22",
        "d-e": b"4444",
        "new/d/e/c.txt": b"333",
    }
    files.mv("a.txt", "copy.txt")
    files.mv("copy.txt", "/copy.txt")
    assert (storage.exists("a.txt"), storage.read("copy.txt")) == (False, b"1")
    with pytest.raises(IsADirectoryError):
        files.mv("new", "other")
    for operation in (files.copy, files.mv):
        with pytest.raises(FileNotFoundError):
            operation("none", "other")


@pytest.mark.server
def test_a_move_is_made_by_the_store(counted):
    storage, proxy = counted
    storage.write("a.bin", bytes(4 * MIB))
    proxy.reset()
    storage.fsspec.mv("a.bin", "b.bin")
    storage.fsspec.copy("b.bin", "c.bin")
    assert proxy.sent + proxy.received < 64 * 1024
    assert storage.size("c.bin") == 4 * MIB


@on_all
def test_deletions(storage, files):
    fill(storage)
    with pytest.raises(IsADirectoryError):
        files.rm("d")
    for delete in (files.rm, files.rm_file, lambda name: files.rm(name, recursive=True)):
        with pytest.raises(FileNotFoundError):
            delete("none")
    with pytest.raises(fs.InvalidPath):
        files.rm("", recursive=True)
    assert sorted(storage.list_files()) == sorted(TREE)
    with pytest.raises(OSError, match="not empty"):
        files.rmdir("d")
    files.rm("d", recursive=True)
    assert sorted(storage.list_files()) == ["a.txt", "d-e"]
    files.rm_file("d-e")
    files.rm(["a.txt"])
    assert list(storage.list_files()) == []
    fill(storage)
    files.rm("**", recursive=True)
    assert list(storage.list_files()) == []
    fill(storage)
    files.rm("d", recursive=True, maxdepth=1)
    assert sorted(storage.list_files()) == ["a.txt", "d-e", "d/e/c.txt"]


@pytest.mark.parametrize("storage", ["memory", "local", "pyfs"], indirect=True)
def test_an_empty_directory_of_a_disk_is_one(storage, files):
    fill(storage, {"d/e/a.txt": b"1"})
    storage.delete("d/e/a.txt")
    for name in ("d", "d/e"):
        assert files.exists(name)
        assert files.isdir(name)
        assert files.info(name) == {"name": name, "size": 0, "type": "directory"}
    assert files.ls("d", detail=False) == ["d/e"]
    assert files.ls("d/e") == []
    assert "e" in files.tree()
    with pytest.raises(OSError, match="not empty"):
        files.rmdir("d")
    files.rmdir("d/e")
    assert files.ls("d") == []
    files.rm("d", recursive=True)
    assert not files.exists("d")
    for gone in (files.ls, files.rmdir):
        with pytest.raises(FileNotFoundError):
            gone("d")


@on_all
def test_the_name_of_a_file_is_no_pattern(storage, files, tmp_path):
    names = ["d/a[1].txt", "d/a1.txt", "d/b?.txt", "d/bc.txt", "y[12]/a.txt", "y1/b.txt", "y2/c.txt"]
    fill(storage, {name: name.encode() for name in names})
    assert files.cat("d/a[1].txt") == b"d/a[1].txt"
    assert files.cat(["d/a[1].txt", "d/b*"]) == {name: name.encode() for name in ("d/a[1].txt", "d/b?.txt", "d/bc.txt")}
    (tmp_path / "there").mkdir()
    for target, path in (("new.txt", "new.txt"), ("there", "there/a[1].txt"), ("made/", "made/a[1].txt")):
        files.get("d/a[1].txt", f"{tmp_path}/{target}")
        assert (tmp_path / path).read_text(encoding="utf-8") == "d/a[1].txt"
    for target, name in (("copy.txt", "copy.txt"), ("d/", "d/a[1].txt"), ("y1", "y1/a[1].txt")):
        files.copy("d/a[1].txt", target)
        assert storage.read(name) == b"d/a[1].txt"
    files.mv("d/b?.txt", "moved.txt")
    files.rm("d/a[1].txt")
    files.rm("y[12]", recursive=True)
    files.rm("y[2]", recursive=True)
    assert sorted(storage.list_files()) == ["copy.txt", "d/a1.txt", "d/bc.txt", "moved.txt", "y1/a[1].txt", "y1/b.txt"]
    with pytest.raises(FileNotFoundError):
        files.rm("d/none[1].txt")


@pytest.mark.parametrize("storage", SERVERS, indirect=True)
def test_a_file_with_files_below_its_name_goes_alone(storage, files):
    fill(storage, {"a": b"1", "a/b": b"2"})
    files.rm("a")
    assert list(storage.list_files()) == ["a/b"]


# Apps


def test_each_app_has_its_own(tmp_path):
    storage = fs.Storage("files")
    apps = [flask.Flask(f"app{number}", instance_path=str(tmp_path / str(number))) for number in range(2)]
    found = []
    for number, app in enumerate(apps):
        app.config["FS_BACKEND"] = "memory"
        fs.init_app(app, storage)
        with app.app_context():
            storage.write("a.txt", f"of {number}")
            found.append(storage.fsspec)
            assert found[-1] == storage.fsspec
            assert hash(found[-1]) == hash(storage.fsspec)
    first, second = found
    assert first != second
    assert first._fs_token != second._fs_token
    # outside a context, in that of another app, and in a thread
    contents = [first.cat_file("a.txt"), second.cat_file("a.txt")]
    with apps[1].app_context():
        contents.append(first.open("a.txt").read())
        thread = threading.Thread(target=lambda: contents.append(first.cat_file("a.txt")))
        thread.start()
        thread.join()
    assert contents == [b"of 0", b"of 1", b"of 0", b"of 0"]
    assert not {first, second} & set(vars(StorageFileSystem)["_cache"].values())


def test_a_pickle_is_found_by_the_name_of_the_storage(storage, files, app):
    storage.write("a.txt", b"content")
    pickled = pickle.dumps(files)
    assert pickle.loads(pickled) == files
    with flask.Flask("other").app_context(), pytest.raises(fs.ConfigurationError):
        pickle.loads(pickled)


def test_a_pickle_needs_an_app(app):
    storage = fs.Storage("files")
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    pickled = pickle.dumps(storage.fsspec)
    with pytest.raises(fs.ConfigurationError, match="in the context of an app"):
        pickle.loads(pickled)


def test_a_storage_without_an_app():
    with pytest.raises(fs.ConfigurationError, match="init_app"):
        fs.Storage("files").fsspec  # noqa: B018


def test_signed_urls(storage, files):
    storage.write("a.txt", b"content")
    with flask.current_app.test_request_context():
        assert "signature=" in files.sign("a.txt", expiration=60) or "?" in files.sign("a.txt", expiration=60)


# pandas and others

TABLE = pandas.DataFrame({"name": ["ann", "ben"], "age": [30, 40]})


@on_all
def test_pandas(storage, files):
    with files.open("t.csv", "w") as file:
        TABLE.to_csv(file, index=False)
    with files.open("t.csv") as file:
        assert pandas.read_csv(file).equals(TABLE)
    with files.open("t.csv.gz", "w", compression="infer") as file:
        TABLE.to_csv(file, index=False)
    with files.open("t.csv.gz", compression="gzip") as file:
        assert pandas.read_csv(file).equals(TABLE)
    with files.open("t.json", "w") as file:
        TABLE.to_json(file)
    with files.open("t.json") as file:
        assert pandas.read_json(file).equals(TABLE)


def test_a_mapping(files):
    mapper = files.get_mapper("d")
    mapper["a"] = b"1"
    mapper["e/b"] = b"2"
    assert (sorted(mapper), mapper["a"], mapper.getitems(["a", "e/b"])) == (
        ["a", "e/b"],
        b"1",
        {"a": b"1", "e/b": b"2"},
    )
    del mapper["a"]
    assert sorted(mapper) == ["e/b"]
    with pytest.raises(KeyError):
        mapper["a"]


def test_archives_of_fsspec(storage, files):
    with files.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner.txt", "content")
    inside = fsspec.filesystem("zip", fo=files.open("a.zip"))
    assert inside.cat("inner.txt") == b"content"
