"""Files of any name on FTP servers: those that tell facts, and those that only print listings."""

import gc
import os
import socket
import socketserver
import threading
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from fs import errors
from fs.copy import copy_file
from fs.memoryfs import MemoryFS
from servers.ftp import KINDS, pyftpd

import flask_pyfs as fs
from flask_pyfs.filesystems.ftp import FTPFS, _parsed

# FTPFS leaves the sockets of a seek, and of a server that refuses, to the garbage collector
pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

NAMES = [
    " lead; a=b.txt",
    "type=dir;size=5; trail ",
    "a -> b.txt",
    'dir"with/"quotes" 100%41',
    "[dir]*/-a",
    "-rw-r--r-- 1 user group 5 Jan 01 12:00 x.txt",
    "ünï/çödé.txt",
    ".hidden",
]
# those of a run with --soak
MORE = [
    "a;b.txt",
    " lead.txt",
    "   more",
    "trail.txt ",
    "dir; name = x/ in;side ",
    "->",
    "=",
    ";",
    'quo"te""d.txt',
    "it's [a-z]*?.txt",
    "-la",
    "01-01-26  12:00PM  <DIR>          x",
    "total 5",
    "x" * 200,
    "...",
    "~",
]
WIDE = ["日本.txt", "a\u2028b", "🎉.png"]
# no new file gets one of these
OLD = ["a\x1cb", "a\x0bb", "a\tb", "back\\slash"]


