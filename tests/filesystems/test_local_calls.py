"""Which calls of the operating system an operation on local files makes, in their order: none is made twice."""

import io
import sys
from contextlib import contextmanager

import pytest

import flask_pyfs as fs

CONTENT = b"x" * 4096
DEEP = "a/b/c/d/e/f.txt"


@contextmanager
def counted():
    """Collect the names of the functions of ``os`` and ``fcntl`` that are called inside the block."""
    made = []

    def note(frame, event, called):
        if event == "c_call" and called.__module__ in ("posix", "fcntl") and called.__name__ != "fspath":
            made.append(called.__name__)

    sys.setprofile(note)
    try:
        yield made
    finally:
        sys.setprofile(None)


@pytest.fixture
def files(app, tmp_path):
    files = fs.Storage("files", fs.ALL)
    app.config.update(FS_SERVE=True, FILES_FS_BACKEND="local", FILES_FS_ROOT=str(tmp_path))
    fs.init_app(app, files)
    with app.app_context():
        for name in ("a.txt", "d/a.txt", DEEP):
            files.write(name, CONTENT)
        files.write("a.txt", CONTENT, overwrite=True)
        files.move("a.txt", "b.txt")
        files.move("b.txt", "a.txt")
        yield files


LOCKED = ["open", "flock"]
UNLOCKED = ["flock", "close"]
# the link is not followed, the random name is new
STAGED = ["lstat", "urandom", "open"]

NEW = ["lstat", "access", "open", "write", "fstat", *LOCKED, "link", *UNLOCKED, "close"]
COPIED = ["open", "fstat", "fstat", "copy_file_range", "copy_file_range", "close", "fchmod", "fstat", "close"]

OPERATIONS = {
    "exists": (lambda files: files.exists("a.txt"), ["lstat"]),
    "exists in a directory": (lambda files: files.exists("d/a.txt"), ["lstat", "lstat"]),
    "exists in many directories": (lambda files: files.exists(DEEP), ["open", "readlink", "close", "lstat"]),
    "exists not": (lambda files: files.exists("no.txt"), ["lstat", "stat"]),
    "size": (lambda files: files.size("d/a.txt"), ["lstat", "lstat"]),
    "metadata": (lambda files: files.metadata("d/a.txt", checksum=False), ["lstat", "lstat"]),
    "read": (lambda files: files.read("d/a.txt"), ["lstat", "open", "fstat", "read", "close"]),
    "read_chunks": (lambda files: list(files.read_chunks("d/a.txt")), ["lstat", "open", "fstat"]),
    "open": (lambda files: files.open("d/a.txt", "rb").close(), ["lstat", "open", "fstat"]),
    "write": (lambda files: files.write("d/b.txt", CONTENT), NEW),
    "save": (lambda files: files.save(io.BytesIO(CONTENT), "d/b.txt"), NEW),
    "overwrite": (
        lambda files: files.write("d/a.txt", CONTENT, overwrite=True),
        ["lstat", "lstat", *STAGED, "write", "fstat", "close", *LOCKED, "rename", *UNLOCKED],
    ),
    # those of the file, those of the new name; the rename itself is no function of os
    "move": (lambda files: files.move("d/a.txt", "d/b.txt"), [*["lstat"] * 4, *LOCKED, *UNLOCKED]),
    "copy": (
        lambda files: files.copy("d/a.txt", "d/b.txt"),
        [*["lstat"] * 5, *STAGED, *COPIED, *LOCKED, "link", "unlink", *UNLOCKED],
    ),
    "delete": (lambda files: files.delete("d/a.txt"), ["lstat", "unlink"]),
}


@pytest.mark.parametrize(("operation", "calls"), OPERATIONS.values(), ids=OPERATIONS)
def test_calls_of_an_operation(files, operation, calls):
    with counted() as made:
        operation(files)
    assert made == calls


def test_the_first_name_of_a_listing_asks_nothing_of_the_directories_after_it(files):
    for number in range(9):
        files.write(f"many/{number}/a.txt", CONTENT)
    names = files.list_files("many/")
    with counted() as made:
        next(names)
    # of the directory itself, and of the first one in it
    assert made == ["lstat", "lstat", "open", "scandir", "close", "lstat", "open", "scandir"]


def test_calls_of_a_get_through_the_route(app, files):
    client = app.test_client()
    with counted() as made:
        response = client.get("/files/d/a.txt", buffered=True)
    assert response.data == CONTENT
    assert made == ["lstat", "open", "fstat"]
