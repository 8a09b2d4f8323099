"""Tests for authors of backends, and storages in memory for the tests of apps.

:class:`StorageConformance` needs pytest; :func:`memory_storages` does not.
"""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, cast

from flask import Flask
from fs.copy import copy_fs
from fs.memoryfs import MemoryFS
from werkzeug.datastructures import FileStorage

from .backends.memory import MemoryBackend
from .errors import FileExists, FileNotFound, FSError, InvalidPath, UnauthorizedFileType, VersionChanged
from .names import Reserved
from .signals import file_deleted, file_uploaded
from .state import find, require_registry
from .storage import Storage

__all__ = ["StorageConformance", "memory_storages"]


@contextmanager
def memory_storages(app: Flask, *storages: Storage) -> Iterator[None]:
    """Keep the files of an app's storages in memory for the block. The storages are empty at its start.

    Extensions, URLs and all other settings are unchanged.

    >>> import flask_pyfs as fs
    >>> avatars = fs.Storage("avatars", fs.IMAGES)
    >>> app = Flask("app")
    >>> fs.init_app(app, avatars)
    >>> with memory_storages(app), app.app_context():
    ...     avatars.write("ann.png", b"content")
    ...     list(avatars.list_files())
    'ann.png'
    ['ann.png']

    :param app: the app.
    :param storages: the storages to keep in memory; without any, all that are configured on the app.
    """
    with app.app_context():
        before = [find(storage) for storage in storages or tuple(require_registry(app).values())]
    for state in before:
        state.on("memory", MemoryBackend(state.storage.name, state.config)).attach()
    try:
        yield
    finally:
        for state in before:
            state.attach()


class Broken(io.RawIOBase):
    """A source that fails after a number of bytes."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self._good = good

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._good == 0:
            raise RuntimeError("the source broke")
        piece = b"x" * min(self._good, 65536 if size < 0 else size)
        self._good -= len(piece)
        return piece


class Short(io.RawIOBase):
    """A source whose reads return less than requested."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._file = io.BytesIO(content)
        self._sizes = iter(range(1, len(content) + 2))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(next(self._sizes))


def _raises(kind: type[BaseException]) -> AbstractContextManager[Any]:
    import pytest

    return pytest.raises(kind)


def _checksum(algorithm: str, content: bytes) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"


REFUSED_NAMES = ("", ".", "/", "..", "../x", "a/../../x", "a/..", "..\\x", "a\\..\\x", "a\0b", "x" * 5000)

# other tools may have stored such files
NEVER_NEW_NAMES = ("a\\b", "a\tb", "a\x1fb", "a\ud800b", "x" * 1025)


