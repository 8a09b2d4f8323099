"""What a comparison of both stores finds, and how far it says that the migration is."""

import io
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from places import make_place
from two_stores import between, bury, in_memory, source_of, target_of, turned, write, write_here

from flask_pyfs.filesystems.migrating.copiers import RENEWAL, Copier
from flask_pyfs.filesystems.migrating.target import NO_FILE
from flask_pyfs.migration import comparing, migrate, progress, status, verify


def entries(storage):
    return storage.backend.store.entries_of_target


def spoil(storage):
    """Put other content of the same size in the place of a copy, which still says what it is a copy of."""
    there = entries(storage).look("a")
    entries(storage).write("a", io.BytesIO(b"CONTENT"), there.version, mirrors=there.mirrors)


def cut(storage):
    there = entries(storage).look("a")
    entries(storage).write("a", io.BytesIO(b"cont"), there.version, mirrors=there.mirrors)


def follow_a_deletion(storage):
    # by a process that writes to both; another with the old settings stored it again
    entries(storage).bury("a", entries(storage).look("a").version, mirrors=NO_FILE)


# what happens to the copy of a file, or the file, and what is found then
CASES = {
    "same": lambda storage: None,
    "own": lambda storage: write_here(storage, "a", b"content"),
    "own, longer": lambda storage: write_here(storage, "a", b"another content"),
    "own, deleted": lambda storage: bury(storage, "a"),
    "only_source": lambda storage: entries(storage).drop("a", entries(storage).look("a").version),
    "differs, replaced": lambda storage: write(source_of(storage), "a", b"CONTENT"),
    "differs, longer": lambda storage: write(source_of(storage), "a", b"another content"),
    "differs, cut": cut,
    "differs, stored again": follow_a_deletion,
}


@pytest.mark.parametrize("case", CASES)
def test_each_state(case):
    storage = in_memory()
    write(source_of(storage), "a")
    write(source_of(storage), "b")
    migrate(storage)
    CASES[case](storage)
    kind = case.partition(",")[0]
    told = []
    report = verify(storage, on_event=told.append)
    assert {event.name: event.kind for event in told} == {"a": kind, "b": "same"}
    assert report.is_complete == (kind in ("same", "own"))
    assert report.missing == (not report.is_complete)


def test_only_checksums_find_spoilt_content(request):
    storage = in_memory()
    write(source_of(storage), "a")
    migrate(storage)
    spoil(storage)
    assert verify(storage).is_complete
    report = verify(storage, checksum=True)
    assert report.counts == {"differs": 1}
    # the copier does not mend it, but says so
    assert migrate(storage, checksum=True).missing == 1


@pytest.mark.server
def test_checksums_of_listings_are_used(request):
    with make_place("s3-moto", request) as bucket:
        storage = between({"BACKEND": "memory"}, bucket)
        write(source_of(storage), "a")
        migrate(storage)
        assert verify(storage, checksum=True).counts == {"same": 1}
        spoil(storage)
        assert verify(storage, checksum=True).counts == {"differs": 1}


def test_what_was_copied_long_after_it_was_written_needs_no_look(monkeypatch):
    storage = in_memory()
    write(source_of(storage), "a")
    migrate(storage)
    monkeypatch.setattr(comparing, "_SKEW", timedelta(-1))
    monkeypatch.setattr(type(entries(storage)), "look", lambda self, path: pytest.fail(path))
    assert verify(storage).counts == {"same": 1}


def test_back_lacks_what_the_target_has():
    storage = in_memory()
    for name in "ab":
        write(source_of(storage), name)
    migrate(storage)
    write_here(storage, "c")
    bury(storage, "b")
    back = turned(storage, DIRECTION="back")
    assert verify(back).counts == {"only_target": 2, "own": 1}
    assert migrate(back).is_complete
    assert verify(back).counts == {"same": 2}


@pytest.mark.parametrize(("direction", "kind"), [("forward", "own"), ("back", "same")])
def test_what_the_app_changes_between_the_listings_is_not_missing(direction, kind, monkeypatch):
    storage = in_memory(DIRECTION=direction)
    write(source_of(storage) if direction == "forward" else target_of(storage), "a")
    fs = storage.backend.store
    before = list(fs.source.iter_facts()), list(entries(storage).entries())
    storage.delete("a")
    monkeypatch.setattr(fs.source, "iter_facts", lambda *prefix, **options: iter(before[0]))
    monkeypatch.setattr(entries(storage), "entries", lambda *prefix, **options: iter(before[1]))
    report = verify(storage)
    assert (report.missing, dict(report.counts)) == (0, {kind: 1})


