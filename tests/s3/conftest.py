import pytest
from buckets import PART, SERVERS, bare_client, new_bucket, open_bucket
from servers.faults import FaultProxy
from servers.s3 import s3_from_environment


def pytest_generate_tests(metafunc):
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    marked = {name for names in given for name in ([names] if isinstance(names, str) else names)}
    if "s3_endpoint" in metafunc.fixturenames and "s3_endpoint" not in marked:
        servers = SERVERS if metafunc.config.getoption("soak") else SERVERS[-1:]
        metafunc.parametrize("s3_endpoint", servers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def s3_endpoint(request):
    """The S3 server that a test is marked with, or moto, with ``--soak`` both; the one that the environment names."""
    return s3_from_environment() or request.getfixturevalue(f"{request.param}_endpoint")


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


@pytest.fixture
def proxy(s3_endpoint):
    """Stands between the storage and the server, and fails as it is told."""
    address = s3_endpoint.url.partition("//")[2]
    host, _, port = address.partition(":")
    with FaultProxy(host, int(port)) as proxy:
        yield proxy


@pytest.fixture
def make_frail(app, make_storage, proxy):
    """Configure a storage whose server fails."""

    def make_frail(name="files", **settings):
        settings = {"ENDPOINT": proxy.url, "TIMEOUT": 2, "RETRIES": 0, "PART_SIZE": PART, **settings}
        return make_storage(name, **settings)

    with app.app_context():
        yield make_frail


@pytest.fixture
def frail(make_frail):
    storage = make_frail()
    # the client is made, and its connection
    storage.exists("warm")
    return storage


@pytest.fixture
def left(s3_client, bucket):
    """What the bucket holds, and the unfinished uploads in it."""

    def left():
        contents = s3_client.list_objects_v2(Bucket=bucket).get("Contents", [])
        uploads = s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return [found["Key"] for found in contents], [upload["Key"] for upload in uploads]

    return left
