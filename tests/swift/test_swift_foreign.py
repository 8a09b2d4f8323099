"""What other tools stored in a container, with and without objects for directories, and large objects of theirs."""

import hashlib
import io
import json
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import fs.copy
import pytest
from containers import clear_container, new_container
from fs import errors
from fs.memoryfs import MemoryFS
from servers.faults import FaultProxy

from flask_pyfs.errors import FileNotFound

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


@pytest.fixture
def names(swift_connection, container):
    def names(container=container):
        return {found["name"] for found in swift_connection.get_container(container)[1]}

    return names


def outside(directory, names):
    return {name for name in names if not f"{name}/".startswith(f"{directory}/")}


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
        with pytest.raises(errors.FileExpected):
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


def test_a_storage(storage, foreign, markers, names):
    stored = names()
    assert sorted(storage.list_files()) == sorted(foreign)
    assert {name: storage.read(name) for name in foreign} == foreign
    for name in markers:
        assert not storage.exists(name)
    storage.delete("foo/1")
    assert sorted(storage.list_files("foo/")) == ["foo/1 and a half.txt", "foo/1.txt", "foo/10/ten.txt"]
    assert names() == outside("foo/1", stored)


def test_directories_that_are_made_and_removed(swift, foreign, names):
    before = names()
    with pytest.raises(errors.DirectoryExists):
        swift.makedir("foo")
    swift.makedir("foo", recreate=True)
    with pytest.raises(errors.DirectoryNotEmpty):
        swift.removedir("foo/10")
    assert names() == before
    swift.remove("foo/10/ten.txt")
    swift.removedir("foo/10")
    assert names() == outside("foo/10", before)


def test_a_marker_is_no_file(storage, swift, swift_connection, container, names):
    swift_connection.put_object(container, "empty", b"", content_type="application/directory; charset=utf-8")
    for call in (storage.read, storage.open, storage.metadata):
        with pytest.raises(FileNotFound):
            call("empty")
    with pytest.raises(errors.FileExpected):
        swift.readbytes("empty")
    assert names() == {"empty"}


@pytest.mark.parametrize("kind", ["application/directory", "x/y; charset=latin-1", "nonsense"])
def test_files_of_any_type(storage, swift_connection, container, kind):
    swift_connection.put_object(container, "dir/a.bin", b"content", content_type=kind)
    storage.copy("dir/a.bin", "b")
    for name in ("dir/a.bin", "b"):
        assert (storage.read(name), storage.metadata(name)["mime"]) == (b"content", kind)
    assert sorted(storage.list_files()) == ["b", "dir/a.bin"]


@pytest.mark.parametrize("path", ["%2e%2e/a", "..%2fa", "a?multipart-manifest=get", " a#b", "e\u0301", "100%", "a\nb"])
def test_paths_of_a_filesystem_and_their_temporary_urls(open_swift, swift_connection, container, names, path):
    swift_connection.post_container(container, {"X-Container-Meta-Temp-URL-Key": "the key"})
    swift = open_swift(strict=False, temp_url_key="the key")
    swift.writebytes(path, b"content")
    swift.move(path, "moved")
    swift.move("moved", path)
    assert {*swift.iter_files()} == names() == {path}
    with urlopen(swift.temporary_url(path, 9_999_999_999)) as response:
        assert response.read() == swift_connection.get_object(container, path)[1] == b"content"
    with pytest.raises(errors.Unsupported):
        open_swift().temporary_url(path, 9_999_999_999)
    swift.remove(path)
    assert not swift.exists(path)


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
    clear_container(swift_connection, name)


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
        for start in (2 * MIB - 1, MIB - 3, 0):
            assert (file.seek(start), file.read(MIB + 6)) == (start, LARGE[start : start + MIB + 6])
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


def test_entries_have_the_sizes_of_large_objects(storage, swift_connection, container, elsewhere, static, dynamic):
    dynamic("b.mp4", elsewhere)
    static("c.mp4", elsewhere)
    storage.write("a.mp4", b"content")
    storage.write("d.mp4", b"")
    swift_connection.put_object(container, "e", b"", content_type="application/directory")
    sizes = {"a.mp4": 7, "b.mp4": len(LARGE), "c.mp4": len(LARGE), "d.mp4": 0}
    assert {entry.name: entry.size for entry in storage.entries()} == sizes
    assert [entry.content_type for entry in storage.entries()] == ["video/mp4"] * 4
    for name, facts in storage.backend.entries():
        known = storage.backend.facts(name)
        assert (facts.size, facts.etag, facts.checksum) == (known.size, known.etag, known.checksum), name
        assert (facts.modified, facts.content_type) == (known.modified, known.content_type), name
        # a listing does not tell the version, and one that is none of the file is not told
        assert facts.version in (None, known.version), name


