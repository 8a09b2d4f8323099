"""Copies from one storage to another by the server that has both; and what a copy that is sent keeps."""

import dataclasses
import gzip
import io
import os

import pytest
from fs.errors import InvalidPath
from places import make_place

# isort: split
# places makes it importable
from counting import requests_of

import flask_pyfs as fs
from flask_pyfs.filesystems.gridfs import GridFS
from flask_pyfs.filesystems.local.filesystem import LocalFS
from flask_pyfs.filesystems.s3 import S3FS
from flask_pyfs.filesystems.store import Description, OtherVersion, SourceChanged
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.state import find

ZIPPED = gzip.compress(b"the quick brown fox " * 99, mtime=0)
DESCRIPTION = Description("gzip", 'attachment; filename="a.txt"', "de")
KINDS = ["local", "s3-moto", "s3-swift", "gridfs", "swift"]


def on(kinds):
    return [kind if kind in ("local", "memory") else pytest.param(kind, marks=pytest.mark.server) for kind in kinds]


@pytest.fixture
def make_pair(app, configure_storage, request, tmp_path):
    """Configure two storages, each on its own place of one server."""
    with app.app_context():
        made = []

        def make(name, kind, **settings):
            place = make_place(kind, request)
            made.append(place)
            local = {"ROOT": str(tmp_path / name)} if kind == "local" else {}
            return configure_storage(name, {**place.__enter__(), **local, **settings})

        def make_pair(kind, other=None, **settings):
            return make("source", kind), make("target", other or kind, **settings)

        yield make_pair
        for place in reversed(made):
            place.__exit__(None, None, None)


def operations(*storages):
    return [find(storage).operations for storage in storages]


def save(storage, name, content, description=DESCRIPTION, **options):
    [ours] = operations(storage)
    described = {"description": description} if storage.backend.store.keeps_descriptions else {}
    return ours.save(io.BytesIO(content), name, content_type="text/x-odd", **described, **options)


@pytest.mark.parametrize("kind", on(KINDS))
def test_the_server_copies_a_file_with_its_description(make_pair, kind):
    source, target = make_pair(kind)
    theirs, ours = operations(source, target)
    save(source, "a/old.txt", ZIPPED)
    known = theirs.facts("a/old.txt")
    assert ours.copy_from(theirs, "a/old.txt", "b/c/new.bin", overwrite=False)
    assert target.read("b/c/new.bin") == ZIPPED
    copied = ours.facts("b/c/new.bin")
    assert (copied.description, copied.content_type) == (known.description, known.content_type)
    if target.backend.store.keeps_descriptions:
        assert copied.description == DESCRIPTION
        assert copied.content_type == "text/x-odd"
    assert list(target.list_files()) == ["b/c/new.bin"]


@pytest.mark.parametrize("kind", on(KINDS))
def test_only_what_may_be_replaced_is(make_pair, kind):
    source, target = make_pair(kind)
    theirs, ours = operations(source, target)
    source.write("a", b"theirs")
    target.write("a", b"ours")
    with pytest.raises(fs.FileExists, match="storage 'target'"):
        ours.copy_from(theirs, "a", "a", overwrite=False)
    old = target.version("a")
    target.write("a", b"newer", overwrite=True)
    with pytest.raises(fs.VersionChanged) as raised:
        ours.copy_from(theirs, "a", "a", version=old)
    assert (raised.value.storage, raised.value.path) == ("target", "a")
    assert target.read("a") == b"newer"
    with pytest.raises(fs.FileNotFound, match="storage 'source'") as missing:
        ours.copy_from(theirs, "absent", "a")
    assert (missing.value.storage, missing.value.path) == ("source", "absent")
    with pytest.raises(fs.FileNotFound, match="storage 'source'"):
        ours.copy_from(theirs, "absent", "a", overwrite=False)
    assert ours.copy_from(theirs, "a", "a", version=target.version("a"))
    assert target.read("a") == b"theirs"
    target.write("a", b"ours", overwrite=True)
    assert ours.copy_from(theirs, "a", "a")
    assert target.read("a") == b"theirs"


