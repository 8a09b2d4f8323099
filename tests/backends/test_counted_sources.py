"""A source counts and hashes what a store takes of it, also if that reads some of it again."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_pyfs.backends.handles import Source, hashing


def source_of(content, start=0, file=io.BytesIO):
    file = file(content)
    file.seek(start)
    with hashing():
        source = Source(file)
        source.hash_by("md5")
    return source


def md5(content):
    return f"md5:{hashlib.md5(content).hexdigest()}"


@given(
    content=st.binary(max_size=60),
    start=st.integers(0, 60),
    # a store begins again, looks for the end, or goes on
    steps=st.lists(st.one_of(st.integers(0, 20), st.sampled_from(["again", "end", "rewind"]))),
)
def test_what_is_read_in_any_order(content, start, steps):
    start = min(start, len(content))
    source, furthest = source_of(content, start), start
    for step in steps:
        position = source.tell()
        if step == "rewind":
            assert source.rewind()
        elif step == "end":
            source.seek(0, io.SEEK_END)
            source.seek(position)
        elif step == "again":
            source.seek(-min(3, position - start), io.SEEK_CUR)
        else:
            source.read(step)
            furthest = max(furthest, source.tell())
    assert source.size == furthest - start
    assert source.checksum == md5(content[start:furthest])


def test_what_is_passed_over():
    source = source_of(b"0123456789")
    source.read(2)
    source.seek(5)
    # nothing is lost as long as nothing is read there
    assert source.size == 2
    source.read(2)
    assert (source.size, source.checksum) == (None, None)
    source.rewind()
    source.read()
    assert (source.size, source.checksum) == (None, None)


class Silent(io.BytesIO):
    """Its seek returns nothing, as that of some files of other packages."""

    def seek(self, *arguments):
        super().seek(*arguments)


class Lost(io.BytesIO):
    """It does not know where it is."""

    def tell(self):
        raise OSError("no position")


def test_files_that_seek_in_their_own_way():
    source = source_of(b"0123456789", 2, Silent)
    source.read(4)
    source.seek(3)
    source.read()
    assert (source.size, source.checksum) == (8, md5(b"23456789"))
    source = source_of(b"0123456789", 0, Lost)
    source.read(4)
    assert source.size == 4
    source.seek(2)
    source.read(4)
    assert source.size is None


@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"abc"), "abc", io.StringIO("abc")])
def test_any_content(content):
    with hashing():
        source = Source(content)
        source.hash_by("md5")
    while source.read(2):
        pass
    assert (source.size, source.checksum) == (3, md5(b"abc"))


def test_nothing_is_hashed_unless_it_is_wanted():
    source = Source(b"abc")
    source.hash_by("md5")
    source.read()
    assert (source.size, source.checksum) == (3, None)
