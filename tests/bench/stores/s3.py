"""A bucket of S3: bare boto3, with parts of the size that flask_pyfs has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from drivers import BLOCK
from web import streaming, views

from .s3_clients import ADDRESS, ENVIRONMENT, Obstore, OpenDAL, S3fs, address

if TYPE_CHECKING:
    from workloads import Sizes

PART = 8 * 1024 * 1024


class S3:
    """The server that the environment names, else one that the benchmark starts."""

    limits = {"save": 1.1, "read_chunks": 1.1, "copy": 1.1}
    memory = 32
    without = frozenset[str]()
    clients: ClassVar[dict[str, Any]] = {"obstore": Obstore, "opendal": OpenDAL, "s3fs": S3fs}

    def __init__(self, area: Path) -> None:
        self.area = area

    @contextmanager
    def started(self) -> Iterator[None]:
        if ENVIRONMENT + "ENDPOINT" in os.environ:
            yield
            return
        # the servers are those of the tests
        sys.path.append(str(Path(__file__).parents[2]))
        with self._server() as endpoint:
            found = (endpoint.url, endpoint.region, endpoint.access_key, endpoint.secret_key)
            os.environ.update({ENVIRONMENT + key: value for key, value in zip(ADDRESS, found, strict=True)})
            # the servers do not know the checksums that boto3 adds for Amazon
            os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
            os.environ["AWS_RESPONSE_CHECKSUM_VALIDATION"] = "when_required"
            try:
                yield
            finally:
                for key in ADDRESS:
                    del os.environ[ENVIRONMENT + key]

    def _server(self) -> Any:
        raise NotImplementedError

    def sizes(self, sizes: Sizes) -> Sizes:
        # a request costs much more than a call of the operating system
        return type(sizes)(sizes.mb, sizes.small // 10, sizes.listing // 40)

    def settings(self) -> dict[str, Any]:
        settings = {f"FS_S3_{key}": os.environ[ENVIRONMENT + key] for key in ADDRESS}
        return {"FS_BACKEND": "s3", "FS_S3_CREATE_BUCKET": True, **settings}

    def raw(self, storage: str) -> RawS3:
        return RawS3(storage)


class S3OnMoto(S3):
    name = "s3-moto"

    def _server(self) -> Any:
        from servers.s3 import moto_server

        return moto_server(self.area)


class S3OnSwift(S3):
    name = "s3-swift"

    @contextmanager
    def _server(self) -> Iterator[Any]:
        from servers.openstack import openstack_swift
        from servers.s3 import swift_s3

        with openstack_swift(self.area) as swift:
            yield swift_s3(swift)


class RawS3:
    """The shortest code for each operation. Transfers have the ten threads that boto3 gives them."""

    def __init__(self, bucket: str) -> None:
        import boto3
        from boto3.s3.transfer import TransferConfig

        url, region, access_key, secret_key = address()
        self._client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
        )
        self._bucket = bucket
        self._transfer = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
        with suppress(self._client.exceptions.BucketAlreadyOwnedByYou):
            self._client.create_bucket(Bucket=bucket)

    def write(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=name, Body=content)

    def read(self, name: str) -> bytes:
        return cast(bytes, self._get(name).read())

    def exists(self, name: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._client.head_object(Bucket=self._bucket, Key=name)
        except ClientError:
            return False
        return True

    def save(self, file: BinaryIO, name: str) -> None:
        self._client.upload_fileobj(_Unclosed(file), self._bucket, name, Config=self._transfer)

    def copy(self, name: str, target: str) -> None:
        source = {"Bucket": self._bucket, "Key": name}
        self._client.copy_object(Bucket=self._bucket, Key=target, CopySource=source)

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=name)

    def open(self, name: str, mode: str) -> IO[Any]:
        return cast(IO[Any], _Ranged(self._client, self._bucket, name))

    def read_chunks(self, name: str) -> Iterator[bytes]:
        yield from self._get(name).iter_chunks(BLOCK)

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
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for found in page.get("Contents", ()):
                yield found["Key"]

    def _get(self, name: str) -> Any:
        return self._client.get_object(Bucket=self._bucket, Key=name)["Body"]


class _Unclosed:
    """boto3 closes what it has sent."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


class _Ranged:
    """Reads from where it was set to, with one request."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._parameters = {"Bucket": bucket, "Key": key}
        self._client = client
        self._body: Any = None

    def __enter__(self) -> _Ranged:
        return self

    def __exit__(self, *error: object) -> None:
        if self._body is not None:
            self._body.close()

    def seek(self, offset: int) -> None:
        self._parameters["Range"] = f"bytes={offset}-"

    def read(self, size: int | None = None) -> bytes:
        if self._body is None:
            self._body = self._client.get_object(**self._parameters)["Body"]
        return cast(bytes, self._body.read(size))
