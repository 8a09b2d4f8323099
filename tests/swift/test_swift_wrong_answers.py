"""Something else answers in place of Swift: no false success, no error of a driver, and nothing is lost.

A proxy gives each request of each operation each of the wrong answers, before a Swift that is right.
"""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from failures import Unseekable
from fs.errors import FSError

import flask_pyfs as fs

MIB = 1024 * 1024
SMALL, NEW = b"small", b"new content"
# of two segments
BIG = bytes(range(256)) * 4096 + b"end"
OTHER = BIG[::-1]

OBJECT = "X-Timestamp: 1700000000.00000\r\nEtag: 0123456789abcdef0123456789abcdef\r\nX-Trans-Id: tx\r\n"
LISTING = "X-Container-Object-Count: 1\r\nContent-Type: application/json\r\n"
HTML = "<html><h1>Welcome to the hotel</h1></html>"
ENTRY = '{"name": "%s", "bytes": %s, "hash": "d41d8cd9", "last_modified": "2026-01-01T00:00:00.000000"}'


def answer(status, headers="", body="", length=None):
    length = len(body) if length is None else length
    lines = f"HTTP/1.1 {status} Something\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    return f"{lines}{body}".encode()


WRONG = {
    "200 empty": answer(200),
    "200 html": answer(200, "Content-Type: text/html\r\n", HTML),
    "200 html that ends early": answer(200, "Content-Type: text/html\r\n", HTML, 1000),
    "201 html": answer(201, "Content-Type: text/html\r\n", HTML),
    "201 with another tag": answer(201, OBJECT),
    "202 html": answer(202, "Content-Type: text/html\r\n", HTML),
    "204": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "206 html": answer(206, "Content-Type: text/html\r\n", HTML),
    "206 of nothing": answer(206, f"{OBJECT}Content-Range: bytes 5-3/9\r\n", "abc"),
    "302": answer(302, "Location: https://elsewhere.invalid/\r\n"),
    "304": b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n",
    "404 that ends early": answer(404, "", HTML, 1000),
    "a negative length": answer(200, OBJECT, "abc", -5),
    "no length": b"HTTP/1.1 200 OK\r\n" + OBJECT.encode() + b"Connection: close\r\n\r\nabc",
    "the year 300000": answer(200, OBJECT.replace("1700000000", "9404726400000"), "abc"),
    "no JSON": answer(200, LISTING, "[{"),
    "JSON that is no object": answer(200, LISTING, "5"),
    "JSON of an object": answer(200, LISTING, "{}"),
    "JSON of odd things": answer(200, LISTING, '{"Response Status": 5, "Errors": 7, "swift": 5, "bulk_delete": []}'),
    "a listing of numbers": answer(200, LISTING, "[5]"),
    "a listing of nothing": answer(200, LISTING, "[{}]"),
    "a listing of a negative size": answer(200, LISTING, f"[{ENTRY % ('a', -1)}]"),
    "a listing of something else": answer(200, LISTING, f"[{ENTRY % ('precious/small', 5)}]"),
    "deep JSON": answer(200, LISTING, "[" * 20_000),
    "no UTF-8": answer(200, LISTING, "[").replace(b"[", b"\xff"),
    "404 html": answer(404, "Content-Type: text/html\r\n", HTML),
    "503": answer(503, "", HTML),
}


class Case(NamedTuple):
    """An operation: the files before, the call, and the files and the result if it succeeds."""

    before: dict[str, bytes]
    call: Callable[[Any, str], Any]
    after: dict[str, bytes]
    result: Any = None


def write(name, content, source=lambda content: content, **options):
    def call(storage, top):
        storage.write(top + name, source(content), **options)

    return call


def write_into(storage, top):
    with storage.open(f"{top}new", "wb") as file:
        file.write(BIG)


def delete_version(storage, top):
    return storage.delete_version(f"{top}a", storage.version_of_a)


def replace_version(content):
    def call(storage, top):
        storage.replace_version(f"{top}a", content, storage.version_of_a)

    return call


def list_anew(storage, top):
    storage.backend.store._container.account._capabilities = None
    return sorted(name.removeprefix(top) for name in storage.list_files(top))


def log_in(storage, top):
    storage.backend.store._container.account._access = None
    return storage.read(f"{top}a")


def serve(storage, top):
    response = storage.client.get(storage.url(f"{top}a"))
    if response.status_code >= 400:
        raise fs.BackendError("as the route says")
    return response.data


