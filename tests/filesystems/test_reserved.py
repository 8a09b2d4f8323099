"""Nothing under a reserved name is reached by an app, on any store."""

import io
from typing import Any

import pytest
from fs import errors
from places import make_place

import flask_pyfs as fs
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.names import Reserved

SERVED = ["s3-moto", "gridfs", "swift"]
KINDS = ["local", "memory", "pyfs", "migrating", *SERVED]
SECRET = f"{UPLOADS}/x/1"

# each reads, writes, lists or tells something of a path
STANDARD: dict[str, Any] = {
    "open": lambda fs, path: fs.open(path),
    "open w": lambda fs, path: fs.open(path, "w"),
    "openbin": lambda fs, path: fs.openbin(path),
    "openbin a": lambda fs, path: fs.openbin(path, "a"),
    "openbin r+": lambda fs, path: fs.openbin(path, "r+"),
    "readbytes": lambda fs, path: fs.readbytes(path),
    "readtext": lambda fs, path: fs.readtext(path),
    "download": lambda fs, path: fs.download(path, io.BytesIO()),
    "getinfo": lambda fs, path: fs.getinfo(path, ["details"]),
    "getsize": lambda fs, path: fs.getsize(path),
    "gettype": lambda fs, path: fs.gettype(path),
    "exists": lambda fs, path: fs.exists(path),
    "isfile": lambda fs, path: fs.isfile(path),
    "isdir": lambda fs, path: fs.isdir(path),
    "islink": lambda fs, path: fs.islink(path),
    "isempty": lambda fs, path: fs.isempty(path),
    "hash": lambda fs, path: fs.hash(path, "md5"),
    "geturl": lambda fs, path: fs.geturl(path),
    "hasurl": lambda fs, path: fs.hasurl(path),
    "getsyspath": lambda fs, path: fs.getsyspath(path),
    "hassyspath": lambda fs, path: fs.hassyspath(path),
    "desc": lambda fs, path: fs.desc(path),
    "listdir": lambda fs, path: fs.listdir(path),
    "scandir": lambda fs, path: list(fs.scandir(path)),
    "filterdir": lambda fs, path: list(fs.filterdir(path)),
    "walk": lambda fs, path: list(fs.walk(path)),
    "opendir": lambda fs, path: fs.opendir(path),
    "writebytes": lambda fs, path: fs.writebytes(path, b"theirs"),
    "appendbytes": lambda fs, path: fs.appendbytes(path, b"theirs"),
    "upload": lambda fs, path: fs.upload(path, io.BytesIO(b"theirs")),
    "touch": lambda fs, path: fs.touch(path),
    "create": lambda fs, path: fs.create(path, wipe=True),
    "setinfo": lambda fs, path: fs.setinfo(path, {}),
    "makedir": lambda fs, path: fs.makedir(path, recreate=True),
    "makedirs": lambda fs, path: fs.makedirs(path, recreate=True),
    "remove": lambda fs, path: fs.remove(path),
    "removedir": lambda fs, path: fs.removedir(path),
    "removetree": lambda fs, path: fs.removetree(path),
    "copy from": lambda fs, path: fs.copy(path, "b.txt", overwrite=True),
    "copy to": lambda fs, path: fs.copy("a.txt", path, overwrite=True),
    "move from": lambda fs, path: fs.move(path, "b.txt", overwrite=True),
    "move to": lambda fs, path: fs.move("a.txt", path, overwrite=True),
    "copydir from": lambda fs, path: fs.copydir(path, "d", create=True),
    "copydir to": lambda fs, path: fs.copydir("e", path, create=True),
    "movedir from": lambda fs, path: fs.movedir(path, "d", create=True),
    "movedir to": lambda fs, path: fs.movedir("e", path, create=True),
}
#: What the base class asks no path for.
TELLS_NOTHING = {"geturl", "hasurl", "getsyspath", "hassyspath", "desc", "islink", "gettype", "setinfo"}

VERBS: dict[str, Any] = {
    "put": lambda store, path: store.put(path, io.BytesIO(b"theirs")),
    "open_write": lambda store, path: store.open_write(path).close(),
    "fetch": lambda store, path: store.fetch(path),
    "open_read": lambda store, path: store.open_read(path),
    "read_file": lambda store, path: store.read_file(path),
    "facts": lambda store, path: store.facts(path),
    "has_file": lambda store, path: store.has_file(path),
    "delete_tree": lambda store, path: store.delete_tree(path),
    "delete_version": lambda store, path: store.delete_version(path, "x"),
    "replace_version": lambda store, path: store.replace_version(path, io.BytesIO(), "x"),
    "copy_file": lambda store, path: store.copy_file(path, "b.txt"),
    "copy_file to": lambda store, path: store.copy_file("a.txt", path),
    "move_file": lambda store, path: store.move_file(path, "b.txt"),
    "move_file to": lambda store, path: store.move_file("a.txt", path),
    "join_files": lambda store, path: store.join_files([path], "b.txt"),
    "join_files to": lambda store, path: store.join_files(["a.txt"], path),
}


