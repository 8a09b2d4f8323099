"""A migration whose target was that of another one before."""

import io

import pytest
from fs import errors
from load import open_storage
from stepped import bring
from two_stores import contents, in_memory, source_of, target_of, write, write_here

from flask_pyfs import migration
from flask_pyfs.errors import ConfigurationError
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.migrating import copiers, journal
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.migrating.target import ANYTHING
from flask_pyfs.filesystems.store import MIGRATING
from flask_pyfs.names import Reserved

MARK = Reserved(f"{MIGRATING}/source")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(journal, "MAX_AGE", 0)
    monkeypatch.setattr(journal, "SLACK", 0)
    monkeypatch.setattr(copiers, "EXPIRY", 0.1)


def between(source, target, **options):
    """Return a storage between two stores, as a process has it."""
    storage = in_memory(**{key.upper(): value for key, value in options.items()})
    storage.backend._store = fs = MigratingFS(source, target, **options)
    # the garbage collector would close the stores of all others
    fs.close = lambda: None  # type: ignore[method-assign]
    return storage


def memory(**files):
    store = GenericStore(MemoryFS())
    for name, content in files.items():
        write(store, name, content)
    return store


def moved(source, target):
    """Let a target have a migration, which is finished."""
    storage = between(source, target)
    assert migration.migrate(storage).is_complete
    assert migration.finish(storage).finished
    return storage


def test_files_of_the_first_are_the_apps_own(target):
    moved(memory(a=b"of the first"), target)
    storage = between(memory(a=b"another", b=b"of the second"), target)
    for use in (lambda: storage.exists("b"), lambda: migration.verify(storage)):
        with pytest.raises(ConfigurationError, match="run flask fs migrate"):
            use()
    assert migration.status(storage).phase == "new"
    report = migration.migrate(storage)
    assert (report.finished, report.is_complete, report.counts["copied"]) == (False, True, 1)
    assert (storage.read("a"), storage.read("b")) == (b"of the first", b"of the second")
    assert migration.finish(storage).finished
    assert contents(target_of(storage)) == {"a": b"of the first", "b": b"of the second"}


def test_a_process_of_the_first_does_nothing_more(target):
    first = moved(memory(a=b"a"), target)
    assert first.read("a") == b"a"
    migration.migrate(between(memory(b=b"b"), target))
    with pytest.raises(ConfigurationError, match="another source"):
        first.exists("c")


def test_what_a_process_wrote_to_both_first_is_the_apps_own(target):
    both = between(memory(), target, writes="both")
    both.write("a", b"of the first")
    moved(source_of(both), target)
    second = between(memory(b=b"b"), target, writes="both")
    migration.migrate(second)
    assert second.read("a") == b"of the first"
    assert [entry.name for entry in second.entries()] == ["a", "b"]


def test_what_a_finish_left_that_crashed_deletes_nothing(target):
    first = between(memory(a=b"a"), target)
    migration.migrate(first)
    fs = first.backend.store
    fs.journal.finish(fs.journal.finishing("forward"))
    fs.entries_of_target.bury("b", ANYTHING)
    source = memory(b=b"of the second")
    second = between(source, target)
    assert migration.migrate(second).is_complete
    assert second.read("b") == b"of the second"
    assert source.has_file("b")


def test_what_was_deleted_before_the_first_copier_deletes_nothing_in_another_source(target):
    first = between(memory(b=b"b"), target)
    first.delete("b")
    fs = first.backend.store
    fs.journal.finish(fs.journal.finishing("forward"))
    source = memory(b=b"of the second", c=b"c")
    back = between(source, target, direction="back")
    with pytest.raises(ConfigurationError):
        back.delete("c")
    second = between(source, target)
    assert migration.migrate(second).is_complete
    assert second.read("b") == source.read_file("b") == b"of the second"


