"""Tests of reading and writing files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

from werkzeug.datastructures import FileStorage

from ..errors import FileExists, FileNotFound
from ..storage import Storage
from .promises import Promises, raises
from .sources import Broken, Short

__all__ = ["Contents"]


class Contents(Promises):
    """Tests of reading and writing files."""

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
        with raises(TypeError):
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
        with raises(FileExists):
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
            with raises(FileNotFound) as raised:
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

    def test_a_file_that_is_read_is_not_changed(self, storage: Storage) -> None:
        storage.write("file.txt", b"content")
        with storage.open("file.txt", "rb") as file:
            assert not file.writable()
            with raises(io.UnsupportedOperation):
                file.truncate(3)
            with raises(io.UnsupportedOperation):
                file.write(b"other")
        assert storage.read("file.txt") == b"content"

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
                with raises(RuntimeError), storage.open(name, mode) as file:
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
        with raises(FileExists), storage.open("a", "xb") as file:
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
            with raises(RuntimeError):
                storage.write("new", Broken(good))
            with raises(RuntimeError):
                storage.write("old", Broken(good), overwrite=True)
            with raises(RuntimeError):
                storage.save(Broken(good), "deep/er/new.txt")
        assert storage.read("old") == b"old"
        assert list(storage.list_files()) == ["old"]

    def test_a_source_with_short_reads(self, storage: Storage) -> None:
        content = bytes(range(256)) * 40
        storage.write("a", Short(content))
        storage.save(Short(content), "b.bin")
        assert storage.read("a") == storage.read("b.bin") == content
