"""What the errors of drivers mean: each becomes the one of ``fs.errors`` that says what to do about it."""

from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError
from bson.errors import InvalidDocument
from fs import errors
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
)
from requests.exceptions import ConnectionError as HTTPConnectionError
from requests.exceptions import InvalidURL, ReadTimeout
from swiftclient.client import ClientException

from flask_pyfs.errors import ContentDamaged, StoreMisconfigured
from flask_pyfs.filesystems.gridfs.advice import MongoPlace
from flask_pyfs.filesystems.gridfs.errors import mongo_errors
from flask_pyfs.filesystems.gridfs.facts import following_date, revision_of
from flask_pyfs.filesystems.s3.errors import not_deleted, s3_errors
from flask_pyfs.filesystems.swift.errors import swift_errors


def translated(context, error):
    """Return what comes out of a context in which an error is raised. Its message names the place."""
    with pytest.raises(errors.FSError) as caught, context("the-{place}", "a{b}.txt"):
        raise error
    assert vars(caught.value)["exc"] is error
    # braces are not taken for a format
    assert "the-{place}" in str(caught.value) or "a{b}.txt" in str(caught.value)
    return type(caught.value)


def refused_by_s3(code, status, operation="PutObject"):
    answer = {"Error": {"Code": code, "Message": "said {so}"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("PermanentRedirect", 301, StoreMisconfigured),
        ("AuthorizationHeaderMalformed", 400, StoreMisconfigured),
        ("307", 307, StoreMisconfigured),
        ("AccessDenied", 403, errors.PermissionDenied),
        ("ExpiredToken", 400, errors.PermissionDenied),
        ("401", 401, errors.PermissionDenied),
        ("SlowDown", 503, errors.RemoteConnectionError),
        ("RequestTimeout", 400, errors.RemoteConnectionError),
        ("429", 429, errors.RemoteConnectionError),
        ("500", 500, errors.RemoteConnectionError),
        ("507", 507, errors.InsufficientStorage),
        ("NoSuchKey", 404, errors.ResourceNotFound),
        # nobody who speaks S3 answers so
        ("404", 404, StoreMisconfigured),
        ("KeyTooLongError", 400, errors.InvalidPath),
    ],
)
def test_what_s3_refuses(code, status, expected):
    assert translated(s3_errors, refused_by_s3(code, status)) is expected


@pytest.mark.parametrize("code", ["NotImplemented", "NoSuchUpload", "PreconditionFailed"])
def test_what_s3_refuses_for_a_reason_that_the_caller_knows_what_to_do_about(code):
    with pytest.raises(errors.OperationFailed) as caught, s3_errors("bucket", "a.txt"):
        raise refused_by_s3(code, 404 if code == "NoSuchUpload" else 501)
    assert vars(caught.value)["code"] == code


def test_only_the_404_of_an_object_is_taken_for_its_absence():
    assert translated(s3_errors, refused_by_s3("404", 404, "HeadObject")) is errors.ResourceNotFound


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AccessDenied", errors.PermissionDenied),
        ("InternalError", errors.RemoteConnectionError),
        ("InvalidObjectState", errors.OperationFailed),
    ],
)
def test_objects_that_s3_did_not_delete(code, expected):
    error = not_deleted("bucket", {"Key": "a{b}.txt", "Code": code, "Message": "said {so}"}, 3)
    assert type(error) is expected
    why = "allow them s3:DeleteObject" if code == "AccessDenied" else "'a{b}.txt': said {so}"
    assert str(error).startswith("bucket 'bucket': could not delete 3 objects, among them 'a{b}.txt': ")
    assert str(error).endswith(why)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationFailure("not authorized", 13), errors.PermissionDenied),
        (OperationFailure("bad auth", 8000), errors.PermissionDenied),
        (OperationFailure("no space", 14031), errors.InsufficientStorage),
        (OperationFailure("another index", 86), StoreMisconfigured),
        (OperationFailure("anything else", 1), errors.OperationFailed),
        (WriteConcernError("interrupted", 11602), errors.RemoteConnectionError),
        (BulkWriteError({"writeErrors": [{"code": 14031}]}), errors.InsufficientStorage),
        (ServerSelectionTimeoutError("nobody"), errors.OperationTimeout),
        (ServerSelectionTimeoutError("{'ok': 0.0, 'code': 18}"), errors.PermissionDenied),
        (AutoReconnect("gone"), errors.RemoteConnectionError),
        (InvalidDocument("no BSON"), errors.OperationFailed),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), errors.InvalidPath),
    ],
)
def test_what_mongodb_refuses(error, expected):
    # of a refusal, the message names the setting
    place = MongoPlace("mongodb://the-{place}/", "the-{place}", "files", 1)
    assert translated(lambda _, path: mongo_errors(place, path), error) is expected


def test_nothing_is_newer_than_the_last_date():
    last = datetime.max.replace(tzinfo=timezone.utc)
    document = {"_id": 1, "filename": "a.txt", "length": 0, "chunkSize": 1, "uploadDate": last}
    with pytest.raises(errors.OperationFailed, match="latest possible date"):
        following_date(revision_of(document))


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (301, b"", StoreMisconfigured),
        (400, b"Object name length of 2000", errors.InvalidPath),
        (401, b"", errors.PermissionDenied),
        (403, b"", errors.PermissionDenied),
        (404, b"", errors.ResourceNotFound),
        (413, b"", errors.InsufficientStorage),
        (422, b"", ContentDamaged),
        (500, b"", errors.RemoteConnectionError),
        (503, b"", errors.RemoteConnectionError),
        (507, b"", errors.InsufficientStorage),
    ],
)
def test_what_swift_refuses(status, content, expected):
    headers = {"X-Trans-Id": "tx"}
    error = ClientException(
        "PUT failed", http_status=status, http_response_content=content, http_response_headers=headers
    )
    assert translated(swift_errors, error) is expected


def test_only_the_404_of_swift_is_an_absence():
    error = ClientException("GET failed", http_status=404, http_response_headers={"Server": "nginx"})
    assert translated(swift_errors, error) is errors.RemoteConnectionError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ReadTimeout("slow"), errors.OperationTimeout),
        # as requests wraps it while a body is sent
        (HTTPConnectionError(TimeoutError("slow")), errors.OperationTimeout),
        (HTTPConnectionError("reset"), errors.RemoteConnectionError),
        (InvalidURL("no host"), StoreMisconfigured),
        (UnicodeEncodeError("latin-1", "\u20ac", 0, 1, "no"), errors.InvalidPath),
    ],
)
def test_what_happens_on_the_way_to_swift(error, expected):
    assert translated(swift_errors, error) is expected
