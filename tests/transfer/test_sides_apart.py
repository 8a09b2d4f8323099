"""A sync does not change its own source."""

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.cli import fs as group
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


@pytest.fixture(
    params=[pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "swift", "gridfs")] + ["local"]
)
def shared(request, app, configure_storage, tmp_path):
    """Two storages of one place: ``outer`` has all of it, ``inner`` what is below ``in``."""
    with make_place(request.param, request) as settings, app.app_context():
        if request.param == "local":
            settings["ROOT"] = str(tmp_path)
        elif request.param == "gridfs":
            settings["BUCKET"] = "fs"
        outer, inner = configure_storage("outer", settings), configure_storage("inner", settings | {"PREFIX": "in"})
        outer.write("in/a", b"a")
        outer.write("inner", b"x")
        yield outer, inner


def test_two_storages_of_one_place(app, shared):
    outer, inner = shared
    with pytest.raises(fs.ConfigurationError, match="it would be deleted there"):
        sync(inner, outer, delete=True)
    for source, target in (
        (outer, inner),
        (Side.of(outer, "in"), inner),
        (inner, Side.of(outer, "in/b")),
    ):
        with pytest.raises(fs.ConfigurationError, match="it would copy itself"):
            sync(source, target)
    done = app.test_cli_runner().invoke(group, ["mv", "-r", "outer:", "inner:"])
    assert (done.exit_code, "it would copy itself" in done.stderr) == (1, True)
    assert sorted(outer.list_files()) == ["in/a", "inner"]
    # a name that begins alike is no directory above
    assert sync(inner, Side.of(outer, "in2"), delete=True).counts == {"copied": 1}
    assert sync(inner, outer).counts == {"copied": 1, "only_target": 3}


def test_a_side_of_a_storage_that_moves(configure_storage, app, tmp_path):
    roots = {name: str(tmp_path / name) for name in ("old", "new")}
    sides = {"SOURCE": "local", "SOURCE_ROOT": roots["old"], "TARGET": "local", "TARGET_ROOT": roots["new"]}
    moving = configure_storage("moving", {"BACKEND": "migrating", **sides})
    with app.app_context():
        moving.write("a/b", b"x")
        for name, root in roots.items():
            one = configure_storage(name, {"BACKEND": "local", "ROOT": root})
            for source, target in ((moving, one), (one, moving), (Side.of(moving, "a"), root + "/a/b")):
                with pytest.raises(fs.ConfigurationError, match="it would copy itself"):
                    sync(source, target)
            # beside it
            assert sync(Side.of(moving, "a"), Side.of(one, "c")).counts == {"copied": 1}
        with pytest.raises(fs.ConfigurationError, match="it would copy itself"):
            sync(moving, Side.of(moving, "a"))
        assert sync(moving, tmp_path / "elsewhere").failed == 0
