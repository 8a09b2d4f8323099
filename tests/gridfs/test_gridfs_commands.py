"""How many commands each call costs. A count does not depend on the machine."""

import io
from datetime import datetime, timedelta, timezone
from itertools import islice

import pytest
from bson import ObjectId
from counting_commands import commands
from drivers import one_server

import flask_pyfs as fs
from flask_pyfs.filesystems.gridfs import listing, upload
from flask_pyfs.testing import StorageConformance

pytestmark = one_server

MIB = 1024 * 1024
CHUNK = 255 * 1024

# of three parts
LARGE = bytes(range(256)) * (4 * MIB // 256) + b"end"

FIND = ("find", "files")
FIND_CHUNKS = ("find", "chunks")
MORE_CHUNKS = ("getMore", "chunks")
INSERT_CHUNKS = ("insert", "chunks")
UPDATE = ("update", "files")
DELETE = ("delete", "files")
DELETE_CHUNKS = ("delete", "chunks")
AGGREGATE_CHUNKS = ("aggregate", "chunks")
INDEXES = ("listIndexes", "files")
INDEXES_OF_CHUNKS = ("listIndexes", "chunks")
MAKE_INDEXES = [("createIndexes", "chunks"), INDEXES, ("createIndexes", "files"), ("createIndexes", "files")]

REPLACE = [UPDATE, FIND, DELETE, DELETE_CHUNKS]


@pytest.fixture
def storage(app, make_storage):
    storage = make_storage()
    with app.app_context():
        # the indexes are there, and known to be
        storage.write("warm", b"")
        storage.delete("warm")
        yield storage


@pytest.fixture
def sent(storage):
    """The commands of the storage from here on."""
    with commands() as sent:
        yield sent


@pytest.fixture
def written(storage):
    storage.write("a.txt", "content")
    return "a.txt"


@pytest.fixture
def large(storage):
    storage.write("large.bin", LARGE)
    return "large.bin"


def test_what_needs_no_store_reaches_none(app, make_storage):
    with commands() as sent:
        storage = make_storage()
        with app.test_request_context():
            assert storage.url("a.txt") == "/files/a.txt"
            assert not storage.has_url
        with app.app_context(), pytest.raises(fs.InvalidPath):
            storage.read("../a")
    assert sent == []


def test_the_first_write(app, make_storage, new_database_name):
    storage = make_storage(MONGO_DB=new_database_name)
    with app.app_context(), commands() as sent:
        storage.write("a", b"content")
        assert sent == [INDEXES, ("count", "files"), INDEXES_OF_CHUNKS, *MAKE_INDEXES, INSERT_CHUNKS, UPDATE]
        sent.clear()
        storage.write("b", b"content")
        assert sent == [INSERT_CHUNKS, UPDATE]


def test_the_first_write_of_another_process(storage, written, app, make_storage):
    again = make_storage("again", BUCKET="files")
    with commands() as sent:
        again.write("b", b"content")
    assert sent == [INDEXES, ("createIndexes", "files"), INSERT_CHUNKS, UPDATE]


# Reading


def test_exists(storage, written, sent):
    assert storage.exists(written)
    assert not storage.exists("absent")
    assert sent == [FIND] * 2


def test_metadata(storage, written, sent):
    assert storage.metadata(written)["size"] == storage.size(written) == 7
    metadata = storage.metadata(written, checksum=False)
    # the bucket keeps it
    assert (metadata["size"], metadata["checksum"]) == (7, storage.metadata(written)["checksum"])
    assert sent == [FIND] * 4


def test_read(storage, written, sent):
    assert storage.read(written) == b"content"
    assert sent == [FIND, FIND_CHUNKS]


@pytest.mark.parametrize(
    "read", [lambda storage: storage.read("absent"), lambda storage: storage.open("absent")], ids=["read", "open"]
)
def test_read_what_is_not_there(storage, sent, read):
    with pytest.raises(fs.FileNotFound):
        read(storage)
    assert sent == [FIND]


def test_open_and_read_to_the_end(storage, written, large, sent):
    with storage.open(written) as file:
        assert file.read() == "content"
    assert sent == [FIND, FIND_CHUNKS]
    sent.clear()
    with storage.open(large, "rb") as file:
        assert file.read() == LARGE
    # a megabyte, and then four at a time
    assert sent == [FIND, FIND_CHUNKS, FIND_CHUNKS]


def test_open_without_reading(storage, large, sent):
    storage.open(large, "rb").close()
    assert sent == [FIND]


def test_read_an_empty_file(storage, sent):
    storage.write("empty", b"")
    sent.clear()
    assert storage.read("empty") == b""
    with storage.open("empty", "rb") as file:
        assert file.read() == b""
    assert sent == [FIND] * 2


@pytest.mark.parametrize("length", [10, 3 * CHUNK])
def test_seek_to_the_tail_and_read_it(storage, large, sent, length):
    with storage.open(large, "rb") as file:
        file.seek(-length, io.SEEK_END)
        assert file.read() == LARGE[-length:]
    assert sent == [FIND, FIND_CHUNKS]


# Writing


@pytest.mark.parametrize("overwrite", [False, True])
def test_write(storage, sent, overwrite):
    storage.write("new.txt", "content", overwrite=overwrite)
    assert sent == [INSERT_CHUNKS, UPDATE]


def test_write_nothing(storage, sent):
    storage.write("empty", b"")
    assert sent == [UPDATE]


@pytest.mark.parametrize("overwrite", [False, True])
def test_save(storage, sent, overwrite):
    storage.save(io.BytesIO(b"content"), "new.txt", overwrite=overwrite)
    assert sent == [INSERT_CHUNKS, UPDATE]


def test_replace(storage, written, sent):
    storage.write(written, "other", overwrite=True)
    assert sent == [INSERT_CHUNKS, *REPLACE]


def test_refuse_to_replace(storage, written, sent):
    with pytest.raises(fs.FileExists):
        storage.write(written, "other")
    assert sent == [INSERT_CHUNKS, UPDATE, DELETE_CHUNKS]


def test_refuse_to_replace_by_a_large_file(storage, written, sent):
    with pytest.raises(fs.FileExists):
        storage.write(written, LARGE)
    assert sent == [FIND]


def test_save_in_parts(storage, sent):
    storage.write("large", LARGE)
    assert sorted(sent[:-1]) == [FIND, *[INSERT_CHUNKS] * 3]
    assert sent[-1] == UPDATE
    sent.clear()
    storage.write("other", LARGE, overwrite=True)
    assert sent == [*[INSERT_CHUNKS] * 3, UPDATE]


class Interrupted(Exception):
    pass


def give_up(storage, content):
    with storage.open("new", "wb") as file:
        file.write(content)
        raise Interrupted


def test_a_file_that_is_given_up(storage, sent):
    with pytest.raises(Interrupted):
        give_up(storage, b"short")
    assert sent == []


def test_parts_that_are_given_up(storage, sent):
    with pytest.raises(Interrupted):
        give_up(storage, LARGE)
    # the second part may not have been begun
    assert sent in ([INSERT_CHUNKS, DELETE_CHUNKS], [INSERT_CHUNKS, INSERT_CHUNKS, DELETE_CHUNKS])


# Copies, moves, deletions


@pytest.mark.parametrize(("overwrite", "expected"), [(True, [FIND]), (False, [FIND, FIND])])
def test_copy(storage, written, sent, overwrite, expected):
    storage.copy(written, "b.txt", overwrite=overwrite)
    # the server copies, and counts
    assert sent == [*expected, AGGREGATE_CHUNKS, AGGREGATE_CHUNKS, UPDATE]


@pytest.mark.parametrize("overwrite", [False, True])
def test_move(storage, written, sent, overwrite):
    storage.move(written, "b.txt", overwrite=overwrite)
    assert sent == [FIND, UPDATE]


def test_move_over_another_file(storage, written, sent):
    storage.write("b.txt", b"old")
    sent.clear()
    storage.move(written, "b.txt", overwrite=True)
    assert sent == [FIND, UPDATE, FIND, DELETE, DELETE_CHUNKS]


@pytest.mark.parametrize(("transfer", "asked"), [("copy", 2), ("move", 1)])
def test_copy_and_move_to_a_name_that_is_taken(storage, written, sent, transfer, asked):
    storage.write("b.txt", b"old")
    sent.clear()
    with pytest.raises(fs.FileExists):
        getattr(storage, transfer)(written, "b.txt")
    assert sent == [FIND] * asked


@pytest.mark.parametrize("transfer", ["copy", "move"])
def test_copy_and_move_onto_itself(storage, written, sent, transfer):
    getattr(storage, transfer)(written, written)
    assert sent == [FIND]


def test_delete_a_file(storage, written, sent):
    storage.delete(written)
    assert sent == [FIND, DELETE, DELETE_CHUNKS]


def test_delete_what_is_not_there(storage, sent):
    storage.delete("absent")
    assert sent == [FIND]


# Versions


def test_delete_a_version(storage, sent):
    version = storage.write("a", b"content").version
    sent.clear()
    assert not storage.delete_version("a", "another")
    assert sent == [FIND]
    sent.clear()
    assert storage.delete_version("a", version)
    assert sent == [FIND, DELETE, DELETE_CHUNKS]


def test_replace_a_version(storage, sent):
    version = storage.write("a", b"content").version
    sent.clear()
    with pytest.raises(fs.VersionChanged):
        storage.replace_version("a", b"new", "another")
    assert sent == [FIND]
    sent.clear()
    version = storage.replace_version("a", b"new", version).version
    replace = [FIND, UPDATE, DELETE, DELETE_CHUNKS, FIND]
    assert sent == [FIND, INSERT_CHUNKS, ("createIndexes", "files"), *replace]
    sent.clear()
    storage.replace_version("a", b"newer", version)
    assert sent == [FIND, INSERT_CHUNKS, *replace]


def test_count_the_chunks_after_a_pause(storage, sent, monkeypatch):
    monkeypatch.setattr(upload, "_PAUSE", -1.0)
    storage.write("a", b"content")
    assert sent == [INSERT_CHUNKS, UPDATE, AGGREGATE_CHUNKS]


# Serving


@pytest.fixture
def web(app, storage):
    with app.test_client() as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status", "content"),
    [
        ({}, 200, LARGE[:MIB]),
        ({"Range": "bytes=0-99"}, 206, LARGE[:100]),
        ({"Range": "bytes=-3"}, 206, b"end"),
        ({"Range": f"bytes={2 * MIB}-{2 * MIB + 99}"}, 206, LARGE[2 * MIB : 2 * MIB + 100]),
    ],
)
def test_serve(storage, web, headers, status, content):
    storage.write("served.bin", LARGE[:MIB] if status == 200 else LARGE)
    with commands() as sent, web.get("/files/served.bin", headers=headers) as response:
        assert response.status_code == status
        assert response.data == content
    assert sent == [FIND, FIND_CHUNKS]


