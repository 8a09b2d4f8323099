"""LocalFS beyond what any PyFilesystem promises."""

import ctypes
import errno
import io
import itertools
import os
import shutil
import stat
import threading
from contextlib import suppress

import fs.copy
import fs.errors
import fs.move
import pytest
from fs import open_fs
from fs.memoryfs import MemoryFS

from flask_pyfs.filesystems.local import LocalFS, renames
from flask_pyfs.filesystems.store import OtherVersion


@pytest.fixture
def local(tmp_path):
    return LocalFS(str(tmp_path / "root"), create=True)


def unfinished(local):
    directory = os.path.join(local.getsyspath("/"), ".flask_pyfs")
    return os.listdir(directory) if os.path.isdir(directory) else []


def test_by_url(tmp_path):
    with open_fs(f"local://{tmp_path}/made", create=True) as local:
        assert isinstance(local, LocalFS)
        local.writebytes("a", b"x")
    assert (tmp_path / "made" / "a").read_bytes() == b"x"
    with pytest.raises(fs.errors.CreateFailed):
        open_fs(f"local://{tmp_path}/missing")


def test_a_root_that_another_process_makes_first(tmp_path, monkeypatch):
    makedirs = os.makedirs

    def late(path, *arguments, **options):
        if not os.path.isdir(path):
            os.mkdir(path)
        return makedirs(path, *arguments, **options)

    monkeypatch.setattr(os, "makedirs", late)
    LocalFS(str(tmp_path / "made"), create=True).writebytes("a", b"x")
    assert (tmp_path / "made" / "a").read_bytes() == b"x"


def test_variables_in_the_root_are_not_expanded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSEWHERE", str(tmp_path / "elsewhere"))
    LocalFS("$ELSEWHERE", create=True).writebytes("a", b"x")
    assert (tmp_path / "$ELSEWHERE" / "a").read_bytes() == b"x"


# Names


@pytest.mark.parametrize("path", ["../x", "a/../../x", "..", "/../x"])
def test_no_way_up(local, tmp_path, path):
    (tmp_path / "x").write_bytes(b"outside")
    operations = [
        lambda: local.readbytes(path),
        lambda: local.writebytes(path, b"x"),
        lambda: local.upload(path, io.BytesIO(b"x")),
        lambda: local.put(path, io.BytesIO(b"x")),
        lambda: local.open_write(path),
        lambda: local.fetch(path),
        lambda: local.facts(path),
        lambda: list(local.iter_files(path)) if path != ".." else local.listdir(path),
        lambda: local.delete_tree(path),
        lambda: local.remove(path),
        lambda: local.removetree(path),
        lambda: local.getsyspath(path),
        lambda: local.makedir(path),
        lambda: local.opendir(path),
    ]
    for operation in operations:
        with pytest.raises((fs.errors.IllegalBackReference, fs.errors.FSError)):
            operation()
    assert (tmp_path / "x").read_bytes() == b"outside"
    assert sorted(os.listdir(tmp_path)) == ["root", "x"]


@pytest.mark.parametrize("path", [".flask_pyfs", ".flask_pyfs/x", "a/.flask_pyfs/x", ".flask_pyfs-x", "/.flask_pyfs"])
def test_unfinished_files_are_out_of_reach(local, path):
    with local.open("new", "wb") as file:
        file.write(b"half")
        file.flush()
        for operation in (
            lambda: local.readbytes(path),
            lambda: local.writebytes(path, b"x"),
            lambda: local.put(path, io.BytesIO(b"x")),
            lambda: local.listdir(path),
            lambda: local.makedir(path),
            lambda: local.delete_tree(path),
            lambda: local.removetree(path),
            lambda: local.getinfo(path),
        ):
            with pytest.raises(fs.errors.FSError):
                operation()
        assert local.listdir("/") == []
        assert list(local.walk()) == [("/", [], [])]
        assert list(local.iter_files()) == []
    assert local.readbytes("new") == b"half"


def test_deleting_everything_leaves_unfinished_files(local):
    local.put("a/b", io.BytesIO(b"x"))
    with local.open("new", "wb") as file:
        file.write(b"half")
        local.delete_tree("/")
        assert local.listdir("/") == []
    assert local.readbytes("new") == b"half"


