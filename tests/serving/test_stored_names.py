"""Files that other tools stored under names that no new file gets, on each backend: each operation reaches them.

The files are put by the drivers themselves, as Flask-FS and its successors did.
"""

import io
import os
import re
import unicodedata
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

import gridfs as gridfs_driver
import pymongo
import pytest
from buckets import bare_client
from containers import bare_connection
from counting_commands import commands
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.faults import FaultProxy
from servers.s3 import S3Endpoint
from serving.conftest import STORES, on_servers

import flask_pyfs as fs
from flask_pyfs import names, signals
from flask_pyfs.state import find
from flask_pyfs.web.links import _route_url

NFC, NFD = (unicodedata.normalize(form, "d/café.txt") for form in ("NFC", "NFD"))

# as a store of objects has them, by what is odd with each
KEYS = {
    "double slash": "p//x.txt",
    "leading slash": "/2024/x.txt",
    "NFD": NFD,
    "NFD below a double slash": f"p//{NFD}",
    "backslash": "d\\back\\slash.txt",
    "control": "d/bell\x07tab\t.txt",
}
# a directory of a disk keeps these apart
KEPT = [name for name in KEYS if "slash" not in name or name == "backslash"]
NEVER_NEW = ["backslash", "control"]


def get(app, url, **options):
    return app.test_client().get(url, buffered=True, **options)


class Drivers:
    """Puts files without this package, and tells what there is."""

    def __init__(self, backend, put, keys):
        self.backend = backend
        self.put = put
        self.keys = keys


@contextmanager
def driver(kind, settings, app):
    backend = settings["BACKEND"]
    if backend == "s3":
        place = {key: settings[key.upper()] for key in ("access_key", "secret_key", "region", "addressing_style")}
        client = bare_client(S3Endpoint(kind.partition("-")[2], settings["ENDPOINT"], **place))
        bucket = settings["BUCKET"]
        yield Drivers(
            backend,
            lambda key, content=b"odd": client.put_object(Bucket=bucket, Key=key, Body=content),
            lambda: {each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", ())},
        )
        # the request that empties the bucket cannot name it
        client.delete_object(Bucket=bucket, Key=KEYS["control"])
    elif backend == "gridfs":
        with closing(pymongo.MongoClient(settings["MONGO_URL"])) as client:
            bucket = gridfs_driver.GridFSBucket(client[settings["MONGO_DB"]], "files")
            yield Drivers(
                backend,
                lambda key, content=b"odd": bucket.upload_from_stream(key, content),
                lambda: {each.filename for each in bucket.find()},
            )
    elif backend == "swift":
        container = settings["CONTAINER"]
        with closing(bare_connection_of(settings)) as connection:
            yield Drivers(
                backend,
                lambda key, content=b"odd": connection.put_object(container, key, content),
                lambda: {each["name"] for each in connection.get_container(container)[1]},
            )
    else:
        root = Path(app.config["FS_ROOT"]) / "files"

        def put(key, content=b"odd"):
            path = f"{root}/{key}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(path).write_bytes(content)

        yield Drivers(backend, put, lambda: {str(path.relative_to(root)) for path in root.rglob("*.txt")})


def bare_connection_of(settings):
    class Place:
        auth_url, user, key = settings["AUTHURL"], settings["USER"], settings["KEY"]

    return bare_connection(Place)


def pytest_generate_tests(metafunc):
    kinds = [pytest.param("local"), *on_servers(STORES)]
    if "odd" in metafunc.fixturenames:
        # a directory has none of the other names
        pairs = [pytest.param("local", odd) for odd in KEPT]
        pairs += [pytest.param(*kind.values, odd, marks=kind.marks) for kind in kinds[1:] for odd in KEYS]
        metafunc.parametrize(("kind", "odd"), pairs, indirect=True)
    elif "cost" in metafunc.fixturenames:
        # a disk gets no requests
        metafunc.parametrize("kind", kinds[1:], indirect=True)
    elif "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", kinds, indirect=True)


@pytest.fixture
def kind(request):
    return request.param


@pytest.fixture
def place(kind, place_on):
    with place_on(kind) as settings:
        yield settings


@pytest.fixture
def drivers(kind, place, app):
    with driver(kind, place, app) as drivers:
        yield drivers


@pytest.fixture
def storage(app, place, configure_storage):
    storage = configure_storage("files", place)
    with app.app_context():
        yield storage


@pytest.fixture
def odd(request, drivers):
    """The name of a file that a driver put."""
    drivers.put(KEYS[request.param])
    return request.param


