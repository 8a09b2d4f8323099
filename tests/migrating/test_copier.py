"""What a copier moves, leaves alone, and says."""

import io
from contextlib import ExitStack

import pytest
from places import make_place
from two_stores import between, bury, contents, in_memory, source_of, target_of, turned, write, write_here

from flask_pyfs import ConfigurationError, InvalidPath, VersionChanged
from flask_pyfs.filesystems.migrating import copiers, moving
from flask_pyfs.filesystems.migrating.copiers import Copier
from flask_pyfs.filesystems.migrating.journal import Journal
from flask_pyfs.migration import comparing, copying, migrate, verify, windows
from flask_pyfs.names import Reserved
from flask_pyfs.storage import Storage

SERVERS = ["s3-moto", "gridfs", "swift"]


@pytest.fixture(params=[("local", kind) for kind in SERVERS] + [("s3-moto", "local"), ("gridfs", "memory")])
def storage(request, tmp_path):
    with ExitStack() as stack:
        own = {"local": {"BACKEND": "local", "ROOT": str(tmp_path / "files")}, "memory": {"BACKEND": "memory"}}
        yield between(*[own.get(kind) or stack.enter_context(make_place(kind, request)) for kind in request.param])


@pytest.mark.server
def test_each_pair_of_stores(storage):
    names = {f"{number % 3}/{number}.txt": f"{number}".encode() * number for number in range(30)}
    for name, content in names.items():
        write(source_of(storage), name, content)
    storage.write("0/3.txt", b"later", overwrite=True)
    storage.delete("1/4.txt")
    bury(storage, "2/5.txt")
    names["0/3.txt"] = b"later"
    del names["1/4.txt"], names["2/5.txt"]
    told = []
    report = migrate(storage, jobs=3, on_event=told.append)
    assert report.counts == {"copied": 27, "own": 1, "deleted": 1}
    assert report.is_complete
    assert (told[0].kind, told[0].files, told[0].size) == ("planned", 29, report.bytes)
    assert contents(target_of(storage)).items() >= {(name, content) for name, content in names.items() if content}
    assert {name: storage.read(name) for name in storage.list_files()} == names
    assert not source_of(storage).has_file("2/5.txt")
    # nothing is left to do; files that are so new are looked at once more
    again = migrate(storage)
    assert again.is_complete
    assert set(again.counts) <= {"same", "own"}
    assert verify(storage).counts["same"] == 27


@pytest.mark.server
def test_back(storage):
    for number in range(10):
        write(source_of(storage), f"{number}", b"old")
    migrate(storage)
    storage.write("3", b"later", overwrite=True)
    storage.write("new", b"new")
    storage.delete("4")
    back = turned(storage, DIRECTION="back")
    report = migrate(back)
    assert report.is_complete
    expected = {f"{number}": b"old" for number in range(10) if number != 4} | {"3": b"later", "new": b"new"}
    assert contents(source_of(storage)) == expected
    assert {name: back.read(name) for name in back.list_files()} == expected
    assert back.backend.store.entries_of_target.look("4").is_deleted
    assert not any(target_of(storage).has_file(name) for name in {*expected} - {"4"})


def test_shards_are_the_whole():
    storage = in_memory()
    for number in range(40):
        write(source_of(storage), f"{number}")
    reports = [migrate(storage, shard=(shard, 3)) for shard in (1, 2, 3)]
    assert all(report.is_complete and report.counts["copied"] for report in reports)
    assert sum(report.counts["copied"] for report in reports) == 40
    with pytest.raises(ConfigurationError, match="shard"):
        migrate(storage, shard=(4, 3))


def test_reserved_names_stay():
    storage = in_memory()
    source_of(storage).put(Reserved(".flask_pyfs/lease"), io.BytesIO())
    write(source_of(storage), "a")
    assert migrate(storage).counts == {"copied": 1}
    assert not target_of(storage).has_file(Reserved(".flask_pyfs/lease"))


@pytest.mark.server
def test_a_name_that_the_other_store_cannot_have(request, tmp_path):
    with make_place("s3-moto", request) as bucket:
        storage = between(bucket, {"BACKEND": "local", "ROOT": str(tmp_path)})
        for name in ("a//b", "a/b", "/c", "d\\..\\e", "ok"):
            write(source_of(storage), name, name.encode())
        report = migrate(storage)
        assert report.counts == {"copied": 2, "failed": 3}
        assert not report.is_complete
        assert not report.is_worth_retrying
        assert {event.name for event in report.failures} == {"a//b", "/c", "d\\..\\e"}
        assert all(isinstance(event.error, InvalidPath) for event in report.failures)
        assert "flask fs adopt" in str(next(event.error for event in report.failures if event.name == "a//b"))
        assert contents(target_of(storage)) == {"a/b": b"a/b", "ok": b"ok"}


def test_what_a_process_with_the_old_settings_wrote_is_copied_again():
    storage = in_memory()
    write(source_of(storage), "a", b"first")
    migrate(storage)
    # no listing tells it: it is as long, and not older than the copy by more than clocks may differ
    write(source_of(storage), "a", b"again")
    assert verify(storage).counts == {"differs": 1}
    assert migrate(storage).counts == {"replaced": 1}
    assert storage.read("a") == b"again"


def test_what_a_process_with_the_old_settings_deleted_goes():
    storage = in_memory(WRITES="both")
    for name in "ab":
        write(source_of(storage), name)
    migrate(storage)
    source_of(storage).delete_tree("a")
    assert verify(storage).counts == {"same": 1, "differs": 1}
    assert migrate(storage).is_complete
    assert list(turned(storage).list_files()) == ["b"]


