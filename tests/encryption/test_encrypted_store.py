"""What an encrypted store does with each verb, on each kind of store."""

import io
import os
import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from encrypting import encrypted, new_key
from fs import errors
from places import make_place

from flask_pyfs.encryption.segments import HEADER, SEGMENT, encrypted_size
from flask_pyfs.errors import Undecipherable
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.store import Description, OtherVersion
from flask_pyfs.names import Reserved

KINDS = ["memory", "local", "pyfs", "s3-moto", "gridfs", "swift"]
FIRST, REST = SEGMENT - HEADER - 16, SEGMENT - 16
TYPE = "text/x-odd"


def on(*kinds):
    here = ("memory", "local", "pyfs")
    return [kind if kind in here else pytest.param(kind, marks=pytest.mark.server) for kind in kinds or KINDS]


def content_of(size):
    return random.Random(size).randbytes(size)


@pytest.fixture
def make(app, request, configure_storage, tmp_path):
    """Configure an encrypted storage on a place of its own, or on that of another one."""
    with ExitStack() as stack:
        stack.enter_context(app.app_context())

        def make(kind, *keys, name="files", **settings):
            place = {"BACKEND": "memory"} if kind == "memory" else stack.enter_context(make_place(kind, request))
            if kind == "local":
                place["ROOT"] = str(tmp_path / name)
            keyed = {"ENCRYPTION_KEYS": list(keys)} if keys else {}
            storage = configure_storage(name, {**place, **keyed, **settings})
            stack.callback(storage.backend.store.close)
            return storage

        yield make


@pytest.fixture(params=on())
def storage(request, make):
    return make(request.param, new_key(), new_key())


@pytest.fixture
def store(storage):
    return storage.backend.store


@pytest.fixture
def bare(storage, store):
    """The store below, whose files are encrypted."""
    return storage.backend.bare


def put(store, path, content, **options):
    return store.put(path, io.BytesIO(content), **options)


def is_encrypted(bare, path, content):
    kept = bare.read_file(path)
    return len(kept) == encrypted_size(len(content)) and (len(content) < 8 or content[:64] not in kept)


def test_each_way_to_write_encrypts(store, bare):
    content = content_of(FIRST + 100)
    version = put(store, "a/put", content, content_type=TYPE)
    store.replace_version("a/put", io.BytesIO(content), version)
    with store.open_write("a/written") as file:
        for start in range(0, len(content), 999):
            assert file.write(content[start : start + 999]) == len(content[start : start + 999])
            assert file.tell() == min(start + 999, len(content))
        assert not store.has_file("a/written")
    standard = store.standard
    standard.writebytes("a/bytes", content)
    standard.upload("a/uploaded", io.BytesIO(content))
    with standard.openbin("a/new", "w+") as file:
        file.write(content)
        file.seek(0)
        assert file.read() == content
    with standard.openbin("a/new", "r+") as file:
        file.seek(10)
        file.write(content[10:20])
    standard.writebytes("a/appended", content[:100])
    standard.appendbytes("a/appended", content[100:])
    standard.copy("a/new", "a/copied")
    standard.move("a/uploaded", "a/moved")
    standard.makedir("b")
    standard.copydir("a", "b")
    assert store.join_files(["a/put", "a/new"], "joined") == store.facts("joined").version
    names = {"put", "written", "bytes", "new", "appended", "copied", "moved"}
    assert set(store.iter_files()) == {*(f"{above}/{name}" for above in "ab" for name in names), "joined"}
    for path in store.iter_files():
        expected = content * (2 if path == "joined" else 1)
        assert store.read_file(path) == expected
        assert is_encrypted(bare, path, expected)


def test_a_large_piece_is_not_encrypted_at_once(make):
    content, peaks = bytes(32 * 2**20), []
    storage = make("local", new_key())
    for store in (storage.backend.bare, storage.backend.store):
        with store.open_write("a") as file:
            tracemalloc.start()
            try:
                assert file.write(content) == len(content)
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4 * 2**20


