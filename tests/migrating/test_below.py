"""A directory of a store as a store of its own."""

import io
import unittest
from tempfile import TemporaryDirectory

import pytest
from fs import errors
from fs.test import FSTestCases

from flask_pyfs.errors import StoreMisconfigured, explained, translate
from flask_pyfs.filesystems.below import BelowFS
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.migrating.choosing import target_of
from flask_pyfs.filesystems.migrating.target import ANYTHING
from flask_pyfs.names import Reserved


class StandardTests(FSTestCases):
    # fs.test calls the name that Python 3.12 removed
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815


class TestBelowADisk(StandardTests, unittest.TestCase):
    def make_fs(self):
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return BelowFS(LocalFS(directory.name), "some/where")


class TestWholeDisk(StandardTests, unittest.TestCase):
    def make_fs(self):
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return BelowFS(LocalFS(directory.name))


class TestBelowMemory(StandardTests, unittest.TestCase):
    def make_fs(self):
        return BelowFS(GenericStore(MemoryFS()), "some/where")


@pytest.fixture(params=["", "some/where"])
def directory(request):
    return request.param


@pytest.fixture
def whole():
    return GenericStore(MemoryFS())


@pytest.fixture
def below(whole, directory):
    return BelowFS(whole, directory)


def test_each_verb_means_the_file_below(whole, below, directory):
    def full(path):
        return f"{directory}/{path}".lstrip("/")

    whole.put("beside", io.BytesIO(b"beside"))
    version = below.put("a/b", io.BytesIO(b"content"), content_type="text/plain")
    assert whole.read_file(full("a/b")) == below.read_file("a/b") == b"content"
    assert below.facts("a/b", checksum=True) == whole.facts(full("a/b"), checksum=True)
    assert below.facts("a/b").version == version
    assert below.has_file("a/b")
    assert below.isfile("a/b")
    assert not below.has_file("a")
    assert below.fetch("a/b")[1].read() == below.open_read("a/b").read() == below.readbytes("a/b") == b"content"
    assert below.canonical("/a//b") == "a/b"
    with below.open_write("c", overwrite=False) as file:
        file.write(b"c")
    with pytest.raises(errors.FileExists):
        below.put("c", io.BytesIO(b""), overwrite=False)
    below.copy_file("c", "d")
    below.move_file("d", "a/e")
    beside = set() if directory else {"beside"}
    assert set(below.iter_files()) == {"a/b", "a/e", "c"} | beside
    assert [path for path, _ in below.iter_facts("a/")] == ["a/b", "a/e"]
    assert {path for path, _ in below.iter_level()} == {"a/", "c"} | beside
    assert {path for path, _ in below.iter_level("a")} == {"a/b", "a/e"}
    replaced = below.replace_version("a/b", io.BytesIO(b"again"), version)
    assert not below.delete_version("a/b", version)
    assert below.delete_version("a/b", replaced)
    below.delete_tree("a")
    assert set(whole.iter_files()) == {"beside", full("c")}
    if directory:
        below.delete_tree("")
        assert set(whole.iter_files()) == {"beside"}


def test_a_copy_between_two_directories_is_one_of_their_stores(tmp_path):
    one = BelowFS(LocalFS(str(tmp_path)), "one")
    other = BelowFS(LocalFS(str(tmp_path)), "other")
    one.put("a", io.BytesIO(b"content"))
    assert other.copy_from(one, "a", "b")
    assert other.read_file("b") == b"content"
    assert not BelowFS(GenericStore(MemoryFS()), "x").copy_from(one, "a", "b")


def test_what_the_store_is_shows_also_what_it_learns_later():
    class Learning(GenericStore):
        decides_versions = False
        keeps_notes = False
        keeps_descriptions = True
        keeps_checksums = True
        settling = 0.3
        checksum_algorithm = "md5"

    whole = Learning(MemoryFS())
    below = BelowFS(whole, "a")
    for name in ("keeps_notes", "keeps_descriptions", "keeps_checksums", "settling", "checksum_algorithm"):
        assert getattr(below, name) == getattr(whole, name)
    assert not below.decides_versions
    whole.decides_versions = True
    assert below.decides_versions


