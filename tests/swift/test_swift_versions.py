"""Versions of objects: what tells two writes of one name apart, and who comes in between."""

import io
from contextlib import suppress

import pytest
from failures import MIB, Unseekable
from fs.errors import OperationFailed

import flask_pyfs as fs
from flask_pyfs.filesystems.swift import listing, segments
from flask_pyfs.filesystems.swift.container import SwiftContainer

LARGE = bytes(range(256)) * 4096 * 2 + b"end"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONTENTS = [b"small", LARGE]


@pytest.fixture
def storage(app, make_storage):
    storage = make_storage(SEGMENT_SIZE=MIB)
    with app.app_context():
        yield storage


@pytest.fixture
def names(swift_connection, container):
    def names(container=container):
        return sorted(found["name"] for found in swift_connection.get_container(container)[1])

    return names


@pytest.mark.parametrize("source", [lambda content: content, io.BytesIO, Unseekable])
@pytest.mark.parametrize("content", CONTENTS, ids=["small", "large"])
def test_each_write_makes_a_version(storage, content, source):
    versions = [storage.write("a", source(content), overwrite=True).version for _ in range(2)]
    with storage.open("a", "wb") as file:
        file.write(content)
    versions.append(storage.version("a"))
    for _ in range(2):
        storage.copy("a", "b", overwrite=True)
        versions.append(storage.version("b"))
    assert len(set(versions)) == 5
    assert storage.version("a") == versions[2]


def test_objects_of_other_tools_have_versions(storage, swift_connection, container, elsewhere_manifest):
    versions = []
    for _ in range(2):
        swift_connection.put_object(container, "a", b"content")
        versions.append(storage.version("a"))
        # as their metadata is replaced
        swift_connection.post_object(container, "a", {"X-Object-Meta-Colour": "blue"})
        versions.append(storage.version("a"))
        elsewhere_manifest("a")
        versions.append(storage.version("a"))
    assert None not in versions
    assert len(set(versions)) == 6
    assert not storage.delete_version("a", versions[0])
    assert storage.delete_version("a", versions[-1])


@pytest.fixture
def elsewhere_manifest(swift_connection, container):
    """Make a static large object as other tools do."""
    parts = f"{container}-parts"
    swift_connection.put_container(parts)

    def make(name, content=b"x" * 100):
        swift_connection.put_object(parts, f"{name}/{content[:1].decode()}", content)
        manifest = f'[{{"path": "/{parts}/{name}/{content[:1].decode()}"}}]'
        swift_connection.put_object(container, name, manifest, query_string="multipart-manifest=put")

    return make


def test_a_new_name_that_another_writer_took_with_the_same_content(
    app, make_storage, proxy, swift_connection, container
):
    storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", RETRIES=2)
    seen = []

    def taken(head):
        if head.startswith(b"PUT") and not seen:
            seen.append(head)
            swift_connection.put_object(container, "a", b"content")
            return True
        return False

    with app.app_context():
        storage.exists("warm")
        proxy.answer(UNAVAILABLE, when=taken)
        # its second attempt finds the name taken, but not by the first one
        with pytest.raises(fs.FileExists):
            storage.write("a", b"content")


def test_a_write_that_is_overtaken_is_repeated(app, make_storage, proxy):
    storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", RETRIES=1)
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Trans-Id: tx\r\nConnection: close\r\n\r\n"
    seen = []
    with app.app_context():
        storage.exists("warm")
        proxy.answer(answer, when=lambda head: head.startswith(b"PUT") and not seen and not seen.append(head))
        storage.write("a", b"content", overwrite=True)
        assert storage.read("a") == b"content"
        proxy.answer(answer, when=lambda head: head.startswith(b"PUT"))
        with pytest.raises(fs.BackendError):
            storage.write("b", b"content")


# Another writer between the requests


@pytest.fixture
def between(monkeypatch):
    """Call something after each call of a method of a container."""

    def between(method, call):
        original = getattr(SwiftContainer, method)

        def interrupted(self, *arguments, **parameters):
            result = original(self, *arguments, **parameters)
            monkeypatch.undo()
            call()
            return result

        monkeypatch.setattr(SwiftContainer, method, interrupted)

    return between


@pytest.mark.parametrize("new", [b"new", LARGE[1:], b"small"], ids=["small", "large", "the same"])
@pytest.mark.parametrize("content", CONTENTS, ids=["small", "large"])
def test_a_source_that_is_replaced_while_it_moves_stays(storage, between, content, new):
    storage.write("a", content)
    between("copy", lambda: storage.write("a", new, overwrite=True))
    storage.move("a", "b")
    assert (storage.read("a"), storage.read("b")) == (new, content)