@pytest.fixture(params=[pytest.param(kind, marks=[pytest.mark.server] if kind in SERVED else []) for kind in KINDS])
def storage(request, app, configure_storage):
    """A storage with a PREFIX, a file, and a piece of an unfinished upload."""
    if request.param == "migrating":
        settings = {"SOURCE": "local", "TARGET": "memory", "SOURCE_PREFIX": "in/side", "TARGET_PREFIX": "in/side"}
        place = {"BACKEND": "migrating", **settings}
        with app.app_context():
            yield filled(configure_storage("files", place))
        return
    with make_place(request.param, request) as place, app.app_context():
        yield filled(configure_storage("files", {**place, "PREFIX": "in/side"}))


def filled(storage):
    storage.write("a.txt", b"content")
    storage.write("e/f.txt", b"content")
    secret(storage, io.BytesIO(b"secret"))
    return storage


def secret(storage, content=None):
    path = Reserved.of(storage.backend.prefix, SECRET.partition("/")[2])
    if content is not None:
        storage.backend.store.put(path, content)
    return storage.backend.store.read_file(path)


@pytest.mark.parametrize("path", [SECRET, "/e/../.FLASK_PYFS/uploads/x", ".flask_pyfs", ".flask_pyfs-new"])
def test_no_standard_method_reaches_one(storage, path):
    whole = storage.fs
    for handle in (whole, whole.opendir("/"), whole.makedir("e", recreate=True)):
        for name, call in STANDARD.items():
            try:
                call(handle, path)
            except (errors.FSError, ValueError):
                continue
            assert name in TELLS_NOTHING, name
    with pytest.raises(errors.InvalidPath):
        storage.fs.getinfo(path)
    assert secret(storage) == b"secret"
    assert sorted(storage.list_files()) == ["a.txt", "e/f.txt"]


def test_no_listing_shows_one(storage):
    handle = storage.fs
    shown = ["a.txt", "e"]
    assert sorted(handle.listdir("/")) == shown
    assert sorted(info.name for info in handle.scandir("/", ["details"])) == shown
    assert len(list(handle.scandir("/", page=(0, 1)))) == 1
    assert sorted(info.name for info in handle.filterdir("/")) == shown
    assert sorted(handle.walk.files()) == ["/a.txt", "/e/f.txt"]
    assert list(handle.walk.dirs()) == ["/e"]
    assert sorted(match.path for match in handle.glob("**")) == ["/a.txt", "/e/", "/e/f.txt"]
    drawn = io.StringIO()
    handle.tree(file=drawn)
    assert "flask_pyfs" not in drawn.getvalue()
    assert sorted(name for name, _ in storage.backend.entries()) == ["a.txt", "e/f.txt"]
    assert sorted(name for name, _ in storage.backend.level()) == ["a.txt", "e/"]


def test_who_removes_everything_leaves_unfinished_uploads(storage):
    storage.fs.removetree("/")
    assert storage.fs.isempty("/")
    assert storage.fs.listdir("/") == list(storage.list_files()) == []
    assert secret(storage) == b"secret"


def test_a_verb_takes_one_only_from_who_means_it(storage):
    store, above = storage.backend.store, storage.backend.prefix and f"{storage.backend.prefix}/"
    store.put("a.txt", io.BytesIO(b"content"))
    for path in (above + SECRET, above + ".flask_pyfs", above + ".Flask_PYFS/uploads/x/1"):
        for name, call in VERBS.items():
            with pytest.raises(errors.FSError):
                pytest.fail(f"{name}: {call(store, path)}")
    assert secret(storage) == b"secret"


def test_no_operation_of_a_storage_takes_one(storage):
    for call in (storage.read, storage.exists, storage.delete, storage.metadata, storage.url, storage.version):
        with pytest.raises(fs.InvalidPath):
            call(SECRET)
    for call in (
        lambda: list(storage.list_files(".flask_pyfs")),
        lambda: storage.write(SECRET, b""),
        lambda: storage.copy(SECRET, "b"),
        lambda: storage.move("a.txt", SECRET),
    ):
        with pytest.raises(fs.InvalidPath):
            call()
    assert secret(storage) == b"secret"
