"""Documents and chunks that are not what they should be: each operation works, or raises an error of the package."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from typing import Any

import pytest
from bson import Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from drivers import CHUNK, one_server

import flask_pyfs as fs

pytestmark = one_server

NAN, INFINITE = float("nan"), float("inf")
MISSING = object()

NUMBERS = [MISSING, None, "7", NAN, INFINITE, -7, 1.5, True, [7], Decimal128("7"), Int64(2**62)]
NAMES = [["a.txt"], ["a.txt", "b.txt"], ["z", "a.txt"]]
DATES = [MISSING, None, "today", NAN, Timestamp(5, 1), Regex("x"), MaxKey()]
DATA = [MISSING, None, "content", 7, 7.5, [b"content"], {}, b"short", b"much too long", ObjectId()]

DOCUMENTS: dict[str, list[Any]] = {
    "length": [*NUMBERS, 2**31, 1e300, 8],
    "chunkSize": [*NUMBERS, 0, 3],
    "filename": NAMES,
    "uploadDate": DATES,
    "_id": [None, NAN, {}, Timestamp(1, 1), MinKey(), Decimal128("1")],
}
ODD = [(field, value) for field, values in DOCUMENTS.items() for value in values]
ODD_NUMBERS = [(field, value) for field, value in ODD if field in ("length", "chunkSize")]
ODD_CHUNKS = [("data", value) for value in DATA] + [("n", value) for value in (MISSING, None, "0", 1, -1, NAN, 2**40)]


BOTH = ("a.txt", "b.txt")


def replace_version(storage):
    storage.replace_version("a.txt", io.BytesIO(b"new"), storage.version("a.txt"))


def append(storage):
    with storage.open("a.txt", "ab") as file:
        file.write(b"more")


OPERATIONS = {
    "exists": lambda storage: storage.exists("a.txt"),
    "metadata": lambda storage: storage.metadata("a.txt"),
    "read": lambda storage: storage.read("a.txt"),
    "read_chunks": lambda storage: list(storage.read_chunks("a.txt", 3)),
    "open": lambda storage: storage.open("a.txt").read(),
    "append": append,
    "list_files": lambda storage: list(storage.list_files()),
    "scandir": lambda storage: list(storage.fs.scandir("/", ["details"])),
    "write": lambda storage: storage.write("a.txt", b"new"),
    "overwrite": lambda storage: storage.write("a.txt", b"new", overwrite=True),
    "copy": lambda storage: storage.copy("a.txt", "c.txt"),
    "copy over": lambda storage: storage.copy("b.txt", "a.txt", overwrite=True),
    "move": lambda storage: storage.move("a.txt", "c.txt"),
    "move over": lambda storage: storage.move("b.txt", "a.txt", overwrite=True),
    "delete": lambda storage: storage.delete("a.txt"),
    "delete_version": lambda storage: storage.delete_version("a.txt", storage.version("a.txt")),
    "replace_version": replace_version,
    "remove_leftovers": lambda storage: storage.backend.remove_leftovers(older_than=-60),
}


@pytest.fixture
def put(bare, storage):
    """Put a file, and another beside it, by documents of which one field is odd."""

    def put(changes=(), chunk_changes=()):
        for which in ("files", "chunks"):
            bare[f"files.{which}"].delete_many({})
        now = datetime.now(timezone.utc)
        document = {"_id": ObjectId(), "filename": "a.txt", "length": 7, "chunkSize": CHUNK, "uploadDate": now}
        document = changed(document, changes)
        beside = {"_id": ObjectId(), "filename": "b.txt", "length": 6, "chunkSize": CHUNK, "uploadDate": now}
        chunk = {"files_id": document["_id"], "n": 0, "data": b"content"}
        bare["files.files"].insert_many([document, beside])
        beside_chunk = {"files_id": beside["_id"], "n": 0, "data": b"beside"}
        bare["files.chunks"].insert_many([changed(chunk, chunk_changes), beside_chunk])

    return put


def changed(document, changes):
    return {key: value for key, value in {**document, **dict(changes)}.items() if value is not MISSING}


def outcome(operation, storage):
    """Return the result, or the error of the package; other errors are those of the test."""
    try:
        return operation(storage)
    except fs.FSError as error:
        return error


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_odd_document(put, storage, name, soak):
    # each value meets every third operation, and each operation a third of the values
    for field, value in ODD if soak else ODD[list(OPERATIONS).index(name) % 3 :: 3]:
        put({field: value}.items())
        outcome(OPERATIONS[name], storage)
        # the file beside it is as it was, or where it was moved
        assert b"beside" in [outcome(lambda storage, each=each: storage.read(each), storage) for each in BOTH], value


@pytest.mark.parametrize("name", OPERATIONS)
def test_odd_chunks(put, storage, name):
    for field, value in ODD_CHUNKS:
        put(chunk_changes={field: value}.items())
        result = outcome(OPERATIONS[name], storage)
        if name in ("read", "read_chunks", "open", "append"):
            assert isinstance(result, fs.FSError), (field, value)
        assert storage.read("a.txt" if name == "move over" else "b.txt") == b"beside"


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, value in ODD if field in ("length", "chunkSize")]
)
def test_a_number_that_is_none_is_no_file(put, storage, bare, field, value):
    put({field: value}.items())
    for name in ("metadata", "read", "open", "copy"):
        if name == "metadata" and value in (Int64(2**62), 2**31, 3, 8):
            # nothing shows there that it is wrong
            continue
        if (field, value) == ("chunkSize", Int64(2**62)) or (name, value) == ("copy", 8):
            # there are as many chunks as the document says
            continue
        with pytest.raises(fs.FSError, match=r"no file of GridFS|chunks are missing"):
            OPERATIONS[name](storage)
    assert sorted(storage.list_files()) == ["a.txt", "b.txt"]
    # it does not stay in the way
    storage.write("a.txt", b"new", overwrite=True)
    assert storage.read("a.txt") == b"new"
    assert bare["files.files"].count_documents({}) == 2


def test_a_date_after_all_others_is_told(put, storage):
    for value in (Timestamp(5, 1), Regex("x"), Code("x"), MaxKey()):
        put({"uploadDate": value}.items())
        with pytest.raises(fs.FSError, match="latest possible date: delete it first"):
            storage.write("a.txt", b"new", overwrite=True)
        with pytest.raises(fs.FSError, match="latest possible date: delete it first"):
            storage.move("b.txt", "a.txt", overwrite=True)
        assert storage.read("a.txt") == b"content"
        storage.delete("a.txt")
        storage.write("a.txt", b"new")


def test_many_names_that_are_no_text(bare, storage):
    documents = ({"filename": [f"{n}", "x"], "length": 0, "chunkSize": CHUNK} for n in range(300))
    bare["files.files"].insert_many(list(documents))
    with pytest.raises(fs.FSError, match="filename that is no text"):
        list(storage.list_files())
    bare["files.files"].delete_many({})
