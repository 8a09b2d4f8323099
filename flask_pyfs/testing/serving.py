"""Tests of metadata, signals, the route and the standard handle."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import Any

from fs.copy import copy_fs
from fs.memoryfs import MemoryFS

from ..signals import file_deleted, file_uploaded
from ..state import find
from ..storage import Storage
from .promises import Promises

__all__ = ["Serving"]


class Serving(Promises):
    """Tests of metadata, signals, the route and the standard handle."""

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
