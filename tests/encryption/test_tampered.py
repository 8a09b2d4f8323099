"""Encrypted files that were changed: an error comes before a wrong byte, in whatever way they are read."""

import io
import itertools
from contextlib import closing

import pytest
from encrypted_files import (
    FIRST,
    HEADER,
    KEYRING,
    REST,
    SEGMENT,
    content_of,
    decrypted,
    encrypted,
    parts_of,
)
from fs.errors import FSError
from places import make_place

import flask_pyfs as fs
from flask_pyfs.encryption.keys import Keyring, new_key
from flask_pyfs.encryption.segments import plain_size, segment_at
from flask_pyfs.errors import Undecipherable

SERVED = ["s3-moto", "gridfs", "swift"]

SIZE = 200 * 1024
CONTENT = content_of(SIZE)
FILE = encrypted(CONTENT)


def opened(file):
    return io.BufferedReader(decrypted(file), SEGMENT)


def in_pieces(size):
    def read(file):
        return iter(lambda: file.read(size), b"")

    return read


def into_a_buffer(size):
    def read(file):
        buffer = bytearray(size)
        while count := file.readinto(buffer):
            yield bytes(buffer[:count])

    return read


def whole(file):
    yield file.read()


def without_a_buffer(file):
    yield file.detach().readall()


WAYS = {
    "read": whole,
    "readall": without_a_buffer,
    "lines": iter,
    "chunks": in_pieces(1 << 20),
    "segments": in_pieces(SEGMENT),
    "small": in_pieces(8192),
    "readinto": into_a_buffer(70_000),
}


def given_out(file, read):
    """Return what a way of reading gives of a file, and whether it ended with an error."""
    pieces = []
    try:
        for piece in read(file):
            pieces.append(piece)
    except Undecipherable:
        return b"".join(pieces), True
    return b"".join(pieces), False


def assert_refused(file, sound, content=CONTENT):
    """Check that a changed file gives an error in each way, after no more than the first bytes of its content.

    :param sound: how many bytes of the content are before the first segment that was changed.
    """
    for name, read in WAYS.items():
        reader = opened(file)
        got, failed = given_out(reader, read)
        assert failed, name
        assert len(got) <= sound, name
        assert content.startswith(got), name
        if name == "readall":
            continue
        # nor does anything come afterwards, from there or from elsewhere
        for offset in (None, 0, FIRST):
            if offset is not None:
                reader.seek(offset)
            with pytest.raises(Undecipherable):
                reader.read(1)
        with pytest.raises(Undecipherable), reader:
            reader.read()


# Bytes


def flipped(offset, bits=1):
    changed = bytearray(FILE)
    changed[offset] ^= bits
    return changed


