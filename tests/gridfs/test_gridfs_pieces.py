"""Pieces of uploads that are chunks of the file that they become: none is copied, replaced or left."""

import io
import itertools
from datetime import datetime, timezone

import pytest
from bson import ObjectId
from counting_commands import before_command, commands
from drivers import one_server
from fs import errors
from gridfs import GridFSBucket

from flask_pyfs.filesystems.gridfs.facts import Incomplete
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.names import Reserved

pytestmark = [one_server, pytest.mark.usefixtures("no_orphans_at_last")]

CHUNK, PIECE = 16, 64
DATA = bytes(range(200))
OTHER = DATA[::-1]
STARTS = range(0, len(DATA), PIECE)
DIRECTORY = f"{UPLOADS}/x"
OPEN, WHOLE = Reserved(f"{DIRECTORY}/open"), Reserved(f"{DIRECTORY}/open/whole")

GROW, ADD, TELL = ("findAndModify", "files"), ("insert", "chunks"), ("update", "files")
FIND, COUNT, NAME = ("find", "files"), ("aggregate", "chunks"), ("update", "files")


@pytest.fixture
def open_bucket(open_gridfs):
    """A function that opens the bucket, with small pieces, as another worker does."""

    def open_bucket(chunk=CHUNK):
        bucket = open_gridfs(chunk_size=chunk)
        bucket.piece_size, bucket.part_size = PIECE, 2 * chunk
        return bucket

    return open_bucket


@pytest.fixture
def bucket(open_bucket):
    return open_bucket()


def view(bucket):
    return bucket.for_upload(DIRECTORY, "a.bin", len(DATA))


def put(store, start, stop=None, data=DATA, mark="0"):
    path = Reserved(f"{OPEN}/{start:016x}-{mark * 16}")
    store.put(path, io.BytesIO(data[start : start + PIECE if stop is None else stop]))
    return path


@pytest.fixture
def paths(bucket):
    return [put(view(bucket), start) for start in STARTS]


@pytest.fixture
def no_orphans_at_last(no_orphans, open_gridfs):
    """What is left of the upload is deleted; then each chunk has its file, and each file its chunks."""
    yield
    open_gridfs().delete_tree(OPEN)


def chunks_of(bare, name):
    document = bare["files.files"].find_one({"filename": str(name)})
    return {each["_id"] for each in bare["files.chunks"].find({"files_id": document["_id"]}, ["_id"])}


def test_the_file_has_the_chunks_of_the_pieces(bucket, bare, paths):
    store, before = view(bucket), chunks_of(bare, WHOLE)
    assert {path: facts.size for path, facts in store.iter_facts(OPEN)} == {
        **{path: min(PIECE, len(DATA) - start) for path, start in zip(paths, STARTS, strict=True)},
        WHOLE: 0,
    }
    assert b"".join(map(store.read_file, paths)) == DATA
    with store.fetch(paths[1], 5, 40)[1] as file:
        file.seek(5)
        assert file.read(35) == DATA[PIECE + 5 : PIECE + 40]
    version = store.join_files(paths, "a.bin", overwrite=False, content_type="text/x-odd")
    assert (bucket.facts("a.bin").version, bucket.facts("a.bin").content_type) == (version, "text/x-odd")
    assert chunks_of(bare, "a.bin") == before
    assert bucket.has_file(WHOLE) is False
    with GridFSBucket(bare, "files").open_download_stream_by_name("a.bin") as file:
        assert (file.read(), file.length, file.chunk_size) == (DATA, len(DATA), CHUNK)
    # as long as nothing has replaced the file
    assert b"".join(map(store.read_file, paths)) == DATA
    store.delete_tree(OPEN)
    assert (list(bucket.iter_files()), bucket.read_file("a.bin")) == (["a.bin"], DATA)


