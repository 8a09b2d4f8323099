"""The verbs of two stores as one, in each direction."""

import io
from collections import Counter
from functools import partial

import actions_migrating as actions
import pytest
from fs import errors
from histories import MISSING
from places import make_place
from stepped import bring, migrating, settle

import flask_pyfs
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.migrating import moving
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.migrating.moving import Outcome
from flask_pyfs.filesystems.migrating.target import NOTHING
from flask_pyfs.filesystems.store import Description, OtherVersion
from flask_pyfs.names import Reserved

MODES = {
    "forward": {"direction": "forward"},
    "both": {"direction": "forward", "writes": "both"},
    "back": {"direction": "back"},
}


def memory():
    return GenericStore(MemoryFS())


def put(store, name, content, **options):
    return store.put(name, io.BytesIO(content), **options)


@pytest.fixture(params=MODES)
def mode(request):
    return MODES[request.param]


@pytest.fixture
def world(mode):
    """Both stores with a name of each kind."""
    world = actions.World(memory(), memory(), **mode)
    world.start_with("copied", b"a copy", copied=True)
    world.start_with("deleted", MISSING, own=True)
    world.start_with("own", b"the app's", own=True)
    world.start_with("source", b"the source's")
    return world


THERE = {"copied": b"a copy", "own": b"the app's", "source": b"the source's"}


def test_reads_and_lists_what_counts(world):
    fs = world.plain()
    assert {path: fs.read_file(path) for path in fs.iter_files()} == THERE
    assert [(path, facts.size) for path, facts in fs.iter_facts()] == [(name, len(THERE[name])) for name in THERE]
    assert not fs.has_file("deleted")
    assert dict(fs.iter_level()).keys() == THERE.keys()
    for path, facts in fs.iter_facts():
        assert fs.facts(path).version == facts.version
        assert fs.facts(path, checksum=True).checksum is not None
    for verb in (fs.facts, fs.fetch, fs.read_file):
        with pytest.raises(errors.ResourceNotFound):
            verb("deleted")


def test_holder_is_the_side_that_is_read(world):
    fs = world.plain()
    there = "source" if fs.writes == "both" else "target"
    assert [fs.holder(name) for name in ("copied", "own", "source")] == [there, "target", "source"]
    assert fs.holder("deleted") is None
    assert fs.holder("none") is None


@pytest.mark.parametrize("name", [*THERE, "deleted", "none"])
def test_a_new_file_is_refused_where_there_is_one(world, name):
    fs = world.plain()
    for number in range(2):
        if number == 1 or name in THERE:
            with pytest.raises(errors.FileExists):
                put(fs, name, b"new", overwrite=False)
            with pytest.raises(errors.FileExists):
                fs.open_write(name, overwrite=False).close()
            with pytest.raises(errors.FileExists):
                fs.copy_file("source" if name != "source" else "own", name, overwrite=False)
        else:
            put(fs, name, b"new", overwrite=False)
    assert fs.read_file(name) == THERE.get(name, b"new")


def test_deletes_all(world):
    fs = world.plain()
    fs.delete_tree("")
    assert list(fs.iter_facts()) == []
    assert list(world.source.iter_files()) == []
    assert list(world.target.iter_files()) == []


def test_versions(world):
    fs = world.plain()
    for name in THERE:
        version = fs.facts(name).version
        with pytest.raises(OtherVersion):
            fs.replace_version(name, io.BytesIO(b"no"), "other")
        assert not fs.delete_version(name, "other")
        made = fs.replace_version(name, io.BytesIO(b"replaced"), version)
        assert fs.read_file(name) == b"replaced"
        assert fs.facts(name).version == made
        assert not fs.delete_version(name, version)
        assert fs.delete_version(name, made)
        assert not fs.has_file(name)


@pytest.mark.parametrize("verb", ["delete_version", "replace_version"])
def test_a_version_of_the_source_is_known_in_its_copy(verb):
    source, target = memory(), memory()
    version = put(source, "a", b"first")
    fs = MigratingFS(source, target)
    bring(fs, "a")
    if verb == "delete_version":
        assert fs.delete_version("a", version)
        assert not fs.has_file("a")
    else:
        fs.replace_version("a", io.BytesIO(b"new"), version)
        assert fs.read_file("a") == b"new"