def test_special_files_are_no_files(local, tmp_path):
    os.mkfifo(tmp_path / "root" / "pipe")
    for operation in (local.facts, local.fetch):
        with pytest.raises(fs.errors.ResourceNotFound):
            operation("pipe")
    assert list(local.iter_files()) == []
    local.delete_tree("pipe")
    assert local.listdir("/") == []


# Copies and moves of directories


@pytest.fixture
def tree(local):
    for name in ("d/a", "d/e/b"):
        local.put(name, io.BytesIO(name.encode()))
    return {"d/a", "d/e/b"}


def test_a_directory_is_not_lost_when_it_moves_onto_itself(local, tree):
    for target in ("d", "/d", "d/", "./d"):
        try:
            local.movedir("d", target)
        except fs.errors.FSError:
            assert set(local.iter_files()) == tree
        assert set(local.iter_files()) == tree
    assert local.readbytes("d/e/b") == b"d/e/b"


@pytest.mark.parametrize("target", ["d/new", "d/e", "d/e/deeper"])
def test_a_directory_is_not_lost_when_it_moves_into_itself(local, tree, target, monkeypatch):
    makedir, calls = local.makedir, itertools.count()

    def count(*arguments, **options):
        assert next(calls) < 100, "it copies what it has just copied, for ever"
        return makedir(*arguments, **options)

    monkeypatch.setattr(local, "makedir", count)
    try:
        local.movedir("d", target, create=True)
    except fs.errors.FSError:
        assert tree <= set(local.iter_files())
    contents = [local.readbytes(name) for name in local.iter_files()]
    assert {b"d/a", b"d/e/b"} <= set(contents)


def test_a_directory_is_not_lost_when_it_moves_to_a_link_to_itself(local, tree, tmp_path):
    (tmp_path / "root" / "alias").symlink_to("d")
    for source, target in (("d", "alias"), ("alias", "d")):
        try:
            local.movedir(source, target)
        except fs.errors.FSError:
            assert tree <= set(local.iter_files())
        assert {b"d/a", b"d/e/b"} <= {local.readbytes(name) for name in local.iter_files()}


def test_directories_move_and_copy(local, tree):
    local.copydir("d", "copied", create=True)
    local.movedir("d", "moved", create=True)
    assert set(local.iter_files()) == {"copied/a", "copied/e/b", "moved/a", "moved/e/b"}
    assert not local.exists("d")


def test_the_functions_of_fs(local, tree, tmp_path):
    other = LocalFS(str(tmp_path / "other"), create=True)
    memory = MemoryFS()
    fs.copy.copy_fs(local, other)
    fs.copy.copy_fs(other, memory)
    fs.move.move_file(other, "d/a", local, "moved")
    fs.move.move_file(memory, "d/a", local, "from memory")
    fs.move.move_file(local, "moved", local, "d/a")
    assert set(local.iter_files()) == tree | {"from memory"}
    assert set(other.iter_files()) == {"d/e/b"}
    fs.move.move_fs(other, local)
    assert set(local.iter_files()) == tree | {"from memory"}
    assert unfinished(local) == []


def test_onto_itself(local):
    local.put("a", io.BytesIO(b"content"))
    for overwrite in (False, True):
        for operation in (local.copy_file, local.move_file):
            operation("a", "/a", overwrite=overwrite)
    for operation in (local.copy, local.move):
        operation("a", "a", overwrite=True)
        with pytest.raises(fs.errors.DestinationExists):
            operation("a", "a")
    fs.move.move_file(local, "a", local, "a")
    assert local.readbytes("a") == b"content"
    assert local.listdir("/") == ["a"]


def test_a_file_with_two_names_moves(local, tmp_path):
    local.put("a", io.BytesIO(b"content"))
    os.link(tmp_path / "root" / "a", tmp_path / "root" / "b")
    local.move_file("a", "b", overwrite=True)
    assert local.listdir("/") == ["b"]
    assert local.readbytes("b") == b"content"


# Races, step by step


