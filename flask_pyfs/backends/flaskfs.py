"""An adapter for backends that were written for Flask-FS, which have their own operations and no filesystem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any, BinaryIO, cast

from fs.base import FS

from .. import files, names
from ..errors import FileExists, FileNotFound, OperationNotSupported, translated
from ..filesystems.base import CHUNK_SIZE
from .base import BaseBackend
from .contract import WHOLE, Respond, Response, Wanted
from .handles import Chunks


class FlaskFSBackend:
    """Gives a backend of Flask-FS the operations that a storage calls.

    As in Flask-FS, ``exists`` is called before an operation that must not overwrite or that needs the file. If the
    backend has no ``read_chunks``, ``save``, ``copy``, ``move`` or ``metadata``, its other methods are used.

    :param backend: an object with the methods of a Flask-FS backend.
    :param name: the storage's name.
    :param prefix: the storage's PREFIX.
    """

    def __init__(self, backend: Any, name: str, prefix: str) -> None:
        self._backend = backend
        self._name = name
        self._prefix = names.normalize_prefix(prefix).rstrip("/")

    @property
    def fs(self) -> FS:
        raise OperationNotSupported(f"{type(self._backend).__name__} has no filesystem", storage=self._name)

    def spellings(self, filename: str) -> tuple[str, ...]:
        return (names.normalize(filename),)

    def exists(self, filename: str) -> bool:
        with self._translated(filename):
            return bool(self._method("exists")(self._path(filename)))

    def open(self, filename: str, mode: str = "r", encoding: str = "utf-8", **options: Any) -> IO[Any]:
        if "r" in mode:
            self._require(filename)
        if "x" in mode:
            self._refuse_taken(filename)
        if "b" not in mode:
            options["encoding"] = encoding
        with self._translated(filename):
            return cast(IO[Any], self._method("open")(self._path(filename), mode, **options))

    def read(self, filename: str) -> bytes:
        self._require(filename)
        with self._translated(filename):
            return cast(bytes, self._method("read")(self._path(filename)))

    def read_chunks(self, filename: str, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        read_chunks = self._own("read_chunks")
        if read_chunks is None:
            return Chunks(cast(BinaryIO, self.open(filename, "rb")), chunk_size)
        self._require(filename)
        return cast(Iterator[bytes], read_chunks(self._path(filename), chunk_size))

    def write(self, filename: str, content: Any, overwrite: bool = True) -> None:
        if not overwrite:
            self._refuse_taken(filename)
        with self._translated(filename):
            self._method("write")(self._path(filename), content)

    def save(self, file: Any, filename: str, overwrite: bool = True, *, content_type: str | None = None) -> None:
        save = self._own("save")
        if save is None:
            self.write(filename, file.read(), overwrite)
            return
        if not overwrite:
            self._refuse_taken(filename)
        with self._translated(filename):
            save(file, self._path(filename))

    def delete(self, filename: str) -> None:
        with self._translated(filename):
            self._method("delete")(self._path(filename))

    def copy(self, filename: str, target: str, overwrite: bool = True) -> None:
        if not self._ready(filename, target, overwrite):
            return
        copy = self._own("copy")
        with self._translated(filename):
            if copy is not None:
                copy(self._path(filename), self._path(target))
            else:
                self.write(target, self.read(filename))

    def move(self, filename: str, target: str, overwrite: bool = True) -> None:
        if not self._ready(filename, target, overwrite):
            return
        move = self._own("move")
        with self._translated(filename):
            if move is not None:
                move(self._path(filename), self._path(target))
            else:
                self.copy(filename, target)
                self.delete(filename)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        above = f"{self._prefix}/" if self._prefix else ""
        wanted = above + names.normalize_prefix(prefix)
        with self._translated():
            for path in self._method("list_files")():
                if path.startswith(wanted):
                    yield path[len(above) :]

    def metadata(self, filename: str) -> dict[str, Any]:
        with self._translated(filename):
            metadata = dict((self._own("metadata") or self._method("get_metadata"))(self._path(filename)))
        metadata["mime"] = metadata.get("mime") or files.mime(filename, BaseBackend.DEFAULT_MIME)
        return metadata

    def serve(
        self,
        filename: str,
        respond: Respond[Response],
        announce: Callable[[], object],
        wanted: Wanted = WHOLE,
    ) -> Response:
        self._require(filename)
        announce()
        with self._translated(filename):
            return cast(Response, self._method("serve")(self._path(filename)))

    def facts(self, filename: str) -> None:
        return None

    def version(self, filename: str) -> None:
        self._require(filename)

    def delete_version(self, filename: str, version: str) -> bool:
        raise self._without_versions(filename)

    def replace_version(self, filename: str, content: Any, version: str) -> None:
        raise self._without_versions(filename)

    def _without_versions(self, filename: str) -> OperationNotSupported:
        message = f"{type(self._backend).__name__} knows no versions of files"
        return OperationNotSupported(message, path=filename, storage=self._name)

    def signed_url(self, *arguments: Any, **options: Any) -> None:
        return None

    def signed_upload(self, *arguments: Any, **options: Any) -> None:
        return None

    def remove_leftovers(self, *arguments: Any, **options: Any) -> int:
        return 0

    def _own(self, name: str) -> Callable[..., Any] | None:
        method = getattr(self._backend, name, None)
        if getattr(method, "__func__", None) is getattr(BaseBackend, name):
            return None
        return method

    def _method(self, name: str) -> Callable[..., Any]:
        method = self._own(name)
        if method is None:
            raise OperationNotSupported(f"{type(self._backend).__name__} has no {name}()", storage=self._name)
        return method

    def _ready(self, filename: str, target: str, overwrite: bool) -> bool:
        self._require(filename)
        if self._path(filename) == self._path(target):
            return False
        if not overwrite:
            self._refuse_taken(target)
        return True

    def _require(self, filename: str) -> None:
        if not self.exists(filename):
            raise FileNotFound(f"{filename!r} is not in storage {self._name!r}", path=filename, storage=self._name)

    def _refuse_taken(self, filename: str) -> None:
        if self.exists(filename):
            raise FileExists(f"{filename!r} exists in storage {self._name!r}", path=filename, storage=self._name)

    def _path(self, filename: str) -> str:
        return names.join(self._prefix, names.normalize(filename))

    def _translated(self, filename: str | None = None) -> AbstractContextManager[None]:
        return translated(self._name, filename)