def test_the_migration_hides_what_it_keeps(world):
    fs = world.plain()
    fs.journal.begin(fs.direction)
    put(fs, Reserved(".flask_pyfs/lease"), b"held")
    assert fs.read_file(Reserved(".flask_pyfs/lease")) == b"held"
    assert not [path for path in fs.iter_files() if path.startswith(".flask_pyfs")]
    with pytest.raises(errors.ResourceNotFound):
        fs.facts(Reserved(".flask_pyfs/migrating/state"))
    with pytest.raises(errors.ResourceNotFound):
        fs.copy_file(Reserved(".flask_pyfs/migrating/state"), "own")
    fs.remove_leases(-60)
    fs.remove_leftovers(-60)
    assert {path: fs.read_file(path) for path in fs.iter_files()} == THERE


@pytest.fixture(params=["memory", "local"])
def world_on(request, mode, tmp_path):
    """Both stores of one kind, with a tombstone over a file of the source."""
    source, target = memory(), memory()
    if request.param == "local":
        source, target = (LocalFS(str(tmp_path / side), create=True) for side in ("source", "target"))
    world = actions.World(source, target, **mode)
    world.start_with("deleted", MISSING, own=True)
    return world


def test_reserved_names_are_deleted_without_what_the_migration_keeps(world_on):
    fs = world_on.plain()
    fs.journal.begin(fs.direction)
    name = fs.journal.state().source
    put(fs, Reserved(".flask_pyfs/some/lease"), b"held")
    fs.delete_tree(Reserved(".flask_pyfs/some"))
    assert not fs.has_file(Reserved(".flask_pyfs/some/lease"))
    with pytest.raises(errors.ResourceReadOnly):
        fs.delete_tree(Reserved(".flask_pyfs"))
    assert (fs.journal.state().direction, fs.journal.state().source) == (fs.direction, name)
    assert fs.journal._origin.name() == name
    assert fs.entries_of_target.look("deleted").is_deleted


def test_reserved_names_are_copied_and_moved_where_the_migration_writes(world_on):
    fs = world_on.plain()
    lease, other, last = (Reserved(f".flask_pyfs/{name}") for name in ("lease", "other", "last"))
    put(fs, lease, b"held")
    fs.copy_file(lease, other)
    fs.move_file(other, last)
    with pytest.raises((errors.FileExists, errors.DestinationExists)):
        fs.copy_file(lease, last, overwrite=False)
    assert [name for name in (lease, other, last) if fs._written.has_file(name)] == [lease, last]
    fs.copy_file(last, "file")
    fs.move_file("file", other)
    fs.move_file(other, "file")
    assert fs.read_file("file") == b"held"
    assert not fs.has_file(other)


@pytest.mark.parametrize("verb", ["delete_tree", "delete_version", "move_file"])
@pytest.mark.parametrize("name", ["own", "source"])
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_delete_that_overlaps_the_end_leaves_no_tombstone(direction, name, verb):
    world = actions.World(memory(), memory(), direction=direction)
    world.start_with("own", b"the app's", own=True, copied=True)
    world.start_with("source", b"the source's")
    fs = world.plain()
    version = fs.facts(name).version
    fs.journal.begin(direction)
    # it is known for some seconds that the migration is not finished
    assert not fs.journal.finished(direction)
    other = world.plain().journal
    other.finish(other.finishing(direction))
    if verb == "delete_tree":
        fs.delete_tree(name)
    elif verb == "delete_version":
        assert fs.delete_version(name, version)
    else:
        fs.move_file(name, "other")
    assert fs.entries_of_target.look(name) is None
    assert not fs.has_file(name)
    assert not world.source.has_file(name)


@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_delete_completes_one_that_crashed(direction):
    world = actions.World(memory(), memory(), direction=direction)
    world.start_with("left", MISSING, own=True)
    assert world.source.has_file("left")
    world.plain().delete_tree("left")
    assert not world.source.has_file("left")


def test_a_copier_removes_nothing_newer_than_what_is_hidden():
    for point in range(1, 9):
        world = actions.World(memory(), memory(), direction="back")
        world.start_with("a", b"first")
        fs = world.plain()
        fs.entries_of_target.bury("a", NOTHING, mirrors=fs.facts("a").version)
        assert not fs.has_file("a")
        copier = actions.moving(world, "a")
        for _ in range(point):
            if not copier.is_done:
                copier.step()
        put(fs, "a", b"new")
        copier.finish()
        assert fs.read_file("a") == b"new"


def test_a_file_that_moves_back_between_both_listings_is_listed():
    class Moving(GenericStore):
        def iter_facts(self, prefix="", **options):
            yield from list(super().iter_facts(prefix, **options))
            if there.target.has_file("a"):
                settle(there.plain(), "a")

    there = actions.World(Moving(MemoryFS()), memory(), direction="back")
    there.start_with("a", b"the app's", own=True, copied=True)
    assert list(there.plain().iter_files()) == ["a"]


