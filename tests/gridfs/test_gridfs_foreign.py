"""Files that drivers put into a bucket, read and changed here; ours as drivers have them; no marker of a directory."""

import io
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import fs
import fs.copy
import gridfs as driver
import pytest
from bson import Binary, Int64
from drivers import CHUNK, LARGE, contents, md5, one_server, put_by_bucket, put_by_gridfs, with_slash
from fs import errors
from fs.memoryfs import MemoryFS
from fs.walk import Walker

from flask_pyfs import FileExists, FileNotFound

pytestmark = [one_server, pytest.mark.usefixtures("no_orphans")]

# those of the foreign files
DIRECTORIES = {"/a", "/a/b", "/a/b/c", "/foo", "/foo/1", "/foo/1/sub", "/foo/10", "/ünï"}


@pytest.fixture(params=[put_by_gridfs, put_by_bucket], ids=["GridFS", "GridFSBucket"])
def put(request, bare):
    """Put a file into the bucket by each class of the driver, and return its id."""

    def put(filename, content, **described):
        return request.param(bare, filename, content, **described)

    return put


def copies_and_moves(storage, content, name="a.bin"):
    """A copy and a move of a file have its content."""
    storage.copy(name, "copy.bin")
    storage.move(name, "moved.bin")
    assert sorted(storage.list_files()) == ["copy.bin", "moved.bin"]
    assert storage.read("copy.bin") == storage.read("moved.bin") == content


# Files of drivers

SIZES = [(0, CHUNK), (1, CHUNK), (CHUNK - 1, CHUNK), (CHUNK, CHUNK), (CHUNK + 1, CHUNK), (len(LARGE), CHUNK)]
SIZES += [(101, 1), (701, 7), (100_001, 1000), (len(LARGE), 5 * 1024 * 1024)]


