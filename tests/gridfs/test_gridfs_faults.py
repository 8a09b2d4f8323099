"""What fails is an error of ours that says what failed, and nothing is lost, torn or left behind, on GridFS."""

import gc
import io
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pymongo
import pytest
from bson import Binary
from counting_commands import commands
from failures import Breaking, all_fail, chunks, lines, sample, write_pieces
from pymongo.errors import PyMongoError
from servers.faults import FaultProxy
from servers.mongo import REPLICA_SET, empty_database, mongod
from servers.process import halted

import flask_pyfs as fs
from flask_pyfs.errors import BackendError, FileExists, FSError, PermissionDenied

pytestmark = pytest.mark.server

MIB = 1024 * 1024
SMALL = b"0123456789" * 50
LARGE = bytes(range(256)) * (9 * 4096) + b"end"
NAME = "database"


@pytest.fixture(scope="module")
def own_mongo(tmp_path_factory):
    """A server that no other tests use, and that may be stopped."""
    with mongod(tmp_path_factory.mktemp("own"), replica=True) as mongo:
        yield mongo


@pytest.fixture
def client(own_mongo):
    with closing(pymongo.MongoClient(own_mongo.url, tz_aware=True)) as client:
        empty_database(client[NAME])
        yield client


@pytest.fixture
def files(client):
    return client[NAME]["files.files"]


@pytest.fixture
def left(client, files):
    """The names in the bucket; and that there are no chunks of others."""

    def left():
        ids = [document["_id"] for document in files.find()]
        assert set(client[NAME]["files.chunks"].distinct("files_id")) <= set(ids)
        return sorted(document["filename"] for document in files.find())

    return left


@pytest.fixture
def make(app, configure_storage, client, own_mongo):
    """Configure a storage on the server."""

    def make(name="files", **settings):
        settings = {"BACKEND": "gridfs", "MONGO_URL": own_mongo.url, "MONGO_DB": NAME, "BUCKET": "files", **settings}
        return configure_storage(name, settings)

    with app.app_context():
        yield make


@pytest.fixture
def storage(make):
    """Reaches the server without the proxy."""
    return make("direct")


@pytest.fixture
def proxy(own_mongo):
    """Stands between the storage and the server, and fails as it is told."""
    address = urlsplit(own_mongo.url)
    with FaultProxy(address.hostname, address.port) as proxy:
        yield proxy


