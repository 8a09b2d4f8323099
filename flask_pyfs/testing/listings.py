"""Tests of directories and listings."""

from __future__ import annotations

from ..errors import FileNotFound, FSError
from ..storage import Storage
from .promises import Promises, raises

__all__ = ["Listings"]


class Listings(Promises):
    """Tests of directories and listings."""

    def test_a_directory_is_no_file(self, storage: Storage) -> None:
        storage.write("d/a", b"x")
        for operation in (storage.read, storage.open, storage.metadata):
            with raises(FileNotFound):
                operation("d")
        with raises(FileNotFound):
            storage.copy("d", "e")
        assert list(storage.list_files()) == ["d/a"]

    def test_files_and_directories_do_not_replace_each_other(self, storage: Storage) -> None:
        if not self.has_directories:
            return
        storage.write("d/a", b"x")
        for overwrite in (False, True):
            with raises(FSError):
                storage.write("d", b"y", overwrite=overwrite)
            with raises(FSError):
                storage.write("d/a/b", b"y", overwrite=overwrite)
            with raises(FSError):
                storage.copy("d/a", "d", overwrite=overwrite)
            with raises(FSError):
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
            with raises(FileNotFound):
                storage.size(name)
            with raises(FileNotFound):
                storage.metadata(name, checksum=False)
