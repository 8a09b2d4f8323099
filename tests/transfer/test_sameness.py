"""Which two files are the same."""

import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import EARLY, LATE, facts

from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.transfer import Side
from flask_pyfs.transfer.patience import Stopped
from flask_pyfs.transfer.sameness import Located, is_same, same_checksum, same_content

UTC = timezone.utc
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("source", "target", "same"),
    [
        (facts(1, EARLY), facts(1, LATE), True),
        (facts(1, LATE), facts(1, EARLY), False),
        (facts(1, EARLY), facts(2, LATE), False),
        # a time may be cut to seconds, so a change later in them must not be missed
        (facts(1, NOON), facts(1, NOON), False),
        (facts(1, NOON), facts(1, NOON + timedelta(seconds=0.999)), False),
        (facts(1, NOON), facts(1, NOON + timedelta(seconds=1)), True),
        # with a part of a second, an equal time is that of a copy that keeps times
        (facts(1, NOON + timedelta(milliseconds=5)), facts(1, NOON + timedelta(milliseconds=5)), True),
        (facts(1, NOON + timedelta(milliseconds=5)), facts(1, NOON + timedelta(milliseconds=4)), False),
        (facts(1, NOON + MICRO), facts(1, NOON + MICRO), True),
        (facts(1, NOON + 2 * MICRO), facts(1, NOON + MICRO), False),
        # a target whose time is cut looks older
        (facts(1, NOON + MICRO), facts(1, NOON), False),
        # another zone is another way to write a time
        (facts(1, NOON.astimezone(timezone(timedelta(hours=5)))), facts(1, NOON + timedelta(hours=1)), True),
        # unknown
        (facts(1, None), facts(1, LATE), False),
        (facts(1, EARLY), facts(1, None), False),
        (facts(1, None), facts(1, None), False),
        (facts(1, EARLY.replace(tzinfo=None)), facts(1, LATE), False),
        (facts(1, EARLY), facts(1, LATE.replace(tzinfo=None)), False),
        (facts(1, EARLY.replace(tzinfo=None)), facts(1, LATE.replace(tzinfo=None)), False),
        # checksums of one algorithm count alone
        (facts(1, LATE, checksum="md5:0a"), facts(1, EARLY, checksum="md5:0A"), True),
        (facts(1, EARLY, checksum="md5:0a"), facts(1, LATE, checksum="md5:0b"), False),
        (facts(1, EARLY, checksum="md5:0a"), facts(2, LATE, checksum="md5:0a"), False),
        (facts(1, EARLY, checksum="md5:0a"), facts(1, LATE, checksum="sha1:0a"), True),
        (facts(1, LATE, checksum="md5:0a"), facts(1, EARLY, checksum="sha1:0a"), False),
        (facts(1, EARLY, checksum="md5:0a"), facts(1, LATE), True),
    ],
)
def test_by_the_listings(source, target, same):
    assert is_same(source, target) is same


def test_what_an_old_backend_tells_as_a_time():
    odd = facts(1, "yesterday")  # type: ignore[arg-type]
    assert not is_same(odd, facts(1, LATE))
    assert not is_same(facts(1, EARLY), odd)


class Counting(MemoryBackend):
    """Keeps checksums of one algorithm, or none, and counts what it is asked for."""

    def __init__(self, content, algorithm=None, pieces=None):
        super().__init__("counting", {})
        self.content = content
        self.algorithm = algorithm
        self.pieces = pieces
        self.asked, self.reads = 0, 0

    @property
    def store(self):
        store = super().store
        store.keeps_checksums = self.algorithm is not None
        return store

    def metadata(self, filename, checksum=True):
        self.asked += 1
        found = self.algorithm and f"{self.algorithm}:{hashlib.new(self.algorithm, self.content).hexdigest()}"
        return {"checksum": found, "size": len(self.content), "mime": "x/y", "modified": None}

    def read_chunks(self, filename, chunk_size=5, *, chunks_size=None):
        self.reads += 1
        return iter(self.pieces or [self.content])


def located(backend, **known):
    return Located(Side(backend), "name", facts(len(backend.content), **known))


def proceed():
    pass


@pytest.mark.parametrize(
    ("source", "target", "asked", "reads"),
    [
        # both keep it
        ("md5", "md5", (1, 1), (0, 0)),
        # one does
        ("md5", None, (1, 0), (0, 1)),
        (None, "md5", (0, 1), (1, 0)),
        # both, of different algorithms
        ("sha1", "md5", (1, 1), (0, 1)),
        # none does
        (None, None, (0, 0), (1, 1)),
    ],
)
def test_a_checksum_reads_as_little_as_possible(source, target, asked, reads):
    for content, same in ((b"content", True), (b"tnetnoc", False)):
        ours, theirs = Counting(b"content", source), Counting(content, target)
        assert same_checksum(located(ours), located(theirs), proceed) is same
        assert (ours.asked, theirs.asked) == asked
        assert (ours.reads, theirs.reads) == reads


def test_a_checksum_of_the_listing_is_not_asked_for():
    ours, theirs = Counting(b"content", "md5"), Counting(b"content", "md5")
    known = {"checksum": "md5:" + hashlib.md5(b"content").hexdigest()}
    assert same_checksum(located(ours, **known), located(theirs, **known), proceed)
    assert (ours.asked, theirs.asked, ours.reads, theirs.reads) == (0, 0, 0, 0)


def test_an_algorithm_that_cannot_be_computed_is_left_alone():
    ours, theirs = Counting(b"content"), Counting(b"content")
    assert same_checksum(located(ours, checksum="crc64nvme:00"), located(theirs), proceed)
    assert (ours.reads, theirs.reads) == (1, 1)


@pytest.mark.parametrize("compare", [same_checksum, same_content])
def test_nothing_is_read_of_files_of_different_sizes(compare):
    ours, theirs = Counting(b"content", "md5"), Counting(b"contents", "md5")
    assert not compare(located(ours), located(theirs), proceed)
    assert (ours.asked, theirs.asked, ours.reads, theirs.reads) == (0, 0, 0, 0)


def cut(content, lengths):
    pieces = []
    for length in lengths:
        pieces.append(content[:length])
        content = content[length:]
    return [*pieces, content]


@given(st.binary(max_size=12), st.binary(max_size=12), *[st.lists(st.integers(0, 5), max_size=4)] * 2)
def test_bytes_are_compared_however_they_arrive(first, second, ours, theirs):
    for other in (first, second):
        source, target = Counting(first, pieces=cut(first, ours)), Counting(other, pieces=cut(other, theirs))
        assert same_content(located(source), located(target), proceed) is (first == other)


def test_a_file_that_ends_too_early_is_different():
    ours, theirs = Counting(b"content"), Counting(b"content", pieces=[b"cont"])
    assert not same_content(located(ours), located(theirs), proceed)


@pytest.mark.parametrize("compare", [same_checksum, same_content])
def test_reading_ends_if_nobody_waits(compare):
    def stopped():
        raise Stopped

    ours, theirs = Counting(b"content"), Counting(b"content")
    with pytest.raises(Stopped):
        compare(located(ours), located(theirs), stopped)
