"""SCAN with clamd: EICAR, limits, and a daemon that is down or says nothing."""

import io
import socket
import sys
import threading
import tracemalloc

import pytest
import requests
from places import make_place
from servers.clamd import EICAR, FILE_MAX, STREAM_MAX
from servers.clamd import clamd as running_clamd
from servers.process import halted

import flask_pyfs as fs
from flask_pyfs import names

pytestmark = pytest.mark.server


@pytest.fixture(params=["url", "url_of_socket"])
def address(clamd, request):
    return getattr(clamd, request.param)


@pytest.fixture(scope="module")
def own_clamd(tmp_path_factory):
    """A daemon that no other process of the tests asks."""
    with running_clamd(tmp_path_factory.mktemp("clamd")) as clamd:
        yield clamd


@pytest.fixture
def scanned(app):
    """A function that configures a storage in memory, which clamd scans."""

    def scanned(address, **settings):
        storage = fs.Storage("files", fs.ALL)
        app.config.update({"FILES_FS_BACKEND": "memory", "FILES_FS_SCAN": address})
        app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    with app.app_context():
        yield scanned


@pytest.mark.parametrize(
    "content", [EICAR, b"\x89PNG\r\n" + EICAR, bytes(200_000) + EICAR], ids=["alone", "in-an-image", "at-the-end"]
)
def test_eicar(address, scanned, content):
    storage = scanned(address)
    with pytest.raises(fs.UnauthorizedFileType, match=r"'a.bin': its scanner found Eicar-Test") as raised:
        storage.save(io.BytesIO(content), "a.bin")
    assert raised.value.user_message == "This file is not accepted, because a virus was found in it."
    assert [*storage.list_files()] == []


@pytest.mark.parametrize("content", [b"", b"clean", bytes(FILE_MAX)], ids=len)
def test_clean_files(address, scanned, content):
    storage = scanned(address)
    assert storage.read(storage.save(io.BytesIO(content), "a.bin")) == content


@pytest.mark.parametrize(("size", "said"), [(FILE_MAX + 1, "MaxFileSize"), (STREAM_MAX + 1, ""), (20 * STREAM_MAX, "")])
def test_a_file_that_is_too_large_for_it(address, scanned, size, said):
    storage = scanned(address)
    with pytest.raises(fs.BackendError, match=said or "StreamMaxLength in clamd.conf, or lower MAX_SIZE"):
        storage.save(io.BytesIO(bytes(size)), "a.bin")
    assert [*storage.list_files()] == []


def test_a_daemon_that_is_down(scanned, unused_port):
    storage = scanned(f"clamd://127.0.0.1:{unused_port}")
    with pytest.raises(fs.BackendError, match=rf"clamd://127.0.0.1:{unused_port} cannot be reached .*refused"):
        storage.save(io.BytesIO(b"content"), "a.bin")
    open_storage = scanned(f"clamd://127.0.0.1:{unused_port}", SCAN_FAIL_OPEN=True)
    assert open_storage.save(io.BytesIO(b"content"), "a.bin") == "a.bin"


def test_a_socket_that_is_missing(scanned, tmp_path):
    storage = scanned(f"clamd://{tmp_path}/clamd.sock")
    with pytest.raises(fs.BackendError, match=r"clamd\.sock cannot be reached"):
        storage.save(io.BytesIO(b"content"), "a.bin")


@pytest.mark.parametrize("address", ["url", "url_of_socket"])
def test_a_daemon_that_says_nothing(address, own_clamd, scanned):
    storage = scanned(f"{getattr(own_clamd, address)}?timeout=0.05")
    with halted(own_clamd.pid), pytest.raises(fs.BackendError, match=r"said nothing for 0\.05 seconds"):
        storage.save(io.BytesIO(b"content"), "a.bin")
    assert [*storage.list_files()] == []


