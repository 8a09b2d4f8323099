"""The S3 servers of the tests, each as an ``S3Endpoint``, and a client to prepare and clear buckets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from servers.openstack import REGION, Swift
from servers.process import HOST, on_free_ports, running

ACCESS_KEY, SECRET_KEY = "access", "secret"
ENVIRONMENT = "FLASK_PYFS_S3_"


@dataclass(frozen=True)
class S3Endpoint:
    """An S3 server, and the settings of its clients.

    :param conditional: whether the server handles ``If-None-Match: *`` atomically.
    """

    name: str
    url: str
    access_key: str
    secret_key: str
    region: str = REGION
    addressing_style: str = "path"
    conditional: bool = True


def swift_s3(swift: Swift) -> S3Endpoint:
    # Swift checks whether the name is taken before the write, not atomically
    return S3Endpoint("swift", f"http://{HOST}:{swift.port}", swift.user, swift.key, conditional=False)


def moto_server(directory: Path) -> AbstractContextManager[S3Endpoint]:
    """Run moto with its log and temporary files in ``directory``."""
    return on_free_ports(1, lambda ports: _moto(directory, ports[0]))


@contextmanager
def _moto(directory: Path, port: int) -> Iterator[S3Endpoint]:
    script = Path(__file__).with_name("motoserver.py")
    argv = [sys.executable, "-W", "ignore", str(script), str(port), ACCESS_KEY, SECRET_KEY]
    # otherwise moto takes the host a.b for the bucket a
    env = os.environ | {"TMPDIR": str(directory), "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"}
    with running(argv, port, directory / "moto.log", env):
        yield S3Endpoint("moto", f"http://{HOST}:{port}", ACCESS_KEY, SECRET_KEY)


def s3_from_environment(environ: Mapping[str, str] = os.environ) -> S3Endpoint | None:
    """Return the server that ``FLASK_PYFS_S3_ENDPOINT`` and the related variables name, or None if not set."""
    url = environ.get(ENVIRONMENT + "ENDPOINT")
    if not url:
        return None
    return S3Endpoint(
        name="other",
        url=url,
        access_key=environ[ENVIRONMENT + "ACCESS_KEY"],
        secret_key=environ[ENVIRONMENT + "SECRET_KEY"],
        region=environ.get(ENVIRONMENT + "REGION", REGION),
        addressing_style=environ.get(ENVIRONMENT + "ADDRESSING_STYLE", "path"),
    )


def client(endpoint: S3Endpoint, **options: Any) -> Any:
    """Return a plain boto3 client; ``options`` are further arguments of ``botocore.config.Config``."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": endpoint.addressing_style},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint.url,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=endpoint.region,
        config=config.merge(Config(**options)),
    )


def clear_bucket(client: Any, bucket: str) -> None:
    """Delete a bucket with all its objects and unfinished uploads."""
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    delete_bucket(client, bucket)


def delete_bucket(client: Any, bucket: str) -> None:
    """Delete a bucket with all its objects, on a server where unfinished uploads do not hold it."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
        if keys:
            client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    client.delete_bucket(Bucket=bucket)
