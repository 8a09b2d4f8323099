"""Work with a small file system that is mounted inside the root of a storage.

Arguments: a directory, below which root/files/mounted is that file system; 'durable' or 'fast'.
"""

import io
import os
import stat
import sys
import threading
from pathlib import Path

from robust import make_storage, stored, visible

from flask_pyfs import FileExists, FSError, VersionChanged

BIG = b"x" * (4 << 20)


def refused(kind, operation, *arguments, **options):
    try:
        operation(*arguments, **options)
    except kind:
        return
    raise AssertionError(f"{operation} did not fail")


def open_and_write(name, mode, content):
    with storage.open(name, mode) as file:
        file.write(content)


storage, _ = make_storage(sys.argv[1], MODE="0640", DIR_MODE="0750", DURABLE=sys.argv[2] == "durable")
root = Path(storage.root)
assert os.stat(root).st_dev != os.stat(root / "mounted").st_dev


def check(expected):
    assert stored(storage) == expected
    above = {str(parent) for name in expected for parent in Path(name).parents} - {"."}
    directories = {path for path, what in visible(root).items() if what == "directory"}
    assert directories == above | {"mounted"}, directories
    files = set(visible(root)) - directories
    assert files == set(expected), files


storage.write("mounted/write", b"1")
storage.save(io.BytesIO(b"2"), "mounted/new/directory/save.txt")
open_and_write("mounted/open", "wb", b"3")
open_and_write("mounted/text", "x", "4")
storage.write("outside", b"5")
expected = {
    "mounted/write": b"1",
    "mounted/new/directory/save.txt": b"2",
    "mounted/open": b"3",
    "mounted/text": b"4",
    "outside": b"5",
}
check(expected)
for name in expected:
    assert stat.S_IMODE(os.stat(root / name).st_mode) == 0o640, name
assert stat.S_IMODE(os.stat(root / "mounted/new/directory").st_mode) == 0o750

storage.write("mounted/write", b"over", overwrite=True)
refused(FileExists, storage.write, "mounted/write", b"no")
refused(FileExists, open_and_write, "mounted/text", "xb", b"no")
refused(FileExists, storage.copy, "outside", "mounted/write")
refused(FileExists, storage.move, "outside", "mounted/write")
refused(FileExists, storage.move, "mounted/write", "outside")
check(expected | {"mounted/write": b"over"})

storage.copy("outside", "mounted/copied")
storage.copy("mounted/open", "copied")
storage.move("outside", "mounted/moved/in")
storage.move("mounted/open", "moved/out")
storage.move("mounted/text", "mounted/renamed")
storage.fs.copy("copied", "mounted/copied", overwrite=True)
storage.fs.move("copied", "mounted/copied2")
expected = {
    "mounted/write": b"over",
    "mounted/new/directory/save.txt": b"2",
    "mounted/copied": b"3",
    "mounted/copied2": b"3",
    "mounted/moved/in": b"5",
    "mounted/renamed": b"4",
    "moved/out": b"3",
}
check(expected)

# versions, of files that are copied to it before they get their names
written = storage.write("mounted/write", b"version", overwrite=True)
assert written.version == storage.version("mounted/write")
newer = storage.replace_version("mounted/write", b"newer", written.version)
assert newer.version == storage.version("mounted/write")
refused(VersionChanged, storage.replace_version, "mounted/write", b"lost", written.version)
assert not storage.delete_version("mounted/write", written.version)
check(expected | {"mounted/write": b"newer"})
assert storage.delete_version("mounted/write", newer.version)
storage.write("mounted/write", b"over")
check(expected)

# too much for it
storage.write("big", BIG)
expected["big"] = BIG
for name in ("mounted/write", "mounted/big", "mounted/not/there/yet"):
    for operation in (
        lambda name: storage.write(name, BIG, overwrite=True),
        lambda name: open_and_write(name, "wb", BIG),
        lambda name: storage.copy("big", name, overwrite=True),
        lambda name: storage.move("big", name, overwrite=True),
    ):
        refused(FSError, operation, name)
        check(expected)
    if name != "mounted/write":
        refused(FSError, storage.write, name, BIG)
        refused(FSError, storage.move, "big", name)
        check(expected)

# many at once, who make and remove the same directory for what is unfinished
failures = []


def work(number):
    for turn in range(30):
        try:
            storage.write(f"mounted/many/{number}", b"%d" % turn, overwrite=True)
            storage.move(f"mounted/many/{number}", f"many-{number}", overwrite=True)
        except FSError as error:
            failures.append(error)


threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert failures == [], failures
for number in range(8):
    assert storage.read(f"many-{number}") == b"29"
    storage.delete(f"many-{number}")
storage.delete("mounted/many")
check(expected)

# a file beside others with the same content is not what a reader of the old one sees
with storage.open("mounted/write", "rb") as reader:
    storage.write("mounted/write", b"new", overwrite=True)
    assert reader.read() == b"over"
storage.delete("mounted/new")
del expected["mounted/new/directory/save.txt"]
check(expected | {"mounted/write": b"new"})
print("checked")
