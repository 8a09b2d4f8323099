"""Uploads in parts to a storage that moves: to the store that takes new files, and judged by both."""

import pytest
from companion import Companion, Refused
from moving_storages import sides

import flask_pyfs as fs

pytestmark = pytest.mark.server

CONTENT = b"content of one part"


@pytest.fixture
def begin(app):
    def begin(storage, **terms):
        return Companion(app.test_client(), storage.multipart_url("a.txt", expires=60, **{"unique": False, **terms}))

    return begin


# the settings, and which sides have the file
WAYS = {
    "forward": ({}, (False, True)),
    "to both sides": ({"WRITES": "both"}, (True, True)),
    "back": ({"DIRECTION": "back"}, (True, False)),
}


@pytest.mark.parametrize(("settings", "held"), WAYS.values(), ids=WAYS)
def test_a_file_is_sent_to_the_side_that_takes_new_files(make, begin, settings, held):
    storage = make("s3-moto", "s3-moto", TARGET_PREFIX="some/where", **settings)
    client = begin(storage, unique=True)
    assert client.whole(CONTENT)["key"] == client.name
    assert storage.read(client.name) == CONTENT
    assert tuple(side.exists(client.name) for side in sides(storage)) == held


def test_a_name_that_the_source_has(make, begin):
    storage = make("s3-moto", "s3-moto")
    source, target = sides(storage)
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    source.write("a.txt", b"old")
    for call in (begin(storage).create, lambda: client.complete(upload, key, parts)):
        with pytest.raises(Refused, match="409"):
            call()
    assert storage.read("a.txt") == b"old"
    begin(storage, overwrite=True).whole(CONTENT)
    assert storage.read("a.txt") == CONTENT
    assert target.exists("a.txt")


def test_a_name_whose_file_was_deleted(make, begin):
    storage = make("s3-moto", "s3-moto")
    sides(storage)[0].write("a.txt", b"old")
    storage.delete("a.txt")
    begin(storage).whole(CONTENT)
    assert storage.read("a.txt") == CONTENT


def test_a_side_that_is_not_s3_takes_no_parts(make, begin):
    with pytest.raises(fs.OperationNotSupported):
        begin(make("s3-moto", "memory"))
