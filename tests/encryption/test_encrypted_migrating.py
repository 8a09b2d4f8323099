"""Files move to a store that encrypts them, from one such store to another, and back."""

import itertools
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from keyrings import NEW, OLD
from planted import PLANTED, plain_in

import flask_pyfs as fs
from flask_pyfs.filesystems.migrating import moving as moving_files
from flask_pyfs.migration.comparing import verify
from flask_pyfs.migration.copying import migrate
from flask_pyfs.migration.finishing import finish
from flask_pyfs.names import Reserved
from flask_pyfs.testing import StorageConformance

# storages that move from one store to another
sys.path += [str(Path(__file__).parents[1] / "migrating")]

from moving_storages import moving, sides

KEY, OTHER = NEW, OLD
CONTENT = PLANTED * 5000
# which keys both sides have
KEYS = {
    "plain to encrypted": (None, [KEY]),
    "the same keys": ([KEY], [KEY]),
    "other keys": ([KEY], [OTHER]),
    "a new key, and the old one": ([KEY], [OTHER, KEY]),
    "encrypted to plain": ([KEY], None),
}
SERVER = pytest.mark.server
STORES = [
    ("local", "local"),
    ("memory", "memory"),
    pytest.param(("s3-moto", "s3-moto"), marks=SERVER),
    pytest.param(("local", "gridfs"), marks=SERVER),
    pytest.param(("swift", "local"), marks=SERVER),
]


@contextmanager
def between(app, request, stores, keys, **settings):
    given: dict[str, Any] = {
        f"{side}_ENCRYPTION_KEYS": value for side, value in zip(("SOURCE", "TARGET"), keys, strict=True) if value
    }
    with moving(app, request, stores[0], stores[1], **{**given, **settings}) as storage:
        yield storage


def is_encrypted(backend):
    """Return whether nothing that a side keeps has the text that was planted."""
    bare = backend.bare
    return not any(PLANTED in bare.read_file(Reserved(path)) for path in bare.iter_files())


@pytest.mark.parametrize("stores", STORES, ids=str)
@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_files_move(app, request, stores, keys):
    with between(app, request, stores, keys) as storage:
        source, target = sides(storage)
        for number in range(3):
            source.write(f"d/{number}.txt", CONTENT + b"%d" % number)
        # while the app uses it
        storage.write("d/1.txt", b"of the app", overwrite=True)
        storage.delete("d/2.txt")
        storage.write("new.txt", PLANTED)
        expected = {"d/0.txt": CONTENT + b"0", "d/1.txt": b"of the app", "new.txt": PLANTED}
        assert {name: storage.read(name) for name in storage.list_files()} == expected
        assert not migrate(storage, jobs=2).failed
        found = verify(storage, checksum=True)
        assert (found.failed, found.missing) == (0, 0), found
        # some stores have tombstones until the end
        assert {name: target.read(name) for name in expected} == expected
        assert {entry.name: entry.size for entry in storage.entries()} == {
            name: len(content) for name, content in expected.items()
        }
        assert is_encrypted(source) == (keys[0] is not None)
        assert is_encrypted(target) == (keys[1] is not None)


@pytest.mark.parametrize("keys", [KEYS["plain to encrypted"], KEYS["encrypted to plain"]], ids=str)
def test_files_move_back(app, request, keys):
    with between(app, request, ("local", "local"), keys, DIRECTION="back") as storage:
        source, target = sides(storage)
        source.write("a.txt", CONTENT)
        target.write("b.txt", CONTENT)
        storage.write("c.txt", CONTENT)
        assert not migrate(storage).failed
        assert sorted(source.list_files()) == ["a.txt", "b.txt", "c.txt"]
        assert [source.read(name) for name in source.list_files()] == [CONTENT] * 3
        assert list(target.list_files()) == []
        assert is_encrypted(source) == (keys[0] is not None)


@pytest.mark.slow
def test_a_finished_migration_leaves_an_encrypted_storage(app, request, tmp_path):
    with between(app, request, ("local", "local"), KEYS["plain to encrypted"], TARGET_PREFIX="below") as storage:
        source, target = sides(storage)
        source.write("a.txt", CONTENT)
        assert not migrate(storage).failed
        assert finish(storage).finished
        root = target.config["root"]
    for name in [name for name in app.config if name.startswith("FILES_FS_")]:
        del app.config[name]
    app.config.update(FILES_FS_ROOT=root, FILES_FS_PREFIX="below", FILES_FS_ENCRYPTION_KEYS=[KEY])
    files = fs.Storage("files", fs.ALL)
    fs.init_app(app, files)
    with app.app_context():
        assert {name: files.read(name) for name in files.list_files()} == {"a.txt": CONTENT}
        assert plain_in(files) == []


