"""What other tools stored in a container, with and without objects for directories, and large objects of theirs."""

import hashlib
import io
import json

import fs.copy
import pytest
from fs.memoryfs import MemoryFS

MIB = 1024 * 1024

FOREIGN = {
    "top.txt": b"top",
    "a/y.bin": b"\x00\x01",
    "a/b/x.txt": b"x",
    "a/b/c/deep.txt": b"deep",
    "foo/1/one.txt": b"one",
    "foo/1/sub/two.txt": b"two",
    "foo/1.txt": b"one dot",
    "foo/10/ten.txt": b"ten",
    "foo/1 and a half.txt": b"",
    "foo-bar.txt": b"beside",
}
DIRECTORIES = {"/a", "/a/b", "/a/b/c", "/foo", "/foo/1", "/foo/1/sub", "/foo/10"}


@pytest.fixture(params=[(), (*DIRECTORIES, "/empty")], ids=["no markers", "markers"])
def markers(request):
    return [path[1:] for path in request.param]


@pytest.fixture
def foreign(swift_connection, container, markers):
    for name, content in FOREIGN.items():
        swift_connection.put_object(container, name, content)
    for name in markers:
        swift_connection.put_object(container, name, b"", content_type="application/directory")
    return FOREIGN


def with_slash(files):
    return {f"/{name}": content for name, content in files.items()}


def contents(filesystem, path="/"):
    return {found: filesystem.readbytes(found) for found in filesystem.walk.files(path)}


def test_walk(swift, foreign, markers):
    assert contents(swift) == with_slash(foreign)
    assert set(swift.walk.dirs()) == DIRECTORIES | {"/empty" for name in markers if name == "empty"}


def test_scandir(swift, foreign):
    found = {info.name: info for info in swift.scandir("foo", ["details"])}
    assert sorted(found) == ["1", "1 and a half.txt", "1.txt", "10"]
    assert {name for name, info in found.items() if info.is_dir} == {"1", "10"}
    assert (found["1.txt"].size, found["1 and a half.txt"].size) == (7, 0)
    assert swift.getinfo("foo/1.txt", ["details"]).modified == found["1.txt"].modified
    assert sorted(swift.listdir("foo/1")) == ["one.txt", "sub"]


def test_what_is_a_directory(swift, foreign, markers):
    for path in DIRECTORIES:
        assert swift.isdir(path)
        assert swift.exists(path)
        assert not swift.isfile(path)
        assert swift.getinfo(path).is_dir
        assert not swift.isempty(path)
        with pytest.raises(fs.errors.FileExpected):
            swift.readbytes(path)
    for path in foreign:
        assert swift.isfile(path)
        assert not swift.isdir(path)
    if markers:
        assert swift.isempty("empty")
        assert swift.listdir("empty") == []
        swift.makedir("empty", recreate=True)
        swift.removedir("empty")
        assert not swift.exists("empty")


def test_changes_below(swift, foreign, markers):
    below = swift.opendir("foo/1")
    assert contents(below) == {"/one.txt": b"one", "/sub/two.txt": b"two"}
    below.writetext("new.txt", "new")
    below.makedir("made").writetext("newer.txt", "newer")
    swift.removetree("a")
    assert not swift.exists("a")
    assert swift.readtext("foo/1/made/newer.txt") == "newer"
    swift.removetree("foo/1")
    assert sorted(swift.listdir("foo")) == ["1 and a half.txt", "1.txt", "10"]
    swift.removetree("/")
    assert swift.listdir("/") == []


def test_copies_to_memory_and_back(swift, open_swift, foreign, container):
    with MemoryFS() as memory:
        fs.copy.copy_fs(swift, memory)
        assert contents(memory) == with_slash(foreign)
        fs.copy.copy_fs(memory, swift.makedir("back"))
    assert contents(swift.opendir("back")) == with_slash(foreign)


def test_a_storage(storage, foreign, markers):
    assert sorted(storage.list_files()) == sorted(foreign)
    assert {name: storage.read(name) for name in foreign} == foreign
    for name in markers:
        assert not storage.exists(name)
    storage.delete("foo/1")
    assert sorted(storage.list_files("foo/")) == ["foo/1 and a half.txt", "foo/1.txt", "foo/10/ten.txt"]