def test_what_the_store_asks_its_server_for_is_below_the_directory_too():
    class Asking(GenericStore):
        def learn_conditions(self, path):
            if not isinstance(path, Reserved) or path == "a/.flask_pyfs/refused":
                raise errors.PermissionDenied(path)
            return path == "a/.flask_pyfs/probe"

    below = BelowFS(Asking(MemoryFS()), "a")
    assert below.learn_conditions(Reserved(".flask_pyfs/probe"))
    assert not BelowFS(below, "b").learn_conditions(Reserved(".flask_pyfs/probe"))
    with pytest.raises(errors.PermissionDenied):
        below.learn_conditions(Reserved(".flask_pyfs/refused"))


def test_directories_that_cannot_be_read_are_told_by_their_names_below():
    class Blind(GenericStore):
        def iter_facts(self, prefix="", *, unread=None):
            unread("some/where/dark/", errors.PermissionDenied("some/where/dark"))
            return super().iter_facts(prefix)

    told = []
    below = BelowFS(Blind(MemoryFS()), "some/where")
    assert list(below.iter_facts(unread=lambda above, error: told.append(above))) == []
    assert told == ["dark/"]


def test_a_store_that_reads_every_directory_is_not_asked_which_it_cannot():
    class Seeing(GenericStore):
        def iter_facts(self, prefix=""):  # type: ignore[override]
            return super().iter_facts(prefix)

    below = BelowFS(Seeing(MemoryFS()), "some/where")
    below.put("a", io.BytesIO(b""))
    assert [path for path, _ in below.iter_facts(unread=lambda above, error: None)] == ["a"]


def failing(*arguments, **options):
    raise explained(StoreMisconfigured("x"), "BUCKET 'x' does not exist: create it")


@pytest.mark.parametrize(
    "operation",
    [
        lambda below: below.put("a", io.BytesIO(b"")),
        lambda below: below.facts("a"),
        lambda below: list(below.iter_files()),
        lambda below: list(below.iter_facts()),
        lambda below: list(below.iter_level()),
        lambda below: below.delete_tree("a"),
        lambda below: below.copy_file("a", "b"),
    ],
)
def test_an_error_says_which_store_it_is(whole, operation, monkeypatch):
    for name in ("put", "facts", "iter_files", "iter_facts", "iter_level", "delete_tree", "copy_file"):
        monkeypatch.setattr(whole, name, failing)
    with pytest.raises(StoreMisconfigured) as raised:
        operation(BelowFS(whole, "some/where", label="SOURCE: "))
    assert str(translate(raised.value, "files", "a")) == (
        "'a' in storage 'files': SOURCE: BUCKET 'x' does not exist: create it"
    )


def test_closing_closes_the_store(whole, below):
    assert not below.isclosed()
    below.close()
    assert below.isclosed()
    assert whole.isclosed()


@pytest.mark.parametrize("make", [lambda root: LocalFS(root), lambda root: GenericStore(MemoryFS())])
def test_a_target_in_a_directory_keeps_its_tombstones_there(make, tmp_path):
    whole = make(str(tmp_path))
    one, other = (target_of(BelowFS(whole, name)) for name in ("one", "two"))
    version = one.write("a", io.BytesIO(b"content"), ANYTHING, mirrors="x")
    assert one.look("a").mirrors == "x"
    one.bury("a", version)
    assert one.look("a").is_deleted
    assert [(path, listed.is_deleted) for path, listed in one.entries()] == [("a", True)]
    assert other.look("a") is None
    assert not list(other.entries())
    assert list(whole.iter_files()) == []
    assert whole.standard.listdir("/") == ["one"]
