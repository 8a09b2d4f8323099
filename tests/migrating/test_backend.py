"""The backend migrating: its settings, and the storage that it gives an app."""

import io

import pytest
from places import make_place
from stepped import bring

import flask_pyfs as fs
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.signals import file_deleted, file_uploaded


@pytest.fixture
def configured(app, configure_storage):
    """A function that configures a storage that moves."""

    def configured(source="memory", target="memory", **settings):
        for key in [key for key in app.config if key.startswith("FILES_FS_")]:
            del app.config[key]
        given = {"BACKEND": "migrating", "SOURCE": source, "TARGET": target, **settings}
        return configure_storage("files", given)

    with app.app_context():
        yield configured


def test_both_sides_are_one_storage(configured, tmp_path):
    storage = configured("local", "local", SOURCE_ROOT=str(tmp_path / "old"), TARGET_ROOT=str(tmp_path / "new"))
    source, target = storage.backend.source.backend, storage.backend.target.backend
    source.write("a.txt", "old")
    source.write("b.txt", "old")
    assert storage.read("a.txt") == b"old"
    storage.write("b.txt", "new", overwrite=True)
    with pytest.raises(fs.FileExists):
        storage.write("a.txt", "new")
    assert [entry.name for entry in storage.entries()] == ["a.txt", "b.txt"]
    assert (storage.read("b.txt"), source.read("b.txt"), target.read("b.txt")) == (b"new", b"old", b"new")
    storage.delete("a.txt")
    assert not storage.exists("a.txt")
    assert not source.exists("a.txt")


# the PREFIX of the storage and of each side, and where the files are
PREFIXES = {
    "none": ({}, "a.txt", "a.txt"),
    "the storage's": ({"PREFIX": "p"}, "p/a.txt", "p/a.txt"),
    "of each side": ({"PREFIX": "p", "SOURCE_PREFIX": "s/t", "TARGET_PREFIX": ""}, "s/t/a.txt", "a.txt"),
}


