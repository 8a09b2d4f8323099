"""Encrypted files, written and read: in any pieces, at any positions, and no more of them than is needed."""

import io
import itertools
import os
import random
import tracemalloc

import pytest
from encrypted_files import FIRST, HEADER, KEYRING, REST, SEGMENT, SIZES, content_of, decrypted, encrypted
from hypothesis import given
from hypothesis import strategies as st

from flask_pyfs.encryption.keys import Keyring, new_key
from flask_pyfs.encryption.segments import Cipher, EncryptedStream, Encryptor, encrypted_size, plain_size, segment_at

MIB = 1024 * 1024
SIZE = FIRST + 2 * REST + 17


class Pieces(io.RawIOBase):
    """A stream that gives less than is asked for."""

    def __init__(self, content, sizes):
        self._file = io.BytesIO(content)
        self._sizes = iter(sizes)

    def seek(self, offset, whence=0):
        return self._file.seek(offset, whence)

    def read(self, size=-1):
        return self._file.read(min(size, next(self._sizes)))


class Counted(io.BytesIO):
    """A file that knows which ranges of it were read."""

    def __init__(self, content):
        super().__init__(content)
        self.ranges = []

    def read(self, size=-1):
        start = self.tell()
        content = super().read(size)
        self.ranges.append((start, start + len(content)))
        return content


class Zeros:
    """A stream of so many bytes."""

    def __init__(self, size):
        self._left = size

    def read(self, size=-1):
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


# Lengths


@pytest.mark.parametrize("size", SIZES)
def test_the_length_of_a_file_is_known(size):
    assert len(encrypted(content_of(size))) == encrypted_size(size)


def test_the_length_of_a_content_is_known_from_that_of_its_file_and_no_other_length_is_one_of_a_file():
    possible = {encrypted_size(size): size for size in range(3 * SEGMENT)}
    assert all(plain_size(length) == possible.get(length) for length in range(3 * SEGMENT))


def test_a_byte_of_the_content_is_in_a_known_segment():
    starts = [0, FIRST, FIRST + REST, FIRST + 2 * REST]
    for number, (start, stop) in enumerate(itertools.pairwise(starts)):
        assert segment_at(start) == segment_at(start + 1) == segment_at(stop - 1) == (number, start)


# Writing


RUNS = st.lists(
    st.sampled_from([1, 100, FIRST - 1, FIRST, FIRST + 1, REST, REST + 1, 3 * REST]), min_size=1, max_size=9
)


@given(st.sampled_from(SIZES), RUNS, RUNS)
def test_a_stream_is_encrypted_in_whatever_pieces_it_comes_and_goes(size, given_sizes, wanted):
    content = content_of(size)
    pieces = Pieces(content, [*given_sizes, *[SEGMENT] * 10])
    stream = EncryptedStream(pieces, KEYRING.first.secret)
    read = [stream.read(each) for each in wanted]
    rest = stream.read()
    assert all(len(piece) <= each for piece, each in zip(read, wanted, strict=True))
    assert all(read) or not rest
    assert decrypted(b"".join([*read, rest])).readall() == content
    assert (stream.read(), stream.read(1)) == (b"", b"")


def test_a_text_is_encrypted_as_utf_8():
    stream = EncryptedStream(io.StringIO("ä€"), KEYRING.first.secret)
    assert decrypted(stream.read()).readall() == "ä€".encode()
    with pytest.raises(OSError, match="cannot seek"):
        stream.seek(0)


@given(
    st.sampled_from(SIZES), st.lists(st.tuples(st.integers(0, FIRST + 3 * REST), st.sampled_from([1, SEGMENT, MIB])))
)
def test_a_stream_is_read_again_from_any_position_before(size, reads):
    source = io.BytesIO(b"before" + content_of(size))
    source.seek(6)
    stream = EncryptedStream(source, KEYRING.first.secret)
    file = b"".join(iter(lambda: stream.read(SEGMENT), b""))
    assert decrypted(file).readall() == content_of(size)
    assert stream.tell() == stream.seek(0, os.SEEK_END) == len(file)
    for offset, wanted in reads:
        assert stream.seek(min(offset, len(file))) == stream.tell()
        got = stream.read(wanted)
        assert file[min(offset, len(file)) :].startswith(got)
        assert got or offset >= len(file)
        assert stream.tell() == min(offset, len(file)) + len(got)


def test_the_length_is_known_before_the_end_is_read():
    stream = EncryptedStream(io.BytesIO(content_of(SIZE)), KEYRING.first.secret)
    start = stream.read(100)
    assert stream.seek(0, os.SEEK_END) == encrypted_size(SIZE)
    stream.seek(100)
    assert decrypted(start + b"".join(iter(stream.read, b""))).readall() == content_of(SIZE)


