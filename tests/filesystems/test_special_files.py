"""What is in a directory and is no file: sockets, pipes and devices. No operation waits for one, or serves it."""

import io
import os
import socket
import tempfile

import pytest
from fs import errors

import flask_pyfs as fs

KINDS = ["socket", "pipe", "device", "link to a socket", "link to a pipe"]


@pytest.fixture
def directory():
    # the path of a socket is short
    with tempfile.TemporaryDirectory() as directory:
        yield directory


@pytest.fixture(params=["local", "pyfs"])
def storage(app, request, directory):
    app.config.update(
        FILES_FS_BACKEND=request.param,
        FILES_FS_ROOT=directory,
        FILES_FS_OPEN_URL=f"osfs://{directory}",
        FILES_FS_FOLLOW_SYMLINKS=request.param == "local" or None,
    )
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    with app.app_context():
        yield storage


@pytest.fixture(params=KINDS)
def special(request, directory):
    """The name of something that is no file, beside a file and in a directory of its own."""
    os.mkdir(os.path.join(directory, "dir"))
    for name in ("special.txt", "dir/special.txt"):
        path = os.path.join(directory, name)
        there = path
        if request.param.startswith("link"):
            there = f"{path}.target"
            os.symlink(there, path)
        if request.param == "device":
            os.symlink(os.devnull, path)
        elif "pipe" in request.param:
            os.mkfifo(there)
        else:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(there)
    return "special.txt"


def test_it_is_no_file(app, storage, special):
    storage.write("a.txt", "content")
    client = app.test_client()
    for name in (special, f"dir/{special}"):
        assert not storage.exists(name)
        for method in ("GET", "HEAD"):
            for headers in ({}, {"Range": "bytes=1-"}, {"If-None-Match": '"x"'}):
                assert client.open(f"/files/{name}", method=method, headers=headers).status_code == 404
        for operation in (
            storage.read,
            storage.open,
            storage.read_chunks,
            storage.metadata,
            storage.version,
            lambda name: storage.open(name, "rb"),
            lambda name: storage.copy(name, "copy.txt"),
            lambda name: storage.move(name, "moved.txt"),
            lambda name: storage.copy(name, "a.txt", overwrite=True),
        ):
            with pytest.raises(fs.FileNotFound):
                operation(name)
        assert not storage.delete_version(name, "0-0-0")
        with pytest.raises(fs.VersionChanged):
            storage.replace_version(name, "new", "0-0-0")
    assert list(storage.list_files()) == ["a.txt"]
    assert storage.read("a.txt") == b"content"


def test_it_is_not_sent_by_the_web_server(app, storage, special):
    app.config["FS_SERVE_MODE"] = "sendfile"
    fs.init_app(app, storage)
    answer = app.test_client().get(f"/files/{special}")
    assert answer.status_code == 404
    assert "X-Sendfile" not in answer.headers


def test_its_name_is_taken_until_it_is_deleted(storage, special):
    for write in (storage.write, lambda name, content: storage.save(io.BytesIO(content.encode()), name)):
        with pytest.raises(fs.FileExists):
            write(special, "content")
    storage.delete(special)
    storage.write(special, "content")
    assert storage.read(special) == b"content"
    storage.delete("dir")
    assert list(storage.list_files()) == [special]


# those of osfs:// are OSFS's own
@pytest.mark.parametrize("storage", ["local"], indirect=True)
@pytest.mark.parametrize("mode", ["r", "r+", "a", "a+"])
def test_the_standard_methods_do_not_wait_for_it(storage, special, mode):
    with pytest.raises(errors.ResourceNotFound):
        storage.fs.openbin(special, mode)
    assert not storage.fs.isfile(special)


@pytest.mark.parametrize("name", ["loop.txt", "dir/loop.txt"])
def test_a_link_to_itself_is_no_file(app, storage, directory, name):
    os.mkdir(os.path.join(directory, "dir"))
    os.symlink("loop.txt", os.path.join(directory, name))
    storage.write("a.txt", "content")
    storage.write("dir/b.txt", "content")
    assert not storage.exists(name)
    assert app.test_client().get(f"/files/{name}").status_code == 404
    for operation in (storage.read, storage.metadata, lambda name: storage.copy(name, "copy.txt")):
        with pytest.raises(fs.FileNotFound):
            operation(name)
    assert sorted(storage.list_files()) == ["a.txt", "dir/b.txt"]
    storage.delete("dir")
    assert list(storage.list_files()) == ["a.txt"]
    if name == "loop.txt":
        storage.delete(name)
    assert set(os.listdir(directory)) - {".flask_pyfs"} == {"a.txt"}