def test_a_migration_that_is_not_finished_is_no_other_ones(target):
    first = between(memory(a=b"a"), target)
    migration.migrate(first)
    second = between(memory(b=b"b"), target)
    for use in (lambda: migration.migrate(second), lambda: second.write("c", b"c"), lambda: migration.finish(second)):
        with pytest.raises(ConfigurationError, match="not finished"):
            use()
    assert contents(target) == {"a": b"a"}
    assert first.read("a") == b"a"


def test_the_same_source_goes_on(target):
    source = memory(a=b"a")
    moved(source, target)
    again = between(source, target)
    assert migration.migrate(again).finished
    assert again.read("a") == b"a"


@pytest.mark.parametrize("left", ["nothing", "no answer"])
def test_a_source_may_be_removed_after_the_end(left):
    source, target = memory(a=b"a"), memory()
    moved(source, target)
    if left == "nothing":
        source.delete_tree("a")
        source.delete_tree(MARK)
    else:

        class Gone(GenericStore):
            def fetch(self, path, *args, **options):
                raise errors.RemoteConnectionError

        source = Gone(MemoryFS())
    storage = between(source, target)
    storage.delete("a")
    assert not storage.exists("a")
    assert contents(target) == {}


def test_there_and_back_and_there():
    here, there = memory(a=b"a"), memory()
    moved(here, there)
    here.delete_tree("a")
    write_here(between(here, there), "b", b"b")
    moved(there, here)
    there.delete_tree("a")
    there.delete_tree("b")
    write(here, "c", b"c")
    storage = between(here, there)
    assert migration.migrate(storage).counts["copied"] == 3
    assert contents(there) == {"a": b"a", "b": b"b", "c": b"c"}


def test_a_source_that_keeps_no_name_moves_as_well():
    class Visible(GenericStore):
        hides_reserved = False

    class ReadOnly(GenericStore):
        def put(self, path, *args, **options):
            raise errors.ResourceReadOnly(path)

    for kind in (Visible, ReadOnly):
        files = MemoryFS()
        files.writebytes("a", b"a")
        storage, target = None, memory()
        storage = between(kind(files), target)
        assert migration.migrate(storage).is_complete
        assert migration.finish(storage).finished
        assert between(kind(files), target).read("a") == b"a"
        assert not files.exists(MARK)


def test_processes_that_begin_at_once_agree():
    source, target = memory(a=b"a"), memory()
    one, other = between(source, target), between(source, target)
    one.backend.store.journal.begin("forward")
    other.backend.store.journal.begin("forward")
    assert source.read_file(MARK).decode() == one.backend.store.journal.state().source
    assert one.backend.store.journal.state() == other.backend.store.journal.state()


def test_a_copy_costs_no_look_at_the_journal_of_another(target):
    moved(memory(a=b"a"), target)
    storage = between(memory(b=b"b"), target)
    migration.migrate(storage)
    fs = storage.backend.store
    fs.journal.state()
    asked = []
    fs.journal.state = lambda: asked.append(1)
    assert fs.entries_of_target.look("a").mirrors is None
    assert fs.entries_of_target.look("b").mirrors is not None
    assert asked == []


def test_a_name_of_any_bytes_is_another_one():
    source = memory(a=b"a")
    target = memory()
    moved(source, target)
    source.put(MARK, io.BytesIO(b"\xff" * 100))
    with pytest.raises(ConfigurationError):
        between(source, target).exists("b")


