"""URLs, redirects and paths of a storage that moves: those of the side that has the file, else the app's."""

import io
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import requests
from moving_storages import bring, settle, sides

import flask_pyfs as fs
from flask_pyfs.filesystems.migrating import journal

pytestmark = pytest.mark.server


@pytest.fixture
def fetched(app):
    """A function that returns the content at a URL, of a store or of the app, and whether a store sent it."""
    client = app.test_client()

    def fetched(url):
        if urlsplit(url).netloc:
            with urlopen(url) as response:
                return response.read(), True
        response = client.get(url, buffered=True)
        if response.status_code == 302:
            return fetched(response.location)
        assert response.status_code == 200
        return response.data, False

    return fetched


# where a file is, in which direction the storage moves, and whether the store of that side gives it to clients
HELD = {
    "in the source": ("source", "forward", True),
    "in the target": ("target", "forward", True),
    "copied to the target": ("both", "forward", True),
    "in the source, back": ("source", "back", True),
    "in the target, back": ("target", "back", False),
    "copied to the target, back": ("both", "back", False),
}


@pytest.mark.parametrize(("held", "direction", "by_store"), HELD.values(), ids=HELD)
@pytest.mark.parametrize("serve_mode", ["stream", "redirect"])
def test_a_file_comes_from_the_store_that_has_it(make, fetched, held, direction, by_store, serve_mode):
    storage = make("s3-moto", "s3-moto", DIRECTION=direction, SERVE_MODE=serve_mode)
    source, target = sides(storage)
    if held == "target":
        target.write("d/ü a.txt", b"content")
    else:
        source.write("d/ü a.txt", b"content")
    if held == "both":
        bring(storage, "d/ü a.txt")
    bucket = (source if held == "source" else target).bucket_name
    url = storage.url("d/ü a.txt", expires=60)
    assert (bucket in url) is by_store
    assert fetched(url) == (b"content", by_store)
    assert fetched(storage.url("d/ü a.txt")) == (b"content", by_store and serve_mode == "redirect")


def test_what_no_side_signs_the_app_signs(make, fetched):
    storage = make("local", "s3-moto")
    source, target = sides(storage)
    source.write("old.txt", b"old")
    target.write("new.txt", b"new")
    assert fetched(storage.url("old.txt", expires=60)) == (b"old", False)
    assert fetched(storage.url("new.txt", expires=60)) == (b"new", True)
    missing = storage.url("missing.txt", expires=60)
    assert not urlsplit(missing).netloc
    storage.delete("new.txt")
    assert not urlsplit(storage.url("new.txt", expires=60)).netloc


def test_a_link_that_was_given_opens_the_file_also_after_it_moved_back(make, fetched):
    storage = make("s3-moto", "s3-moto", DIRECTION="back")
    sides(storage)[1].write("a.txt", b"content")
    url = storage.url("a.txt", expires=60)
    settle(storage, "a.txt")
    assert fetched(url) == (b"content", False)


@pytest.fixture
def turned_back(monkeypatch):
    """A function that lets the journal turn a storage back, whose settings say forward."""
    monkeypatch.setattr(journal, "MAX_AGE", 0)

    def turn(storage):
        own = storage.backend.store.journal
        own.finish(own.finishing("forward"))
        while own.to_turn("back") is not None:
            own.turn(own.state())
        assert own.direction("forward") == "back"

    return turn


def test_what_was_turned_back_is_not_given_to_clients_by_the_target(make, fetched, turned_back):
    storage = make("s3-moto", "s3-moto")
    source, target = sides(storage)
    turned_back(storage)
    source.write("source.txt", b"content")
    target.write("target.txt", b"content")
    assert fetched(storage.url("source.txt", expires=60)) == (b"content", True)
    url = storage.url("target.txt", expires=60)
    settle(storage, "target.txt")
    assert fetched(url) == (b"content", False)
    assert not urlsplit(storage.upload_url("a.txt", expires=60).url).netloc


def test_what_was_turned_back_has_no_path_in_the_target(app, make, turned_back):
    storage = make("local", "local", SERVE_MODE="sendfile")
    source, target = sides(storage)
    turned_back(storage)
    source.write("source.txt", b"content")
    target.write("target.txt", b"content")
    assert storage.path("source.txt") == source.path("source.txt")
    with pytest.raises(fs.OperationNotSupported):
        storage.path("target.txt")
    for name, is_sent in {"source.txt": True, "target.txt": False}.items():
        response = app.test_client().get(storage.url(name), buffered=True)
        assert ("X-Sendfile" in response.headers) is is_sent


# the settings, and whether a client sends its upload to the store
UPLOADS = {
    "forward": ({}, True),
    "with a type and a size": ({"terms": {"content_type": "text/plain", "max_size": 100}}, True),
    "to both sides": ({"WRITES": "both"}, False),
    "back": ({"DIRECTION": "back"}, False),
    "exclusive": ({"terms": {"unique": False}}, False),
}


