"""What drivers of GridFS put into a bucket, and what they tell."""

import hashlib
import io
from contextlib import contextmanager

import gridfs as driver
import pytest
from bson import ObjectId
from pymongo import monitoring

MIB = 1024 * 1024
CHUNK = 255 * 1024

# more than is read at once, with an end that fills no chunk
LARGE = bytes(range(256)) * (2 * MIB // 256) + b"end"

# three levels, and no marker
FOREIGN = {
    "top.txt": b"top",
    "a/y.bin": b"\x00\x01",
    "a/b/x.txt": b"x",
    "a/b/c/deep.txt": b"deep",
    "foo/1/one.txt": b"one",
    "foo/1/sub/two.txt": b"two",
    "foo/1.txt": b"one dot",
    "foo/10/ten.txt": b"ten",
    "foo/1 and a half.txt": b"",
    "foo-bar.txt": b"beside",
    "ünï/côde +&?#%41.txt": b"unicode",
}

# for tests that are the same on every server
one_server = pytest.mark.parametrize("mongo", ["replica"], indirect=True)
on_standalone = pytest.mark.parametrize("mongo", ["standalone"], indirect=True)


def put_by_gridfs(database, filename, content, *, content_type=None, chunk_size=CHUNK, **described):
    """Put a file by the older class of the driver, and return its id."""
    if content_type:
        described["contentType"] = content_type
    return driver.GridFS(database, "files").put(content, filename=filename, chunkSize=chunk_size, **described)


def put_by_bucket(database, filename, content, *, content_type=None, chunk_size=CHUNK, metadata=None):
    """Put a file by the newer class of the driver, and return its id."""
    # it has no place for a type but the metadata
    if content_type:
        metadata = {"contentType": content_type, **(metadata or {})}
    identifier = ObjectId()
    upload = driver.GridFSBucket(database, "files").upload_from_stream_with_id
    upload(identifier, filename, io.BytesIO(content), chunk_size_bytes=chunk_size, metadata=metadata)
    return identifier


def contents(filesystem, path="/"):
    return {found: filesystem.readbytes(found) for found in filesystem.walk.files(path)}


def with_slash(files):
    return {f"/{name}": content for name, content in files.items()}


def md5(content):
    return hashlib.md5(content).hexdigest()


def told_by(error):
    """What an exception and those behind it say."""
    while error is not None:
        yield str(error)
        yield repr(error)
        error = error.__cause__ or error.__context__


class _Listener(monitoring.CommandListener):
    def __init__(self):
        self.collecting = []

    def started(self, event):
        # a client that was closed belongs to another test
        if event.command_name == "endSessions":
            return
        for seen in self.collecting:
            seen.append(event)

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


_listener = _Listener()
monitoring.register(_listener)


@contextmanager
def events():
    """Collect what is told of the commands sent meanwhile, by clients that are made after this was imported."""
    seen = []
    _listener.collecting.append(seen)
    try:
        yield seen
    finally:
        _listener.collecting.remove(seen)