def test_other_tools_read_ours(storage, swift_connection, container):
    for name, content in (("a.png", b"content"), ("large.png", bytes(5 * MIB))):
        storage.write(name, content)
        headers, stored = swift_connection.get_object(container, name)
        assert stored == content
        assert headers["content-type"] == "image/png"
        assert headers["etag"] == hashlib.md5(content).hexdigest()
        assert storage.metadata(name)["checksum"] == f"md5:{headers['etag']}"


PARTS = [bytes([number]) * MIB for number in range(3)]
LARGE = b"".join(PARTS)


@pytest.fixture
def static(swift_connection, container):
    """Make a static large object whose segments are in some container."""

    def static(name, segments):
        swift_connection.put_container(segments)
        listed = []
        for number, part in enumerate(PARTS):
            key = f"{name}/{number}"
            etag = swift_connection.put_object(segments, key, part)
            listed.append({"path": f"/{segments}/{key}", "etag": etag, "size_bytes": len(part)})
        manifest = json.dumps(listed)
        swift_connection.put_object(
            container, name, manifest, content_type="video/mp4", query_string="multipart-manifest=put"
        )

    return static


@pytest.fixture
def dynamic(swift_connection, container):
    """Make a dynamic large object, whose segments are found by their prefix."""

    def dynamic(name, segments):
        swift_connection.put_container(segments)
        for number, part in enumerate(PARTS):
            swift_connection.put_object(segments, f"{name}/{number}", part)
        headers = {"X-Object-Manifest": f"{segments}/{name}/"}
        swift_connection.put_object(container, name, b"", content_type="video/mp4", headers=headers)

    return dynamic


@pytest.fixture
def elsewhere(swift_connection, container):
    name = f"{container}-parts"
    yield name
    for found in swift_connection.get_container(name)[1]:
        swift_connection.delete_object(name, found["name"])
    swift_connection.delete_container(name)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_large_objects_of_others(request, app, storage, swift_connection, container, elsewhere, kind):
    make = request.getfixturevalue(kind)
    make("dir/a.mp4", elsewhere)
    assert storage.read("dir/a.mp4") == b"".join(storage.read_chunks("dir/a.mp4")) == LARGE
    metadata = storage.metadata("dir/a.mp4")
    assert (metadata["size"], metadata["checksum"], metadata["mime"]) == (len(LARGE), None, "video/mp4")
    with storage.open("dir/a.mp4", "rb") as file:
        file.seek(-MIB - 1, io.SEEK_END)
        assert file.read(2) == LARGE[-MIB - 1 :][:2]
    with app.test_client() as web, web.get("/files/dir/a.mp4", headers={"Range": "bytes=-2"}) as response:
        assert (response.status_code, response.data) == (206, LARGE[-2:])
    storage.copy("dir/a.mp4", "copy.mp4")
    storage.move("dir/a.mp4", "moved.mp4")
    assert storage.read("copy.mp4") == storage.read("moved.mp4") == LARGE
    make("dir/a.mp4", elsewhere)
    storage.write("dir/a.mp4", b"new", overwrite=True)
    assert storage.read("dir/a.mp4") == b"new"
    storage.delete("dir/a.mp4")
    storage.delete("moved.mp4")
    assert storage.read("copy.mp4") == LARGE
    # other objects may be made of them
    assert len(swift_connection.get_container(elsewhere)[1]) == len(PARTS)


def test_segments_beside_the_container_go_with_their_object(storage, swift_connection, container, static):
    segments = f"{container}_segments"
    static("a.mp4", segments)
    static("a.mp4.part", segments)
    storage.write("a.mp4", b"new", overwrite=True)
    assert [found["name"] for found in swift_connection.get_container(segments)[1]] == [
        f"a.mp4.part/{number}" for number in range(3)
    ]
    storage.delete("a.mp4")
    assert storage.read("a.mp4.part") == LARGE
    storage.delete("a.mp4.part")
    assert swift_connection.get_container(segments)[1] == []
