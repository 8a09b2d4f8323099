"""Listings with facts, in key order."""

import io
import os
from itertools import islice

import pytest
from fs import errors as fs_errors
from fs.memoryfs import MemoryFS
from fs.osfs import OSFS
from hypothesis import given
from key_order import COMPONENTS, FEW, PREFIXES, TREES, check_order

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS as CarefulMemoryFS
from flask_pyfs.filesystems.store import Facts, StoreFS

SETTINGS = {
    "local": {"BACKEND": "local"},
    "local with PREFIX": {"BACKEND": "local", "PREFIX": "some/where"},
    "memory": {"BACKEND": "memory"},
    "pyfs": {"BACKEND": "pyfs", "OPEN_URL": "temp://"},
}


@pytest.fixture(params=SETTINGS)
def storage(request, app, configure_storage):
    storage = configure_storage("files", SETTINGS[request.param])
    with app.app_context():
        yield storage


@given(names=TREES, prefix=PREFIXES)
@FEW
def test_the_order_is_that_of_keys(storage, names, prefix):
    check_order(storage, names, prefix)


def test_entries_are_values(storage):
    storage.write("a/b.txt", b"content")
    [entry] = storage.entries()
    name, size, modified, content_type = entry
    assert isinstance(entry, fs.Entry)
    assert (name, size, content_type) == ("a/b.txt", 7, "text/plain")
    assert modified == storage.metadata("a/b.txt")["modified"]
    storage.write("unknown", b"")
    assert next(storage.entries("unknown")).content_type == "application/octet-stream"


def test_a_type_that_nobody_knows_is_that_of_the_backend(app, configure_storage, monkeypatch):
    storage = configure_storage("files", {"BACKEND": "memory"})
    monkeypatch.setattr(type(storage.backend), "DEFAULT_MIME", "text/x-unknown")
    storage.write("unknown", b"")
    [entry] = storage.entries()
    assert entry.content_type == storage.metadata("unknown")["mime"] == "text/x-unknown"


@pytest.mark.parametrize("prefix", ["../a", "a/..", "a\0", 5])
def test_an_invalid_prefix_is_refused_at_once(storage, prefix):
    for listing in (storage.entries, storage.list_files):
        with pytest.raises((fs.InvalidPath, AttributeError)):
            listing(prefix)


