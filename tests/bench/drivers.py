"""What is measured has one shape: that of a storage."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import IO, Any, BinaryIO, Protocol

#: How many bytes each library is asked for at a time.
BLOCK = 1024 * 1024


class Driver(Protocol):
    """The operations; None stands for one that a library does not have.

    ``web`` is the WSGI app that serves files. ``small`` is an app of Flask that answers a GET of ``url/NAME`` with a
    file, and saves the upload that is posted to ``/save/url/NAME``.
    """

    write: Callable[[str, bytes], object]
    read: Callable[[str], bytes]
    exists: Callable[[str], bool]
    save: Callable[[BinaryIO, str], object]
    copy: Callable[[str, str], object] | None
    delete: Callable[[str], object]
    open: Callable[[str, str], IO[Any]]
    read_chunks: Callable[[str], Iterator[bytes]] | None
    serve: Callable[[str], Iterator[bytes]]
    list_files: Callable[[], Iterator[str]]
    web: Any
    small: Any
    url: str
    copes_with_threads: bool


class StorageDriver:
    """A storage of Flask-FS or of a library with the same interface, called as an app calls it."""

    def __init__(self, storage: Any, app: Any) -> None:
        from werkzeug.datastructures import FileStorage

        self.write = storage.write
        self.read = storage.read
        self.exists = storage.exists
        self.save = lambda file, name: storage.save(FileStorage(file, filename=name))
        self.copy = getattr(storage, "copy", None)
        self.delete = storage.delete
        self.open = storage.open
        self.read_chunks = getattr(storage, "read_chunks", None)
        self.list_files = storage.list_files
        self.url = f"/{storage.name}"
        self._client = app.test_client()
        self.web = self.small = app
        view = partial(_saved, storage)
        app.add_url_rule(f"/save{self.url}/<name>", f"save-{storage.name}", view, methods=["POST"])
        self.copes_with_threads = True

    def serve(self, name: str) -> Iterator[bytes]:
        response = self._client.get(f"{self.url}/{name}", buffered=False)
        assert response.status_code == 200, response.status
        try:
            yield from response.iter_encoded()
        finally:
            response.close()


def _saved(storage: Any, name: str) -> str:
    from flask import request

    return str(storage.save(request.files["file"], name))


def make_app(settings: Mapping[str, Any]) -> Any:
    from flask import Flask

    app = Flask(__name__)
    app.config.update(settings, FS_SERVE=True)
    return app


def make_storage(module: str, name: str) -> Any:
    library = importlib.import_module(module)
    return library.Storage(name, library.ALL)
