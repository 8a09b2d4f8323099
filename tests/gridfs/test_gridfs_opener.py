"""URLs of GridFS for ``fs.open_fs``, and the clients that equal URLs share."""

import secrets
import time
from contextlib import closing
from urllib.parse import quote, urlsplit

import fs
import fs.copy
import gridfs as driver
import pymongo
import pytest
from drivers import contents, events, told_by, with_slash
from fs import errors
from fs.memoryfs import MemoryFS
from fs.opener.errors import OpenerError
from servers.mongo import mongod

from flask_pyfs.filesystems.gridfs import GridFS


@pytest.fixture
def opener_url(mongo, database):
    """The URL of the database, or of a bucket of it, for the opener."""

    def opener_url(bucket=None, **parameters):
        server = urlsplit(mongo.url)
        options = "&".join([*server.query.split("&"), *(f"{name}={value}" for name, value in parameters.items())])
        path = f"{database}/{bucket}" if bucket else database
        return f"gridfs://{server.netloc}/{path}?{options.strip('&')}"

    return opener_url


def test_opener(opener_url, storage, foreign):
    with fs.open_fs(opener_url("files")) as filesystem:
        assert isinstance(filesystem, GridFS)
        assert contents(filesystem) == with_slash(foreign)
        filesystem.makedirs("new/dir").writetext("file.txt", "content")
        assert filesystem.listdir("new") == ["dir"]
    assert storage.read("new/dir/file.txt") == b"content"


@pytest.mark.parametrize("end", ["", "/"])
def test_opener_without_a_bucket(opener_url, bare, end):
    address, _, options = opener_url().partition("?")
    with fs.open_fs(f"{address}{end}?{options}") as filesystem:
        filesystem.writetext("a", "content")
        assert filesystem.listdir("/") == ["a"]
    assert [document["filename"] for document in bare["fs.files"].find()] == ["a"]
    assert driver.GridFS(bare).get_last_version("a").read() == b"content"


def test_openers_in_copies(opener_url, gridfs, foreign):
    with MemoryFS() as memory:
        fs.copy.copy_fs(opener_url("files"), memory)
        assert contents(memory) == with_slash(foreign)
        fs.copy.copy_file(memory, "a/b/x.txt", opener_url("files"), "new.txt")
    assert gridfs.readtext("new.txt") == "x"


@pytest.mark.parametrize(
    "url",
    [
        "gridfs://",
        "gridfs://secret.example.org",
        "gridfs://secret.example.org/",
        "gridfs:///database/bucket",
        "gridfs://user:secret@/database",
        "gridfs://user:secret@127.0.0.1?replicaSet=x",
        "gridfs://127.0.0.1:none/database",
        "gridfs://127.0.0.1:123456/database",
        "gridfs://user:secret@127.0.0.1:27017,/database",
        "gridfs://user:secret@127.0.0.1/data.base",
        "gridfs://user:secret@127.0.0.1/data base",
        "gridfs://user:secret@127.0.0.1/database?timeoutMS=soon",
    ],
)
def test_malformed_urls(url):
    with pytest.raises(OpenerError) as raised:
        fs.open_fs(url)
    assert str(raised.value)
    assert "secret@" not in repr(raised.value)


def test_opener_with_tags(opener_url, mongo, foreign):
    # servers of that kind, else any
    url = opener_url("files", readPreference="nearest", readPreferenceTags="dc:far&readPreferenceTags=")
    with fs.open_fs(url) as filesystem:
        # of the first command, the client does not know yet whom it asks
        assert filesystem.exists("top.txt")
        with events() as seen:
            assert filesystem.readtext("top.txt") == "top"
    # a server that is alone is told nothing
    told = {"mode": "nearest", "tags": [{"dc": "far"}, {}]} if "replicaSet" in mongo.url else None
    assert [event.command.get("$readPreference") for event in seen] == [told] * 2


def test_opener_with_a_timeout(unused_port):
    start, url = time.monotonic(), f"gridfs://127.0.0.1:{unused_port}/database?timeoutMS=300"
    with fs.open_fs(url) as filesystem, pytest.raises((errors.RemoteConnectionError, errors.OperationTimeout)):
        filesystem.listdir("/")
    assert time.monotonic() - start < 15


# Passwords

USER, PASSWORD = "us er:@/ü", "p%40ss+w!o:r/d?#&@ß"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The host and port of a server that asks for a password."""
    with mongod(tmp_path_factory.mktemp("guarded"), options=["--auth"]) as mongo:
        with closing(pymongo.MongoClient(mongo.url)) as client:
            # a server without users lets the first one be made from its own machine
            client.admin.command("createUser", USER, pwd=PASSWORD, roles=["root"])
        yield urlsplit(mongo.url).netloc


@pytest.mark.server
def test_opener_with_a_password(guarded):
    url = f"gridfs://{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@{guarded}/media/files?authSource=admin"
    with fs.open_fs(url) as filesystem:
        filesystem.writetext("a.txt", "content")
        assert filesystem.readtext("a.txt") == "content"
        assert PASSWORD not in repr(filesystem) + str(filesystem)
    with fs.open_fs(url) as filesystem:
        assert filesystem.listdir("/") == ["a.txt"]


@pytest.mark.server
def test_opener_with_a_wrong_password(guarded):
    with fs.open_fs(f"gridfs://{quote(USER, safe='')}:wrong-secret@{guarded}/media?authSource=admin") as filesystem:
        with pytest.raises(errors.PermissionDenied) as raised:
            filesystem.listdir("/")
        assert all("wrong-secret" not in told for told in told_by(raised.value))
    # nor one without a user
    with fs.open_fs(f"gridfs://{guarded}/media") as filesystem, pytest.raises(errors.PermissionDenied):
        filesystem.writetext("a.txt", "content")


# Clients


def clients_of(seen):
    """How many clients sent commands, each its own one after the other."""
    # a client takes the session again that it used last; before it knows the server it has none
    return len({bytes(event.command["lsid"]["id"]) for event in seen if "lsid" in event.command})


def test_equal_urls_share_a_client(opener_url, foreign):
    url = opener_url("files", appName=secrets.token_hex(6))
    with events() as seen:
        one, other = fs.open_fs(url), fs.open_fs(url)
        assert seen == []
        assert one.readtext("top.txt") == other.readtext("top.txt") == "top"
        with other.open("a/b/x.txt") as file:
            one.close()
            assert file.read() == "x"
        assert one.isclosed()
        assert other.readtext("a/b/c/deep.txt") == "deep"
        with fs.open_fs(url.replace("/files", "/others")) as another_bucket:
            assert another_bucket.listdir("/") == []
        other.close()
        assert clients_of(seen) == 1
        with fs.open_fs(opener_url("files", appName="another")) as another_url:
            assert another_url.readtext("top.txt") == "top"
    assert clients_of(seen) == 2


def test_storages_share_a_client(app, with_options):
    options = f"appName={secrets.token_hex(6)}"
    with app.app_context(), events() as seen:
        storages = [with_options(options, name=f"storage{number}", BUCKET="files") for number in range(3)]
        assert seen == []
        storages[0].write("a", b"content")
        assert [storage.read("a") for storage in storages] == [b"content"] * 3
        storages[0].fs.close()
        assert [storage.read("a") for storage in storages] == [b"content"] * 3
    assert clients_of(seen) == 1