def test_threads_that_write_one_file_take_turns(make):
    store, count, length = make("local", new_key()).backend.store, 99, 3 * SEGMENT
    with store.open_write("a") as file, ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda number: file.write(bytes([number]) * length), range(count))) == {length}
    content = store.read_file("a")
    pieces = {content[start : start + length] for start in range(0, len(content), length)}
    assert pieces == {bytes([number]) * length for number in range(count)}
    assert len(content) == count * length


def test_text_is_stored_as_utf_8(storage):
    storage.write("a.txt", "gr\u00fc\u00dfe")
    storage.write("b.txt", io.StringIO("gr\u00fc\u00dfe"))
    with storage.open("c.txt", "w") as file:
        file.write("gr\u00fc\u00dfe")
    assert {storage.read(name) for name in ("a.txt", "b.txt", "c.txt")} == {"gr\u00fc\u00dfe".encode()}


def test_sizes_are_those_of_the_content(storage, store, bare):
    sizes = {"a/empty": 0, "a/b/small": 5, "a/b/first": FIRST, "a/b/second": FIRST + 1}
    for path, size in sizes.items():
        put(store, path, content_of(size))
    assert {path: facts.size for path, facts in store.iter_facts()} == sizes
    assert {path: facts.size for path, facts in store.iter_level("a/b") if facts} == {
        path: size for path, size in sizes.items() if path != "a/empty"
    }
    standard = store.standard
    for path, size in sizes.items():
        assert store.facts(path).size == standard.getsize(path) == storage.size(path) == size
        assert standard.getinfo(path, ["details"]).size == store.fetch(path, 0, 0)[0].size == size
    found = {path.lstrip("/"): info.size for path, info in standard.walk.info(namespaces=["details"]) if info.is_file}
    assert found == sizes
    assert {info.name: info.size for info in standard.scandir("a/b", ["details"])} == {
        "small": 5,
        "first": FIRST,
        "second": FIRST + 1,
    }
    assert [
        info.size for info in standard.filterdir("a", files=["em*"], exclude_dirs=["*"], namespaces=["details"])
    ] == [0]
    assert {entry.name: entry.size for entry in storage.entries()} == sizes
    assert {path: facts.size for path, facts in bare.iter_facts()} == {
        path: encrypted_size(size) for path, size in sizes.items()
    }


def test_facts_are_those_of_the_store_but_for_size_and_checksum(store, bare):
    described = {"description": Description(None, "inline", "de")} if store.keeps_descriptions else {}
    noted = {"note": "a note"} if store.keeps_notes else {}
    version = put(store, "a.txt", b"content", content_type=TYPE, **described, **noted)
    kept, facts = bare.facts("a.txt", checksum=True), store.facts("a.txt", checksum=True)
    assert facts.checksum is None
    assert facts.version == version == kept.version
    names = ("etag", "modified", "content_type", "mark", "note", "description", "marked")
    assert {name: getattr(facts, name) for name in names} == {name: getattr(kept, name) for name in names}
    if described:
        assert facts.content_language == "de"
    if kept.content_type is not None:
        assert facts.content_type == TYPE
        assert store.fetch("a.txt")[1].content_type == TYPE
    for name in ("checksum_algorithm", "piece_size", "settling", "keeps_notes", "keeps_descriptions"):
        assert getattr(store, name) == getattr(bare, name)
    assert store.decides_versions == bare.decides_versions
    probe = Reserved(".flask_pyfs/probe")
    assert store.learn_conditions(probe) == bare.learn_conditions(probe)


@pytest.mark.parametrize("kind", on("memory", "local", "s3-moto", "gridfs", "swift"))
def test_what_is_fetched_is_what_was_stored(make, kind):
    store = make(kind, new_key()).backend.store
    size = 3 * SEGMENT + 7
    content = content_of(size)
    put(store, "a", content)
    borders = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + REST, FIRST + REST + 1, size - 1, size, size + 1, -1, -REST]
    for start in [*borders, -size, -size - 5]:
        first = max(0, size + start) if start < 0 else start
        for length in (0, 1, 17, REST, None):
            facts, file = store.fetch("a", start, None if length is None else first + length if start >= 0 else None)
            with file:
                assert facts.size == size
                assert file.tell() == 0
                file.seek(first)
                assert file.read(length) == content[first:][:length]
                # the rest is there, too
                file.seek(5)
                assert file.read(5) == content[5:10]


