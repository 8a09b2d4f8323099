"""The name and the size that a storage takes."""

import gzip
import io
import os
import tempfile
from contextlib import ExitStack

import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.options import Option


@pytest.fixture
def make_storage(app):
    def make_storage(extensions=fs.ALL, storage_class=fs.Storage, **settings):
        storage = storage_class("files", extensions)
        app.config.update(FS_BACKEND="memory", **{f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    return make_storage


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1, 1),
        (2e3, 2000),
        ("300", 300),
        ("20 MB", 20_000_000),
        ("20MB", 20_000_000),
        (" 20 mb ", 20_000_000),
        ("20 MiB", 20 * 2**20),
        ("20mib", 20 * 2**20),
        ("1.5 GB", 1_500_000_000),
        ("0.1 GiB", 107_374_182),
        ("7 kB", 7000),
        ("7 KiB", 7168),
        ("2 TB", 2 * 10**12),
        ("12 b", 12),
    ],
)
def test_sizes(value, size):
    assert Option("MAX_SIZE", "size").convert(value) == size


@pytest.mark.parametrize(
    "value", ["", "20 M", "20 Mo", "MB", "1e3 MB", "-1 MB", "1,5 MB", "٢٠ MB", "20 MB 1", True, 1.5, None, [], "0x10"]
)
def test_what_is_no_size(value):
    with pytest.raises(ValueError, match="a number of bytes, or a size such as '20 MB' or '20 MiB'"):
        Option("MAX_SIZE", "size").convert(value)


@pytest.mark.parametrize("value", [0, "0", "0 MB", "0.1 b", -1, "-1"])
def test_the_largest_size_is_a_byte_or_more(make_storage, value):
    with pytest.raises(fs.ConfigurationError, match=r"FILES_FS_MAX_SIZE must be a number of bytes, 1 or more"):
        make_storage(MAX_SIZE=value)


def test_an_error_names_the_key_that_has_it(app):
    app.config["FS_LOCAL_MAX_SIZE"] = "large"
    with pytest.raises(fs.ConfigurationError, match=r"FS_LOCAL_MAX_SIZE must be a number of bytes, .* not 'large'"):
        fs.init_app(app, fs.Storage("files"))


class Pipe:
    """What has a read alone."""

    def __init__(self, content):
        self.read = io.BytesIO(content).read


