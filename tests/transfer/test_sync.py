"""Makes one side like the other."""

import os
import threading
from contextlib import closing

import pymongo
import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.transfer import Event, Side, sync


def write(directory, files):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".flask_pyfs" not in str(path)
    }


FILES = {"a.txt": b"a", "b/c.txt": b"cc", "b/d/e": b"", "b.txt": b"bbbb"}


@pytest.fixture
def source(tmp_path):
    write(tmp_path / "source", FILES)
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


def test_all_is_copied_and_then_the_same(source, target):
    events = []
    report = sync(source, target, on_event=events.append)
    assert tree(target) == FILES
    assert sorted(os.listdir(target)) == ["a.txt", "b", "b.txt"]
    assert report.counts == {"copied": 4}
    assert (report.bytes, report.failed) == (7, 0)
    assert events[0] == Event("planned", size=7, files=4)
    assert sum(event.size for event in events if event.kind == "progress") == 7
    assert sync(source, target).counts == {"same": 4}


def test_what_differs_is_replaced(source, target):
    sync(source, target)
    (source / "a.txt").write_bytes(b"other")
    os.utime(source / "b.txt", (2e9, 2e9))
    report = sync(source, target)
    assert report.counts == {"replaced": 2, "same": 2}
    assert (target / "a.txt").read_bytes() == b"other"


def test_a_dry_run_writes_nothing_and_tells_in_the_order_of_the_names(source, target):
    more = {f"many/{number:02}": b"" for number in range(40)}
    write(source, more)
    told, threads = [], set()

    def on_event(event):
        told.extend([event.name] if event.kind == "copied" else [])
        threads.update(each.ident for each in threading.enumerate() if each.name == "flask_pyfs-copy")

    report = sync(source, target, dry_run=True, on_event=on_event)
    assert (report.dry_run, report.counts, report.bytes) == (True, {"copied": 44}, 7)
    # several would tell in their order only by chance
    assert (told, len(threads)) == (sorted([*FILES, *more]), 1)
    assert not target.exists()


def test_what_only_the_target_has_is_deleted_where_asked(source, target):
    write(target, {"x/y": b"1", "z": b"22"})
    assert sync(source, target).counts == {"copied": 4, "only_target": 2}
    assert sync(source, target, delete=True).counts == {"same": 4, "deleted": 2}
    assert tree(target) == FILES


def test_a_missing_source_is_named(tmp_path, target):
    with pytest.raises(fs.FileNotFound, match=r"there is no directory '.*/nowhere'"):
        sync(tmp_path / "nowhere", target)
    assert not target.exists()


def test_storages_are_sides(app, configure_storage, source, target):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context():
        assert sync(source, Side.of(storage, "backup")).counts == {"copied": 4}
        assert storage.read("backup/b/c.txt") == b"cc"
        assert sync(Side.of(storage, "backup"), target).counts == {"copied": 4}
        with pytest.raises(fs.FileNotFound, match="files:nowhere"):
            sync(Side.of(storage, "nowhere"), target)
    assert tree(target) == FILES


@pytest.fixture(params=["local", "local with PREFIX", "pyfs"])
def storage(request, app, configure_storage, tmp_path):
    kind, _, prefix = request.param.partition(" with ")
    settings = {"BACKEND": kind} | ({"PREFIX": "some/where"} if prefix else {})
    if kind == "local":
        settings["ROOT"] = str(tmp_path / "not/there")
    else:
        settings["OPEN_URL"] = "temp://"
    storage = configure_storage("files", settings)
    with app.app_context():
        yield storage


def test_a_dry_run_makes_no_directory_of_a_storage(source, storage, tmp_path):
    before = sorted(each.name for each in tmp_path.iterdir())
    assert sync(source, storage, dry_run=True).counts == {"copied": 4}
    assert sorted(each.name for each in tmp_path.iterdir()) == before
    assert sync(source, storage).counts == {"copied": 4}
    (source / "a.txt").unlink()
    os.utime(source / "b.txt", (2e9, 2e9))
    report = sync(source, storage, delete=True, dry_run=True)
    assert report.counts == {"same": 2, "replaced": 1, "deleted": 1}
    assert storage.exists("a.txt")


@pytest.mark.server
@pytest.mark.parametrize("kind", ["s3-moto", "swift", "gridfs"])
def test_a_dry_run_makes_no_bucket(request, app, configure_storage, source, kind):
    with make_place(kind, request) as settings, app.app_context():
        key = {"s3-moto": "BUCKET", "swift": "CONTAINER", "gridfs": "MONGO_DB"}[kind]
        settings[key] = f"missing-{os.getpid()}"
        storage = configure_storage("files", settings)
        assert sync(source, storage, dry_run=True).counts == {"copied": 4}
        store = storage.backend.store
        if kind == "gridfs":
            with pymongo.MongoClient(settings["MONGO_URL"]) as client:
                assert client[settings["MONGO_DB"]].list_collection_names() == []
        elif kind == "s3-moto":
            assert settings[key] not in [each["Name"] for each in store.client.list_buckets()["Buckets"]]
        else:
            # places has made it known
            from containers import bare_connection

            with closing(bare_connection(request.getfixturevalue("swift_place"))) as connection:
                assert settings[key] not in [each["name"] for each in connection.get_account()[1]]