def test_a_prefix_stands_for_its_spellings(app, configure_storage, tmp_path):
    storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(tmp_path)})
    names = ["e\u0301-1", "e\u0301-3", "\xe9-2", "\xe9-4", "f"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    for prefix in ("\xe9", "/\xe9", ".//\xe9", "e\u0301"):
        assert [entry.name for entry in storage.entries(prefix)] == sorted(names[:4])
    assert [entry.name for entry in storage.entries()] == sorted(names)


def test_what_list_files_hides_is_hidden(app, configure_storage, tmp_path, caplog):
    storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(tmp_path), "PREFIX": "p"})
    for name in ("p/a.txt", "p/b\\..\\c", "p/.flask_pyfs-x", "p/d/.flask_pyfs/x", "q.txt", "p/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "p" / "pipe")
    os.symlink("/etc/passwd", tmp_path / "p" / "out")
    os.symlink("nowhere", tmp_path / "p" / "broken")
    os.symlink("a.txt", tmp_path / "p" / "link")
    assert [entry.name for entry in storage.entries()] == ["a.txt", "link", "z"]
    assert sorted(storage.list_files()) == ["a.txt", "link", "z"]
    assert "is left out, because its name is invalid" in caplog.text


class NoContent(MemoryFS):
    """Lets nobody read a file."""

    def openbin(self, path, mode="r", buffering=-1, **options):
        assert "r" not in mode, "the content was read"
        return super().openbin(path, mode, buffering, **options)


class Blind(BaseBackend):
    """Keeps files whose content nobody can read."""

    options = ()

    def open_fs(self):
        return NoContent()


@pytest.mark.parametrize("kind", ["local", "generic"])
def test_sizes_read_no_content(app, configure_storage, monkeypatch, kind):
    storage = configure_storage("files", {"BACKEND": "local"})
    if kind == "local":
        monkeypatch.setattr(LocalFS, "fetch", lambda *args, **options: pytest.fail("the content was read"))
        monkeypatch.setattr(LocalFS, "read_file", lambda *args, **options: pytest.fail("the content was read"))
    else:
        storage.backend = Blind("files", {})
    storage.write("a.txt", b"content")
    assert storage.size("a.txt") == 7
    assert [entry.size for entry in storage.entries()] == [7]
    metadata = storage.metadata("a.txt", checksum=False)
    assert (metadata["size"], metadata["checksum"], metadata["mime"]) == (7, None, "text/plain")
    # so that is where it would be read
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        storage.metadata("a.txt")


@pytest.mark.parametrize("kind", [CarefulMemoryFS, MemoryFS, "local"])
def test_the_facts_are_those_of_each_file(tmp_path, kind):
    store = LocalFS(str(tmp_path)) if kind == "local" else GenericStore(kind())
    for name in ("a.txt", "b/c.txt", "b/d/e"):
        store.put(name, io.BytesIO(b"x"))
    found = list(store.iter_facts())
    assert [path for path, _ in found] == ["a.txt", "b/c.txt", "b/d/e"]
    assert [facts for _, facts in found] == [store.facts(path) for path, _ in found]
    assert all(facts.version for _, facts in found)


class ListsPaths(GenericStore):
    """Has only what a StoreFS must have."""

    iter_facts = StoreFS.iter_facts  # type: ignore[assignment]


def test_a_store_that_lists_only_paths():
    store = ListsPaths(CarefulMemoryFS())
    for component in reversed(COMPONENTS):
        store.put(f"d/{component}", io.BytesIO())
    listing = store.iter_facts("d/")
    first = [next(listing)]
    store.delete_tree("d/b")
    found = first + list(listing)
    assert [path for path, _ in found] == sorted(f"d/{each}" for each in COMPONENTS if each != "b")
    assert all(isinstance(facts, Facts) for _, facts in found)


def test_a_name_that_a_filesystem_lists_twice():
    class Twice(MemoryFS):
        def scandir(self, path, namespaces=None, page=None):
            for info in super().scandir(path, namespaces, page):
                yield from (info, info)

    store = GenericStore(Twice())
    for name in ("b", "a/b", "a/c"):
        store.put(name, io.BytesIO(b"x"))
    assert [path for path, _ in store.iter_facts()] == list(store.iter_files()) == ["a/b", "a/c", "b"]


def test_a_file_that_is_deleted_while_its_directory_is_listed(tmp_path):
    """OSFS asks for the details of each file after it has read the names, and fails for the whole directory."""

    class Racing(OSFS):
        def scandir(self, path, namespaces=None, page=None):
            if "details" in (namespaces or ()):
                for info in list(super().scandir(path, ["basic"])):
                    if info.name == "b":
                        self.remove("b")
                        raise fs_errors.ResourceNotFound("b")
            return super().scandir(path, namespaces, page)

    store = GenericStore(Racing(str(tmp_path)))
    for name in ("a", "b", "c/d"):
        store.put(name, io.BytesIO(b"x"))
    os.symlink("nowhere", tmp_path / "broken")
    assert [(path, facts.size) for path, facts in store.iter_facts()] == [("a", 1), ("c/d", 1)]


@pytest.mark.parametrize("target", ["d", "nowhere", None])
@pytest.mark.parametrize("kind", ["local", "osfs"])
def test_a_directory_that_becomes_a_link_meanwhile(tmp_path, kind, target):
    root = str(tmp_path)
    store = LocalFS(root) if kind == "local" else GenericStore(OSFS(root))
    for listing in (store.iter_facts, store.iter_files):
        for name in ("a", "d/b", "e"):
            store.put(name, io.BytesIO(b"x"))
        found = listing()
        first = next(found)
        store.delete_tree("d")
        if target:
            os.symlink(target, tmp_path / "d")
        paths = [each if isinstance(each, str) else each[0] for each in (first, *found)]
        assert sorted(paths) == ["a", "e"]
        store.delete_tree("d")


def test_an_error_in_the_middle_names_the_storage(app, configure_storage):
    class Failing(MemoryFS):
        def scandir(self, path, namespaces=None, page=None):
            if path.endswith("c"):
                raise fs_errors.RemoteConnectionError
            return super().scandir(path, namespaces, page)

    class Backend(BaseBackend):
        options = ()

        def open_fs(self):
            return Failing()

    storage = configure_storage("files", {"BACKEND": "memory"})
    storage.backend = Backend("files", {})
    for name in ("a", "b", "c/d"):
        storage.write(name, b"x")
    entries = storage.entries()
    assert [entry.name for entry in islice(entries, 2)] == ["a", "b"]
    with pytest.raises(fs.BackendError) as raised:
        next(entries)
    assert raised.value.storage == "files"