@pytest.mark.parametrize("change", ["other", "longer", "shorter"])
def test_other_content_is_not_encrypted_in_place_of_what_was_read(change):
    """The same nonce would hide neither of them."""
    content = content_of(3 * SEGMENT)
    source = io.BytesIO(content)
    stream = EncryptedStream(source, KEYRING.first.secret)
    file = stream.read()
    changed = {"other": content[:-1] + b"x", "longer": content + b"x", "shorter": content[:-1]}[change]
    source.seek(0)
    source.truncate()
    source.write(changed)
    # what is in the segments before is given out again
    stream.seek(0)
    assert stream.read(2 * SEGMENT) == file[: 2 * SEGMENT]
    with pytest.raises(OSError, match="other bytes"):
        stream.read()


def test_a_stream_behind_its_end_is_empty():
    source = io.BytesIO(b"content")
    source.seek(100)
    stream = EncryptedStream(source, KEYRING.first.secret)
    assert stream.seek(0, os.SEEK_END) == encrypted_size(0)
    stream.seek(0)
    assert decrypted(stream.read()).readall() == b""


def test_a_stream_that_cannot_seek_is_read_once():
    stream = EncryptedStream(Zeros(10), KEYRING.first.secret)
    with pytest.raises(OSError, match="cannot seek"):
        stream.seek(0, os.SEEK_END)
    assert decrypted(stream.read()).readall() == bytes(10)


def test_no_byte_is_left_out_after_an_error_of_the_stream():
    class Fails(io.BytesIO):
        fails = True

        def read(self, size=-1):
            if self.tell() and self.fails:
                self.fails = False
                raise ConnectionError
            return super().read(size)

    content = content_of(40 * SEGMENT)
    stream = EncryptedStream(Fails(content), KEYRING.first.secret)
    start = stream.read(100)
    with pytest.raises(ConnectionError):
        stream.read()
    assert decrypted(start + stream.read()).readall() == content


def test_no_two_files_are_encrypted_alike():
    files = {encrypted(b"content")[start:stop] for start, stop in [(1, 33), (33, 40), (40, 64)] for _ in range(10)}
    assert len(files) == 30


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_of_the_process_that_began_a_file_cannot_continue_it():
    """Parent and child would encrypt different content with one nonce."""
    encryptor = Encryptor(KEYRING.first.secret)
    encryptor.update(b"content")
    child = os.fork()
    if not child:
        refused = 0
        for continue_it in (lambda: encryptor.update(b"other"), encryptor.finish):
            try:
                continue_it()
            except OSError as error:
                refused += "fork" in str(error)
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert encryptor.finish()


def test_a_file_has_less_than_four_billion_segments():
    cipher = Cipher(KEYRING.first.secret, encrypted(b"")[:HEADER])
    last = 2**32 - 2
    assert cipher.open(last, cipher.seal(last, b"x", is_last=True), is_last=True) == b"x"
    with pytest.raises(OverflowError, match="4294967295 segments"):
        cipher.seal(last + 1, b"x", is_last=True)


# Reading


def calls(size):
    at = st.integers(0, size) | st.sampled_from([FIRST - 1, FIRST, FIRST + 1, FIRST + REST, size - 1, size, size + 9])
    some = st.sampled_from([0, 1, 100, SEGMENT, SEGMENT + 1, 3 * SEGMENT, -1])
    return st.lists(
        st.tuples(st.just("seek"), at)
        | st.tuples(st.just("seek"), at.map(lambda offset: -min(offset, size)), st.just(os.SEEK_END))
        | st.tuples(st.just("read"), some)
        | st.tuples(st.just("read1"), st.sampled_from([1, 100, SEGMENT]))
        | st.tuples(st.just("readline"))
        | st.tuples(st.just("tell")),
        max_size=12,
    )


@given(calls(SIZE), st.booleans())
def test_a_file_is_read_as_its_content(made, has_pieces):
    content = content_of(SIZE)
    file = encrypted(content)
    source = Pieces(file, random.Random(1).choices([1000, SEGMENT, SEGMENT + 1], k=10_000)) if has_pieces else None
    reader, expected = io.BufferedReader(decrypted(file, source=source), SEGMENT), io.BytesIO(content)
    for name, *arguments in made:
        got, wanted = (getattr(each, name)(*arguments) for each in (reader, expected))
        if name == "read1":
            # how much a buffer has is its own affair
            assert got == wanted[: len(got)]
            assert bool(got) == bool(wanted)
            expected.seek(reader.tell())
        else:
            assert got == wanted
    reader.seek(0)
    assert reader.read() == content


@pytest.mark.parametrize("size", SIZES)
def test_the_whole_content_is_read(size):
    content = content_of(size)
    file = encrypted(content)
    assert decrypted(file).readall() == content
    buffer = bytearray(size + 1)
    assert io.BufferedReader(decrypted(file)).readinto(buffer) == size
    assert buffer[:size] == content
    assert list(io.BufferedReader(decrypted(file))) == list(io.BytesIO(content))


