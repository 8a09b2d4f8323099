"""Symbolic links: nothing outside the root is read, written, listed or deleted through one."""

import io
import itertools
import os
import shutil

import fs.copy
import fs.errors
import pytest
from fs.memoryfs import MemoryFS
from robust import make_storage, tree

from flask_pyfs import FSError

SECRET = b"TOP SECRET"
REFUSED = (FSError, fs.errors.FSError)

OUT = {
    "to_file": "{outside}/secret.txt",
    "to_directory": "{outside}",
    "to_sibling": "{root}-evil",
    "relative": "../../outside",
    "relative_file": "../../outside/secret.txt",
    "dotted": "{root}/../../outside",
    "chain": "chain2",
    "chain2": "deep/chain3",
    "deep/chain3": "../to_directory",
    "back_in": "{outside}/back/../secret.txt",
    "through": "to_directory/below",
    "broken": "{outside}/new.txt",
    "broken_directory": "{outside}/new/new.txt",
    "deep/er/out": "../../../../outside",
}


@pytest.fixture
def place(tmp_path):
    """A root with links out of it, and a function that makes it anew."""
    outside, root = tmp_path / "outside", tmp_path / "root" / "files"

    def build():
        for directory in (outside, root, root.with_name("files-evil")):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
        (outside / "below").mkdir()
        (outside / "empty").mkdir()
        (outside / "secret.txt").write_bytes(SECRET)
        (outside / "below" / "secret.txt").write_bytes(SECRET)
        (outside / "back").symlink_to(root)
        (root.with_name("files-evil") / "secret.txt").write_bytes(SECRET)
        (root / "deep" / "er").mkdir(parents=True)
        (root / "inside.txt").write_bytes(b"inside")
        for name, target in OUT.items():
            (root / name).symlink_to(target.format(outside=outside, root=root))

    build()
    return tmp_path, build


def untouched(directory):
    return tree(directory / "outside"), tree(directory / "root" / "files-evil")


def take(iterator):
    return list(itertools.islice(iterator, 10_000))


def write_through(file):
    with file:
        file.write("x" if isinstance(file, io.TextIOBase) else b"x")


def read_through(file):
    with file:
        return file.read()


