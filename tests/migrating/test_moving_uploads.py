"""Uploads that survive interruptions, while their storage moves to another store."""

import io

import flask
import pytest
from moving_storages import moving, sides

import flask_pyfs as fs
from flask_pyfs.migration import finish, migrate
from flask_pyfs.names import RESERVED, Reserved
from flask_pyfs.resumable.upload import Upload

pytestmark = pytest.mark.server

DATA = bytes(range(256)) * 4
STORES = [("local", "s3-moto"), ("s3-moto", "gridfs"), ("gridfs", "local")]
WAYS = {"forward": {}, "to both sides": {"WRITES": "both"}, "back": {"DIRECTION": "back"}}


@pytest.fixture
def move(app, request):
    """A function that configures a storage that moves."""
    app.config["SECRET_KEY"] = "secret"
    opened = []

    def move(source, target, **settings):
        opened.append(moving(app, request, source, target, **settings))
        return opened[-1].__enter__()

    yield move
    for each in reversed(opened):
        each.__exit__(None, None, None)


def alone(backend):
    """Return an app, and its storage, that knows one of the two stores alone."""
    app, storage = flask.Flask("alone"), fs.Storage("files", fs.ALL)
    app.config.update(SECRET_KEY="secret", FILES_FS_BACKEND="memory")
    fs.init_app(app, storage)
    storage.last_state.backend._store = backend.store
    storage.last_state.backend.prefix = backend.prefix
    return app, storage


def begin(storage):
    url = storage.resumable_url("dir/a.bin", expires=60, unique=False).url
    return Upload.begin(url.rpartition("/")[2], length=len(DATA)).token


def send(app, token, start, stop):
    with app.test_request_context():
        return Upload.opened(token).append(io.BytesIO(DATA[start:stop]), start)


def kept(*backends):
    found = []
    for each in backends:
        above = f"{each.prefix}/" if each.prefix else ""
        found += each.store.iter_files(Reserved(f"{above}{RESERVED}/uploads/"))
    return {path.rpartition("/")[2] for path in found}


@pytest.mark.parametrize("settings", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("source", "target"), STORES)
def test_an_upload_that_began_before(move, app, source, target, settings):
    storage = move(source, target, SOURCE_PREFIX="some/where", TARGET_PREFIX="else/where", **settings)
    before, _ = alone(sides(storage)[0])
    token = begin(storage)
    assert send(before, token, 0, 300).offset == 300
    assert send(app, token, 300, 500).offset == 500
    # a process that has not restarted yet, and does not know what the others have
    with before.test_request_context():
        assert Upload.opened(token).status().offset in (300, 500)
    status = send(app, token, 500, len(DATA))
    assert (status.stored, storage.read("dir/a.bin")) == ("dir/a.bin", DATA)
    with app.test_request_context():
        assert Upload.opened(token).status().stored == "dir/a.bin"
    # what tells the client what its upload has become
    assert kept(*sides(storage)) == {"done"}
    storage.backend.store.remove_uploads(-5)
    assert kept(*sides(storage)) == set()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("source", "target"), STORES)
def test_an_upload_that_began_during_it_and_goes_on_after_its_end(move, app, source, target):
    storage = move(source, target)
    sides(storage)[0].write("old.txt", b"old")
    migrate(storage)
    token = begin(storage)
    assert send(app, token, 0, 300).offset == 300
    assert finish(storage).finished
    assert send(app, token, 300, 500).offset == 500
    after, moved = alone(sides(storage)[1])
    status = send(after, token, 500, len(DATA))
    with after.app_context():
        assert (status.stored, moved.read("dir/a.bin")) == ("dir/a.bin", DATA)
