"""Data that others wrote, read and changed here, and ours as others read it."""

import gzip
import hashlib
import io
import logging
from contextlib import closing
from email.header import decode_header, make_header
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import urlopen
from zipfile import ZipFile

import fs.copy
import fs.mirror
import fs_s3fs
import pytest
from buckets import new_bucket, on_both, on_swift
from counting import operations, requests_of
from fs import errors
from fs.memoryfs import MemoryFS
from fs.walk import Walker
from fs.zipfs import ZipFS

from flask_pyfs import FileExists, FileNotFound, FSError
from flask_pyfs.filesystems.s3.facts import MARK, facts_of

MIB = 1024 * 1024

# no marker anywhere
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
    "ünï/côde +&?#%41.txt": b"unicode",
}
DIRECTORIES = {"/a", "/a/b", "/a/b/c", "/foo", "/foo/1", "/foo/1/sub", "/foo/10", "/ünï"}


@pytest.fixture
def fill(s3_client, bucket):
    """Put objects into the bucket as others do, each with further parameters of the S3 API."""

    def fill(objects, **parameters):
        for key, content in objects.items():
            s3_client.put_object(Bucket=bucket, Key=key, Body=content, **parameters)

    return fill


@pytest.fixture
def keys(s3_client, bucket):
    """What is in the bucket."""

    def keys(prefix=""):
        pages = s3_client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    return keys


@pytest.fixture
def head(s3_client, bucket):
    """What the server says of an object."""

    def head(key, **parameters):
        return s3_client.head_object(Bucket=bucket, Key=key, **parameters)

    return head


@pytest.fixture
def foreign(fill):
    fill(FOREIGN)
    return FOREIGN


def contents(filesystem, path="/"):
    return {found: filesystem.readbytes(found) for found in filesystem.walk.files(path)}


def with_slash(objects):
    return {f"/{key}": content for key, content in objects.items()}


# A bucket without markers


@on_both
def test_walk(s3, foreign):
    for search in ("breadth", "depth"):
        walker = Walker(search=search)
        assert sorted(walker.files(s3)) == sorted(with_slash(foreign))
        assert sorted(walker.dirs(s3)) == sorted(DIRECTORIES)
    assert sorted(s3.walk.files("/a/b")) == ["/a/b/c/deep.txt", "/a/b/x.txt"]
    steps = {step.path: ({info.name for info in step.dirs}, {info.name for info in step.files}) for step in s3.walk()}
    assert set(steps) == {"/", *DIRECTORIES}
    assert steps["/foo"] == ({"1", "10"}, {"1.txt", "1 and a half.txt"})
    assert steps["/ünï"] == (set(), {"côde +&?#%41.txt"})


def test_scandir(s3, foreign):
    found = {info.name: info for info in s3.scandir("foo", ["details"])}
    assert {name: info.is_dir for name, info in found.items()} == {
        "1": True,
        "10": True,
        "1.txt": False,
        "1 and a half.txt": False,
    }
    assert {name: info.size for name, info in found.items() if info.is_file} == {"1.txt": 7, "1 and a half.txt": 0}
    assert found["1.txt"].modified == s3.getinfo("foo/1.txt", ["details"]).modified
    assert found["1"].type == fs.ResourceType.directory
    assert s3.listdir("foo/1") == ["sub", "one.txt"]
    for path, error in [("foo/1.txt", errors.DirectoryExpected), ("fo", errors.ResourceNotFound)]:
        with pytest.raises(error):
            list(s3.scandir(path))
        with pytest.raises(error):
            s3.listdir(path)


def test_opendir(s3, foreign):
    with s3.opendir("a/b") as directory:
        assert directory.listdir("/") == ["c", "x.txt"]
        assert contents(directory) == {"/x.txt": b"x", "/c/deep.txt": b"deep"}
        directory.writetext("c/new.txt", "new")
    assert s3.readtext("a/b/c/new.txt") == "new"
    with pytest.raises(errors.DirectoryExpected):
        s3.opendir("a/b/x.txt")
    with pytest.raises(errors.ResourceNotFound):
        s3.opendir("a/c")


def test_getinfo(s3, foreign):
    for path, size in [("top.txt", 3), ("a/y.bin", 2), ("a/b/c/deep.txt", 4)]:
        info = s3.getinfo(path, ["details"])
        assert (info.name, info.is_dir, info.size) == (path.rpartition("/")[2], False, size)
        assert info.modified.tzinfo is not None
    for path in DIRECTORIES:
        info = s3.getinfo(path, ["details"])
        assert (info.name, info.is_dir, info.type) == (path.rpartition("/")[2], True, fs.ResourceType.directory)
    assert s3.getinfo("/").is_dir
    assert s3.getinfo("a/b/").is_dir
    for path in ("fo", "a/b/x", "a/bb", "top.txt/below"):
        with pytest.raises(errors.ResourceNotFound):
            s3.getinfo(path)


def test_what_is_a_directory(s3, foreign):
    for path in ("/", *DIRECTORIES):
        assert (s3.isdir(path), s3.isfile(path), s3.exists(path)) == (True, False, True)
    for path in foreign:
        assert (s3.isdir(path), s3.isfile(path), s3.exists(path)) == (False, True, True)
    for path in ("fo", "foo/1 ", "a/b/c/d", "top.txt/below"):
        assert (s3.isdir(path), s3.isfile(path), s3.exists(path)) == (False, False, False)
    assert not s3.isempty("a/b")


def test_open(s3, storage, foreign):
    for path, content in foreign.items():
        assert storage.exists(path)
        assert storage.read(path) == content
        with s3.open(path, "rb") as file:
            assert file.read() == content
    for path in DIRECTORIES:
        assert not storage.exists(path)
        with pytest.raises(FileNotFound):
            storage.read(path)
        with pytest.raises(errors.FileExpected):
            s3.open(path)
    with s3.open("a/b/x.txt", "r+b") as file:
        file.seek(0, io.SEEK_END)
        file.write(b"yz")
    assert storage.read("a/b/x.txt") == b"xyz"


