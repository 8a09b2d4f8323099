"""Other clients of S3, for those who have them installed: obstore, opendal and s3fs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import IO, Any, BinaryIO, cast

from drivers import BLOCK
from web import streaming, views

ENVIRONMENT = "FLASK_PYFS_S3_"
ADDRESS = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY")


def address() -> list[str]:
    """Return the endpoint, the region and the two keys of the server."""
    return [os.environ[ENVIRONMENT + key] for key in ADDRESS]


class _Client:
    # what all of them do in the same way

    url = "/raw"
    copes_with_threads = False

    def read(self, name: str) -> bytes:
        raise NotImplementedError

    def open(self, name: str, mode: str) -> IO[Any]:
        raise NotImplementedError

    def save(self, file: BinaryIO, name: str) -> None:
        raise NotImplementedError

    def read_chunks(self, name: str) -> Iterator[bytes]:
        with self.open(name, "rb") as file:
            while piece := file.read(BLOCK):
                yield bytes(piece)

    def serve(self, name: str) -> Iterator[bytes]:
        return self.read_chunks(name)

    @property
    def web(self) -> Any:
        return streaming(self.serve)

    @cached_property
    def small(self) -> Any:
        return views(self.read, lambda upload, name: self.save(upload.stream, name))


class Obstore(_Client):
    """The client of S3 in Rust of Apache Arrow, with its functions."""

    def __init__(self, bucket: str) -> None:
        import obstore
        from obstore.store import S3Store

        endpoint, region, key, secret = address()
        self._library = obstore
        self._store = S3Store(
            bucket,
            endpoint=endpoint,
            region=region,
            access_key_id=key,
            secret_access_key=secret,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    def write(self, name: str, content: bytes) -> None:
        self._library.put(self._store, name, content)

    def read(self, name: str) -> bytes:
        return bytes(self._library.get(self._store, name).bytes())

    def exists(self, name: str) -> bool:
        try:
            self._library.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def save(self, file: BinaryIO, name: str) -> None:
        self._library.put(self._store, name, file)

    def copy(self, name: str, target: str) -> None:
        self._library.copy(self._store, name, target)

    def delete(self, name: str) -> None:
        self._library.delete(self._store, name)

    def open(self, name: str, mode: str) -> IO[Any]:
        return cast(IO[Any], _Read(self._library.open_reader(self._store, name)))

    def read_chunks(self, name: str) -> Iterator[bytes]:
        for piece in self._library.get(self._store, name).stream(min_chunk_size=BLOCK):
            yield bytes(piece)

    def list_files(self) -> Iterator[str]:
        for page in self._library.list(self._store):
            for found in page:
                yield found["path"]


class OpenDAL(_Client):
    """The client of S3 in Rust of Apache OpenDAL."""

    def __init__(self, bucket: str) -> None:
        import opendal

        endpoint, region, key, secret = address()
        self._operator = opendal.Operator(
            "s3",
            bucket=bucket,
            endpoint=endpoint,
            region=region,
            access_key_id=key,
            secret_access_key=secret,
            disable_config_load="true",
        )

    def write(self, name: str, content: bytes) -> None:
        self._operator.write(name, content)

    def read(self, name: str) -> bytes:
        return bytes(self._operator.read(name))

    def exists(self, name: str) -> bool:
        return bool(self._operator.exists(name))

    def save(self, file: BinaryIO, name: str) -> None:
        with self._operator.open(name, "wb") as target:
            while piece := file.read(8 * BLOCK):
                target.write(piece)

    def copy(self, name: str, target: str) -> None:
        self._operator.copy(name, target)

    def delete(self, name: str) -> None:
        self._operator.delete(name)

    def open(self, name: str, mode: str) -> IO[Any]:
        return cast(IO[Any], self._operator.open(name, mode))

    def list_files(self) -> Iterator[str]:
        for entry in self._operator.scan(""):
            if not entry.path.endswith("/"):
                yield entry.path


class S3fs(_Client):
    """The client of S3 of fsspec, without its caches."""

    def __init__(self, bucket: str) -> None:
        import s3fs

        endpoint, region, key, secret = address()
        self._above = f"{bucket}/"
        self._filesystem = s3fs.S3FileSystem(
            key=key,
            secret=secret,
            endpoint_url=endpoint,
            client_kwargs={"region_name": region},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def write(self, name: str, content: bytes) -> None:
        self._filesystem.pipe_file(self._above + name, content)

    def read(self, name: str) -> bytes:
        return cast(bytes, self._filesystem.cat_file(self._above + name))

    def exists(self, name: str) -> bool:
        return bool(self._filesystem.exists(self._above + name))

    def save(self, file: BinaryIO, name: str) -> None:
        with self._filesystem.open(self._above + name, "wb", block_size=8 * BLOCK) as target:
            while piece := file.read(8 * BLOCK):
                target.write(piece)

    def copy(self, name: str, target: str) -> None:
        self._filesystem.copy(self._above + name, self._above + target)

    def delete(self, name: str) -> None:
        self._filesystem.rm_file(self._above + name)

    def open(self, name: str, mode: str) -> IO[Any]:
        return cast(IO[Any], self._filesystem.open(self._above + name, mode, block_size=BLOCK))

    def list_files(self) -> Iterator[str]:
        for path in self._filesystem.find(self._above):
            yield path[len(self._above) :]


class _Read:
    # what obstore reads is a buffer of its own kind
    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek = file.seek

    def __enter__(self) -> _Read:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, size: int | None = None) -> bytes:
        return bytes(self._file.read(size))
