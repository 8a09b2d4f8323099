"""Encrypted storages, and texts that are planted in them and then looked for."""

from contextlib import contextmanager

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.encryption.keys import new_key
from flask_pyfs.names import Reserved

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]
KINDS = ["memory", "local", *SERVERS]
# where a file of the operating system and an object differ
LOCAL_AND_S3 = ["local", SERVERS[0]]

#: What a file has and nothing else may have.
PLANTED = b"a planted secret, 9f41c7"
#: What each PNG file begins with. A shorter text may be in any ciphertext, by chance.
PNG = b"\x89PNG\r\n\x1a\n"


def key():
    return str(new_key())


def keyed(**settings):
    """Return the settings of a storage that is encrypted, with a new key."""
    return {"ENCRYPTION_KEYS": key(), **settings}


@contextmanager
def encrypted_storage(kind, request, app, name="files", **settings):
    """Configure an encrypted storage on a store of some kind, in the context of its app."""
    with make_place(kind, request) as place:
        storage = fs.Storage(name, fs.ALL)
        app.config.update({f"{name.upper()}_FS_{key}": value for key, value in {**place, **keyed(**settings)}.items()})
        fs.init_app(app, storage)
        with app.app_context():
            yield storage


def kept(storage):
    """Return all that the store of a storage has, as it is kept there, by the paths."""
    bare = storage.backend.bare
    paths = [*bare.iter_files(), *bare.iter_files(Reserved(".flask_pyfs/"))]
    return {path: bare.read_file(Reserved(path)) for path in sorted(set(paths))}


def plain_in(storage, text=PLANTED):
    """Return the paths of the store whose content has a text."""
    return [path for path, content in kept(storage).items() if text in content]
