"""Objects that are joined: what the server copies, and what a failure leaves."""

import io

import pytest
from botocore.awsrequest import AWSResponse
from buckets import new_bucket, open_bucket
from counting import operations, requests_of
from fs import errors
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_pyfs.filesystems.s3 import filesystem
from flask_pyfs.names import Reserved

MIB = 1024 * 1024
LEAST = 5 * MIB
PATHS = [Reserved(f".flask_pyfs/uploads/x/{number}") for number in range(6)]


def content_of(number, size):
    return bytes([number + 1]) * size


@pytest.fixture
def s3(open_s3):
    """A bucket with pieces, the first three of which the server copies."""
    s3 = open_s3(part_size=LEAST)
    for number, size in enumerate([LEAST, LEAST, LEAST + 1, 3, LEAST - 3, 9]):
        s3.put(PATHS[number], io.BytesIO(content_of(number, size)))
    return s3


def joined(s3, numbers, **options):
    pieces = [s3.read_file(PATHS[number]) for number in numbers]
    paths, sizes = [PATHS[number] for number in numbers], [len(piece) for piece in pieces]
    with requests_of(s3.client) as sent:
        version = s3.join_files(paths, "a.bin", sizes=sizes, **options)
    assert s3.read_file("a.bin") == b"".join(pieces)
    assert s3.facts("a.bin").version == version
    return dict(operations(sent))


WHOLE = {"CreateMultipartUpload": 1, "CompleteMultipartUpload": 1}


@pytest.mark.parametrize(
    ("numbers", "requests"),
    [
        ([0], {"GetObject": 1, "PutObject": 1}),
        ([0, 1, 2], {**WHOLE, "UploadPartCopy": 3}),
        # what is too short is sent with those after it; the last part may be as short as it likes
        ([0, 3, 4, 1, 5], {**WHOLE, "UploadPartCopy": 2, "GetObject": 3, "UploadPart": 2}),
        # what is left of the second piece would be too short to be copied
        ([3, 1], {**WHOLE, "GetObject": 2, "UploadPart": 1}),
    ],
)
def test_the_requests_of_a_join(s3, numbers, requests):
    assert joined(s3, numbers, overwrite=False) == requests


def test_one_file_that_may_replace_is_copied_by_one_request(s3, s3_client, bucket):
    s3.upload_args["Metadata"] = {"team": "blue"}
    foreign = {"Metadata": {"team": "red"}, "Tagging": "a=b", "ContentEncoding": "gzip", "ContentType": "text/html"}
    s3_client.put_object(Bucket=bucket, Key=PATHS[3], Body=content_of(3, 3), **foreign)
    for number in (0, 3):
        assert joined(s3, [number]) == {"CopyObject": 1}
    s3.put("put.bin", io.BytesIO(content_of(3, 3)))
    ours, theirs = (s3_client.head_object(Bucket=bucket, Key=key) for key in ("a.bin", "put.bin"))
    for head in (ours, theirs):
        del head["ResponseMetadata"], head["LastModified"], head["Metadata"]["flask-pyfs-mark"]
    assert ours == theirs
    assert s3_client.get_object_tagging(Bucket=bucket, Key="a.bin")["TagSet"] == []
    with pytest.raises(errors.ResourceNotFound, match="missing"):
        s3.join_files(["missing"], "a.bin", sizes=[1])
    # more is copied in parts, several at once
    s3.copy_part_size = 2 * LEAST
    s3.put(PATHS[0], io.BytesIO(bytes(3 * LEAST)))
    assert joined(s3, [0]) == {**WHOLE, "UploadPartCopy": 2}


def test_without_sizes_each_is_asked_for(s3):
    with requests_of(s3.client) as sent:
        s3.join_files(PATHS[:2], "a.bin")
    assert operations(sent) == {**WHOLE, "HeadObject": 2, "UploadPartCopy": 2}