def test_the_commands(bucket):
    put(view(bucket), 0)
    bucket.delete_tree(OPEN)
    store = view(bucket)
    with commands() as sent:
        paths = [put(store, start) for start in STARTS]
        assert sent == [GROW, *[ADD, ADD, TELL] * 3, ADD, TELL]
        sent.clear()
        store.join_files(paths, "a.bin", overwrite=False)
        assert sent == [FIND, COUNT, NAME]
        sent.clear()
        store.delete_tree(OPEN)
        # nothing is to be looked for that came late
        assert sent == [FIND, ("delete", "files"), ("delete", "chunks")]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_that_name(bucket, bare, paths, overwrite):
    bucket.put("a.bin", io.BytesIO(b"theirs"))
    if overwrite:
        version = view(bucket).join_files(paths, "a.bin")
        assert (bucket.read_file("a.bin"), bucket.facts("a.bin").version) == (DATA, version)
        assert bare["files.files"].count_documents({"filename": "a.bin"}) == 1
    else:
        with pytest.raises(errors.FileExists):
            view(bucket).join_files(paths, "a.bin", overwrite=False)
        assert bucket.read_file("a.bin") == b"theirs"
        view(bucket).join_files(paths, "b.bin", overwrite=False)
        assert bucket.read_file("b.bin") == DATA


@pytest.mark.parametrize("is_behind", [False, True])
def test_a_file_that_another_writes_between_the_look_and_the_name(bucket, bare, paths, is_behind):
    def write():
        # without looking for others
        GridFSBucket(bare, "files", chunk_size_bytes=CHUNK).upload_from_stream("a.bin", b"theirs")
        if is_behind:
            bare["files.files"].update_one({"filename": "a.bin"}, {"$set": {"uploadDate": datetime(2020, 1, 1)}})

    with before_command(3, write):
        if is_behind:
            with pytest.raises(errors.FileExists):
                view(bucket).join_files(paths, "a.bin", overwrite=False)
        else:
            # first ours, and then theirs
            view(bucket).join_files(paths, "a.bin", overwrite=False)
    assert (bucket.read_file("a.bin"), bare["files.files"].count_documents({"filename": "a.bin"})) == (b"theirs", 1)
    if is_behind:
        view(bucket).join_files(paths, "a.bin")
        assert bucket.read_file("a.bin") == DATA


def test_two_send_different_content(bucket, open_bucket):
    ours, theirs = view(bucket), view(open_bucket())
    first = put(ours, 0)
    # no chunk of ours is replaced, also none that is not told yet
    with before_command(2, lambda: put(theirs, PIECE, data=OTHER, mark="b")):
        second = put(ours, PIECE)
    rival = Reserved(f"{OPEN}/{PIECE:016x}-{'b' * 16}")
    late = put(theirs, 0, data=OTHER, mark="b")
    rest = [put(ours, start) for start in STARTS[2:]]
    assert b"".join(map(ours.read_file, [first, second, *rest])) == DATA
    assert (theirs.read_file(rival), theirs.read_file(late)) == (OTHER[PIECE : 2 * PIECE], OTHER[:PIECE])
    ours.join_files([late, second, *rest], "mixed.bin", overwrite=False)
    assert bucket.read_file("mixed.bin") == OTHER[:PIECE] + DATA[PIECE:]
    theirs.join_files([first, rival, *rest], "theirs.bin", overwrite=False)
    assert bucket.read_file("theirs.bin") == DATA[:PIECE] + OTHER[PIECE : 2 * PIECE] + DATA[2 * PIECE :]


@pytest.mark.parametrize("again", [DATA, OTHER])
@pytest.mark.parametrize("killed_at", [2, 3])
def test_a_piece_of_a_killed_request_is_none(bucket, killed_at, again):
    class Killed(BaseException):
        pass

    def kill():
        raise Killed

    store = view(bucket)
    first = put(store, 0)
    # only half of its chunks are there, or all, and no document
    with pytest.MonkeyPatch.context() as patch:
        if killed_at == 2:
            real, calls = bucket._bucket.grow, []
            patch.setattr(bucket._bucket, "grow", lambda *args: kill() if calls else calls.append(1) or real(*args))
        else:
            patch.setattr(bucket._bucket, "publish", lambda *args, **options: kill())
        with pytest.raises(Killed):
            put(store, PIECE, data=OTHER)
    assert list(bucket.iter_files(OPEN)) == [first, WHOLE]
    paths = [first, *(put(view(bucket), start, data=again, mark="a") for start in STARTS[1:])]
    whole = DATA[:PIECE] + again[PIECE:]
    assert b"".join(map(bucket.read_file, paths)) == whole
    view(bucket).join_files(paths, "a.bin", overwrite=False)
    assert bucket.read_file("a.bin") == whole
    # what is sent again as it was is where it belongs
    assert bucket.has_file(WHOLE) is (again is DATA)