@on_both
def test_list_files(storage, foreign):
    assert sorted(storage.list_files()) == sorted(foreign)
    assert sorted(storage.list_files("a/b/")) == ["a/b/c/deep.txt", "a/b/x.txt"]
    assert sorted(storage.list_files("foo/1")) == sorted(key for key in foreign if key.startswith("foo/1"))
    assert list(storage.list_files("foo/2")) == []


def test_copy_to_memory_and_back(s3, s3_endpoint, open_s3, foreign):
    with MemoryFS() as memory:
        fs.copy.copy_fs(s3, memory)
        assert contents(memory) == with_slash(foreign)
        assert set(memory.walk.dirs()) == DIRECTORIES
        copy = s3.makedir("copy")
        fs.copy.copy_fs(memory, copy)
        assert contents(copy) == with_slash(foreign)
        assert set(copy.walk.dirs()) == DIRECTORIES
        with new_bucket(s3_endpoint) as other_name:
            other = open_s3(other_name)
            fs.copy.copy_fs(memory, other)
            assert contents(other) == with_slash(foreign)
            fs.copy.copy_dir(s3, "foo", other, "foo again")
            assert set(other.walk.files("/foo again")) == {
                f"/foo again/{key[4:]}" for key in foreign if key.startswith("foo/")
            }


def test_mirror(s3, foreign):
    with MemoryFS() as memory:
        memory.writetext("not there.txt", "old")
        fs.mirror.mirror(s3, memory)
        assert contents(memory) == with_slash(foreign)
        fs.mirror.mirror(memory.opendir("foo"), s3.opendir("a"))
    assert contents(s3.opendir("a")) == contents(s3.opendir("foo"))


def test_below_a_directory(open_s3, s3, fill, foreign, keys):
    below = open_s3(dir_path="/foo/1")
    assert below.isdir("/")
    assert contents(below) == {"/one.txt": b"one", "/sub/two.txt": b"two"}
    fill({"foo/1/": b""})
    assert contents(below) == {"/one.txt": b"one", "/sub/two.txt": b"two"}
    assert below.listdir("/") == ["sub", "one.txt"]
    assert list(below.iter_files()) == ["one.txt", "sub/two.txt"]
    below.writetext("sub/new.txt", "new")
    assert s3.readtext("foo/1/sub/new.txt") == "new"
    below.removetree("/")
    assert below.listdir("/") == []
    assert keys() - {"foo/1/"} == {key for key in foreign if not key.startswith("foo/1/")}


def test_below_a_directory_that_is_not_there(open_s3, foreign, keys):
    below = open_s3(dir_path="not/there")
    assert below.listdir("/") == []
    assert list(below.walk.files()) == []
    below.makedir("a")
    below.writetext("a/b.txt", "content")
    assert "not/there/a/b.txt" in keys()


def test_member_of_an_archive(s3, storage, fill):
    archive = io.BytesIO()
    with ZipFile(archive, "w") as writing:
        for number in range(3):
            writing.writestr(f"{number}.txt", bytes([number]) * MIB)
    fill({"some/archive.zip": archive.getvalue()})
    with storage.open("some/archive.zip", "rb") as file, ZipFile(file) as reading:
        assert reading.read("1.txt") == b"\1" * MIB
    with s3.openbin("some/archive.zip") as file, ZipFS(file) as members:
        assert members.listdir("/") == ["0.txt", "1.txt", "2.txt"]
        assert members.readbytes("2.txt") == b"\2" * MIB


def test_delete_a_tree_beside_names_that_start_alike(storage, keys, foreign):
    storage.delete("foo/1")
    assert keys() == {key for key in foreign if not key.startswith("foo/1/")}
    assert storage.read("foo/10/ten.txt") == b"ten"
    assert storage.read("foo/1.txt") == b"one dot"
    storage.delete("fo")
    assert keys() == {key for key in foreign if not key.startswith("foo/1/")}
    storage.delete("a/b/c/deep.txt")
    storage.delete("foo")
    assert keys() == {"top.txt", "a/y.bin", "a/b/x.txt", "foo-bar.txt", "ünï/côde +&?#%41.txt"}


def test_removetree(s3, keys, foreign):
    s3.removetree("foo/1")
    assert keys() == {key for key in foreign if not key.startswith("foo/1/")}
    s3.removetree("a")
    assert not s3.exists("a")
    assert {"top.txt", "foo/1.txt"} <= keys()
    with pytest.raises(errors.DirectoryExpected):
        s3.removetree("top.txt")
    with pytest.raises(errors.ResourceNotFound):
        s3.removetree("fo")
    s3.removetree("/")
    assert keys() == set()
    assert s3.listdir("/") == []


def test_remove_directories(s3, foreign):
    with pytest.raises(errors.DirectoryNotEmpty):
        s3.removedir("a/b")
    with pytest.raises(errors.DirectoryExpected):
        s3.removedir("top.txt")
    with pytest.raises(errors.FileExpected):
        s3.remove("a/b")
    s3.remove("a/b/c/deep.txt")
    s3.removedir("a/b/c")
    assert s3.listdir("a/b") == ["x.txt"]


def test_make_directories_beside_them(s3, storage, keys, foreign):
    s3.makedir("a/b/new")
    s3.makedir("foo/2")
    s3.makedirs("deep/er/est")
    assert keys() - set(foreign) == {"a/b/new/", "foo/2/", "deep/", "deep/er/", "deep/er/est/"}
    assert sorted(storage.list_files()) == sorted(foreign)
    for path in ("a", "a/b", "foo/1"):
        with pytest.raises(errors.DirectoryExists):
            s3.makedir(path)
        s3.makedir(path, recreate=True)
    with pytest.raises(errors.DirectoryExists):
        s3.makedir("top.txt")
    with pytest.raises(errors.DirectoryExpected):
        s3.makedir("top.txt", recreate=True)


