"""Use a storage as another user, who may not read all of it. Runs as root, and becomes nobody.

Argument: a directory, below which root/files is the storage.
"""

import logging
import os
import sys

from robust import make_storage

from flask_pyfs import PermissionDenied

NOBODY = 65534

directory = sys.argv[1]
# what is imported at first use is so now: another user may not be able to read it
_, app = make_storage(os.path.join(directory, "other"))
assert app.test_client().get("/files/a").status_code == 404
root = os.path.join(directory, "root", "files")
for name in ("lost+found", "d/secret", "good", ".flask_pyfs"):
    os.makedirs(os.path.join(root, name))
for path in (directory, os.path.dirname(root)):
    os.chmod(path, 0o755)
for name in ("a", "good/b", "unreadable", "lost+found/c", "d/secret/d", ".flask_pyfs/old"):
    with open(os.path.join(root, name), "w") as file:
        file.write("content")
    os.chmod(os.path.join(root, name), 0o644)
os.utime(os.path.join(root, ".flask_pyfs/old"), (0, 0))
os.chmod(os.path.join(root, "unreadable"), 0o600)
for name in ("lost+found", "d/secret"):
    os.chmod(os.path.join(root, name), 0o700)
os.chown(root, NOBODY, NOBODY)
os.setgroups([])
os.setgid(NOBODY)
os.setuid(NOBODY)

logged = []


class Kept(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())


logging.getLogger("flask_pyfs").addHandler(Kept())


def refused(operation, *arguments, part=""):
    told = None
    try:
        operation(*arguments)
    except PermissionDenied as error:
        told = str(error)
    assert told is not None, f"{operation} did not fail"
    assert part in told, told


storage, app = make_storage(directory)
# a start that cannot remove leftovers is one all the same
names = {"a", "good/b", "unreadable"}
assert set(storage.list_files()) == names
assert [message for message in logged if "leftovers" in message], logged
logged.clear()
for _ in range(3):
    assert set(storage.list_files()) == names
    assert set(storage.list_files("d")) == set()
assert logged == [], logged
again, _ = make_storage(directory)
assert set(again.list_files("lost")) == set()
assert sum("lost+found" in message for message in logged) == 0, logged

# who asks for the directory itself is told
refused(list, storage.list_files("lost+found/"), part="lost+found")
refused(storage.read, "lost+found/c", part="lost+found/c': check the owner and the permissions there")
refused(storage.read, "unreadable", part=f"{root}/unreadable': check the owner and the permissions there, or set ROOT")
refused(storage.exists, "d/secret/d")
refused(storage.metadata, "d/secret/d")
refused(storage.version, "d/secret/d")
assert storage.version("unreadable")

for mode in ("stream", "sendfile"):
    served, app = make_storage(directory, SERVE_MODE=mode)
    client = app.test_client()
    assert client.get("/files/a").status_code == 200
    hidden = ["lost+found/c", "lost+found/missing", "lost+found", "d/secret/d", "d/secret"]
    for name in hidden if mode == "sendfile" else [*hidden, "unreadable"]:
        for method in ("GET", "HEAD"):
            response = client.open(f"/files/{name}", method=method)
            assert response.status_code == 404, (mode, name, response.status_code)
            assert b"content" not in response.data

# the directory of unfinished files belongs to another user
refused(storage.write, "a", b"new", True, part=".flask_pyfs' is not writable")
assert storage.read("a") == b"content"
storage.write("new", b"x")

# leftovers are looked for where that can be done, and the root's cannot be removed
refused(storage.backend.remove_leftovers, -60)
assert storage.backend.remove_leftovers(older_than=-60, dry_run=True) == 1
print("checked")
