"""A worker that is killed at each of its requests to a store, before it or after it: another one goes on."""

import io
import itertools
from contextlib import suppress

import pytest
from killing import Killed, Killing

from flask_pyfs import unfinished
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.leases import held as leases
from flask_pyfs.names import Reserved
from flask_pyfs.resumable.upload import Upload

DATA = bytes(range(256))
SERVERS = itertools.product(["s3-moto", "gridfs"], [100, len(DATA)], [False])
CASES = [
    *itertools.product(["memory", "local"], [100, len(DATA)], [False, True]),
    *(pytest.param(*case, marks=pytest.mark.server) for case in [*SERVERS, ("swift", 100, True)]),
]
#: At one in so many requests, without --soak.
STEPS = {"s3-moto": 3, "gridfs": 3, "swift": 20}
REQUESTS = ("put", "iter_facts", "fetch", "read_file", "join_files", "delete_tree", "replace_version", "delete_version")
#: Likewise of the bucket of GridFS, by which pieces are chunks of the file.
COMMANDS = ("growing", "grow", "publish", "rename")


def requests_of(store):
    """What makes requests to a store."""
    bucket = getattr(store, "_bucket", None)
    made = [*((store, name) for name in REQUESTS), *((bucket, name) for name in COMMANDS)]
    return [(owner, name) for owner, name in made if hasattr(owner, name)]


@pytest.mark.parametrize(("kind", "size", "overwrite"), CASES)
def test_a_worker_is_killed_at_each_request(kind, size, overwrite, open_storage, begin, monkeypatch, soak):
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.05)
    storage = open_storage(kind)
    store = storage.backend.store
    store.piece_size = store.small_upload = size
    # in GridFS
    store.chunk_size = 50
    # Swift takes long to decide who is first
    step = 1 if soak else STEPS.get(kind, 1)
    for is_sent in (False, True):
        last, is_done = 1 + (is_sent and step > 1), False
        while not is_done:
            name = f"{last}-{is_sent}.bin"
            token = begin(storage, name, unique=False, overwrite=overwrite, length=len(DATA)).token
            with monkeypatch.context() as patch:
                killing = Killing(patch, last, is_sent=is_sent, requests=requests_of(store))
                with suppress(Killed):
                    Upload.opened(token).append(io.BytesIO(DATA), 0)
                is_done = killing.left > 0
            upload = Upload.opened(token)
            status = upload.status()
            if status.stored is None:
                status = upload.append(io.BytesIO(DATA[status.offset :]), status.offset)
            assert (status.stored, storage.read(name)) == (name, DATA)
            upload.status()
            last += step
    assert {path.rpartition("/")[2] for path in store.iter_files(Reserved(f"{UPLOADS}/"))} == {"done"}
