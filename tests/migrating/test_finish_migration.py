"""The end of a migration: when it is refused, what it leaves, and what processes do that still have both stores."""

import io
import threading

import pytest
from places import make_place
from two_stores import between, bury, contents, in_memory, source_of, target_of, turned, write, write_here

from flask_pyfs import ConfigurationError, FileNotFound, VersionChanged
from flask_pyfs.filesystems.migrating.copiers import Copier
from flask_pyfs.filesystems.migrating.journal import Journal, Phase
from flask_pyfs.filesystems.store import MIGRATING
from flask_pyfs.migration import finish, finishing, migrate, status, verify
from flask_pyfs.names import Reserved

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(params=["memory", "local", *(pytest.param(k, marks=pytest.mark.server) for k in ("s3-moto", "gridfs"))])
def kind(request):
    return request.param


def phase(storage):
    state = Journal(target_of(storage)).state()
    return None if state is None else state.phase


def test_what_is_missing_stops_it(storage):
    write(source_of(storage), "a")
    told = []
    report = finish(storage, on_event=told.append)
    assert not report.finished
    assert report.missing == 1
    assert [(event.name, event.kind) for event in told] == [("a", "only_source")]
    assert phase(storage) is None


def test_the_target_alone_counts_then(storage):
    for name in "abc":
        write(source_of(storage), name)
    migrate(storage)
    storage.write("b", b"later", overwrite=True)
    storage.delete("c")
    bury(storage, "d")
    report = finish(storage)
    assert report.finished
    assert report.is_complete
    expected = {"a": b"content", "b": b"later"}
    assert contents(target_of(storage)) == expected
    assert list(storage.backend.store.entries_of_target.entries("d")) == []
    # the source is as it was, and does not count
    write(source_of(storage), "e")
    assert {name: storage.read(name) for name in storage.list_files()} == expected
    storage.delete("a")
    with pytest.raises(FileNotFound):
        storage.read("a")
    assert storage.backend.store.entries_of_target.look("a") is None
    # once more, it goes on with what is left
    assert finish(storage).finished
    assert status(storage).phase == "finished"
    with pytest.raises(ConfigurationError, match="flask fs migrate turns it back"):
        finish(turned(storage, DIRECTION="back"))


def test_nothing_is_left_beside_the_files(tmp_path):
    storage = between({"BACKEND": "memory"}, {"BACKEND": "local", "ROOT": str(tmp_path)})
    for name in "ab":
        write(source_of(storage), name)
    migrate(storage)
    storage.delete("b")
    kept = tmp_path / ".flask_pyfs/migrating/beside"
    assert list(kept.iterdir()) != []
    finish(storage)
    assert not kept.exists()
    assert contents(target_of(storage)) == {"a": b"content"}


def test_a_delete_that_crashed_is_completed(storage):
    write(source_of(storage), "a")
    migrate(storage)
    bury(storage, "a")
    assert finish(storage).finished
    assert contents(target_of(storage)) == {}
    assert contents(source_of(storage)) == {}


def test_back_the_source_alone_counts(storage):
    write(source_of(storage), "a")
    migrate(storage)
    write_here(storage, "a", b"later")
    write_here(storage, "b", b"new")
    back = turned(storage, DIRECTION="back")
    assert not finish(back).finished
    migrate(back)
    back.delete("b")
    assert finish(back).finished
    assert contents(source_of(storage)) == {"a": b"later"}
    assert contents(target_of(storage)) == {}
    assert back.read("a") == b"later"
    back.write("b", b"again")
    assert contents(source_of(storage))["b"] == b"again"


def test_not_while_processes_may_know_the_source_alone():
    storage = in_memory(WRITES="both")
    with pytest.raises(ConfigurationError, match="FILES_FS_WRITES"):
        finish(storage)


def test_it_waits_for_a_copier_that_runs():
    storage = in_memory()
    own = storage.backend.store.journal
    own.begin("forward")
    ends = threading.Event()
    with Copier(own, "forward") as copier:
        waits, waited = threading.Event(), []

        def on_wait(number):
            waited.append(number)
            waits.set()

        thread = threading.Thread(target=lambda: (finish(storage, on_wait=on_wait), ends.set()))
        thread.start()
        assert waits.wait(60)
        assert phase(storage) is Phase.FINISHING
        assert not ends.is_set()
        assert copier._ended.wait(60)
    assert ends.wait(60)
    thread.join()
    assert phase(storage) is Phase.FINISHED


def test_it_ends_if_a_copier_starts_meanwhile(monkeypatch):
    storage = in_memory()
    migrate(storage)

    def start(journal, on_wait):
        Journal(target_of(storage)).begin("forward")

    monkeypatch.setattr(finishing, "wait_for_others", start)
    with pytest.raises(VersionChanged, match="a copier of 'files' was started"):
        finish(storage)
    assert phase(storage) is Phase.COPYING