# What must be refused for a link that leads out, and for anything below it
STORAGE = {
    "read": lambda storage, name: storage.read(name),
    "read_chunks": lambda storage, name: take(storage.read_chunks(name)),
    "open": lambda storage, name: read_through(storage.open(name)),
    "open rb": lambda storage, name: read_through(storage.open(name, "rb")),
    "open w": lambda storage, name: write_through(storage.open(name, "w")),
    "open x": lambda storage, name: write_through(storage.open(name, "xb")),
    "open a": lambda storage, name: write_through(storage.open(name, "a")),
    "write": lambda storage, name: storage.write(name, b"x"),
    "write over": lambda storage, name: storage.write(name, b"x", overwrite=True),
    "save": lambda storage, name: storage.save(io.BytesIO(b"x"), name, overwrite=True),
    "save below": lambda storage, name: storage.save(io.BytesIO(b"x"), "new.txt", prefix=name),
    "copy from": lambda storage, name: storage.copy(name, "copied"),
    "copy to": lambda storage, name: storage.copy("inside.txt", name, overwrite=True),
    "copy to new": lambda storage, name: storage.copy("inside.txt", name),
    "move from": lambda storage, name: storage.move(name, "moved"),
    "move to": lambda storage, name: storage.move("inside.txt", name, overwrite=True),
    "move to new": lambda storage, name: storage.move("inside.txt", name),
    "metadata": lambda storage, name: storage.metadata(name),
}
HANDLE = {
    "getinfo": lambda handle, name: handle.getinfo(name, ["details", "link", "lstat", "stat", "access"]),
    "gettype": lambda handle, name: handle.gettype(name),
    "getsize": lambda handle, name: handle.getsize(name),
    "getsyspath": lambda handle, name: handle.getsyspath(name),
    "geturl": lambda handle, name: handle.geturl(name),
    "readbytes": lambda handle, name: handle.readbytes(name),
    "readtext": lambda handle, name: handle.readtext(name),
    "download": lambda handle, name: handle.download(name, io.BytesIO()),
    "hash": lambda handle, name: handle.hash(name, "sha1"),
    "open r": lambda handle, name: read_through(handle.open(name)),
    "open r+": lambda handle, name: write_through(handle.open(name, "r+b")),
    "open a": lambda handle, name: write_through(handle.open(name, "a")),
    "open w": lambda handle, name: write_through(handle.open(name, "w")),
    "open w+": lambda handle, name: write_through(handle.open(name, "w+b")),
    "openbin x": lambda handle, name: write_through(handle.openbin(name, "x")),
    "writebytes": lambda handle, name: handle.writebytes(name, b"x"),
    "appendbytes": lambda handle, name: handle.appendbytes(name, b"x"),
    "upload": lambda handle, name: handle.upload(name, io.BytesIO(b"x")),
    "writefile": lambda handle, name: handle.writefile(name, io.BytesIO(b"x")),
    "touch": lambda handle, name: handle.touch(name),
    "create": lambda handle, name: handle.create(name, wipe=True),
    "setinfo": lambda handle, name: handle.setinfo(name, {"details": {"modified": 1, "accessed": 1}}),
    "settimes": lambda handle, name: handle.settimes(name),
    "makedir": lambda handle, name: handle.makedir(name),
    "makedir again": lambda handle, name: handle.makedir(name, recreate=True),
    "makedirs": lambda handle, name: handle.makedirs(name, recreate=True),
    "makedirs below": lambda handle, name: handle.makedirs(f"{name}/new/new", recreate=True),
    "opendir": lambda handle, name: handle.opendir(name),
    "listdir": lambda handle, name: handle.listdir(name),
    "scandir": lambda handle, name: take(handle.scandir(name)),
    "isempty": lambda handle, name: handle.isempty(name),
    "removedir": lambda handle, name: handle.removedir(name),
    "removetree": lambda handle, name: handle.removetree(name),
    "copy from": lambda handle, name: handle.copy(name, "copied"),
    "copy to": lambda handle, name: handle.copy("inside.txt", name, overwrite=True),
    "move from": lambda handle, name: handle.move(name, "moved"),
    "move to": lambda handle, name: handle.move("inside.txt", name, overwrite=True),
    "copydir": lambda handle, name: handle.copydir(name, "copied", create=True),
    "copydir to": lambda handle, name: handle.copydir("deep", name, create=True),
    "movedir": lambda handle, name: handle.movedir(name, "moved", create=True),
    "movedir to": lambda handle, name: handle.movedir("deep", name, create=True),
}


@pytest.mark.parametrize("operation", STORAGE)
def test_a_storage_refuses(operation, place):
    directory, _ = place
    before, inside = untouched(directory), tree(directory / "root" / "files")
    storage, _ = make_storage(directory)
    for link in OUT:
        for name in (link, f"{link}/secret.txt", f"{link}/below/secret.txt", f"{link}/new.txt", f"{link}/empty"):
            with pytest.raises(FSError):
                STORAGE[operation](storage, name)
    assert untouched(directory) == before
    storage.fs.remove_leftovers(older_than=0)
    assert {path: what for path, what in tree(directory / "root" / "files").items() if path != ".flask_pyfs"} == inside


@pytest.mark.parametrize("operation", HANDLE)
def test_the_handle_refuses(operation, place):
    directory, _ = place
    before = untouched(directory)
    storage, _ = make_storage(directory)
    for link in OUT:
        for name in (link, f"{link}/secret.txt", f"{link}/below", f"{link}/new.txt", f"{link}/empty"):
            with pytest.raises(REFUSED):
                HANDLE[operation](storage.fs, name)
    assert untouched(directory) == before


def test_what_is_outside_does_not_exist(place):
    directory, _ = place
    storage, app = make_storage(directory)
    client = app.test_client()

    def ask(question, name):
        try:
            return question(name)
        except REFUSED:
            return False

    for link in OUT:
        for name in (link, f"{link}/secret.txt", f"{link}/below"):
            for question in (storage.exists, storage.__contains__, storage.fs.exists, storage.fs.isfile):
                assert ask(question, name) is False
            assert ask(storage.fs.isdir, name) is False
            for method in ("GET", "HEAD"):
                response = client.open(f"/files/{name}", method=method, buffered=True)
                assert response.status_code == 404
                assert SECRET not in response.data


