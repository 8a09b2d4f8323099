"""The pyfs backend: a real FTP server, archives, and what goes wrong."""

import ftplib
import gc
import io
import socket
import uuid

import pytest
import sqlalchemy
from registered import hide_registered_documents
from servers.ftp import pyftpd
from wrong_settings import wrong

import flask_pyfs as fs
from flask_pyfs.errors import translate
from flask_pyfs.filesystems.ftp_login import not_logged_in
from flask_pyfs.orphans import find_orphans
from flask_pyfs.sqlalchemy import FileType
from flask_pyfs.testing import StorageConformance
from flask_pyfs.transfer import sync

# isort: split
# after flask_pyfs, which lets fs do without pkg_resources
from fs import errors

# FTPFS leaves the sockets of a seek, and of a server that refuses, to the garbage collector
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def collected():
    """Let the garbage collector find such sockets here and not in another test."""
    yield
    gc.collect()


def configured(app, url):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(FILES_FS_BACKEND="pyfs", FILES_FS_OPEN_URL=url)
    fs.init_app(app, storage)
    return storage


@pytest.fixture(scope="session")
def ftp_server(tmp_path_factory):
    """A running FTP server: its address with user and password."""
    with pyftpd(tmp_path_factory.mktemp("ftp")) as address:
        yield address


@pytest.fixture
def ftp(ftp_server):
    """The URL of an empty directory of the server."""
    return f"{ftp_server}/{uuid.uuid4()}"


class TestFTP(StorageConformance):
    # FTP asks first and writes then, and has no word for it that would be one step
    exclusive_create = False
    # times of whole seconds
    distinct_versions = False

    @pytest.fixture
    def storage(self, app, ftp):
        storage = configured(app, f"ftp://{ftp}")
        with app.app_context():
            yield storage
            storage.fs.close()


@pytest.mark.parametrize("name", ["a\nb", "a\r\nDELE canary", "a\udce9b"])
def test_names_that_a_protocol_cannot_send(app, ftp, name):
    storage = configured(app, f"ftp://{ftp}")
    with app.app_context():
        storage.write("canary", "content")
        assert not storage.exists(name)
        for call in (storage.read, storage.open, storage.metadata, storage.delete, storage.version):
            with pytest.raises(fs.InvalidPath):
                call(name)
        for call in (storage.copy, storage.move):
            with pytest.raises(fs.InvalidPath):
                call(name, "target")
        with pytest.raises(fs.InvalidPath, match="no new file"):
            storage.write(name, "new", overwrite=True)
        assert list(storage.list_files()) == ["canary"]
        storage.fs.close()


def test_a_file_on_an_ftp_server_that_is_read_is_not_changed(app, ftp):
    filesystem = configured(app, f"ftp://{ftp}").fs
    filesystem.writebytes("file.txt", b"content")
    with filesystem.openbin("file.txt") as file, pytest.raises(io.UnsupportedOperation):
        file.truncate(3)
    assert filesystem.readbytes("file.txt") == b"content"


def test_a_directory_of_an_ftp_server_is_made(app, ftp):
    storage = configured(app, f"ftp://{ftp}/some/where")
    with app.app_context():
        storage.write("a.txt", "content")
        assert storage.read("a.txt") == b"content"
        assert storage.fs.listdir("/") == ["a.txt"]


@pytest.mark.parametrize("below", ["sub", "sub/", "/sub"])
def test_two_storages_in_nested_directories_of_a_server_are_one_place(app, ftp, tmp_path, below, monkeypatch):
    hide_registered_documents(monkeypatch)
    above, inside = fs.Storage("above", fs.ALL), fs.Storage("inside", fs.ALL)
    app.config.update(FS_BACKEND="pyfs", ABOVE_FS_OPEN_URL=f"ftp://{ftp}", INSIDE_FS_OPEN_URL=f"ftp://{ftp}/{below}")
    fs.init_app(app, above, inside)
    engine, metadata = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/rows.db"), sqlalchemy.MetaData()
    columns = [sqlalchemy.Column(each.name, FileType(each)) for each in (above, inside)]
    table = sqlalchemy.Table("pages", metadata, *columns)
    metadata.create_all(engine)
    with app.app_context():
        for name in ("a.txt", "orphan.txt"):
            inside.write(name, "content")
        above.write("b.txt", "content")
        with engine.begin() as connection:
            connection.execute(table.insert().values(above="b.txt", inside="a.txt"))
        for storage, orphan in ((above, "sub/orphan.txt"), (inside, "orphan.txt")):
            found = find_orphans(storage, session=engine, older_than=0)
            assert [(each.kind, each.name) for each in found] == [("orphan", orphan)]
        with pytest.raises(fs.ConfigurationError, match="it would copy itself"):
            sync(above, inside)
        for storage in (above, inside):
            storage.fs.close()
    engine.dispose()


def test_a_wrong_password_is_an_error_without_the_password(app, ftp):
    storage = configured(app, f"ftp://{ftp.replace('s3cret', 'wr0ng')}")
    with app.app_context(), pytest.raises(fs.FSError) as raised:
        storage.exists("a.txt")
    assert not isinstance(raised.value, fs.FileNotFound)
    assert "files" in str(raised.value)
    assert "wr0ng" not in str(raised.value)