def test_serve_head(storage, large, web, sent):
    with web.head(f"/files/{large}") as response:
        assert response.content_length == len(LARGE)
    assert sent == [FIND]


def test_serve_what_the_client_has(storage, written, web, sent):
    with web.get(f"/files/{written}") as response:
        etag = response.headers["ETag"]
    sent.clear()
    with web.get(f"/files/{written}", headers={"If-None-Match": etag}) as response:
        assert response.status_code == 304
    assert sent == [FIND, FIND_CHUNKS]


def test_serve_what_is_not_there(storage, web, sent):
    with web.get("/files/absent") as response:
        assert response.status_code == 404
    assert sent == [FIND]


# Many files

CROWD = 25_000


@pytest.fixture
def crowded(storage, bare):
    """A storage of 25,000 empty files in three directories, and three others."""
    now = datetime.now(timezone.utc)
    names = [f"{number % 3}/{number:06}.txt" for number in range(CROWD)] + ["0.txt", "1", "3/a"]
    documents = (
        {"_id": ObjectId(), "filename": name, "length": 0, "chunkSize": CHUNK, "uploadDate": now} for name in names
    )
    bare["files.files"].insert_many(documents)
    return names


def test_list_thousands(storage, crowded):
    with commands() as sent:
        assert list(storage.list_files()) == sorted(crowded)
    # a hundred, and then ten thousand at a time
    assert sent == [FIND] * 4