@pytest.fixture
def frail(make, proxy):
    storage = make(MONGO_URL=f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", TIMEOUT=2)
    # the client is made, and its connection, and the indexes
    storage.write("warm", b"")
    storage.delete("warm")
    return storage


@pytest.fixture
def taken(storage, files):
    """A file that must stay as it is."""
    storage.write("taken", b"old")
    yield
    assert storage.read("taken") == b"old"
    assert [document["filename"] for document in files.find()] == ["taken"]


# Uploads


def whole_or_absent(storage, name, content):
    """Whether a file is there, which is whole then."""
    found = storage.exists(name)
    assert not found or storage.read(name) == content
    return found


def test_a_connection_that_is_cut_once_does_no_harm(frail, storage, proxy, left, soak):
    proxy.reset()
    frail.write("all", SMALL)
    length = proxy.sent
    frail.delete("all")
    for cut in (proxy.cut_sent, proxy.cut_received):
        for position in sample(length, soak)[:: 1 if soak else 2]:
            cut(after=position)
            # the driver repeats it
            frail.write("new", SMALL)
            proxy.restore()
            assert storage.read("new") == SMALL
            storage.delete("new")
            assert left() == [], position


@pytest.mark.slow
def test_a_connection_that_is_cut_again_and_again_stores_nothing_in_part(make, frail, storage, proxy, files):
    storage.write("old", b"old")
    brief = make("brief", MONGO_URL=f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", TIMEOUT=0.6)
    for position in (0, 200, 600):
        for name, content in (("new", SMALL), ("old", SMALL), ("large", LARGE)):
            proxy.cut_sent(after=position, always=True)
            with pytest.raises(BackendError) as raised:
                brief.write(name, content, overwrite=True)
            assert (raised.value.path, raised.value.storage) == (name, "brief")
            proxy.restore()
        assert not storage.exists("large")
        whole_or_absent(storage, "new", SMALL)
        assert storage.read("old") in (b"old", SMALL)
        storage.delete("new")
        storage.write("old", b"old", overwrite=True)
    storage.backend.remove_leftovers(older_than=-60)
    assert [document["filename"] for document in files.find()] == ["old"]
    assert storage.read("old") == b"old"


@pytest.mark.slow
def test_a_large_upload_that_is_cut_is_whole_or_leaves_no_chunks(frail, storage, proxy, left):
    for position in (1000, 3 * MIB, 8 * MIB):
        for write in (
            lambda: frail.write("new", io.BytesIO(LARGE)),
            lambda: write_pieces(frail, "new", LARGE),
        ):
            proxy.cut_sent(after=position)
            try:
                write()
            except FSError:
                assert left() == [], position
            else:
                assert storage.read("new") == LARGE
                storage.delete("new")
            proxy.restore()
    assert left() == []


def test_an_upload_whose_source_breaks_leaves_no_chunks(storage, left):
    for overwrite in (False, True):
        with pytest.raises(RuntimeError):
            storage.write("new", Breaking(LARGE, 6 * MIB), overwrite=overwrite)
    assert left() == []


def test_an_upload_that_is_given_up_leaves_no_chunks(storage, left):
    with pytest.raises(RuntimeError), storage.open("new", "wb") as file:  # noqa: PT012
        file.write(LARGE)
        raise RuntimeError
    assert left() == []
    file = storage.open("new", "wb")
    file.write(LARGE)
    del file
    assert left() == []


def test_an_upload_that_the_garbage_collector_finds_leaves_no_chunks(storage, client, left):
    file = storage.open("new", "wb")
    file.write(LARGE)
    file.circle = file
    del file
    with commands() as sent:
        gc.collect()
    # a driver may be in the middle of something then; what was being sent may still be
    assert {verb for verb, _ in sent} <= {"insert"}
    assert client[NAME]["files.chunks"].count_documents({}) > 0
    assert not storage.exists("new")
    assert left() == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_refused_upload_leaves_no_chunks(storage, left, content):
    storage.write("new", b"old")
    with pytest.raises(FileExists):
        storage.write("new", io.BytesIO(content))
    with pytest.raises(FileExists), storage.open("new", "xb") as file:
        file.write(content)
    assert storage.read("new") == b"old"
    assert left() == ["new"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_upload_that_is_overtaken(storage, left, overwrite):
    class Overtaken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() < 6 * MIB <= self.tell() + size:
                storage.write("new", b"first")
            return super().read(size)

    if overwrite:
        storage.write("new", Overtaken(LARGE), overwrite=True)
        assert storage.read("new") == LARGE
    else:
        with pytest.raises(FileExists):
            storage.write("new", Overtaken(LARGE))
        assert storage.read("new") == b"first"
    assert left() == ["new"]


KILLED = """
import sys
import flask
import flask_pyfs as fs

app = flask.Flask("killed")
app.config.update(FILES_FS_BACKEND="gridfs", FILES_FS_MONGO_URL=sys.argv[1], FILES_FS_MONGO_DB=sys.argv[2])
storage = fs.Storage("files", fs.ALL)
fs.init_app(app, storage)
with app.app_context():
    file = storage.open("old", "wb")
    file.write(bytes(9 * 1024 * 1024))
    storage.write("sent", b"")
    print("sent", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_is_killed_in_an_upload(own_mongo, storage, client, left):
    storage.write("old", b"old")
    argv = [sys.executable, "-c", KILLED, own_mongo.url, NAME]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        assert killed.stdout.readline() == b"sent\n"
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    assert storage.read("old") == b"old"
    assert sorted(storage.list_files()) == ["old", "sent"]
    remove = storage.backend.remove_leftovers
    assert remove(older_than=3600) == 0
    # the server's clock may be behind by the rest of a second
    assert remove(older_than=-60, dry_run=True) == 1
    assert client[NAME]["files.chunks"].count_documents({}) > 1
    assert remove(older_than=-60) == 1
    assert remove(older_than=-60) == 0
    assert left() == ["old", "sent"]
    assert storage.read("old") == b"old"


# Downloads


@pytest.mark.slow
def test_a_connection_that_is_cut_in_a_download_is_an_error(make, storage, proxy):
    storage.write("a", SMALL)
    frail = make("frail", MONGO_URL=f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", TIMEOUT=0.4)
    assert frail.read("a") == SMALL
    for cut in (proxy.cut_received, proxy.close_received):
        for position, read in ((0, fs.Storage.read), (100, chunks), (500, lines)):
            cut(after=position, always=True)
            with pytest.raises(BackendError):
                read(frail, "a")
            proxy.restore()


@pytest.mark.slow
def test_a_large_download_that_is_cut_is_whole_or_an_error(frail, storage, proxy):
    storage.write("large", LARGE)
    for cut in (proxy.cut_received, proxy.close_received):
        for position in (1000, MIB, 6 * MIB):
            cut(after=position)
            with suppress(BackendError):
                assert chunks(frail, "large") == LARGE
            proxy.restore()
    with frail.open("large", "rb") as file:
        assert file.read(10) == LARGE[:10]
        proxy.refuse()
        file.seek(-10, io.SEEK_END)
        with pytest.raises(BackendError):
            file.read()
        proxy.restore()
        file.seek(5)
        assert file.read(10) == LARGE[5:15]


def test_a_served_file_that_is_cut_is_not_complete(app, frail, storage, proxy):
    storage.write("large.bin", LARGE)
    with app.test_client() as web, web.get("/files/large.bin") as response:
        assert response.content_length == len(LARGE)
        pieces = iter(response.response)
        next(pieces)
        proxy.refuse()
        with pytest.raises(BackendError):
            b"".join(pieces)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("harm", ["missing", "short", "long"])
def test_chunks_that_are_not_those_of_the_file(storage, client, content, harm):
    found = client[NAME]["files.chunks"]
    storage.write("a", content)
    last = next(found.find(sort=[("n", -1)]))
    if harm == "missing":
        found.delete_one({"_id": last["_id"]})
    else:
        data = last["data"][:-1] if harm == "short" else last["data"] + b"x"
        found.update_one({"_id": last["_id"]}, {"$set": {"data": Binary(data)}})
    for read in (fs.Storage.read, chunks, lambda storage, name: list(storage.open(name, "rb"))):
        with pytest.raises(FSError, match="chunks"):
            read(storage, "a")
    if harm == "missing":
        with pytest.raises(FSError, match="chunks"):
            storage.copy("a", "b")
        assert not storage.exists("b")
    storage.delete("a")
    assert found.count_documents({}) == 0


# Servers that refuse or are silent


@pytest.mark.usefixtures("taken")
@pytest.mark.slow
def test_a_silent_server(make, own_mongo):
    storage = make(TIMEOUT=0.4)
    assert storage.read("taken") == b"old"
    with halted(own_mongo.process.pid):
        all_fail(storage, BackendError, "MONGO_URL", seconds=2)
    wait_for(storage, lambda: storage.read("taken") == b"old")


@pytest.mark.usefixtures("taken")
def test_a_server_that_is_silent_in_an_upload(make, own_mongo, storage):
    brief = make("brief", TIMEOUT=1)
    file = brief.open("new", "wb")
    file.write(LARGE)
    with halted(own_mongo.process.pid):
        start = time.monotonic()
        with pytest.raises(BackendError):
            file.close()
        assert time.monotonic() - start < 4
    wait_for(storage, lambda: not storage.exists("new"))


def wait_for(storage, ready, seconds=20):
    """Wait until the storage answers again, and rightly."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            assert ready()
        except BackendError:
            assert time.monotonic() < deadline
        else:
            return


@pytest.mark.usefixtures("taken")
@pytest.mark.slow
def test_a_server_that_refuses_connections(make, proxy, storage):
    frail = make(MONGO_URL=f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true", TIMEOUT=0.2)
    assert frail.read("taken") == b"old"
    proxy.refuse()
    all_fail(frail, BackendError, "MONGO_URL", seconds=2)
    proxy.restore()
    wait_for(frail, lambda: frail.read("taken") == b"old")


def test_a_host_that_does_not_exist(make):
    storage = make(MONGO_URL="mongodb://user:pass-word@no-such-host.invalid/", TIMEOUT=0.2)
    for call in (lambda: storage.exists("taken"), lambda: storage.write("taken", b"new")):
        with pytest.raises(BackendError, match="the host of MONGO_URL") as raised:
            call()
        assert "pass-word" not in str(raised.value)


@pytest.mark.slow
def test_a_server_that_is_started_again(app, configure_storage, tmp_path):
    with mongod(tmp_path) as mongo:
        # a file that was saved is in the journal of a server that is killed
        settings = {"MONGO_URL": f"{mongo.url}?journal=true", "MONGO_DB": NAME, "TIMEOUT": 1}
        storage = configure_storage("files", {"BACKEND": "gridfs", **settings})
        with app.app_context():
            storage.write("a", b"content")
            file = storage.open("a", "rb")
            storage.write("large", LARGE)
            stream = storage.open("large", "rb")
            stream.read(10)
    with app.app_context():
        with pytest.raises(BackendError):
            storage.exists("a")
        with pytest.raises(BackendError):
            storage.write("b", b"content")
        with mongod(tmp_path, port=mongo.process.port):
            wait_for(storage, lambda: storage.read("a") == b"content")
            assert file.read() == b"content"
            # a new request is made for what is read now
            stream.seek(-3, io.SEEK_END)
            assert stream.read() == b"end"
            assert not storage.exists("b")
            storage.write("b", b"content")
            assert storage.read("b") == b"content"


@pytest.fixture(scope="module")
def guarded_mongo(tmp_path_factory):
    """The address of a server that asks for a password, with a user who may only read."""
    with mongod(tmp_path_factory.mktemp("guarded"), options=["--auth"]) as mongo:
        with closing(pymongo.MongoClient(mongo.url)) as client:
            # a server without users lets the first one be made from its own machine
            client.admin.command("createUser", "root", pwd="pass-word", roles=["root"])
        with closing(pymongo.MongoClient(mongo.url, username="root", password="pass-word")) as client:
            client.admin.command("createUser", "reader", pwd="pass-word", roles=["readAnyDatabase"])
            client[NAME]["files.files"].insert_one({"filename": "taken", "length": 0, "chunkSize": 1024})
        yield urlsplit(mongo.url).netloc


@pytest.mark.parametrize("user", ["root:wrong-word@", ""])
@pytest.mark.slow
def test_wrong_credentials(make, guarded_mongo, user):
    storage = make(MONGO_URL=f"mongodb://{user}{guarded_mongo}/?authSource=admin", TIMEOUT=5)
    all_fail(storage, PermissionDenied, "MONGO_URL")


def test_a_user_who_may_only_read(make, guarded_mongo):
    storage = make(MONGO_URL=f"mongodb://reader:pass-word@{guarded_mongo}/?authSource=admin", TIMEOUT=5)
    assert storage.read("taken") == b""
    for call in (
        lambda: storage.write("new", b"new"),
        lambda: storage.write("taken", LARGE, overwrite=True),
        lambda: storage.delete("taken"),
        lambda: storage.copy("taken", "other"),
        lambda: storage.move("taken", "other"),
    ):
        with pytest.raises(PermissionDenied) as raised:
            call()
        assert "pass-word" not in str(raised.value)
    assert list(storage.list_files()) == ["taken"]


# A primary that steps down


def test_saves_while_the_primary_steps_down(tmp_path, app, configure_storage, soak):
    with mongod(tmp_path, replica=True) as mongo:
        url = f"{mongo.url.partition('?')[0]}?replicaSet={REPLICA_SET}"
        settings = {"BACKEND": "gridfs", "MONGO_URL": url, "MONGO_DB": NAME, "TIMEOUT": 20}
        storage = configure_storage("files", settings)
        contents = {
            f"{number}.bin": SMALL + b"%d" % number if number % 5 else LARGE for number in range(200 if soak else 30)
        }
        saved, ended = set(), threading.Event()

        def step_down():
            with closing(pymongo.MongoClient(mongo.url, directConnection=True)) as client:
                while not ended.wait(0.3):
                    # unless it has, or is not the primary yet
                    with suppress(PyMongoError):
                        client.admin.command("replSetStepDown", 1, force=True, secondaryCatchUpPeriodSecs=0)

        thread = threading.Thread(target=step_down)
        thread.start()
        try:
            with app.app_context():
                for name, content in contents.items():
                    try:
                        storage.save(io.BytesIO(content), name)
                    except BackendError:
                        continue
                    saved.add(name)
        finally:
            ended.set()
            thread.join()
        with app.app_context():
            assert set(storage.list_files()) == saved
            assert {name: storage.read(name) for name in saved} == {name: contents[name] for name in saved}
            assert len(saved) > len(contents) / 2
            assert storage.backend.remove_leftovers(older_than=-60) <= len(contents) - len(saved)