def test_a_file_that_moves_while_leftovers_are_removed_is_not_lost(local, monkeypatch):
    local.writebytes("a", b"content")
    rename = os.rename

    def renamed(source, target):
        rename(source, target)
        # the file is as old as it was under its name
        LocalFS(local.getsyspath("/")).remove_leftovers(older_than=-60)

    # else it moves in one step
    monkeypatch.setattr(renames, "_renameat2", lambda: None)
    monkeypatch.setattr(os, "rename", renamed)
    local.move_file("a", "b", overwrite=False)
    assert local.listdir("/") == ["b"]
    assert local.readbytes("b") == b"content"


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_movers_of_one_file(local, overwrite):
    """One of them has it, and the other leaves nothing where it was told that there is no such file."""
    for _ in range(100):
        local.put("a", io.BytesIO(b"content"))
        barrier = threading.Barrier(2)
        moved = []

        def move(target, barrier=barrier, moved=moved):
            barrier.wait(60)
            with suppress(fs.errors.ResourceNotFound):
                local.move_file("a", target, overwrite=overwrite)
                moved.append(target)

        threads = [threading.Thread(target=move, args=(target,)) for target in ("b", "c")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert local.listdir("/") == moved
        local.delete_tree(moved[0])


def test_a_move_that_comes_too_late_leaves_no_directories(local, monkeypatch):
    local.put("a", io.BytesIO(b"x"))
    find = local._found

    def and_then_it_goes(path):
        found = find(path)
        os.unlink(local.getsyspath(path))
        return found

    monkeypatch.setattr(local, "_found", and_then_it_goes)
    with pytest.raises(fs.errors.ResourceNotFound):
        local.move_file("a", "not/there/yet/b")
    assert local.listdir("/") == []


def test_parents_that_are_deleted_while_a_file_gets_its_name(local, monkeypatch):
    mkdir = os.mkdir

    def and_gone_again(path, *arguments, **options):
        mkdir(path, *arguments, **options)
        if str(path).endswith("/d/e"):
            monkeypatch.setattr(os, "mkdir", mkdir)
            local.delete_tree("d")

    monkeypatch.setattr(os, "mkdir", and_gone_again)
    local.put("d/e/a", io.BytesIO(b"x"))
    assert local.readbytes("d/e/a") == b"x"


@pytest.fixture(params=[True, False], ids=["renameat2", "without renameat2"])
def no_links(request, monkeypatch):
    """A file system without hard links."""

    def refuse(*arguments, **options):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    if not request.param:
        monkeypatch.setattr(renames, "_renameat2", lambda: None)


def test_without_hard_links_a_loser_leaves_the_winner_alone(local, no_links):
    first, second = (local.open_write("a", overwrite=False) for _ in range(2))
    first.write(b"first")
    second.write(b"second")
    first.close()
    with pytest.raises(fs.errors.FileExists):
        second.close()
    assert local.readbytes("a") == b"first"
    assert unfinished(local) == []


def test_without_hard_links_a_rename_that_fails_leaves_no_name(local, no_links, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EIO, "not here")

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(renames, "_renameat2", lambda: None)
    with pytest.raises(fs.errors.FSError):
        local.put("a", io.BytesIO(b"x"), overwrite=False)
    assert local.listdir("/") == []
    assert unfinished(local) == []


def test_without_anything_an_overwriter_of_the_reserved_name_stays(local, monkeypatch, no_links):
    monkeypatch.setattr(renames, "_renameat2", lambda: None)
    lexists = os.path.lexists

    def and_taken(path):
        monkeypatch.setattr(os.path, "lexists", lexists)
        if str(path).endswith("/a"):
            local.put("a", io.BytesIO(b"theirs"))
        return lexists(path)

    file = local.open_write("a", overwrite=False)
    file.write(b"ours")
    monkeypatch.setattr(os.path, "lexists", and_taken)
    with pytest.raises(fs.errors.FileExists):
        file.close()
    assert local.readbytes("a") == b"theirs"
    assert unfinished(local) == []


# what file systems say to a request that they do not know: (link, renameat2) -> whether the write is tried otherwise
REFUSALS = [(code, True) for code in ("EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK")]
REFUSALS += [(code, False) for code in ("EIO", "ENOSPC", "EACCES", "EROFS", "EDQUOT", "ESTALE")]


@pytest.mark.parametrize(("code", "goes_on"), REFUSALS)
def test_errors_of_link(local, monkeypatch, code, goes_on):
    def refuse(*arguments, **options):
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(os, "link", refuse)
    for known in (renames._renameat2(), None):
        monkeypatch.setattr(renames, "_renameat2", lambda known=known: known)
        if goes_on:
            local.put("d/a", io.BytesIO(b"x"), overwrite=False)
            with pytest.raises(fs.errors.FileExists):
                local.put("d/a", io.BytesIO(b"y"), overwrite=False)
            assert local.readbytes("d/a") == b"x"
            local.delete_tree("d")
        else:
            with pytest.raises(fs.errors.FSError):
                local.put("d/a", io.BytesIO(b"x"), overwrite=False)
        assert local.listdir("/") == []
        assert unfinished(local) == []


@pytest.mark.parametrize("code", ["ENOSYS", "EINVAL", "EOPNOTSUPP", "ENOTSUP", "EPERM"])
def test_a_system_that_does_not_know_renameat2(local, monkeypatch, code):
    monkeypatch.setattr(renames, "_renameat2", lambda: lambda source, target, flag: getattr(errno, code))
    version = local.put("a", io.BytesIO(b"old"))
    local.put("taken", io.BytesIO(b""))
    newer = local.replace_version("a", io.BytesIO(b"new"), version)
    with pytest.raises(OtherVersion):
        local.replace_version("a", io.BytesIO(b"lost"), version)
    with pytest.raises(fs.errors.FileExists):
        local.move_file("a", "taken", overwrite=False)
    local.move_file("a", "b", overwrite=False)
    assert local.facts("b").version == newer
    assert local.readbytes("b") == b"new"
    assert unfinished(local) == []


@pytest.mark.parametrize("code", ["EIO", "EACCES", "EROFS", "ENOSPC"])
def test_a_failure_of_renameat2_is_told(local, monkeypatch, code):
    version = local.put("a", io.BytesIO(b"old"))
    monkeypatch.setattr(renames, "_renameat2", lambda: lambda source, target, flag: getattr(errno, code))
    for operation in (
        lambda: local.replace_version("a", io.BytesIO(b"new"), version),
        lambda: local.move_file("a", "b", overwrite=False),
    ):
        with pytest.raises(fs.errors.FSError):
            operation()
    assert local.readbytes("a") == b"old"
    assert unfinished(local) == []


@pytest.mark.skipif(not renames._renameat2(), reason="the system has no renameat2")
def test_renameat2_by_its_number(tmp_path, monkeypatch):
    class WithoutIt(ctypes.CDLL):
        def __getattr__(self, name):
            if name == "renameat2":
                raise AttributeError(name)
            return super().__getattr__(name)

    monkeypatch.setattr(ctypes, "CDLL", WithoutIt)
    call = renames._renameat2.__wrapped__()
    monkeypatch.setattr(renames, "_renameat2", lambda: call)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert renames.exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "a").read_text() == "b"
    with pytest.raises(FileExistsError):
        renames.rename_new(str(tmp_path / "a"), str(tmp_path / "b"))
    assert renames.rename_new(str(tmp_path / "a"), str(tmp_path / "c"))
    with pytest.raises(FileNotFoundError):
        renames.exchange(str(tmp_path / "a"), str(tmp_path / "b"))


