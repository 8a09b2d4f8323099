"""Backends: a name and its settings become a filesystem, and a storage's operations are written over it, once."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import IO, Any, BinaryIO, ClassVar, TypeVar, cast

from fs.base import FS
from fs.errors import ResourceNotFound

from .. import files, names
from ..config import DEFAULT_BACKEND, Config, with_defaults
from ..errors import FileExists, OperationNotSupported, translated
from ..filesystems.generic import as_store
from ..filesystems.store import CHUNK_SIZE, Facts, StoreFS, Unchanged, copy_stream
from ..filesystems.streams import PendingText
from ..options import Option
from .handles import WHOLE, Chunks, Source, StorageFile, UploadTerms, UploadURL, Wanted

__all__ = ["DEFAULT_BACKEND", "BaseBackend", "Config", "Option"]

log = logging.getLogger(__name__)

Response = TypeVar("Response")


class BaseBackend:
    """The base of all backends.

    A subclass declares its settings in :attr:`options` and returns its filesystem from :meth:`open_fs`; everything
    else is made here from that filesystem. File names are those of the storage: relative to it, checked again
    here, and without the storage's PREFIX.

    :param name: the storage's name.
    :param config: the storage's settings.
    :raises flask_pyfs.errors.ConfigurationError: where a required setting is missing.
    """

    #: The settings beside those that every storage has; None takes any key, unchecked and unconverted.
    options: ClassVar[Sequence[Option] | None] = None

    #: The type of a file of which nothing better is known.
    DEFAULT_MIME = "application/octet-stream"

    #: The directory of the operating system that holds the files, or None.
    root: str | None = None

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.config = with_defaults(config, self.options or (), name)
        self.prefix = names.normalize_prefix(self.config.get("prefix")).rstrip("/")
        self._lock = threading.Lock()
        self._store: StoreFS | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def open_fs(self) -> FS:
        """Open the filesystem; called once for each app, when it is first needed, and again after it was closed.

        Any PyFilesystem will do. One that is a :class:`flask_pyfs.filesystems.store.StoreFS` decides itself how files
        are stored; for others its verbs are made of the standard methods.
        """
        raise OperationNotSupported(f"{type(self).__name__} has no filesystem", storage=self.name)

    @property
    def store(self) -> StoreFS:
        """The filesystem, with the verbs of uploads. One that was closed is opened again."""
        store = self._store
        if store is None or store.standard.isclosed():
            with self._lock:
                store = self._store
                if store is None or store.standard.isclosed():
                    store = self._store = as_store(self.open_fs())
        return store

    @property
    def fs(self) -> FS:
        """The filesystem, rooted at this storage."""
        with self._translated():
            whole = self.store.standard
            if not self.prefix:
                return whole
            if whole.isdir(self.prefix):
                return cast(FS, whole.opendir(self.prefix))
            return cast(FS, whole.makedirs(self.prefix))

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a URL of the store with which anybody may read a file for a while; None where the store signs none.

        :param expires: when it expires, in seconds since 1970.
        :param lifetime: how long it is valid, in seconds: it was made so long before.
        :param disposition: the Content-Disposition of the answer; shown in the browser without it.
        """
        return None

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return where anybody may send a file to the store for a while; None where the store cannot hold the terms."""
        return None

    def exists(self, filename: str) -> bool:
        """Whether there is a file of that name; False for a directory."""
        with self._translated(filename):
            return self.store.isfile(self._path(filename))

    def open(
        self,
        filename: str,
        mode: str = "r",
        encoding: str = "utf-8",
        *,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Open a file.

        :param mode: ``r``, ``w``, ``x`` or ``a``, with ``b`` for bytes. What is written is seen only after the file was
            closed without an exception, so ``a`` writes the old content again.
        :param encoding: of text; ``errors`` and ``newline`` too are as in :func:`open`.
        """
        kind = mode.replace("b", "").replace("t", "")
        if kind not in ("r", "w", "x", "a") or ("b" in mode and "t" in mode):
            raise OperationNotSupported(
                f"a file of a storage opens with r, w, x or a, and b or t, not {mode!r}; storage.fs.open takes more",
                path=filename,
                storage=self.name,
            )
        path = self._path(filename)
        with self._translated(filename):
            file = self._open_binary(path, kind)
        if "b" in mode:
            return cast(IO[Any], file)
        text: Any = io.TextIOWrapper if kind == "r" else PendingText
        return cast(IO[Any], text(file, encoding, errors, newline))

    def _open_binary(self, path: str, kind: str) -> StorageFile:
        def guard() -> AbstractContextManager[None]:
            return self._translated(path)

        if kind == "r":
            return StorageFile(self.store.open_read(path), guard)
        if kind == "a":
            with suppress(ResourceNotFound):
                return self._open_append(path, guard)
        return StorageFile(self.store.open_write(path, overwrite=kind != "x"), guard)

    def _open_append(self, path: str, guard: Callable[[], AbstractContextManager[None]]) -> StorageFile:
        facts, old = self.store.fetch(path)
        with old:
            file = StorageFile(self.store.open_write(path, content_type=facts.content_type), guard)
            try:
                copy_stream(old, file)
            except BaseException:
                file.discard()
                raise
        return file

    def read(self, filename: str) -> bytes:
        """Return the content of a file."""
        with self._translated(filename):
            return self.store.read_file(self._path(filename))

    def read_chunks(self, filename: str, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Return an iterator over the content of a file, in pieces of at most ``chunk_size`` bytes."""
        if chunk_size <= 0:
            raise ValueError(f"chunk_size must be a positive number of bytes, not {chunk_size}")
        return Chunks(cast(BinaryIO, self.open(filename, "rb")), chunk_size)

    def write(self, filename: str, content: Any, overwrite: bool = True, *, content_type: str | None = None) -> None:
        """Store text (UTF-8), bytes, or what a file holds from its current position on.

        :param content_type: its media type, for stores that keep one; they guess it from the name without it.
        """
        source, path = Source(content), self._path(filename)
        try:
            with translated(self.name, filename, source):
                self.store.put(path, source, overwrite=overwrite, content_type=content_type)
        except FileExists:
            source.rewind()
            raise

    def save(self, file: Any, filename: str, overwrite: bool = True, *, content_type: str | None = None) -> str:
        """Store a file and return its name."""
        self.write(filename, file, overwrite, content_type=content_type)
        return filename

    def delete(self, filename: str) -> None:
        """Delete a file, or everything below a directory."""
        path = self._path(filename)
        with self._translated(filename):
            self.store.delete_tree(path)

    def copy(self, filename: str, target: str, overwrite: bool = True) -> None:
        """Copy a file inside the storage."""
        with translated(self.name, filename, target=target):
            self.store.copy_file(self._path(filename), self._path(target), overwrite=overwrite)

    def move(self, filename: str, target: str, overwrite: bool = True) -> None:
        """Move a file inside the storage."""
        with translated(self.name, filename, target=target):
            self.store.move_file(self._path(filename), self._path(target), overwrite=overwrite)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of the files, lazily.

        :param prefix: how the names must start. Names that no storage accepts are logged and left out.
        """
        above = f"{self.prefix}/" if self.prefix else ""
        wanted = above + names.normalize_prefix(prefix)
        return self._list_files(wanted, len(above))

    def _list_files(self, wanted: str, above: int) -> Iterator[str]:
        with self._translated(wanted):
            for path in self.store.iter_files(wanted):
                name = path[above:]
                if names.is_normal(name):
                    yield name
                else:
                    log.warning("storage %r: the file %r has a name that no storage accepts", self.name, name)

    def metadata(self, filename: str) -> dict[str, Any]:
        """Return ``checksum``, ``size`` (bytes), ``mime`` and ``modified`` of a file."""
        metadata = self.get_metadata(filename)
        metadata["mime"] = metadata.get("mime") or files.mime(filename, self.DEFAULT_MIME)
        return metadata

    def get_metadata(self, filename: str) -> dict[str, Any]:
        """Return what the store says of a file; ``mime`` may be missing or None."""
        path = self._path(filename)
        with self._translated(filename):
            facts = self.store.facts(path, checksum=True)
        return {
            "checksum": facts.checksum,
            "size": facts.size,
            "mime": facts.content_type,
            "modified": facts.modified,
        }

    def serve(
        self,
        filename: str,
        respond: Callable[[str, Facts, BinaryIO], Response],
        announce: Callable[[], object],
        wanted: Wanted = WHOLE,
    ) -> Response:
        """Answer a request for a file. One request to the store.

        :param respond: makes the response of the name, the facts and the open content.
        :param announce: called first, when the file is known to exist.
        :param wanted: what the request wants.
        """
        path = self._path(filename)
        with self._translated(filename):
            facts, file = self._fetch(path, wanted)
        try:
            announce()
            return respond(filename, facts, cast(BinaryIO, StorageFile(file, lambda: self._translated(filename))))
        except BaseException:
            file.close()
            raise

    def _fetch(self, path: str, wanted: Wanted) -> tuple[Facts, BinaryIO]:
        try:
            facts, file = self.store.fetch(path, wanted.start, wanted.stop, unless=wanted.unless)
        except Unchanged as unchanged:
            return unchanged.facts, io.BytesIO()
        if wanted.conditional and facts.etag is None and facts.modified is None:
            # who refuses a range need not say what the conditions ask for
            file.close()
            return self.store.fetch(path, 0, 0)
        return facts, file

    def facts(self, filename: str) -> Facts:
        """Return the facts of a file, without its checksum. One request to the store."""
        path = self._path(filename)
        with self._translated(filename):
            return self.store.facts(path)

    def as_binary(self, content: Any, encoding: str = "utf-8") -> Any:
        """Return text as bytes and anything else as it is, for backends that were written for Flask-FS."""
        return content.encode(encoding) if isinstance(content, str) else content

    def _path(self, filename: str) -> str:
        name = names.normalize(filename)
        return f"{self.prefix}/{name}" if self.prefix else name

    def _translated(self, filename: str | None = None) -> AbstractContextManager[None]:
        return translated(self.name, filename)