def test_a_joined_object_is_described_as_one_that_is_put(s3, s3_client, bucket):
    s3.upload_args.update({"CacheControl": "max-age=5", "Metadata": {"team": "blue"}})
    s3.join_files(PATHS[:2], "a.png", content_type="image/x-odd")
    s3.put("b.png", io.BytesIO(bytes(2 * LEAST)), content_type="image/x-odd")
    ours, theirs = (s3_client.head_object(Bucket=bucket, Key=key) for key in ("a.png", "b.png"))
    for what in ("ContentType", "CacheControl", "ContentLength"):
        assert ours[what] == theirs[what]
    assert ours["Metadata"].keys() == theirs["Metadata"].keys()


def test_a_taken_name_is_refused_by_the_server_and_nothing_is_left(s3, left):
    s3.put("a.bin", io.BytesIO(b"theirs"))
    with pytest.raises(errors.FileExists):
        s3.join_files(PATHS[:3], "a.bin", overwrite=False)
    assert s3.read_file("a.bin") == b"theirs"
    assert left() == (sorted([*PATHS, "a.bin"]), [])


@pytest.fixture
def few_parts(monkeypatch):
    monkeypatch.setattr(filesystem, "MOST_PARTS", 3)
    monkeypatch.setattr(filesystem, "_GROUP", 2)


def test_more_files_than_there_may_be_parts_are_copied_twice(s3, left, few_parts):
    s3.upload_args["ACL"] = "public-read"
    sent = joined(s3, [0, 1, 2, 0, 1])
    assert sent == {
        "CreateMultipartUpload": 3,
        "CompleteMultipartUpload": 3,
        # the last group is a single file
        "CopyObject": 1,
        "UploadPartCopy": 4 + 3,
        "DeleteObjects": 1,
    }
    assert left() == (sorted([*PATHS, "a.bin"]), [])


def test_of_groups_of_files_nothing_is_left_if_one_is_missing(s3, left, few_parts):
    s3.delete_tree(PATHS[2])
    with pytest.raises(errors.ResourceNotFound, match=PATHS[2]):
        s3.join_files(
            [PATHS[number] for number in (0, 1, 2, 0, 1)], "a.bin", sizes=[LEAST, LEAST, LEAST + 1, LEAST, LEAST]
        )
    assert left() == (sorted({*PATHS} - {PATHS[2]}), [])


@pytest.mark.parametrize("missing", [0, 2, 5])
def test_what_is_missing_is_named_and_nothing_is_left(s3, left, missing):
    s3.delete_tree(PATHS[missing])
    with pytest.raises(errors.ResourceNotFound, match=PATHS[missing]):
        s3.join_files(PATHS, "a.bin", sizes=[LEAST, LEAST, LEAST + 1, 3, LEAST - 3, 9])
    assert left() == (sorted({*PATHS} - {PATHS[missing]}), [])


def test_a_server_that_copies_no_parts_gets_the_content(s3):
    def refuse(request, **others):
        answer = AWSResponse(request.url, 501, {"x-amz-request-id": "1"}, None)
        answer._content = b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>"
        return answer

    s3.client.meta.events.register("before-send.s3.UploadPartCopy", refuse)
    try:
        sent = joined(s3, [0, 1, 2])
        assert (sent["UploadPart"], sent["AbortMultipartUpload"]) == (4, 1)
        # it is not asked again
        assert "UploadPartCopy" not in joined(s3, [0, 1, 2])
    finally:
        # others share the client
        s3.client.meta.events.unregister("before-send.s3.UploadPartCopy", refuse)


@settings(max_examples=5)
@given(st.lists(st.integers(0, 5), max_size=7))
def test_any_pieces_in_any_order(shared_s3, numbers):
    pieces = [shared_s3.read_file(PATHS[number]) for number in numbers]
    shared_s3.join_files([PATHS[number] for number in numbers], "any.bin", sizes=[len(piece) for piece in pieces])
    assert shared_s3.read_file("any.bin") == b"".join(pieces)


@pytest.fixture(scope="module")
def shared_s3(s3_endpoint):
    with new_bucket(s3_endpoint) as name:
        s3 = open_bucket(s3_endpoint, name, part_size=LEAST)
        for number, size in enumerate([LEAST, LEAST, LEAST + 1, 3, LEAST - 3, 9]):
            s3.put(PATHS[number], io.BytesIO(content_of(number, size)))
        yield s3
        s3.close()
