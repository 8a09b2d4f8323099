"""A bucket of GridFS: bare pymongo with its ``GridFSBucket``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from drivers import BLOCK
from web import streaming, views

if TYPE_CHECKING:
    from workloads import Sizes

ENVIRONMENT = "FLASK_PYFS_MONGO_URL"
DATABASE = "bench"


class GridFS:
    """The server that the environment names, else one that the benchmark starts, as a replica set of one node."""

    name = "gridfs"
    limits = {"save": 1.1, "read_chunks": 1.1, "copy": 0.34}
    memory = 91
    without = frozenset({"flask-storage"})
    clients: ClassVar[dict[str, Any]] = {}

    def __init__(self, area: Path) -> None:
        self.area = area

    @contextmanager
    def started(self) -> Iterator[None]:
        if ENVIRONMENT in os.environ:
            yield
            return
        # the server is that of the tests
        sys.path.append(str(Path(__file__).parents[2]))
        from servers.mongo import mongod

        with mongod(self.area, replica=True) as mongo:
            os.environ[ENVIRONMENT] = mongo.url
            try:
                yield
            finally:
                del os.environ[ENVIRONMENT]

    def sizes(self, sizes: Sizes) -> Sizes:
        # a command costs more than a call of the operating system
        return type(sizes)(sizes.mb, sizes.small // 2, sizes.listing // 5)

    def settings(self) -> dict[str, Any]:
        return {
            "FS_BACKEND": "gridfs",
            "FS_GRIDFS_MONGO_URL": os.environ[ENVIRONMENT],
            "FS_GRIDFS_MONGO_DB": DATABASE,
        }

    def raw(self, storage: str) -> RawGridFS:
        return RawGridFS(storage)


class RawGridFS:
    """The shortest code for each operation."""

    def __init__(self, bucket: str) -> None:
        import pymongo
        from gridfs import GridFSBucket

        database = pymongo.MongoClient[dict[str, Any]](os.environ[ENVIRONMENT])[DATABASE]
        self._bucket = GridFSBucket(database, bucket)
        self._files = database[bucket].files

    def write(self, name: str, content: bytes) -> None:
        self._bucket.upload_from_stream(name, content)

    def read(self, name: str) -> bytes:
        return cast(bytes, self._open(name).read())

    def exists(self, name: str) -> bool:
        return self._files.find_one({"filename": name}, ["_id"]) is not None

    def save(self, file: BinaryIO, name: str) -> None:
        self._bucket.upload_from_stream(name, file)

    def copy(self, name: str, target: str) -> None:
        self._bucket.upload_from_stream(target, self._open(name))

    def delete(self, name: str) -> None:
        for found in self._files.find({"filename": name}, ["_id"]):
            self._bucket.delete(found["_id"])

    def open(self, name: str, mode: str) -> IO[Any]:
        return cast(IO[Any], self._open(name))

    def read_chunks(self, name: str) -> Iterator[bytes]:
        file = self._open(name)
        while piece := file.read(BLOCK):
            yield piece

    def serve(self, name: str) -> Iterator[bytes]:
        return self.read_chunks(name)

    @property
    def web(self) -> Any:
        return streaming(self.serve)

    url = "/raw"

    @cached_property
    def small(self) -> Any:
        return views(self.read, lambda upload, name: self.save(upload.stream, name))

    copes_with_threads = False

    def list_files(self) -> Iterator[str]:
        return (found["filename"] for found in self._files.find({}, {"filename": True}))

    def _open(self, name: str) -> Any:
        return self._bucket.open_download_stream_by_name(name)
