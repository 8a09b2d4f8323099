"""A file of a storage as a file of the operating system."""

import errno
import hashlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.backends.memory import MemoryBackend

KINDS = [
    "memory",
    "local",
    "pyfs",
    *(pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")),
]
CONTENT = bytes(range(256)) * 9000
READER = "import hashlib, sys; print(hashlib.sha1(open(sys.argv[1], 'rb').read()).hexdigest(), sys.argv[1][-4:])"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory for temporary files, which is empty."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def storage(request, app, temporary):
    with make_place(request.param, request) as settings:
        storage = fs.Storage("files", fs.ALL)
        app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        with app.app_context():
            yield storage
            storage.fs.close()


on_all = pytest.mark.parametrize("storage", KINDS, indirect=True)


@on_all
def test_a_program_reads_the_file_by_its_path(storage, temporary):
    storage.write("clips/a b.mp4", CONTENT)
    with storage.local_copy("clips/a b.mp4") as path:
        done = subprocess.run([sys.executable, "-c", READER, path], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [hashlib.sha1(CONTENT).hexdigest(), ".mp4"]
        assert Path(path).is_absolute()
        kept = list(temporary.iterdir())
        assert [str(found) for found in kept if found.suffix == ".mp4"] == ([] if storage.root else [path])
    assert [found for found in temporary.iterdir() if found.suffix == ".mp4"] == []
    assert storage.read("clips/a b.mp4") == CONTENT


@on_all
def test_the_copy_goes_with_an_exception_too_and_is_never_written_back(storage, temporary):
    storage.write("a.txt", b"content")
    copies = []

    def fail():
        with storage.local_copy("a.txt") as path:
            copies.append(path)
            if not storage.root:
                Path(path).write_bytes(b"changed")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [os.path.exists(path) for path in copies] == [bool(storage.root)]
    assert storage.read("a.txt") == b"content"


@on_all
def test_a_file_that_is_missing(storage, temporary):
    before = sorted(temporary.iterdir())
    storage.write("d/a.txt", b"content")
    for name in ("b.txt", "d"):
        with pytest.raises(FileNotFoundError), storage.local_copy(name):
            pytest.fail("there is a path")
    assert [found for found in temporary.iterdir() if found.is_file()] == [found for found in before if found.is_file()]
    for name in ("", "../a.txt"):
        with pytest.raises(fs.InvalidPath):
            storage.local_copy(name)


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_on_a_disk_it_is_the_file_itself(storage, tmp_path):
    storage.write("d/a.txt", b"content")
    with storage.local_copy("/d//a.txt") as path:
        assert path == storage.path("d/a.txt")
    decomposed = "cafe\u0301.txt"
    (Path(storage.root) / decomposed).write_bytes(b"of a Mac")
    with storage.local_copy("caf\xe9.txt") as path:
        assert Path(path).read_bytes() == b"of a Mac"
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"secret")
    (Path(storage.root) / "link.txt").symlink_to(outside)
    with pytest.raises(fs.FSError), storage.local_copy("link.txt"):
        pytest.fail("there is a path")


@pytest.mark.parametrize("storage", ["memory"], indirect=True)
@pytest.mark.parametrize(("name", "end"), [("a", ""), (".hidden", ""), ("a.tar.gz", ".gz"), ("a." + "x" * 200, "")])
def test_the_extension(storage, name, end):
    storage.write(name, b"content")
    with storage.local_copy(name) as path:
        assert os.path.splitext(path)[1] == end


@pytest.mark.parametrize("storage", ["memory"], indirect=True)
def test_a_program_may_move_the_copy_away(storage, tmp_path):
    storage.write("a.txt", b"content")
    with storage.local_copy("a.txt") as path:
        os.rename(path, tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"content"


COPIES = """
import sys
import flask
import flask_pyfs as fs
app = flask.Flask("copies")
app.config["FS_BACKEND"] = "memory"
files = fs.Storage("files", fs.ALL)
fs.init_app(app, files)
with app.app_context():
    files.write("a.txt", b"secret")
    with files.local_copy("a.txt") as path:
        print(path, flush=True)
        sys.stdin.read()
"""


@contextmanager
def copying(temporary):
    """Another process that uses a copy, and the path of it."""
    run = [sys.executable, "-c", COPIES]
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(run, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.mark.parametrize("storage", ["memory"], indirect=True)
def test_a_copy_that_a_killed_process_left_is_removed_a_day_later(storage, temporary):
    storage.write("b.txt", b"content")
    other = temporary / "flask_pyfs-copy-link.txt"
    other.symlink_to(temporary)

    def age(path):
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)

    def use_another():
        with storage.local_copy("b.txt"):
            pass

    with copying(temporary) as (process, path):
        assert path.read_bytes() == b"secret"
        age(path)
        use_another()
        # it is in use
        assert path.exists()
        process.kill()
        process.wait()
        os.utime(path)
        use_another()
        assert path.exists()
        age(path)
        use_another()
    assert sorted(temporary.iterdir()) == [other]


@pytest.fixture
def small_files():
    """The operating system lets this process write no file of more than 1 MB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("storage", [kind for kind in KINDS if kind != "local"], indirect=True)
def test_a_directory_without_room_is_no_failure_of_the_store(storage, temporary, request):
    storage.write("a.bin", CONTENT)
    before = sorted(temporary.iterdir())
    request.getfixturevalue("small_files")
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.EFBIG))) as raised, storage.local_copy("a.bin"):
        pytest.fail("there is a path")
    assert not isinstance(raised.value, fs.FSError)
    assert raised.value.errno == errno.EFBIG
    assert sorted(temporary.iterdir()) == before


OLD, NEW = b"o" * 3_000_000, b"n" * 2_000_000


@pytest.mark.parametrize("storage", KINDS, indirect=True)
def test_a_file_that_is_replaced_meanwhile_is_whole(storage, monkeypatch):
    storage.write("a.bin", OLD)
    replaced = []
    from flask_pyfs import local_copies

    def copy_stream(file, target):
        target.write(file.read(100_000))
        if not replaced:
            replaced.append(storage.write("a.bin", NEW, overwrite=True))
        while piece := file.read(100_000):
            target.write(piece)

    monkeypatch.setattr(local_copies, "copy_stream", copy_stream)
    with storage.local_copy("a.bin") as path:
        content = Path(path).read_bytes()
    assert content in (OLD, NEW)
    assert bool(replaced) is not bool(storage.root)


@pytest.mark.parametrize("storage", ["memory"], indirect=True)
def test_a_copy_that_is_never_whole_is_an_error(storage, monkeypatch, temporary):
    storage.write("a.bin", OLD)
    monkeypatch.setattr(MemoryBackend, "_fetch", _cut(MemoryBackend._fetch))
    with pytest.raises(fs.BackendError, match="did not arrive whole"), storage.local_copy("a.bin"):
        pytest.fail("there is a path")
    assert list(temporary.iterdir()) == []


def _cut(fetch):
    def cut(self, *arguments, **options):
        facts, file = fetch(self, *arguments, **options)
        file.seek(1_000_000)
        return facts, file

    return cut
