"""Listings that are odd, and prefixes that are."""

import io
import json

import pytest
from failures import MIB
from test_swift_wrong_answers import ENTRY, LISTING, answer

import flask_pyfs as fs
from flask_pyfs.testing import StorageConformance

# around the surrogates, which UTF-8 lacks, and at the end of Unicode
EDGES = ["\ud7fe", "\ud7ff", "\ue000", "\uffff", "\U0010fffe", "\U0010ffff"]


@pytest.fixture
def frail(app, make_storage, proxy):
    storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", TIMEOUT=5, RETRIES=0, SEGMENT_SIZE=MIB)
    with app.app_context():
        storage.exists("warm")
        yield storage


@pytest.mark.parametrize("page", [None, 2])
def test_prefixes_that_end_where_characters_do(storage, page):
    names = ["x", "y", *(f"x{edge}{more}" for edge in EDGES for more in ("", "a", edge, f"{edge}/b"))]
    for name in names:
        storage.write(name, b"x")
    storage.backend.store._container.limit = page
    for edge in EDGES:
        for prefix in ("x", f"x{edge}", f"x{edge}{edge}", f"x{edge}{EDGES[-1]}", f"x{edge}a", edge, edge * 3):
            assert sorted(storage.list_files(prefix)) == sorted(name for name in names if name.startswith(prefix))
    storage.delete(f"x{EDGES[-1]}")
    assert [name for name in storage.list_files(f"x{EDGES[-1]}") if name == f"x{EDGES[-1]}"] == []
    assert set(storage.list_files()) == set(names) - {f"x{EDGES[-1]}"}


def test_pages_while_others_write(storage):
    storage.backend.store._container.limit = 2
    StorageConformance().test_entries_while_others_write(storage)


def listing(*names):
    return answer(200, LISTING, f"[{', '.join(ENTRY % (name, 1) for name in names)}]")


@pytest.mark.parametrize("limit", [2, 0, -1, "2", 2.5, True, None, [2], 10**30])
@pytest.mark.parametrize("names", [("a", "b"), ("b", "a"), ("a", "a")])
def test_a_listing_that_never_ends(frail, proxy, limit, names):
    frail.backend.store._container.account._capabilities = {"swift": {"container_listing_limit": limit}}
    proxy.answer(listing(*names), when=lambda head: b"GET" in head)
    # the first page is full, or nobody knows
    if limit == 10**30 and names == ("a", "b"):
        assert list(frail.list_files()) == ["a", "b"]
        return
    with pytest.raises(fs.BackendError, match="listing"):
        list(frail.list_files())
    assert len(proxy.requests) <= 4


@pytest.mark.parametrize("limit", [0, -1, "2", True, None])
def test_an_odd_limit_hides_nothing(frail, limit):
    for name in "abc":
        frail.write(name, b"x")
    frail.backend.store._container.account._capabilities = {"swift": {"container_listing_limit": limit}}
    assert list(frail.list_files()) == ["a", "b", "c"]


@pytest.mark.parametrize("bulk", [None, 5, {}, {"max_deletes_per_request": 0}, {"max_deletes_per_request": "many"}])
def test_an_odd_limit_of_deletions_keeps_nothing(frail, bulk):
    for name in "abc":
        frail.write(f"tree/{name}", b"x")
    frail.backend.store._container.account._capabilities = {"bulk_delete": bulk}
    frail.delete("tree")
    assert list(frail.list_files()) == []


def test_a_listing_of_other_names_deletes_none(frail, proxy):
    for name in ("tree/a", "tree/b", "kept"):
        frail.write(name, b"x")
    proxy.answer(listing("kept", "tree/a", "tree/b"), when=lambda head: b"GET" in head)
    with pytest.raises(fs.BackendError, match="listing"):
        frail.delete("tree")
    proxy.restore()
    assert frail.read("kept") == b"x"


@pytest.mark.parametrize("kind", ["itself", "too deep"])
def test_manifests_that_never_end(frail, proxy, swift_connection, container, kind):
    segments = f"{container}_segments"
    large = bytes(MIB + 1)
    frail.write("a", io.BytesIO(large))
    if kind == "itself":
        part = {"name": f"/{segments}/loop", "bytes": 1, "hash": "00", "sub_slo": True}
        body = answer(200, "X-Static-Large-Object: True\r\nX-Trans-Id: tx\r\n", json.dumps([part]))
        proxy.answer(body, when=lambda head: b"multipart-manifest=get" in head)
    else:
        swift_connection.put_object(segments, "level 0", b"x" * 10)
        for number in range(12):
            manifest = json.dumps([{"path": f"/{segments}/level {number}"}])
            place = (segments, f"level {number + 1}") if number < 11 else (container, "a")
            swift_connection.put_object(*place, manifest, query_string="multipart-manifest=put")
    for change in (lambda: frail.delete("a"), lambda: frail.write("a", b"new", overwrite=True)):
        with pytest.raises(fs.BackendError, match="names itself, or is nested too deep"):
            change()
    proxy.restore()
    assert frail.exists("a")