def test_list_thousands_with_facts(storage, crowded, bare):
    with commands() as sent:
        assert [entry.name for entry in storage.entries()] == sorted(crowded)
    # ten thousand at a time
    assert sent == [FIND] * 3
    for below, found in (("0/00000", 4), ("0/", 8334), ("none", 0)):
        with commands() as sent:
            assert len(list(storage.entries(below))) == found
        assert sent == [FIND]
    # a page that is full is the last one, or not
    bare["files.files"].delete_many({"filename": {"$in": sorted(crowded)[10_000:]}})
    for more, pages in ((0, 1), (1, 2)):
        with commands() as sent:
            assert len(list(storage.entries())) == 10_000 + more
        assert sent == [FIND] * pages
        storage.write("z", b"one more", overwrite=True)


def test_pages_while_others_write(storage, monkeypatch):
    monkeypatch.setattr(listing, "_FILES", 2)
    StorageConformance().test_entries_while_others_write(storage)


def test_older_revisions_are_no_entries(storage, bare):
    now = datetime.now(timezone.utc)
    for number in range(3):
        for name in ("a", "b", "c"):
            date = now if name == "b" else now + timedelta(seconds=number)
            described = {"length": number, "chunkSize": CHUNK, "uploadDate": date}
            bare["files.files"].insert_one(
                {"_id": ObjectId(), "filename": name, "metadata": {"md5": "0" * 32}, **described}
            )
    with commands() as sent:
        assert [(entry.name, entry.size) for entry in storage.entries()] == [("a", 2), ("b", 2), ("c", 2)]
    # the index does not order those of one date
    assert sent == [FIND, FIND]
    assert {facts.checksum for _, facts in storage.backend.entries()} == {f"md5:{'0' * 32}"}
    for name, facts in storage.backend.entries():
        assert (facts.version, facts.etag) == (storage.version(name), storage.backend.facts(name).etag)


