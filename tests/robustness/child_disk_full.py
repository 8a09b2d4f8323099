"""Write more than a disk takes, in all ways, and check what is left.

Arguments: a directory, or a file system that is too small; 'local' or 'pyfs'; a limit of the size of files, or 0.
"""

import gc
import io
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from robust import leftovers, make_storage, stored, visible

from flask_pyfs import FSError

# isort: split
# after flask_pyfs, which lets fs do without pkg_resources
import fs.errors

BIG = b"x" * (4 << 20)
OLD = {"old": b"o" * 100_000}


def refused(operation, kinds=FSError):
    try:
        operation()
    except kinds as error:
        return error
    raise AssertionError("it did not fail")


def fill(file, directory, limit):
    """Write until nothing more fits, so that only what is still buffered can fail."""
    block = b"x" * 4096
    if limit:
        file.write(b"x" * limit)
        file.flush()
    while not limit and os.statvfs(directory).f_bavail:
        file.write(block)
        file.flush()


def writes(storage, name):
    storage.write(name, BIG, overwrite=True)


def saves(storage, name):
    storage.save(io.BytesIO(BIG), name, overwrite=True)


def opens(storage, name):
    with storage.open(name, "wb") as file:
        for start in range(0, len(BIG), 1000):
            file.write(BIG[start : start + 1000])


def opens_text(storage, name):
    with storage.open(name, "w") as file:
        for start in range(0, len(BIG), 1000):
            file.write(BIG[start : start + 1000].decode())


def appends(storage, name):
    with storage.open(name, "ab") as file:
        file.write(BIG)


def swallows(storage, name):
    with storage.open(name, "wb") as file:
        file.write(b"first")
        with suppress(FSError):
            file.write(BIG)


def swallows_and_goes_on(storage, name):
    file = storage.open(name, "wb")
    with suppress(FSError):
        file.write(BIG)
    with suppress(FSError):
        file.seek(0)
        file.truncate()
        file.write(b"small")
    file.close()


def swallows_text(storage, name):
    with storage.open(name, "w") as file:
        with suppress(FSError):
            file.write(BIG.decode())
        with suppress(FSError):
            file.flush()


def fails_at_close(storage, name):
    file = storage.open(name, "wb")
    fill(file, where, limit)
    file.write(b"still buffered")
    file.close()


def fails_at_the_end_of_with(storage, name):
    with storage.open(name, "wb") as file:
        fill(file, where, limit)
        file.write(b"still buffered")


def fails_at_close_of_text(storage, name):
    file = storage.open(name, "w")
    fill(file.buffer, where, limit)
    file.write("still buffered")
    file.close()


STORAGE = [writes, saves, opens, opens_text, appends, swallows, swallows_and_goes_on, swallows_text]
STORAGE += [fails_at_close, fails_at_the_end_of_with, fails_at_close_of_text]


def handle_uploads(handle, name):
    handle.upload(name, io.BytesIO(BIG))


def handle_writes(handle, name):
    handle.writebytes(name, BIG)


def handle_writes_text(handle, name):
    handle.writetext(name, BIG.decode())


def handle_swallows(handle, name):
    with handle.open(name, "wb") as file:
        with suppress(OSError, fs.errors.FSError):
            file.write(BIG)
        with suppress(OSError, fs.errors.FSError):
            file.flush()


HANDLE = [handle_uploads, handle_writes, handle_writes_text, handle_swallows]


def check(storage, before, what):
    assert stored(storage) == OLD, what
    assert not leftovers(where), what
    assert visible(where) == before, what


where, backend, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
if backend == "local":
    storage, _ = make_storage(where)
else:
    Path(where, "root").mkdir()
    storage, _ = make_storage(where, "pyfs", OPEN_URL=f"osfs://{where}/root")
for name, content in OLD.items():
    storage.write(name, content)
before = visible(where)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for operation in STORAGE:
    for name in ("old", "new", "not/there/yet") if operation is not appends else ("old",):
        # the error is kept, and with it all that its traceback holds
        error = refused(lambda: operation(storage, name))  # noqa: B023
        check(storage, before, operation.__name__)
        assert error.storage == "files", operation.__name__
        del error
if backend == "local":
    for operation in HANDLE:
        for name in ("old", "new"):
            error = refused(lambda: operation(storage.fs, name), (OSError, fs.errors.FSError))  # noqa: B023
            check(storage, before, operation.__name__)
            del error
gc.collect()
storage.write("small", b"small")
assert storage.read("small") == b"small"
print("checked")
