"""What another one does, or what fails, in the middle of an operation loses no file."""

import io
from contextlib import closing

import gridfs
import pymongo
import pytest
from bson import ObjectId
from drivers import one_server
from fs import errors
from servers.mongo import empty_database, mongod

from flask_pyfs.errors import FSError
from flask_pyfs.filesystems.gridfs import GridFS
from flask_pyfs.filesystems.gridfs.bucket import GridBucket

MIB = 1024 * 1024

pytestmark = [one_server, pytest.mark.usefixtures("no_orphans")]


@pytest.fixture
def other(open_gridfs):
    """The same bucket, as another process has it."""
    return open_gridfs(strict=False)


@pytest.fixture
def ours(open_gridfs):
    return open_gridfs(strict=False)


@pytest.fixture
def before(monkeypatch):
    """Do something, once, before a method of the bucket does its work."""

    def before(method, action):
        original = getattr(GridBucket, method)

        def replaced(bucket, *arguments, **keywords):
            monkeypatch.setattr(GridBucket, method, original)
            action()
            return original(bucket, *arguments, **keywords)

        monkeypatch.setattr(GridBucket, method, replaced)

    return before


def fail():
    raise errors.RemoteConnectionError(msg="the connection was lost")


# A server that fails while the old revisions are deleted


@pytest.fixture(scope="module")
def failing_mongo(tmp_path_factory):
    options = ["--setParameter", "enableTestCommands=1"]
    with mongod(tmp_path_factory.mktemp("failing"), replica=True, options=options) as mongo:
        yield mongo


