"""Objects that are joined: their segments are copies of their own, and a failure leaves none."""

import io
from collections import Counter
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from containers import open_container
from counting_requests import Sent, requests_in
from fs import errors
from swiftclient.client import ClientException

MIB = 1024 * 1024
PATHS = [f".flask_pyfs/uploads/x/{number}" for number in range(5)]
SIZES = [2 * MIB, MIB, 9, 5, 2 * MIB + 1]


def content_of(number):
    return bytes([number + 1]) * SIZES[number]


@pytest.fixture
def pieces(swift):
    """A container with pieces."""
    for path, number in zip(PATHS, range(len(SIZES)), strict=True):
        swift.put(path, io.BytesIO(content_of(number)))
    return swift


@pytest.fixture
def segments(swift_connection, container):
    """Return the sizes of the objects in the container of segments."""

    def segments():
        try:
            listed = swift_connection.get_container(f"{container}_segments", full_listing=True)[1]
        except ClientException as error:
            if error.http_status != 404:
                raise
            listed = []
        return [each["bytes"] for each in listed]

    return segments


def test_each_large_piece_is_a_segment_and_small_ones_are_one_together(pieces, segments):
    version = pieces.join_files(PATHS, "a.bin", sizes=SIZES, overwrite=False, content_type="text/x-odd")
    assert segments() == [2 * MIB, MIB, 14, 2 * MIB + 1]
    assert pieces.read_file("a.bin") == b"".join(map(content_of, range(5)))
    facts = pieces.facts("a.bin")
    assert (facts.version, facts.content_type, facts.size) == (version, "text/x-odd", sum(SIZES))
    # the pieces may go, and the segments go with the object
    for path in PATHS:
        pieces.delete_tree(path)
    assert pieces.read_file("a.bin") == b"".join(map(content_of, range(5)))
    pieces.delete_tree("a.bin")
    assert segments() == []


def test_what_replaces_a_joined_object_removes_its_segments(pieces, segments):
    pieces.join_files([PATHS[0], PATHS[4]], "a.bin")
    pieces.join_files([PATHS[4], PATHS[0]], "a.bin")
    assert segments() == [2 * MIB + 1, 2 * MIB]
    pieces.put("a.bin", io.BytesIO(b"small"))
    assert segments() == []


def test_little_becomes_an_object_without_segments(pieces, segments):
    pieces.join_files(PATHS[1:4], "a.bin")
    assert pieces.read_file("a.bin") == b"".join(map(content_of, (1, 2, 3)))
    assert segments() == []


def test_leftovers_of_a_join_are_known_as_such(pieces, segments, monkeypatch):
    class Killed(BaseException):
        pass

    def complete(upload):
        raise Killed

    # a process that is killed neither completes nor aborts
    monkeypatch.setattr("flask_pyfs.filesystems.swift.upload.SwiftUpload.complete", complete)
    monkeypatch.setattr("flask_pyfs.filesystems.swift.upload.SwiftUpload.abort", lambda upload: None)
    with pytest.raises(Killed):
        pieces.join_files(PATHS, "a.bin", sizes=SIZES)
    assert len(segments()) == 4
    assert pieces.remove_leftovers(3600) == 0
    assert pieces.remove_leftovers(-60, "other") == 0
    assert pieces.remove_leftovers(-60) == 1
    assert segments() == []


def test_a_taken_name_leaves_no_segments(pieces, segments):
    pieces.put("a.bin", io.BytesIO(b"theirs"))
    with pytest.raises(errors.FileExists):
        pieces.join_files(PATHS, "a.bin", sizes=SIZES, overwrite=False)
    assert (pieces.read_file("a.bin"), segments()) == (b"theirs", [])


@pytest.mark.parametrize("number", [0, 3, 4])
def test_what_is_missing_is_named_and_leaves_no_segments(pieces, segments, number):
    pieces.delete_tree(PATHS[number])
    with pytest.raises(errors.ResourceNotFound, match=PATHS[number]):
        pieces.join_files(PATHS, "a.bin", sizes=SIZES)
    assert (pieces.has_file("a.bin"), segments()) == (False, [])


def test_the_requests_of_a_join(swift_place, proxy, container, pieces):
    # the address of the account is that at which Swift was asked
    place = replace(swift_place, auth_url=proxy.url + urlsplit(swift_place.auth_url).path)
    with closing(open_container(place, container)) as swift:
        swift.join_files([PATHS[0], PATHS[4]], "warm.bin", sizes=[SIZES[0], SIZES[4]])
        proxy.reset()
        swift.join_files(PATHS, "a.bin", sizes=SIZES, overwrite=False)
        sent = Counter(requests_in(proxy.requests))
    assert sent == {
        Sent("HEAD", "object"): 1,
        Sent("COPY", "object"): 3,
        Sent("GET", "object"): 2,
        Sent("PUT", "object", True): 1,
        Sent("PUT", "object"): 1,
    }
