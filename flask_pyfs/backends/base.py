"""BaseBackend: the operations of a storage, written once over a filesystem."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import IO, Any, BinaryIO, ClassVar, cast

from fs.base import FS
from fs.errors import ResourceNotFound

from .. import files, names
from ..config import Config, with_defaults
from ..errors import FileExists, OperationNotSupported, translated
from ..filesystems.base import CHUNK_SIZE, copy_stream
from ..filesystems.store import DAY, Facts, RangeNotSatisfiable, StoreFS, Unchanged
from ..filesystems.streams import PendingText
from ..options import Option
from .contract import WHOLE, NotModified, NotSatisfiable, Response, UploadTerms, UploadURL, Wanted
from .handles import Chunks, Source, StorageFile

log = logging.getLogger(__name__)


class BaseBackend:
    """The base of all backends.

    A subclass declares its settings in :attr:`options` and returns its filesystem from :meth:`open_fs`. All operations
    are made here of that filesystem. File names are those of the storage: relative to it, checked again here, and
    without the storage's PREFIX.

    :param name: the storage's name.
    :param config: the storage's settings.
    :raises flask_pyfs.errors.ConfigurationError: if a required setting is missing.

    .. code-block:: python

        class ArchiveBackend(BaseBackend):
            options = (Option("FILE", required=True),)

            def open_fs(self):
                return ZipFS(self.config["file"], write=True)
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

        Any PyFilesystem will do. A :class:`flask_pyfs.filesystems.store.StoreFS` decides itself how files are stored;
        for others its verbs are made of the standard methods.
        """
        raise OperationNotSupported(f"{type(self).__name__} has no filesystem", storage=self.name)

    def arguments(self) -> dict[str, Any]:
        """Return the settings whose options name an ``argument`` of the filesystem, as its keyword arguments."""
        return {option.argument: self.config[option.name.lower()] for option in self.options or () if option.argument}

    @property
    def store(self) -> StoreFS:
        """The filesystem, with the verbs of uploads. One that was closed is opened again."""
        store = self._store
        if store is None or store.isclosed():
            with self._lock:
                store = self._store
                if store is None or store.isclosed():
                    store = self._store = _as_store(self.open_fs())
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
        """Return a URL of the store that anybody may read a file with for a while; None if the store signs none.

        :param expires: when it expires, in seconds since 1970.
        :param lifetime: how long it is valid, in seconds: it was made so long before.
        :param disposition: the Content-Disposition of the answer. Without it, browsers show the file.
        """
        return None

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return where anybody may send a file to the store for a while; None if the store cannot hold the terms."""
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
        :param encoding: the encoding of text; ``errors`` and ``newline`` are as for :func:`open`.
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
        guard = self._translated(path)
        if kind == "r":
            return StorageFile(self.store.open_read(path), guard)
        if kind == "a":
            with suppress(ResourceNotFound):
                return self._open_append(path, guard)
        return StorageFile(self.store.open_write(path, overwrite=kind != "x"), guard)

    def _open_append(self, path: str, guard: translated) -> StorageFile:
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

        :param content_type: its media type, for stores that keep one. Without it, they guess it from the name.
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
        above = self._above()
        return self._list_files(above + names.normalize_prefix(prefix), len(above))

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
        respond: Callable[[str, Facts, BinaryIO, AbstractContextManager[Any]], Response],
        announce: Callable[[], object],
        wanted: Wanted = WHOLE,
    ) -> Response:
        """Answer a request for a file. One request to the store.

        :param respond: makes the response of the name, the facts, the open content, and the context that translates
            what reading it raises.
        :param announce: called first, when the file is known to exist.
        :param wanted: what the request wants.
        :raises NotModified: if the store sends nothing because the client has this version.
        :raises NotSatisfiable: if the store says nothing but the size.
        """
        guard = self._translated(filename)
        with guard:
            facts, file = self._fetch(self._path(filename), wanted)
        try:
            announce()
            return respond(filename, facts, file, guard)
        except BaseException:
            file.close()
            raise

    def _fetch(self, path: str, wanted: Wanted) -> tuple[Facts, BinaryIO]:
        try:
            return self.store.fetch(path, wanted.start, wanted.stop, unless=wanted.unless)
        except Unchanged as unchanged:
            raise NotModified(unchanged.etag) from unchanged
        except RangeNotSatisfiable as refused:
            if not wanted.conditional:
                raise NotSatisfiable(refused.size) from refused
            # the conditions may ask for facts that the refusal does not have
            return self.store.fetch(path, 0, 0)

    def facts(self, filename: str) -> Facts:
        """Return the facts of a file, without its checksum. One request to the store."""
        path = self._path(filename)
        with self._translated(filename):
            return self.store.facts(path)

    def remove_leftovers(self, older_than: float = DAY, *, dry_run: bool = False) -> int:
        """Remove what uploads of killed processes left behind, and return of how many uploads that was.

        Stores that know which file a leftover belongs to look only below PREFIX.

        :param older_than: leave uploads alone that wrote in the last so many seconds; they may still be under way.
        :param dry_run: only count.
        """
        with self._translated():
            return self.store.remove_leftovers(older_than, self._above(), dry_run=dry_run)

    def as_binary(self, content: Any, encoding: str = "utf-8") -> Any:
        """Return text as bytes and anything else as it is, for backends that were written for Flask-FS."""
        return content.encode(encoding) if isinstance(content, str) else content

    def _path(self, filename: str) -> str:
        name = names.normalize(filename)
        return f"{self.prefix}/{name}" if self.prefix else name

    def _above(self) -> str:
        return f"{self.prefix}/" if self.prefix else ""

    def _translated(self, filename: str | None = None) -> translated:
        return translated(self.name, filename)


def _as_store(filesystem: FS) -> StoreFS:
    if isinstance(filesystem, StoreFS):
        return filesystem
    # most stores need no wrapper
    from ..filesystems.generic import as_store

    return as_store(filesystem)