@pytest.mark.parametrize("kind", on(KINDS))
def test_a_name_means_the_spelling_that_is_there(make_pair, kind):
    source, target = make_pair(kind)
    theirs, ours = operations(source, target)
    composed, decomposed = "\u00fc.txt", "u\u0308.txt"
    source.backend.store.put(decomposed, io.BytesIO(b"theirs"))
    target.backend.store.put(decomposed, io.BytesIO(b"ours"))
    with pytest.raises(fs.FileExists):
        ours.copy_from(theirs, composed, composed, overwrite=False)
    assert ours.copy_from(theirs, composed, composed)
    assert ours.copy_from(theirs, composed, composed, version=target.version(composed))
    assert list(target.list_files()) == [decomposed]
    assert target.read(composed) == b"theirs"


@pytest.mark.parametrize("kind", on(KINDS))
@pytest.mark.parametrize("prefix", ["", "above"])
def test_a_file_that_both_storages_have(app, configure_storage, request, tmp_path, kind, prefix):
    with app.app_context(), make_place(kind, request) as settings:
        if kind == "gridfs":
            # else each has that of its name
            settings["BUCKET"] = "shared"
        own = dict(settings)
        if kind == "local":
            settings["ROOT"], own["ROOT"] = str(tmp_path / "real"), str(tmp_path / "link")
            os.mkdir(settings["ROOT"])
            os.symlink(settings["ROOT"], own["ROOT"])
        source = configure_storage("source", settings)
        target = configure_storage("target", {**own, "PREFIX": prefix})
        theirs, ours = operations(source, target)
        source.write("above/a", b"content")
        name = "a" if prefix else "above/a"
        version = target.version(name)
        with pytest.raises(fs.FileExists, match="storage 'target'"):
            ours.copy_from(theirs, "above/a", name, overwrite=False)
        with pytest.raises(fs.VersionChanged) as raised:
            ours.copy_from(theirs, "above/a", name, version="another")
        assert (raised.value.storage, raised.value.path) == ("target", name)
        for options in ({}, {"version": version}):
            assert ours.copy_from(theirs, "above/a", name, **options)
        assert (source.read("above/a"), target.version(name)) == (b"content", version)
        with pytest.raises(fs.FileNotFound):
            ours.copy_from(theirs, "above/absent", "absent" if prefix else "above/absent")


@pytest.mark.parametrize("kind", on(["local", "s3-moto", "gridfs", "swift"]))
def test_prefixes(make_pair, kind):
    source, target = make_pair(kind, PREFIX="below")
    theirs, ours = operations(source, target)
    source.write("a", b"content")
    assert ours.copy_from(theirs, "a", "a")
    assert target.read("a") == b"content"
    assert list(target.backend.store.iter_files()) == ["below/a"]


@pytest.mark.parametrize("kind", on(["memory", "local", "s3-moto", "gridfs", "swift"]))
def test_no_server_has_both(make_pair, kind):
    source, target = make_pair(kind, "memory")
    source.write("a", b"content")
    for theirs, ours in (operations(source, target), operations(target, source)):
        assert not ours.copy_from(theirs, "a", "a")
        assert not ours.copy_from(theirs, "a", "a", overwrite=False, version="any")
    assert list(target.list_files()) == []


def test_other_servers_and_users():
    local = LocalFS("/")
    s3 = {"endpoint_url": "http://127.0.0.1:1", "aws_access_key_id": "a", "aws_secret_access_key": "s"}
    stores = {
        "s3": lambda **more: S3FS("b", **{**s3, **more}),
        "swift": lambda **more: SwiftFS("c", **{"auth_url": "http://127.0.0.1:1/auth/v1.0", "user": "a:b", **more}),
        "gridfs": lambda **more: GridFS(**{"url": "mongodb://127.0.0.1:1", "database": "d", **more}),
    }
    others = {
        "s3": [{"endpoint_url": "http://127.0.0.1:2"}, {"aws_access_key_id": "b"}, {"region": "elsewhere"}],
        "swift": [{"auth_url": "http://127.0.0.1:2/auth/v1.0"}, {"user": "a:c"}, {"key": "k"}],
        "gridfs": [{"url": "mongodb://127.0.0.1:2"}],
    }
    # none of them has a server: a request would raise an error
    for kind, make in stores.items():
        for changes in others[kind]:
            assert not make().copy_from(make(**changes), "a", "a")
        assert not make().copy_from(local, "a", "a")
        assert not local.copy_from(make(), "a", "a")


class Shouting(fs.backends.BaseBackend):
    """Changes what it stores."""

    options = ()

    def open_fs(self):
        return LocalFS(self.config["root"])

    def write(self, filename, content, overwrite=True, *, content_type=None):
        return super().write(filename, content.upper(), overwrite)