def test_segments_beside_the_container_go_with_their_object(storage, container, names, static, dynamic):
    segments = f"{container}_segments"
    static("a.mp4", segments)
    static("a.mp4.part", segments)
    storage.write("a.mp4", b"new", overwrite=True)
    assert names(segments) == {f"a.mp4.part/{number}" for number in range(3)}
    storage.delete("a.mp4")
    assert storage.read("a.mp4.part") == LARGE
    storage.delete("a.mp4.part")
    assert names(segments) == set()
    dynamic("b.mp4", segments)
    storage.delete("b.mp4")
    assert len(names(segments)) == len(PARTS)


PART = {"path": "/{segments}/part"}
LEVEL = {"path": "/{levels}/level 0"}
MANIFESTS = {
    "bytes": ([PART, {"data": "dGFpbA=="}],),
    "ranges": ([{**PART, "range": "1-9"}, {**PART, "range": "-2"}],),
    "levels": ([PART], [LEVEL, PART]),
    "range of a level": ([PART], [{**LEVEL, "range": "7-20"}]),
}
LOST = [(levels, "") for levels in MANIFESTS.values()] + [(MANIFESTS["levels"], lost) for lost in ("part", "level 0")]


def put_manifests(connection, container, name, levels, elsewhere=None):
    """Store a segment and manifests beside the container, where each may name the one before, and the last in it."""
    segments = f"{container}_segments"
    connection.put_container(segments)
    connection.put_object(segments, "part", LARGE)
    for number, level in enumerate(levels, 1):
        place = (container, name) if number == len(levels) else (elsewhere or segments, f"level {number - 1}")
        manifest = json.dumps(level).replace("{segments}", segments).replace("{levels}", elsewhere or segments)
        connection.put_object(*place, manifest, query_string="multipart-manifest=put")


@pytest.mark.parametrize(("levels", "missing"), LOST, ids=[*MANIFESTS, "lacks a segment", "lacks a level"])
@pytest.mark.parametrize("deleted", ["dir/a", "dir", None])
def test_segments_go_with_their_manifest(storage, swift_connection, container, names, levels, missing, deleted):
    put_manifests(swift_connection, container, "dir/a", levels)
    if missing:
        swift_connection.delete_object(f"{container}_segments", missing)
    if deleted:
        storage.delete(deleted)
    else:
        storage.write("dir/a", b"new", overwrite=True)
    assert names() == (set() if deleted else {"dir/a"})
    # nothing names the segments of a level that is missing
    assert names(f"{container}_segments") <= ({"part"} if missing == "level 0" else set())


def test_segments_of_a_manifest_elsewhere_stay(storage, swift_connection, container, elsewhere):
    swift_connection.put_container(elsewhere)
    for name in ("a", "b"):
        put_manifests(swift_connection, container, name, ([PART], [LEVEL]), elsewhere)
    storage.delete("a")
    assert storage.read("b") == LARGE


@pytest.mark.parametrize("levels", MANIFESTS.values(), ids=MANIFESTS)
def test_copies_of_what_is_too_large(app, make_storage, swift_place, swift_connection, container, levels):
    put_manifests(swift_connection, container, "a", levels)
    described = {
        "content-type": "text/x-thing; charset=utf-8",
        "content-encoding": "gzip",
        "content-disposition": 'attachment; filename="é.gz"',
        "content-language": "de",
        "cache-control": "max-age=60",
        "x-object-meta-color": "bläulich",
    }
    swift_connection.post_object(container, "a", described)
    address = urlsplit(swift_place.auth_url)
    refusal = b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with FaultProxy(address.hostname, address.port) as proxy, app.app_context():
        storage = make_storage(AUTHURL=f"{proxy.url}{address.path}")
        proxy.answer(refusal, when=lambda head: head.startswith(b"COPY") and b"_segments/" not in head.split()[1])
        storage.copy("a", "b")
        assert storage.read("b") == storage.read("a")
        found = swift_connection.head_object(container, "b")
        assert {name: found.get(name) for name in described} == described
        storage.move("b", "c")
        assert [*storage.list_files()] == ["a", "c"]
        assert storage.version("c") != storage.version("a")


def test_a_manifest_whose_name_has_dots(swift_place, storage, swift_connection, container, names):
    put_manifests(swift_connection, container, "a", [[PART]])
    with new_container(swift_place) as other:
        swift_connection.put_object(other, "a", b"canary")
        target = f"/{container}/tree/../../{other}/a"
        headers = {"X-Auth-Token": swift_connection.token, "Destination": target}
        source = f"{swift_connection.url}/{container}/a?multipart-manifest=get"
        urlopen(Request(source, None, headers, method="COPY")).close()
        assert names() == {"a", f"tree/../../{other}/a"}
        storage.delete("tree")
        assert names() == {"a"}
        assert swift_connection.get_object(other, "a")[1] == b"canary"