def test_a_source_of_other_tools_that_is_replaced_while_it_moves_stays(
    storage, between, swift_connection, container, elsewhere_manifest
):
    swift_connection.put_object(container, "a", b"content")
    between("copy", lambda: swift_connection.put_object(container, "a", b"new"))
    storage.move("a", "b")
    assert (storage.read("a"), storage.read("b")) == (b"new", b"content")
    elsewhere_manifest("c")
    between("copy", lambda: storage.write("c", b"new", overwrite=True))
    storage.move("c", "d")
    assert (storage.read("c"), storage.read("d")) == (b"new", b"x" * 100)
    elsewhere_manifest("c")
    storage.move("c", "e")
    assert not storage.exists("c")
    assert storage.read("e") == b"x" * 100


def test_a_source_that_goes_while_it_moves_has_moved(storage, between, names, container):
    for content in CONTENTS:
        storage.write("a", content, overwrite=True)
        between("copy", lambda: storage.delete("a"))
        storage.move("a", "b", overwrite=True)
        assert storage.read("b") == content
        assert names() == ["b"]


def test_a_version_that_is_replaced_while_its_replacement_is_sent(storage, between, names, container):
    old = storage.write("a", b"old")
    # after the first look, and before the one that counts
    between("head", lambda: storage.write("a", b"between", overwrite=True))
    with pytest.raises(fs.VersionChanged):
        storage.replace_version("a", Unseekable(LARGE), old.version)
    assert storage.read("a") == b"between"
    assert names(f"{container}_segments") == []


def delete_version(storage, content):
    storage.delete_version("a", storage.known)


def replace_version(storage, content):
    storage.replace_version("a", Unseekable(content), storage.known)


def move(storage, content):
    storage.move("a", "b")


def save(storage, content):
    storage.write("new", Unseekable(content))


# the operation, the name that another writer writes meanwhile, and whether its content may be lost at the last request
OPERATIONS = {
    "move": (move, "a", True),
    "delete a version": (delete_version, "a", True),
    "replace a version": (replace_version, "a", True),
    "save": (save, "new", False),
}


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "name", "last"), OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("content", CONTENTS, ids=["small", "large"])
def test_another_writer_before_each_request(
    app, make_storage, proxy, swift_connection, container, operation, name, last, content
):
    storage = make_storage("frail", AUTHURL=f"{proxy.url}/auth/v1.0", SEGMENT_SIZE=MIB, RETRIES=0)

    def attempt(number):
        """Return the requests of the operation, with the other writer before one of them."""
        for each in ("a", "b", "new"):
            storage.delete(each)
        storage.known = storage.write("a", content).version
        proxy.reset()
        heads = []

        def written(head):
            heads.append(head)
            if len(heads) == number:
                swift_connection.put_object(container, name, b"between")
            return False

        proxy.answer(b"", when=written)
        with suppress(fs.VersionChanged, fs.FileExists):
            operation(storage, content)
        sent = list(proxy.requests)
        proxy.restore()
        return sent

    with app.app_context():
        # the container of segments is there
        storage.write("warm", LARGE)
        requests = attempt(0)
        for number in range(1, len(requests) + 1):
            sent = attempt(number)
            found = [storage.read(each) for each in ("a", "b", "new") if storage.exists(each)]
            # no condition holds back the request that deletes or replaces the object
            method, target, _ = sent[min(number, len(sent)) - 1].split()
            is_last = last and method in ("DELETE", "PUT") and "_segments" not in target
            assert b"between" in found or is_last, (sent, number)
    assert len(requests) >= (1 if operation is save else 2)


# Leftovers


def test_an_upload_that_is_completed_while_leftovers_are_removed(storage, monkeypatch, names, container):
    file, original = storage.open("a", "wb"), listing.entries
    file.write(LARGE)

    def entries(*arguments):
        yield from original(*arguments)
        file.close()

    monkeypatch.setattr(segments, "entries", entries)
    assert storage.backend.remove_leftovers(older_than=-60) == 0
    assert storage.read("a") == LARGE


@pytest.mark.parametrize("old", [None, b"old"])
def test_an_upload_that_is_completed_after_its_segments_were_removed(storage, names, container, old):
    if old:
        storage.write("a", old)
    upload = storage.backend.store.new_object("a", overwrite=True, content_type=None)
    for number in (1, 2):
        upload.send_part(number, bytearray(MIB))
    assert storage.backend.remove_leftovers(older_than=-60) == 1
    upload.send_part(3, bytearray(MIB))
    with pytest.raises(OperationFailed, match=r"'a' was not stored.*remove_leftovers"):
        upload.complete()
    upload.abort()
    assert names() == (["a"] if old else [])
    with suppress(fs.FileNotFound):
        assert storage.read("a") == old
    assert names(f"{container}_segments") == []