def test_standard_writes_into_a_directory_without_a_marker(s3, keys, foreign):
    assert s3.strict
    s3.writetext("a/b/new.txt", "new")
    with s3.open("a/b/c/text.txt", "w") as file:
        file.write("text")
    s3.upload("foo/1/sub/up.bin", io.BytesIO(b"up"))
    s3.copy("top.txt", "foo/10/copy.txt")
    s3.move("a/y.bin", "a/b/c/y.bin")
    s3.copydir("foo/1", "a/b/one", create=True)
    s3.movedir("foo/10", "a/ten", create=True)
    assert s3.readtext("a/b/new.txt") == "new"
    assert s3.readbytes("a/b/one/sub/up.bin") == b"up"
    assert s3.readbytes("a/ten/copy.txt") == b"top"
    assert not s3.exists("foo/10")
    with pytest.raises(errors.ResourceNotFound):
        s3.writetext("b/new.txt", "new")
    with pytest.raises(errors.FileExpected):
        s3.writetext("a/b", "new")
    assert "b/new.txt" not in keys()


def test_a_directory_outlives_its_last_file_for_the_standard_methods(s3, storage, keys, foreign):
    s3.remove("a/b/c/deep.txt")
    assert s3.isdir("a/b/c")
    assert s3.listdir("a/b/c") == []
    s3.move("foo/10/ten.txt", "ten.txt")
    assert s3.isdir("foo/10")
    assert keys("a/b/c") == {"a/b/c/"}
    storage.delete("foo/1/sub/two.txt")
    assert not s3.exists("foo/1/sub")
    storage.move("foo/1/one.txt", "one.txt")
    assert not s3.exists("foo/1")
    assert keys("foo/1/") == set()


# Markers


def make_directory(s3, fill):
    s3.makedirs("dir/sub")


def make_as_the_console_does(s3, fill):
    fill({"dir/": b"", "dir/sub/": b""}, ContentType="application/x-directory; charset=UTF-8")


def make_with_another_type(s3, fill):
    fill({"dir/": b"", "dir/sub/": b""}, ContentType="application/directory")


def make_with_content(s3, fill):
    fill({"dir/": b"some bytes", "dir/sub/": b"some more"}, ContentType="text/plain")


@on_both
@pytest.mark.parametrize("make", [make_directory, make_as_the_console_does, make_with_another_type, make_with_content])
@pytest.mark.parametrize("file", [None, "dir/sub/file.txt"], ids=["empty", "with a file"])
def test_marker(s3, storage, fill, keys, make, file):
    make(s3, fill)
    files = [file] if file else []
    fill(dict.fromkeys(files, b"content"))
    assert list(storage.list_files()) == files
    assert list(storage.list_files("dir/")) == files
    assert list(storage.list_files("dir/sub/")) == files
    assert list(s3.iter_files()) == files
    assert list(s3.walk.dirs()) == ["/dir", "/dir/sub"]
    assert list(s3.walk.files()) == [f"/{name}" for name in files]
    assert [(info.name, info.is_dir) for info in s3.scandir("dir", ["details"])] == [("sub", True)]
    assert s3.isdir("dir/sub")
    assert s3.isempty("dir/sub") == (not files)
    assert s3.getinfo("dir/sub").is_dir
    assert not storage.exists("dir")
    with pytest.raises(FileNotFound):
        storage.read("dir/sub")
    with pytest.raises(errors.FileExpected):
        s3.open("dir/sub")
    if not files:
        s3.removedir("dir/sub")
        assert s3.listdir("dir") == []
    storage.delete("dir")
    assert keys() == set()


def test_copying_directories_keeps_empty_ones(s3, fill, keys):
    fill({"dir/empty/": b"", "dir/full/file.txt": b"content"})
    with MemoryFS() as memory:
        fs.copy.copy_fs(s3, memory)
        assert sorted(memory.walk.dirs()) == ["/dir", "/dir/empty", "/dir/full"]
    s3.copydir("dir", "copy", create=True)
    assert s3.listdir("copy/empty") == []
    assert s3.readbytes("copy/full/file.txt") == b"content"


# Keys that are no names of files

ODD = [
    "dir//double.txt",
    "dir//",
    "dir///three.txt",
    "dir/./dot.txt",
    "dir/.",
    "dir/../up.txt",
    "dir/..",
    "dir/../../far.txt",
    "dir/sub/../beside.txt",
    "dir/return\r.txt",
    "dir/tab\t.txt",
    "dir/back\\slash.txt",
    "dir/decompose\u0301d.txt",
    "dir/.flask_pyfs-x.txt",
]
ODD_AT_THE_TOP = ["/leading.txt", "//", "../above.txt", "./here.txt", "..", "."]
# what other tools may have stored as files
REACHED = [
    key
    for key in ODD + ODD_AT_THE_TOP
    if not key.endswith("/") and ".." not in key.split("/") and ".flask_pyfs" not in key and key != "."
]
# what a key above would name if it were taken for a path
NEIGHBOURS = ["up.txt", "far.txt", "above.txt", "here.txt", "leading.txt", "double.txt"]
INSIDE = ["dir/double.txt", "dir/three.txt", "dir/dot.txt", "dir/beside.txt", "dir/ok.txt", "dir/decomposéd.txt"]


@pytest.fixture
def odd(fill, bucket):
    objects = dict.fromkeys(ODD + ODD_AT_THE_TOP, b"odd")
    objects.update((key, b"good") for key in NEIGHBOURS + INSIDE)
    fill(objects)
    return objects


