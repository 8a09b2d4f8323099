"""Sources that fail, and sources that give less than they are asked for."""

import io
import itertools

import pytest
from fs import errors as fs_errors
from robust import leftovers, make_storage
from werkzeug.datastructures import FileStorage

from flask_pyfs import FSError

MIB4 = 4 * 1024 * 1024
CONTENT = bytes(range(256)) * (MIB4 // 256)


class OwnError(Exception):
    pass


class Failing(io.RawIOBase):
    """Gives so many bytes and then raises."""

    def __init__(self, good, error):
        super().__init__()
        self._good = io.BytesIO(CONTENT[:good])
        self._error = error

    def readable(self):
        return True

    def read(self, size=-1):
        piece = self._good.read(min(size, 100_000) if size >= 0 else 100_000)
        if not piece:
            raise self._error
        return piece


class ShortReads(io.RawIOBase):
    """Gives 1 byte, then 2, then 3…, never as many as it is asked for."""

    def __init__(self, content):
        super().__init__()
        self._file = io.BytesIO(content)
        self._sizes = itertools.count(1)

    def readable(self):
        return True

    def read(self, size=-1):
        short = next(self._sizes)
        return self._file.read(short if size < 0 else min(short, size))


def save(storage, name, source, replace):
    storage.save(source, name, overwrite=replace)


def save_upload(storage, name, source, replace):
    storage.save(FileStorage(source, filename="client.bin"), name, overwrite=replace)


def write(storage, name, source, replace):
    storage.write(name, source, overwrite=replace)


def open_binary(storage, name, source, replace):
    with storage.open(name, "wb" if replace else "xb") as file:
        while piece := source.read(65536):
            file.write(piece)


def open_text(storage, name, source, replace):
    with storage.open(name, "w" if replace else "x", encoding="latin-1", newline="") as file:
        while piece := source.read(65536):
            file.write(piece.decode("latin-1"))


def backend_write(storage, name, source, replace):
    storage.backend.write(name, source, overwrite=replace)


WAYS = [save, save_upload, write, open_binary, open_text, backend_write]


@pytest.fixture(params=["local", "local with a prefix", "memory", "temp://", "zip://{}/new.zip"])
def storage(request, tmp_path):
    backend, _, prefix = request.param.partition(" with a ")
    if "://" in backend:
        storage, _ = make_storage(tmp_path, "pyfs", OPEN_URL=backend.format(tmp_path))
    else:
        storage, _ = make_storage(tmp_path, backend, PREFIX=prefix)
    storage.write("old.bin", b"old")
    yield storage
    if "://" in backend:
        storage.backend.store.standard.close()


def everything(storage, tmp_path):
    """Return the directories and files as the filesystem itself shows them, and what is unfinished on disk."""
    handle = storage.fs
    return (
        sorted(handle.walk.dirs()),
        {path: handle.readbytes(path) for path in handle.walk.files()},
        leftovers(tmp_path / "root"),
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_a_source_that_fails(storage, way, percent, tmp_path):
    before = everything(storage, tmp_path)
    assert before[1:] == ({"/old.bin": b"old"}, [])
    good = MIB4 * percent // 100
    for name, replace in (("new.bin", False), ("not/there/yet.bin", False), ("old.bin", True)):
        error = OwnError()
        with pytest.raises(OwnError) as raised:
            way(storage, name, Failing(good, error), replace)
        assert raised.value is error
        assert everything(storage, tmp_path) == before


ERRORS = [
    OSError,
    FileNotFoundError,
    FileExistsError,
    ConnectionResetError,
    TimeoutError,
    EOFError,
    KeyboardInterrupt,
    FSError,
    fs_errors.ResourceNotFound,
    fs_errors.FileExists,
    fs_errors.OperationFailed,
]


@pytest.mark.parametrize("way", WAYS)
def test_the_error_of_a_source_comes_out_as_it_is(storage, way, tmp_path):
    before = everything(storage, tmp_path)
    for kind in ERRORS:
        error = kind("own")
        with pytest.raises(kind) as raised:
            way(storage, "not/there/yet.bin", Failing(100_001, error), False)
        assert raised.value is error
        assert everything(storage, tmp_path) == before, kind


@pytest.mark.parametrize("way", WAYS)
def test_short_reads(storage, way, tmp_path):
    for name, replace in (("new.bin", False), ("old.bin", True)):
        way(storage, name, ShortReads(CONTENT), replace)
        assert storage.read(name) == CONTENT
    way(storage, "empty.bin", ShortReads(b""), False)
    assert storage.read("empty.bin") == b""
    assert everything(storage, tmp_path)[2] == []
    assert sorted(storage.list_files()) == ["empty.bin", "new.bin", "old.bin"]


def test_a_source_that_has_nothing_yet_is_not_at_its_end(storage, tmp_path):
    class NotReady(ShortReads):
        # None is what a stream that does not block gives where there is nothing to read yet
        def read(self, size=-1):
            piece = super().read(size)
            return None if self._file.tell() > 100 else piece

    before = everything(storage, tmp_path)
    for way in (save, write):
        with pytest.raises(BlockingIOError):
            way(storage, "new.bin", NotReady(CONTENT[:200]), False)
        assert everything(storage, tmp_path) == before


def test_text_pieces(storage):
    storage.write("text", io.StringIO("é" * 1_000_000))
    assert storage.read("text") == "é".encode() * 1_000_000


def test_a_file_of_the_storage_is_written_over_itself(storage):
    storage.write("a", CONTENT)
    with storage.open("a", "rb") as source:
        source.seek(100)
        storage.write("a", source, overwrite=True)
    assert storage.read("a") == CONTENT[100:]