# Each operation, on each kind of name


def test_reading(storage, odd):
    key = KEYS[odd]
    assert storage.exists(key)
    assert key in storage
    assert storage.read(key) == b"odd"
    assert b"".join(storage.read_chunks(key)) == b"odd"
    with storage.open(key) as file:
        assert file.read() == "odd"
    metadata = storage.metadata(key)
    assert (metadata["size"], metadata["filename"]) == (3, key.rpartition("/")[2])
    assert metadata["url"].endswith(quote(key))
    assert storage.version(key)
    assert list(storage.list_files()) == [key]


def test_replacing(storage, drivers, odd):
    key = KEYS[odd]
    assert storage.write(key, b"two", overwrite=True) == key
    assert storage.save(io.BytesIO(b"three"), key, overwrite=True) == key
    with storage.open(key, "a") as file:
        file.write(" four")
    assert storage.read(key) == b"three four"
    with storage.open(key, "w") as file:
        file.write("five")
    assert storage.replace_version(key, b"six", storage.version(key)) == key
    assert storage.read(key) == b"six"
    assert drivers.keys() == {key}
    storage.delete(key)
    with pytest.raises(fs.VersionChanged):
        storage.replace_version(key, b"seven", "1")


def test_a_taken_name_is_taken_in_each_spelling(storage, drivers, odd):
    key = KEYS[odd]
    storage.write("other.txt", b"other")
    # an ASCII name in normal form has no other spelling
    for name in {key, NFC if key == NFD else key}:
        for write in (
            partial(storage.write, name, b"new"),
            partial(storage.write_only_new, name, b"new"),
            partial(storage.save, io.BytesIO(b"new"), name),
            partial(storage.open, name, "x"),
            partial(storage.copy, "other.txt", name),
            partial(storage.move, "other.txt", name),
        ):
            with pytest.raises(fs.FileExists):
                write()
    assert drivers.keys() == {key, "other.txt"}
    assert storage.read(key) == b"odd"


def test_copying_and_moving(storage, drivers, odd):
    key = KEYS[odd]
    storage.copy(key, "copy.txt")
    assert storage.read("copy.txt") == b"odd"
    storage.write("copy.txt", b"new", overwrite=True)
    storage.copy("copy.txt", key, overwrite=True)
    assert storage.read(key) == b"new"
    assert drivers.keys() == {key, "copy.txt"}
    storage.move("copy.txt", key, overwrite=True)
    assert drivers.keys() == {key}
    storage.copy(key, key)
    storage.move(key, key)
    assert drivers.keys() == {key}
    storage.move(key, "moved.txt")
    assert drivers.keys() == {"moved.txt"}


def test_a_file_moves_to_the_normal_form_of_its_name(storage, drivers, odd):
    key = KEYS[odd]
    if odd in NEVER_NEW:
        with pytest.raises(fs.FileNotFound):
            storage.move("absent.txt", "a.txt")
        storage.move(key, key, overwrite=True)
        assert drivers.keys() == {key}
        return
    normal = names.normalize(key)
    storage.move(key, normal)
    assert drivers.keys() == {normal}
    assert storage.read(key) == storage.read(normal) == b"odd"


def test_deleting(storage, drivers, odd):
    key = KEYS[odd]
    drivers.put("canary.txt")
    deleted = []
    with signals.file_deleted.connected_to(lambda storage, filename: deleted.append(filename), storage):
        storage.delete(key)
        assert drivers.keys() == {"canary.txt"}
        drivers.put(key)
        assert not storage.delete_version(key, "other")
        assert storage.delete_version(key, storage.version(key))
    assert deleted == [key, key]
    assert drivers.keys() == {"canary.txt"}
    assert not storage.exists(key)
    for read in (storage.read, storage.open, storage.metadata, storage.version):
        with pytest.raises(fs.FileNotFound):
            read(key)
    with pytest.raises(fs.FileNotFound):
        storage.copy(key, "copy.txt")
    with pytest.raises(fs.FileNotFound):
        storage.move(key, "moved.txt")


