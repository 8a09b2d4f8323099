"""Damaged and hostile files: no other exception, little read, little memory; the errors of a file are the caller's."""

import io
import struct
import tempfile
import tracemalloc
import zipfile
import zlib

import media
import pytest
from archives import WORD, office, zipped
from collection import extension, read, samples
from hypothesis import example, given
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs.uploads.content import verify
from flask_pyfs.uploads.kinds import KINDS, Source

MOST_READ = 1024 * 1024
MOST_MEMORY = 6 * 1024 * 1024
NAMES = sorted(samples())


class Counting(io.BytesIO):
    """Counts the bytes that are read, and the reads."""

    count = reads = 0

    def read(self, size=-1):
        assert size >= 0, "the whole file is read"
        content = super().read(size)
        self.count += len(content)
        self.reads += 1
        return content


def outcome(content, ext):
    """Return whether the content is taken, after checking what it costs."""
    file = Counting(content)
    try:
        return KINDS[ext](Source(file))
    except fs.UnauthorizedFileType:
        return False
    finally:
        assert file.count <= MOST_READ
        assert file.reads <= 300


@given(st.data())
def test_damaged_samples(data):
    name = data.draw(st.sampled_from(NAMES))
    content = bytearray(samples()[name])
    for _ in range(data.draw(st.integers(1, 4))):
        # the beginning and the end tell the most
        place = data.draw(st.integers(0, min(len(content), 400)) | st.integers(-60, -1) | st.integers(0, len(content)))
        piece = data.draw(st.sampled_from([b"\xff" * 4, bytes(4), b"\xff" * 8]) | st.binary(max_size=8))
        cut = data.draw(st.sampled_from([len(piece), 0, len(piece) + 1]))
        place %= len(content) + 1
        content[place : place + cut] = piece
    end = data.draw(st.none() | st.integers(0, len(content)))
    ext = data.draw(st.sampled_from([extension(name)] * 3 + list(KINDS)))
    outcome(bytes(content[:end]), ext if ext in KINDS else "xml")


@pytest.mark.parametrize("name", [name for name in NAMES if extension(name) in KINDS])
def test_each_number_of_a_sample_at_its_extremes(name):
    content, ext = samples()[name], extension(name)
    for place in [*range(0, min(len(content), 200), 2), *range(max(len(content) - 22, 0), len(content), 2)]:
        for number in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\1\0\0\0"):
            outcome(content[:place] + number + content[place + 4 :], ext)
    for size in range(min(len(content), 100)):
        outcome(content[:size], ext)