def test_nothing_goes_round_a_side_that_encrypts(app, request):
    with between(app, request, ("local", "local"), KEYS["plain to encrypted"], SERVE_MODE="sendfile") as storage:
        source, _ = sides(storage)
        source.write("a.txt", CONTENT)
        storage.write("b.txt", CONTENT)
        # that of the source is sent by the server, as long as it is there
        assert storage.path("a.txt") == f"{source.root}/a.txt"
        with pytest.raises(fs.OperationNotSupported):
            storage.path("b.txt")
        client = app.test_client()
        for name, sent in (("a.txt", b""), ("b.txt", CONTENT)):
            with client.get(f"/files/{name}") as response:
                assert response.data == sent, name
                assert ("X-Sendfile" in response.headers) == (not sent), name
        with storage.local_copy("b.txt") as path:
            assert Path(path).read_bytes() == CONTENT


@pytest.mark.parametrize("keys", [([KEY], [KEY]), ([KEY], [OTHER])], ids=["same", "other"])
@pytest.mark.parametrize("stores", STORES[2:3], ids=str)
def test_a_server_copies_what_the_target_can_read(app, request, stores, keys, monkeypatch):
    # small ones are sent
    monkeypatch.setattr(moving_files, "_SMALL", 0)
    with between(app, request, stores, keys) as storage:
        source, target = sides(storage)
        source.write("a.txt", CONTENT)
        assert not migrate(storage).failed
        kept = [side.bare.read_file("a.txt") for side in (source, target)]
        assert (kept[0] == kept[1]) == (keys[0] == keys[1])
        assert PLANTED not in kept[0] + kept[1]
        assert target.read("a.txt") == CONTENT


@pytest.mark.parametrize("left", ["TARGET_ENCRYPTION_KEYS", "SOURCE_ENCRYPTION_KEYS", "TARGET_AES256_ENCRYPTED"])
def test_keys_of_a_side_that_are_left_after_the_end_are_refused(app, left):
    app.config[f"FILES_FS_{left}"] = [KEY] if left.endswith("KEYS") else True
    files = fs.Storage("files", fs.ALL)
    with pytest.raises(fs.ConfigurationError, match=f"^FILES_FS_{left} has no effect") as raised:
        fs.init_app(app, files)
    assert f"set FILES_FS_{left.partition('_')[2]}, or remove it" in str(raised.value)
    app.config["FS_ENCRYPTION_KEYS"] = [KEY]
    fs.init_app(app, files)
    app.config.update({f"FILES_FS_{left}": None, "FS_ENCRYPTION_KEYS": None})
    fs.init_app(app, files)


def test_a_moment_of_a_side_needs_keys_of_that_side(app, request):
    moment, name = "2026-11-01T10:00Z", "FILES_FS_TARGET_ENCRYPTION_READ_PLAIN"
    with (
        pytest.raises(fs.ConfigurationError, match=f"{name} needs keys, .* set FILES_FS_TARGET_ENCRYPTION_KEYS, or"),
        between(app, request, ("local", "local"), ([KEY], None), TARGET_ENCRYPTION_READ_PLAIN=moment),
    ):
        pass
    with between(app, request, ("local", "local"), (None, [KEY]), ENCRYPTION_READ_PLAIN=moment) as storage:
        storage.write("a.txt", CONTENT)


def test_both_sides_in_one_place_are_refused_whatever_encrypts_them(app, request, tmp_path):
    place = str(tmp_path / "one")
    with (
        pytest.raises(fs.ConfigurationError, match="must have another place"),
        between(app, request, ("local", "local"), (None, [KEY]), SOURCE_ROOT=place, TARGET_ROOT=place),
    ):
        pass


@pytest.mark.parametrize("name", ["FILES_FS_URL", "FS_URL"])
def test_a_url_beside_the_keys_of_a_side_is_refused(app, request, name):
    app.config[name] = "https://cdn/"
    with (
        pytest.raises(fs.ConfigurationError, match=f"{name} cannot be used with"),
        between(app, request, ("local", "local"), (None, [KEY])),
    ):
        pass


@pytest.mark.parametrize("keys", list(itertools.islice(KEYS.values(), 1, None, 3)), ids=str)
class TestConformance(StorageConformance):
    # of what is encrypted, no store knows one
    checksums = (None, *StorageConformance.checksums)

    @pytest.fixture
    def storage(self, app, request, keys):
        with between(app, request, ("memory", "memory"), keys) as storage:
            yield storage


class TestToBothSides(StorageConformance):
    checksums = (None, *StorageConformance.checksums)

    @pytest.fixture
    def storage(self, app, request):
        with between(app, request, ("memory", "memory"), (None, [KEY]), WRITES="both") as storage:
            yield storage
