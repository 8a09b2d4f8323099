"""MODE, DIR_MODE and DURABLE, and file systems that are mounted inside the root."""

import io
import os
import stat

import pytest
from robust import make_storage, on_small_disk, run_script


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(params=[0o022, 0o077, 0o000])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def create_in_all_ways(storage):
    """Make files, and return their names."""
    storage.write("new/write/a", b"x")
    storage.save(io.BytesIO(b"x"), "new/save/a.txt")
    for mode in ("w", "x", "a"):
        with storage.open(f"new/open/{mode}", mode) as file:
            file.write("x")
    storage.write("new/write/over", b"x")
    storage.write("new/write/over", b"y", overwrite=True)
    storage.copy("new/write/a", "new/copy/a")
    storage.move("new/copy/a", "new/move/a")
    handle = storage.fs
    handle.writebytes("new/bytes", b"x")
    handle.upload("new/upload", io.BytesIO(b"x"))
    handle.copy("new/bytes", "new/copied")
    handle.touch("new/touched")
    handle.appendbytes("new/appended", b"x")
    with handle.open("new/opened", "a+") as file:
        file.write("x")
    return list(storage.list_files())


def test_without_settings_the_umask_decides(tmp_path, umask):
    storage, _ = make_storage(tmp_path)
    for name in create_in_all_ways(storage):
        assert mode_of(storage.path(name)) == 0o666 & ~umask, name
    for name in storage.fs.walk.dirs("new"):
        assert mode_of(storage.path(name)) == 0o777 & ~umask, name


def test_mode(tmp_path, umask):
    storage, _ = make_storage(tmp_path, MODE="0640", DIR_MODE=0o711)
    for name in create_in_all_ways(storage):
        assert mode_of(storage.path(name)) == 0o640, name
    for name in ("new", "new/write", "new/save", "new/open", "new/copy", "new/move"):
        assert mode_of(storage.path(name)) == 0o711, name


def test_the_directory_of_unfinished_files_lets_in_whom_the_others_let_in(tmp_path):
    before = os.umask(0o077)
    try:
        storage, _ = make_storage(tmp_path, MODE="0660", DIR_MODE="0770")
        storage.write("a/b", b"x")
    finally:
        os.umask(before)
    assert mode_of(storage.path("a")) == 0o770
    # another user of the group could not write at all
    assert mode_of(os.path.join(storage.root, ".flask_pyfs")) & 0o770 == 0o770


def test_a_directory_that_is_there_keeps_its_mode(tmp_path):
    storage, _ = make_storage(tmp_path, DIR_MODE="0700")
    os.makedirs(os.path.join(storage.root, "there"), 0o755)
    os.chmod(os.path.join(storage.root, "there"), 0o755)
    storage.write("there/a", b"x")
    assert mode_of(storage.path("there")) == 0o755


def test_a_copy_keeps_the_mode_of_its_source(tmp_path):
    storage, _ = make_storage(tmp_path)
    storage.write("a", b"x")
    os.chmod(storage.path("a"), 0o604)
    storage.copy("a", "b")
    storage.move("b", "c")
    assert mode_of(storage.path("c")) == 0o604


@pytest.fixture
def synced(monkeypatch, real_fsync):
    """What fsync was called for: 'file' or the path of a directory."""
    calls = []

    def record(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        calls.append(path if os.path.isdir(path) else "file")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return calls


def open_and_write(storage):
    with storage.open("a", "wb") as file:
        file.write(b"x")


WRITES = {
    "write": lambda storage: storage.write("a", b"x"),
    "save": lambda storage: storage.save(io.BytesIO(b"x"), "a"),
    "open": open_and_write,
    "copy": lambda storage: storage.copy("there", "a"),
    "replace_version": lambda storage: storage.replace_version("there", b"y", storage.version("there")),
    "fs.upload": lambda storage: storage.fs.upload("a", io.BytesIO(b"x")),
    "fs.copy": lambda storage: storage.fs.copy("there", "a"),
}


@pytest.mark.parametrize("write", WRITES)
def test_durable(tmp_path, synced, write):
    storage, _ = make_storage(tmp_path, DURABLE=True)
    storage.write("there", b"x")
    synced.clear()
    WRITES[write](storage)
    assert synced == ["file", storage.root]


def test_durable_directories(tmp_path, synced):
    storage, _ = make_storage(tmp_path, DURABLE=True)
    storage.write("new/er/a", b"x")
    new = os.path.join(storage.root, "new")
    assert set(synced) == {"file", storage.root, new, os.path.join(new, "er")}
    assert synced[0] == "file"
    assert synced[-1] == os.path.join(new, "er")


def test_durable_move(tmp_path, synced):
    storage, _ = make_storage(tmp_path, DURABLE=True)
    storage.write("a", b"x")
    synced.clear()
    storage.move("a", "b")
    assert storage.root in synced


@pytest.mark.parametrize("write", WRITES)
def test_not_durable(tmp_path, synced, write):
    storage, _ = make_storage(tmp_path)
    storage.write("there", b"x")
    WRITES[write](storage)
    assert synced == []


@pytest.mark.parametrize("durable", ["durable", "fast"])
def test_a_file_system_that_is_mounted_inside(tmp_path, durable):
    mounted = tmp_path / "root" / "files" / "mounted"
    mounted.mkdir(parents=True)
    small = on_small_disk(mounted, "2m")
    assert run_script("child_mounted.py", tmp_path, durable, before=small) == "checked\n"