def test_a_source_without_files_deletes_nothing():
    storage = in_memory(WRITES="both")
    write(source_of(storage), "a")
    migrate(storage)
    source_of(storage).delete_tree("a")
    with pytest.raises(ConfigurationError, match="is it mounted"):
        migrate(storage)
    assert contents(target_of(storage)) == {"a": b"content"}


@pytest.mark.server
def test_a_file_that_cannot_be_copied_stops_no_other(request, tmp_path):
    with make_place("s3-moto", request) as bucket:
        storage = between(bucket, {"BACKEND": "local", "ROOT": str(tmp_path)})
        # a directory has no place for both
        for name in ("a", "b", "b/c"):
            write(source_of(storage), name)
        write_here(storage, "b/c")
        report = migrate(storage)
        assert report.counts == {"copied": 1, "own": 1, "failed": 1}
        assert (report.missing, report.is_complete) == (1, False)
        assert "'b' in storage 'files'" in str(report.failures[0].error)
        assert set(contents(target_of(storage))) == {"a", "b/c"}


def test_a_copier_ends_when_another_process_turns_the_migration(monkeypatch):
    storage = in_memory()
    for number in range(50):
        write(source_of(storage), f"{number:02}")
    monkeypatch.setattr(copiers, "LOOK", 0)

    def turn(event):
        if event.kind == "copied":
            Journal(target_of(storage)).begin("back")

    with pytest.raises(VersionChanged, match="turned"):
        migrate(storage, jobs=1, on_event=turn)
    assert 0 < len(contents(target_of(storage))) < 50


def test_one_that_is_finished_copies_nothing():
    storage = in_memory()
    journal = Journal(target_of(storage))
    journal.finish(journal.finishing("forward"))
    write(source_of(storage), "a")
    report = migrate(storage)
    assert report.finished
    assert contents(target_of(storage)) == {}


def test_a_copy_that_comes_after_the_end_is_taken_back(monkeypatch):
    storage = in_memory()
    for name in "ab":
        write(source_of(storage), name)

    def late(source, target, path, **options):
        if path == "a":
            # it stood still meanwhile, so that the others took it for dead
            journal = Journal(target_of(storage))
            journal.finish(journal.finishing("forward"))
        moved = moving.bring(source, target, path, **options)
        monkeypatch.setattr(copiers, "LOOK", -1)
        return moved

    monkeypatch.setattr(copying, "bring", late)
    with pytest.raises(VersionChanged):
        migrate(storage, jobs=1)
    assert contents(target_of(storage)) == {}


def test_a_copy_from_before_the_end_stays(monkeypatch):
    storage = in_memory()
    write(source_of(storage), "a")

    def early(source, target, path, **options):
        moved = moving.bring(source, target, path, **options)
        journal = Journal(target_of(storage))
        journal.finish(journal.finishing("forward"))
        monkeypatch.setattr(copiers, "LOOK", -1)
        return moved

    monkeypatch.setattr(copying, "bring", early)
    migrate(storage, jobs=1)
    assert contents(target_of(storage)) == {"a": b"content"}


def test_others_see_how_far_it_is():
    storage = in_memory()
    journal = Journal(target_of(storage))
    journal.begin("forward")
    with Copier(journal, "forward") as copier:
        copier.done = 3, 1000
        copier._renew()
        assert [seen.done for seen in copiers.seen_copiers(target_of(storage))] == [(3, 1000)]
    assert list(copiers.seen_copiers(target_of(storage))) == []


def test_a_storage_with_one_store_says_what_to_set():
    from load import open_storage

    storage = open_storage({"BACKEND": "memory"})[0]
    for call in (migrate, verify, windows):
        with pytest.raises(ConfigurationError, match=r"FILES_FS_BACKEND to 'migrating', FILES_FS_SOURCE"):
            call(storage)
    assert isinstance(storage, Storage)


def test_jobs_must_be_one_or_more():
    with pytest.raises(ValueError, match="jobs"):
        migrate(in_memory(), jobs=0)


def test_windows_of_stores_that_decide():
    assert windows(in_memory()) == []
    assert windows(in_memory(DIRECTION="back")) == []
    assert contents(target_of(in_memory())) == {}


@pytest.mark.server
def test_windows_of_swift(request):
    with make_place("swift", request) as settings:
        forward, back = (
            windows(between(*pair, **direction))
            for pair, direction in (
                (({"BACKEND": "memory"}, settings), {}),
                ((settings, {"BACKEND": "memory"}), {"DIRECTION": "back"}),
            )
        )
        assert [text.partition(":")[0] for text in forward] == ["target"]
        assert {text.partition(":")[0] for text in back} == {"source"}


@pytest.mark.parametrize("writes", ["target", "both"])
def test_what_is_written_while_the_stores_are_compared_is_no_gap(writes, monkeypatch):
    storage = in_memory(WRITES=writes)
    source = source_of(storage)
    for name in "abcd":
        write(source, name, b"first")

    def compare(*arguments):
        # old processes, or such that are yet to write their mirrors
        write(source, "b", b"another size")
        write(source, "new", b"new")
        source.delete_tree("c")
        return comparing.compare(*arguments)

    monkeypatch.setattr(copying, "compare", compare)
    told = []
    report = migrate(storage, on_event=told.append)
    assert report.is_complete
    assert report.counts == {"copied": 5, "replaced": 1}
    last = {(event.kind, event.name, event.size) for event in told[-2:]}
    assert last == {("replaced", "b", 12), ("copied", "new", 3)}
    assert verify(storage, checksum=True).is_complete