def start_of(offset):
    """Return where the content of the segment begins that has a byte of the file; the header belongs to the first."""
    return segment_at(max(0, offset // SEGMENT * REST - HEADER))[1]


#: Offsets in the file: of the header, and around the borders of each segment and its tag.
BORDERS = sorted(
    {
        *range(HEADER + 2),
        *(border + off for border in (*range(SEGMENT, len(FILE), SEGMENT), len(FILE)) for off in (-17, -16, -1, 0, 1)),
    }
    - {len(FILE), len(FILE) + 1}
)


@pytest.mark.parametrize("offset", BORDERS)
def test_a_changed_byte_is_an_error_in_each_way_of_reading(offset):
    assert start_of(offset) in (0, FIRST, FIRST + REST, FIRST + 2 * REST)
    for bits in (1, 0x80):
        assert_refused(flipped(offset, bits), start_of(offset))


def test_each_changed_byte_is_an_error(soak):
    """All of 200 KiB with --soak, else some of each segment."""
    starts = [0, FIRST, FIRST + REST, FIRST + 2 * REST]
    # what is before the segment is right, and nothing else comes into the memory of the reader
    expected = {start: CONTENT[:start] + bytes(SIZE - start) for start in starts}
    changed = bytearray(FILE)
    for offset in range(0, len(FILE), 1 if soak else 23):
        changed[offset] ^= 1 << offset % 8
        file, buffer = decrypted(changed), bytearray(SIZE)
        with pytest.raises(Undecipherable):
            file.readinto(buffer)
        assert buffer == expected[start_of(offset)], offset
        changed[offset] = FILE[offset]


def test_a_changed_byte_is_an_error_of_the_ranges_that_have_it_alone():
    for number, (start, stop) in enumerate(itertools.pairwise([0, FIRST, FIRST + REST, FIRST + 2 * REST, SIZE])):
        changed = flipped(number * SEGMENT + 100)
        for other in (0, FIRST, FIRST + REST, FIRST + 2 * REST):
            reader = opened(changed)
            reader.seek(other)
            if other == start:
                with pytest.raises(Undecipherable):
                    reader.read(1)
            else:
                assert reader.read(10) == CONTENT[other : other + 10]
        for around, wanted in [(start - 1, 2), (stop - 1, 1), (start, stop - start)]:
            if around >= 0:
                reader = opened(changed)
                reader.seek(around)
                with pytest.raises(Undecipherable):
                    reader.read(wanted)


# Cuts


def lengths(step):
    borders = [border + off for border in range(0, len(FILE), SEGMENT) for off in range(-60, 61)]
    return sorted({each for each in borders if 0 <= each < len(FILE)} | {*range(0, len(FILE), step)})


def test_each_cut_is_an_error(soak):
    """At all lengths with --soak, else around each border and at some of each segment."""
    seen = 0
    for length in lengths(1 if soak else 47):
        size = plain_size(length)
        if size is None:
            continue
        seen += 1
        cut = FILE[:length]
        reader = decrypted(cut)
        buffer = bytearray(max(size, SEGMENT + 1))
        with pytest.raises(Undecipherable):
            reader.readinto(buffer)
        sound = (length - 1) // SEGMENT and start_of(length - 1)
        assert buffer == CONTENT[:sound] + bytes(len(buffer) - sound), length
    assert seen > 3000


@pytest.mark.parametrize(
    "length", [HEADER + 16, HEADER + 17, SEGMENT - 1, SEGMENT, SEGMENT + 17, 2 * SEGMENT, 3 * SEGMENT]
)
def test_a_cut_is_an_error_in_each_way_of_reading(length):
    assert_refused(FILE[:length], (length - 1) // SEGMENT and start_of(length - 1))


@pytest.mark.parametrize("size", [FIRST, FIRST + REST])
def test_the_end_of_a_file_is_an_error_if_its_last_segment_is_gone(size):
    """Also if it had ended where a segment ends."""
    file = encrypted(content_of(size + REST))[:-SEGMENT]
    assert plain_size(len(file)) == size
    assert_refused(file, size - (REST if size > FIRST else FIRST), content_of(size + REST))
    for offset in (size - 1, size, size + 1):
        reader = opened(file)
        reader.seek(offset)
        with pytest.raises(Undecipherable):
            reader.read(1)


def test_an_empty_file_is_checked_when_it_is_read():
    empty = encrypted(b"")
    for offset in range(len(empty)):
        changed = bytearray(empty)
        changed[offset] ^= 1
        assert_refused(changed, 0)
    assert_refused(FILE[: len(empty)], 0)
    # nor is it the end of a file that had more
    reader = opened(FILE[: len(empty)])
    reader.seek(FIRST)
    with pytest.raises(Undecipherable):
        reader.read()
    reader = opened(empty)
    assert (reader.read(), reader.read(1)) == (b"", b"")


def test_a_file_that_ends_while_it_is_read_is_an_error():
    for length in (0, 10, HEADER, 1000, SEGMENT, len(FILE) - 1):
        reader = io.BufferedReader(decrypted(FILE, source=io.BytesIO(FILE[:length])), SEGMENT)
        with pytest.raises(Undecipherable, match="cut"):
            reader.read()


# Segments


# the last segment is as long as the others, so that each order of them has a length that files have
FULL = content_of(FIRST + 3 * REST)
FULL_FILE = encrypted(FULL)
STARTS = [0, FIRST, FIRST + REST, FIRST + 2 * REST]


def rearranged(order, file=FULL_FILE):
    """Return a file with these segments of another one, and how much of its content is before the first wrong one."""
    header, segments = parts_of(file)
    # the first segment is shorter, and where it comes elsewhere the header fills it up
    padded = [header + segments[0], *segments[1:]]
    content = b"".join(padded[number] for number in order)
    kept = next((place for place, number in enumerate(order) if place != number), len(order))
    return header + content[HEADER:], kept


ORDERS = [
    *itertools.permutations(range(4)),
    # repeated
    *([*range(place), number, *range(place, 4)] for place in range(5) for number in range(4)),
    # lost
    *(each for count in range(1, 4) for each in itertools.combinations(range(4), count)),
]


@pytest.mark.parametrize("order", [each for each in ORDERS if list(each) != [0, 1, 2, 3]])
def test_segments_that_were_swapped_repeated_or_lost_are_an_error(order):
    file, kept = rearranged(order)
    assert plain_size(len(file)) is not None
    # the one before the end is sound, unless it must have been the last one
    sound = STARTS[min(kept, len(order) - 1, 3)]
    assert_refused(file, sound, FULL)


@pytest.mark.parametrize("number", range(4))
def test_a_segment_of_another_file_is_an_error(number):
    other = encrypted(FULL)
    file = bytearray(FULL_FILE)
    start, stop = max(HEADER, number * SEGMENT), (number + 1) * SEGMENT
    file[start:stop] = other[start:stop]
    assert_refused(file, STARTS[number], FULL)


def test_the_header_of_another_file_is_an_error():
    assert_refused(encrypted(FULL)[:HEADER] + FULL_FILE[HEADER:], 0, FULL)


@pytest.mark.parametrize("more", [bytes(17), bytes(SEGMENT), FULL_FILE, FULL_FILE[:SEGMENT], FULL_FILE[-SEGMENT:]])
def test_what_was_appended_is_an_error(more):
    # the segment that was the last one is none that others follow
    assert_refused(FULL_FILE + more, STARTS[3], FULL)


def test_a_file_of_an_unknown_key_is_an_error():
    file = encrypted(CONTENT, Keyring([new_key()]))
    assert_refused(file, 0)
    with pytest.raises(Undecipherable, match="no key"):
        _ = decrypted(file).key
    with pytest.raises(Undecipherable, match="changed or cut"):
        # a key of it was found before
        opened(flipped(SEGMENT)).read()
    assert decrypted(FILE).key is KEYRING.first


# The store


@pytest.mark.parametrize("read", [lambda file, buffer: file.readinto(buffer), lambda file, buffer: file.readall()])
def test_an_error_of_the_store_is_no_damage(read):
    """What was not read by the call that failed can be read again."""

    class Lost(io.BytesIO):
        reads = 0

        def read(self, size=-1):
            self.reads += 1
            # in the middle of the second call
            if self.reads == 4:
                raise ConnectionError
            return super().read(size)

    content = content_of(40 * SEGMENT)
    stored = encrypted(content)
    file = decrypted(stored, source=Lost(stored))
    assert file.readinto(bytearray(FIRST)) == FIRST
    buffer = bytearray(30 * REST)
    with pytest.raises(ConnectionError):
        read(file, buffer)
    assert file.tell() == FIRST
    assert file.readinto(buffer) == 30 * REST
    assert buffer == content[FIRST : FIRST + 30 * REST]
    assert file.readall() == content[FIRST + 30 * REST :]


@pytest.fixture(params=["local", "memory", "pyfs", *(pytest.param(kind, marks=pytest.mark.server) for kind in SERVED)])
def storage(request, app, configure_storage):
    with make_place(request.param, request) as settings, app.app_context():
        yield configure_storage("files", {**settings, "ENCRYPTION_KEYS": [new_key()]})


def stored_ways(storage):
    """Return ways to read a file of a storage."""

    def opened(file, offset=0):
        with file:
            file.seek(offset)
            yield from iter(lambda: file.read(8192), b"")

    def chunks():
        with closing(storage.read_chunks("a.bin")) as pieces:
            yield from pieces

    return [
        lambda: iter([storage.read("a.bin")]),
        chunks,
        lambda: opened(storage.open("a.bin", "rb")),
        lambda: opened(storage.open("a.bin", "rb"), FIRST),
        lambda: opened(storage.fs.openbin("a.bin")),
    ]


def stored_given_out(read):
    """Return what a way of reading gives of a file, and whether it ended with an error."""
    got = b""
    try:
        for piece in read():
            got += piece
    except (fs.FSError, FSError):
        return got, True
    return got, False


def test_a_file_that_was_changed_in_the_store_is_an_error_in_each_way_of_reading(storage):
    content = content_of(FIRST + 2 * REST)
    storage.write("a.bin", content)
    bare = storage.backend.bare
    file = bytearray(bare.read_file("a.bin"))
    # changed in the second segment; cut where it ends; and lost but for its beginning
    changed = bytearray(file)
    changed[SEGMENT + 100] ^= 1
    for stored in (changed, file[: 2 * SEGMENT], file[SEGMENT:], file[: HEADER + 16]):
        bare.put("a.bin", io.BytesIO(stored))
        for read in stored_ways(storage):
            got, failed = stored_given_out(read)
            assert failed
            assert len(got) <= FIRST
            assert content.startswith(got)
    bare.put("a.bin", io.BytesIO(file))
    contents = [content, content, content, content[FIRST:], content]
    assert [stored_given_out(read) for read in stored_ways(storage)] == [(each, False) for each in contents]
