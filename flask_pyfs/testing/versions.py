"""Tests of versions and deletions."""

from __future__ import annotations

import io
from typing import cast

from ..errors import FileNotFound, VersionChanged
from ..storage import Storage
from .promises import Promises, raises

__all__ = ["Versions"]


class Versions(Promises):
    """Tests of versions and deletions."""

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
        with raises(FileNotFound):
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
            with raises(VersionChanged):
                storage.replace_version("a", b"lost", version)
        assert storage.read("a") == b"newer"
        newest = storage.replace_version("a", io.BytesIO(b"newest"), new.version)
        assert storage.read("a") == b"newest"
        assert newest.version == storage.version("a") != new.version
        storage.delete("a")
        with raises(VersionChanged):
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
