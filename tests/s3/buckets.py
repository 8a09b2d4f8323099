"""Buckets for tests, on servers that they share."""

import uuid
from contextlib import contextmanager
from functools import cache

import pytest
from servers.s3 import clear_bucket, client, delete_bucket, s3_from_environment

from flask_pyfs.filesystems.s3 import S3FS

bare_client = cache(client)

# the smallest part that S3 takes, in bytes
PART = 5 * 1024 * 1024

# tests without a mark run on moto: what this package makes of S3 does not depend on the server
SERVERS = ["other"] if s3_from_environment() else ["swift", "moto"]
on_both = pytest.mark.parametrize("s3_endpoint", SERVERS, indirect=True)
on_swift = pytest.mark.parametrize("s3_endpoint", ["swift"], indirect=True)


@contextmanager
def new_bucket(endpoint):
    """Make an empty bucket, which is gone after the block, but on the Swift of the tests."""
    name = f"bucket-{uuid.uuid4()}"
    bare_client(endpoint).create_bucket(Bucket=name)
    try:
        yield name
    finally:
        # it goes with all that it has, and is slow to delete
        if endpoint.name != "swift":
            # with that of moto, unfinished uploads go
            clear = delete_bucket if endpoint.name == "moto" else clear_bucket
            clear(bare_client(endpoint), name)


def open_bucket(endpoint, bucket, *arguments, **parameters):
    """Open a bucket as a filesystem."""
    _first(endpoint)
    return _open(endpoint, bucket, *arguments, **parameters)


@cache
def _first(endpoint):
    # while it lives, all that have its settings share its client, which takes long to make
    return _open(endpoint, "first")


def _open(endpoint, bucket, *arguments, **parameters):
    settings = {
        "aws_access_key_id": endpoint.access_key,
        "aws_secret_access_key": endpoint.secret_key,
        "endpoint_url": endpoint.url,
        "region": endpoint.region,
        "addressing_style": endpoint.addressing_style,
        **parameters,
    }
    return S3FS(bucket, *arguments, **settings)