FAULTS = [
    {"closeConnection": True},
    {"errorCode": 11602},
    {"errorCode": 50},
    {"errorCode": 13},
    {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
]


@pytest.mark.parametrize("collection", ["files", "chunks"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("change", ["put", "large put", "copy", "move"])
def test_a_failure_to_clean_up_loses_nothing(failing_mongo, fault, collection, change):
    old, new = b"old", b"new" * (MIB if change == "large put" else 1)
    with closing(pymongo.MongoClient(failing_mongo.url)) as client, GridFS(failing_mongo.url, "failing") as store:
        assert isinstance(store, GridFS)
        empty_database(client["failing"])
        store.writebytes("a", old)
        store.writebytes("s", new)
        client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": 1},
            data={"failCommands": ["delete"], "namespace": f"failing.fs.{collection}", **fault},
        )
        try:
            if change == "copy":
                store.copy_file("s", "a")
            elif change == "move":
                store.move_file("s", "a")
            else:
                store.writebytes("a", new)
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")
        assert store.readbytes("a") == new
        assert store.exists("s") == (change != "move")


def test_an_interruption_while_cleaning_up_loses_nothing(ours, before):
    ours.writebytes("a", b"old")

    def interrupt():
        raise KeyboardInterrupt

    before("remove_chunks", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ours.writebytes("a", b"new")
    assert ours.readbytes("a") == b"new"
    ours.remove_leftovers(older_than=-60)


# Moves


def test_a_move_while_the_target_is_written(ours, other, before, bare):
    ours.writebytes("a", b"moved")
    before("rename", lambda: other.put("b", io.BytesIO(b"written"), overwrite=False))
    ours.move_file("a", "b")
    assert ours.readbytes("b") == b"moved"
    assert not ours.exists("a")
    assert bare["files.files"].count_documents({}) == 1


def test_a_move_while_another_one_moves_there(ours, other, before, bare):
    ours.writebytes("a", b"one")
    ours.writebytes("c", b"another")
    before("rename", lambda: other.move_file("c", "b"))
    ours.move_file("a", "b")
    assert ours.listdir("/") == ["b"]
    assert ours.readbytes("b") == b"one"
    assert bare["files.files"].count_documents({}) == 1


def test_an_exclusive_move_while_the_target_is_written(ours, other, before, bare):
    ours.writebytes("a", b"moved")
    before("rename", lambda: other.writebytes("b", b"written"))
    # first it was moved, and then replaced
    ours.move_file("a", "b", overwrite=False)
    assert ours.readbytes("b") == b"written"
    assert bare["files.files"].count_documents({}) == 1


def test_a_writer_that_fails_leaves_what_was_moved_away(ours, other, before):
    ours.writebytes("a", b"old")

    def move_and_fail():
        other.move_file("a", "b")
        fail()

    before("_make_newest", move_and_fail)
    with pytest.raises(errors.RemoteConnectionError):
        ours.writebytes("a", b"new")
    assert other.readbytes("b") in (b"old", b"new")
    ours.remove_leftovers(older_than=-60)


def test_a_move_that_fails_does_not_bring_back_an_old_revision(ours, put_revisions, before):
    put_revisions("a", [b"oldest", b"older", b"newest"])
    before("rename", fail)
    with pytest.raises(errors.RemoteConnectionError):
        ours.move_file("a", "b")
    assert ours.readbytes("a") == b"newest"
    ours.move_file("a", "b")
    assert ours.listdir("/") == ["b"]


# Readers


@pytest.fixture
def put_revisions(bare):
    """Put several revisions of a file by the driver, each newer than the last."""

    def put_revisions(name, contents):
        bucket = gridfs.GridFSBucket(bare, "files")
        for content in contents:
            bucket.upload_from_stream_with_id(ObjectId(), name, content)

    return put_revisions


@pytest.mark.parametrize("size", [1, 4 * 255 * 1024, 4 * 255 * 1024 + 1, MIB])
@pytest.mark.parametrize("chunk_size", [255 * 1024, 600 * 1024])
def test_a_short_file_is_whole_when_it_was_opened(open_gridfs, ours, size, chunk_size):
    content = bytes(range(256)) * 4096
    open_gridfs(strict=False, chunk_size=chunk_size).writebytes("a", content[:size])
    with ours.open("a", "rb") as file:
        ours.writebytes("a", b"new")
        assert file.read() == content[:size]


@pytest.mark.parametrize("count", [3, 150])
def test_a_listing_has_the_newest_of_many_revisions(ours, put_revisions, bare, count):
    put_revisions("a", [b"x" * number for number in range(1, count + 1)])
    ours.writebytes("b", b"")
    assert {info.name: info.size for info in ours.scandir("/", ["details"])} == {"a": count, "b": 0}
    # of one date, the greatest _id is the newest
    bare["files.files"].update_many({"filename": "a"}, [{"$set": {"uploadDate": "$$NOW"}}])
    assert {info.name: info.size for info in ours.scandir("/", ["details"])} == {"a": count, "b": 0}
    assert ours.getsize("a") == count


def test_a_name_that_cannot_be_one_leaves_no_chunks(ours, storage, bare):
    ours.writebytes("a", b"content")
    for call in (
        lambda: ours.writebytes("x\udc80", b"content"),
        lambda: ours.writebytes("x\udc80", bytes(9 * MIB)),
        lambda: ours.copy_file("a", "x\udc80"),
    ):
        with pytest.raises(errors.InvalidPath):
            call()
    assert bare["files.chunks"].count_documents({}) == 1


@pytest.mark.parametrize(
    "odd", [{"length": float("inf")}, {"length": None}, {"chunkSize": "x"}], ids=["inf", "none", "text"]
)
def test_a_document_that_is_no_file_hides_no_others(ours, storage, bare, odd, caplog):
    ours.writebytes("a", b"content")
    bare["files.files"].insert_one({"filename": "b", "length": 0, "chunkSize": 1024, **odd})
    assert [info.name for info in ours.scandir("/", ["details"])] == ["a"]
    with pytest.raises(FSError, match="no file of GridFS"):
        storage.metadata("b")
    bare["files.files"].delete_one({"filename": "b"})