def test_an_empty_source_deletes_nothing(tmp_path, target):
    (tmp_path / "empty").mkdir()
    write(target, {"a": b"1", "b": b"2"})
    assert sync(tmp_path / "empty", target).counts == {"only_target": 2}
    with pytest.raises(fs.ConfigurationError, match=r"has none of the chosen files, so all 2 of .* pass delete_all"):
        sync(tmp_path / "empty", target, delete=True)
    assert tree(target) == {"a": b"1", "b": b"2"}
    with pytest.raises(ValueError, match="delete_all needs delete"):
        sync(tmp_path / "empty", target, delete_all=True)
    assert sync(tmp_path / "empty", target, delete=True, delete_all=True).counts == {"deleted": 2}
    # there is nothing to refuse
    assert sync(tmp_path / "empty", target, delete=True).counts == {}


@pytest.fixture(params=["path", "local", "memory"])
def gone(request, app, configure_storage, tmp_path):
    """A directory that is gone."""
    if request.param == "path":
        yield Side.of(tmp_path / "gone")
        return
    settings = {"ROOT": str(tmp_path)} if request.param == "local" else {}
    storage = configure_storage("files", {"BACKEND": request.param, **settings})
    with app.app_context():
        yield Side.of(storage, "gone")


def test_a_source_that_is_gone_deletes_only_what_is_meant(gone, target):
    write(target, {"a": b"1"})
    for delete in (False, True):
        with pytest.raises(fs.FileNotFound):
            sync(gone, target, delete=delete)
    assert tree(target) == {"a": b"1"}
    assert sync(gone, target, delete=True, delete_all=True).counts == {"deleted": 1}
    assert tree(target) == {}


@pytest.mark.parametrize("directory", ["", "d"])
def test_a_root_that_is_gone_deletes_nothing(app, configure_storage, tmp_path, target, directory):
    write(target, {"a": b"1"})
    storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(tmp_path / "gone")})
    with app.app_context(), pytest.raises(fs.FSError, match="is it mounted"):
        sync(Side.of(storage, directory), target, delete=True, delete_all=True)
    assert tree(target) == {"a": b"1"}


def test_a_source_file_that_is_deleted_meanwhile_is_worth_another_try(source, target):
    write(target, {"old": b"old"})

    def act(event):
        if event.kind == "planned":
            (source / "a.txt").unlink()

    report = sync(source, target, delete=True, on_event=act)
    assert report.counts == {"copied": 3, "failed": 1}
    assert (report.is_worth_retrying, report.kept) == (True, 1)
    [failure] = report.failures
    assert isinstance(failure.error, fs.VersionChanged)
    assert "'a.txt' was deleted at the source" in str(failure.error)
    assert sync(source, target, delete=True).counts == {"same": 3, "deleted": 1}


def test_what_is_not_chosen_is_not_deleted(source, target):
    write(target, {"x.txt": b"1", "y.bin": b"2", "b/z.txt": b"3"})
    report = sync(source, target, delete=True, include=["*.txt"], exclude=["b/"])
    assert report.counts == {"copied": 2, "deleted": 1}
    assert sorted(tree(target)) == ["a.txt", "b.txt", "b/z.txt", "y.bin"]


def test_the_shards_are_the_whole(source, target):
    write(source, {f"n/{number}": b"x" for number in range(50)})
    write(target, {f"extra/{number}": b"x" for number in range(50)})
    reports = [sync(source, target, delete=True, shard=(number, 3)) for number in (1, 2, 3)]
    assert sum(report.counts["copied"] for report in reports) == 54
    assert sum(report.counts["deleted"] for report in reports) == 50
    assert tree(target) == tree(source)


def test_two_names_that_become_one_are_failures_and_nothing_is_deleted(source, target):
    (source / "e\u0301").write_bytes(b"decomposed")
    (source / "\xe9").write_bytes(b"composed")
    write(target, {"extra": b"x"})
    report = sync(source, target, delete=True)
    assert report.counts == {"copied": 4, "failed": 2}
    assert report.kept == 1
    assert sorted(tree(target)) == ["a.txt", "b.txt", "b/c.txt", "b/d/e", "extra"]


def test_it_goes_on_where_one_ended(source, target):
    def stop(event):
        if event.kind == "copied":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(source, target, jobs=1, on_event=stop)
    there = len(tree(target))
    assert there
    report = sync(source, target)
    assert report.counts["same"] == there
    assert tree(target) == FILES


def test_all_events_of_a_file_have_the_name_that_is_compared(tmp_path, target):
    nfd = "e\u0301"
    write(tmp_path / "source", {nfd: b"new"})
    write(target, {nfd: b"old content"})
    events = []
    sync(tmp_path / "source", target, on_event=events.append)
    told = {event.kind: event.name for event in events[1:]}
    assert {"progress", "replaced"} <= set(told)
    assert set(told.values()) == {"\xe9"}