CUTS = {
    # of each, how many of the chunks that it has at the end are those of the pieces
    "at a byte": ([0, 50, 64, 128, 192, 200], 9),
    "at a chunk": ([0, 32, 64, 128, 200], 13),
    "at the end": ([0, 64, 128, 192, 199, 200], 12),
    # the server copies them all
    "at most": ([0, 64, 65, 129, 200], 0),
    "everywhere": ([0, 63, 65, 128, 130, 200], 0),
}


@pytest.mark.parametrize("name", CUTS)
def test_pieces_that_break_off(bucket, bare, name):
    cuts, kept = CUTS[name]
    paths = [put(view(bucket), start, stop) for start, stop in itertools.pairwise(cuts)]
    before = {each["_id"] for each in bare["files.chunks"].find({}, ["_id"])}
    view(bucket).join_files(paths, "a.bin", overwrite=False)
    assert (bucket.read_file("a.bin"), len(chunks_of(bare, "a.bin") & before)) == (DATA, kept)


def test_two_add_what_is_lacking(bucket, open_bucket, bare):
    cuts, _ = CUTS["at a byte"]
    paths = [put(view(bucket), start, stop) for start, stop in itertools.pairwise(cuts)]
    document = bare["files.files"].find_one({"filename": WHOLE})
    # another was killed while it did
    bare["files.chunks"].insert_one({"files_id": document["_id"], "n": 1, "data": DATA[CHUNK : 2 * CHUNK]})
    versions = []
    for number in range(1, 12):
        with before_command(number, lambda: versions.append(view(open_bucket()).join_files(paths, "a.bin"))):
            versions.append(view(bucket).join_files(paths, "a.bin"))
        assert (bucket.read_file("a.bin"), set(versions)) == (DATA, {str(document["_id"])})
        # as if it had never got its name
        again = {"$set": {"filename": WHOLE, "exclusive": True, "length": 0}}
        bare["files.files"].update_one({"_id": document["_id"]}, again)
        bare["files.chunks"].delete_many({"files_id": document["_id"], "n": {"$lt": 4}})


def test_a_chunk_with_other_content_is_not_the_file_s(bucket, bare):
    cuts, _ = CUTS["at a byte"]
    paths = [put(view(bucket), start, stop) for start, stop in itertools.pairwise(cuts)]
    document = bare["files.files"].find_one({"filename": WHOLE})
    bare["files.chunks"].insert_one({"files_id": document["_id"], "n": 2, "data": OTHER[:CHUNK]})
    view(bucket).join_files(paths, "a.bin")
    assert (bucket.read_file("a.bin"), bucket.facts("a.bin").version == str(document["_id"])) == (DATA, False)


def test_workers_with_other_chunks_and_short_files(bucket, open_bucket):
    first = put(view(bucket), 0)
    other = view(open_bucket(2 * CHUNK))
    # in this order, none is in the way of the others
    rest = sorted(put(other, STARTS[number]) for number in (2, 3, 1))
    assert b"".join(map(bucket.read_file, rest)) == DATA[PIECE:]
    other.join_files([first, *rest], "a.bin", overwrite=False)
    assert bucket.read_file("a.bin") == DATA
    # more than there may be is none of its chunks
    longer = put(view(bucket), STARTS[-1], None, DATA * 2, mark="c")
    assert bucket.facts(longer).size == PIECE
    assert bucket.facts(longer).checksum is not None
    assert [bucket.for_upload(DIRECTORY, "a.bin", length) for length in (None, 0, PIECE)] == [bucket] * 3


def test_a_bucket_whose_index_is_not_unique(bucket, open_bucket, bare):
    keys = [("files_id", 1), ("n", 1)]
    bare["files.chunks"].drop_indexes()
    bare["files.chunks"].create_index(keys)
    try:
        # two clients send the first piece
        paths = [put(view(open_bucket()), start, data=DATA if start else OTHER) for start in STARTS]
        paths[0] = put(view(bucket), 0, mark="a")
        assert b"".join(map(bucket.read_file, paths)) == DATA
        view(bucket).join_files(paths, "a.bin", overwrite=False)
        assert bucket.read_file("a.bin") == DATA
    finally:
        bare["files.chunks"].drop_indexes()
        bare["files.chunks"].create_index(keys, unique=True)