# Requests that a network file system repeats


@pytest.fixture
def repeating(monkeypatch):
    """A file system that does each request twice, and tells the result of the second time, as NFS does if an answer is
    lost.
    """
    for name in ("link", "rename", "unlink"):
        once = getattr(os, name)

        def twice(*arguments, once=once, **options):
            once(*arguments, **options)
            return once(*arguments, **options)

        monkeypatch.setattr(os, name, twice)
    monkeypatch.setattr(renames, "_renameat2", lambda: None)


@pytest.mark.parametrize("durable", [False, True])
def test_requests_that_are_repeated(tmp_path, repeating, durable):
    local = LocalFS(str(tmp_path), durable=durable)
    version = local.put("a", io.BytesIO(b"one"), overwrite=False)
    with pytest.raises(fs.errors.FileExists):
        local.put("a", io.BytesIO(b"no"), overwrite=False)
    assert local.facts("a").version == version
    version = local.put("a", io.BytesIO(b"two"))
    assert local.facts("a").version == version
    with local.open("a", "wb") as file:
        file.write(b"three")
    with local.open("b", "xb") as file:
        file.write(b"four")
    local.copy_file("b", "c", overwrite=False)
    local.move_file("c", "d", overwrite=False)
    with pytest.raises(fs.errors.FileExists):
        local.move_file("d", "b", overwrite=False)
    local.move_file("d", "b", overwrite=True)
    newer = local.replace_version("a", io.BytesIO(b"five"), local.facts("a").version or "")
    assert local.facts("a").version == newer
    assert not local.delete_version("a", version)
    assert local.delete_version("a", newer)
    assert {name: local.readbytes(name) for name in local.iter_files()} == {"b": b"four"}
    assert unfinished(local) == []