class Whispering(Shouting):
    """Changes what it reads."""

    write = fs.backends.BaseBackend.write

    def read(self, filename):
        return super().read(filename).lower()


def test_a_backend_that_changes_content_is_asked_for_it(tmp_path):
    plain, shouting, whispering = (kind("files", {"root": str(tmp_path)}) for kind in (Plain, Shouting, Whispering))
    plain.write("a", b"Content")
    assert not shouting.copy_from(plain, "a", "b")
    assert not plain.copy_from(whispering, "a", "b")
    assert whispering.copy_from(plain, "a", "b")
    assert plain.copy_from(shouting, "a", "c")
    assert plain.read("b") == plain.read("c") == b"Content"


class Plain(fs.backends.BaseBackend):
    options = ()

    def open_fs(self):
        return LocalFS(self.config["root"])


# The requests


HEAD, COPY = ("HEAD", "HeadObject"), ("PUT", "CopyObject")


@pytest.mark.server
def test_the_requests_of_s3(make_pair):
    source, target = make_pair("s3-moto")
    theirs, ours = operations(source, target)
    save(source, "a", b"content")
    with requests_of(target.backend.store.client) as sent:
        assert ours.copy_from(theirs, "a", "b")
        assert sent == [COPY]
        assert ours.copy_from(theirs, "a", "c", overwrite=False)
        assert sent == [COPY, HEAD, COPY]
    version = target.version("c")
    with requests_of(target.backend.store.client) as sent:
        assert ours.copy_from(theirs, "a", "c", version=version)
        assert sent == [HEAD, COPY]


