"""Files that are joined: which chunks the server copies, and what a failure leaves."""

import io

import pytest
from counting_commands import commands
from drivers import one_server
from fs import errors
from gridfs import GridFSBucket

from flask_pyfs.filesystems.gridfs.facts import Incomplete
from flask_pyfs.filesystems.store import StoreFS
from flask_pyfs.names import Reserved

pytestmark = one_server

CHUNK = 1024
PIECE = 8 * CHUNK
PATHS = [Reserved(f".flask_pyfs/uploads/x/{number}") for number in range(6)]
SIZES = [PIECE, PIECE, 5, CHUNK - 5, PIECE, 7]

FIND, FIND_CHUNKS, COPY = ("find", "files"), ("find", "chunks"), ("aggregate", "chunks")
INSERT, PUBLISH, COUNT = ("insert", "chunks"), ("update", "files"), ("aggregate", "chunks")


def content_of(number, size):
    return bytes((number * 50 + n) % 251 for n in range(size))


@pytest.fixture
def bucket(open_gridfs):
    """A bucket with pieces."""
    gridfs = open_gridfs(chunk_size=CHUNK)
    # more than one command writes
    gridfs.part_size = 2 * CHUNK
    for number, size in enumerate(SIZES):
        gridfs.put(PATHS[number], io.BytesIO(content_of(number, size)))
    return gridfs


def joined(bucket, numbers, **options):
    with commands() as sent:
        version = bucket.join_files([PATHS[number] for number in numbers], "a.bin", **options)
    assert bucket.read_file("a.bin") == b"".join(content_of(number, SIZES[number]) for number in numbers)
    assert bucket.facts("a.bin").version == version
    return list(sent)


def test_the_commands_of_a_join(bucket):
    # the name is looked at early, as for any upload in parts
    assert joined(bucket, [0, 1, 5], overwrite=False) == [FIND, FIND, COPY, COPY, COPY, COUNT, PUBLISH]
    assert joined(bucket, [0, 4])[:4] == [FIND, COPY, COPY, COUNT]


def test_what_is_not_whole_chunks_is_read_until_a_file_begins_where_a_chunk_does(bucket):
    # the third and the fourth are one chunk together
    read = [FIND, FIND_CHUNKS] * 2
    assert joined(bucket, [0, 2, 3, 4], overwrite=False) == [FIND, FIND, COPY, COPY, *read, INSERT, COUNT, PUBLISH]


@pytest.mark.parametrize(
    "numbers", [[5, 0, 1], [2, 0, 3, 1, 5], [3, 2, 0], [0, 5, 1, 2, 3, 4], [0, 0, 5, 5, 0], [5], []]
)
def test_any_pieces_in_any_order(bucket, numbers):
    joined(bucket, numbers)


def test_drivers_read_what_is_joined(bucket, bare):
    joined(bucket, [0, 2, 3, 4, 5])
    with GridFSBucket(bare, "files").open_download_stream_by_name("a.bin") as file:
        assert file.read() == bucket.read_file("a.bin")
        assert (file.chunk_size, file.length) == (CHUNK, sum(SIZES) - PIECE)


def test_files_with_other_chunks_are_read(bucket, open_gridfs):
    other = open_gridfs(chunk_size=CHUNK + 1)
    other.part_size = 2 * (CHUNK + 1)
    paths = [PATHS[number] for number in (0, 1)]
    with commands() as sent:
        other.join_files(paths, "a.bin")
    assert COPY not in sent
    assert other.read_file("a.bin") == b"".join(map(bucket.read_file, paths))


def test_the_newest_revision_of_a_name_is_joined(bucket, bare):
    GridFSBucket(bare, "files", chunk_size_bytes=CHUNK).upload_from_stream(PATHS[0], b"new" * PIECE)
    assert len(list(bare["files.files"].find({"filename": PATHS[0]}))) == 2
    bucket.join_files(PATHS[:2], "a.bin")
    assert bucket.read_file("a.bin") == b"new" * PIECE + content_of(1, PIECE)


def chunks_of_no_file(bare):
    ids = [each["_id"] for each in bare["files.files"].find({}, ["_id"])]
    return bare["files.chunks"].count_documents({"files_id": {"$nin": ids}})


def test_a_taken_name_leaves_nothing(bucket, bare):
    bucket.put("a.bin", io.BytesIO(b"theirs"))
    with pytest.raises(errors.FileExists):
        bucket.join_files(PATHS, "a.bin", overwrite=False)
    assert (bucket.read_file("a.bin"), chunks_of_no_file(bare)) == (b"theirs", 0)


@pytest.mark.parametrize("number", range(len(PATHS)))
def test_what_is_missing_is_named(bucket, bare, number):
    bucket.delete_tree(PATHS[number])
    with pytest.raises(errors.ResourceNotFound, match=PATHS[number]):
        bucket.join_files(PATHS, "a.bin", sizes=SIZES)
    assert (bucket.has_file("a.bin"), chunks_of_no_file(bare)) == (False, 0)


@pytest.mark.parametrize("number", [0, 3])
def test_a_missing_chunk_is_noticed_and_nothing_is_left(bucket, bare, number):
    own = bare["files.files"].find_one({"filename": PATHS[number]})
    bare["files.chunks"].delete_one({"files_id": own["_id"], "n": 0})
    with pytest.raises(Incomplete):
        bucket.join_files(PATHS, "a.bin")
    assert (bucket.has_file("a.bin"), chunks_of_no_file(bare)) == (False, 0)


def test_a_joined_file_is_the_one_that_is_read_and_written(bucket):
    bucket.join_files(PATHS, "a.bin", content_type="text/x-odd")
    StoreFS.join_files(bucket, PATHS, "b.bin", content_type="text/x-odd")
    ours, theirs = bucket.facts("a.bin"), bucket.facts("b.bin")
    assert (ours.size, ours.content_type) == (theirs.size, theirs.content_type)
    assert bucket.read_file("a.bin") == bucket.read_file("b.bin")


def test_pieces_should_begin_where_chunks_do(open_gridfs):
    assert open_gridfs().piece_size == 12 * 255 * 1024
    assert open_gridfs(chunk_size=15 * 1024 * 1024).piece_size == 15 * 1024 * 1024
