"""Names that HTTP clients change on their way: none reaches another container, and each accepted one its own object."""

import io
import unicodedata
from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

import pytest
from containers import bare_connection, new_container
from fs.errors import FSError as FilesystemError
from servers.faults import FaultProxy

from flask_pyfs.errors import FSError, InvalidPath

CANARY = {"a": b"canary", "dir/b": b"another"}

REFUSED = ["..", "../{other}/a", "x/../../{other}/a", "a/..", "a\\..", "..\\{other}\\a", "a\x00b", "."]
ACCEPTED = [
    "%2e%2e/{other}/a",
    "..%2f{other}%2fa",
    "a?multipart-manifest=get",
    "a#b",
    "a b",
    "a+b&c=d;e,f:g@h!i$j*k'(l)",
    "100%",
    "%41",
    "...",
    "a/.../b",
    ".hidden",
    "ünï/côde/日本語.txt",
    "x" * 900,
    "a//b",
    "/a",
    "./a",
    "x/./a",
]


@pytest.fixture(autouse=True)
def other(swift_place, swift_connection):
    """Another container, which stays as it is."""
    with new_container(swift_place) as name:
        for key, content in CANARY.items():
            swift_connection.put_object(name, key, content)
        yield name
        found = swift_connection.get_container(name)[1]
        assert {each["name"]: swift_connection.get_object(name, each["name"])[1] for each in found} == CANARY


@pytest.mark.parametrize("pattern", REFUSED)
def test_names_that_are_refused(storage, other, pattern):
    name = pattern.replace("{other}", other)
    storage.write("a", b"content")
    for call in (
        lambda: storage.exists(name),
        lambda: storage.read(name),
        lambda: list(storage.read_chunks(name)),
        lambda: storage.open(name),
        lambda: storage.open(name, "w"),
        lambda: storage.metadata(name),
        lambda: storage.write(name, b"new", overwrite=True),
        lambda: storage.save(io.BytesIO(b"new"), name, overwrite=True),
        lambda: storage.delete(name),
        lambda: storage.copy(name, "b"),
        lambda: storage.copy("a", name, overwrite=True),
        lambda: storage.move(name, "b"),
        lambda: storage.move("a", name, overwrite=True),
        lambda: storage.url(name, expires=60),
    ):
        with pytest.raises((InvalidPath, ValueError)):
            call()
    assert list(storage.list_files()) == ["a"]


@pytest.mark.parametrize("pattern", REFUSED[:4])
def test_paths_that_lead_out_of_the_filesystem(swift, other, pattern):
    path = pattern.replace("{other}", other)
    for call in (
        lambda: swift.readbytes(path),
        lambda: swift.writebytes(path, b"new"),
        lambda: swift.remove(path),
        lambda: swift.removetree(path),
        lambda: swift.copy(path, "b"),
        lambda: swift.put(path, io.BytesIO(b"new")),
        lambda: swift.delete_tree(path),
        lambda: list(swift.iter_files(path)),
    ):
        # some are what they are without the dots, and there is nothing of that name
        try:
            call()
        except (FilesystemError, ValueError):
            continue
        swift.delete_tree("a")


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_names_that_are_kept(storage, swift_connection, container, other, pattern):
    name = pattern.replace("{other}", other)
    content = name.encode()
    stored = storage.write(name, content)
    assert [found["name"] for found in swift_connection.get_container(container)[1]] == [stored]
    assert list(storage.list_files()) == [stored]
    assert storage.read(name) == b"".join(storage.read_chunks(name)) == content
    assert swift_connection.get_object(container, stored)[1] == content
    storage.write(name, b"new", overwrite=True)
    storage.copy(name, "copy")
    storage.move("copy", "moved")
    storage.move("moved", name, overwrite=True)
    assert storage.metadata(name)["size"] == 3
    storage.write(f"{name}x", b"beside")
    storage.delete(name)
    assert len(list(storage.list_files())) == 1
    assert not storage.exists(name)


def test_unicode_is_composed(storage, swift_connection, container):
    decomposed = unicodedata.normalize("NFD", "café.txt")
    storage.write(decomposed, b"content")
    assert storage.read("café.txt") == b"content"
    assert [found["name"] for found in swift_connection.get_container(container)[1]] == ["café.txt"]


def put_raw(place, container, keys):
    """Store objects under names that no client would leave as they are."""
    connection = bare_connection(place)
    url, token = connection.get_auth()
    connection.close()
    address = urlsplit(url)
    server = HTTPConnection(address.netloc)
    for key in keys:
        path = f"{address.path}/{container}/{quote(key)}"
        server.request("PUT", path, b"odd", {"X-Auth-Token": token})
        with server.getresponse() as response:
            response.read()
            assert response.status == 201, key
    server.close()


@pytest.mark.parametrize("bulk", [True, False])
def test_objects_of_others_with_such_names(swift_place, app, make_storage, container, other, bulk, caplog):
    odd = ["tree/../../x", f"tree/../../{other}/a", "tree/./y", "tree/..", "tree//z", "tree/line\nbreak"]
    put_raw(swift_place, container, [*odd, "tree/plain", "tree.txt"])
    storage = make_storage()
    with app.app_context():
        # names that no storage accepts are told in the log, as those that no client can ask for
        assert sorted(storage.list_files()) == ["tree.txt", "tree//z", "tree/line\nbreak", "tree/plain"]
        assert all(repr(name) in caplog.text for name in odd[:4])
        assert storage.read("tree//z") == storage.read("tree/line\nbreak") == b"odd"
        assert sorted(info.name for info in storage.fs.scandir("tree")) == ["line\nbreak", "plain"]
        if not bulk:
            storage.backend.store._container.account._capabilities = {}
            with pytest.raises(FSError, match="dots"):
                storage.delete("tree")
            storage.backend.store._container.account._capabilities = None
        storage.delete("tree")
        assert list(storage.list_files()) == ["tree.txt"]


def test_a_cluster_that_says_nothing_of_itself(app, make_storage, swift_place):
    host, _, port = swift_place.auth_url.partition("//")[2].partition("/")[0].partition(":")
    with FaultProxy(host, int(port)) as proxy, app.app_context():
        absent = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        proxy.answer(absent, when=lambda head: head.startswith(b"GET /info") or b"bulk-delete" in head)
        storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0")
        names = [f"tree/{number:02}" for number in range(20)]
        for name in names:
            storage.write(name, b"content")
        storage.write("tree2", b"content")
        assert list(storage.list_files()) == [*names, "tree2"]
        storage.delete("tree")
        assert list(storage.list_files()) == ["tree2"]
