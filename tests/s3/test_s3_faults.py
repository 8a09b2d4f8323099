"""What fails is an error of ours that says what failed, and nothing is lost, torn or left behind."""

import io
import logging
import socket
from datetime import datetime, timezone

import pytest
from buckets import PART, bare_client, new_bucket
from failures import LARGE, MIB, all_fail, write_pieces
from underfaults import HTTPStoreUnderFaults

import flask_pyfs as fs
from flask_pyfs.errors import BackendError, ConfigurationError, FileExists, FileNotFound, PermissionDenied


@pytest.fixture
def place():
    return "in storage 'files': "


class TestS3UnderFaults(HTTPStoreUnderFaults):
    pass


def test_connections_are_used_again(frail, proxy):
    proxy.reset()
    for _ in range(3):
        frail.write("a", b"content", overwrite=True)
        assert frail.read("a") == b"content"
        assert list(frail.list_files()) == ["a"]
        frail.delete("a")
        assert not frail.exists("a")
    assert proxy.connections == 0


# Uploads


def test_a_large_upload_that_is_cut_leaves_no_parts(frail, proxy, left, soak):
    for position in (3 * MIB, PART + 2000, PART + 3 * MIB, *((MIB, 2 * PART) if soak else ())):
        for write in (
            lambda: frail.write("new", io.BytesIO(LARGE)),
            lambda: frail.save(io.BytesIO(LARGE), "new.bin"),
            lambda: write_pieces(frail, "new", LARGE),
        ):
            proxy.cut_sent(after=position)
            with pytest.raises(BackendError):
                write()
            proxy.restore()
            assert left() == ([], []), position


def test_an_upload_goes_on_after_a_failure_that_passes(make_frail, proxy, left):
    storage = make_frail(RETRIES=3)
    proxy.cut_sent(after=PART + MIB)
    storage.write("large", io.BytesIO(LARGE))
    assert storage.read("large") == LARGE
    assert left() == (["large"], [])


# Servers that refuse or are silent


@pytest.fixture
def taken(s3_client, bucket):
    """A file that must stay as it is."""
    s3_client.put_object(Bucket=bucket, Key="taken", Body=b"old")
    yield
    assert s3_client.get_object(Bucket=bucket, Key="taken")["Body"].read() == b"old"
    assert [found["Key"] for found in s3_client.list_objects_v2(Bucket=bucket)["Contents"]] == ["taken"]


@pytest.mark.usefixtures("taken")
def test_a_wrong_key_is_permission_denied(make_frail):
    all_fail(make_frail(SECRET_KEY="wr0ng"), PermissionDenied, "SECRET_KEY")
    all_fail(make_frail(ACCESS_KEY="wrong"), PermissionDenied, "ACCESS_KEY")


@pytest.mark.usefixtures("taken")
def test_an_address_that_is_not_of_s3(frail, proxy):
    # a 404 of no object says nothing of any object
    proxy.answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nNot found")
    for call in (
        lambda: frail.read("taken"),
        lambda: frail.delete("taken"),
        lambda: frail.write("new", b"new"),
        lambda: list(frail.list_files()),
    ):
        with pytest.raises(ConfigurationError, match="ENDPOINT"):
            call()


def test_an_answer_that_lacks_what_it_must_hold(frail, proxy, left):
    proxy.answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", when=lambda head: b"?uploads" in head
    )
    with pytest.raises(BackendError, match="InitiateMultipartUploadResult"):
        frail.write("new", LARGE)
    proxy.restore()
    assert left() == ([], [])


def test_a_host_that_does_not_exist(make_frail):
    all_fail(make_frail(ENDPOINT="http://no-such-host.invalid:1"), BackendError, "ENDPOINT")


# Buckets


def test_a_missing_bucket_is_named(make_frail):
    storage = make_frail(BUCKET="no-such-bucket", CREATE_BUCKET=False)
    all_fail(storage, ConfigurationError, "no-such-bucket", "CREATE_BUCKET")


def test_a_bucket_that_goes_is_missed(s3_endpoint, make_frail):
    with new_bucket(s3_endpoint) as name:
        storage = make_frail(BUCKET=name, CREATE_BUCKET=False)
        storage.write("taken", b"old")
        bare_client(s3_endpoint).delete_object(Bucket=name, Key="taken")
        bare_client(s3_endpoint).delete_bucket(Bucket=name)
        with pytest.raises(ConfigurationError):
            storage.read("taken")
        with pytest.raises(ConfigurationError):
            storage.write("taken", b"new")
        bare_client(s3_endpoint).create_bucket(Bucket=name)


