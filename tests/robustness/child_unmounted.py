"""Unmount the disk of a storage while an app runs, and mount it again. Runs in a mount namespace of its own.

Arguments: a directory; what is mounted: 'root', or 'above' for the directory that has the root.
"""

import io
import os
import subprocess
import sys
from pathlib import Path

from robust import make_storage, tree

from flask_pyfs import BackendError

# isort: split
# after flask_pyfs, which lets fs do without pkg_resources
import fs.errors

directory, place = Path(sys.argv[1]), sys.argv[2]
point = directory / "root" / "files" if place == "root" else directory / "root"
disk = directory / "disk"


def mount():
    subprocess.run(["mount", "--bind", disk, point], check=True)


def operations(storage, version):
    return {
        "read": lambda: storage.read("a"),
        "exists": lambda: storage.exists("a"),
        "in": lambda: "a" in storage,
        "metadata": lambda: storage.metadata("a"),
        "version": lambda: storage.version("a"),
        "open": lambda: storage.open("a"),
        "list": lambda: list(storage.list_files()),
        "list below": lambda: list(storage.list_files("d/")),
        "write": lambda: storage.write("new", b"x"),
        "write below": lambda: storage.write("d/new", b"x"),
        "overwrite": lambda: storage.write("a", b"x", overwrite=True),
        "save": lambda: storage.save(io.BytesIO(b"x"), "new.txt"),
        "open to write": lambda: storage.open("new", "wb").close(),
        "append": lambda: storage.open("a", "ab"),
        "copy": lambda: storage.copy("a", "new"),
        "move": lambda: storage.move("a", "new"),
        "delete": lambda: storage.delete("a"),
        "delete_version": lambda: storage.delete_version("a", version),
        "replace_version": lambda: storage.replace_version("a", b"x", version),
        "fs.exists": lambda: storage.fs.exists("a"),
        "fs.listdir": lambda: storage.fs.listdir("/"),
    }


disk.mkdir()
point.mkdir(parents=True)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
mount()
storage, _ = make_storage(directory)
storage.write("a", b"content")
storage.write("d/b", b"content")
version = storage.version("a")
for with_uploads in (False, True):
    subprocess.run(["umount", point], check=True)
    if with_uploads:
        # an app once ran before the disk was mounted
        (point / ("files" if place == "above" else "") / ".flask_pyfs").mkdir(parents=True)
    before = tree(point)
    for name, operation in operations(storage, version).items():
        try:
            operation()
            told = "nothing"
        except (BackendError, fs.errors.FSError) as error:
            told = str(error)
        assert "is it mounted?" in told, (name, told)
    assert tree(point) == before, tree(point)
    mount()
    assert storage.read("a") == b"content"
    assert set(storage.list_files()) == {"a", "d/b"}
    assert not storage.exists("missing")
    storage.write("d/again", b"x")
    storage.delete("d/again")
print("checked")
os._exit(0)