def test_nothing_is_listed_through_links(place):
    directory, _ = place
    storage, _ = make_storage(directory)
    handle = storage.fs
    assert list(storage.list_files()) == ["inside.txt"]
    for link in OUT:
        for prefix in (link, f"{link}/", f"{link}/sec"):
            try:
                assert list(storage.list_files(prefix)) == []
            except FSError:
                assert "/" in prefix
    assert take(handle.walk.files()) == ["/inside.txt"]
    assert take(handle.walk.dirs()) == ["/deep", "/deep/er"]
    assert sorted(handle.listdir("/")) == ["deep", "inside.txt"]
    assert {info.name for info in handle.scandir("/", ["details", "link", "lstat"])} == {"deep", "inside.txt"}
    assert [match.path for match in handle.glob("**/*.txt")] == ["/inside.txt"]
    copied = MemoryFS()
    fs.copy.copy_fs(handle, copied)
    assert take(copied.walk.files()) == ["/inside.txt"]


def test_deleting_a_link_deletes_only_the_link(place):
    directory, build = place
    root = directory / "root" / "files"
    before, inside = untouched(directory), tree(root)
    storage, _ = make_storage(directory)
    for delete in (storage.delete, storage.fs.remove):
        for link in OUT:
            build()
            delete(link)
            assert untouched(directory) == before
            assert tree(root) == {path: what for path, what in inside.items() if path != link}


@pytest.mark.parametrize("follow", [False, True])
def test_deleting_a_tree_does_not_go_through_its_links(place, follow):
    directory, build = place
    root = directory / "root" / "files"
    before = untouched(directory)
    storage, _ = make_storage(directory, FOLLOW_SYMLINKS=follow)
    for delete in (storage.delete, storage.fs.removetree):
        build()
        delete("deep")
        assert untouched(directory) == before
        assert not (root / "deep").exists()
        assert (root / "inside.txt").exists()
    build()
    storage.fs.removetree("/")
    assert untouched(directory) == before
    assert list(storage.list_files()) == []


def test_deleting_below_a_link_is_refused(place):
    directory, _ = place
    before = untouched(directory)
    storage, _ = make_storage(directory)
    for link in OUT:
        for name in (f"{link}/secret.txt", f"{link}/below", f"{link}/empty"):
            for delete in (storage.delete, storage.fs.remove, storage.fs.removetree, storage.fs.removedir):
                with pytest.raises(REFUSED):
                    delete(name)
    assert untouched(directory) == before


def test_a_root_that_is_a_link(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "root").symlink_to(real)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(SECRET)
    storage, _ = make_storage(tmp_path)
    storage.write("d/a.txt", b"content")
    os.symlink("a.txt", real / "files" / "d" / "alias")
    os.symlink(outside, real / "files" / "out")
    assert storage.read("d/alias") == b"content"
    with pytest.raises(FSError):
        storage.read("out/secret.txt")
    assert set(storage.list_files()) == {"d/a.txt", "d/alias"}
    storage.copy("d/alias", "d/a.txt", overwrite=True)
    storage.move("d/a.txt", "d/alias", overwrite=True)
    assert storage.read("d/alias") == b"content"
    storage.delete("d")
    assert list(storage.list_files()) == []


# Links that stay inside


@pytest.fixture
def inside(tmp_path):
    """A storage with links that stay inside its root, and that root."""
    storage, _ = make_storage(tmp_path)
    storage.write("real/file.txt", b"content")
    storage.write("other.txt", b"other")
    root = tmp_path / "root" / "files"
    (root / "empty").mkdir()
    (root / "alias").symlink_to("real/file.txt")
    (root / "directory").symlink_to("real")
    (root / "to_alias").symlink_to("alias")
    (root / "to_empty").symlink_to("empty")
    (root / "missing").symlink_to("real/missing.txt")
    return storage, root


def test_links_inside_are_followed(inside):
    storage, root = inside
    for name in ("alias", "to_alias", "directory/file.txt"):
        assert storage.read(name) == b"content"
        assert storage.exists(name)
        assert storage.metadata(name)["size"] == 7
    storage.write("directory/new.txt", b"new")
    assert storage.read("real/new.txt") == b"new"
    storage.write("to_alias", b"changed", overwrite=True)
    assert storage.read("real/file.txt") == b"changed"
    assert (root / "to_alias").is_symlink()
    assert not storage.exists("missing")
    storage.write("missing", b"made")
    assert storage.read("real/missing.txt") == b"made"


@pytest.mark.parametrize("link", ["alias", "directory", "to_alias", "to_empty", "missing"])
def test_deleting_a_link_inside_keeps_what_it_leads_to(inside, link):
    storage, root = inside
    before = tree(root)
    for delete in (storage.delete, storage.fs.remove):
        target = os.readlink(root / link)
        delete(link)
        assert tree(root) == {path: what for path, what in before.items() if path != link}
        (root / link).symlink_to(target)