def test_a_file_is_no_other_file():
    file = decrypted(encrypted(b"content"))
    assert (file.readable(), file.seekable(), file.writable(), file.tell()) == (True, True, False, 0)
    with pytest.raises(ValueError, match="negative"):
        file.seek(-1)
    with pytest.raises(ValueError, match="whence"):
        file.seek(0, 3)
    with pytest.raises(OSError, match="fileno"):
        file.fileno()


def test_a_file_closes_what_it_reads_from():
    source = io.BytesIO(encrypted(b"content"))
    file = decrypted(source.getvalue(), source=source)
    file.close()
    file.close()
    assert source.closed
    for use in (file.readall, file.tell, lambda: file.readinto(bytearray(1)), lambda: file.seek(0), lambda: file.key):
        with pytest.raises(ValueError, match="closed"):
            use()


@pytest.mark.parametrize("number", range(3))
def test_each_key_decrypts_the_files_that_it_encrypted(number):
    keys = [new_key() for _ in range(3)]
    one, ring = Keyring([keys[number]]), Keyring(keys)
    content = content_of(2 * SEGMENT)
    for offset in (0, FIRST):
        # the key is found with any segment
        file = io.BufferedReader(decrypted(encrypted(content, one), ring))
        file.seek(offset)
        assert file.read() == content[offset:]
    empty = decrypted(encrypted(b"", one), ring)
    assert empty.key.identifier == one.first.identifier == ring.keys[number].identifier


def test_the_header_is_not_read_if_it_is_given():
    file = encrypted(content_of(2 * SEGMENT))
    source = Counted(file)
    reader = decrypted(file, source=source, header=file[:HEADER])
    reader.seek(FIRST)
    assert reader.readall() == content_of(2 * SEGMENT)[FIRST:]
    assert source.ranges == [(SEGMENT, len(file))]


@pytest.mark.parametrize(
    ("start", "wanted", "first", "last"),
    [
        (0, 1, 0, 0),
        (FIRST - 1, 1, 0, 0),
        (FIRST, 1, 1, 1),
        (FIRST - 1, 2, 0, 1),
        (FIRST, REST, 1, 1),
        (FIRST, REST + 1, 1, 2),
        (FIRST + 7 * REST, 200_000, 7 + 1, 7 + 4),
        (FIRST + 19 * REST - 1, 2, 19, 20),
    ],
)
@pytest.mark.parametrize("read", ["read", "readinto"])
def test_no_segment_is_read_that_is_not_needed(start, wanted, first, last, read):
    content = content_of(20 * SEGMENT)
    file = encrypted(content)
    source = Counted(file)
    reader = io.BufferedReader(decrypted(file, source=source), SEGMENT)
    reader.seek(start)
    buffer = bytearray(wanted)
    got = reader.read(wanted) if read == "read" else buffer[: reader.readinto(buffer)]
    assert got == content[start : start + wanted]
    header, *ranges = source.ranges
    assert header == (0, HEADER)
    assert ranges[0][0] == max(HEADER, first * SEGMENT)
    assert ranges[-1][1] == min((last + 1) * SEGMENT, len(file))
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))


def test_large_pieces_are_read_at_once():
    file = encrypted(content_of(64 * SEGMENT))
    source = Counted(file)
    with io.BufferedReader(decrypted(file, source=source), SEGMENT) as reader:
        while reader.read(MIB):
            pass
    assert len(source.ranges) < 20


def peak_of(read):
    """Return how much memory it takes at most until a stream has ended."""
    tracemalloc.start()
    try:
        while read():
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_little_is_kept_of_what_was_encrypted():
    encryptor = Encryptor(KEYRING.first.secret)
    count, content = 2000, bytes(REST)
    encryptor.update(content)
    tracemalloc.start()
    try:
        for _ in range(count):
            encryptor.update(content)
        # of a tag for each segment
        assert tracemalloc.get_traced_memory()[0] < REST + 20 * count
    finally:
        tracemalloc.stop()


def test_an_open_file_keeps_no_more_than_a_segment_and_a_buffer():
    file = encrypted(bytes(4 * MIB))
    for piece in (1000, MIB, 4 * MIB):
        with io.BufferedReader(decrypted(file), SEGMENT) as reader:
            tracemalloc.start()
            try:
                while reader.read(piece):
                    pass
                assert tracemalloc.get_traced_memory()[0] < 3 * SEGMENT
            finally:
                tracemalloc.stop()


@pytest.mark.parametrize("piece", [SEGMENT, MIB, 8 * MIB])
def test_the_memory_does_not_depend_on_the_length(piece, soak):
    size = (1024 if soak else 32) * MIB
    stream = EncryptedStream(Zeros(size), KEYRING.first.secret)
    assert peak_of(lambda: stream.read(piece)) < piece + 4 * MIB
    file = encrypted(bytes(32 * MIB))
    reader = io.BufferedReader(decrypted(file), SEGMENT)
    assert peak_of(lambda: reader.read(piece)) < piece + 4 * MIB