@pytest.mark.parametrize("new", [True, False])
def test_one_that_writes_to_both_heeds_one_that_writes_to_the_target_alone(new):
    for point in range(1, 10):
        world = actions.World(memory(), memory(), **MODES["both"])
        world.start_with("a", MISSING)
        both = actions.writing(world, "a", new=new)
        content = world.had[-1]
        for _ in range(point):
            if not both.is_done:
                both.step()
        alone = migrating(world.source, world.target)
        result = actions.said(partial(put, alone, "a", b"alone", overwrite=False))
        both.finish()
        if new:
            assert {both.result, result} == {"done", "exists"}
        wins = both.result == "done"
        assert alone.read_file("a") == (content if wins else b"alone")
        # who knows the source alone
        assert wins or not world.source.has_file("a")


def test_leftovers_of_a_directory_do_not_take_tombstones(tmp_path):
    source, target = (LocalFS(str(tmp_path / side), create=True) for side in ("source", "target"))
    fs = MigratingFS(source, target)
    put(source, "a", b"first")
    put(source, "b", b"first")
    assert bring(fs, "b").outcome is Outcome.COPIED
    fs.delete_tree("a")
    put(source, "a", b"left by a crash")
    fs.remove_leftovers(-60)
    assert not fs.has_file("a")
    assert bring(fs, "b").outcome is Outcome.THERE


@pytest.mark.parametrize("kind", ["write", "delete"])
def test_a_copy_follows_a_process_that_knows_the_source_alone(kind):
    for point in range(1, 9):
        world = actions.World(memory(), memory())
        world.start_with("a", b"first")
        copier = actions.moving(world, "a")
        for _ in range(point):
            if not copier.is_done:
                world.step(copier)
        is_over = copier.is_done
        if kind == "write":
            put(world.source, "a", b"by an old process")
        else:
            world.source.delete_tree("a")
        while not copier.is_done:
            world.step(copier)
        if is_over:
            return
        # the second look comes before the end
        if point < 4:
            assert world.read("a") == (b"by an old process" if kind == "write" else MISSING)
    raise AssertionError("the copier did not end")