@pytest.fixture(autouse=True, scope="module")
def collected():
    """Let the garbage collector find such sockets here and not in another module."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("ftp")


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def address(kind, directory):
    (directory / kind).mkdir(exist_ok=True)
    with pyftpd(directory / kind, kind) as address:
        yield address


@pytest.fixture
def place(directory, kind, address):
    """An empty directory of the server."""
    place = directory / kind / "root" / str(uuid.uuid4())
    place.mkdir()
    return place


@pytest.fixture
def storage(app, configure_storage, address, place):
    storage = configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": f"ftp://{address}/{place.name}"})
    with app.app_context():
        yield storage
        storage.fs.close()


def test_each_operation_finds_files_of_any_name(storage, kind, soak):
    now = datetime.now(timezone.utc)
    # all servers are sent the same; a server without facts lists a directory for each step, and how is tested below
    names = NAMES if soak or kind in ("facts", "narrow") else NAMES[::3]
    names = names + (WIDE[:1] if kind != "narrow" else []) + (MORE if soak else [])
    for name in names:
        assert storage.write(name, name) == name
    assert sorted(storage.list_files()) == sorted(names)
    for number, name in enumerate(names):
        content = name.encode()
        assert storage.exists(name)
        assert storage.read(name) == content
        metadata = storage.metadata(name)
        assert metadata["size"] == len(content)
        # a listing tells minutes
        assert abs(metadata["modified"] - now) < timedelta(minutes=5)
        with pytest.raises(fs.FileExists):
            storage.write(name, "other")
        storage.copy(name, f"copies/{number}")
        storage.delete(name)
        assert not storage.exists(name)
        storage.move(f"copies/{number}", name)
        assert storage.read(name) == content
    assert sorted(storage.list_files()) == sorted(names)
    for name in names:
        storage.delete(name)
    assert list(storage.list_files()) == []


def test_each_name_is_that_of_the_disk(storage, place, kind):
    names = [name for name in NAMES + MORE if "/" not in name and name.isascii()] + OLD
    for name in names:
        (place / name).write_text(name)
    assert sorted(storage.list_files()) == sorted(names)
    assert [storage.read(name).decode() for name in names] == names
    storage.write(" new; ", "content")
    assert (place / " new; ").read_text() == "content"


def test_names_that_cannot_be_sent(app, storage, kind):
    names = ["a\nb", "a\r\nDELE canary", "a\rb", "a\udce9b", *(WIDE if kind == "narrow" else [])]
    storage.write("canary", "content")
    client = app.test_client()
    for name in names:
        assert not storage.exists(name)
        for call in (
            storage.read,
            storage.open,
            storage.metadata,
            storage.delete,
            storage.version,
            lambda name: storage.write(name, "content", overwrite=True),
            lambda name: storage.copy("canary", name),
        ):
            with pytest.raises(fs.InvalidPath):
                call(name)
        if name.isprintable():
            assert client.get(storage.url(name)).status_code == 404
    assert list(storage.list_files()) == ["canary"]


def test_a_name_that_is_no_text_breaks_no_listing(storage, place, kind):
    (place / "a.txt").write_text("content")
    with open(os.path.join(os.fsencode(place), b"caf\xe9.txt"), "w"):
        pass
    assert "a.txt" in list(storage.list_files())
    assert storage.read("a.txt") == b"content"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "narrow"], indirect=True, scope="module")
def test_a_name_in_nfd_is_found(storage, place, kind):
    (place / "cafe\u0301.txt").write_text("content")
    assert list(storage.list_files()) == ["cafe\u0301.txt"]
    assert storage.read("cafe\u0301.txt") == b"content"


def test_the_standard_methods_find_them_too(storage, kind):
    filesystem = storage.fs
    for name in (" a;b", 'c"d '):
        filesystem.makedir(name)
        filesystem.writetext(f"{name}/{name}", "content")
        assert filesystem.listdir(name) == [name]
        assert filesystem.readtext(f"{name}/{name}") == "content"
        filesystem.setinfo(f"{name}/{name}", {"details": {"modified": 1_000_000_000}})
        assert filesystem.getinfo(f"{name}/{name}", ["details"]).size == 7
        with pytest.raises(errors.DirectoryNotEmpty):
            filesystem.removedir(name)
        filesystem.removetree(name)
    assert filesystem.listdir("/") == []


def shown(line):
    return [(info.name, info.is_dir, info.get("details", "size"), info.modified) for info in _parsed(line)]


def at(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-rw-r--r--   1 1000  1000       5 Jan 02  2020 a.txt", ("a.txt", False, 5, at(2020, 1, 2))),
        ("-rw-r--r--+  1 CORP+ann  domain\\x       5 Jan 02  2020   a ", ("  a ", False, 5, at(2020, 1, 2))),
        ("-rw-r--r--@ 1 ? ? 5 Jan  2 2020 a -> b", ("a -> b", False, 5, at(2020, 1, 2))),
        ("drwxr-sr-t 1 a b 0 Jan  2 2020 e\u0301", ("e\u0301", True, 0, at(2020, 1, 2))),
        ("lrwxrwxrwx 1 a b 0 Jan  2 2020  l -> a -> b", (" l", True, 0, at(2020, 1, 2))),
        ("12-31-19  03:33PM                 9276 logo.gif", ("logo.gif", False, 9276, at(2019, 12, 31, 15, 33))),
        ("02-11-2018  15:33                 9276  logo", (" logo", False, 9276, at(2018, 2, 11, 15, 33))),
        ("02-11-18  02:12PM       <DIR>           images", (" images", True, None, at(2018, 2, 11, 14, 12))),
        ("02-11-18  02:12PM <DIR> images", ("images", True, None, at(2018, 2, 11, 14, 12))),
    ],
)
def test_the_lines_of_listings(line, expected):
    (found,) = shown(line)
    # without a size, it is not asked for
    assert found == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "total 5",
        "prw-r--r-- 1 a b 0 Jan  2 2020 pipe",
        "srwxr-xr-x 1 a b 0 Jan  2 2020 socket",
        "no listing at all",
    ],
)
def test_lines_that_name_no_file(line):
    assert shown(line) == []


def test_facts_of_mlsd():
    found = FTPFS("host")._described

    def facts(text, name):
        return [(info.name, info.is_dir, info.get("details", "size")) for info in found(text, name)]

    assert facts("Type=FILE;Size=5;Perm=r;", " a;b=c ") == [(" a;b=c ", False, 5)]
    assert facts("type=dir", "d") == [("d", True, 0)]
    assert facts("size=5;", "/full/path/a") == [("a", False, 5)]
    assert facts("", "a") == [("a", False, 0)]
    for kind, name in (("cdir", "."), ("pdir", ".."), ("dir", "."), ("OS.unix=slink:/x", "l")):
        assert facts(f"type={kind};", name) == []


def test_a_lost_connection_is_replaced(storage, kind):
    storage.write("a.txt", "content")
    storage.fs.delegate_fs().delegate_fs().ftp.sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(fs.BackendError):
        storage.read("a.txt")
    assert storage.read("a.txt") == b"content"


def test_a_transfer_that_ended_early_is_no_whole_file(configure_storage, app, tmp_path):
    with pyftpd(tmp_path, "failing") as address:
        storage = configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": f"ftp://{address}/"})
        content = b"x" * 1_000_000
        (tmp_path / "root" / "a.txt").write_bytes(content)
        with app.app_context(), MemoryFS() as other, storage.fs as filesystem:
            for operation in (
                lambda: storage.read("a.txt"),
                lambda: storage.copy("a.txt", "copy.txt"),
                lambda: storage.move("a.txt", "moved.txt"),
                lambda: b"".join(storage.read_chunks("a.txt")),
            ):
                with pytest.raises(fs.BackendError):
                    operation()
            for operation in (
                lambda: filesystem.readbytes("a.txt"),
                lambda: filesystem.copy("a.txt", "copy.txt", overwrite=True),
                lambda: filesystem.move("a.txt", "moved.txt", overwrite=True),
                lambda: copy_file(filesystem, "a.txt", other, "a.txt"),
                lambda: filesystem.openbin("a.txt").readline(),
                lambda: filesystem.openbin("a.txt").readinto(bytearray(len(content))),
            ):
                with pytest.raises(errors.RemoteConnectionError):
                    operation()
        assert (tmp_path / "root" / "a.txt").read_bytes() == content


def test_files_arrive_whole_over_tls(configure_storage, app, tmp_path):
    with pyftpd(tmp_path, "secure") as address:
        storage = configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": f"ftps://{address}/"})
        # more than the connection holds
        content = os.urandom(5_000_000)
        with app.app_context(), storage.fs as filesystem:
            storage.write("a;b.txt", content)
            storage.copy("a;b.txt", "copy.txt")
            with filesystem.openbin("open.txt", "w") as file:
                file.write(content)
            for name in ("a;b.txt", "copy.txt", "open.txt"):
                assert (tmp_path / "root" / name).read_bytes() == content
                assert storage.read(name) == content
            assert sorted(storage.list_files()) == ["a;b.txt", "copy.txt", "open.txt"]


class Saying(socketserver.StreamRequestHandler):
    """Answers each command with the line of the server, and every other one as a server may."""

    said: dict[str, bytes] = {}

    def handle(self):
        self.wfile.write(b"220 ready\r\n")
        known = {"USER": b"331 go on", "PASS": b"230 welcome", "FEAT": b"211-x\r\n UTF8\r\n MLST type*;\r\n211 End"}
        while line := self.rfile.readline():
            command = line.split()[0].decode()
            self.wfile.write((self.said.get(command) or known.get(command, b"200 fine")) + b"\r\n")


@pytest.fixture
def saying(configure_storage, app):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Saying) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"ftp://user:s3cret@127.0.0.1:{server.server_address[1]}/?timeout=5"
        storage = configure_storage("files", {"BACKEND": "pyfs", "OPEN_URL": url})
        try:
            with app.app_context():
                yield storage
                storage.fs.close()
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "said",
    [
        {"MLST": b"999 odd", "MLSD": b"999 odd"},
        {"MLST": b"350 go on", "PASV": b"227 nowhere", "EPSV": b"229 nowhere"},
        {"MLST": b"250-\xff\r\n type=file; \xff\r\n250 End", "PASV": b"227 \xff", "EPSV": b"229 \xff"},
        {"MLST": b"421 too long", "PASV": b"421 too long", "EPSV": b"421 too long"},
        {"USER": b"999 odd"},
        {"FEAT": b"\xff"},
        {"MLST": b"452 full", "PASV": b"552 full", "EPSV": b"552 full"},
        {"TYPE": b"999 odd", "MLST": b"250-\r\n type=file;size=3; a\r\n250 End"},
        {"RETR": b"999 odd", "MLST": b"250-\r\n type=file;size=3; a\r\n250 End"},
    ],
)
def test_odd_answers_are_errors_of_this_package(saying, said, monkeypatch):
    monkeypatch.setattr(Saying, "said", said)
    for operation in (
        saying.read,
        saying.metadata,
        lambda name: saying.write(name, "content", overwrite=True),
        lambda name: saying.copy(name, "b.txt"),
        lambda name: list(saying.list_files()),
    ):
        with pytest.raises(fs.FSError):
            operation("a.txt")
