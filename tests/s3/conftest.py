import pytest
from buckets import bare_client, new_bucket, open_bucket


@pytest.fixture
def s3_client(s3_endpoint):
    """A bare boto3 client."""
    return bare_client(s3_endpoint)


@pytest.fixture
def bucket(s3_endpoint):
    """The name of an empty bucket."""
    with new_bucket(s3_endpoint) as name:
        yield name


@pytest.fixture
def open_s3(s3_endpoint, bucket):
    """Open the bucket, or another one, as a filesystem, with further parameters of S3FS."""
    opened = []

    def open_s3(bucket_name=bucket, **parameters):
        opened.append(open_bucket(s3_endpoint, bucket_name, **parameters))
        return opened[-1]

    yield open_s3
    for filesystem in opened:
        filesystem.close()


@pytest.fixture
def s3(open_s3):
    """The bucket as a filesystem."""
    return open_s3()


@pytest.fixture
def make_storage(configure_storage, s3_endpoint, bucket, s3):
    """Configure a storage in the bucket, with further settings."""

    def make_storage(name="files", **settings):
        settings = {
            "BACKEND": "s3",
            "ENDPOINT": s3_endpoint.url,
            "ACCESS_KEY": s3_endpoint.access_key,
            "SECRET_KEY": s3_endpoint.secret_key,
            "REGION": s3_endpoint.region,
            "ADDRESSING_STYLE": s3_endpoint.addressing_style,
            "BUCKET": bucket,
            **settings,
        }
        return configure_storage(name, settings)

    return make_storage


@pytest.fixture
def storage(app, make_storage):
    """An empty storage in the bucket."""
    storage = make_storage()
    with app.app_context():
        yield storage