def test_a_server_that_does_not_answer_is_a_backend_error(app, ftp, unused_port):
    storage = configured(app, f"ftp://user:s3cret@127.0.0.1:{unused_port}")
    with app.app_context():
        for operation in (
            lambda: storage.exists("a"),
            lambda: storage.read("a"),
            lambda: storage.write("a", b""),
            lambda: list(storage.list_files()),
        ):
            with pytest.raises(fs.BackendError) as raised:
                operation()
            assert raised.value.storage == "files"
            assert raised.value.__cause__ is not None


@pytest.fixture
def silent():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"user:s3cret@127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory):
    """A server that takes nothing but ``ftps://``."""
    with pyftpd(tmp_path_factory.mktemp("secure"), "secure") as address:
        yield address


@pytest.mark.parametrize("directory", ["", "/some/where"])
@pytest.mark.parametrize(
    ("scheme", "place", "kind", "said"),
    [
        ("ftp", "down", fs.BackendError, "refused the connection"),
        ("ftps", "down", fs.BackendError, "refused the connection"),
        (
            "ftp",
            "user:s3cret@nowhere.invalid",
            fs.BackendError,
            "the host of OPEN_URL ftp://nowhere.invalid:21 is unknown",
        ),
        ("ftp", "silent", fs.BackendError, "did not answer in 1 s"),
        ("ftp", "wrong password", fs.PermissionDenied, "refused its user or password"),
        ("ftp", "secure_server", fs.ConfigurationError, "wants TLS on this port: set OPEN_URL to ftps://"),
        ("ftps", "ftp_server", fs.ConfigurationError, "does not speak TLS on this port: set OPEN_URL to ftp://"),
    ],
)
def test_a_server_that_cannot_be_used(
    app, ftp_server, secure_server, silent, unused_port, directory, scheme, place, kind, said
):
    places = {"down": f"user:s3cret@127.0.0.1:{unused_port}", "silent": silent}
    places |= {"ftp_server": ftp_server, "secure_server": secure_server}
    places |= {"wrong password": ftp_server.replace("s3cret", "wr0ng")}
    # nothing but silence is waited for to its end
    seconds = 1 if place == "silent" else 30
    storage = configured(app, f"{scheme}://{places.get(place, place)}{directory}?timeout={seconds}")
    wrong(app, storage, kind, f"OPEN_URL {scheme}://", said, hidden=["s3cret", "wr0ng"])


@pytest.mark.parametrize(
    ("scheme", "answer", "kind", "said"),
    [
        ("ftp", "530 Non-anonymous sessions must use encryption.", fs.ConfigurationError, "ftps://"),
        ("ftp", "421 Sorry, cleartext sessions are not accepted on this server.", fs.ConfigurationError, "ftps://"),
        ("ftp", "503 Use AUTH first.", fs.ConfigurationError, "ftps://"),
        ("ftp", "550 SSL/TLS required on the control channel", fs.ConfigurationError, "ftps://"),
        ("ftps", "502 Command AUTH not implemented.", fs.ConfigurationError, "ftp://"),
        ("ftps", "530 Please login with USER and PASS.", fs.ConfigurationError, "ftp://"),
        ("ftps", "530 AUTHENTICATION FAILED", fs.PermissionDenied, "refused its user or password"),
        ("ftp", "421 Too many connections.", fs.BackendError, "lets nobody in now: 421 Too many"),
    ],
)
def test_what_servers_say_at_a_login(scheme, answer, kind, said):
    error = errors.RemoteConnectionError("ftp")
    error.__cause__ = (ftplib.error_temp if answer.startswith("4") else ftplib.error_perm)(answer)
    told = translate(not_logged_in(error, f"{scheme}://h:21", 1, None), "files")
    assert type(told) is kind
    assert said in str(told)


def test_no_server_is_asked_before_the_first_use(app, unused_port):
    storage = configured(app, f"ftp://user:s3cret@127.0.0.1:{unused_port}")
    with app.test_request_context():
        assert storage.url("a.txt") == "/files/a.txt"


def test_a_new_archive_is_complete_when_it_is_closed(app, tmp_path):
    storage = configured(app, f"zip://{tmp_path}/a.zip")
    with app.app_context():
        storage.write("d/a.txt", b"content")
        storage.fs.close()
    again = configured(app, f"zip://{tmp_path}/a.zip")
    with app.app_context():
        assert again.read("d/a.txt") == b"content"
        assert list(again.list_files()) == ["d/a.txt"]


def test_an_archive_that_exists_is_read_and_not_replaced(app, tmp_path):
    archive = tmp_path / "a.zip"
    storage = configured(app, f"zip://{archive}")
    with app.app_context():
        storage.write("a.txt", b"content")
        storage.fs.close()
    before = archive.read_bytes()
    again = configured(app, f"zip://{archive}")
    with app.app_context():
        with pytest.raises(fs.PermissionDenied):
            again.write("b.txt", b"new")
        with pytest.raises(fs.PermissionDenied):
            again.delete("a.txt")
        assert list(again.list_files()) == ["a.txt"]
        again.fs.close()
    assert archive.read_bytes() == before


@pytest.mark.parametrize("url", ["nosuch://user:s3cret@host/", "s3cret", ""])
def test_a_wrong_url_is_a_configuration_error_that_does_not_show_it(app, url):
    with app.app_context(), pytest.raises(fs.FSError) as raised:
        configured(app, url).exists("a")
    assert "OPEN_URL" in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_url_is_in_no_repr(app, tmp_path):
    storage = configured(app, "mem://user:s3cret@host")
    with app.app_context():
        for thing in (storage, storage.config, storage.backend):
            assert "s3cret" not in repr(thing)