def test_odd_keys_are_listed_apart(storage, odd, caplog):
    with caplog.at_level(logging.WARNING, "flask_pyfs"):
        found = list(storage.list_files())
    assert sorted(found) == sorted(NEIGHBOURS + INSIDE + REACHED)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    for key in ODD + ODD_AT_THE_TOP:
        if not key.endswith("/"):
            # leases and unfinished uploads have reserved names, and are no news
            assert (repr(key) in logged) is (key not in REACHED and ".flask_pyfs" not in key)
    assert sorted(storage.list_files("dir/")) == sorted(name for name in found if name.startswith("dir/"))


@on_both
def test_odd_keys_and_what_is_beside_them_can_be_read(storage, odd):
    for name in NEIGHBOURS + INSIDE:
        assert storage.exists(name)
        assert storage.read(name) == b"good"
    for name in REACHED:
        assert storage.exists(name)
        assert storage.read(name) == b"odd"


def test_walks_among_odd_keys_end_and_stay_inside(s3, odd):
    files = set(s3.walk.files())
    assert {f"/{name}" for name in NEIGHBOURS + INSIDE} <= files
    for path in [*files, *s3.walk.dirs()]:
        assert not {"", ".", ".."} & set(path[1:].split("/"))
    assert {info.name for info in s3.scandir("dir", ["details"])} >= {"ok.txt", "sub", "return\r.txt", "tab\t.txt"}
    assert set(s3.opendir("dir").walk.files()) == {path[4:] for path in files if path.startswith("/dir/")}


def test_odd_files_that_the_standard_methods_reach(s3, odd):
    for path in ("dir/return\r.txt", "dir/tab\t.txt", "dir/back\\slash.txt", "dir/decompose\u0301d.txt"):
        assert path in odd
        assert s3.readbytes(path) == b"odd"


@on_both
@pytest.mark.parametrize("standard", [False, True], ids=["delete", "removetree"])
def test_deleting_a_tree_takes_its_odd_keys_and_nothing_else(s3, storage, odd, keys, standard):
    if standard:
        s3.removetree("dir")
    else:
        storage.delete("dir")
    assert keys() == set(ODD_AT_THE_TOP + NEIGHBOURS)


def test_removing_everything_takes_odd_keys_too(s3, odd, keys):
    s3.removetree("/")
    assert keys() == set()


def test_deleting_below_a_prefix_leaves_what_odd_keys_seem_to_name(app, make_storage, fill, keys):
    fill({"some/where/dir/../../../a.txt": b"odd", "some/where/dir/b.txt": b"", "a.txt": b"good", "some/c.txt": b""})
    storage = make_storage(PREFIX="some/where")
    with app.app_context():
        assert list(storage.list_files()) == ["dir/b.txt"]
        storage.delete("dir")
    assert keys() == {"a.txt", "some/c.txt"}


@pytest.fixture
def control(s3_endpoint, s3_client, bucket, fill):
    """Files with characters that XML 1.0 cannot hold, so that a request to delete many cannot name them."""
    found = {"bell\x07.txt", "escape\x1b.txt", "del\x7f.txt"}
    if s3_endpoint.name != "moto":
        # its router takes this one for the end of the address
        found.add("new\nline.txt")
    fill({f"dir/{name}": b"odd" for name in found})
    yield found
    for name in found:
        s3_client.delete_object(Bucket=bucket, Key=f"dir/{name}")


@on_both
def test_control_characters(s3, storage, fill, control):
    fill({"dir/ok.txt": b"good"})
    assert sorted(storage.list_files()) == sorted(["dir/ok.txt", *(f"dir/{name}" for name in control)])
    assert set(s3.listdir("dir")) == {"ok.txt", *control}
    for name in control:
        assert s3.readbytes(f"dir/{name}") == storage.read(f"dir/{name}") == b"odd"


@on_both
def test_deleting_a_tree_takes_control_characters_too(storage, fill, keys, control):
    fill({"dir/ok.txt": b"good", "other.txt": b"good"})
    storage.delete("dir")
    assert keys() == {"other.txt"}


def test_a_directory_of_odd_keys_alone_is_not_empty(s3, fill, keys):
    fill({"dir//double.txt": b"odd"})
    assert s3.isdir("dir")
    assert s3.listdir("dir") == []
    with pytest.raises(errors.DirectoryNotEmpty):
        s3.removedir("dir")
    s3.removetree("dir")
    assert keys() == set()


# A file above other files


@pytest.fixture
def both(fill):
    fill({"x": b"file", "x/y": b"below", "x/z/w": b"deeper", "x.txt": b"beside"})


def test_a_file_and_what_is_below_it_are_reachable(s3, storage, both):
    assert sorted(storage.list_files()) == ["x", "x.txt", "x/y", "x/z/w"]
    for name, content in [("x", b"file"), ("x/y", b"below"), ("x/z/w", b"deeper")]:
        assert storage.exists(name)
        assert storage.read(name) == content
        assert storage.metadata(name)["size"] == len(content)
        assert s3.readbytes(name) == content
    assert sorted(s3.walk.files()) == ["/x", "/x.txt", "/x/y", "/x/z/w"]
    assert sorted(s3.walk.dirs()) == ["/x", "/x/z"]
    assert sorted(s3.listdir("/")) == ["x", "x.txt"]
    assert sorted(s3.listdir("x")) == ["y", "z"]
    assert s3.isfile("x")
    assert s3.isdir("x")


def test_writing_a_file_above_others(storage, both):
    storage.write("x", b"new", overwrite=True)
    storage.write("x/y/deeper still", b"new")
    assert storage.read("x") == b"new"
    assert storage.read("x/y") == b"below"
    assert storage.read("x/y/deeper still") == b"new"