def test_two_requests_are_of_one_version(store, monkeypatch):
    size = 3 * SEGMENT
    contents = [content_of(size), content_of(size - 1), b""]
    put(store, "a", contents[0])
    fetch = store.whole.fetch

    def fetched(path, start=0, stop=None, **options):
        if start and len(contents) > 1:
            del contents[0]
            put(store, "a", contents[0])
        return fetch(path, start, stop, **options)

    monkeypatch.setattr(store.whole, "fetch", fetched)
    for _ in range(2):
        facts, file = store.fetch("a", 2 * SEGMENT)
        with file:
            file.seek(2 * SEGMENT)
            assert file.read() == contents[0][2 * SEGMENT :]
            assert facts.size == len(contents[0])


def test_two_requests_are_of_one_version_though_the_store_knows_none():
    size, replaced = 3 * SEGMENT, []

    class Forgetful(GenericStore):
        def fetch(self, path, start=0, stop=None, **options):
            if start and len(replaced) < 2:
                replaced.append(put(store, path, bytes([len(replaced) + 1]) * size))
            facts, file = super().fetch(path, start, stop, **options)
            return replace(facts, etag=None, modified=None), file

    store = encrypted(Forgetful(MemoryFS()))
    put(store, "a", bytes(size))
    with store.fetch("a", 2 * SEGMENT)[1] as file:
        file.seek(2 * SEGMENT)
        assert file.read() == bytes([2]) * SEGMENT
    assert len(replaced) == 2
    kept = bytearray(store.whole.read_file("a"))
    kept[-1] ^= 1
    put(store.whole, "a", bytes(kept))
    with pytest.raises(Undecipherable):
        store.fetch("a", -1)


def test_an_error_discards_what_was_written(store, bare):
    put(store, "a", b"old")

    def fail():
        with store.open_write("a") as file:
            file.write(content_of(SEGMENT))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    file = store.open_write("b")
    file.write(b"x")
    del file
    store.open_write("c", overwrite=False).close()
    with pytest.raises(errors.FileExists), store.open_write("a", overwrite=False) as file:
        file.write(b"new")
    assert store.read_file("a") == b"old"
    assert set(bare.iter_files()) == {"a", "c"}
    assert store.read_file("c") == b""


def test_copies_and_moves_are_those_of_the_store(store, bare):
    put(store, "a", b"content", content_type=TYPE)
    kept = bare.read_file("a")
    store.copy_file("a", "b")
    store.move_file("a", "c")
    assert bare.read_file("b") == bare.read_file("c") == kept
    assert store.read_file("c") == b"content"
    with pytest.raises((errors.FileExists, errors.DestinationExists)):
        store.copy_file("b", "c", overwrite=False)
    with pytest.raises(errors.ResourceNotFound):
        store.move_file("a", "d")
    version = store.facts("b").version
    put(store, "b", b"other", content_type=TYPE)
    assert not store.delete_version("b", version)
    with pytest.raises(OtherVersion):
        store.replace_version("b", io.BytesIO(b"lost"), version)
    assert store.delete_version("b", store.facts("b").version)
    store.delete_tree("c")
    assert list(bare.iter_files()) == []


def test_joined_files_are_encrypted_anew(store, bare):
    put(store, "a", b"one ")
    put(store, "b", b"two")
    store.join_files(["a", "b"], "c")
    headers = {bare.read_file(path)[:HEADER] for path in "abc"}
    assert len(headers) == 3
    assert store.read_file("c") == b"one two"


@pytest.mark.parametrize("kind", on("local", "s3-moto", "gridfs", "swift"))
def test_a_server_copies_what_the_target_can_read(make, kind):
    first, second = new_key(), new_key()
    source, target = make(kind, first, name="source"), make(kind, second, first, name="target")
    other, plain = make(kind, new_key(), name="other"), make(kind, name="plain")
    for storage in (source, plain):
        storage.write("a.txt", b"content")
    stores = {storage.name: storage.backend.store for storage in (source, target, other, plain)}
    assert stores["target"].copy_from(stores["source"], "a.txt", "a.txt")
    assert target.backend.bare.read_file("a.txt") == source.backend.bare.read_file("a.txt")
    assert target.read("a.txt") == b"content"
    for to, origin in (("source", "target"), ("other", "source"), ("target", "plain"), ("plain", "source")):
        assert not stores[to].copy_from(stores[origin], "a.txt", "b.txt")
        assert not stores[to].has_file("b.txt")


