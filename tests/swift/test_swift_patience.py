"""What is asked again, and who waits for what."""

import gc
import io
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from failures import LARGE, MIB, write_pieces
from fs.errors import InvalidPath, OperationTimeout
from servers.dripping import dripping
from servers.openstack import GUEST
from servers.rewriting import RewritingProxy

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.http import Pace
from flask_pyfs.filesystems.swift.deletion import delete

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TIMEOUT = 2


@pytest.fixture
def make(app, make_storage, proxy):
    def make(**settings):
        return make_storage(**{"AUTHURL": f"{proxy.url}/auth/v1.0", "TIMEOUT": TIMEOUT, "RETRIES": 2, **settings})

    with app.app_context():
        yield make


def first(times, part):
    """Whether a request is one of the first that have something in their head."""
    seen = []

    def when(head):
        if part in head and len(seen) < times:
            seen.append(head)
            return True
        return False

    return when


def test_a_copy_may_take_longer_than_other_answers(app, make_storage, swift_place):
    is_copying, may_answer = threading.Event(), threading.Event()

    def ask(request):
        if request.method == "COPY":
            is_copying.set()
        if request.method == "COPY" or request.path.endswith("/silent.txt"):
            may_answer.wait(60)

    address = urlsplit(swift_place.auth_url)
    with (
        RewritingProxy(address.hostname, address.port) as proxy,
        app.app_context(),
        ThreadPoolExecutor(1) as threads,
    ):
        storage = make_storage(AUTHURL=proxy.url + address.path, TIMEOUT=TIMEOUT, RETRIES=0)
        storage.write("a.txt", b"content")
        proxy.ask = ask
        copied = threads.submit(storage.backend.copy, "a.txt", "b.txt")
        assert is_copying.wait(60)
        # begun later, and over before
        with pytest.raises(fs.BackendError, match="did not answer in 2 s"):
            storage.exists("silent.txt")
        may_answer.set()
        copied.result()
        assert storage.read("b.txt") == b"content"


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("part", [b"/auth/", b"/info", b"GET /v1"])
def test_what_is_unavailable_is_asked_again(make, proxy, part, times):
    storage = make()
    proxy.answer(UNAVAILABLE, when=first(times, part))
    if times == 3:
        with pytest.raises(fs.BackendError):
            list(storage.list_files())
    assert list(storage.list_files()) == []


def test_who_is_cut_off_asks_again_to_be_let_in(make, proxy):
    storage = make(RETRIES=1)
    proxy.cut_received(after=0)
    assert not storage.exists("a")
    assert [line for line in proxy.requests if "/auth/" in line] == ["GET /auth/v1.0 HTTP/1.1"] * 2


def test_a_deletion_that_is_overtaken_by_a_write_is_repeated(make, proxy):
    storage = make()
    storage.write("a", "x")
    conflict = b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    proxy.answer(conflict, when=first(2, b"DELETE "))
    storage.delete("a")
    assert not storage.exists("a")
    for name in "ab":
        storage.write(f"tree/{name}", name)
    body = b'{"Response Status": "400 Bad Request", "Errors": [["/c/tree/a", "409 Conflict"]]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
    proxy.answer(answer % (len(body), body), when=first(1, b"bulk-delete"))
    storage.delete("tree")
    assert list(storage.list_files()) == []


def test_what_a_bulk_deletion_could_not_delete_is_asked_again(make, proxy):
    storage = make()
    for name in "abc":
        storage.write(f"tree/{name}", name)
    body = b'{"Response Status": "502 Bad Gateway", "Errors": [["/c/tree/a", "503 Service Unavailable"]]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
    proxy.answer(answer % (len(body), body), when=first(2, b"bulk-delete"))
    storage.delete("tree")
    assert list(storage.list_files()) == []
    storage.write("tree/a", "x")
    storage.write("tree/b", "x")
    proxy.answer(answer % (len(body), body), when=first(3, b"bulk-delete"))
    with pytest.raises(fs.BackendError, match="503"):
        storage.delete("tree")
    assert sorted(storage.list_files()) == ["tree/a", "tree/b"]


@pytest.mark.parametrize("fault", ["hang", "refuse"])
def test_all_threads_wait_for_one_attempt_to_be_let_in(make, proxy, fault):
    storage = make(RETRIES=0)
    getattr(proxy, fault)()

    def attempt(number):
        with pytest.raises(fs.BackendError):
            storage.backend.exists(f"{number}")

    begun = time.monotonic()
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(attempt, range(20)))
    assert time.monotonic() - begun < TIMEOUT + 2
    proxy.restore()
    assert not storage.exists("a")


def test_a_failure_to_be_let_in_keeps_nothing_alive(make, proxy):
    storage = make(RETRIES=0)
    proxy.refuse()

    def refused():
        source = io.BytesIO(LARGE)
        with pytest.raises(fs.BackendError):
            storage.write("a", source)
        return weakref.ref(source)

    source = refused()
    gc.collect()
    assert source() is None


def test_one_by_one_deletion_does_not_wait_for_each(make, proxy, monkeypatch):
    storage = make(RETRIES=0)
    for number in range(40):
        storage.write(f"tree/{number}", "x")
    account = storage.backend.store._container.account
    capabilities = {name: value for name, value in account.capabilities().items() if name != "bulk_delete"}
    monkeypatch.setattr(account, "capabilities", lambda timeout=None: capabilities)
    proxy.hang()
    begun = time.monotonic()
    with pytest.raises(OperationTimeout):
        delete(storage.backend.store._container, (f"tree/{number}" for number in range(40)))
    assert time.monotonic() - begun < TIMEOUT + 2
    proxy.restore()
    monkeypatch.undo()
    storage.delete("tree")
    assert list(storage.list_files()) == []