def test_listing_is_lazy(storage, crowded):
    with commands() as sent:
        assert list(islice(storage.list_files("1/"), 3)) == ["1/000001.txt", "1/000004.txt", "1/000007.txt"]
    assert sent == [FIND]


def test_directories_of_thousands_are_passed_over(storage, crowded):
    with commands() as sent:
        assert sorted(storage.fs.listdir("/")) == ["0", "0.txt", "1", "2", "3"]
    assert len(sent) <= 8
    with commands() as sent:
        assert storage.fs.isdir("/1")
    assert sent == [FIND]


def test_delete_thousands(storage, crowded):
    with commands() as sent:
        storage.delete("1")
    assert sent == [FIND, DELETE, DELETE_CHUNKS]
    assert not any(name == "1" or name.startswith("1/") for name in storage.list_files())
    with commands() as sent:
        storage.fs.removetree("/")
    # of each directory and file in the root, since what is reserved stays
    assert (sent.count(DELETE), sent.count(DELETE_CHUNKS), sent.count(FIND)) == (4, 4, 7)
    assert list(storage.list_files()) == []


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "in parts"])
def test_a_note_costs_no_command(storage, sent, content):
    store = storage.backend.store
    store.replace_version("warm", io.BytesIO(), store.put("warm", io.BytesIO()))
    ways = []
    for number, note in enumerate(({}, {"note": "n" * 1000})):
        sent.clear()
        store.put(f"a{number}", io.BytesIO(content), **note)
        version = store.put(f"b{number}", io.BytesIO(content), overwrite=False, **note)
        store.replace_version(f"b{number}", io.BytesIO(content), version, **note)
        store.copy_from(store, f"b{number}", f"c{number}", **note)
        store.move_file(f"c{number}", f"d{number}")
        store.facts(f"d{number}")
        list(store.iter_facts(f"d{number}"))
        ways.append(list(sent))
    assert ways[0] == ways[1] != []
