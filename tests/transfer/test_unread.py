"""A directory that cannot be read is a failure: what is in it is not missing."""

import os
import shutil
from contextlib import contextmanager, suppress

import pytest
from fs import errors
from fs.memoryfs import MemoryFS

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend
from flask_pyfs.cli import fs as group
from flask_pyfs.transfer import Side, check, sync


@contextmanager
def deep(directory):
    """Make a directory whose path is too long for the system; the block has its name, with a file in it."""
    directory.mkdir(parents=True, exist_ok=True)
    longest, length = os.pathconf(directory, "PC_PATH_MAX"), len(str(directory))
    descriptor, name = os.open(directory, os.O_RDONLY), ""
    try:
        while length <= longest:
            # well below the limit, and then well above it
            part = "d" * (50 if length < longest - 200 else 250)
            os.mkdir(part, dir_fd=descriptor)
            descriptor, before = os.open(part, os.O_RDONLY, dir_fd=descriptor), descriptor
            os.close(before)
            name, length = f"{name}{part}/", length + len(part) + 1
        os.close(os.open("hidden", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
        yield name
    finally:
        os.close(descriptor)
        shutil.rmtree(directory)


class Closed(BaseBackend):
    """Has the directory ``closed``, which nobody may list."""

    error: type[errors.FSError] = errors.PermissionDenied

    def open_fs(self):
        return self._memory

    @property
    def _memory(self):
        if not hasattr(self, "_made"):
            self._made = ClosedFS()
            self._made.error = self.error
            self._made.makedirs("d/closed")
            self._made.writebytes("d/closed/hidden", b"x")
            self._made.writebytes("d/a", b"a")
        return self._made


class Silent(Closed):
    """Says what FTP says of a directory that it refuses: that there is none."""

    error = errors.ResourceNotFound


class ClosedFS(MemoryFS):
    error: type[errors.FSError] = errors.PermissionDenied

    def scandir(self, path, namespaces=None, page=None):
        self._refuse(path)
        return super().scandir(path, namespaces, page)

    def listdir(self, path):
        self._refuse(path)
        return super().listdir(path)

    def _refuse(self, path):
        if path.rstrip("/").endswith("closed"):
            raise self.error(path)


@pytest.fixture(params=["path", "local", "local with PREFIX", "other", "silent"])
def source(request, app, configure_storage, tmp_path):
    """A side with the file ``a``, and the name of a directory in it that cannot be read."""
    if request.param in ("other", "silent"):
        backend = Closed if request.param == "other" else Silent
        yield Side(backend("closed", {}), "d", label="closed:d"), "closed/"
        return
    directory = tmp_path / "source"
    with deep(directory / "d") as name, app.app_context():
        (directory / "d/a").write_bytes(b"a")
        if request.param == "path":
            yield Side.of(directory / "d"), name
        elif request.param == "local":
            storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(directory)})
            yield Side.of(storage, "d"), name
        else:
            storage = configure_storage("files", {"BACKEND": "local", "ROOT": str(directory), "PREFIX": "d"})
            yield Side.of(storage), name


@pytest.fixture
def target(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_bytes(b"old")
    return target


@pytest.mark.parametrize("options", [{}, {"shard": (1, 1)}, {"include": ["a", "old"]}, {"exclude": ["other/"]}])
def test_nothing_is_deleted(source, target, options):
    side, directory = source
    report = sync(side, target, delete=True, **options)
    assert report.counts == {"copied": 1, "failed": 1}
    assert report.kept == 1
    [failure] = report.failures
    assert failure.name == directory
    assert isinstance(failure.error, fs.PermissionDenied)
    assert f"the directory {directory!r} cannot be read" in str(failure.error).replace("'d/", "'")
    assert not report.is_worth_retrying
    assert (target / "old").read_bytes() == b"old"


def test_what_is_excluded_need_not_be_read(source, target):
    side, directory = source
    report = sync(side, target, delete=True, exclude=[f"{directory.partition('/')[0]}/"])
    assert report.counts == {"copied": 1, "deleted": 1}


@pytest.mark.parametrize("exclude", [["*", "!a", "!hidden", "!old"], ["*/", "!d*/", "!closed/"], ["/x", " !y"]])
def test_what_a_pattern_takes_back_must_be_read(source, target, exclude):
    side, directory = source
    report = sync(side, target, delete=True, exclude=exclude)
    assert [each.name for each in report.failures] == [directory]
    assert (target / "old").read_bytes() == b"old"


def test_a_check_does_not_call_it_equal(source, target):
    side, _ = source
    sync(side, target)
    (target / "old").unlink()
    assert check(side, target).counts == {"same": 1, "failed": 1}
    assert check(target, side).counts["failed"] == 1


def test_a_listing_that_could_be_read_meanwhile(target):
    side = Side(Closed("closed", {}), label="closed")
    assert dict(side.entries())
    assert list(side.unread) == ["d/closed/"]
    assert dict(Side(side.operations, "d/a").entries()) == {}
    side.operations.fs.removetree("d")
    assert dict(side.entries()) == {}
    assert side.unread == {}


def test_a_directory_that_is_gone_is_no_failure():
    class Vanishing(ClosedFS):
        def _refuse(self, path):
            if path.rstrip("/").endswith("closed"):
                with suppress(KeyError):
                    self._get_dir_entry("d").remove_entry("closed")
                raise errors.ResourceNotFound(path)

    backend = Silent("closed", {})
    backend._made = Vanishing()
    backend._made.makedirs("d/closed")
    backend._made.writebytes("d/a", b"a")
    side = Side(backend, label="closed")
    assert [name for name, _ in side.entries()] == ["d/a"]
    assert side.unread == {}


@pytest.mark.parametrize("command", ["cp", "mv"])
def test_commands_that_take_directories(app, configure_storage, tmp_path, command):
    configure_storage("files", {"BACKEND": "memory"})
    with deep(tmp_path / "d"):
        (tmp_path / "d/a").write_bytes(b"a")
        done = app.test_cli_runner().invoke(group, [command, "-r", f"{tmp_path}/d/", "files:"])
    assert done.exit_code == 1
    assert done.stderr.count("cannot be read, so its files are not known") == 1