class Counted:
    """Counts the requests to both stores."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        *(("own", "forward", 1), ("copied", "forward", 1), ("source", "forward", 2)),
        *(("own", "back", 1), ("copied", "back", 1), ("source", "back", 2)),
        *(("own", "both", 2), ("copied", "both", 2), ("source", "both", 2)),
    ],
)
def test_requests_of_a_read(name, mode, expected):
    world = actions.World(memory(), memory(), **MODES[mode])
    world.start_with("copied", b"a copy", copied=True)
    world.start_with("own", b"the app's", own=True)
    world.start_with("source", b"the source's")
    gate = Counted()
    fs = migrating(world.source, world.target, gate, **MODES[mode])
    fs.read_file(name)
    assert gate.count == expected


def test_requests_of_a_copy():
    world = actions.World(memory(), memory())
    world.start_with("a", b"first")
    gate = Counted()
    assert bring(migrating(world.source, world.target, gate), "a").outcome is Outcome.COPIED
    assert gate.count == 3


OUTCOMES = Counter({Outcome.COPIED: 1, Outcome.THERE: 1, Outcome.OWN: 1, Outcome.DELETED: 1})


def test_outcomes(world):
    fs = world.plain()
    if fs.direction == "forward":
        assert Counter(bring(fs, name).outcome for name in ("copied", "own", "source", "deleted")) == OUTCOMES
        assert bring(fs, "none").outcome is Outcome.GONE
    else:
        found = {name: settle(fs, name).outcome.value for name in ("copied", "own", "source", "deleted")}
        assert found == {"copied": "there", "own": "copied", "source": "gone", "deleted": "deleted"}
    assert not world.source.has_file("deleted")


class Settling(GenericStore):
    checksum_algorithm = "md5"
    keeps_descriptions = True
    settling = 0.3

    def location(self, path):
        return "settling", path


def test_what_it_keeps_is_what_the_store_keeps_that_is_written_to():
    source, target = Settling(MemoryFS()), memory()
    forward = MigratingFS(source, target)
    back = MigratingFS(source, target, direction="back")

    def kept(fs):
        return fs.checksum_algorithm, fs.keeps_descriptions, fs.settling, fs.location("a")

    ours, theirs = ("sha1", False, 0, target.location("a")), ("md5", True, 0.3, ("settling", "a"))
    assert (kept(forward), kept(back)) == (ours, theirs)
    journal = forward.journal
    journal.begin("forward")
    journal.finish(journal.finishing("forward"))
    # no request tells it
    assert kept(back) == theirs
    assert not back.has_file("a")
    assert kept(back) == ours
    # one that was turned
    while (state := back.journal.to_turn("back")) is not None:
        back.journal.turn(state)
    assert kept(forward) == ours
    assert not forward.journal.finished("back", 0)
    assert kept(forward) == theirs
    assert not forward.keeps_checksums


@pytest.mark.parametrize("verb", ["delete_version", "replace_version"])
@pytest.mark.parametrize("named", ["source", "target"])
def test_a_copy_that_is_out_of_date_does_not_stand_for_the_newer_file(verb, named):
    source, target = memory(), memory()
    version = put(source, "a", b"first")
    forward = MigratingFS(source, target)
    bring(forward, "a")
    # by a process that knows the source alone
    put(source, "a", b"newer")
    back = MigratingFS(source, target, direction="back")
    if named == "target":
        version = back.facts("a").version
    if verb == "delete_version":
        assert not back.delete_version("a", version)
    else:
        with pytest.raises(OtherVersion):
            back.replace_version("a", io.BytesIO(b"replaced"), version)
    assert back.read_file("a") == b"newer"


def test_a_directory_in_the_place_of_a_file_is_an_error(mode):
    source, target = memory(), memory()
    put(source, "a", b"file")
    target.makedirs("a/b")
    fs = MigratingFS(source, target, **mode)
    if fs.direction == "forward":
        with pytest.raises(errors.FSError):
            bring(fs, "a")
    with pytest.raises(errors.FSError):
        put(fs, "a", b"new", overwrite=False)


@pytest.fixture
def buckets(app, request):
    """Two buckets on one server."""
    with make_place("s3-moto", request) as theirs, make_place("s3-moto", request) as ours:
        # one that nothing holds is closed
        storages = [flask_pyfs.Storage(side, flask_pyfs.ALL) for side in ("source", "target")]
        for storage, settings in zip(storages, (theirs, ours), strict=True):
            app.config.update({f"{storage.name.upper()}_FS_{key}": value for key, value in settings.items()})
            flask_pyfs.init_app(app, storage)
        with app.app_context():
            yield [storage.backend.store for storage in storages]


ENCODED = Description("gzip", "attachment", "de")


@pytest.mark.server
@pytest.mark.parametrize("small", [0, moving._SMALL])
def test_what_a_store_keeps_of_a_file_moves_with_it(buckets, small, monkeypatch):
    # the server itself copies what is not small
    monkeypatch.setattr(moving, "_SMALL", small)
    source, target = buckets
    put(source, "a", b"zipped", content_type="text/x-odd", description=ENCODED)
    fs = migrating(source, target)
    assert bring(fs, "a").outcome is Outcome.COPIED
    assert (fs.facts("a").content_type, fs.facts("a").description) == ("text/x-odd", ENCODED)
    assert bring(fs, "a").outcome is Outcome.THERE
    put(fs, "a", b"zipped anew", content_type="text/x-even", description=ENCODED)
    back = migrating(source, target, direction="back")
    assert settle(back, "a").outcome is Outcome.COPIED
    assert not target.has_file("a")
    kept = source.facts("a")
    assert (kept.content_type, kept.description) == ("text/x-even", ENCODED)
    assert kept.note is None
    assert source.read_file("a") == b"zipped anew"


@pytest.mark.server
def test_what_is_encoded_is_not_moved_to_a_store_that_does_not_keep_how(buckets):
    source, _ = buckets
    target = memory()
    put(source, "a", b"zipped", description=ENCODED)
    fs = migrating(source, target)
    with pytest.raises(errors.Unsupported, match=r"'a' has the Content-Encoding 'gzip'.*decode the file first"):
        bring(fs, "a")
    assert not target.has_file("a")


@pytest.mark.server
def test_a_server_copies_from_the_source(buckets):
    source, target = buckets
    put(source, "a", b"first")
    fs = migrating(source, target)
    assert fs.copy_from(source, "a", "b")
    assert not fs.copy_from(memory(), "a", "c")
    assert fs.read_file("b") == b"first"
    assert fs.holder("b") == "target"
    with pytest.raises(errors.FileExists):
        fs.copy_from(source, "a", "b", overwrite=False)
    with pytest.raises(OtherVersion):
        fs.copy_from(source, "a", "b", version="other")