@pytest.mark.parametrize(
    "said", [b"", b"stream: what? \xff\n", b"hello\n", b"stream: broken ERROR\n", b"stream: odd OK\n"]
)
def test_a_server_that_is_no_clamd(scanned, said):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            peer, _ = server.accept()
            with peer, peer.makefile("rb") as sent:
                # the end of the content
                while not sent.peek().endswith(bytes(4)):
                    sent.read1()
                peer.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        storage = scanned(f"clamd://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(fs.BackendError, match="could not scan it"):
            storage.save(io.BytesIO(b"content"), "a.bin")
        thread.join()


@pytest.mark.parametrize("said", [b"-ERR unknown command\r\n", b"", b"\xff\n"])
def test_the_doctor_knows_a_server_that_is_no_clamd(app, scanned, said):
    from flask_pyfs.doctor import examine

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            peer, _ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        storage = scanned(f"clamd://127.0.0.1:{server.getsockname()[1]}")
        found = [(each.level, each.message) for each in examine(app, [storage]) if each.check == "scan"]
        thread.join()
    assert found[0][0] == "error"
    assert "what clamd does not say" in found[0][1]


def by_form(storage, client):
    upload = storage.upload_url("a.bin", expires=60)
    return client.post(upload.url, data={"file": (io.BytesIO(EICAR), "a.bin")}, buffered=True)


def by_tus(storage, client):
    upload = storage.resumable_url("a.bin", expires=60)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": len(EICAR), "Content-Type": "application/offset+octet-stream"}
    return client.post(upload.url, headers=headers, data=EICAR)


def in_parts(storage, client):
    url = f"{storage.multipart_url('a.bin', expires=60).url}/s3/multipart"
    begun = client.post(url, json={"type": "application/octet-stream"}).json
    upload, query = f"{url}/{begun['uploadId']}", {"key": begun["key"]}
    part = requests.put(client.get(f"{upload}/1", query_string=query).json["url"], data=EICAR, timeout=30)
    parts = [{"PartNumber": 1, "ETag": part.headers["ETag"]}]
    return client.post(f"{upload}/complete", query_string=query, json={"parts": parts})


def by_confirming(storage, client):
    storage.config["confirm"] = True
    upload = storage.upload_url("a.bin", expires=60)
    files = {"file": ("any", EICAR)}
    assert requests.post(upload.url, data=upload.fields, files=files, timeout=30).status_code == 204
    return client.post(upload.confirm_url)


WAYS = {"s3-moto": (by_form, by_tus, in_parts, by_confirming)}


@pytest.mark.parametrize("kind", ["local", "memory", "pyfs", "s3-moto", "gridfs", "swift"])
def test_eicar_on_each_store(kind, app, clamd, configure_storage, request):
    with make_place(kind, request) as place, app.app_context():
        storage = configure_storage("files", {**place, "SCAN": clamd.url})
        for way in WAYS.get(kind, (by_form, by_tus)):
            with app.test_client() as client:
                assert way(storage, client).status_code == 415, way
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(io.BytesIO(EICAR), "a.bin")
        assert [*storage.list_files()] == []
        assert [path for path in storage.fs.walk.files() if ".flask_pyfs" not in path] == []
        # what is left says only that the uploads have ended
        assert not any(EICAR in storage.backend.store.read_file(path) for path in everything(storage))


def everything(storage):
    return [names.Reserved(path) for path, _ in storage.backend.store.iter_facts(names.Reserved(".flask_pyfs/"))]


def test_memory_does_not_grow_with_the_file(address, scanned):
    storage = scanned(address)
    content = io.BytesIO(bytes(FILE_MAX))
    storage.check(content, "a.bin")
    tracemalloc.start()
    storage.check(content, "a.bin")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400_000


def test_the_doctor_asks_it(app, clamd, scanned, unused_port):
    from flask_pyfs.doctor import examine

    def findings(address):
        return [(each.level, each.message) for each in examine(app, [scanned(address)]) if each.check == "scan"]

    assert findings(clamd.url) == [("ok", "the scanner answers")]
    ((level, message),) = findings(f"clamd://127.0.0.1:{unused_port}")
    assert level == "error"
    assert message.startswith(f"FILES_FS_SCAN: clamd://127.0.0.1:{unused_port} cannot be reached")
    assert findings("operator:truth") == []


def test_the_doctor_of_an_installation_without_the_room(app, scanned, monkeypatch):
    from flask_pyfs.doctor import examine

    storage = scanned("clamd://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "flask_pyfs.scanning.clamd", None)
    ((level, message),) = [(each.level, each.message) for each in examine(app, [storage]) if each.check == "scan"]
    assert level == "skipped"
    assert "without flask_pyfs.scanning.clamd, which this installation lacks" in message