def test_deleting_a_file_above_others_takes_them_along(storage, keys, both):
    storage.delete("x")
    assert keys() == {"x.txt"}


def test_a_file_above_others_moves_alone(storage, keys, both):
    storage.copy("x", "copy")
    storage.move("x", "moved")
    assert keys() == {"copy", "moved", "x.txt", "x/y", "x/z/w"}
    assert storage.read("copy") == storage.read("moved") == b"file"
    assert not storage.exists("x")
    storage.move("moved", "x")
    assert storage.read("x") == b"file"
    assert storage.read("x/y") == b"below"


def test_removing_a_file_above_others_leaves_them(s3, keys, both):
    s3.remove("x")
    assert keys() == {"x.txt", "x/y", "x/z/w"}
    assert s3.isdir("x")


def test_removing_a_directory_below_a_file_leaves_that(s3, keys, both):
    s3.removetree("x")
    assert {"x", "x.txt"} <= keys() <= {"x", "x.txt", "x/"}
    assert s3.readbytes("x") == b"file"


# Types, and what else is said of an object


def test_type_of_an_object(app, storage, fill):
    fill({"thing.txt": b"content", "thing": b"content"}, ContentType="application/vnd.thing+x")
    for name in ("thing.txt", "thing"):
        assert storage.metadata(name)["mime"] == "application/vnd.thing+x"
        with app.test_client().get(storage.url(name)) as response:
            assert response.headers["Content-Type"] == "application/vnd.thing+x"
            assert response.data == b"content"


@on_both
def test_type_of_an_object_that_has_none(app, storage, fill):
    fill({"picture.png": b"content", "nameless": b"content"})
    assert storage.metadata("picture.png")["mime"] == "image/png"
    assert storage.metadata("nameless")["mime"] == "application/octet-stream"
    with app.test_client().get(storage.url("picture.png")) as response:
        assert response.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("content_type", ["text/plain; charset=iso-8859-1", "text/csv; charset=utf-8; header=present"])
def test_type_with_parameters(app, storage, fill, content_type):
    fill({"thing": b"content"}, ContentType=content_type)
    assert storage.metadata("thing")["mime"] == content_type
    with app.test_client().get(storage.url("thing")) as response:
        assert response.headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "text/html; charset=utf-8",
        "text/html;charset=utf-8",
        "Text/HTML",
        "image/svg+xml; charset=utf-8",
        "application/xhtml+xml ; q=1",
    ],
)
def test_documents_of_others_run_nothing(app, storage, fill, content_type):
    fill({"picture.png": b"<script>alert(1)</script>"}, ContentType=content_type)
    with app.test_client().get(storage.url("picture.png")) as response:
        assert response.headers["Content-Type"].lower().startswith(content_type.split(";")[0].strip().lower())
        assert response.headers.get("Content-Security-Policy") == "sandbox; default-src 'none'"


@pytest.mark.parametrize("content_type", ["image/png, text/html", "image/png,text/html;charset=utf-8"])
def test_types_that_are_several_run_nothing(app, storage, fill, content_type):
    # browsers take the last of them
    fill({"picture.png": b"<script>alert(1)</script>"}, ContentType=content_type)
    with app.test_client().get(storage.url("picture.png")) as response:
        sandboxed = response.headers.get("Content-Security-Policy") == "sandbox; default-src 'none'"
        assert sandboxed or "html" not in response.headers["Content-Type"]


@pytest.mark.parametrize("content_type", ["text/javascript; charset=utf-8", "Application/JavaScript"])
def test_scripts_of_others_are_no_scripts(app, storage, fill, content_type):
    fill({"picture.png": b"alert(1)"}, ContentType=content_type)
    with app.test_client().get(storage.url("picture.png")) as response:
        assert response.mimetype == "text/plain"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_content_that_is_encoded_is_read_as_it_lies(storage, fill):
    content = gzip.compress(b"p {}" * 100)
    fill({"style.css": content}, ContentType="text/css", ContentEncoding="gzip")
    assert storage.read("style.css") == content
    assert storage.metadata("style.css")["size"] == len(content)
    with storage.open("style.css", "rb") as file:
        file.seek(-4, io.SEEK_END)
        assert file.read() == content[-4:]


@on_both
@pytest.mark.parametrize("overwrite", [True, False])
def test_copies_keep_what_is_said_of_an_object(storage, fill, head, overwrite):
    described = {
        "ContentType": "application/vnd.thing",
        "CacheControl": "max-age=60",
        "ContentDisposition": "attachment",
        "ContentEncoding": "identity",
        "ContentLanguage": "en",
        "Metadata": {"color": "blue"},
    }
    fill({"thing.txt": b"content"}, **described)
    storage.copy("thing.txt", "copy.bin", overwrite=overwrite)
    storage.move("thing.txt", "moved.jpg", overwrite=overwrite)
    for name in ("copy.bin", "moved.jpg"):
        assert storage.metadata(name)["mime"] == "application/vnd.thing"
        found = head(name)
        assert {key: found.get(key) for key in described} == described


@on_both
def test_copies_of_names_that_must_be_quoted(storage, foreign, keys):
    storage.copy("ünï/côde +&?#%41.txt", "cöpy/a +&?#%41.txt")
    storage.move("ünï/côde +&?#%41.txt", "möved +&?#%41.txt", overwrite=True)
    assert storage.read("cöpy/a +&?#%41.txt") == storage.read("möved +&?#%41.txt") == b"unicode"
    assert keys() - set(foreign) == {"cöpy/a +&?#%41.txt", "möved +&?#%41.txt"}
    assert "ünï/côde +&?#%41.txt" not in keys()