A, B, AB = {"a": SMALL}, {"b": SMALL}, {"a": SMALL, "b": OTHER}
CASES = {
    "save": Case({}, write("new", NEW), {"new": NEW}),
    "save over small": Case(A, write("a", NEW, overwrite=True), {"a": NEW}),
    "save small over large": Case({"a": BIG}, write("a", NEW, overwrite=True), {"a": NEW}),
    "save large": Case({}, write("new", BIG, io.BytesIO), {"new": BIG}),
    "save large over large": Case({"a": BIG}, write("a", OTHER, io.BytesIO, overwrite=True), {"a": OTHER}),
    "save a stream": Case({}, write("new", BIG, Unseekable), {"new": BIG}),
    "open w": Case(A, write_into, {**A, "new": BIG}),
    "read": Case(A, lambda storage, top: storage.read(f"{top}a"), A, SMALL),
    "read large": Case({"a": BIG}, lambda storage, top: storage.read(f"{top}a"), {"a": BIG}, BIG),
    "read chunks": Case(A, lambda storage, top: b"".join(storage.read_chunks(f"{top}a")), A, SMALL),
    "exists": Case(A, lambda storage, top: storage.exists(f"{top}a"), A, True),
    "metadata": Case(A, lambda storage, top: storage.metadata(f"{top}a")["size"], A, len(SMALL)),
    "list": Case(AB, list_anew, AB, ["a", "b"]),
    "copy": Case(A, lambda storage, top: storage.copy(f"{top}a", f"{top}b"), {**A, **B}),
    "copy over large": Case(
        {"a": SMALL, "b": BIG}, lambda storage, top: storage.copy(f"{top}a", f"{top}b", overwrite=True), {**A, **B}
    ),
    "move": Case(A, lambda storage, top: storage.move(f"{top}a", f"{top}b"), B),
    "move over": Case(AB, lambda storage, top: storage.move(f"{top}a", f"{top}b", overwrite=True), B),
    "move large": Case({"a": BIG}, lambda storage, top: storage.move(f"{top}a", f"{top}b"), {"b": BIG}),
    "delete": Case(A, lambda storage, top: storage.delete(f"{top}a"), {}),
    "delete large": Case({"a": BIG}, lambda storage, top: storage.delete(f"{top}a"), {}),
    "delete a tree": Case(
        {"t/a": SMALL, "t/b": NEW, "t.txt": NEW}, lambda storage, top: storage.delete(f"{top}t"), {"t.txt": NEW}
    ),
    "delete a version": Case(A, delete_version, {}, True),
    "delete a large version": Case({"a": BIG}, delete_version, {}, True),
    "replace a version": Case(A, replace_version(NEW), {"a": NEW}),
    "replace a version by a large one": Case(A, replace_version(BIG), {"a": BIG}),
    "remove leftovers": Case(
        {"a": BIG},
        lambda storage, top: storage.backend.store.remove_leftovers(-60, top),
        {"a": BIG},
        1,
    ),
    "serve": Case(A, serve, A, SMALL),
    "log in": Case(A, log_in, A, SMALL),
}


def is_right(request, name):
    """Whether Swift itself may give this answer."""
    return name == "204" and request.startswith("DELETE")


@pytest.fixture
def storage(app, make_storage, proxy):
    app.config["TESTING"] = False
    storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", TIMEOUT=2, RETRIES=0, SEGMENT_SIZE=MIB, SERVE=True)
    with app.app_context():
        storage.client = app.test_client()
        storage.write("precious/small", SMALL)
        storage.write("precious/large", BIG)
        list(storage.list_files())
        yield storage


@pytest.fixture
def state(swift_connection, container):
    """The files below a directory."""

    def state(top):
        listed = swift_connection.get_container(container, prefix=top)[1]
        return {
            found["name"].removeprefix(top): swift_connection.get_object(container, found["name"])[1]
            for found in listed
        }

    return state


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_wrong_answers(storage, proxy, state, swift_connection, container, case, soak):
    account = storage.backend.store._container.account
    able, tried = account.capabilities(), 0
    every = 1 if soak else 15

    def prepare(top):
        account._capabilities = able
        for name, content in case.before.items():
            storage.version_of_a = storage.write(top + name, content).version
        swift_connection.put_object(f"{container}_segments", f"{top}gone/flask-pyfs/1-00ff/00000001", b"left")
        proxy.reset()

    prepare("right/")
    result = case.call(storage, "right/")
    assert state("right/") == case.after
    assert case.result in (None, result)
    for number, request in enumerate(list(proxy.requests)):
        # by default some of them, and others for each request
        for name in [*WRONG][(number + len(case.before)) % every :: every]:
            if is_right(request, name):
                continue
            top, seen = f"{number} {name}/", []

            def when(head, number=number, seen=seen):
                seen.append(head)
                return len(seen) == number + 1

            prepare(top)
            proxy.answer(WRONG[name], when=when)
            try:
                result = case.call(storage, top)
            except (fs.FSError, FSError):
                allowed = [{**case.before}, {**case.after}, {**case.before, **case.after}]
            else:
                assert case.result in (None, result), (request, name)
                allowed = [case.after]
            proxy.restore()
            assert state(top) in allowed, (request, name)
            tried += 1
    assert tried >= len(WRONG) // every - 1
    assert state("precious/") == {"small": SMALL, "large": BIG}