# Versions


def test_the_versions_of_what_a_link_leads_to(local, tmp_path):
    """As write and delete do: what is replaced is the file, and what is deleted is the link."""
    version = local.put("real/a", io.BytesIO(b"old"))
    os.symlink("real/a", tmp_path / "root" / "link")
    newer = local.replace_version("link", io.BytesIO(b"new"), version)
    assert local.readbytes("real/a") == b"new"
    assert local.facts("link").version == local.facts("real/a").version == newer
    assert not local.delete_version("link", version)
    assert local.delete_version("link", newer)
    assert set(local.iter_files()) == {"real/a"}
    with pytest.raises(OtherVersion):
        local.replace_version("link", io.BytesIO(b"x"), newer)


@pytest.mark.parametrize("path", ["missing", "d", "a/below", "loop", "d/e/f"])
def test_what_is_no_file_has_no_version(local, tmp_path, path):
    version = local.put("a", io.BytesIO(b"x"))
    local.put("d/b", io.BytesIO(b"x"))
    os.symlink("loop", tmp_path / "root" / "loop")
    assert not local.delete_version(path, version)
    with pytest.raises((OtherVersion, fs.errors.ResourceNotFound)):
        local.replace_version(path, io.BytesIO(b"new"), version)
    assert set(local.iter_files()) == {"a", "d/b"}
    assert unfinished(local) == []


def test_no_version_outside_is_touched(local, tmp_path):
    version = LocalFS(str(tmp_path)).put("outside", io.BytesIO(b"x"))
    os.symlink(tmp_path / "outside", tmp_path / "root" / "link")
    for operation in (
        lambda: local.replace_version("link", io.BytesIO(b"new"), version),
        lambda: local.delete_version("link", version),
    ):
        with pytest.raises(fs.errors.InvalidPath):
            operation()
    assert (tmp_path / "outside").read_bytes() == b"x"


def test_another_version_is_told_before_the_stream_is_read(local):
    local.put("a", io.BytesIO(b"x"))
    stream = io.BytesIO(b"new")
    with pytest.raises(OtherVersion):
        local.replace_version("a", stream, "other")
    assert stream.tell() == 0


def test_a_change_in_place_makes_another_version(local):
    version = local.put("a", io.BytesIO(b"x"))
    with local.open("a", "ab") as file:
        file.write(b"y")
    assert not local.delete_version("a", version)
    assert local.readbytes("a") == b"xy"


def test_writers_and_deleters_of_one_directory(local, soak):
    """What was written after the last deletion is there, and nobody is told of an error."""
    stop = threading.Event()
    failures = []

    def repeat(operation):
        while not stop.is_set():
            try:
                operation()
            except BaseException as error:
                failures.append(error)
                return

    def write(number):
        local.put(f"d/e{number}/f", io.BytesIO(b"x" * 1000))

    writers = [threading.Thread(target=repeat, args=(lambda number=number: write(number),)) for number in range(3)]
    deleter = threading.Thread(target=repeat, args=(lambda: local.delete_tree("d"),))
    for thread in (*writers, deleter):
        thread.start()
    stop.wait(20 if soak else 0.2)
    stop.set()
    for thread in (*writers, deleter):
        thread.join(60)
    assert failures == []
    for number in range(3):
        write(number)
    assert set(local.iter_files()) == {f"d/e{number}/f" for number in range(3)}
    assert unfinished(local) == []


