"""A root that is deleted, renamed, replaced or unmounted while an app runs, and one that cannot be written to."""

import os
import shutil
import subprocess

import pytest
from robust import make_storage, run_script, tree

from flask_pyfs import BackendError, ConfigurationError, FileNotFound, FSError
from flask_pyfs.filesystems.local.root import Root

READS = {
    "read": lambda storage: storage.read("a"),
    "exists": lambda storage: storage.exists("a"),
    "metadata": lambda storage: storage.metadata("a"),
    "open": lambda storage: storage.open("a"),
    "open to append": lambda storage: storage.open("a", "ab"),
    "list": lambda storage: list(storage.list_files()),
    "entries": lambda storage: list(storage.entries()),
    "list a prefix": lambda storage: list(storage.list_files("d/")),
    "copy": lambda storage: storage.copy("a", "b"),
    "move": lambda storage: storage.move("a", "b"),
    "delete": lambda storage: storage.delete("a"),
    "delete_version": lambda storage: storage.delete_version("a", "x"),
    "replace_version": lambda storage: storage.replace_version("a", b"x", "x"),
}
WRITES = {
    "write": lambda storage: storage.write("a", b"new"),
    "write below": lambda storage: storage.write("d/a", b"new"),
    "overwrite": lambda storage: storage.write("a", b"new", overwrite=True),
    "open": lambda storage: storage.open("a", "wb").close(),
}


@pytest.fixture
def storage(tmp_path):
    storage, _ = make_storage(tmp_path)
    storage.write("a", b"content")
    storage.write("d/b", b"content")
    return storage


def refused(operation, storage):
    with pytest.raises(BackendError, match="is gone; is it mounted") as raised:
        operation(storage)
    assert storage.root in str(raised.value)
    assert raised.value.storage == "files"


@pytest.mark.parametrize("how", ["deleted", "renamed"])
@pytest.mark.parametrize("write", WRITES)
def test_a_root_that_is_gone_is_made_again_by_a_write(storage, tmp_path, how, write):
    if how == "deleted":
        shutil.rmtree(storage.root)
    else:
        os.rename(storage.root, f"{storage.root}.old")
    for operation in READS.values():
        refused(operation, storage)
        assert not os.path.exists(storage.root)
    WRITES[write](storage)
    assert len(list(storage.list_files())) == 1
    with pytest.raises(FileNotFound):
        storage.read("d/b")


@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced", "replaced with the root"])
def test_no_root_is_made_in_another_parent(storage, tmp_path, how):
    parent = os.path.dirname(storage.root)
    os.rename(parent, f"{parent}.old")
    if how == "deleted":
        shutil.rmtree(f"{parent}.old")
    if how.startswith("replaced"):
        os.mkdir(parent)
    if how == "replaced with the root":
        os.mkdir(storage.root)
    before = tree(tmp_path)
    if how == "replaced with the root" and os.major(os.stat(parent).st_dev) == 0:
        # such file systems may give directories other numbers at any time
        assert list(storage.list_files()) == []
        return
    for name, operation in {**READS, **WRITES}.items():
        if how == "replaced with the root" and name in ("write", "write below", "overwrite", "open"):
            # what tells is a missing file: the root is there, on the same disk
            continue
        refused(operation, storage)
    assert tree(tmp_path) == before


def test_a_root_that_is_moved_away_and_back(storage):
    parent = os.path.dirname(storage.root)
    os.rename(parent, f"{parent}.old")
    refused(READS["read"], storage)
    os.rename(f"{parent}.old", parent)
    assert storage.read("a") == b"content"
    assert not storage.exists("missing")