@pytest.fixture
def guest(app, swift_server, swift_connection, make_storage, container):
    """A storage whose user has rights on the container alone."""
    swift_connection.post_container(container, {"X-Container-Read": GUEST, "X-Container-Write": GUEST})
    return make_storage(USER=GUEST)


def test_rights_on_the_container_are_enough(app, guest):
    with app.app_context():
        for content in (b"one", b"two"):
            guest.write("a", content, overwrite=True)
            assert guest.read("a") == content
        guest.copy("a", "b", overwrite=True)
        guest.move("b", "c", overwrite=True)
        for name in ("tree/a", "tree/b"):
            guest.write(name, b"x")
        guest.delete("a")
        guest.delete("tree")
        assert list(guest.list_files()) == ["c"]
        guest.write("large", io.BytesIO(LARGE))
        assert guest.read("large") == LARGE


@pytest.mark.parametrize("length", [975, 976, 977, 1024])
def test_the_longest_names(make, swift_connection, container, length):
    storage = make(SEGMENT_SIZE=MIB)
    name = "/".join("n" * 200 for _ in range(5))[:length].ljust(length, "m")
    name = name if len(name) == length else name[:length]
    storage.write(name, b"small")
    assert storage.read(name) == b"small"
    if length <= 976:
        storage.write(name, io.BytesIO(LARGE), overwrite=True)
        assert storage.read(name) == LARGE
    else:
        for write in (
            lambda: storage.write(name, io.BytesIO(LARGE), overwrite=True),
            lambda: write_pieces(storage, name, LARGE),
        ):
            with pytest.raises(fs.InvalidPath, match="names of the segments"):
                write()
        assert storage.read(name) == b"small"
        assert [found["name"] for found in swift_connection.get_container(container)[1]] == [name]
        names = [found["name"] for found in swift_connection.get_account(prefix=f"{container}_segments")[1]]
        assert [swift_connection.get_container(name)[1] for name in names] == [[]] * len(names)


def test_a_name_that_is_too_long_below_its_prefix(make):
    storage = make(PREFIX="p" * 100)
    with pytest.raises(fs.InvalidPath):
        storage.write("n" * 200 + "/" + "m" * 200 + "/" + "o" * 200 + "/" + "p" * 200 + "/" + "q" * 200, b"x")
    assert list(storage.list_files()) == []


@pytest.mark.parametrize("expires", [-1, 1.5, 4e9, float("inf")])
def test_times_that_are_none(make, expires):
    storage = make(TEMP_URL_KEY="key")
    with pytest.raises(ValueError, match="whole seconds"):
        storage.backend.store.temporary_url("a.txt", expires)


def test_a_key_that_no_header_can_have_is_not_told(make):
    with pytest.raises(fs.ConfigurationError, match="KEY") as raised:
        make(KEY="geheim-日本").exists("a")
    assert "geheim" not in str(raised.value)


def test_invalid_paths_of_the_filesystem(make):
    store = make(SEGMENT_SIZE=MIB).backend.store
    with pytest.raises(InvalidPath):
        store.put("n" * 1030, io.BytesIO(b"x"))


ENDLESS = b"Content-Length: 1000000\r\nConnection: close\r\n\r\n"
HEADS = {
    "a login": b"POST /v3/auth/tokens",
    "the capabilities": b"GET /info",
    "a listing": b"GET /v1/AUTH_test/files?",
    "a file": b"GET /v1/AUTH_test/files/a",
    "a copy": b"COPY ",
    "a refusal": b"DELETE ",
}


@pytest.mark.parametrize("slow", HEADS)
def test_a_server_that_drips(app, make_storage, monkeypatch, slow):
    """Each byte comes in time, and never the last one."""
    monkeypatch.setattr(Pace, "span", 0.1)

    def answer(head):
        url = f"http://{head.partition(b'Host: ')[2].partition(bytes([13]))[0].decode()}"
        if head.startswith(HEADS[slow]):
            status = {"a refusal": 500, "a login": 201, "a copy": 201}.get(slow, 200)
            lines = f"HTTP/1.1 {status} OK\r\nX-Trans-Id: tx\r\nEtag: 0\r\nX-Container-Object-Count: 1\r\n"
            return lines.encode() + ENDLESS, True
        if b"/auth/v1.0" in head:
            access = f"X-Storage-Url: {url}/v1/AUTH_test\r\nX-Auth-Token: token\r\n".encode()
            return b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\nConnection: close\r\n\r\n" % access, False
        return b"HTTP/1.1 404 Not Found\r\nX-Trans-Id: tx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False

    with dripping(answer) as url, app.app_context():
        version, path = ("3", "") if slow == "a login" else ("1", "/auth/v1.0")
        storage = make_storage(AUTHURL=f"{url}{path}", AUTH_VERSION=version, CONTAINER="files", TENANT_NAME="a")
        calls = {
            "a file": lambda: storage.read("a"),
            "a copy": lambda: storage.copy("a", "b", overwrite=True),
            "a refusal": lambda: storage.backend.store.delete_objects(["a"]),
        }
        with pytest.raises((fs.BackendError, OperationTimeout), match="bytes in"):
            calls.get(slow, lambda: list(storage.list_files()))()