class ReadOnly(io.RawIOBase):
    """What cannot seek, and returns short pieces."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(memoryview(buffer)[:3])


def filled(file, content):
    file.write(content)
    file.seek(0)
    return file


SOURCES = {
    "bytesio": io.BytesIO,
    "spooled": lambda content: filled(tempfile.SpooledTemporaryFile(max_size=4), content),  # noqa: SIM115
    "real": lambda content: filled(tempfile.TemporaryFile(), content),  # noqa: SIM115
    "gzip": lambda content: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(content))),
    "form": lambda content: FileStorage(io.BytesIO(content), "a.txt"),
    "pipe": Pipe,
    "read-only": ReadOnly,
    "form of a pipe": lambda content: FileStorage(Pipe(content), "a.txt"),  # type: ignore[arg-type]
    "bytes": bytes,
    "bytearray": bytearray,
    "str": lambda content: content.decode(),
    "text": lambda content: io.StringIO(content.decode()),
}


@pytest.fixture
def make_source():
    with ExitStack() as stack:

        def make_source(kind, content):
            file = SOURCES[kind](content)
            if hasattr(file, "close"):
                stack.callback(file.close)
            return file

        yield make_source


SEEKABLE = ["bytesio", "spooled", "real", "gzip", "form", "text"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("verify", [False, True])
def test_the_boundary(make_storage, make_source, source, verify):
    storage = make_storage(MAX_SIZE=10, VERIFY=verify)
    # two bytes each
    for content in ("é" * 5, ""):
        if content or not verify:
            storage.save(make_source(source, content.encode()), "a.txt", overwrite=True)
            assert storage.read("a.txt") == content.encode()
    storage.delete("a.txt")
    with pytest.raises(fs.FileTooLarge, match=r"'files' does not take 'a.txt': .* 10 bytes.* \(FILES_FS_MAX_SIZE\)"):
        storage.save(make_source(source, ("é" * 5 + "x").encode()), "a.txt")
    assert list(storage.list_files()) == []


def test_write_and_open_are_for_the_app(make_storage):
    storage = make_storage(MAX_SIZE=1)
    name = storage.write("a.txt", "more")
    storage.replace_version("a.txt", "even more", name.version)
    with storage.open("b.txt", "w") as file:
        file.write("more")
    assert [storage.read(name) for name in ("a.txt", "b.txt")] == [b"even more", b"more"]


@pytest.mark.parametrize("source", SEEKABLE)
@pytest.mark.parametrize("position", [7, 8])
@pytest.mark.parametrize("settings", [{}, {"VERIFY": True}, {"MAX_SIZE": 100}])
def test_nothing_is_left(make_storage, make_source, source, position, settings):
    storage = make_storage(**settings)
    file = make_source(source, b"content")
    if source == "gzip":
        position = 7
    file.seek(position)
    for method in (storage.check, storage.save):
        with pytest.raises(fs.EmptyUpload, match=r"nothing is left of 'a.txt': .* seek\(0\)"):
            method(file, "a.txt")
        assert file.tell() == position
    assert list(storage.list_files()) == []
    file.seek(6)
    storage.save(file, "a.txt")
    assert storage.read("a.txt") == b"t"


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_without_content_is_stored(make_storage, make_source, source):
    storage = make_storage()
    storage.save(make_source(source, b""), "a.txt")
    assert storage.read("a.txt") == b""


def test_a_pipe_that_was_read_is_empty(make_storage):
    storage = make_storage()
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as file:
        storage.save(file, "a.txt")
    assert storage.read("a.txt") == b""


def test_it_is_a_value_error():
    assert issubclass(fs.EmptyUpload, (fs.FSError, ValueError))
    assert issubclass(fs.FileTooLarge, fs.FSError)


def test_check(make_storage):
    storage = make_storage(MAX_SIZE=3)
    file = io.BytesIO(b"12345")
    file.seek(1)
    with pytest.raises(fs.FileTooLarge):
        storage.check(file, "a.txt")
    assert file.tell() == 1
    file.seek(2)
    assert storage.check(file, "a.txt") == "a.txt"
    assert file.tell() == 2


class Reading(fs.Storage):
    def file_allowed(self, file, basename):
        return super().file_allowed(file, basename) and (file is None or b"bad" not in file.read())


class WithoutAnswer(io.BytesIO):
    def seek(self, *arguments):
        super().seek(*arguments)


def test_a_seek_that_returns_nothing(make_storage):
    storage = make_storage(MAX_SIZE=3)
    with pytest.raises(fs.FileTooLarge):
        storage.check(WithoutAnswer(b"1234"), "a.txt")
    file = WithoutAnswer(b"123")
    file.read()
    with pytest.raises(fs.EmptyUpload):
        storage.save(file, "a.txt")


class WithoutSize(io.BytesIO):
    """As a device: its end is at 0."""

    def tell(self):
        return 0

    def seek(self, *arguments):
        return 0


def test_a_file_that_says_that_it_is_empty(make_storage):
    storage = make_storage(MAX_SIZE=3)
    storage.save(WithoutSize(b"123"), "a.txt")
    assert storage.read("a.txt") == b"123"
    with pytest.raises(fs.FileTooLarge):
        storage.save(WithoutSize(b"1234"), "b.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-7", "iso2022_jp"])
@pytest.mark.parametrize("newline", [None, ""])
@pytest.mark.parametrize("settings", [{}, {"MAX_SIZE": 100}, {"VERIFY": True}])
def test_a_text_that_was_read_in_part(make_storage, encoding, newline, settings):
    storage = make_storage(**settings)
    text = "a日本\r\nb"
    for read in range(len(text)):
        file = io.TextIOWrapper(io.BytesIO(text.encode(encoding)), encoding, newline=newline)
        file.read(read)
        file.seek(file.tell())
        left = file.read()
        file.seek(0)
        file.read(read)
        if left:
            storage.save(file, "a.txt", overwrite=True)
            assert storage.read("a.txt").decode() == left
        else:
            with pytest.raises(fs.EmptyUpload):
                storage.save(file, "a.txt")


@pytest.mark.parametrize("rename", [False, True])
def test_a_file_that_file_allowed_has_read_is_stored_whole(make_storage, rename):
    storage = make_storage(["txt"], Reading, VERIFY=True, VERIFY_RENAME=rename)
    file = io.BytesIO(b"12content")
    file.seek(2)
    storage.save(file, "a.txt")
    assert storage.read("a.txt") == b"content"
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(io.BytesIO(b"bad"), "b.txt")


class Replacing(fs.Storage):
    """Reads the start of an upload from a copy that it puts in the place of the stream."""

    def file_allowed(self, file, basename):
        file.stream = io.BytesIO(file.stream.read())
        return super().file_allowed(file, basename) and file.stream.read(3) != b"bad"


def test_a_file_to_which_file_allowed_gave_another_stream_is_stored_whole(make_storage):
    storage = make_storage(fs.ALL, Replacing)
    storage.save(FileStorage(io.BytesIO(b"content"), "a.txt"))
    assert storage.read("a.txt") == b"content"
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(FileStorage(io.BytesIO(b"bad"), "b.txt"))


def test_the_methods_of_a_backend_of_flask_fs_see_the_limit(make_storage):
    storage = make_storage(MAX_SIZE=5)

    class OldBackend:
        def __init__(self):
            self.files = {}

        def exists(self, filename):
            return filename in self.files

        def write(self, filename, content):
            self.files[filename] = content

    class Saving(OldBackend):
        def save(self, file, filename):
            target = io.BytesIO()
            file.save(target)
            self.write(filename, target.getvalue())

    for backend in (OldBackend(), Saving()):
        storage.backend = backend
        for source in ("form", "form of a pipe"):
            storage.save(SOURCES[source](b"12345"), f"{source}.txt")
            with pytest.raises(fs.FileTooLarge):
                storage.save(SOURCES[source](b"123456"), "b.txt")
        assert backend.files == {"form.txt": b"12345", "form of a pipe.txt": b"12345"}


def test_the_client_s_own_name(make_storage):
    storage = make_storage()
    upload = FileStorage(io.BytesIO(), "C:\\fakepath\\Bericht 2026.pdf")
    assert storage.save(upload, unique=True).original_name == "Bericht 2026.pdf"
    assert storage.save(upload, "named.pdf").original_name == "Bericht 2026.pdf"
    assert storage.save(io.BytesIO(b"x"), "by the app.pdf").original_name is None
    assert storage.write("written.pdf", "x").original_name is None
    url = storage.upload_url("in/Bericht 2026.pdf", expires=60)
    assert url.original_name == "Bericht 2026.pdf"
    assert storage.upload_url("1.pdf", original_name="a/🎉.pdf\n", expires=60).original_name == "🎉.pdf"