def test_serving(app, storage, odd):
    key = KEYS[odd]
    announced = []
    with signals.before_display.connected_to(lambda storage, filename: announced.append(filename), storage):
        response = get(app, storage.url(key))
        assert (response.status_code, response.data) == (200, b"odd")
        again = get(app, storage.url(key), headers={"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304
    assert announced == [key, key]


def test_a_download_has_no_odd_character_in_its_headers(app, storage, odd):
    response = get(app, storage.url(KEYS[odd], download=True))
    assert response.data == b"odd"
    for name, value in response.headers:
        assert all(31 < ord(character) < 127 for character in value), name
    assert "\\" not in response.headers["Content-Disposition"]
    assert "%0" not in response.headers["Content-Disposition"]


@pytest.mark.parametrize("odd_key", NEVER_NEW)
def test_names_that_no_new_file_gets(storage, drivers, odd_key):
    key = KEYS[odd_key]
    storage.write("other.txt", b"other")
    for write in (
        lambda: storage.write(key, b"new"),
        lambda: storage.write(key, b"new", overwrite=True),
        lambda: storage.write_only_new(key, b"new"),
        lambda: storage.save(io.BytesIO(b"new"), key),
        lambda: storage.open(key, "w"),
        lambda: storage.open(key, "x"),
        lambda: storage.open(key, "a"),
        lambda: storage.copy("other.txt", key),
        lambda: storage.move("other.txt", key, overwrite=True),
    ):
        with pytest.raises(fs.InvalidPath, match="no new file"):
            write()
    assert drivers.keys() == {"other.txt"}


# Several spellings at once


@pytest.fixture
def apart(kind, drivers):
    """Two files whose names have the same normal form, and their names; none is lost for the other."""
    both = (NFC, NFD) if kind == "local" else ("p/x.txt", "p//x.txt")
    for key in both:
        drivers.put(key, key.encode())
    return both


def test_each_spelling_means_its_own_file(storage, drivers, apart):
    normal, other = apart
    assert (storage.read(normal), storage.read(other)) == (normal.encode(), other.encode())
    assert set(storage.list_files()) == set(apart)
    storage.write(other, b"new", overwrite=True)
    assert (storage.read(normal), storage.read(other)) == (normal.encode(), b"new")
    storage.delete(other)
    assert drivers.keys() == {normal}
    # now it means the other one
    assert storage.read(other) == normal.encode()
    storage.delete(other)
    assert drivers.keys() == set()


def test_a_name_in_nfc_means_the_file_in_nfd(app, storage, drivers):
    drivers.put(NFD)
    assert storage.read(NFC) == b"odd"
    assert get(app, storage.url(NFC)).data == b"odd"
    assert list(storage.list_files("d/caf")) == list(storage.list_files("d/café")) == [NFD]
    assert storage.metadata(NFC)["filename"] == "cafe\u0301.txt"
    # it leaves no shadow behind
    assert storage.write(NFC, b"new", overwrite=True) == NFD
    storage.copy(NFC, NFC)
    storage.copy(NFD, NFC, overwrite=True)
    storage.copy(NFC, NFD)
    assert drivers.keys() == {NFD}
    with pytest.raises(fs.FileExists):
        storage.write(NFC, b"other")
    storage.delete(NFC)
    assert drivers.keys() == set()
    assert storage.write(NFD, b"new") == NFC
    assert drivers.keys() == {NFC}


def test_deleting_a_directory_in_each_spelling(storage, drivers):
    decomposed = unicodedata.normalize("NFD", "été/a.txt")
    for key in ("été/a.txt", decomposed, "canary.txt"):
        drivers.put(key)
    storage.delete("été")
    assert drivers.keys() == {"canary.txt"}
    drivers.put(decomposed)
    drivers.put("été/a.txt")
    storage.delete(unicodedata.normalize("NFD", "été"))
    assert drivers.keys() == {"été/a.txt", "canary.txt"}


def test_a_prefix_is_listed_in_each_spelling(kind, storage, drivers):
    keys = {NFC, NFD, "2024/new.txt", "d/back\\slash.txt"}
    if kind != "local":
        keys |= {"/2024/old.txt", "p//x.txt", "p/y.txt"}
    for key in keys:
        drivers.put(key)

    def listed(prefix):
        found = list(storage.list_files(prefix))
        assert len(found) == len(set(found))
        return set(found)

    assert listed("") == listed("/") == listed(None) == keys
    assert listed("d/café") == {NFC, NFD}
    assert listed("/2024") == listed("/2024/") == {key for key in keys if "2024" in key}
    assert listed("2024") == {"2024/new.txt"}
    assert listed("p//") == listed("p/") == {key for key in keys if key.startswith("p/")}
    assert listed("d/back\\") == {"d/back\\slash.txt"}


class Pipe:
    """A stream that cannot seek."""

    def __init__(self, content):
        self._pieces = [content]

    def read(self, size=-1):
        return self._pieces.pop() if self._pieces else b""


def test_a_stream_that_cannot_seek_replaces_what_a_name_means(kind, storage, drivers):
    for key, others in {NFD: [NFC, NFD], "p/x.txt": ["p/x.txt", "p//x.txt", "/p/x.txt"]}.items():
        drivers.put(key)
        for number, name in enumerate(others):
            content = f"{number}".encode() * 5
            version = storage.version(name)
            assert storage.replace_version(name, Pipe(content), version) == key
            assert storage.read(key) == content
            with pytest.raises(fs.VersionChanged):
                storage.replace_version(name, Pipe(b"lost"), version)
            assert storage.read(key) == content
    assert drivers.keys() == {NFD, "p/x.txt"}


class Broken(Pipe):
    def read(self, size=-1):
        raise ValueError("it is closed")


@pytest.mark.parametrize("name", ["a.txt", NFC, "p//x.txt"])
def test_an_error_of_the_callers_stream_is_not_one_of_the_name(kind, storage, drivers, name):
    drivers.put(name)
    for write in (
        partial(storage.replace_version, name, Broken(b""), storage.version(name)),
        partial(storage.write, name, Broken(b""), overwrite=True),
    ):
        with pytest.raises(ValueError, match=r"^it is closed$"):
            write()
    assert storage.read(name) == b"odd"


def test_a_leading_slash_and_double_ones_are_found_in_normal_form(app, storage):
    storage.write("a/b.txt", b"content")
    for name in ("/a/b.txt", "a//b.txt", "./a/./b.txt", "//a///b.txt"):
        assert storage.read(name) == b"content"
        assert get(app, f"/files/{name}").data == b"content"
        assert storage.write(name, b"content", overwrite=True) == "a/b.txt"
    assert list(storage.list_files()) == ["a/b.txt"]


def test_what_an_upload_is_put_into(kind, storage, drivers):
    assert storage.save(io.BytesIO(b"new"), "x.txt", prefix="p/") == "p/x.txt"
    if kind == "local":
        return
    drivers.put("q//x.txt")
    with pytest.raises(fs.FileExists):
        storage.save(io.BytesIO(b"new"), "x.txt", prefix="q/")
    assert storage.save(io.BytesIO(b"new"), "x.txt", prefix="q/", overwrite=True) == "q//x.txt"
    assert drivers.keys() == {"p/x.txt", "q//x.txt"}


def test_below_prefix(app, kind, place, drivers, configure_storage):
    storage = configure_storage("files", {**place, "PREFIX": "a/b"})
    drivers.put(f"a/b/{NFD}")
    found = [NFD]
    if kind != "local":
        drivers.put("a/b//x.txt")
        drivers.put("x.txt")
        found += ["/x.txt"]
    with app.app_context():
        assert sorted(storage.list_files()) == sorted(found)
        assert {name: storage.read(name) for name in found} == dict.fromkeys(found, b"odd")
        assert storage.read(NFC) == b"odd"
        if kind != "local":
            assert not storage.exists("x.txt")
        for name in found:
            storage.delete(name)
        assert list(storage.list_files()) == []


# On a disk


def test_names_that_are_not_utf_8(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "local"})
    root = os.fsencode(app.config["FS_ROOT"]) + b"/files"
    with app.app_context():
        storage.write("a.txt", b"")
        Path(os.fsdecode(root + b"/caf\xe9.txt")).write_bytes(b"odd")
        name = "caf\udce9.txt"
        assert sorted(storage.list_files()) == ["a.txt", name]
        assert storage.read(name) == b"odd"
        url = storage.url(name)
        assert url == "/files/caf%E9.txt"
        # the client of Werkzeug would replace the byte
        sent = {"PATH_INFO": unquote_to_bytes(url).decode("latin-1")}
        response = get(app, "/?download=1", environ_overrides=sent)
        assert response.data == b"odd"
        assert response.headers["Content-Disposition"].isascii()
        assert storage.write(name, b"new", overwrite=True) == name
        app.config["FILES_FS_SERVE_MODE"] = "sendfile"
        fs.init_app(app, storage)
        assert get(app, "/", environ_overrides=sent).headers["X-Sendfile"].endswith("/caf%E9.txt")
        storage.delete(name)
        assert list(storage.list_files()) == ["a.txt"]
        with pytest.raises(fs.InvalidPath, match="no new file"):
            storage.write(name, b"new")


def test_a_leading_slash_is_the_root_of_a_directory(app, tmp_path, configure_storage):
    storage = configure_storage("files", {"BACKEND": "local"})
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"outside")
    with app.app_context():
        assert not storage.exists(str(outside))
        assert storage.path(str(outside)).startswith(storage.root)
        assert storage.path("/a//b") == os.path.join(storage.root, "a", "b")
        assert storage.path("") == os.path.join(storage.root, "")
        assert storage.url("/a//b.txt") == "/files/a/b.txt"
        assert storage.url("") == "/files/"
        assert storage.url("dir/") == "/files/dir/"
        with app.test_request_context():
            assert storage.url("", external=True) == storage.base_url
        app.config["FILES_FS_SERVE_MODE"] = "sendfile"
        fs.init_app(app, storage)
        storage.write("a/b.txt", b"content")
        response = get(app, "/files//a//b.txt")
        assert response.headers["X-Sendfile"] == storage.path("a/b.txt")