class StorageConformance:
    """Tests of what every backend must do. Subclass it and define a pytest fixture ``storage``.

    The fixture returns an empty :class:`~flask_pyfs.Storage` that accepts all extensions (``fs.ALL``), configured on an
    app whose context is active. Set the attributes below if a backend guarantees less.

    .. code-block:: text

       class TestTape(StorageConformance):
           exclusive_create = False

           @pytest.fixture
           def storage(self, tmp_path):
               app = flask.Flask("tests", instance_path=str(tmp_path))
               app.config.update(FILES_FS_BACKEND="tape", FS_SERVE=True)
               files = fs.Storage("files", fs.ALL)
               fs.init_app(app, files)
               with app.app_context():
                   yield files
    """

    #: Whether exactly one of several simultaneous writers creates a file.
    exclusive_create = True

    #: Whether a file cannot be stored below another file or in place of a directory.
    has_directories = True

    #: Whether the files remain after their filesystem is closed. False for filesystems that keep them in memory.
    outlives_close = True

    #: Whether two writes of the same content make different versions. False for filesystems that know only the size and
    #: a coarse time of a file.
    distinct_versions = True

    #: The accepted checksums of ``b"content"``.
    checksums: tuple[str | None, ...] = (
        "sha1:040f06fd774092478d450774f5ba30c5da78acc8",
        "md5:9a0364b9e99bb480dd25e1f0284c8555",
    )

    #: Unusual names that the backend must accept.
    odd_names: frozenset[str] = frozenset(
        {"with space.txt", "per%20cent", "q?u=e&r#y", "ünï/çödé.txt", "日本.txt", "a+b", "a;b", ".hidden"}
    )

    # Reading and writing

    def test_an_empty_storage(self, storage: Storage) -> None:
        assert list(storage.list_files()) == []
        assert list(storage.entries()) == []
        assert not storage.exists("a.txt")
        assert "a.txt" not in storage

    def test_write_and_read(self, storage: Storage) -> None:
        assert storage.write("a/b/c.bin", b"content") == "a/b/c.bin"
        assert storage.read("a/b/c.bin") == b"content"
        assert storage.exists("a/b/c.bin")
        assert "a/b/c.bin" in storage
        assert not storage.exists("a/b")

    def test_kinds_of_content(self, storage: Storage) -> None:
        contents: dict[str, tuple[Any, bytes]] = {
            "text": ("ünïcode", "ünïcode".encode()),
            "bytes": (b"bytes", b"bytes"),
            "bytearray": (bytearray(b"array"), b"array"),
            "memoryview": (memoryview(b"view"), b"view"),
            "file": (io.BytesIO(b"file"), b"file"),
            "textfile": (io.StringIO("tèxt"), "tèxt".encode()),
            "upload": (FileStorage(io.BytesIO(b"upload")), b"upload"),
            "empty": (b"", b""),
        }
        for name, (content, expected) in contents.items():
            storage.write(name, content)
            assert storage.read(name) == expected, name

    def test_content_that_is_no_content(self, storage: Storage) -> None:
        with _raises(TypeError):
            storage.write("a", 42)
        assert not storage.exists("a")

    def test_a_file_is_stored_from_where_it_stands_and_left_open(self, storage: Storage) -> None:
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        storage.write("a", file)
        assert storage.read("a") == b"456789"
        assert not file.closed

    def test_write_does_not_overwrite(self, storage: Storage) -> None:
        storage.write("a", b"old")
        with _raises(FileExists):
            storage.write("a", b"new")
        assert storage.read("a") == b"old"

    def test_write_overwrites_when_asked_to(self, storage: Storage) -> None:
        storage.write("a", b"the old content")
        storage.write("a", b"new", overwrite=True)
        assert storage.read("a") == b"new"

    def test_reading_what_is_not_there(self, storage: Storage) -> None:
        operations: tuple[Callable[[], object], ...] = (
            lambda: storage.read("no"),
            lambda: storage.read_chunks("no"),
            lambda: storage.open("no"),
            lambda: storage.open("no", "rb"),
            lambda: storage.metadata("no"),
            lambda: storage.size("no"),
            lambda: storage.copy("no", "other"),
            lambda: storage.move("no", "other"),
        )
        for operation in operations:
            with _raises(FileNotFound) as raised:
                operation()
            assert raised.value.path == "no"
            assert raised.value.storage == storage.name
        assert list(storage.list_files()) == []

    def test_a_large_file(self, storage: Storage) -> None:
        content = bytes(range(256)) * 4096 * 9 + b"end"
        storage.write("large", io.BytesIO(content))
        assert storage.read("large") == content
        assert storage.metadata("large")["size"] == len(content)

    def test_read_chunks(self, storage: Storage) -> None:
        storage.write("a", b"0123456789")
        assert list(storage.read_chunks("a", 4)) == [b"0123", b"4567", b"89"]
        assert b"".join(storage.read_chunks("a")) == b"0123456789"

    def test_chunks_that_are_dropped_unread(self, storage: Storage) -> None:
        storage.write("a", b"0123456789")
        for _ in range(20):
            next(storage.read_chunks("a", 1))
        assert storage.read("a") == b"0123456789"

    # Open files

    def test_open_text(self, storage: Storage) -> None:
        with storage.open("a.txt", "w") as file:
            file.write("première\nseconde\n")
        assert storage.read("a.txt") == "première\nseconde\n".encode()
        with storage.open("a.txt") as file:
            assert file.readlines() == ["première\n", "seconde\n"]

    def test_open_text_in_another_encoding(self, storage: Storage) -> None:
        with storage.open("a.txt", "w", encoding="latin-1") as file:
            file.write("é")
        assert storage.read("a.txt") == b"\xe9"
        with storage.open("a.txt", encoding="latin-1") as file:
            assert file.read() == "é"

    def test_open_seeks(self, storage: Storage) -> None:
        storage.write("a", bytes(range(256)) * 1000)
        with storage.open("a", "rb") as file:
            assert file.seekable()
            file.seek(-3, io.SEEK_END)
            assert file.read() == b"\xfd\xfe\xff"
            file.seek(256 * 500 + 7)
            assert file.read(2) == b"\x07\x08"
            assert file.tell() == 256 * 500 + 9

    def test_written_is_seen_when_closed(self, storage: Storage) -> None:
        storage.write("a", b"old")
        with storage.open("a", "wb") as file:
            file.write(b"new")
            assert storage.read("a") == b"old"
        assert storage.read("a") == b"new"

    def test_an_exception_discards_what_was_written(self, storage: Storage) -> None:
        storage.write("a", b"old")
        for name in ("a", "b"):
            for mode, content in (("w", "new"), ("wb", b"new"), ("a", "new")):
                with _raises(RuntimeError), storage.open(name, mode) as file:
                    file.write(content)
                    raise RuntimeError
        assert storage.read("a") == b"old"
        assert list(storage.list_files()) == ["a"]

    def test_a_file_that_is_never_closed_is_not_stored(self, storage: Storage) -> None:
        for mode, content in (("w", "new"), ("wb", b"new")):
            file = storage.open("a", mode)
            file.write(content)
            del file
        assert list(storage.list_files()) == []

    def test_open_exclusively(self, storage: Storage) -> None:
        with storage.open("a", "xb") as file:
            file.write(b"first")
        with _raises(FileExists), storage.open("a", "xb") as file:
            file.write(b"second")
        assert storage.read("a") == b"first"

    def test_append(self, storage: Storage) -> None:
        with storage.open("log/a.txt", "a") as file:
            file.write("one")
        with storage.open("log/a.txt", "a") as file:
            file.write("two")
        assert storage.read("log/a.txt") == b"onetwo"

    def test_a_zip_file_is_written_and_read(self, storage: Storage) -> None:
        with storage.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("b.txt", "content")
        with storage.open("a.zip", "rb") as file, zipfile.ZipFile(file) as archive:
            assert archive.read("b.txt") == b"content"

    # Sources

    def test_a_source_that_breaks(self, storage: Storage) -> None:
        storage.write("old", b"old")
        for good in (0, 1, 3_000_000):
            with _raises(RuntimeError):
                storage.write("new", Broken(good))
            with _raises(RuntimeError):
                storage.write("old", Broken(good), overwrite=True)
            with _raises(RuntimeError):
                storage.save(Broken(good), "deep/er/new.txt")
        assert storage.read("old") == b"old"
        assert list(storage.list_files()) == ["old"]

    def test_a_source_with_short_reads(self, storage: Storage) -> None:
        content = bytes(range(256)) * 40
        storage.write("a", Short(content))
        storage.save(Short(content), "b.bin")
        assert storage.read("a") == storage.read("b.bin") == content

    # Uploads

    def test_save(self, storage: Storage) -> None:
        upload = FileStorage(io.BytesIO(b"content"), filename="My Photo.JPG")
        assert storage.save(upload) == "My_Photo.jpg"
        assert storage.save(io.BytesIO(b"content"), "x.txt", prefix="some/where") == "some/where/x.txt"
        assert storage.save(io.BytesIO(b"content"), "x.txt", prefix=lambda: "else") == "else/x.txt"
        for name in ("My_Photo.jpg", "some/where/x.txt", "else/x.txt"):
            assert storage.read(name) == b"content"
        assert not upload.stream.closed

    def test_save_does_not_overwrite(self, storage: Storage) -> None:
        storage.save(io.BytesIO(b"old"), "a.txt")
        with _raises(FileExists):
            storage.save(io.BytesIO(b"new"), "a.txt")
        assert storage.read("a.txt") == b"old"
        storage.save(io.BytesIO(b"new"), "a.txt", overwrite=True)
        assert storage.read("a.txt") == b"new"

    def test_a_refused_upload_can_be_saved_under_another_name(self, storage: Storage) -> None:
        content = bytes(range(256)) * 12_000
        storage.write("a.txt", b"old")
        upload = FileStorage(io.BytesIO(content), filename="a.txt")
        with _raises(FileExists):
            storage.save(upload)
        name = storage.resolve_conflict("", "a.txt")
        storage.save(upload, name)
        assert storage.read(name) == content

    def test_save_under_a_name_of_its_own(self, storage: Storage) -> None:
        names = {storage.save(io.BytesIO(b"x"), "a.txt", unique=True) for _ in range(5)}
        assert len(names) == 5
        assert all(name.startswith("a-") and name.endswith(".txt") for name in names)
        assert set(storage.list_files()) == names

    def test_a_refused_type_is_not_stored(self, storage: Storage) -> None:
        allowed, storage.extensions = storage.extensions, ["jpg"]
        try:
            with _raises(UnauthorizedFileType):
                storage.save(io.BytesIO(b"x"), "a.txt")
        finally:
            storage.extensions = allowed
        assert list(storage.list_files()) == []

    def test_resolve_conflict(self, storage: Storage) -> None:
        storage.write("d/a.txt", b"")
        assert storage.resolve_conflict("d", "a.txt") == "a_1.txt"
        storage.write("d/a_1.txt", b"")
        assert storage.resolve_conflict("d", "a.txt") == "a_2.txt"

    def test_one_writer_wins(self, storage: Storage) -> None:
        results: list[int | FSError] = []
        barrier = threading.Barrier(8)
        # opens the store, so that the threads do not wait for each other there
        storage.exists("a")

        app = find(storage).app

        def write(number: int) -> None:
            barrier.wait()
            try:
                with app.app_context():
                    storage.write("a", bytes([number]) * 100_000)
            except FSError as error:
                results.append(error)
            else:
                results.append(number)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [result for result in results if isinstance(result, int)]
        assert all(isinstance(result, (int, FileExists)) for result in results), results
        assert winners
        if self.exclusive_create:
            assert len(winners) == 1
        assert storage.read("a") in [bytes([number]) * 100_000 for number in winners]

    # Copies, moves, deletions

    def test_copy(self, storage: Storage) -> None:
        storage.write("a.txt", b"content")
        storage.copy("a.txt", "deep/er/b.txt")
        assert storage.read("a.txt") == storage.read("deep/er/b.txt") == b"content"

    def test_move(self, storage: Storage) -> None:
        storage.write("a.txt", b"content")
        storage.move("a.txt", "deep/er/b.txt")
        assert list(storage.list_files()) == ["deep/er/b.txt"]
        assert storage.read("deep/er/b.txt") == b"content"

    def test_copy_and_move_do_not_overwrite(self, storage: Storage) -> None:
        storage.write("a", b"a")
        storage.write("b", b"b")
        for operation in (storage.copy, storage.move):
            with _raises(FileExists) as raised:
                operation("a", "b")
            assert "'b'" in str(raised.value)
        assert storage.read("a") == b"a"
        assert storage.read("b") == b"b"
        storage.copy("a", "b", overwrite=True)
        assert storage.read("b") == b"a"
        storage.write("b", b"b", overwrite=True)
        storage.move("a", "b", overwrite=True)
        assert storage.read("b") == b"a"
        assert list(storage.list_files()) == ["b"]

    def test_copy_and_move_onto_itself(self, storage: Storage) -> None:
        storage.write("a", b"content")
        for overwrite in (False, True):
            storage.copy("a", "a", overwrite=overwrite)
            storage.move("a", "/a", overwrite=overwrite)
        assert storage.read("a") == b"content"

    def test_copies_by_the_server(self, storage: Storage) -> None:
        operations = find(storage).operations
        written = storage.write("a.txt", b"content")
        copied = operations.copy_from(operations, "a.txt", "deep/er/b.txt")
        # a server that cannot has done nothing
        assert storage.exists("deep/er/b.txt") is copied
        if not copied:
            return
        assert storage.read("deep/er/b.txt") == b"content"
        assert operations.copy_from(operations, "a.txt", "a.txt")
        with _raises(FileExists):
            operations.copy_from(operations, "a.txt", "a.txt", overwrite=False)
        storage.write("b.txt", b"other")
        with _raises(FileExists):
            operations.copy_from(operations, "a.txt", "b.txt", overwrite=False)
        with _raises(FileNotFound):
            operations.copy_from(operations, "absent.txt", "b.txt")
        with _raises(VersionChanged):
            operations.copy_from(operations, "a.txt", "b.txt", version=cast(str, written.version))
        with _raises(VersionChanged):
            operations.copy_from(operations, "a.txt", "absent.txt", version=cast(str, written.version))
        assert storage.read("b.txt") == b"other"
        assert operations.copy_from(operations, "a.txt", "b.txt", version=storage.version("b.txt"))
        assert storage.read("b.txt") == storage.read("a.txt") == b"content"
        assert sorted(storage.list_files()) == ["a.txt", "b.txt", "deep/er/b.txt"]

    def test_joined_files(self, storage: Storage) -> None:
        operations: Any = find(storage).operations
        store: Any = getattr(operations, "store", None)
        # a backend that was written for Flask-FS takes no reserved name
        if store is None or not store.hides_reserved:
            return

        def path(name: str) -> Reserved:
            return Reserved.of(operations.prefix, f"uploads/join/{name}")

        pieces = [b"first", b"", bytes(range(256)) * 1200, b"\0", b"last"]
        paths = [path(f"piece {number}") for number in range(len(pieces))]
        for name, piece in zip(paths, pieces, strict=True):
            store.put(name, io.BytesIO(piece))
        content, sizes = b"".join(pieces), [len(piece) for piece in pieces]
        joined = operations.join(paths, "deep/er/joined.txt", False, sizes=sizes)
        assert (joined, joined.size, joined.content_type) == ("deep/er/joined.txt", len(content), "text/plain")
        assert joined.version == storage.version(joined)
        assert storage.read(joined) == content
        assert storage.metadata(joined)["checksum"] in (None, _checksum(store.checksum_algorithm, content))
        with storage.open(joined, "rb") as file:
            file.seek(-5, io.SEEK_END)
            assert file.read() == content[-5:]
        with _raises(FileExists):
            operations.join(paths[:1], joined, False)
        assert storage.read(joined) == content
        # in any order, each as often as it is named, and over an existing file
        replaced = operations.join([*paths[3:], paths[0], paths[0]], joined, content_type="text/x-odd")
        assert storage.read(joined) == b"\0lastfirstfirst"
        assert replaced.version == storage.version(joined)
        assert joined.version is None or replaced.version != joined.version
        for number, names in enumerate(([], paths[1:2], paths[2:3])):
            operations.join(names, f"few {number}.txt", False)
            assert storage.read(f"few {number}.txt") == (content[5:-5] if number == 2 else b"")
        for there in ("deep/er/joined.txt", "new.txt"):
            for names in ([path("absent")], [paths[0], path("absent")]):
                with _raises(FileNotFound):
                    operations.join(names, there)
                with _raises(FileNotFound):
                    operations.join(names, there, sizes=[5] * len(names))
        assert not storage.exists("new.txt")
        assert storage.read(joined) == b"\0lastfirstfirst"
        # the pieces stay, and the new files do not need them
        assert [store.read_file(name) for name in paths] == pieces
        for name in paths:
            store.delete_tree(name)
        assert storage.read("few 2.txt") == pieces[2]
        assert sorted(storage.list_files()) == ["deep/er/joined.txt", "few 0.txt", "few 1.txt", "few 2.txt"]
        storage.delete(joined)
        assert not storage.exists(joined)

    def test_notes(self, storage: Storage) -> None:
        store: Any = getattr(find(storage).operations, "store", None)
        if store is None or not store.keeps_notes:
            return
        storage.write("canary", b"x")
        note = "".join(map(chr, range(32, 127))) * 10
        version = store.put("n/a", io.BytesIO(b"content"), overwrite=False, note=note)
        assert (store.facts("n/a").note, store.facts("n/a").version) == (note, version)
        facts, file = store.fetch("n/a")
        file.close()
        assert facts.note == note
        version = store.replace_version("n/a", io.BytesIO(bytes(9_000_000)), version, note="  second ")
        assert (store.facts("n/a").note, store.facts("n/a").version) == ("  second ", version)
        if store.copy_from(store, "n/a", "n/b", note=""):
            assert store.facts("n/b").note == ""
        for facts in (dict(store.iter_facts("n/"))["n/a"], dict(store.iter_level("n"))["n/a"]):
            # a listing that does not tell notes says so
            assert not facts.marked or facts.note == "  second "
        store.copy_file("n/a", "n/c")
        store.move_file("n/a", "n/d")
        store.copy_from(store, "n/c", "n/e")
        for path in store.iter_files("n/"):
            assert path == "n/b" or store.facts(path).note is None, path
        for write in (store.put, lambda path, file: store.replace_version(path, file, store.facts(path).version)):
            store.put("n/a", io.BytesIO(b"content"), note="third")
            write("n/a", io.BytesIO(b"later"))
            assert store.facts("n/a").note is None
        for refused in ("x" * 1001, "\xe9", "a\nb"):
            with _raises(ValueError):
                store.put("n/a", io.BytesIO(b"lost"), note=refused)
        assert store.read_file("n/a") == b"later"
        store.delete_tree("n")

    # Versions

    def test_the_version_of_each_write(self, storage: Storage) -> None:
        written = storage.write("a/b.txt", b"content")
        assert written.version == storage.version("a/b.txt") is not None
        large = storage.save(io.BytesIO(bytes(9_000_000)), "large.bin")
        assert large.version == storage.version("large.bin") is not None
        again = storage.write("a/b.txt", b"content" if self.distinct_versions else b"more content", overwrite=True)
        assert written.version != again.version == storage.version("a/b.txt")
        with storage.open("a/b.txt", "w") as file:
            file.write("other")
        assert storage.version("a/b.txt") != again.version
        with _raises(FileNotFound):
            storage.version("a")

    def test_only_the_version_that_is_named_is_deleted(self, storage: Storage) -> None:
        old = storage.write("a", b"old")
        new = storage.write("a", b"newer", overwrite=True)
        storage.write("ab", b"other")
        assert old.version
        assert new.version
        for version in (old.version, "", cast(str, None)):
            assert not storage.delete_version("a", version)
        assert storage.read("a") == b"newer"
        assert storage.delete_version("a", new.version)
        assert not storage.delete_version("a", new.version)
        assert list(storage.list_files()) == ["ab"]

    def test_only_the_version_that_is_named_is_replaced(self, storage: Storage) -> None:
        old = storage.write("a", b"old")
        new = storage.write("a", b"newer", overwrite=True)
        assert old.version
        assert new.version
        for version in (old.version, "", cast(str, None)):
            with _raises(VersionChanged):
                storage.replace_version("a", b"lost", version)
        assert storage.read("a") == b"newer"
        newest = storage.replace_version("a", io.BytesIO(b"newest"), new.version)
        assert storage.read("a") == b"newest"
        assert newest.version == storage.version("a") != new.version
        storage.delete("a")
        with _raises(VersionChanged):
            storage.replace_version("a", b"back from the dead", newest.version or "")
        assert not storage.exists("a")

    def test_delete(self, storage: Storage) -> None:
        names = {"a", "ab.txt", "a.txt", "b/a", "b/ab", "b/a.d/x", "ba/x", "b.txt"}
        for name in names:
            storage.write(name, b"x")
        storage.delete("a")
        assert set(storage.list_files()) == names - {"a"}
        storage.delete("b")
        assert set(storage.list_files()) == {"ab.txt", "a.txt", "ba/x", "b.txt"}
        storage.delete("b")
        storage.delete("not/there")
        assert set(storage.list_files()) == {"ab.txt", "a.txt", "ba/x", "b.txt"}

    # Directories

    def test_a_directory_is_no_file(self, storage: Storage) -> None:
        storage.write("d/a", b"x")
        for operation in (storage.read, storage.open, storage.metadata):
            with _raises(FileNotFound):
                operation("d")
        with _raises(FileNotFound):
            storage.copy("d", "e")
        assert list(storage.list_files()) == ["d/a"]

    def test_files_and_directories_do_not_replace_each_other(self, storage: Storage) -> None:
        if not self.has_directories:
            return
        storage.write("d/a", b"x")
        for overwrite in (False, True):
            with _raises(FSError):
                storage.write("d", b"y", overwrite=overwrite)
            with _raises(FSError):
                storage.write("d/a/b", b"y", overwrite=overwrite)
            with _raises(FSError):
                storage.copy("d/a", "d", overwrite=overwrite)
            with _raises(FSError):
                storage.move("d/a", "d", overwrite=overwrite)
        assert list(storage.list_files()) == ["d/a"]
        assert storage.read("d/a") == b"x"

    def test_list_files(self, storage: Storage) -> None:
        names = {f"d{number % 7}/e/{number}.txt" for number in range(50)} | {"top.txt", "d1", "d1.txt"} - {"d1"}
        for name in names:
            storage.write(name, b"")
        listing = storage.list_files()
        assert next(listing) in names
        assert set(storage.list_files()) == names
        assert set(storage.list_files("d1")) == {name for name in names if name.startswith("d1")}
        assert set(storage.list_files("d1/")) == {name for name in names if name.startswith("d1/")}
        assert set(storage.list_files("d1/e/1")) == {name for name in names if name.startswith("d1/e/1")}
        assert list(storage.list_files("none")) == []

    def test_entries(self, storage: Storage) -> None:
        names = {
            "a.txt",
            "a-",
            "a b",
            "a/c",
            "a/c.d",
            "a/d-/x",
            "a/d/x",
            "a0",
            "B",
            "\xe9.txt",
            "\ufffd",
            "\U0001f600/x",
        }
        if not self.has_directories:
            names |= {"a", "a/d"}
        for name in names:
            storage.write(name, name.encode())
        ordered = sorted(names, key=str.encode)
        entries = list(storage.entries())
        assert [entry.name for entry in entries] == ordered
        for prefix in ("a", "a/", "a/d", "a/d/", "/a/", "none"):
            found = [entry.name for entry in storage.entries(prefix)]
            assert found == [name for name in ordered if name.startswith(prefix.lstrip("/"))], prefix
        for entry in entries:
            known = storage.metadata(entry.name, checksum=False)
            assert entry.size == storage.size(entry.name) == known["size"] == len(entry.name.encode())
            assert (entry.modified, entry.content_type) == (known["modified"], known["mime"])
            assert entry.modified is None or entry.modified.utcoffset() is not None

    def test_entries_while_others_write(self, storage: Storage) -> None:
        names = {f"{letter}/{number}" for letter in "bdf" for number in range(3)} | {"c", "e"}
        for name in names:
            storage.write(name, b"x")
        entries = storage.entries()
        found = [next(entries).name]
        for name in ("a", "b/-", "d/-/x", "d-", "g"):
            storage.write(name, b"new")
        storage.delete("e")
        storage.delete("f/1")
        found += [entry.name for entry in entries]
        assert found == sorted(set(found))
        assert names - {"e", "f/1"} <= set(found)

    def test_sizes(self, storage: Storage) -> None:
        storage.write("d/a", b"content")
        storage.write("empty", b"")
        assert (storage.size("d/a"), storage.size("empty")) == (7, 0)
        assert storage.metadata("d/a", checksum=False)["checksum"] in (None, *self.checksums)
        for name in ("no", "d"):
            with _raises(FileNotFound):
                storage.size(name)
            with _raises(FileNotFound):
                storage.metadata(name, checksum=False)

    # Names

    def test_bad_names(self, storage: Storage) -> None:
        storage.write("canary", b"x")
        creating: tuple[Callable[[str], object], ...] = (
            lambda name: storage.open(name, "w"),
            lambda name: storage.open(name, "x"),
            lambda name: storage.open(name, "a"),
            lambda name: storage.write(name, b"x", overwrite=True),
            lambda name: storage.write(name, b"x"),
            lambda name: storage.save(io.BytesIO(b"x"), name),
            lambda name: storage.save(io.BytesIO(b"x"), "x", prefix=name if ".." in name or "\\" in name else "../.."),
            lambda name: storage.copy("canary", name),
            lambda name: storage.copy("canary", name, overwrite=True),
            lambda name: storage.move("canary", name),
        )
        others: tuple[Callable[[str], object], ...] = (
            storage.exists,
            storage.read,
            storage.read_chunks,
            storage.open,
            storage.delete,
            lambda name: storage.copy(name, "other"),
            lambda name: storage.move(name, "other"),
            storage.metadata,
            storage.size,
            # that of an empty name is the base of all
            lambda name: storage.url(name or "."),
        )
        for name in REFUSED_NAMES:
            for operation in (*creating, *others):
                with _raises(InvalidPath):
                    operation(name)
        for name in NEVER_NEW_NAMES:
            for operation in creating:
                with _raises(InvalidPath):
                    operation(name)
        assert list(storage.list_files()) == ["canary"]
        assert storage.read("canary") == b"x"

    def test_odd_names(self, storage: Storage) -> None:
        names = set(self.odd_names)
        for name in names:
            storage.write(name, name)
        assert set(storage.list_files()) == names
        for name in names:
            assert storage.read(name) == name.encode()
        for name in names:
            storage.delete(name)
        assert list(storage.list_files()) == []

    def test_a_name_has_one_form(self, storage: Storage) -> None:
        assert storage.write("/a//./e\u0301.txt", b"x") == "a/\xe9.txt"
        assert storage.read("a/\xe9.txt") == b"x"
        assert storage.exists("a/e\u0301.txt")
        assert list(storage.list_files("/a//")) == ["a/\xe9.txt"]
        with _raises(FileExists):
            storage.write("a//e\u0301.txt", b"y")
        assert storage.write("/a/e\u0301.txt", b"y", overwrite=True) == "a/\xe9.txt"
        storage.move("a//\xe9.txt", "./b")
        assert list(storage.list_files()) == ["b"]
        storage.delete("//b")
        assert list(storage.list_files()) == []

    # Metadata and signals

    def test_metadata(self, storage: Storage) -> None:
        before = datetime.now(timezone.utc) - timedelta(minutes=5)
        storage.write("d/a.png", b"content")
        metadata = storage.metadata("d/a.png")
        assert metadata["filename"] == "a.png"
        assert metadata["size"] == 7
        assert metadata["mime"] == "image/png"
        assert before < metadata["modified"] < before + timedelta(minutes=10)
        assert metadata["checksum"] in self.checksums
        assert metadata["url"].endswith("/d/a.png")

    def test_signals(self, storage: Storage) -> None:
        heard: list[tuple[str, str]] = []

        def uploaded(sender: Storage, filename: str) -> None:
            heard.append(("uploaded", filename))

        def deleted(sender: Storage, filename: str) -> None:
            heard.append(("deleted", filename))

        with file_uploaded.connected_to(uploaded, storage), file_deleted.connected_to(deleted, storage):
            storage.write("a", b"x")
            storage.save(io.BytesIO(b"x"), "b.txt", prefix="p")
            storage.delete("a")
        assert heard == [("uploaded", "a"), ("uploaded", "p/b.txt"), ("deleted", "a")]

    # HTTP

    def test_serving(self, storage: Storage) -> None:
        app = find(storage).app
        storage.write("d/a.txt", bytes(range(100)))
        client = app.test_client()
        url = f"{app.config['FS_PREFIX'] or ''}/{storage.name}/d/a.txt"

        def get(url: str, method: str = "GET", **headers: str) -> Any:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.open(url, method=method, headers=names, buffered=True)

        response = get(url)
        assert response.status_code == 200
        assert response.data == bytes(range(100))
        assert response.content_type == "text/plain"
        assert response.content_length == 100
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        head = get(url, "HEAD")
        assert (head.status_code, head.data, head.content_length) == (200, b"", 100)
        part = get(url, Range="bytes=10-19")
        assert (part.status_code, part.data) == (206, bytes(range(10, 20)))
        assert part.headers["Content-Range"] == "bytes 10-19/100"
        assert get(url, Range="bytes=-3").data == bytes([97, 98, 99])
        assert get(url, Range="bytes=100-").status_code == 416
        if "ETag" in response.headers:
            assert get(url, If_None_Match=response.headers["ETag"]).status_code == 304
        assert get(url + "x").status_code == 404
        assert get(url.rpartition("/")[0]).status_code == 404

    # The standard handle

    def test_the_standard_handle(self, storage: Storage) -> None:
        storage.write("d/a.txt", b"content")
        handle = storage.fs
        assert handle.readbytes("d/a.txt") == b"content"
        assert list(handle.walk.files()) == ["/d/a.txt"]
        assert handle.isdir("d")
        handle.makedirs("e/f")
        handle.writetext("e/f/b.txt", "other")
        assert storage.read("e/f/b.txt") == b"other"
        other = MemoryFS()
        copy_fs(handle, other)
        assert sorted(other.walk.files()) == ["/d/a.txt", "/e/f/b.txt"]
        storage.delete("d")
        copy_fs(other, handle)
        assert storage.read("d/a.txt") == b"content"

    def test_a_handle_that_is_closed_closes_nothing_else(self, storage: Storage) -> None:
        if not self.outlives_close:
            return
        with storage.fs as handle:
            handle.writetext("a.txt", "content")
        assert handle.isclosed()
        assert storage.read("a.txt") == b"content"
        assert storage.fs.readtext("a.txt") == "content"