def test_two_deleters(local):
    for _ in range(20):
        for number in range(50):
            local.put(f"d/{number % 5}/{number}", io.BytesIO(b""))
        failures = []

        def delete(failures=failures):
            try:
                local.delete_tree("d")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=delete) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert local.listdir("/") == []


def test_a_directory_that_another_deletes_meanwhile(local, monkeypatch):
    local.put("d/a", io.BytesIO(b""))
    unlink = os.unlink

    def another(path, **options):
        try:
            unlink(path, **options)
        except IsADirectoryError:
            shutil.rmtree(path)
            raise

    monkeypatch.setattr(os, "unlink", another)
    local.delete_tree("d")
    assert local.listdir("/") == []


# Files of special modes


def test_an_appending_handle_changes_in_place(local):
    local.writebytes("a", b"one")
    with local.open("a", "ab") as file:
        file.write(b"two")
    local.appendtext("a", "three")
    assert local.readbytes("a") == b"onetwothree"
    with local.open("a", "r+b") as file:
        file.write(b"ONE")
    assert local.readbytes("a") == b"ONEtwothree"


def test_reading_back_before_closing(local):
    local.writebytes("a", b"old")
    with local.open("a", "w+") as file:
        file.write("new\ncontent")
        file.seek(0)
        assert file.readlines() == ["new\n", "content"]
    with local.open("a", "w+b", buffering=0) as file:
        file.write(b"raw")
        file.seek(0)
        assert file.read() == b"raw"
        buffer = bytearray(2)
        file.seek(1)
        assert file.readinto(buffer) == 2
        assert buffer == b"aw"
    assert local.readbytes("a") == b"raw"


def test_line_buffering(local):
    with local.open("a", "w", line_buffering=True) as file:
        assert file.line_buffering
        file.write("x\n")
    assert local.readtext("a") == "x\n"


def test_permissions_of_a_file_that_is_replaced_are_those_of_a_new_one(tmp_path):
    local = LocalFS(str(tmp_path), mode=0o600)
    local.put("a", io.BytesIO(b"x"))
    os.chmod(tmp_path / "a", 0o666)
    local.put("a", io.BytesIO(b"y"))
    assert stat.S_IMODE(os.stat(tmp_path / "a").st_mode) == 0o600


def test_a_closed_filesystem_refuses(local):
    local.writebytes("a", b"x")
    local.close()
    for operation in (
        lambda: local.readbytes("a"),
        lambda: local.put("b", io.BytesIO(b"x")),
        lambda: local.delete_tree("a"),
        lambda: local.facts("a"),
    ):
        with pytest.raises(fs.errors.FilesystemClosed):
            operation()


def test_listing_is_lazy_and_survives_changes(local):
    for number in range(300):
        local.put(f"d{number}/f", io.BytesIO(b""))
    names = local.iter_files()
    first = next(names)
    local.delete_tree("/")
    rest = list(names)
    assert first not in rest
    assert len(rest) < 300


# Text


@pytest.mark.parametrize("mode", ["a", "r+"])
def test_lines_are_seen_at_once_if_asked_for(local, mode):
    local.writetext("log", "")
    with local.open("log", mode, buffering=1) as file:
        file.write("a line\n")
        assert local.readtext("log") == "a line\n"
        assert file.mode == mode


def test_text_that_cannot_be_opened_leaves_no_file_open(local):
    local.writetext("a", "text")
    with pytest.raises(ValueError, match="unbuffered"):
        local.open("a", "r", buffering=0)
    for mode in ("r", "a", "w"):
        with pytest.raises(LookupError):
            local.open("a", mode, encoding="nope")
    assert local.readtext("a") == "text"


def test_a_move_to_another_case_on_a_disk_that_ignores_it(local, monkeypatch):
    def ignoring(function):
        def call(*arguments, **options):
            lower = (each.replace("/Photo.JPG", "/photo.jpg") if isinstance(each, str) else each for each in arguments)
            return function(*lower, **options)

        return call

    for name in ("lstat", "stat", "rename", "unlink", "open", "access", "link"):
        monkeypatch.setattr(os, name, ignoring(getattr(os, name)))
    local.put("Photo.JPG", io.BytesIO(b"content"))
    local.move_file("Photo.JPG", "photo.jpg", overwrite=True)
    monkeypatch.undo()
    assert local.readbytes("photo.jpg") == b"content"