@given(st.binary(max_size=3000), st.sampled_from(sorted(KINDS)))
@example(b"ID3" + b"\x7f" * 7, "mp3")
@example(b"\xff" * 3000, "mp3")
@example(b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff", "mkv")
def test_random_content(content, ext):
    outcome(content, ext)


def bomb(size=30 * 1024 * 1024):
    """Return a package whose list of content types becomes 30 MiB."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(deflater.compress(bytes(1024 * 1024)) for _ in range(size // 1024**2)) + deflater.flush()
    name = b"[Content_Types].xml"
    fields = (20, 0, 8, 0, 0, 0, len(data), size, len(name), 0)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", *fields) + name + data
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, *fields, 0, 0, 0, 0, 0) + name
    return local + entry + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


def looped_sectors():
    """Return a compound file whose directory, and whose tables of sectors, go round in circles."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6)
    header = header.ljust(48, b"\0") + struct.pack("<IIIIII", 1, 0, 4096, 0, 0, 0) + bytes(4) + bytes(436)
    fat = struct.pack("<I", 1) * 128
    entry = b"A\0" + bytes(62) + struct.pack("<HBBIII", 4, 1, 1, 999_999, 500_000, 100_000) + bytes(48)
    return header[:512] + fat + entry * 4


def scattered_sectors():
    """Return a compound file with a directory of 1,000 entries, each of them in another page of the file."""
    count = 2000
    sectors = [bytes(512)] * (count * 10)
    for number in range(count):
        left = min((number + 1) * 4, 0xFFFFFFF0)
        sectors[200 + number * 9] = (b"A\0" + bytes(62) + struct.pack("<HBBIII", 4, 1, 1, left, left, 4)).ljust(
            512, b"\0"
        )
    chain = [0] * (157 * 128)
    for number in range(count):
        chain[200 + number * 9] = 200 + (number + 1) * 9
    for number in range(157):
        sectors[number] = struct.pack("<128I", *chain[number * 128 : (number + 1) * 128])
    header = bytearray(looped_sectors()[:512])
    header[48:52] = (200).to_bytes(4, "little")
    header[76:512] = struct.pack("<109I", *range(109))
    return bytes(header) + b"".join(sectors)


HOSTILE = {
    "bomb.docx": bomb,
    "nested quotes.docx": lambda: office(declared="ContentType='a " * 30_000),
    "manifest.odt": lambda: zipped({"META-INF/manifest.xml": b"<" + b' full-path="/"' * 37_000}),
    "mimetype.odt": lambda: zipped({"mimetype": b"a" * 10**6}),
    "many members.docx": lambda: zipped({str(number): b"" for number in range(9000)}),
    "many ends.docx": lambda: b"PK\3\4" + b"PK\5\6" * 20_000,
    "circles.doc": looped_sectors,
    "scattered.doc": scattered_sectors,
    "nothing but boxes.mp4": lambda: read("isom.mp4")[:32] + media.box(b"free", b"") * 200_000,
    "deep boxes.m4a": lambda: read("isom.m4a")[:32] + b"\0\0\0\0moov\0\0\0\0trak\0\0\0\0mdia\0\0\0\0hdlr" * 50_000,
    "many movies.m4a": lambda: (
        read("isom.m4a")[:32] + media.box(b"moov", media.box(b"trak", media.box(b"mdia", b"")) * 64) * 64
    ),
    "large brand box.mp4": lambda: media.box(b"ftyp", b"isom" * 10**6),
    "tags.mp3": lambda: media.id3(5) * 100_000,
    "frames.mp3": lambda: b"\xff\xfb\x90\0" * 300_000,
    "pages.ogg": lambda: (b"OggS\0\2" + bytes(20) + b"\xff" + b"\1" * 255 + bytes(255)) * 1000,
    "elements.mkv": lambda: b"\x1a\x45\xdf\xa3\x41\xff" + b"\xec\x80" * 500_000,
    "comments.abw": lambda: b"<!---->" * 200_000,
    "doctypes.abw": lambda: b"<!DOCTYPE [" * 100_000,
    "open comment.abw": lambda: b"/*" * 500_000,
    "spaces.plist": lambda: b" [" * 500_000,
    "headers.pdf": lambda: b"%PDF" * 500_000,
    "bomb.tgz": lambda: zlib.compress(bytes(10**7)),
    "icons.ico": lambda: b"\0\0\1\0\xff\xff" + b"\xff" * 10**6,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name):
    content = HOSTILE[name]()
    ext = extension(name)
    tracemalloc.start()
    try:
        assert not outcome(content, ext)
        assert tracemalloc.get_traced_memory()[1] <= MOST_MEMORY
    finally:
        tracemalloc.stop()


def test_large_files_are_told_by_little():
    film = read("isom.mp4")
    place, size = film.index(b"mdat") - 4, 5 * 1024**3
    with tempfile.TemporaryFile() as file:
        file.write(film[:place] + b"\0\0\0\1mdat" + (size + 16).to_bytes(8, "big"))
        file.seek(size, io.SEEK_CUR)
        file.write(film[film.index(b"moov") - 4 :])
        verify(file, "mp4")
        file.seek(0)
        file.write(b"RF64")
        with pytest.raises(fs.UnauthorizedFileType):
            verify(file, "mp4")


def large_document():
    """Return the offsets and bytes of a compound file of 10 MiB whose directory is at its end.

    The sectors of its FAT are so many that the header cannot name them all.
    """
    first, fat, difat = 20_000, 19_000, 18_000
    header = bytearray(looped_sectors()[:512])
    header[48:52] = first.to_bytes(4, "little")
    header[68:72] = difat.to_bytes(4, "little")
    root = (
        "Root Entry".encode("utf-16-le").ljust(64, b"\0") + struct.pack("<HBBIII", 22, 5, 1, *[2**32 - 1] * 2, 5)
    ).ljust(512, b"\0")
    name = "WordDocument".encode("utf-16-le").ljust(64, b"\0")
    document = bytes(128) + (name + struct.pack("<HBBIII", 26, 2, 1, *[2**32 - 1] * 3)).ljust(384, b"\0")
    fat_number, place = divmod(first, 128)
    return {
        0: bytes(header),
        512 * (difat + 1) + 4 * (fat_number - 109): fat.to_bytes(4, "little"),
        512 * (fat + 1) + 4 * place: (first + 1).to_bytes(4, "little"),
        512 * (first + 1): root + document,
    }


def test_a_large_document_is_told_by_its_directory():
    with tempfile.TemporaryFile() as file:
        for offset, content in large_document().items():
            file.seek(offset)
            file.write(content)
        verify(file, "doc")
        for ext in ("xls", "docx"):
            with pytest.raises(fs.UnauthorizedFileType):
                verify(file, ext)


def test_a_large_package_is_told_by_its_directory():
    types = f'<Types><Override PartName="/word/document.xml" ContentType="{WORD}"/></Types>'
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for number in range(3000):
                archive.writestr(f"word/media/image{number}.png", bytes(5000))
            archive.writestr("[Content_Types].xml", types)
        verify(file, "docx")
        with pytest.raises(fs.UnauthorizedFileType):
            verify(file, "xlsx")


class Failing(io.BytesIO):
    """Fails after some calls."""

    def __init__(self, content, calls):
        super().__init__(content)
        self.calls = calls

    def _count(self):
        self.calls -= 1
        if self.calls < 0:
            raise OSError("the disk of the client is gone")

    def read(self, size=-1):
        self._count()
        return super().read(size)

    def seek(self, offset, whence=0):
        self._count()
        return super().seek(offset, whence)


@pytest.mark.parametrize("name", ["isom.m4a", "text.docx", "text.doc", "large-tag.mp3", "ascii.txt", "gnu.txz"])
def test_failures_of_the_file_are_the_callers(name):
    content, ext = samples()[name], extension(name)
    counting = Counting(content)
    verify(counting, ext)
    # it seeks at least as often as it reads
    for calls in range(counting.reads):
        with pytest.raises(OSError, match="is gone"):
            verify(Failing(content, calls), ext)


class Dribbling(io.BytesIO):
    """Returns less than it is asked for, as files without a buffer may."""

    def read(self, size=-1):
        return super().read(min(size, 7))


@pytest.mark.parametrize("name", ["isom.mp4", "text.docx", "text.doc", "text.pdf", "gnu.tar"])
def test_files_that_return_less_than_asked(name):
    verify(Dribbling(samples()[name]), extension(name))
    with pytest.raises(fs.UnauthorizedFileType):
        verify(Dribbling(samples()[name]), "odp")
