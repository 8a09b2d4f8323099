"""A directory that cannot be read is a failure: what is in it is not missing."""

import os
import shutil
from contextlib import contextmanager

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
    part, length = "d" * 250, len(str(directory))
    descriptor, name = os.open(directory, os.O_RDONLY), ""
    try:
        while length <= os.pathconf(directory, "PC_PATH_MAX"):
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

    def open_fs(self):
        return self._memory

    @property
    def _memory(self):
        if not hasattr(self, "_made"):
            self._made = ClosedFS()
            self._made.makedirs("d/closed")
            self._made.writebytes("d/closed/hidden", b"x")
            self._made.writebytes("d/a", b"a")
        return self._made


class ClosedFS(MemoryFS):
    def scandir(self, path, namespaces=None, page=None):
        if path.rstrip("/").endswith("closed"):
            raise errors.PermissionDenied(path)
        return super().scandir(path, namespaces, page)


@pytest.fixture(params=["path", "local", "local with PREFIX", "other"])
def source(request, app, configure_storage, tmp_path):
    """A side with the file ``a``, and the name of a directory in it that cannot be read."""
    if request.param == "other":
        yield Side(Closed("closed", {}), "d", label="closed:d"), "closed/"
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


@pytest.mark.parametrize("command", ["cp", "mv"])
def test_commands_that_take_directories(app, configure_storage, tmp_path, command):
    configure_storage("files", {"BACKEND": "memory"})
    with deep(tmp_path / "d"):
        (tmp_path / "d/a").write_bytes(b"a")
        done = app.test_cli_runner().invoke(group, [command, "-r", f"{tmp_path}/d/", "files:"])
    assert done.exit_code == 1
    assert done.stderr.count("cannot be read, so its files are not known") == 1
