"""Many threads, processes and forks on one bucket, and what is left open or taken by them."""

import gc

import child_s3
import pytest
from buckets import on_swift
from load import PART_SIZE, run_child
from underload import ForksAndLeftovers, ManyAtOnce


@pytest.fixture
def settings(s3_endpoint, bucket):
    """The settings of a storage in the bucket, for another process."""
    return {
        "BACKEND": "s3",
        "ENDPOINT": s3_endpoint.url,
        "ACCESS_KEY": s3_endpoint.access_key,
        "SECRET_KEY": s3_endpoint.secret_key,
        "REGION": s3_endpoint.region,
        "ADDRESSING_STYLE": s3_endpoint.addressing_style,
        "BUCKET": bucket,
        "PART_SIZE": PART_SIZE,
    }


@pytest.fixture
def storage(app, make_storage):
    storage = make_storage(PART_SIZE=PART_SIZE)
    with app.app_context():
        yield storage


@pytest.fixture(autouse=True)
def nothing_unfinished(s3_client, bucket):
    yield
    gc.collect()
    assert s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


@pytest.fixture
def one_winner(s3_endpoint):
    return s3_endpoint.conditional


class TestS3UnderLoad(ManyAtOnce):
    pass


@on_swift
class TestS3UnderLoadOnSwift:
    # which may have several winners
    outlived = ManyAtOnce.outlived
    test_one_winner_of_threads = ManyAtOnce.test_one_winner_of_threads
    test_all_at_once = ManyAtOnce.test_all_at_once


class TestS3Client(ForksAndLeftovers):
    pass


def test_fork_while_the_client_is_made(storage, settings, soak):
    storage.write("name", b"content")
    run_child("fork while making", settings, 5 if soak else 1, script=child_s3.__file__)


def test_one_client_in_each_process(settings):
    run_child("clients", settings, 32, script=child_s3.__file__)