def test_a_link_is_no_directory_that_can_be_removed(inside):
    storage, root = inside
    with pytest.raises(fs.errors.DirectoryExpected):
        storage.fs.removedir("to_empty")
    assert (root / "empty").is_dir()
    storage.fs.removetree("to_empty")
    storage.fs.removetree("directory")
    assert (root / "empty").is_dir()
    assert storage.read("real/file.txt") == b"content"


def test_moving_a_link_keeps_the_file_that_it_leads_to(inside):
    storage, _ = inside
    storage.move("alias", "moved.txt")
    assert storage.read("moved.txt") == b"content"
    assert not storage.exists("alias")
    assert storage.read("real/file.txt") == b"content"


def test_a_file_is_not_lost_between_its_two_names(inside):
    storage, _ = inside
    storage.copy("real/file.txt", "alias", overwrite=True)
    storage.copy("alias", "real/file.txt", overwrite=True)
    storage.move("real/file.txt", "to_alias", overwrite=True)
    assert storage.read("real/file.txt") == b"content"


def test_a_link_to_unfinished_files_is_not_followed(inside):
    storage, root = inside
    with storage.open("new", "wb") as file:
        file.write(b"half")
        file.flush()
        (root / "peek").symlink_to(".flask_pyfs")
        assert not [name for name in storage.list_files() if name.startswith("peek")]
        for operation in (lambda: storage.fs.listdir("peek"), lambda: storage.write("peek/x", b"x")):
            with pytest.raises(REFUSED):
                operation()


LOOPS = {"self": "self", "one": "two", "two": "one", "d/up": "..", "root": ".", "d/e/top": "../..", "x/y": "../y/x"}
LOOPS |= {"y/x": "../x/y", "left/to_right": "../right", "right/to_left": "../left"}


@pytest.mark.parametrize("follow", [False, True])
def test_loops_end(tmp_path, follow):
    storage, app = make_storage(tmp_path, FOLLOW_SYMLINKS=follow)
    names = {"a.txt", "d/a.txt", "d/e/a.txt", "left/l.txt", "right/r.txt"}
    for name in names:
        storage.write(name, b"x")
    root = tmp_path / "root" / "files"
    for name, target in LOOPS.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)
    listed = take(storage.list_files())
    assert names <= set(listed)
    assert len(listed) < 200
    for name in ("self", "one", "two", "x/y", "self/a", "one/a"):
        with pytest.raises(FSError):
            storage.read(name)
        assert app.test_client().get(f"/files/{name}").status_code == 404
    walked = take(storage.fs.walk.files())
    assert {f"/{name}" for name in names} <= set(walked)
    assert len(walked) < 200
    for name in [*LOOPS, "d", "left", "x", "y"]:
        storage.delete(name)
    assert set(storage.list_files()) == {"a.txt", "right/r.txt"}


# FOLLOW_SYMLINKS


def test_links_out_work_where_they_are_to_be_followed(tmp_path):
    outside = tmp_path / "outside"
    (outside / "below").mkdir(parents=True)
    (outside / "secret.txt").write_bytes(SECRET)
    storage, app = make_storage(tmp_path, FOLLOW_SYMLINKS=True)
    storage.write("a.txt", b"a")
    root = tmp_path / "root" / "files"
    (root / "to_file").symlink_to(outside / "secret.txt")
    (root / "out").symlink_to(outside)
    assert storage.read("to_file") == storage.read("out/secret.txt") == SECRET
    assert app.test_client().get("/files/out/secret.txt", buffered=True).data == SECRET
    assert set(storage.list_files()) == {"a.txt", "to_file", "out/secret.txt"}
    assert set(storage.fs.walk.files()) == {"/a.txt", "/to_file", "/out/secret.txt"}
    storage.write("out/below/new.txt", b"new")
    assert (outside / "below" / "new.txt").read_bytes() == b"new"
    storage.write("to_file", b"changed", overwrite=True)
    assert (outside / "secret.txt").read_bytes() == b"changed"
    storage.move("out/below/new.txt", "out/new.txt")
    storage.copy("out/new.txt", "new.txt")
    assert storage.read("new.txt") == b"new"
    before = tree(outside)
    storage.delete("out")
    storage.delete("to_file")
    assert tree(outside) == before
    assert set(storage.list_files()) == {"a.txt", "new.txt"}