def test_standard_copies_keep_what_is_said_of_an_object(s3, fill, head):
    fill({"thing.txt": b"content"}, ContentType="application/vnd.thing", CacheControl="max-age=60")
    s3.copy("thing.txt", "copy.bin")
    s3.makedir("dir")
    s3.move("thing.txt", "dir/moved.jpg")
    for name in ("copy.bin", "dir/moved.jpg"):
        assert (head(name)["ContentType"], head(name)["CacheControl"]) == ("application/vnd.thing", "max-age=60")


def test_uploads_set_a_type_by_name(s3, storage, head):
    storage.write("a.png", b"content")
    with storage.open("b.json", "w") as file:
        file.write("{}")
    s3.writetext("c.html", "<p>")
    s3.upload("d.tar.gz", io.BytesIO(b"content"))
    with s3.open("e.css", "w+") as file:
        file.write("p {}")
    storage.write("f.unknown-ending", b"content")
    assert {name: head(name)["ContentType"] for name in storage.list_files()} == {
        "a.png": "image/png",
        "b.json": "application/json",
        "c.html": "text/html",
        "d.tar.gz": "application/gzip",
        "e.css": "text/css",
        "f.unknown-ending": "application/octet-stream",
    }


def test_large_uploads_set_a_type_by_name(app, make_storage, head):
    storage = make_storage(PART_SIZE=5 * MIB)
    with app.app_context():
        storage.write("large.png", bytes(5 * MIB + 1))
        assert storage.metadata("large.png")["mime"] == head("large.png")["ContentType"] == "image/png"


def test_copies_between_buckets_carry_the_type(s3, s3_endpoint, open_s3, fill):
    fill({"thing": b"content", "dir/thing.txt": b"content"}, ContentType="application/vnd.thing")
    fill({"plain.txt": b"content"})
    with new_bucket(s3_endpoint) as other_name:
        other = open_s3(other_name)
        fs.copy.copy_file(s3, "thing", other, "copy")
        fs.copy.copy_file(s3, "thing", other, "copy.txt")
        fs.copy.copy_file(s3, "plain.txt", other, "plain.png")
        fs.copy.copy_dir(s3, "dir", other, "dir")
        types = {path: other.facts(path[1:]).content_type for path in other.walk.files()}
    assert types == {
        "/copy": "application/vnd.thing",
        "/copy.txt": "application/vnd.thing",
        "/plain.png": "image/png",
        "/dir/thing.txt": "application/vnd.thing",
    }


def test_changing_a_file_keeps_its_type(s3, fill, head):
    fill({"thing": b"content"}, ContentType="application/vnd.thing")
    with s3.open("thing", "ab") as file:
        file.write(b" and more")
    with s3.open("thing", "r+b") as file:
        file.write(b"C")
    assert head("thing")["ContentType"] == "application/vnd.thing"
    assert s3.readbytes("thing") == b"Content and more"


@pytest.mark.parametrize("size", [7, 5 * MIB + 1], ids=["small", "in parts"])
def test_cache_control(app, make_storage, head, size):
    storage = make_storage(CACHE_CONTROL="public, max-age=3600", PART_SIZE=5 * MIB)
    with app.app_context():
        storage.write("a.txt", bytes(size))
        storage.copy("a.txt", "b.txt")
    assert head("a.txt")["CacheControl"] == head("b.txt")["CacheControl"] == "public, max-age=3600"


def test_copies_keep_another_cache_control(app, make_storage, fill, head):
    fill({"a.txt": b"content"}, CacheControl="max-age=60")
    storage = make_storage(CACHE_CONTROL="public, max-age=3600")
    with app.app_context():
        storage.copy("a.txt", "b.txt")
        storage.move("a.txt", "c.txt")
    assert head("b.txt")["CacheControl"] == head("c.txt")["CacheControl"] == "max-age=60"


@on_both
@pytest.mark.parametrize("size", [7, 5 * MIB + 1], ids=["small", "in parts"])
def test_storage_class(app, make_storage, s3_endpoint, head, size):
    storage = make_storage(STORAGE_CLASS="STANDARD_IA", PART_SIZE=5 * MIB)
    with app.app_context():
        if s3_endpoint.name == "swift":
            # it has one class and refuses others
            with pytest.raises(FSError, match="InvalidStorageClass"):
                storage.write("a.txt", bytes(size))
            assert not storage.exists("a.txt")
            return
        storage.write("a.txt", bytes(size))
        storage.copy("a.txt", "b.txt")
    assert [head(name).get("StorageClass") for name in ("a.txt", "b.txt")] == ["STANDARD_IA"] * 2


EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


def may_everybody_read(client, bucket, key):
    grants = client.get_object_acl(Bucket=bucket, Key=key)["Grants"]
    return any((grant["Grantee"].get("URI"), grant["Permission"]) == (EVERYBODY, "READ") for grant in grants)


@on_both
@pytest.mark.parametrize("size", [7, 5 * MIB + 1], ids=["small", "in parts"])
def test_acl(app, make_storage, s3_endpoint, s3_client, bucket, size):
    storage = make_storage(ACL="public-read", PART_SIZE=5 * MIB)
    with app.app_context():
        storage.write("a.txt", bytes(size))
        storage.copy("a.txt", "b.txt")
        assert storage.metadata("b.txt")["size"] == size
    # Swift's access rules are those of the container
    expected = s3_endpoint.name != "swift"
    assert [may_everybody_read(s3_client, bucket, name) for name in ("a.txt", "b.txt")] == [expected] * 2


# Checksums


