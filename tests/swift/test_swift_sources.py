"""Sources that are streamed: what arrives is what they give, or nothing does."""

import io

import pytest
from failures import LARGE, MIB
from fs.errors import OperationFailed

import flask_pyfs as fs
from flask_pyfs.filesystems.objects.store import beginning_of
from flask_pyfs.filesystems.swift.body import StreamedBody, known_file


class Cipher:
    """Changes what a file gives; the rest is that of the file."""

    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size=-1):
        return self._file.read(size).translate(TABLE)


class Shorter(Cipher):
    """Gives only half of what it reads."""

    def read(self, size=-1):
        return self._file.read(size)[::2]


class Longer(Cipher):
    """Gives more than the file holds."""

    def read(self, size=-1):
        return self._file.read(size) or b"more"


class Lines(Cipher):
    """Ends lines in two bytes, and so gives more than it was asked for."""

    def read(self, size=-1):
        return self._file.read(size).replace(b"\n", b"\r\n")


class Worn(Cipher):
    """Can be set back while it is looked at, and no more."""

    def __init__(self, file):
        super().__init__(file)
        self._left = 2

    def seek(self, *arguments):
        if not self._left:
            raise OSError("worn out")
        self._left -= 1
        return self._file.seek(*arguments)


class Rolling(Cipher):
    """Gives something else each time."""

    def __init__(self, file):
        super().__init__(file)
        self._rounds = 0

    def seek(self, *arguments):
        self._rounds += 1
        return self._file.seek(*arguments)

    def read(self, size=-1):
        return bytes([self._rounds]) * len(self._file.read(size))


TABLE = bytes(reversed(range(256)))
SEGMENTS = pytest.mark.parametrize("segment_size", [3 * MIB, 1024 * MIB])


@pytest.fixture
def make(app, make_storage, proxy):
    def make(segment_size):
        return make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", SEGMENT_SIZE=segment_size, TIMEOUT=5, RETRIES=2)

    with app.app_context():
        yield make


@SEGMENTS
@pytest.mark.parametrize("kind", [Cipher, Worn])
def test_a_file_that_changes_what_another_gives(make, segment_size, kind):
    storage = make(segment_size)
    storage.write("a", kind(io.BytesIO(LARGE)))
    assert storage.read("a") == LARGE.translate(TABLE)


@SEGMENTS
@pytest.mark.parametrize("kind", [Shorter, Longer])
def test_a_file_that_is_not_as_long_as_it_says(make, segment_size, kind, swift_connection, container):
    storage = make(segment_size)
    with pytest.raises(fs.FSError, match=r"ended|longer"):
        storage.write("a", kind(io.BytesIO(LARGE)))
    assert not storage.exists("a")
    assert [found["name"] for found in swift_connection.get_container(container)[1]] == []


@SEGMENTS
def test_a_file_that_gives_more_than_is_asked_for_replaces_nothing(make, segment_size):
    storage = make(segment_size)
    storage.write("a", b"old")
    with pytest.raises(fs.FSError, match="longer"):
        storage.write("a", Lines(io.BytesIO(b" " * 6 * MIB + b"line\n" * MIB)), overwrite=True)
    assert storage.read("a") == b"old"


@SEGMENTS
@pytest.mark.parametrize("position", [0, 1000, 5 * MIB])
def test_what_is_sent_again_is_the_same(make, proxy, segment_size, position):
    storage = make(segment_size)
    storage.exists("warm")
    for number, source in enumerate((io.BytesIO(LARGE), Cipher(io.BytesIO(LARGE)))):
        proxy.cut_sent(after=position)
        storage.write(f"{number}", source)
        proxy.restore()
    assert storage.read("0") == LARGE
    assert storage.read("1") == LARGE.translate(TABLE)


def test_what_begins_in_the_middle_of_a_file(make, proxy):
    storage = make(1024 * MIB)
    storage.exists("warm")
    source = io.BytesIO(b"before" + LARGE)
    source.seek(6)
    proxy.cut_sent(after=6 * MIB)
    storage.write("a", source)
    assert storage.read("a") == LARGE


@SEGMENTS
@pytest.mark.parametrize(("kind", "error"), [(Rolling, "cannot be read again"), (Worn, "worn out")])
def test_what_cannot_be_sent_again_is_not_stored(make, proxy, segment_size, kind, error, swift_connection, container):
    storage = make(segment_size)
    storage.exists("warm")
    proxy.cut_sent(after=6 * MIB)
    with pytest.raises((fs.FSError, OSError), match=error):
        storage.write("a", kind(io.BytesIO(LARGE)))
    proxy.restore()
    assert not storage.exists("a")
    names = [found["name"] for found in swift_connection.get_account(prefix=f"{container}_segments")[1]]
    assert [swift_connection.get_container(name)[1] for name in names] == [[]] * len(names)


def test_what_cannot_be_sent_again_does_not_arrive_whole():
    source = Rolling(io.BytesIO(LARGE))
    beginning, _ = beginning_of(source, MIB)
    known = known_file(source, beginning)
    assert known is not None
    body = StreamedBody(known, 0, len(LARGE))
    assert sum(map(len, body)) == len(LARGE)
    # a server that has all of it stores it
    sent: list[bytes] = []
    with pytest.raises(OperationFailed, match="cannot be read again"):
        sent.extend(body)
    assert 0 < sum(map(len, sent)) < len(LARGE)
