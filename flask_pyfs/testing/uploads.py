"""Tests of saving uploads."""

from __future__ import annotations

import io
import threading

from werkzeug.datastructures import FileStorage

from ..errors import FileExists, FSError, UnauthorizedFileType
from ..state import find
from ..storage import Storage
from .promises import Promises, raises

__all__ = ["Uploads"]


class Uploads(Promises):
    """Tests of saving uploads."""

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
        with raises(FileExists):
            storage.save(io.BytesIO(b"new"), "a.txt")
        assert storage.read("a.txt") == b"old"
        storage.save(io.BytesIO(b"new"), "a.txt", overwrite=True)
        assert storage.read("a.txt") == b"new"

    def test_a_refused_upload_can_be_saved_under_another_name(self, storage: Storage) -> None:
        content = bytes(range(256)) * 12_000
        storage.write("a.txt", b"old")
        upload = FileStorage(io.BytesIO(content), filename="a.txt")
        with raises(FileExists):
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
            with raises(UnauthorizedFileType):
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