def test_checksum(app, make_storage, fill):
    content = bytes(range(256)) * (5 * MIB // 256) + b"end"
    fill({"foreign.bin": content})
    storage = make_storage(PART_SIZE=5 * MIB)
    with app.app_context():
        storage.write("ours.bin", b"content")
        storage.write("large.bin", content)
        assert storage.metadata("foreign.bin")["checksum"] == f"md5:{hashlib.md5(content).hexdigest()}"
        assert storage.metadata("ours.bin")["checksum"] == f"md5:{hashlib.md5(b'content').hexdigest()}"
        assert storage.metadata("large.bin")["checksum"] is None
        storage.copy("ours.bin", "copy.bin")
        assert storage.metadata("copy.bin")["checksum"] == storage.metadata("ours.bin")["checksum"]


def test_checksum_that_the_object_carries(storage, s3_client, bucket, fill, head):
    # with these the entity tag is no digest of the content
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key"}
    fill({"encrypted.bin": b"content"}, **encrypted)
    fill({"carrying.bin": b"content"}, **encrypted, ChecksumAlgorithm="SHA256")
    assert head("encrypted.bin")["ServerSideEncryption"] == "aws:kms"
    assert storage.metadata("encrypted.bin")["checksum"] is None
    assert storage.metadata("carrying.bin")["checksum"] == f"sha256:{hashlib.sha256(b'content').hexdigest()}"


@on_both
def test_checksum_of_parts_that_others_sent(storage, s3_client, bucket):
    upload = s3_client.create_multipart_upload(Bucket=bucket, Key="a.bin", ContentType="application/vnd.thing")
    named = {"Bucket": bucket, "Key": "a.bin", "UploadId": upload["UploadId"]}
    parts = []
    for number, part in enumerate([bytes(5 * MIB), b"end"], 1):
        answer = s3_client.upload_part(**named, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    assert list(storage.list_files()) == []
    s3_client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    metadata = storage.metadata("a.bin")
    assert (metadata["checksum"], metadata["size"]) == (None, 5 * MIB + 3)
    assert metadata["mime"] == "application/vnd.thing"
    assert storage.read("a.bin") == bytes(5 * MIB) + b"end"


# Other libraries


@on_both
def test_layout_of_flask_fs(storage, s3, s3_client, bucket, fill, keys, head):
    # there the name is the key, there are no directories, and the type comes from the name
    fill({"avatars/me.png": b"theirs", "report.txt": b"theirs"}, ContentType="image/png")
    assert storage.read("avatars/me.png") == b"theirs"
    assert storage.metadata("avatars/me.png")["mime"] == "image/png"
    assert s3.listdir("avatars") == ["me.png"]
    with pytest.raises(FileExists):
        storage.write("avatars/me.png", b"ours")
    storage.write("avatars/you.png", b"ours")
    with storage.open("new/deep/note.txt", "w") as file:
        file.write("ours")
    storage.copy("report.txt", "reports/copy.txt")
    storage.move("report.txt", "reports/moved.txt")
    ours = {"avatars/you.png", "new/deep/note.txt", "reports/copy.txt", "reports/moved.txt"}
    assert keys() == {"avatars/me.png", *ours}
    assert s3_client.get_object(Bucket=bucket, Key="avatars/you.png")["Body"].read() == b"ours"
    assert s3_client.get_object(Bucket=bucket, Key="reports/moved.txt")["Body"].read() == b"theirs"
    assert head("avatars/you.png")["ContentType"] == "image/png"


@pytest.mark.parametrize("prefix", [None, "some/where"])
def test_geturl(app, make_storage, prefix):
    storage = make_storage(PREFIX=prefix)
    with app.app_context():
        storage.write("dir/ünï côde +&?#%41.txt", b"content")
        url = storage.fs.geturl("dir/ünï côde +&?#%41.txt")
        assert storage.fs.hasurl("dir/ünï côde +&?#%41.txt")
        absent = storage.fs.geturl("absent.txt")
    with urlopen(url, timeout=30) as answer:
        assert answer.read() == b"content"
        assert answer.headers["Content-Type"] == "text/plain"
    with pytest.raises(HTTPError) as raised, urlopen(absent, timeout=30):
        pass
    with closing(raised.value):
        assert raised.value.status == 404


@pytest.fixture
def plain(s3_endpoint, bucket):
    """The bucket as fs-s3fs opens it."""
    with fs_s3fs.S3FS(
        bucket,
        aws_access_key_id=s3_endpoint.access_key,
        aws_secret_access_key=s3_endpoint.secret_key,
        endpoint_url=s3_endpoint.url,
        region=s3_endpoint.region,
    ) as plain:
        yield plain


def test_plain_s3fs_reads_what_the_standard_methods_wrote(s3, plain):
    assert isinstance(s3, fs_s3fs.S3FS)
    s3.makedirs("a/b")
    s3.makedir("empty")
    s3.writetext("a/b/c.txt", "content")
    s3.copy("a/b/c.txt", "a/copy.txt")
    s3.remove("a/b/c.txt")
    assert sorted(plain.walk.dirs()) == ["/a", "/a/b", "/empty"]
    assert list(plain.walk.files()) == ["/a/copy.txt"]
    assert plain.readtext("a/copy.txt") == "content"
    assert plain.getinfo("a/copy.txt", ["details"]).size == 7
    assert plain.isdir("empty")
    assert plain.listdir("a/b") == []


@on_both
def test_what_plain_s3fs_wrote_is_read(s3, storage, plain):
    plain.makedirs("a/b")
    plain.writetext("a/b/c.txt", "content")
    assert contents(s3) == {"/a/b/c.txt": b"content"}
    assert list(storage.list_files()) == ["a/b/c.txt"]
    assert storage.metadata("a/b/c.txt")["mime"] == "text/plain"
    storage.delete("a")
    assert plain.listdir("/") == []


def test_what_s3fs_has_beyond_the_standard(s3, fill):
    fill({"a.txt": b"content"}, ContentType="text/special", Metadata={"color": "blue"})
    info = s3.getinfo("a.txt", ["s3", "urls"])
    assert info.get("s3", "content_type") == "text/special"
    assert info.get("s3", "content_length") == 7
    assert info.get("s3", "metadata") == {"color": "blue"}
    with urlopen(info.get("urls", "download"), timeout=30) as answer:
        assert answer.read() == b"content"
    assert s3.s3.Object(s3._bucket_name, "a.txt").content_type == "text/special"


# Objects that are too large for one copy


@pytest.fixture
def refuse_copies(s3):
    """The server refuses to copy an object at once."""
    refusal = {
        "Error": {"Code": "EntityTooLarge", "Message": "Your proposed upload exceeds the maximum allowed size"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }

    def refuse(**others):
        return SimpleNamespace(status_code=400), refusal

    s3.client.meta.events.register("before-call.s3.CopyObject", refuse)
    yield
    s3.client.meta.events.unregister("before-call.s3.CopyObject", refuse)


LARGE = bytes(range(256)) * (10 * MIB // 256) + b"end"


@on_both
@pytest.mark.parametrize("overwrite", [True, False])
def test_copy_in_parts(s3, storage, fill, keys, head, refuse_copies, overwrite):
    described = {
        "ContentType": "application/vnd.thing",
        "CacheControl": "max-age=60",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "Metadata": {"color": "blue"},
    }
    fill({"large.txt": LARGE}, **described)
    s3.copy_part_size = 5 * MIB
    # what new objects get is not for copies
    s3.upload_args.update(ContentLanguage="en", ContentEncoding="br")
    # the bucket is known to be there
    assert s3.listdir("/") == ["large.txt"]
    with requests_of(s3.client) as sent:
        s3.copy_file("large.txt", "dir/copy.bin", overwrite=overwrite)
    asked = operations(sent)
    assert asked.pop("HeadObject") == (1 if overwrite else 2)
    assert asked == {"CreateMultipartUpload": 1, "UploadPartCopy": 3, "CompleteMultipartUpload": 1}
    assert storage.read("dir/copy.bin") == LARGE
    found = head("dir/copy.bin")
    # it was written by us, so it is a version of its own
    assert found["Metadata"].pop(MARK)
    assert {key: found.get(key) for key in described} == described
    assert "ContentLanguage" not in found
    s3.move_file("large.txt", "moved", overwrite=overwrite)
    assert keys() == {"dir/copy.bin", "moved"}


@pytest.mark.parametrize("is_large", [False, True])
def test_a_copy_with_a_note_keeps_what_others_wrote_in_metadata(request, s3, s3_client, fill, head, is_large):
    def add(request, **others):
        # boto3 itself refuses it
        request.headers["x-amz-meta-color"] = "bl\xe4u".encode()

    s3_client.meta.events.register("before-send.s3.PutObject", add)
    fill({"a": LARGE}, Metadata={"shape": "round"}, CacheControl="no-cache")
    s3.copy_part_size = 5 * MIB
    if is_large:
        request.getfixturevalue("refuse_copies")
    assert s3.copy_from(s3, "a", "b", note="n")
    found = head("b")
    assert found["Metadata"]["shape"] == "round"
    assert str(make_header(decode_header(found["Metadata"]["color"]))) == "bl\xe4u"
    assert found["CacheControl"] == "no-cache"
    assert s3.facts("b").note == "n"
    assert s3.read_file("b") == LARGE


def test_appending_keeps_the_media_type(storage, fill, head):
    fill({"thing": b"content"}, ContentType="application/vnd.thing")
    with storage.open("thing", "ab") as file:
        file.write(b" and more")
    assert storage.read("thing") == b"content and more"
    assert head("thing")["ContentType"] == "application/vnd.thing"


def test_copy_in_parts_to_a_name_that_is_taken(s3, fill, s3_client, bucket, refuse_copies):
    fill({"large.txt": LARGE, "taken.txt": b"old"})
    s3.copy_part_size = 5 * MIB
    with pytest.raises(errors.FileExists):
        s3.copy_file("large.txt", "taken.txt", overwrite=False)
    assert s3.readbytes("taken.txt") == b"old"
    s3.copy_file("large.txt", "taken.txt")
    assert s3.readbytes("taken.txt") == LARGE
    with pytest.raises(errors.ResourceNotFound):
        s3.copy_file("absent.txt", "new.txt")
    assert s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


# moto reads no condition of the source
@on_swift
def test_copy_in_parts_of_an_object_that_is_replaced(s3, fill, keys, s3_client, bucket, refuse_copies):
    fill({"large.txt": LARGE})
    s3.copy_part_size = 5 * MIB

    def replace(**others):
        s3_client.put_object(Bucket=bucket, Key="large.txt", Body=LARGE[::-1])

    s3.client.meta.events.register("before-call.s3.CreateMultipartUpload", replace)
    try:
        with pytest.raises(errors.OperationFailed):
            s3.copy_file("large.txt", "copy.txt")
    finally:
        s3.client.meta.events.unregister("before-call.s3.CreateMultipartUpload", replace)
    assert keys() == {"large.txt"}
    assert s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


@pytest.mark.parametrize(
    ("answer", "checksum"),
    [
        ({"ETag": f'"{"0f" * 16}"'}, f"md5:{'0f' * 16}"),
        ({"ETag": '"a-2"'}, None),
        ({"ETag": '"a-2"', "ChecksumSHA256": "Zm9v"}, "sha256:666f6f"),
        ({"ETag": '"a-2"', "ChecksumSHA256": "Zm9v", "ChecksumType": "COMPOSITE"}, None),
        ({"ETag": '"a-2"', "ChecksumSHA256": "Zm9v-2"}, None),
        ({"ETag": f'"{"0f" * 16}"', "ServerSideEncryption": "aws:kms"}, None),
    ],
)
def test_the_checksum_is_of_the_content(answer, checksum):
    assert facts_of({"ContentLength": 3, **answer}).checksum == checksum
