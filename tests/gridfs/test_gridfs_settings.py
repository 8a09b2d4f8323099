"""The settings of a storage on GridFS: what is refused, what becomes of the options of its URL, and no secret told."""

import socket

import pytest
from drivers import LARGE, MIB, events, one_server, told_by

from flask_pyfs import ConfigurationError, FSError


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def configure(configure_storage, silent):
    """Configure a storage on the silent server, with a password in its URL; a setting that is None is not set."""

    def configure(**settings):
        url = f"mongodb://user:secret@127.0.0.1:{silent.getsockname()[1]}/"
        settings = {"BACKEND": "gridfs", "MONGO_URL": url, "MONGO_DB": "database", "TIMEOUT": 0.3, **settings}
        return configure_storage("files", {key: value for key, value in settings.items() if value is not None})

    return configure


@pytest.mark.parametrize("setting", ["MONGO_URL", "MONGO_DB"])
def test_settings_that_are_missing(configure, setting):
    with pytest.raises(ConfigurationError, match=f"FILES_FS_{setting} or FS_GRIDFS_{setting} or FS_{setting}"):
        configure(**{setting: None})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("MONGO_URL", ""),
        ("MONGO_URL", "user:secret@127.0.0.1"),
        ("MONGO_URL", "http://user:secret@127.0.0.1/"),
        ("MONGO_URL", "gridfs://user:secret@127.0.0.1/"),
        ("MONGO_URL", 27017),
        ("MONGO_DB", ""),
        ("CHUNK_SIZE", 0),
        ("CHUNK_SIZE", 1023),
        ("CHUNK_SIZE", 15 * MIB + 1),
        ("CHUNK_SIZE", "large"),
        ("TIMEOUT", 0),
        ("TIMEOUT", -1),
        ("TIMEOUT", "soon"),
        ("TIMEOUT", float("nan")),
        ("TIMEOUT", float("inf")),
    ],
)
def test_settings_that_cannot_be_right(configure, silent, setting, value):
    with pytest.raises(ConfigurationError) as raised:
        configure(**{setting: value})
    assert f"FILES_FS_{setting}" in str(raised.value)
    assert raised.value.storage == "files"
    assert all("secret" not in told for told in told_by(raised.value))
    # nobody asked the server
    with pytest.raises(BlockingIOError):
        silent.accept()


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        "mongodb:///",
        "mongodb://user:sec@ret@127.0.0.1/",
        "mongodb://user:sec%ret@127.0.0.1/",
        "mongodb://user:secret@127.0.0.1:port/",
        "mongodb://user:secret@127.0.0.1:123456/",
    ],
)
def test_urls_that_the_driver_refuses(app, configure, url):
    with pytest.raises(ConfigurationError) as raised, app.app_context():
        configure(MONGO_URL=url).exists("a")
    assert "MONGO_URL" in str(raised.value)
    assert raised.value.storage == "files"
    assert all("ret@" not in told for told in told_by(raised.value))


@one_server
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("MONGO_DB", "data.base"),
        ("MONGO_DB", "data base"),
        ("MONGO_DB", "data/base"),
        ("MONGO_DB", "$database"),
        ("MONGO_DB", "x" * 64),
        ("BUCKET", "$bucket"),
        ("BUCKET", ".bucket"),
        ("BUCKET", "buc..ket"),
    ],
)
def test_names_that_mongodb_refuses(app, make_storage, setting, value):
    with pytest.raises(ConfigurationError) as raised, app.app_context():
        make_storage(**{setting: value}).write("a", b"content")
    assert raised.value.storage == "files"


@one_server
@pytest.mark.parametrize("bound", [1024, 15 * MIB])
def test_chunk_sizes_at_the_bounds(app, make_storage, bare, bound):
    # as the environment gives it
    storage = make_storage(CHUNK_SIZE=str(bound))
    content = (LARGE * 8)[: bound + 1]
    with app.app_context():
        storage.write("a", content)
        assert storage.read("a") == content
    assert [document["chunkSize"] for document in bare["files.files"].find()] == [bound]


def test_the_password_is_told_nowhere(app, configure, caplog):
    storage = configure()
    with app.app_context(), caplog.at_level("DEBUG"):
        for told in (storage, storage.config, storage.backend, storage.backend.config, storage.backend.store):
            assert "secret" not in repr(told) + str(told)
        for call in (lambda: storage.write("a", b"content"), lambda: list(storage.list_files())):
            with pytest.raises(FSError) as raised:
                call()
            assert all("secret" not in told for told in told_by(raised.value))
    assert "secret" not in caplog.text


# Concerns and preferences

WRITES = {"insert", "update", "delete", "createIndexes"}


@pytest.mark.parametrize(
    ("options", "concern"),
    [("w=1", {"w": 1}), ("w=majority", {"w": "majority"}), ("w=1&journal=true", {"w": 1, "j": True})],
)
def test_write_concern(app, with_options, options, concern):
    storage = with_options(options)
    with app.app_context(), events() as seen:
        storage.write("a", b"content")
        storage.write("a", LARGE, overwrite=True)
        storage.copy("a", "b")
        storage.move("b", "c")
        storage.delete("c")
    # the copies are written by an aggregation
    writes = [
        event
        for event in seen
        if event.command_name in WRITES or ("pipeline" in event.command and "$merge" in event.command["pipeline"][-1])
    ]
    assert {event.command_name for event in writes} >= {"insert", "update", "delete", "aggregate"}
    assert [dict(event.command["writeConcern"]) for event in writes] == [concern] * len(writes)


def test_read_preference(app, with_options, mongo):
    storage = with_options("readPreference=nearest")
    with app.app_context():
        storage.write("a", LARGE)
        with events() as seen:
            assert storage.read("a") == LARGE
            assert storage.exists("a")
            assert list(storage.list_files()) == ["a"]
    # a server that is alone is told nothing
    expected = {"mode": "nearest"} if "replicaSet" in mongo.url else None
    assert {event.command_name for event in seen} == {"find"}
    assert [event.command.get("$readPreference") for event in seen] == [expected] * len(seen)


def test_read_concern(app, with_options):
    storage = with_options("readConcernLevel=majority")
    with app.app_context():
        storage.write("a", b"content", overwrite=True)
        with events() as seen:
            assert storage.read("a") == b"content"
    assert [dict(event.command["readConcern"]) for event in seen] == [{"level": "majority"}] * 2


@one_server
def test_writes_that_are_not_acknowledged(app, with_options):
    storage = with_options("w=0")
    with app.app_context(), pytest.raises(ConfigurationError):
        storage.write("a", b"content")
