"""A sync does not change its own source."""

import pytest

import flask_pyfs as fs
from flask_pyfs.transfer import Side, sync


@pytest.fixture
def disk(tmp_path):
    for name in ("a/b/1", "a/2", "ab/3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    return tmp_path


@pytest.fixture
def storage(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context():
        for name in ("a/b/1", "a/2", "ab/3"):
            storage.write(name, b"x")
        yield storage


INSIDE = [("a", "a"), ("a", "a/b"), ("", "a"), ("a", "a/new")]


@pytest.mark.parametrize(("source", "target"), [*INSIDE, ("a", "link"), ("link", "a/b")])
def test_a_directory_of_this_machine(disk, source, target):
    with pytest.raises(fs.ConfigurationError, match="it would copy itself"):
        sync(disk / source, disk / target)


@pytest.mark.parametrize(("source", "target"), INSIDE)
def test_a_directory_of_a_storage(storage, source, target):
    with pytest.raises(fs.ConfigurationError, match="it would copy itself"):
        sync(Side.of(storage, source), Side.of(storage, target))


def test_a_source_in_the_target(disk, storage):
    assert sync(disk / "a/b", disk / "a").counts == {"copied": 1, "only_target": 2}
    for side in (lambda name: disk / name, lambda name: Side.of(storage, name)):
        with pytest.raises(fs.ConfigurationError, match="it would be deleted there"):
            sync(side("a/b"), side("a"), delete=True)


def test_neighbours(disk, storage):
    assert sync(disk / "a", disk / "ab", delete=True).counts == {"copied": 2, "deleted": 1}
    assert sync(Side.of(storage, "a"), Side.of(storage, "ab"), delete=True).counts == {"copied": 2, "deleted": 1}