def test_the_order_and_the_number_of_pieces_count(bucket, paths):
    for name, chosen in (("turned", paths[1::-1]), ("part", paths[:2]), ("none", []), ("twice", [paths[0]] * 2)):
        view(bucket).join_files(chosen, name)
        assert bucket.read_file(name) == b"".join(map(bucket.read_file, chosen))
    view(bucket).join_files(paths, "a.bin")
    assert bucket.read_file("a.bin") == DATA


def test_a_copy_of_a_piece_is_a_file_of_its_own(bucket, bare, paths):
    bucket.copy_file(paths[1], "copy.bin")
    bucket.delete_tree(OPEN)
    assert (list(bucket.iter_files()), bucket.read_file("copy.bin")) == (["copy.bin"], DATA[PIECE : 2 * PIECE])


def test_who_joins_again_finds_the_file(bucket, open_bucket, paths):
    version = view(bucket).join_files(paths, "a.bin", overwrite=False)
    assert view(open_bucket()).join_files(paths, "a.bin", overwrite=False) == version
    bucket.delete_tree("a.bin")
    for act in (lambda: view(bucket).join_files(paths, "a.bin"), lambda: view(bucket).read_file(paths[0])):
        with pytest.raises(errors.ResourceNotFound):
            act()
    assert not bucket.has_file("a.bin")


def test_a_missing_chunk_is_noticed(bucket, bare, paths):
    bare["files.chunks"].delete_one({"n": 2})
    with pytest.raises(Incomplete):
        view(bucket).join_files(paths, "a.bin")
    assert not bucket.has_file("a.bin")
    bucket.delete_tree(OPEN)


@pytest.mark.parametrize("number", range(1, 5))
@pytest.mark.parametrize("act", ["delete", "join"])
def test_another_acts_before_a_command_of_a_join(bucket, open_bucket, bare, paths, number, act):
    other = view(open_bucket())
    acts = {"delete": lambda: other.delete_tree(OPEN), "join": lambda: other.join_files(paths, "a.bin")}
    try:
        with before_command(number, acts[act]):
            version = view(bucket).join_files(paths, "a.bin", overwrite=False)
    except errors.ResourceNotFound:
        assert act == "delete"
        assert not bucket.has_file("a.bin")
    else:
        assert (bucket.facts("a.bin").version, bucket.read_file("a.bin")) == (version, DATA)


@pytest.mark.parametrize("number", range(1, 5))
def test_the_upload_is_deleted_before_a_command_of_a_piece(bucket, open_bucket, bare, number):
    put(view(bucket), 0)
    store, other = view(bucket), open_bucket()
    with before_command(number, lambda: other.delete_tree(OPEN)):
        put(store, PIECE)
    # who has put it looks again, and deletes it
    store.delete_tree(OPEN)
    assert bare["files.chunks"].count_documents({}) == 0


def test_the_upload_is_joined_before_a_late_piece_is_deleted(bucket, open_bucket, paths):
    late = view(open_bucket())
    put(late, 0, data=OTHER, mark="b")
    view(bucket).join_files(paths, "a.bin")
    late.delete_tree(OPEN)
    assert bucket.read_file("a.bin") == DATA


def test_chunks_of_an_upload_that_goes_on_are_no_leftovers(bucket, bare, paths):
    # a killed request has left this one
    bare["files.chunks"].insert_one({"files_id": ObjectId(), "n": 0, "data": b"x"})
    assert bucket.remove_leftovers(-60) == 1
    assert bucket.remove_uploads(60) == 0
    view(bucket).join_files(paths, "a.bin")
    assert bucket.read_file("a.bin") == DATA


def test_an_upload_that_nobody_goes_on_with_is_swept(bucket, bare, paths):
    now = datetime.now(timezone.utc)
    assert all(facts.modified <= now for _, facts in bucket.iter_facts(OPEN))
    assert bucket.remove_uploads(-60) == 1
    assert (bare["files.files"].count_documents({}), bare["files.chunks"].count_documents({})) == (0, 0)
