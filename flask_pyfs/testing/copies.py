"""Tests of copies and moves, and of files that are made of others."""

from __future__ import annotations

import io
from typing import Any, cast

from ..errors import FileExists, FileNotFound, VersionChanged
from ..names import Reserved
from ..state import find
from ..storage import Storage
from .promises import Promises, checksum, raises

__all__ = ["Copies"]


class Copies(Promises):
    """Tests of copies and moves, and of files that are made of others."""

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
            with raises(FileExists) as raised:
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
        with raises(FileExists):
            operations.copy_from(operations, "a.txt", "a.txt", overwrite=False)
        storage.write("b.txt", b"other")
        with raises(FileExists):
            operations.copy_from(operations, "a.txt", "b.txt", overwrite=False)
        with raises(FileNotFound):
            operations.copy_from(operations, "absent.txt", "b.txt")
        with raises(VersionChanged):
            operations.copy_from(operations, "a.txt", "b.txt", version=cast(str, written.version))
        with raises(VersionChanged):
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
        assert storage.metadata(joined)["checksum"] in (None, checksum(store.checksum_algorithm, content))
        with storage.open(joined, "rb") as file:
            file.seek(-5, io.SEEK_END)
            assert file.read() == content[-5:]
        with raises(FileExists):
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
                with raises(FileNotFound):
                    operations.join(names, there)
                with raises(FileNotFound):
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
            with raises(ValueError):
                store.put("n/a", io.BytesIO(b"lost"), note=refused)
        assert store.read_file("n/a") == b"later"
        store.delete_tree("n")
