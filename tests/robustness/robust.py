"""What the tests of this directory, and the scripts that they run in processes of their own, share."""

import os
import subprocess
import sys
from pathlib import Path

import flask

import flask_pyfs as fs

HERE = Path(__file__).parent


def make_storage(directory, backend="local", name="files", **settings):
    """Return a storage of its own app; its local root is ``directory/root/<name>``."""
    app = flask.Flask("tests", instance_path=str(Path(directory) / "instance"))
    app.config.update(FS_ROOT=str(Path(directory) / "root"), FS_SERVE=True, SECRET_KEY="secret", FS_BACKEND=backend)
    app.config.update({f"{name.upper()}_FS_{key}": value for key, value in settings.items()})
    storage = fs.Storage(name, fs.ALL)
    fs.init_app(app, storage)
    return storage, app


def stored(storage):
    """Return the files of a storage: name -> content."""
    return {name: storage.read(name) for name in storage.list_files()}


def tree(directory):
    """Return all that lies below a directory, unfinished files too: path -> content, 'directory' or the link."""
    found: dict[str, str | bytes] = {}
    for above, directories, files in os.walk(directory):
        for name in directories + files:
            path = Path(above, name)
            relative = str(path.relative_to(directory))
            if path.is_symlink():
                found[relative] = os.readlink(path)
            elif path.is_dir():
                found[relative] = "directory"
            else:
                found[relative] = path.read_bytes()
    return found


def visible(directory):
    """Return a tree without the directories for unfinished files, which may stay when they are empty."""
    return {path: what for path, what in tree(directory).items() if not (is_staging(path) and what == "directory")}


def is_staging(path):
    return os.path.basename(path) == ".flask_pyfs"


def leftovers(directory):
    """Return the paths of the unfinished files below a directory."""
    return [path for path in visible(directory) if ".flask_pyfs" in path]


def numbered(number, size):
    """Return ``size`` bytes (a multiple of 8) that tell their number everywhere."""
    return number.to_bytes(8, "big") * (size // 8)


def number_of(content, size):
    """Return the number of a content; it must be whole."""
    assert len(content) == size, f"{len(content)} bytes in place of {size}"
    assert content == content[:8] * (size // 8), "parts of two contents"
    return int.from_bytes(content[:8], "big")


def run_script(script, *arguments, timeout=300, before=()):
    """Run a script of this directory in a process of its own; it must succeed."""
    command = [*before, sys.executable, str(HERE / script)]
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{script} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def on_small_disk(directory, size):
    """Return the start of a command that mounts an empty file system on a directory, for itself alone."""
    mount = ["sh", "-c", f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@"', "sh", str(directory)]
    tried = []
    # root may mount in a mount namespace; others may where they are root of a user namespace
    for namespace in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        attempt = subprocess.run([*namespace, *mount, "true"], capture_output=True, text=True, check=False)
        if attempt.returncode == 0:
            return [*namespace, *mount]
        tried.append(f"{' '.join(namespace)}: {attempt.stderr.strip()}")
    raise AssertionError("these tests need to mount a tmpfs, as root or in a user namespace: " + "; ".join(tried))