def test_nothing_leads_round_it(store):
    put(store, "a", b"content")
    standard = store.standard
    assert not standard.hassyspath("a")
    assert not standard.hasurl("a")
    for method in (standard.getsyspath, standard.getospath):
        with pytest.raises(errors.NoSysPath):
            method("a")
    with pytest.raises(errors.NoURL):
        standard.geturl("a")
    assert standard.getmeta().get("supports_rename") in (None, False)
    assert store.address("a") is None
    assert store.in_parts("a") is None
    with pytest.raises(io.UnsupportedOperation), store.open_read("a") as file:
        file.fileno()


def test_reserved_names_are_hidden_and_refused(store, bare):
    put(store, "a", b"content")
    path = Reserved(".flask_pyfs/uploads/x")
    put(store, path, b"piece")
    assert list(store.iter_files()) == list(bare.iter_files())
    assert store.shown.listdir("/") == ["a"]
    for refused in (store.shown.readbytes, store.shown.getinfo, store.read_file, store.facts):
        with pytest.raises(errors.InvalidPath):
            refused(str(path))
    assert store.read_file(path) == b"piece"
    assert store.facts(path).size == 5


def test_a_directory_is_a_store_of_its_own(store):
    below = store.standard.makedirs("a/b")
    with below.openbin("c", "w") as file:
        file.write(b"content")
    assert below.readbytes("c") == store.read_file("a/b/c") == b"content"
    assert below.getsize("c") == 7
    assert store.standard.opendir("a").listdir("b") == ["c"]


def test_it_closes_with_its_store(storage):
    store, bare = storage.backend.store, storage.backend.bare
    assert not store.isclosed()
    bare.close()
    assert store.isclosed()
    again = storage.backend.store
    assert again is not store
    again.close()
    assert again.whole.isclosed()


@pytest.mark.parametrize("kind", on("local", "s3-moto", "gridfs", "swift"))
def test_a_child_reads_and_writes(make, kind):
    storage = make(kind, new_key())
    content = content_of(2 * SEGMENT)
    storage.write("a", content)
    with storage.open("a", "rb") as file:
        assert file.read(10) == content[:10]
        child = os.fork()
        if not child:
            failed = True
            try:
                storage.write("b", storage.read("a"))
                failed = file.read() != content[10:]
            finally:
                os._exit(failed)
        assert os.waitpid(child, 0)[1] == 0
    assert storage.read("b") == content


def test_the_standard_methods_demand_directories_if_the_store_does(store, monkeypatch):
    with pytest.raises(errors.ResourceNotFound):
        store.standard.writebytes("a/b", b"content")
    monkeypatch.setattr(store.whole, "strict", False, raising=False)
    store.standard.writebytes("a/b", b"content")
    assert store.read_file("a/b") == b"content"


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_a_copy_keeps_the_time_if_it_shall(make, kind):
    standard = make(kind, new_key()).backend.store.standard
    standard.writebytes("a", b"content")
    standard.settimes("a", modified=datetime(2020, 1, 2, tzinfo=timezone.utc))
    before = standard.getinfo("a", ["details"]).modified
    assert before.year == 2020
    standard.copy("a", "b", preserve_time=True)
    standard.move("a", "c", preserve_time=True)
    assert [standard.getinfo(path, ["details"]).modified for path in "bc"] == [before, before]
    assert standard.readbytes("b") == standard.readbytes("c") == b"content"
    # what the operating system says of a file has the size of the content, too
    stats = standard.getinfo("b", ["details", "stat", "lstat"]).raw
    assert {stats[names]["st_size"] for names in ("stat", "lstat") if names in stats} <= {7}
    if kind == "local":
        assert stats["stat"]["st_size"] == 7
