"""Tests of the rule for names."""

from __future__ import annotations

import io
from collections.abc import Callable

from ..errors import FileExists, InvalidPath
from ..storage import Storage
from .promises import Promises, raises

__all__ = ["Names"]

REFUSED_NAMES = ("", ".", "/", "..", "../x", "a/../../x", "a/..", "..\\x", "a\\..\\x", "a\0b", "x" * 5000)

# other tools may have stored such files
NEVER_NEW_NAMES = ("a\\b", "a\tb", "a\x1fb", "a\ud800b", "x" * 1025)


class Names(Promises):
    """Tests of the rule for names."""

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
                with raises(InvalidPath):
                    operation(name)
        for name in NEVER_NEW_NAMES:
            for operation in creating:
                with raises(InvalidPath):
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
        with raises(FileExists):
            storage.write("a//e\u0301.txt", b"y")
        assert storage.write("/a/e\u0301.txt", b"y", overwrite=True) == "a/\xe9.txt"
        storage.move("a//\xe9.txt", "./b")
        assert list(storage.list_files()) == ["b"]
        storage.delete("//b")
        assert list(storage.list_files()) == []