@pytest.mark.parametrize(("settings", "source", "target"), PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_each_side_has_its_prefix(configured, tmp_path, settings, source, target, direction):
    roots = {f"{side}_ROOT": str(tmp_path / side) for side in ("SOURCE", "TARGET")}
    storage = configured("local", "local", **roots, **settings, DIRECTION=direction)
    storage.write("a.txt", "text")
    written, place = ("SOURCE", source) if direction == "back" else ("TARGET", target)
    assert (tmp_path / written / place).read_text() == "text"
    assert list(storage.list_files()) == ["a.txt"]
    assert storage.path("a.txt") == str(tmp_path / written / place)
    assert storage.fs.listdir("/") == ["a.txt"]


def refused(configured, *arguments, **settings):
    with pytest.raises(fs.ConfigurationError) as raised:
        configured(*arguments, **settings)
    return str(raised.value)


def test_settings_that_make_no_migration(configured, tmp_path):
    root = str(tmp_path / "root")
    assert (
        refused(configured, SOURCE=None) == "storage 'files' needs SOURCE: set FILES_FS_SOURCE or FS_MIGRATING_SOURCE"
    )
    assert "FILES_FS_TARGET must be one of" in refused(configured, target="s4")
    assert "FILES_FS_DIRECTION must be one of forward, back" in refused(configured, DIRECTION="sideways")
    assert refused(configured, DIRECTION="back", WRITES="both").startswith(
        "FILES_FS_WRITES must be 'target' while DIRECTION is 'back'"
    )
    for settings in (
        {"ROOT": root},
        {"ROOT": root, "TARGET_PREFIX": "new"},
        {"SOURCE_ROOT": root, "TARGET_ROOT": f"{root}/new"},
        {"SOURCE_ROOT": f"{root}/old", "TARGET_ROOT": root},
    ):
        said = refused(configured, "local", "local", **settings)
        assert said.startswith("FILES_FS_TARGET must have another place than FILES_FS_SOURCE"), settings


def test_the_link_to_a_directory_is_no_other_place(configured, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to("root")
    said = refused(configured, "local", "local", SOURCE_ROOT=str(tmp_path / "root"), TARGET_ROOT=str(tmp_path / "link"))
    assert "another place" in said


def test_a_wrong_setting_of_a_side_is_named_as_it_is_set(configured):
    assert "FILES_FS_SOURCE_MODE must be" in refused(configured, "local", SOURCE_MODE="worldwide")
    assert "FILES_FS_TARGET_MODE must be" in refused(configured, "memory", "local", TARGET_MODE="worldwide")


def test_a_store_that_can_only_be_a_source_is_refused_as_a_target(configured):
    said = refused(configured, "memory", "pyfs", TARGET_OPEN_URL="temp://")
    assert said.startswith("FILES_FS_TARGET must be a backend that keeps what was deleted meanwhile")


def test_versions_from_before_the_migration(configured):
    storage = configured()
    source = storage.backend.source.backend
    one, two, three = (source.write(name, "old").version for name in ("a", "b", "c"))
    assert storage.version("a") == one
    assert storage.replace_version("a", "new", one).version == storage.version("a") != one
    assert storage.delete_version("b", two)
    assert not storage.exists("b")
    # a copier was there in between
    bring(storage.backend.store, "c")
    assert storage.delete_version("c", three)
    assert not storage.exists("c")
    with pytest.raises(fs.VersionChanged):
        storage.replace_version("a", "newer", one)


def test_signals_and_stored_names(configured):
    storage, heard = configured(), []
    storage.backend.source.backend.write("a", "old")

    def uploaded(sender, filename):
        heard.append(("uploaded", filename))

    def deleted(sender, filename):
        heard.append(("deleted", filename))

    with file_uploaded.connected_to(uploaded, storage), file_deleted.connected_to(deleted, storage):
        stored = storage.save(io.BytesIO(b"content"), "b.txt")
        storage.delete("a")
    assert heard == [("uploaded", "b.txt"), ("deleted", "a")]
    assert (stored.size, stored.version) == (7, storage.version("b.txt"))


def test_leftovers_are_removed_on_both_sides(configured, tmp_path):
    roots = {"SOURCE_ROOT": tmp_path / "old", "TARGET_ROOT": tmp_path / "new"}
    storage = configured("local", "local", **{key: str(root) for key, root in roots.items()})
    storage.write("a", "kept")
    storage.delete("a")
    for root in roots.values():
        (root / ".flask_pyfs").mkdir(exist_ok=True)
        (root / ".flask_pyfs" / "unfinished").write_text("left")
    assert storage.backend.remove_leftovers(0, dry_run=True) == 2
    assert storage.backend.remove_leftovers(0) == 2
    assert storage.backend.remove_leftovers(0) == 0
    # what the migration keeps stays
    assert [entry.is_deleted for _, entry in storage.backend.store.entries_of_target.entries()] == [True]


def test_a_storage_that_was_closed_opens_again(configured):
    storage = configured()
    storage.write("a", "text")
    storage.backend.store.close()
    assert storage.read("a") == b"text"


def test_facts_of_a_file_say_nothing_of_the_migration(configured):
    storage = configured()
    storage.backend.source.backend.write("a", "old")
    bring(storage.backend.store, "a")
    facts = storage.backend.facts("a")
    assert isinstance(facts, Facts)
    assert facts.note is None


@pytest.mark.server
def test_from_a_bucket_to_one_of_another_server(configured, request):
    with make_place("s3-moto", request) as source, make_place("s3-swift", request) as target:
        given = {f"SOURCE_{key}": value for key, value in source.items() if key != "BACKEND"}
        given |= {f"TARGET_{key}": value for key, value in target.items() if key != "BACKEND"}
        storage = configured("s3", "s3", **given)
        old, new = storage.backend.source.backend, storage.backend.target.backend
        for side, place in ((old, source), (new, target)):
            for key in ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "BUCKET"):
                assert side.config[key.lower()] == place[key]
        for name in ("a.txt", "b.txt", "c.txt"):
            old.write(name, name)
        storage.write("a.txt", b"newer", overwrite=True)
        storage.delete("b.txt")
        for name in ("a.txt", "b.txt", "c.txt"):
            bring(storage.backend.store, name)
        assert {name: storage.read(name) for name in storage.list_files()} == {"a.txt": b"newer", "c.txt": b"c.txt"}
        assert (old.exists("a.txt"), old.exists("b.txt")) == (True, False)
        assert (new.read("a.txt"), new.read("c.txt")) == (b"newer", b"c.txt")


def test_an_error_says_which_side_it_is(configured, unused_port):
    places = {"SOURCE_ENDPOINT": f"http://127.0.0.1:{unused_port}", "SOURCE_RETRIES": 0}
    keys = {"SOURCE_ACCESS_KEY": "access", "SOURCE_SECRET_KEY": "secret", "SOURCE_REGION": "us-east-1"}
    storage = configured("s3", "memory", **places, **keys)
    with pytest.raises(fs.BackendError) as raised:
        storage.read("a.txt")
    assert str(raised.value).startswith("'a.txt' in storage 'files': SOURCE: ENDPOINT ")
