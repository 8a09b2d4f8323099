"""Storages between two stores."""

import io

from load import open_storage

from flask_pyfs.filesystems.migrating.target import ANYTHING
from flask_pyfs.names import RESERVED


def sides(source, target, **settings):
    """Return the settings of a storage between two, each of which is given by the settings of its own."""
    both = {f"SOURCE_{key}": value for key, value in source.items()}
    both |= {f"TARGET_{key}": value for key, value in target.items()}
    backends = {side: both.pop(f"{side}_BACKEND") for side in ("SOURCE", "TARGET")}
    return {"BACKEND": "migrating", **backends, **both, **settings}


def in_memory(**settings):
    """Return a storage between two stores in memory."""
    return between({"BACKEND": "memory"}, {"BACKEND": "memory"}, **settings)


def between(source, target, **settings):
    return open_storage(sides(source, target, **settings))[0]


def turned(storage, **settings):
    """Return a storage between the same stores with other settings, as another process has it."""
    other = in_memory(**settings)
    fs = storage.backend.store
    other.backend._store = type(fs)(fs.source, fs.target, **{key.lower(): value for key, value in settings.items()})
    return other


def source_of(storage):
    return storage.backend.store.source


def target_of(storage):
    return storage.backend.store.target


def write(store, path, content=b"content"):
    """Write as a process does that knows this store alone; return the version."""
    return store.put(path, io.BytesIO(content))


def write_here(storage, path, content=b"of the app"):
    """Write to the target as the app does."""
    return storage.backend.store.entries_of_target.write(path, io.BytesIO(content), ANYTHING)


def bury(storage, path):
    """Leave a tombstone, as a delete does that crashes then."""
    return storage.backend.store.entries_of_target.bury(path, ANYTHING)


def contents(store):
    """Return what is in a store, but for reserved names."""
    return {path: store.read_file(path) for path in store.iter_files() if not path.startswith(RESERVED)}