# Who may read, and by which URL


@pytest.mark.parametrize("mode", ["stream", "sendfile", "redirect"])
def test_authorize_judges_the_name_that_is_served(app, kind, place, drivers, configure_storage, mode):
    asked = []

    def authorize(access):
        asked.append((access.filename, type(access.filename), access.action))
        return access.filename != "p/secret.txt"

    # a mode for all storages, which those that cannot do it do not use
    app.config["FS_SERVE_MODE"] = mode
    storage = configure_storage("files", {**place, "AUTHORIZE": authorize})
    drivers.put("p/secret.txt")
    drivers.put(NFD)
    with app.app_context():
        for name in ("p/secret.txt", "p//secret.txt", "/p/secret.txt", "./p/secret.txt"):
            asked.clear()
            assert get(app, f"/files/{name}").status_code == 403
            assert asked == [("p/secret.txt", str, "read")]
        asked.clear()
        assert get(app, storage.url(NFC)).status_code in (200, 302)
        assert asked == [(NFD, str, "read")]
        asked.clear()
        assert get(app, "/files/absent//secret.txt").status_code == 404
        assert asked == [("absent/secret.txt", str, "read")]


def test_a_signature_opens_one_spelling(app, kind, place, drivers, configure_storage):
    storage = configure_storage("files", {**place, "PRIVATE": True, "AUTHORIZE": lambda access: True})
    for key in [NFC, NFD, "p/x.txt"] + ([] if kind == "local" else ["p//x.txt", "/p/x.txt"]):
        drivers.put(key, key.encode())
    with app.app_context():
        state = find(storage)
        for signed in (NFC, NFD, "p/x.txt", "p//x.txt", "/p/x.txt"):
            url = _route_url(state, signed, "read", {"expires": "99999999999"}, external=False)
            query = urlsplit(url).query
            for asked in (NFC, NFD, "p/x.txt", "p//x.txt", "/p/x.txt", "./p/x.txt"):
                response = get(app, f"/files/{quote(asked)}?{query}")
                assert response.status_code == (200 if asked == signed else 403), (asked, signed)
            content = get(app, url).data.decode()
            assert content == (names.collapse(signed) if kind == "local" else signed)


