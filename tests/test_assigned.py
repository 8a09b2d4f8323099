"""What a test assigns to a storage: its backend, its settings and its directory, for one app."""

import copy
import io
from pathlib import Path
from unittest import mock

import flask
import pytest

import flask_pyfs as fs
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.config import Config
from flask_pyfs.testing import memory_storages


class Uncopyable:
    """Fails if anything is asked of it, even a copy."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked for")

    def __deepcopy__(self, memo):
        raise AssertionError("it was copied")


class Dictionary:
    """Has only the methods that a test needs."""

    def __init__(self):
        self.files = {}

    def exists(self, filename):
        return filename in self.files

    def read(self, filename):
        return self.files[filename]

    def write(self, filename, content):
        self.files[filename] = content


def make_app(root, storage, **settings):
    app = flask.Flask("tests")
    app.config.update(FS_ROOT=str(root), FS_SERVE=True, SECRET_KEY="secret", **settings)
    fs.init_app(app, storage)
    return app


@pytest.fixture
def storage():
    return fs.Storage("files", fs.ALL)


@pytest.fixture
def app(tmp_path, storage):
    app = make_app(tmp_path / "one", storage)
    with app.app_context():
        yield app


def other_for(storage, part, tmp_path):
    """Return a value to assign that is not the one the storage has."""
    return {
        "backend": lambda: MemoryBackend("files", Config()),
        "config": lambda: Config(storage.config, allow=["x"]),
        "root": lambda: str(tmp_path / "elsewhere"),
    }[part]()


PARTS = pytest.mark.parametrize("part", ["backend", "config", "root"])


# Each of the three


@PARTS
def test_what_is_assigned_is_there_and_can_be_put_back(app, storage, tmp_path, part):
    before, other = getattr(storage, part), other_for(storage, part, tmp_path)
    storage.write("a.txt", "1")
    setattr(storage, part, other)
    assert getattr(storage, part) == other
    setattr(storage, part, before)
    assert getattr(storage, part) == before
    assert storage.read("a.txt") == b"1"


@PARTS
def test_deleting_takes_all_assignments_back(app, storage, tmp_path, part):
    before = storage.backend, storage.config, storage.root
    for _ in range(2):
        setattr(storage, part, other_for(storage, part, tmp_path))
    delattr(storage, part)
    assert (storage.backend, storage.config, storage.root) == before
    assert storage.backend is before[0]
    assert storage.config is before[1]
    delattr(storage, part)
    assert storage.backend is before[0]


@PARTS
def test_deleting_one_leaves_the_others(app, storage, tmp_path, part):
    storage.config = {"url": "https://x.example.org/"}
    delattr(storage, "backend")
    assert storage.base_url == "https://x.example.org/"
    storage.backend = other = Dictionary()
    delattr(storage, "config")
    assert storage.backend is other


@PARTS
def test_pytest_and_mock_may_patch_it(app, storage, tmp_path, part):
    before = storage.backend, storage.config, storage.root
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, part, other_for(storage, part, tmp_path))
        assert (storage.backend, storage.config, storage.root) != before
    assert getattr(storage, part) == before[("backend", "config", "root").index(part)]
    with mock.patch.object(storage, part, other_for(storage, part, tmp_path)):
        assert (storage.backend, storage.config, storage.root) != before
    assert (storage.backend, storage.config, storage.root) == before


@PARTS
def test_an_assignment_concerns_one_app(app, storage, tmp_path, part):
    second = make_app(tmp_path / "two", storage)
    mine = storage.backend, storage.config, storage.root
    with second.app_context():
        setattr(storage, part, other := other_for(storage, part, tmp_path))
        assert getattr(storage, part) == other
    assert (storage.backend, storage.config, storage.root) == mine
    with second.app_context():
        assert getattr(storage, part) == other


@PARTS
@pytest.mark.parametrize("last", [True, False])
def test_outside_a_context_the_assignment_of_the_last_app_applies(storage, tmp_path, part, last):
    first = make_app(tmp_path / "one", storage)
    make_app(tmp_path / "two", storage)
    expected = getattr(storage, part)
    if last:
        setattr(storage, part, expected := other_for(storage, part, tmp_path))
    else:
        with first.app_context():
            setattr(storage, part, other_for(storage, part, tmp_path))
    assert getattr(storage, part) == expected


@PARTS
def test_an_assignment_ends_with_the_next_configuration(app, storage, tmp_path, part):
    before = storage.config, storage.root
    setattr(storage, part, other_for(storage, part, tmp_path))
    fs.init_app(app, storage)
    assert (storage.config, storage.root) == before
    assert storage.backend_name == "local"
    delattr(storage, part)
    assert (storage.config, storage.root) == before


@PARTS
def test_an_assignment_is_not_seen_by_another_app_that_is_made_later(app, storage, tmp_path, part):
    setattr(storage, part, other_for(storage, part, tmp_path))
    later = make_app(tmp_path / "later", storage)
    with later.app_context():
        storage.write("a.txt", "1")
        assert storage.root == str(tmp_path / "later" / "files")
        assert list(storage.config.allow) == []


@PARTS
def test_a_storage_that_is_not_configured_takes_none(part):
    with pytest.raises(fs.ConfigurationError, match="init_app"):
        setattr(fs.Storage("files"), part, None)
    with pytest.raises(fs.ConfigurationError, match="init_app"):
        delattr(fs.Storage("files"), part)


@PARTS
def test_memory_storages_go_on_top_of_it(app, storage, tmp_path, part):
    setattr(storage, part, other := other_for(storage, part, tmp_path))
    with memory_storages(app, storage):
        assert storage.backend_name == "memory"
        assert storage.root is None
    assert getattr(storage, part) == other


# The backend


def test_a_backend_of_which_nothing_is_asked(app, storage):
    before = storage.backend
    storage.backend = Uncopyable()
    try:
        assert copy.deepcopy(storage) is storage
        assert storage.url("a.txt") == "/files/a.txt"
    finally:
        storage.backend = before
    assert storage.backend is before


def test_fields_of_documents_copy_no_backend(app, storage):
    # mongoengine copies the fields of a document when it does not follow its references
    mongoengine = pytest.importorskip("mongoengine")
    from flask_pyfs.mongo import ImageField

    class Reuse(mongoengine.Document):  # type: ignore[name-defined]
        image = ImageField(fs=storage)

    before = storage.backend
    storage.backend = Uncopyable()
    try:
        with mongoengine.context_managers.no_dereference(Reuse):
            assert copy.deepcopy(Reuse._fields)["image"].fs is storage
            assert not copy.deepcopy(Reuse()).image
    finally:
        storage.backend = before


def test_an_assigned_backend_has_the_files(app, storage):
    storage.write("before.txt", "1")
    storage.backend = backend = Dictionary()
    assert not storage.exists("before.txt")
    storage.write("a.txt", b"2")
    storage.save(io.BytesIO(b"3"), "b.txt")
    assert backend.files == {"a.txt": b"2", "b.txt": b"3"}
    assert storage.read("a.txt") == b"2"
    with pytest.raises(fs.OperationNotSupported):
        storage.delete("a.txt")
    with pytest.raises(fs.FileExists):
        storage.write("a.txt", b"4")
    del storage.backend
    assert list(storage.list_files()) == ["before.txt"]


def test_an_assigned_backend_with_a_filesystem_serves(app, storage):
    storage.backend = MemoryBackend("files", Config())
    storage.write("a.txt", "1")
    assert storage.fs.listdir("/") == ["a.txt"]
    with app.test_client().get("/files/a.txt") as response:
        assert response.data == b"1"


def test_an_assigned_backend_of_flask_fs_keeps_the_prefix(tmp_path, storage):
    make_app(tmp_path, storage, FILES_FS_PREFIX="deep")
    storage.backend = backend = Dictionary()
    storage.write("a.txt", b"1")
    assert list(backend.files) == ["deep/a.txt"]


def test_a_mock_as_the_backend(app, storage):
    with mock.patch.object(storage, "backend") as backend:
        backend.exists.return_value = False
        storage.write("a.txt", b"1")
        backend.write.assert_called_once_with("a.txt", b"1")


# The settings


def test_assigned_settings_decide(app, storage):
    storage.config = {"deny": "php", "url": "https://x.example.org"}
    assert not storage.extension_allowed("php")
    assert storage.url("a.txt") == "https://x.example.org/a.txt"
    assert not storage.config.private
    storage.write("a.txt", "1")
    assert storage.read("a.txt") == b"1"


def test_assigned_settings_are_checked(app, storage):
    before = storage.config
    with pytest.raises(fs.ConfigurationError, match="PRIVATE"):
        storage.config = {"private": "perhaps"}
    assert storage.config is before


def test_a_setting_may_be_assigned_alone(app, storage):
    storage.config.deny = ["php"]
    assert not storage.extension_allowed("php")


# The directory


@pytest.mark.parametrize("kind", [str, Path])
def test_files_are_kept_in_an_assigned_directory(app, storage, tmp_path, kind):
    storage.write("old.txt", "1")
    storage.root = kind(tmp_path / "elsewhere")
    assert storage.root == storage.config.root == str(tmp_path / "elsewhere")
    storage.write("new.txt", "2")
    assert (tmp_path / "elsewhere" / "new.txt").read_bytes() == b"2"
    assert storage.path("new.txt") == str(tmp_path / "elsewhere" / "new.txt")
    assert list(storage.list_files()) == ["new.txt"]
    del storage.root
    assert list(storage.list_files()) == ["old.txt"]


def test_an_assigned_directory_keeps_the_other_settings(storage, tmp_path):
    make_app(tmp_path, storage, FILES_FS_MODE="0600", FILES_FS_PRIVATE="yes")
    storage.root = tmp_path / "elsewhere"
    storage.write("a.txt", "1")
    assert (tmp_path / "elsewhere" / "a.txt").stat().st_mode & 0o777 == 0o600
    assert storage.config.private is True


def test_an_assigned_directory_must_be_writable(app, storage, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(fs.ConfigurationError, match="is not a directory"):
        storage.root = tmp_path / "file"
    assert storage.root == str(tmp_path / "one" / "files")


def test_a_directory_takes_the_place_of_an_assigned_backend(app, storage, tmp_path):
    storage.backend = Dictionary()
    storage.root = tmp_path / "elsewhere"
    storage.write("a.txt", "1")
    assert (tmp_path / "elsewhere" / "a.txt").read_bytes() == b"1"


def test_a_storage_in_memory_takes_no_directory_and_forgets_no_file(app, storage, tmp_path):
    storage.root = tmp_path / "elsewhere"
    with memory_storages(app):
        storage.write("a.txt", "1")
        with pytest.raises(fs.OperationNotSupported, match="ROOT"):
            storage.root = tmp_path
        del storage.root
        assert storage.read("a.txt") == b"1"
    assert storage.root == str(tmp_path / "elsewhere")
    assert list(storage.list_files()) == []


def test_a_backend_without_directories_takes_none(storage, tmp_path):
    make_app(tmp_path, storage, FS_BACKEND="memory")
    with pytest.raises(fs.OperationNotSupported, match="ROOT"):
        storage.root = str(tmp_path)


# What the keys begin with


@pytest.mark.parametrize("backend", ["local", "memory", "s3"])
def test_backend_prefix(storage, tmp_path, backend):
    make_app(tmp_path, storage, FS_BACKEND=backend)
    assert storage.backend_prefix == f"FS_{backend.upper()}_"
