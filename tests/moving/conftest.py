import pytest
from servers import s3


@pytest.fixture
def s3_settings(moto_endpoint):
    """The settings of S3 as an app of flask-fs2 or flask-storage has them."""
    return {
        "FS_S3_ENDPOINT": moto_endpoint.url,
        "FS_S3_REGION": moto_endpoint.region,
        "FS_S3_ACCESS_KEY": moto_endpoint.access_key,
        "FS_S3_SECRET_KEY": moto_endpoint.secret_key,
    }


@pytest.fixture
def make_bucket(moto_endpoint):
    """A function that makes a bucket, as the operator of an app does."""

    def make_bucket(name):
        s3.client(moto_endpoint).create_bucket(Bucket=name)

    return make_bucket
