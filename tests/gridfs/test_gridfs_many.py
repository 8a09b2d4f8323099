"""A bucket of many files that a driver wrote: listing, memory and deletion."""

import tracemalloc
from datetime import datetime, timezone

import pytest
from bson import ObjectId
from counting_commands import commands
from drivers import CHUNK, MIB, one_server

pytestmark = [one_server, pytest.mark.usefixtures("no_orphans")]


@pytest.fixture
def crowd(bare, soak):
    """Many long names in three directories, all of them empty files, and one file beside them."""
    count, date = (150_000 if soak else 3_000), datetime.now(timezone.utc)
    names = [f"{number % 3}/{number:06}".ljust(140, "x") for number in range(count)] + ["zero.txt"]
    described = {"length": 0, "chunkSize": CHUNK, "uploadDate": date}
    bare["files.files"].create_index([("filename", 1), ("uploadDate", 1)])
    for start in range(0, len(names), 10_000):
        documents = [{"_id": ObjectId(), "filename": name, **described} for name in names[start : start + 10_000]]
        bare["files.files"].insert_many(documents)
    return names


def test_list_many(storage, crowd):
    with commands() as sent:
        listing = storage.list_files()
        assert sent == []
        assert next(listing) == min(crowd)
        assert sent == [("find", "files")]
    assert [min(crowd), *listing] == sorted(crowd)


def test_memory_of_listing_many(storage, gridfs, crowd):
    def peak(listing):
        tracemalloc.reset_peak()
        start = tracemalloc.get_traced_memory()[0]
        assert sum(1 for _ in listing) == len(crowd)
        return tracemalloc.get_traced_memory()[1] - start

    # what is made once
    next(storage.list_files())
    next(storage.entries())
    tracemalloc.start()
    try:
        assert peak(storage.list_files()) < 16 * MIB
        assert peak(storage.entries()) < 32 * MIB
        with_details = (info for path in ("0", "1", "2", "/") for info in gridfs.scandir(path, ["details"]))
        assert peak(info for info in with_details if info.is_file) < 16 * MIB
    finally:
        tracemalloc.stop()


def test_delete_many(storage, names, crowd):
    with commands() as sent:
        storage.delete("0")
    assert len(sent) <= 4
    assert set(names()) == {name for name in crowd if not name.startswith("0/")}