def test_a_signature_opens_no_other_spelling(app, place, configure_storage):
    asked = []
    storage = configure_storage(
        "files", {**place, "PRIVATE": True, "AUTHORIZE": lambda access: not asked.append(access.filename)}
    )
    with app.app_context():
        storage.write("p/x.txt", b"secret")
        state = find(storage)
        url = _route_url(state, "./p//x.txt", "read", {"expires": "99999999999"}, external=False)
        status = get(app, url).status_code
        assert status == (200 if storage.root else 404)
        asked.clear()
        storage.url(NFC, expires=60)
        # it may know the file by this one only
        assert asked == [NFC]


def test_authorize_may_know_only_one_spelling(app, kind, place, drivers, configure_storage):
    asked = []

    def known(access):
        asked.append((access.filename, access.action, access.signed))
        return access.filename == NFC

    storage = configure_storage("files", {**place, "PRIVATE": True, "AUTHORIZE": known})

    def upload(sent):
        return app.test_client().post(sent.url, data={"file": (io.BytesIO(b"new"), "x.txt")}).status_code

    def uploaded(overwrite):
        asked.clear()
        return _route_url(find(storage), NFC, "write", {"expires": "99999999999", **overwrite}, external=False)

    with app.app_context():
        storage.write(NFC, b"content")
        assert storage.url(NFC, expires=60)
        assert storage.upload_url(NFC, expires=60, unique=False, overwrite=True).name == NFC
        url = _route_url(find(storage), NFC, "read", {"expires": "99999999999"}, external=False)
        assert get(app, url).data == b"content"
        for overwrite, status in (({"overwrite": "1"}, 201), ({}, 409)):
            sent = fs.UploadURL(NFC, uploaded(overwrite))
            assert upload(sent) == status
            assert asked == [(NFC, "write", True)]
        storage.delete(NFC)
        drivers.put(NFD)
        asked.clear()
        # the other file is not one that the signature was made for
        assert get(app, url).status_code == 403
        assert asked == [(NFD, "read", False)]
        assert upload(fs.UploadURL(NFC, uploaded({"overwrite": "1"}))) == 403
        assert asked == [(NFC, "write", True), (NFD, "write", False)]
        assert upload(fs.UploadURL(NFC, uploaded({}))) == 409
        assert drivers.keys() == {NFD}
        assert storage.read(NFD) == b"odd"