@pytest.mark.parametrize(("size", "chunk_size"), SIZES)
def test_read(put, storage, size, chunk_size):
    content = LARGE[:size]
    put("a.bin", content, chunk_size=chunk_size)
    assert storage.read("a.bin") == content
    with storage.open("a.bin", "rb") as file:
        assert file.read() == content
        for start in (0, size // 2, max(0, size - 3), chunk_size - 1, size + 10):
            assert file.seek(start) == start
            assert file.read(4) == content[start : start + 4]
    assert storage.metadata("a.bin")["size"] == size
    copies_and_moves(storage, content)
    storage.write("copy.bin", b"new", overwrite=True)
    assert (storage.read("copy.bin"), storage.read("moved.bin")) == (b"new", content)


def test_metadata(put, storage, app):
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    put("dir/thing", b"content", content_type="application/vnd.thing", metadata={"md5": md5(b"content")})
    metadata = storage.metadata("dir/thing")
    assert (metadata["filename"], metadata["size"]) == ("thing", 7)
    assert (metadata["mime"], metadata["checksum"]) == ("application/vnd.thing", f"md5:{md5(b'content')}")
    assert metadata["modified"].utcoffset() == timedelta(0)
    assert before <= metadata["modified"] <= datetime.now(timezone.utc)
    with app.test_client() as web, web.get("/files/dir/thing") as response:
        assert (response.data, response.content_length) == (b"content", 7)
        assert response.mimetype == "application/vnd.thing"
        assert response.last_modified == metadata["modified"].replace(microsecond=0)


@pytest.mark.parametrize(("name", "mime"), [("a.png", "image/png"), ("a", "application/octet-stream")])
def test_types_and_where_they_are(put, bare, storage, name, mime):
    put(name, b"content")
    assert (storage.metadata(name)["mime"], storage.metadata(name)["checksum"]) == (mime, None)
    put_by_gridfs(bare, "twice", b"", content_type="text/top", metadata={"contentType": "text/below"})
    assert storage.metadata("twice")["mime"] == "text/top"


def test_the_checksum_of_old_drivers(bare, storage):
    put_by_gridfs(bare, "a.bin", b"content", md5=md5(b"content"))
    assert storage.metadata("a.bin")["checksum"] == f"md5:{md5(b'content')}"
    copies_and_moves(storage, b"content")
    checksums = [storage.metadata(name)["checksum"] for name in ("copy.bin", "moved.bin")]
    assert checksums == [f"md5:{md5(b'content')}"] * 2
    storage.write("moved.bin", b"new", overwrite=True)
    assert storage.metadata("moved.bin")["checksum"] == f"md5:{md5(b'new')}"


@pytest.mark.parametrize(
    "described",
    [
        {"metadata": None},
        {"metadata": {}},
        {"metadata": "some text"},
        {"metadata": ["md5", "contentType"]},
        {"metadata": {"md5": None, "contentType": None}},
        {"metadata": {"md5": 5, "contentType": 5}},
        {"metadata": {"md5": "none", "contentType": ""}},
        {"md5": None, "contentType": None},
        {"md5": 5, "contentType": {"is": "none"}},
        {"aliases": ["b"], "encoding": "utf-8"},
    ],
    ids=str,
)
def test_descriptions_that_say_nothing(bare, storage, gridfs, app, described):
    put_by_gridfs(bare, "a.png", b"content", **described)
    metadata = storage.metadata("a.png")
    assert (metadata["mime"], metadata["checksum"]) == ("image/png", None)
    assert [info.size for info in gridfs.scandir("/", ["details"])] == [7]
    with app.test_client() as web, web.get("/files/a.png") as response:
        assert (response.data, response.mimetype) == (b"content", "image/png")
    copies_and_moves(storage, b"content", "a.png")


def test_a_type_that_cannot_be_a_header(bare, storage, app):
    put_by_gridfs(bare, "a.bin", b"content", contentType="text/plain\r\nX-Injected: 1")
    with app.test_client() as web, web.get("/files/a.bin") as response:
        assert (response.status_code, response.data) == (200, b"content")
        assert "X-Injected" not in response.headers
    copies_and_moves(storage, b"content")


IDS = ["text", "", 5, 2.5, Int64(2**40), {"of": {"three": "parts"}}, Binary(b"\0\xff"), True, datetime(2020, 1, 1)]


@pytest.mark.parametrize("identifier", IDS, ids=repr)
def test_other_ids(bare, storage, app, names, identifier):
    put_by_gridfs(bare, "a.bin", LARGE, _id=identifier)
    with storage.open("a.bin", "rb") as file:
        file.seek(-3, io.SEEK_END)
        assert file.read() == b"end"
    with app.test_client() as web, web.get("/files/a.bin", headers={"Range": "bytes=-3"}) as response:
        assert (response.status_code, response.data) == (206, b"end")
        etag = response.headers["ETag"]
    with app.test_client() as web, web.get("/files/a.bin", headers={"If-None-Match": etag}) as response:
        assert response.status_code == 304
    copies_and_moves(storage, LARGE)
    storage.write("moved.bin", b"new", overwrite=True)
    assert storage.read("moved.bin") == b"new"
    storage.delete("copy.bin")
    assert names() == {"moved.bin": 1}


def test_a_file_that_replaces_another_of_its_id_has_another_tag(bare, storage, plain, app):
    tags = set()
    for content in (b"old", b"new"):
        plain.put(content, _id="always", filename="a.txt")
        with app.test_client() as web, web.get("/files/a.txt") as response:
            assert response.data == content
            tags.add(response.headers["ETag"])
        plain.delete("always")
    assert len(tags) == 2


@pytest.mark.parametrize("size", [0, CHUNK, 2 * CHUNK])
def test_an_empty_chunk_at_the_end(bare, storage, size):
    identifier = put_by_gridfs(bare, "a.bin", LARGE[:size])
    bare["files.chunks"].insert_one({"files_id": identifier, "n": size // CHUNK, "data": Binary(b"")})
    with storage.open("a.bin", "rb") as file:
        assert file.read() == storage.read("a.bin") == LARGE[:size]
    copies_and_moves(storage, LARGE[:size])
    storage.delete("copy.bin")
    storage.delete("moved.bin")
    assert bare["files.chunks"].count_documents({}) == 0


def test_numbers_that_are_not_whole(bare, storage, gridfs):
    # as JavaScript has them
    put_by_gridfs(bare, "a.bin", LARGE)
    bare["files.files"].update_one({}, {"$set": {"length": float(len(LARGE)), "chunkSize": float(CHUNK)}})
    bare["files.chunks"].update_many({}, [{"$set": {"n": {"$toDouble": "$n"}}}])
    assert storage.metadata("a.bin")["size"] == gridfs.getsize("a.bin") == len(LARGE)
    with storage.open("a.bin", "rb") as file:
        file.seek(-3, io.SEEK_END)
        assert file.read() == b"end"
    copies_and_moves(storage, LARGE)


def test_files_without_a_name(plain, storage, gridfs, names, foreign):
    plain.put(b"content")
    plain.put(b"content", filename=None)
    plain.put(b"content", filename=5)
    assert sorted(storage.list_files()) == sorted(foreign)
    assert sorted(gridfs.walk.files()) == sorted(with_slash(foreign))
    assert not storage.exists("None")
    assert not storage.exists("5")
    gridfs.removetree("/")
    # what the filesystem does not show, it leaves
    assert names() == Counter({None: 2, 5: 1})


def test_names_that_no_storage_accepts(bare, storage, gridfs, names, caplog):
    refused = ["dir/../up.txt", ".."]
    odd = ["/leading.txt", "dir//double.txt", "dir/./dot.txt", "back\\slash.txt", "dir/good.txt", "good.txt"]
    for name in (*refused, *odd):
        put_by_gridfs(bare, name, name.encode())
    with caplog.at_level("WARNING", "flask_pyfs"):
        assert sorted(storage.list_files()) == sorted(odd)
    assert all(repr(name) in caplog.text for name in refused)
    assert {name: storage.read(name) for name in odd} == {name: name.encode() for name in odd}
    assert {"/good.txt", "/dir/good.txt"} <= set(gridfs.walk.files())
    storage.delete("dir")
    assert set(names()) == {"/leading.txt", "..", "back\\slash.txt", "good.txt"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_copies_and_moves_keep_what_is_described(put, storage, bare, overwrite):
    described = {"content_type": "application/vnd.thing", "metadata": {"color": "blue", "md5": md5(LARGE)}}
    identifier = put("a.bin", LARGE, **described)
    storage.copy("a.bin", "dir/copy.txt", overwrite=overwrite)
    storage.move("a.bin", "dir/moved.txt", overwrite=overwrite)
    for name in ("dir/copy.txt", "dir/moved.txt"):
        assert storage.read(name) == LARGE
        metadata = storage.metadata(name)
        assert (metadata["mime"], metadata["checksum"]) == ("application/vnd.thing", f"md5:{md5(LARGE)}")
        (document,) = bare["files.files"].find({"filename": name})
        assert document["metadata"]["color"] == "blue"
        assert (document["_id"] == identifier) is (name == "dir/moved.txt")


# Ours


@pytest.fixture
def bucket(bare):
    """The bucket as the driver's newer class has it."""
    return driver.GridFSBucket(bare, "files")


WAYS = ["write", "overwrite", "copy", "move", "open", "handle"]


def make(storage, content, how):
    """Make the file ``dir/a.png`` in one of these ways."""
    if how in ("copy", "move"):
        storage.write("b.png", content)
        getattr(storage, how)("b.png", "dir/a.png")
    elif how == "open":
        with storage.open("dir/a.png", "wb") as file:
            for start in range(0, len(content), 100_000):
                file.write(content[start : start + 100_000])
    elif how == "handle":
        storage.fs.makedir("dir").writebytes("a.png", content)
    else:
        if how == "overwrite":
            storage.save(io.BytesIO(b"old"), "dir/a.png")
        storage.write("dir/a.png", content, overwrite=how == "overwrite")


@pytest.mark.parametrize(
    ("how", "size", "chunk_size"),
    [
        *[(how, size, CHUNK) for how in WAYS for size in (7, len(LARGE))],
        *[("write", size, CHUNK) for size in (0, CHUNK - 1, CHUNK, CHUNK + 1)],
        *[(how, size, 1024) for how in ("write", "copy") for size in (0, 1024, 5000)],
    ],
)
def test_drivers_read_ours(app, make_storage, bare, plain, bucket, how, size, chunk_size):
    content = LARGE[-size:] if size else b""
    before = datetime.now(timezone.utc).replace(microsecond=0)
    storage = make_storage(CHUNK_SIZE=chunk_size)
    with app.app_context():
        make(storage, content, how)
    types = {"length": ["int", "long"], "chunkSize": ["int"], "uploadDate": ["date"], "filename": ["string"]}
    typed: dict[str, Any] = {name: {"$type": kinds} for name, kinds in types.items()}
    (document,) = bare["files.files"].find({"$and": [typed, {"filename": "dir/a.png"}]})
    assert (document["length"], document["chunkSize"], document["contentType"]) == (size, chunk_size, "image/png")
    assert before <= document["uploadDate"] <= datetime.now(timezone.utc)
    typed = {"n": {"$type": "int"}, "data": {"$type": "binData"}, "files_id": {"$type": "objectId"}}
    chunks = list(bare["files.chunks"].find({"$and": [typed, {"files_id": document["_id"]}]}, sort=[("n", 1)]))
    assert [chunk["n"] for chunk in chunks] == list(range(-(-size // chunk_size)))
    assert {len(chunk["data"]) for chunk in chunks[:-1]} <= {chunk_size}
    assert all(set(chunk) == {"_id", "files_id", "n", "data"} for chunk in chunks)
    for found in (plain.get_last_version("dir/a.png"), bucket.open_download_stream_by_name("dir/a.png")):
        assert found.read() == content
        assert found.metadata["md5"] == md5(content)


def test_other_buckets(open_gridfs, storage, bare):
    other = driver.GridFS(bare, "other")
    other.put(b"theirs", filename="a")
    storage.write("a", b"ours")
    assert open_gridfs("other").readbytes("a") == b"theirs"
    storage.delete("a")
    assert other.get_last_version("a").read() == b"theirs"


def test_drivers_rename_and_delete_ours(storage, plain, bucket):
    storage.write("a", LARGE)
    bucket.rename(plain.get_last_version("a")._id, "b")
    assert list(storage.list_files()) == ["b"]
    storage.write("a", b"new")
    with pytest.raises(FileExists):
        storage.write("b", b"new")
    assert (storage.read("a"), storage.read("b")) == (b"new", LARGE)
    plain.delete(plain.get_last_version("a")._id)
    bucket.delete(plain.get_last_version("b")._id)
    assert list(storage.list_files()) == []
    storage.write("a", b"again")
    assert storage.read("a") == b"again"


@pytest.mark.parametrize("overwrite", [False, True])
def test_drivers_revise_ours(storage, bare, names, overwrite):
    storage.write("a", b"ours", overwrite=overwrite)
    put_by_gridfs(bare, "a", b"theirs")
    put_by_bucket(bare, "a", b"theirs again")
    assert names() == {"a": 3}
    assert storage.read("a") == b"theirs again"
    with pytest.raises(FileExists):
        storage.write("a", b"new")
    storage.write("a", b"new", overwrite=True)
    assert storage.read("a") == b"new"
    assert names() == {"a": 1}
    put_by_gridfs(bare, "a", b"theirs at last")
    assert storage.read("a") == b"theirs at last"


# Directories without markers


def test_walk(gridfs, foreign):
    for search in ("breadth", "depth"):
        walker = Walker(search=search)
        assert sorted(walker.files(gridfs)) == sorted(with_slash(foreign))
        assert sorted(walker.dirs(gridfs)) == sorted(DIRECTORIES)
    assert sorted(gridfs.walk.files("/a/b")) == ["/a/b/c/deep.txt", "/a/b/x.txt"]


def test_scandir(gridfs, foreign):
    found = {info.name: info for info in gridfs.scandir("foo", ["details"])}
    assert {name for name, info in found.items() if info.is_dir} == {"1", "10"}
    assert {name: info.size for name, info in found.items() if info.is_file} == {"1.txt": 7, "1 and a half.txt": 0}
    assert found["1.txt"].modified == gridfs.getinfo("foo/1.txt", ["details"]).modified
    assert found["1"].type == fs.ResourceType.directory
    assert sorted(gridfs.listdir("foo/1")) == ["one.txt", "sub"]
    for path, error in [("foo/1.txt", errors.DirectoryExpected), ("fo", errors.ResourceNotFound)]:
        with pytest.raises(error):
            gridfs.listdir(path)


def test_opendir(gridfs, foreign):
    with gridfs.opendir("a/b") as directory:
        assert contents(directory) == {"/x.txt": b"x", "/c/deep.txt": b"deep"}
        directory.writetext("c/new.txt", "new")
    assert gridfs.readtext("a/b/c/new.txt") == "new"
    for path, error in [("a/b/x.txt", errors.DirectoryExpected), ("a/c", errors.ResourceNotFound)]:
        with pytest.raises(error):
            gridfs.opendir(path)


def test_files(gridfs, storage, foreign):
    for path, content in foreign.items():
        info = gridfs.getinfo(path, ["details"])
        assert (info.name, info.is_dir, info.size) == (path.rpartition("/")[2], False, len(content))
        assert (gridfs.isdir(path), gridfs.isfile(path), gridfs.exists(path)) == (False, True, True)
        assert storage.read(path) == content
    for path in ("fo", "a/b/x", "a/bb", "top.txt/below"):
        assert not gridfs.exists(path)
        with pytest.raises(errors.ResourceNotFound):
            gridfs.getinfo(path)
    with gridfs.open("a/b/x.txt", "r+b") as file:
        file.seek(0, io.SEEK_END)
        file.write(b"yz")
    assert storage.read("a/b/x.txt") == b"xyz"


def test_directories(gridfs, storage, foreign):
    for path in DIRECTORIES:
        info = gridfs.getinfo(path, ["details"])
        assert (info.name, info.is_dir, info.type) == (path.rpartition("/")[2], True, fs.ResourceType.directory)
        assert (gridfs.isdir(path), gridfs.isfile(path), gridfs.exists(path)) == (True, False, True)
        with pytest.raises(errors.FileExpected):
            gridfs.open(path)
        assert not storage.exists(path)
        with pytest.raises(FileNotFound):
            storage.read(path)


def test_copy_to_memory_and_back(gridfs, open_gridfs, foreign):
    with MemoryFS() as memory:
        fs.copy.copy_fs(gridfs, memory)
        fs.copy.copy_dir(memory, "/", open_gridfs("other"), "copy")
    with open_gridfs("other").opendir("copy") as copy:
        assert contents(copy) == with_slash(foreign)
        assert set(copy.walk.dirs()) == DIRECTORIES


@pytest.mark.parametrize("by", ["storage", "filesystem"])
def test_delete_a_tree_beside_names_that_start_alike(storage, gridfs, names, foreign, by):
    delete = storage.delete if by == "storage" else gridfs.removetree
    delete("foo/1")
    assert set(names()) == {name for name in foreign if not name.startswith("foo/1/")}
    storage.delete("fo")
    for path, error in [("top.txt", errors.DirectoryExpected), ("fo", errors.ResourceNotFound)]:
        with pytest.raises(error):
            gridfs.removetree(path)
    delete("foo")
    assert set(names()) == {name for name in foreign if not name.startswith("foo/")}
    gridfs.removetree("/")
    assert names() == {}
    assert gridfs.listdir("/") == []


def test_a_field_of_an_app_that_is_named_note_stays(gridfs, bare):
    bare["files.files"].insert_one(
        {"filename": "a", "length": 0, "chunkSize": 1024, "uploadDate": datetime(2020, 1, 1), "note": "of the app"}
    )
    assert gridfs.facts("a").note is None
    gridfs.copy_file("a", "b")
    gridfs.copy_from(gridfs, "a", "c", note="ours")
    gridfs.move_file("a", "d")
    assert [bare["files.files"].find_one({"filename": name})["note"] for name in "bcd"] == ["of the app"] * 3
    assert [gridfs.facts(name).note for name in "bcd"] == [None, "ours", None]