@pytest.mark.parametrize(("settings", "by_store"), UPLOADS.values(), ids=UPLOADS)
def test_an_upload_goes_to_the_store_only_if_all_writes_go_to_the_target(app, make, settings, by_store):
    terms = settings.get("terms", {})
    storage = make("s3-moto", "s3-moto", **{key: value for key, value in settings.items() if key != "terms"})
    upload = storage.upload_url("a.txt", expires=60, **terms)
    assert bool(urlsplit(upload.url).netloc) is by_store
    if by_store:
        response = requests.post(upload.url, data=upload.fields, files={"file": ("a.txt", b"sent", "text/plain")})
        assert response.ok, response.text
    else:
        data = {"file": (io.BytesIO(b"sent"), "a.txt", "text/plain")}
        assert app.test_client().post(upload.url, data=data).status_code == 201
    assert storage.read(upload.name) == b"sent"
    source, target = sides(storage)
    assert source.exists(upload.name) is (settings.get("DIRECTION") == "back" or settings.get("WRITES") == "both")
    assert target.exists(upload.name) is (settings.get("DIRECTION") != "back")


def test_an_upload_over_a_tombstone_is_a_file(make):
    storage = make("s3-moto", "s3-moto")
    sides(storage)[0].write("a.txt", b"old")
    storage.delete("a.txt")
    upload = storage.upload_url("a.txt", expires=60, unique=False, overwrite=True)
    assert requests.post(upload.url, data=upload.fields, files={"file": ("a.txt", b"sent")}).ok
    assert storage.read("a.txt") == b"sent"


PATHS = {
    "in the source": ("source", "forward", True),
    "in the target": ("target", "forward", False),
    "in the source, back": ("source", "back", True),
    "in the target, back": ("target", "back", False),
}


@pytest.mark.parametrize(("held", "direction", "has_path"), PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("prefix", ["", "some/where"])
def test_paths_are_those_of_the_disk_that_has_the_file(app, make, held, direction, has_path, prefix):
    storage = make("local", "memory", DIRECTION=direction, SOURCE_PREFIX=prefix, SERVE_MODE="sendfile")
    side = sides(storage)[held == "target"]
    side.write("d/a.txt", b"content")
    with storage.local_copy("d/a.txt") as copy:
        assert Path(copy).read_bytes() == b"content"
    response = app.test_client().get(storage.url("d/a.txt"), buffered=True)
    assert response.status_code == 200
    if has_path:
        path = storage.path("d/a.txt")
        assert Path(path).read_bytes() == b"content"
        assert copy == path == response.headers["X-Sendfile"]
        assert response.data == b""
    else:
        assert copy.startswith("/tmp")
        assert "X-Sendfile" not in response.headers
        assert response.data == b"content"
        with pytest.raises(fs.OperationNotSupported):
            storage.path("d/a.txt")


def test_the_web_server_is_told_the_path_below_its_own_directory(app, make):
    storage = make("local", "memory", SOURCE_PREFIX="some/where", SERVE_MODE="sendfile", ACCEL_URL="/protected/")
    sides(storage)[0].write("d/a b.txt", b"content")
    response = app.test_client().get(storage.url("d/a b.txt"))
    assert response.headers["X-Accel-Redirect"] == "/protected/some/where/d/a%20b.txt"
    assert app.test_client().get(storage.url("missing.txt")).status_code == 404


def test_a_directory_on_both_sides(make, tmp_path):
    storage = make("local", "local")
    source, target = sides(storage)
    source.write("a.txt", b"old")
    assert storage.path("a.txt") == source.path("a.txt")
    bring(storage, "a.txt")
    assert storage.path("a.txt") == target.path("a.txt")


def test_the_path_of_the_root(make, tmp_path):
    source, target = tmp_path / "SOURCE", tmp_path / "TARGET"
    for kinds, settings, root in (
        (("local", "local"), {}, target),
        (("local", "memory"), {}, source),
        (("memory", "local"), {}, target),
        (("local", "local"), {"DIRECTION": "back"}, source),
    ):
        assert Path(make(*kinds, **{"DIRECTION": "forward"} | settings).path("")) == root
    with pytest.raises(fs.OperationNotSupported):
        make("memory", "memory", DIRECTION="forward").path("")


REFUSED_MODES = [
    ("memory", "memory", {}, None),
    (
        "local",
        "local",
        {"SERVE_MODE": "redirect"},
        "FILES_FS_SOURCE it signs no URLs and of FILES_FS_TARGET it signs no",
    ),
    ("s3-moto", "local", {"SERVE_MODE": "redirect"}, None),
    ("local", "s3-moto", {"SERVE_MODE": "redirect"}, None),
    ("local", "s3-moto", {"SERVE_MODE": "redirect", "DIRECTION": "back"}, "it signs no URLs"),
    ("local", "s3-moto", {"SERVE_MODE": "sendfile"}, None),
    ("s3-moto", "local", {"SERVE_MODE": "sendfile", "DIRECTION": "back"}, "its files are not on a local disk"),
]


@pytest.mark.parametrize(("source", "target", "settings", "obstacle"), REFUSED_MODES)
def test_a_serve_mode_is_refused_only_if_no_side_can_do_it(make, source, target, settings, obstacle):
    if obstacle is None:
        assert make(source, target, **settings).backend_name == "migrating"
    else:
        with pytest.raises(fs.ConfigurationError, match=obstacle):
            make(source, target, **settings)


def test_a_private_storage_needs_a_secret_key_as_long_as_the_app_may_sign(app, make):
    app.secret_key = None
    assert make("s3-moto", "s3-moto", PRIVATE=True).backend.signs_urls
    for settings in (("local", "s3-moto", {}), ("s3-moto", "s3-moto", {"DIRECTION": "back"})):
        with pytest.raises(fs.ConfigurationError, match="SECRET_KEY"):
            make(*settings[:2], PRIVATE=True, **settings[2])