@pytest.mark.server
def test_a_large_object_of_s3_is_copied_in_parts(make_pair, monkeypatch):
    source, target = make_pair("s3-moto")
    theirs, ours = operations(source, target)
    part = 5 * 1024 * 1024
    content = os.urandom(part) + b"end"
    save(source, "a", content)
    store = target.backend.store
    store.copy_part_size = part
    refused = store._bucket.guard("b", "a")
    copies = store._writes.copy

    def too_large(*arguments, **options):
        # as Amazon says of more than 5 GiB
        from botocore.exceptions import ClientError

        error = ClientError(
            {"Error": {"Code": "InvalidRequest"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "CopyObject"
        )
        with refused:
            raise error

    monkeypatch.setattr(store._writes, "copy", too_large)
    target.write("b", b"old")
    for options in ({"overwrite": False}, {"version": target.version("b")}):
        name = "a" if "overwrite" in options else "b"
        assert ours.copy_from(theirs, "a", name, **options)
        assert target.read(name) == content
        assert ours.facts(name).description == DESCRIPTION
    with pytest.raises(fs.FileExists):
        ours.copy_from(theirs, "a", "a", overwrite=False)
    assert copies is not store._writes.copy


@pytest.mark.server
def test_a_missing_bucket_is_made_or_named(make_pair):
    source, target = make_pair("s3-moto", CREATE_BUCKET=True)
    theirs, ours = operations(source, target)
    source.write("a", b"content")
    client = target.backend.store.client
    client.delete_bucket(Bucket=target.config["bucket"])
    with pytest.raises(fs.FileNotFound, match="storage 'source'"):
        ours.copy_from(theirs, "absent", "a")
    assert ours.copy_from(theirs, "a", "a")
    assert target.read("a") == b"content"


# A disk


@pytest.fixture
def disks(tmp_path):
    return [LocalFS(str(tmp_path / "a"), create=True), LocalFS(str(tmp_path / "b"), create=True, mode=0o640)]


def test_a_source_that_changes_meanwhile_is_not_stored(disks, monkeypatch):
    source, target = disks
    source.put("a", io.BytesIO(b"first and more"))
    target.put("b", io.BytesIO(b"old"))
    version = target.facts("b").version
    copied = os.copy_file_range

    def change(*arguments):
        found = copied(*arguments)
        with open(source.getsyspath("a"), "r+b") as file:
            file.truncate(5)
        return found

    monkeypatch.setattr(os, "copy_file_range", change)
    for name, options in (("new", {"overwrite": False}), ("b", {}), ("b", {"version": version})):
        with pytest.raises(SourceChanged):
            target.copy_from(source, "a", name, **options)
        with open(source.getsyspath("a"), "wb") as file:
            file.write(b"first and more")
    assert list(target.iter_files()) == ["b"]
    assert target.read_file("b") == b"old"
    assert target.remove_leftovers(0) == 0


def test_a_change_is_told_of_the_source(make_pair, monkeypatch):
    source, target = make_pair("local")
    theirs, ours = operations(source, target)
    source.write("a", b"content")
    monkeypatch.setattr(LocalFS, "copy_from", lambda *given, **options: (_ for _ in ()).throw(SourceChanged("a")))
    with pytest.raises(fs.VersionChanged, match="changed while it was copied") as raised:
        ours.copy_from(theirs, "a", "b")
    assert (raised.value.storage, raised.value.path) == ("source", "a")


@pytest.mark.parametrize("lacking", [(), ("copy_file_range",), ("copy_file_range", "sendfile")])
@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_what_copies_is_what_the_system_has(disks, monkeypatch, lacking, size):
    source, target = disks
    content = os.urandom(size)
    source.put("a", io.BytesIO(content))

    def refuse(*arguments):
        raise OSError(38, "Function not implemented")

    for name in lacking:
        monkeypatch.setattr(os, name, refuse)
    for options in ({"overwrite": False}, {}):
        assert target.copy_from(source, "a", "b/c", **options)
        assert target.read_file("b/c") == content
    assert os.stat(target.getsyspath("b/c")).st_mode & 0o777 == 0o640


def test_one_file_of_two_trees_stays(disks, tmp_path):
    above = LocalFS(str(tmp_path))
    source, _ = disks
    source.put("x", io.BytesIO(b"content"))
    before = source.facts("x")
    assert above.copy_from(source, "x", "a/x")
    assert source.copy_from(above, "a/x", "x", version=before.version)
    assert source.facts("x") == before


def test_a_link_out_of_the_other_root_is_not_followed(disks, tmp_path):
    source, target = disks
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", source.getsyspath("a"))
    with pytest.raises(InvalidPath):
        target.copy_from(source, "a", "a")
    assert list(target.iter_files()) == []


def test_the_target_is_judged_again_when_the_copy_is_complete(disks, monkeypatch):
    source, target = disks
    source.put("a", io.BytesIO(b"theirs"))
    version = target.put("a", io.BytesIO(b"old"))
    copied = os.copy_file_range

    def overtake(*arguments):
        monkeypatch.undo()
        target.put("a", io.BytesIO(b"of another writer"))
        return copied(*arguments)

    monkeypatch.setattr(os, "copy_file_range", overtake)
    with pytest.raises(OtherVersion):
        target.copy_from(source, "a", "a", version=version)
    assert target.read_file("a") == b"of another writer"


# What is sent


KEEPING = ["s3-moto", "s3-swift", "swift"]


@pytest.mark.parametrize("kind", on(KEEPING))
def test_a_store_keeps_what_a_sent_copy_was_described_with(make_pair, kind):
    storage, _ = make_pair(kind)
    [ours] = operations(storage)
    part = storage.backend.store.part_size
    for name, content in (("small", ZIPPED), ("large", ZIPPED + bytes(part))):
        stored = save(storage, name, content, overwrite=False)
        assert ours.facts(name).description == DESCRIPTION
        german = Description(content_language="de")
        again = ours.replace_version(name, content, stored.version, content_type="text/other", description=german)
        assert again.version == ours.facts(name).version
        assert (ours.facts(name).description, ours.facts(name).content_type) == (german, "text/other")
        assert ours.replace_version(name, b"plain", again.version)
        assert ours.facts(name).description is None


@pytest.mark.parametrize("kind", on(["local", "memory", "gridfs"]))
def test_a_store_that_cannot_keep_an_encoding_refuses_it(make_pair, kind):
    storage, _ = make_pair(kind)
    [ours] = operations(storage)
    version = storage.write("a.txt", b"old").version
    for refused in (DESCRIPTION, Description("br")):
        with pytest.raises(fs.OperationNotSupported, match=f"'a.txt' has the Content-Encoding '{refused[0]}'"):
            ours.save(io.BytesIO(ZIPPED), "a.txt", description=refused)
        with pytest.raises(fs.OperationNotSupported, match="storage 'source' cannot keep"):
            ours.replace_version("a.txt", ZIPPED, version, description=refused)
    assert storage.read("a.txt") == b"old"
    rest = dataclasses.replace(storage.backend.facts("a.txt"), content_language="de").description
    assert ours.replace_version("a.txt", b"new", version, content_type="text/x-odd", description=rest)
    assert ours.save(io.BytesIO(b"newer"), "b.txt", description=rest) == "b.txt"
    assert (storage.read("a.txt"), storage.read("b.txt")) == (b"new", b"newer")