def test_a_bucket_is_made_on_the_first_write(s3_endpoint, make_frail, bucket):
    server = bare_client(s3_endpoint)
    name = f"{bucket}-made"
    storage = make_frail(BUCKET=name)
    assert not storage.exists("a")
    assert list(storage.list_files()) == []
    storage.delete("a")
    with pytest.raises(FileNotFound):
        storage.read("a")
    with pytest.raises(FileNotFound):
        storage.metadata("a")
    with pytest.raises(FileNotFound):
        storage.copy("a", "b")
    assert name not in [found["Name"] for found in server.list_buckets()["Buckets"]]
    try:
        storage.write("a", io.BytesIO(LARGE))
        assert storage.read("a") == LARGE
    finally:
        storage.delete("a")
        server.delete_bucket(Bucket=name)


@pytest.mark.parametrize("settings", [{"BUCKET": "Not A Bucket"}, {"ENDPOINT": "not a URL"}, {"REGION": "no/region"}])
def test_settings_that_cannot_be_right(make_frail, settings):
    with pytest.raises(ConfigurationError, match=f"^FILES_FS_{next(iter(settings))} must be") as raised:
        make_frail(**settings)
    assert raised.value.storage == "files"


def test_without_credentials(make_frail, monkeypatch, tmp_path):
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    storage = make_frail(ACCESS_KEY=None, SECRET_KEY=None)
    with pytest.raises(ConfigurationError, match="credentials"):
        storage.exists("a")


# Conditions


NOT_IMPLEMENTED = (
    b"<?xml version='1.0'?><Error><Code>NotImplemented</Code>"
    b"<Message>A header you provided implies functionality that is not implemented</Message></Error>"
)


def test_a_server_that_does_not_know_conditions(frail, proxy, caplog):
    answer = b"HTTP/1.1 501 Not Implemented\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b"
    proxy.answer(
        answer % (len(NOT_IMPLEMENTED), NOT_IMPLEMENTED), when=lambda request: b"if-none-match" in request.lower()
    )
    with caplog.at_level(logging.WARNING):
        for name in ("a", "b"):
            frail.write(name, b"old")
            with pytest.raises(FileExists):
                frail.write(name, b"new")
            assert frail.read(name) == b"old"
        frail.write("large", io.BytesIO(LARGE))
        with pytest.raises(FileExists):
            frail.write("large", io.BytesIO(LARGE[1:]))
        frail.copy("a", "c")
        with pytest.raises(FileExists):
            frail.copy("a", "large")
    assert frail.read("large") == LARGE
    warnings = [record.getMessage() for record in caplog.records if "If-None-Match" in record.getMessage()]
    assert len(warnings) == 1


def test_unfinished_uploads_of_killed_processes_are_aborted(make_frail, s3_client, bucket, left):
    storage = make_frail(PREFIX="below")
    for key in ("below/a", "beside/b"):
        s3_client.create_multipart_upload(Bucket=bucket, Key=key)
    # moto has one time for all of them
    begun = s3_client.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["Initiated"]
    age = (datetime.now(timezone.utc) - begun).total_seconds()
    assert storage.backend.store.remove_leftovers(age + 60, "below/") == 0
    assert storage.backend.store.remove_leftovers(age - 60, "below/") == 1
    assert left() == ([], ["beside/b"])


def test_configuration_is_checked_before_anything_is_reached(app):
    wrong = {
        "PART_SIZE": "1000",
        "TIMEOUT": "0",
        "RETRIES": "-1",
        "ADDRESSING_STYLE": "sideways",
        "ACCESS_KEY": "alone",
    }
    for key, value in wrong.items():
        app.config.update({"FILES_FS_BACKEND": "s3", f"FILES_FS_{key}": value})
        with pytest.raises(ConfigurationError, match=f"FILES_FS_{key}"):
            fs.init_app(app, fs.Storage("files"))
        del app.config[f"FILES_FS_{key}"]


def test_no_socket_is_opened_to_configure(app, make_storage, monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    storage = make_storage()
    with app.app_context():
        assert storage.url("a.txt")
