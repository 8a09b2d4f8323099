"""Files as flask-fs2 encrypts them, and storages that read them."""

import base64
import random
from contextlib import closing, contextmanager

import pytest
from cryptography.fernet import Fernet
from places import make_place

import flask_pyfs as fs

OLD_KEY = base64.urlsafe_b64encode(b"the key of flask-fs2, so to say.").decode()
KEY = base64.b64encode(b"the key of this package, of 32 b").decode()
# without a server
AT_HAND = ("memory", "local", "pyfs")
KINDS = [*AT_HAND, "s3-moto", "gridfs", "swift"]


def on(kinds):
    return [kind if kind in AT_HAND else pytest.param(kind, marks=pytest.mark.server) for kind in kinds]


def old_file(content, key=OLD_KEY, time=1_700_000_000):
    return base64.urlsafe_b64decode(Fernet(key).encrypt_at_time(content, time))


def content_of(size, seed=0):
    return random.Random(seed + size).randbytes(size)


def plant(storage, name, content):
    """Put a file into the store of a storage, as it is."""
    with storage.backend.bare.open_write(name) as file:
        file.write(content)


def planted(storage, name):
    """Return a file of the store of a storage, as it is."""
    return storage.backend.bare.read_file(name)


@contextmanager
def storage_on(kind, request, configure_storage, **settings):
    with make_place(kind, request) as place:
        yield configure_storage("files", {**place, **settings})


def chunks_of(storage, name):
    """Read a file in chunks; return what came before an error, and the error."""
    read = []
    try:
        with closing(storage.read_chunks(name, 1000)) as chunks:
            read.extend(chunks)
    except fs.FSError as error:
        return b"".join(read), error
    return b"".join(read), None