def test_a_name_that_leaves_the_storage_is_plain_text(app, configure_storage):
    got = []
    storage = configure_storage(
        "files", {"BACKEND": "memory", "AUTHORIZE": lambda access: got.append(access.filename) is None}
    )
    with app.app_context():
        for name in ("a.txt", "é.txt"):
            stored = storage.save(io.BytesIO(b"new"), name, unique=True)
            got += [storage.upload_url(name, expires=60).name, storage.url(stored, expires=60), *stored.split(".")]
            for given in (stored, names.Exact(name), fs.StoredName(name, "1")):
                got += [names.normalize(given), *names.spellings(given)]
    assert {type(each) for each in got} == {str}


@pytest.mark.parametrize("name", ["a/b.txt/", "a/b.txt//"])
def test_a_signed_url_has_no_slash_at_its_end(place, storage, name):
    storage.write("a/b.txt", b"content")
    assert storage.url(name, expires=60).partition("?")[0] == storage.url("a/b.txt", expires=60).partition("?")[0]


@pytest.mark.parametrize("name", ["a.php\\.txt", "a.php\x01", "a.\x01php", "a.p\thp.txt", "a.php\\b.txt"])
def test_an_odd_character_hides_no_extension(app, name, configure_storage):
    storage = configure_storage("files", {"BACKEND": "local", "DENY": "php"})
    with app.app_context():
        storage.write("a.txt", b"")
        Path(storage.path(name)).write_bytes(b"odd")
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(io.BytesIO(b"new"), name, overwrite=True)
        assert storage.read(name) == b"odd"


ENDS = ["/", "//", "/.", "/./", "//.//."]


@pytest.mark.parametrize("end", ENDS)
def test_an_end_that_no_file_has_hides_no_extension(end, configure_storage, app):
    storage = configure_storage("files", {"BACKEND": "memory", "DENY": "php"})
    with app.app_context():
        for name in ("a.php", "p//a.php", "/a.php"):
            for upload in (
                partial(storage.save, io.BytesIO(b"new"), name + end),
                partial(storage.save, io.BytesIO(b"new"), name + end, unique=True),
                partial(storage.check, io.BytesIO(b"new"), name + end),
                partial(storage.upload_url, name + end, expires=60),
            ):
                with pytest.raises(fs.UnauthorizedFileType):
                    upload()
        assert list(storage.list_files()) == []
        assert storage.save(io.BytesIO(b"new"), f"a.txt{end}") == "a.txt"