def test_only_so_many_names_are_looked_at(monkeypatch):
    storage = in_memory()
    for name in "abc":
        write(source_of(storage), name)
    looked = []
    look = entries(storage).look
    monkeypatch.setattr(entries(storage), "look", lambda path: looked.append(path) or look(path))
    monkeypatch.setattr(comparing, "_DOUBTED", 2)
    assert verify(storage).missing == 3
    assert sorted(looked) == ["a", "b"]


def test_status():
    storage = in_memory()
    for name in "abcd":
        write(source_of(storage), name)
    found = status(storage)
    assert (found.phase, found.direction, found.to_do, found.bytes, found.done) == ("new", "forward", 4, 28, 0)
    migrate(storage, shard=(1, 2))
    bury(storage, "gone")
    write(source_of(storage), "e", b"four")
    found = status(storage)
    assert found.phase == "copying"
    assert (found.to_do or 0) + (found.done or 0) == 5
    assert (found.deleted, found.differing, found.copiers, found.rate, found.seconds_left) == (1, 0, 0, None, None)
    assert status(turned(storage, DIRECTION="back")).phase == "new"


def test_status_sees_copiers_that_run(monkeypatch):
    storage = in_memory()
    write(source_of(storage), "a", b"x" * 1000)
    journal = storage.backend.store.journal
    journal.begin("forward")
    dead, *alive = (Copier(journal, "forward") for _ in range(3))
    for copier in (dead, *alive):
        copier._take()

    def sleep(seconds):
        # however long it takes: what they say is from their beats
        assert 0 < seconds <= RENEWAL + 1
        for copier, beats in zip(alive, (1, 2), strict=True):
            copier.done = 3, 30_000
            for _ in range(beats):
                copier._renew()

    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    found = status(storage)
    assert (found.copiers, found.to_do, found.bytes) == (2, 1, 1000)
    assert found.rate == pytest.approx(1.5 * 30_000 / RENEWAL)
    assert found.seconds_left == pytest.approx((1000 + 65536) / (1.5 * (30_000 + 3 * 65536) / RENEWAL))


def test_copiers_that_move_nothing_tell_no_time(monkeypatch):
    storage = in_memory()
    write(source_of(storage), "a")
    journal = storage.backend.store.journal
    journal.begin("forward")
    copier = Copier(journal, "forward")
    copier._take()
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: copier._renew())
    monkeypatch.setattr(progress, "time", clock)
    found = status(storage)
    assert (found.copiers, found.rate, found.seconds_left) == (1, 0, None)


def test_a_listing_that_is_out_of_order_is_refused(monkeypatch):
    storage = in_memory()
    for name in "ab":
        write(source_of(storage), name)
    store = source_of(storage)
    listed = list(store.iter_facts())
    monkeypatch.setattr(store, "iter_facts", lambda prefix="": reversed(listed))
    with pytest.raises(RuntimeError, match="lists 'a' after 'b'"):
        verify(storage)
    assert target_of(storage) is not store


def test_a_fresh_copy_costs_one_request_to_the_target(tmp_path, monkeypatch):
    storage = between({"BACKEND": "local", "ROOT": str(tmp_path / "old")}, {"BACKEND": "memory"})
    for name in "abc":
        write(source_of(storage), name)
    migrate(storage)
    asked = []
    for store in (source_of(storage), entries(storage)):
        for request in ("facts", "fetch", "look"):
            real = getattr(store, request, None)
            if real is not None:
                monkeypatch.setattr(
                    store, request, lambda path, *rest, real=real, **options: asked.append(path) or real(path, *rest)
                )
    assert verify(storage).counts["same"] == 3
    assert sorted(asked) == ["a", "b", "c"]
    # a version that is not that of the copy is looked at
    write(source_of(storage), "b", b"CONTENT")
    asked.clear()
    assert verify(storage).counts["differs"] == 1
    assert sorted(asked) == ["a", "b", "b", "c"]


def test_what_the_source_has_already_need_not_move_back():
    storage = in_memory()
    for name in ("a", "b", "c"):
        write(source_of(storage), name, b"x" * 1000)
    migrate(storage)
    storage.write("a", b"by the app", overwrite=True)
    storage.write("new", b"new")
    back, told = turned(storage, DIRECTION="back"), []
    found = status(back)
    assert (found.to_do, found.bytes) == (4, 13)
    report = migrate(back, on_event=told.append)
    assert (told[0].kind, told[0].files, told[0].size) == ("planned", 4, report.bytes)
    assert report.counts == {"copied": 2, "same": 2}