def test_one_that_is_interrupted_leaves_the_migration_as_it_was(monkeypatch):
    storage = in_memory()
    write(source_of(storage), "a")
    migrate(storage)

    def interrupt(journal, on_wait):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finishing, "wait_for_others", interrupt)
        with pytest.raises(KeyboardInterrupt):
            finish(storage)
    assert phase(storage) is Phase.COPYING
    assert finish(storage).finished


def test_one_that_was_killed_can_be_done_again(monkeypatch):
    storage = in_memory()
    write(source_of(storage), "a")
    migrate(storage)
    bury(storage, "b")
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "_remove_tombstones", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            finish(storage)
    # what the app does then leaves the source behind
    storage.delete("a")
    assert finish(storage).finished
    assert list(storage.backend.store.entries_of_target.entries()) == []


def test_a_name_that_was_taken_again_stays():
    storage = in_memory()
    bury(storage, "a")
    entries = storage.backend.store.entries_of_target
    look = entries.look

    def take(path):
        entries.look = look
        found = look(path)
        entries.write(path, io.BytesIO(b"new"), found.version)
        return found

    entries.look = take
    finishing._remove_tombstones(storage, storage.backend.store, 1)
    assert contents(target_of(storage)) == {"a": b"new"}


def test_two_may_finish_at_once(storage):
    write(source_of(storage), "a")
    migrate(storage)
    others = [turned(storage) for _ in range(2)]
    reports = []
    threads = [threading.Thread(target=lambda other=other: reports.append(finish(other))) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.finished for report in reports] == [True] * 2


@pytest.mark.parametrize("verb", ["delete", "delete_version", "move"])
def test_no_tombstone_is_written_after_the_end(storage, verb, monkeypatch):
    for name in "ab":
        write(source_of(storage), name)
    migrate(storage)
    write_here(storage, "c")
    finish(storage)
    fs = storage.backend.store
    monkeypatch.setattr(fs.entries_of_target, "bury", lambda *arguments, **options: pytest.fail("a tombstone"))
    for name in "abc":
        version = target_of(storage).facts(name).version
        if verb == "delete":
            storage.delete(name)
        elif verb == "move":
            storage.move(name, f"{name}2")
        else:
            assert fs.delete_version(name, version)
            assert not fs.delete_version(name, version)
        assert not storage.exists(name)
    assert contents(target_of(storage)).keys() == ({"a2", "b2", "c2"} if verb == "move" else set())
    assert contents(source_of(storage)).keys() == {"a", "b"}


@pytest.mark.server
def test_a_delete_after_the_end_leaves_what_is_below_the_name(request):
    with make_place("s3-moto", request) as settings:
        storage = between(settings, {"BACKEND": "memory"}, DIRECTION="back")
        for name in ("a", "a/b"):
            write(source_of(storage), name)
        finish(storage)
        storage.backend.store.remove("a")
        assert contents(source_of(storage)) == {"a/b": b"content"}


def test_a_source_from_which_nothing_was_copied_is_refused():
    storage = in_memory()
    storage.write("a", b"of the app")
    # the app starts the journal
    bury(storage, "b")
    with pytest.raises(ConfigurationError, match=r"nothing was ever copied from it.*run flask fs migrate files first"):
        finish(storage)
    assert status(storage).phase == "new"
    # a storage that is empty does as it was told
    assert migrate(storage).source_files == 0
    assert finish(storage).finished


@pytest.mark.parametrize("is_named", [True, False])
def test_a_source_that_was_emptied_is_refused_whatever_the_app_wrote(is_named, monkeypatch):
    storage = in_memory()
    if not is_named:
        monkeypatch.setattr(type(source_of(storage)), "hides_reserved", False)
    write(source_of(storage), "z")
    assert migrate(storage).is_complete
    for number in range(101):
        write_here(storage, f"a{number:03}")
    # another disk is there, or none
    source_of(storage).delete_tree("z")
    name = Reserved(f"{MIGRATING}/source")
    kept = source_of(storage).read_file(name) if is_named else b""
    source_of(storage).delete_tree(name)
    for task in (migrate, verify, finish):
        with pytest.raises(ConfigurationError, match=r"the source has no file.*is it mounted") as raised:
            task(storage)
    if is_named:
        # the way out that it tells
        assert f"a file {name} there, with the content {kept.decode()} and" in str(raised.value)
        write(source_of(storage), name, kept)
    else:
        write(source_of(storage), "any")
        assert migrate(storage).is_complete
    assert finish(storage).finished
