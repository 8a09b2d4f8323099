"""What the pieces of an upload cost: the requests to S3."""

import hashlib
import io
import sys
from pathlib import Path

import pytest

from flask_pyfs.errors import FileExists
from flask_pyfs.resumable.upload import Upload

# a package of the driver has the name of this directory
sys.path.append(str(Path(__file__).parents[1] / "s3"))

from counting import requests_of

pytestmark = pytest.mark.server

DATA = b"0123456789"
LOOK = ("GET", "ListObjectsV2")
STORE = ("PUT", "PutObject")
READ = ("GET", "GetObject")
ENDED = [LOOK, ("POST", "DeleteObjects")]


@pytest.fixture
def sent(open_storage):
    """The requests that are sent, and the storage."""
    storage = open_storage("s3-moto")
    with requests_of(storage.backend.store.client) as sent:
        # makes the bucket known, and opens the connection
        storage.write("first.txt", "")
        sent.clear()
        yield storage, sent


def taken(sent):
    found = list(sent)
    sent.clear()
    return found


def test_each_request_of_a_client_costs_little(sent, begin, monkeypatch):
    storage, sent = sent
    monkeypatch.setattr(storage.backend.store, "piece_size", 4)
    upload = begin(storage, length=len(DATA))
    assert taken(sent) == []
    assert Upload.opened(upload.token).status().offset == 0
    assert taken(sent) == [LOOK]
    upload.append(io.BytesIO(DATA[:3]), 0)
    assert taken(sent) == [LOOK, STORE, LOOK]
    upload.append(io.BytesIO(DATA[3:9]), 3)
    # up to 4, to 8, and the rest
    assert taken(sent) == [LOOK, STORE, STORE, STORE, LOOK]
    upload.append(io.BytesIO(b""), 9)
    assert taken(sent) == [LOOK]
    upload.append(io.BytesIO(DATA[9:]), 9)
    # the lease, what has begun, another look; and at the end what it has become
    assert taken(sent) == [LOOK, STORE, STORE, STORE, LOOK, *[READ] * 5, STORE, STORE, *ENDED]
    upload.status()
    assert taken(sent) == [LOOK, READ]


def test_a_refused_upload_leaves_no_lease_to_release(sent, begin):
    storage, sent = sent
    upload = begin(storage, unique=False, length=len(DATA))
    storage.write("a.bin", "theirs")
    taken(sent)
    with pytest.raises(FileExists):
        upload.append(io.BytesIO(DATA), 0)
    # two looks, the second before it says so
    assert taken(sent) == [LOOK, STORE, STORE, STORE, LOOK, STORE, LOOK, READ, STORE, *ENDED]


def test_a_file_of_one_piece_is_not_read_again(sent, begin):
    storage, sent = sent
    upload = begin(storage, length=len(DATA))
    status = upload.append(io.BytesIO(DATA), 0, checksum=("sha256", hashlib.sha256(DATA).digest()))
    assert taken(sent) == [LOOK, STORE, STORE, STORE, LOOK, STORE, STORE, *ENDED]
    assert storage.read(status.stored) == DATA