def test_a_tombstone_of_the_first_hides_no_file(target):
    first = moved(memory(), target)
    names = ["new", "replaced", "deleted", "version", "moved", "copied", "left"]
    for name in (*names, "none"):
        first.backend.store.entries_of_target.bury(name, ANYTHING)
    storage = between(memory(**dict.fromkeys(names, b"of the second")), target)
    fs, source = storage.backend.store, source_of(storage)
    fs.journal.begin("forward")
    assert list(fs.iter_files()) == sorted(names)
    assert [fs.holder(name) for name in ("left", "none")] == ["source", None]
    assert fs.read_file("left") == b"of the second"
    with pytest.raises(errors.FileExists):
        fs.put("new", io.BytesIO(b"new"), overwrite=False)
    fs.put("none", io.BytesIO(b"new"), overwrite=False)
    fs.replace_version("replaced", io.BytesIO(b"new"), fs.facts("replaced").version)
    fs.delete_tree("deleted")
    assert fs.delete_version("version", fs.facts("version").version)
    assert not fs.delete_version("left", "none")
    fs.move_file("moved", "there")
    assert bring(fs, "copied").outcome.value == "copied"
    expected = dict.fromkeys(["new", "copied", "left", "there"], b"of the second") | {
        "none": b"new",
        "replaced": b"new",
    }
    assert {path: fs.read_file(path) for path in fs.iter_files()} == expected
    assert not {"deleted", "version", "moved"} & contents(source).keys()
    assert migration.migrate(storage).is_complete
    assert migration.finish(storage).finished
    assert contents(target) == expected


def test_a_version_that_was_replaced_is_not_deleted_over_a_tombstone_of_the_first(target):
    first = moved(memory(), target)
    first.backend.store.entries_of_target.bury("a", ANYTHING)
    source = memory(a=b"of the second")
    fs = between(source, target).backend.store
    fs.journal.begin("forward")
    bury = fs.entries_of_target.bury

    def replaced(*arguments, **options):
        write(source, "a", b"newer")
        return bury(*arguments, **options)

    fs.entries_of_target.bury = replaced
    assert not fs.delete_version("a", fs.facts("a").version)
    assert fs.read_file("a") == b"newer"


@pytest.mark.parametrize("use", ["begin", "bring", "delete"])
def test_a_source_on_a_full_disk_moves_as_well(use):
    class Full(GenericStore):
        def put(self, path, *args, **options):
            raise errors.InsufficientStorage(path)

    files = MemoryFS()
    files.writebytes("a", b"a")
    fs = between(Full(files), memory()).backend.store
    if use == "begin":
        fs.journal.begin("forward")
    elif use == "bring":
        assert bring(fs, "a").outcome.value == "copied"
    else:
        fs.delete_tree("a")
    assert fs.has_file("a") is (use != "delete")
    assert fs.journal.source == ""


def test_a_source_that_did_not_answer_once_is_asked_again(target):
    moved(memory(a=b"a"), target)
    source = memory(b=b"of the second")
    storage, fetch = between(source, target), source.fetch

    def once(*args, **options):
        source.fetch = fetch
        raise errors.RemoteConnectionError

    source.fetch = once
    assert not storage.exists("b")
    with pytest.raises(ConfigurationError, match="run flask fs migrate"):
        storage.exists("b")


def test_a_target_with_files_is_told_before_a_migration_begins(target):
    write(target, "there.txt", b"of nobody")
    storage = between(memory(a=b"old"), target)
    [window] = [each for each in migration.windows(storage) if "before the migration begins" in each]
    assert window.startswith("target: it has files before the migration begins, such as 'there.txt'")
    assert migration.migrate(storage).is_complete
    assert not any("before the migration begins" in each for each in migration.windows(storage))


@pytest.mark.parametrize("kept", [False, True])
def test_one_place_under_two_spellings(tmp_path, kept):
    settings = {"SOURCE": "pyfs", "SOURCE_OPEN_URL": f"local://{tmp_path}", "TARGET": "local"}
    storage = open_storage({"BACKEND": "migrating", "TARGET_ROOT": str(tmp_path), **settings})[0]
    (tmp_path / "a.txt").write_bytes(b"content")
    if kept:
        # it was the source of another one
        moved(open_storage({"BACKEND": "local", "ROOT": str(tmp_path)})[0].backend.store, memory())
    for call in (migration.migrate, migration.finish):
        with pytest.raises(ConfigurationError, match="the target is the same place as the source, in another spelling"):
            call(storage)
    assert (tmp_path / "a.txt").read_bytes() == b"content"