@pytest.mark.parametrize("end", ENDS)
def test_an_end_that_no_file_has_hides_no_content(app, end, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory", "VERIFY": True})
    script = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    with app.app_context():
        for upload in (storage.save, storage.check):
            with pytest.raises(fs.UnauthorizedFileType):
                upload(io.BytesIO(script), f"a.svg{end}")
        assert list(storage.list_files()) == []


def test_other_routes_of_the_app_still_merge_slashes(app, configure_storage):
    configure_storage("files", {"BACKEND": "memory"})
    app.add_url_rule("/api/users", view_func=lambda: "users", endpoint="users")
    response = get(app, "/api//users?a=1&b=//")
    assert (response.status_code, response.headers["Location"]) == (308, "/api/users?a=1&b=//")
    assert get(app, "/api//users", follow_redirects=True).data == b"users"
    assert get(app, "/api//users", base_url="http://localhost/shop").location == "/shop/api/users"
    for path in ("//evil.test//x", "/\\evil.test//x", "/x//evil.test", "/x///evil.test//", "/evil.test//\r\nX: y"):
        response = get(app, "/", environ_overrides={"PATH_INFO": path})
        assert response.status_code in (308, 404)
        assert not re.match(r"[\\/]{2}|\w+:", response.headers.get("Location", "")), path
    app.url_map.merge_slashes = False
    assert get(app, "/api//users").status_code == 404


def test_a_url_leads_to_no_other_host(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory", "URL": "/"})
    with app.test_request_context():
        for name in ("/evil.test/x.js", "//evil.test/x.js", "///evil.test/x.js"):
            for url in (storage.url(name), storage.url(name, external=True), storage.url(name, download=True)):
                assert urlsplit(url).netloc in ("", "localhost"), url
                assert unquote(urlsplit(url).path) == f"/{name}"
        assert storage.url("a/b.txt") == "/a/b.txt"


@pytest.mark.parametrize("url", [None, "/", "/cdn"])
@pytest.mark.parametrize("routes", [True, False])
def test_an_absolute_url_has_the_path_of_the_other(app, url, routes):
    storage = fs.Storage("files")
    app.config.update(FILES_FS_BACKEND="memory", FILES_FS_URL=url)
    if routes:
        fs.init_app(app, storage)
    else:
        storage.configure(app)
    with app.test_request_context(base_url="https://x.example.org/"):
        for name in ("a/b.txt", "a/./b.txt", "./a", "a//b.txt", "/a/b.txt", "//a", "a;b=c/d"):
            assert storage.url(name, external=True) == f"https://x.example.org{storage.url(name)}"


@pytest.mark.parametrize("name", ["caf\udce9.txt", "p//caf\udce9.txt"])
def test_a_store_of_unicode_has_no_other_name(kind, storage, name):
    storage.write("other.txt", b"other")
    assert not storage.exists(name)
    if kind == "local":
        return
    for operation in (
        storage.read,
        storage.open,
        storage.metadata,
        storage.version,
        storage.delete,
        partial(storage.delete_version, version="1"),
        partial(storage.replace_version, content=b"new", version="1"),
        partial(storage.write, content=b"new"),
        partial(storage.copy, target="new.txt"),
        partial(storage.copy, "other.txt"),
        partial(storage.move, target="new.txt"),
    ):
        with pytest.raises(fs.InvalidPath):
            operation(name)
    assert list(storage.list_files()) == ["other.txt"]


# What it costs


@pytest.fixture
def cost(app, kind, place, configure_storage):
    """Counts what a call sends to the store, once it is connected."""
    with ExitStack() as stack:
        if kind == "gridfs":
            storage = configure_storage("files", place)

            def count(call, *arguments, **options):
                with commands() as sent:
                    result(call, arguments, options)
                return len(sent)

        else:
            key = "AUTHURL" if kind == "swift" else "ENDPOINT"
            address = urlsplit(place[key])
            proxy = stack.enter_context(FaultProxy(address.hostname, address.port))
            storage = configure_storage("files", {**place, key: proxy.url + address.path})

            def count(call, *arguments, **options):
                proxy.reset()
                result(call, arguments, options)
                return len(proxy.requests)

        def result(call, arguments, options):
            try:
                if call == "list":
                    found = list(storage.list_files(*arguments))
                else:
                    found = getattr(storage, call)(*arguments, **options)
            except (fs.FileNotFound, fs.VersionChanged):
                return
            if hasattr(found, "close"):
                found.close()

        with app.app_context():
            for name in ("warm.txt", "warm.txt"):
                storage.write(name, b"content", overwrite=True)
            storage.delete("warm.txt")
            list(storage.list_files())
            yield count


OPERATIONS = {
    "exists": (),
    "read": (),
    "metadata": (),
    "version": (),
    "write": (b"new",),
    "copy": ("target.txt", True),
    "move": ("target.txt", True),
    "delete": (),
}


def costs(cost, name, **options):
    return {call: cost(call, name, *arguments, **options) for call, arguments in OPERATIONS.items()}


def test_a_plain_name_costs_nothing_more(cost, drivers):
    absent = costs(cost, "a/absent.txt")
    assert {absent[call] for call in ("exists", "read", "metadata", "version")} == {1}
    drivers.put("a/b.txt")
    # a file that is found costs what one in NFC costs
    plain = {call: cost(call, "a/b.txt") for call in ("exists", "read", "metadata", "version")}
    drivers.put(NFC)
    assert {call: cost(call, NFC) for call in plain} == plain


@pytest.mark.parametrize("call", OPERATIONS)
def test_a_missing_name_in_nfc_is_tried_once_more(cost, call):
    arguments = OPERATIONS[call]
    absent = cost(call, "a/absent.txt", *arguments)
    again = 1 if call == "write" else absent
    assert cost(call, "a/absént.txt", *arguments) == absent + again
    # a name without such characters has no other spelling
    assert cost(call, "a/日本 absent.txt", *arguments) == absent


def test_new_files(cost):
    for call in ("write_only_new", "write"):
        new = cost(call, f"{call}.txt", b"new")
        assert cost(call, f"日本 {call}.txt", b"new") == new
        assert cost(call, f"é {call}.txt", b"new") == new + 1
        assert cost(call, f"p//{call}.txt", b"new") == new + 1
        assert cost(call, f"p//é {call}.txt", b"new") == new + 2
    unique = cost("save", io.BytesIO(b"new"), "x.txt", unique=True)
    assert cost("save", io.BytesIO(b"new"), "é.txt", prefix="/p/", unique=True) == unique
    assert cost("save", io.BytesIO(b"new"), "x.txt", prefix="p") == unique
    assert cost("save", io.BytesIO(b"new"), "x.txt", prefix="q/") == unique + 1


def test_replacing_and_deleting_a_name_in_nfc(cost, drivers):
    for name in ("a.txt", "é.txt", "日本.txt", "p//x.txt", unicodedata.normalize("NFD", "ö.txt")):
        drivers.put(name)
    replaced = cost("write", "a.txt", b"new", True)
    assert cost("write", "日本.txt", b"new", True) == replaced
    assert cost("write", "é.txt", b"new", True) == replaced + 1
    assert cost("write", "p//x.txt", b"new", True) == replaced + 1
    # is there one in NFD, and if so, one in NFC too?
    assert cost("write", "ö.txt", b"new", True) == replaced + 2
    for call, arguments in (("delete_version", ["1"]), ("replace_version", [b"new", "1"])):
        other = cost(call, "a.txt", *arguments)
        # it is there, and another version
        assert cost(call, "é.txt", *arguments) == other + 1
    deleted = cost("delete", "a.txt")
    assert cost("delete", "日本.txt") == deleted
    assert cost("delete", "p//x.txt") == deleted + 1


def test_copies_to_other_spellings(cost, drivers):
    drivers.put("a.txt")
    # a server that knows no condition for copies is asked only once
    cost("copy", "a.txt", "warm.txt")
    copied = cost("copy", "a.txt", "b.txt")
    assert cost("copy", "a.txt", "日本.txt") == copied
    assert cost("copy", "a.txt", "é.txt") == copied + 1
    assert cost("copy", "a.txt", "p//x.txt") == copied + 1
    drivers.put("ü.txt")
    assert cost("copy", "ü.txt", "c.txt") == copied


@pytest.mark.parametrize("call", ["exists", "read", "metadata", "version"])
def test_other_spellings_cost_one_for_each_that_is_missing(cost, drivers, call):
    drivers.put("p//x.txt")
    drivers.put("p/x.txt")
    absent = cost(call, "p/absent.txt")
    found = cost(call, "p/x.txt")
    assert cost(call, "p//x.txt") == found
    assert cost(call, "/p/x.txt") == found + absent
    drivers.put("d\\x")
    assert cost(call, "d\\x") == found


def test_listing_a_prefix(cost):
    listed = cost("list", "p/")
    assert cost("list", "p//") == cost("list", "日本") == cost("list", None) == listed
    assert cost("list", "/p/") == cost("list", "é") == 2 * listed


# The listing


LISTED = st.lists(
    st.text("a./\\é\u0301\t~", min_size=1, max_size=6).filter(lambda key: not key.endswith("/")),
    max_size=4,
    unique=True,
)


@pytest.mark.server
def test_what_is_listed_can_be_read(app, place_on, configure_storage, caplog):
    with place_on("gridfs") as settings_of_place, driver("gridfs", settings_of_place, app) as drivers:
        storage = configure_storage("files", settings_of_place)

        @settings(max_examples=60, database=None)
        @given(LISTED)
        def check(keys):
            caplog.clear()
            for key in keys:
                drivers.put(key, key.encode())
            with app.app_context():
                found = set(storage.list_files())
                for key in keys:
                    if key in found:
                        assert storage.read(key) == key.encode()
                    else:
                        assert names.is_refused(key)
                        assert repr(key) in caplog.text
                assert found <= set(keys)
                for key in found:
                    storage.delete(key)
                assert list(storage.list_files()) == []
            with closing(pymongo.MongoClient(settings_of_place["MONGO_URL"])) as client:
                client[settings_of_place["MONGO_DB"]]["files.files"].delete_many({})

        check()