def test_a_root_that_is_moved_behind_a_link(storage, tmp_path):
    os.rename(storage.root, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", storage.root)
    storage.write("b", b"new")
    assert sorted(storage.list_files()) == ["a", "b", "d/b"]
    assert storage.read("a") == b"content"
    storage.delete("a")
    assert sorted(storage.list_files()) == ["b", "d/b"]


def test_a_root_that_somebody_made_again_is_taken(storage):
    os.rename(storage.root, f"{storage.root}.old")
    os.mkdir(storage.root)
    assert list(storage.list_files()) == []
    assert not storage.exists("a")
    storage.write("a", b"new")
    assert storage.read("a") == b"new"


def test_a_root_that_is_a_file(storage):
    shutil.rmtree(storage.root)
    with open(storage.root, "wb"):
        pass
    for operation in {**READS, **WRITES}.values():
        refused(operation, storage)
    assert os.path.isfile(storage.root)


def test_a_root_that_is_made_again_has_its_permissions(tmp_path):
    storage, _ = make_storage(tmp_path, DIR_MODE="0711")
    storage.write("a", b"x")
    shutil.rmtree(storage.root)
    storage.write("a", b"x")
    assert os.stat(storage.root).st_mode & 0o777 == 0o711


def test_nobody_looks_for_the_root_of_a_file_that_is_there(storage, monkeypatch):
    looks = []
    require = Root.require
    monkeypatch.setattr(Root, "require", lambda root: looks.append(root) or require(root))
    storage.read("a")
    storage.exists("a")
    storage.write("new", b"x")
    storage.write("new", b"x", overwrite=True)
    storage.metadata("new")
    storage.delete("new")
    assert looks == []
    assert not storage.exists("new")
    assert len(looks) == 1


@pytest.mark.parametrize("place", ["root", "above"])
def test_a_disk_that_is_unmounted(tmp_path, place):
    before = ["unshare", "--mount"]
    if subprocess.run([*before, "true"], check=False).returncode:
        before = ["unshare", "--map-root-user", "--mount"]
    assert run_script("child_unmounted.py", tmp_path, place, before=before) == "checked\n"


# The directory of unfinished files


def spoil(root, how):
    directory = os.path.join(root, ".flask_pyfs")
    if os.path.isdir(directory):
        os.rmdir(directory)
    if how == "file":
        with open(directory, "wb"):
            pass
    else:
        os.symlink("nowhere" if how == "broken link" else "d", directory)


@pytest.mark.parametrize("how", ["file", "broken link", "link"])
def test_what_is_no_directory_for_unfinished_files_is_named(storage, how):
    spoil(storage.root, how)
    version = storage.version("a")
    for operation in (
        lambda: storage.write("a", b"new", overwrite=True),
        lambda: storage.open("a", "wb"),
        lambda: storage.copy("a", "b"),
        lambda: storage.replace_version("a", b"new", version),
        lambda: storage.delete_version("a", version),
    ):
        with pytest.raises(ConfigurationError, match=r"\.flask_pyfs' is (not a directory|a symbolic link).*remove it"):
            operation()
    assert storage.read("a") == b"content"
    assert set(storage.list_files()) == {"a", "d/b"}
    # a start does not fail either
    again, _ = make_storage(os.path.dirname(os.path.dirname(storage.root)))
    assert again.read("a") == b"content"


def test_braces_in_the_path_of_the_root(tmp_path):
    storage, _ = make_storage(tmp_path / "{path}{0}")
    storage.write("a", b"x")
    shutil.rmtree(storage.root)
    refused(READS["read"], storage)
    storage.write("a", b"x")
    spoil(storage.root, "file")
    with pytest.raises(FSError, match=r"\.flask_pyfs"):
        storage.write("a", b"x", overwrite=True)


# A root behind a link that is switched, as deployments do


@pytest.fixture(params=["root", "above"])
def releases(request, tmp_path):
    """A storage whose ROOT is a link, or lies behind one, and a function that switches it to a release."""
    for number in (1, 2):
        (tmp_path / "releases" / str(number) / "files").mkdir(parents=True)
    link = tmp_path / "root" / "files" if request.param == "root" else tmp_path / "root"
    link.parent.mkdir(exist_ok=True)

    def switch(number):
        release = tmp_path / "releases" / str(number)
        os.symlink(release / "files" if request.param == "root" else release, f"{link}.new")
        os.replace(f"{link}.new", link)
        return release / "files"

    switch(1)
    storage, _ = make_storage(tmp_path)
    return storage, switch


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_link_that_is_switched_is_followed(releases, is_deleted):
    storage, switch = releases
    storage.write("a", b"old")
    storage.write("only/old", b"old")
    new = switch(2)
    if is_deleted:
        shutil.rmtree(new.parent.parent / "1")
    assert list(storage.list_files()) == []
    assert not storage.exists("a")
    for name, write in WRITES.items():
        write(storage)
        assert (new / ("d/a" if name == "write below" else "a")).exists(), name
        storage.delete("a")
        storage.delete("d")
    storage.write("a", b"new")
    assert storage.fs.readbytes("a") == b"new"
    with open(storage.path("a"), "rb") as file:
        assert file.read() == b"new"
    assert (new.parent.parent / "1").exists() is not is_deleted
    if not is_deleted:
        old = switch(1)
        assert storage.read("a") == b"old"
        assert sorted(storage.list_files()) == ["a", "only/old"]
        assert (old / "a").read_bytes() == b"old"


def test_a_release_that_is_gone_is_not_made_again(releases):
    storage, switch = releases
    storage.write("a", b"old")
    release = switch(1).parent
    shutil.rmtree(release)
    for operation in {**READS, **WRITES}.values():
        with pytest.raises(BackendError, match="is gone; is it mounted"):
            operation(storage)
    assert not release.exists()


@pytest.mark.parametrize("link", ["removed", "to a release that is not there yet"])
def test_what_no_link_leads_to_any_longer_is_not_made_again(releases, tmp_path, link):
    storage, switch = releases
    storage.write("a", b"old")
    old = switch(1)
    shutil.rmtree(old)
    if link == "removed":
        os.unlink(tmp_path / "root" / "files" if (tmp_path / "root" / "files").is_symlink() else tmp_path / "root")
    else:
        switch(3)
    for operation in {**READS, **WRITES}.values():
        with pytest.raises(BackendError, match="is gone; is it mounted"):
            operation(storage)
    assert not old.exists()


def test_a_root_behind_a_link_is_made_again(releases):
    storage, switch = releases
    storage.write("a", b"old")
    root = switch(1)
    shutil.rmtree(root)
    storage.write("b", b"new")
    assert (root / "b").read_bytes() == b"new"


def test_nobody_follows_a_root_without_a_link(storage, monkeypatch):
    monkeypatch.setattr(Root, "_follow", None)
    storage.read("a")
    storage.write("new", b"x")
    assert not storage.exists("missing")
