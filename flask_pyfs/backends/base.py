"""BaseBackend: the operations of a storage, implemented with any filesystem."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import IO, Any, BinaryIO, ClassVar, cast

from fs.base import FS
from fs.errors import FileExpected, PathError, ResourceNotFound

from .. import files, names
from ..config import Config, with_defaults
from ..errors import FileExists, FileNotFound, OperationNotSupported, VersionChanged, translated
from ..filesystems.base import CHUNK_SIZE, copy_stream
from ..filesystems.joined import JoinedFile
from ..filesystems.parts import InParts
from ..filesystems.store import (
    DAY,
    Description,
    Facts,
    OtherVersion,
    RangeNotSatisfiable,
    SourceChanged,
    StoreFS,
    Unchanged,
    level_of,
)
from ..filesystems.streams import PendingText
from ..options import Option
from .contract import (
    WHOLE,
    NotModified,
    NotSatisfiable,
    Operations,
    Respond,
    Response,
    StoredName,
    UploadTerms,
    UploadURL,
    Wanted,
)
from .handles import Chunks, Source, StorageFile, declared_type, refuse_encoded
from .listing import ListedFiles, by_names
from .overrides import READING, WRITING, accepts, call, is_foreign, overrides_any
from .spellings import Result, existing, first
from .surroundings import surroundings
from .wrappers import BYPASSES, Wrapper, wrapper_of


class BaseBackend(ListedFiles):
    """The base of all backends.

    A subclass declares its settings in :attr:`options` and returns its filesystem from :meth:`open_fs`. This class
    implements all operations with that filesystem. File names are relative to the storage, without its PREFIX. Each
    operation checks them again, and finds the file that a name means, as :meth:`spellings` says.

    :param name: the storage's name.
    :param config: the storage's settings.
    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.

    .. code-block:: python

        class ArchiveBackend(BaseBackend):
            options = (Option("FILE", required=True),)

            def open_fs(self):
                return ZipFS(self.config["file"], write=True)
    """

    #: The settings of this backend, besides those of every storage. With None, any key is accepted, unconverted.
    options: ClassVar[Sequence[Option] | None] = None

    #: The media type of a file if neither the store nor the extension tells it.
    DEFAULT_MIME = "application/octet-stream"

    #: The directory of the operating system that has the files, or None. A wrapper keeps them there in its own form.
    root: str | None = None

    # what lies between the storage and its store
    wrapper: Wrapper | None = None

    #: Whether there are files. Without any, settings about their content need nothing of the backend.
    keeps_files: ClassVar[bool] = True

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name = name
        self.config: Config = with_defaults(config, self.options or (), name)
        self.wrapper = wrapper_of(name, self.config, self.options or ())
        if self.wrapper is not None:
            # also those of a subclass
            vars(self).update(dict.fromkeys(BYPASSES, _no_way_round), obstacle_to=self.wrapper.obstacle_to)
        self.prefix: str = names.normalize_prefix(self.config.get("prefix")).rstrip("/")
        self._lock = threading.Lock()
        self._store: StoreFS | None = None
        # not with the module, which every app imports; nor later, when another thread may fork meanwhile
        from ..filesystems.generic import as_store

        self._as_store = as_store

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def open_fs(self) -> FS:
        """Open the filesystem. It is called once per app, at the first operation, and again after a close.

        Any PyFilesystem works. A :class:`flask_pyfs.filesystems.store.StoreFS` has its own verbs for storing files; for
        any other filesystem, they are made of the standard methods.
        """
        raise OperationNotSupported(f"{type(self).__name__} has no filesystem", storage=self.name)

    def check_settings(self) -> None:
        """Check what can be known of the settings without a request. ``init_app`` calls it.

        :raises flask_pyfs.errors.ConfigurationError: if the store cannot be used with these settings.
        """

    def derived_settings(self) -> dict[str, Any]:
        """Return the values that this backend makes of settings, by their KEYs, such as an absolute directory of a
        relative one, or the storage's name for a bucket that is not set. Makes no request.
        """
        return {}

    def doubts(self) -> list[str]:
        """Return what is odd about the files in the store, a sentence each, of which the doctor warns. Makes no
        request, unless the backend has several stores.
        """
        return []

    @property
    def signs_urls(self) -> bool:
        """Whether the store signs URLs itself, so that the app need not."""
        return type(self).signed_url is not BaseBackend.signed_url and self.wrapper is None

    def obstacle_to(self, serve_mode: str) -> str | None:
        """Return why this backend cannot serve files in a SERVE_MODE, or None if it can."""
        if serve_mode == "redirect" and not self.signs_urls:
            return "it signs no URLs"
        if serve_mode == "sendfile" and not self.root:
            return "its files are not on a local disk"
        return None

    @property
    def may_be_target(self) -> bool:
        """Whether files of another store may move to this one, as far as that is known without opening it."""
        return True

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the filesystem: the settings whose options have an ``argument``."""
        return {option.argument: self.config[option.name.lower()] for option in self.options or () if option.argument}

    @property
    def bare(self) -> StoreFS:
        """The filesystem as :meth:`open_fs` returned it, with the verbs of uploads, below any wrapper."""
        return self.store.bare

    @property
    def store(self) -> StoreFS:
        """The filesystem, with the verbs of uploads and the wrapper. It is opened at first, and again after a close."""
        store = self._store
        if store is None or store.isclosed():
            with self._lock:
                store = self._store
                if store is None or store.isclosed():
                    store = self._as_store(self.open_fs())
                    self._store = store = store if self.wrapper is None else self.wrapper.over(store)
        return store

    @property
    def fs(self) -> FS:
        """The filesystem, with the storage as its root. The directory of PREFIX is made if it is missing."""
        with self._translated():
            whole = self.store.shown
            if not self.prefix:
                return whole
            if whole.isdir(self.prefix):
                return cast(FS, whole.opendir(self.prefix))
            return cast(FS, whole.makedirs(self.prefix))

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a URL of the store with which anybody may read a file until it expires; None if the store signs none.

        :param expires: when the URL expires, in seconds since 1970.
        :param lifetime: how long the URL is valid, in seconds: its signature is dated this long before ``expires``.
        :param disposition: the Content-Disposition of the response. Without it, browsers show the file.
        """
        return None

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a request with which anybody may upload a file to the store until it expires; None if the store cannot
        enforce the terms.
        """
        return None

    def in_parts(self, filename: str) -> InParts | None:
        """Return the file of a name as clients send it to the store in parts; None if the store takes none, or if a
        subclass overrides a method through which content comes. No request.
        """
        if overrides_any(self, WRITING) and not isinstance(filename, names.Reserved):
            return None
        with self._translated(filename):
            return self.store.in_parts(self._path(filename))

    def exists(self, filename: str) -> bool:
        """Return whether there is a file of that name; False for a directory."""
        with self._translated(filename):
            path = self._only_path(filename)
            if path is not None:
                return self.store.has_file(path)
            return existing(self.store, self._paths(filename)) is not None

    def open(
        self,
        filename: str,
        mode: str = "r",
        encoding: str = "utf-8",
        *,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Open a file. Its attribute ``content_type`` is the media type of a file that is read, if the store
        keeps one.

        :param mode: ``r``, ``w``, ``x`` or ``a``, with ``b`` for bytes. Written content becomes visible only when the
            file closes without an exception, so ``a`` copies the old content first.
        :param encoding: the encoding of text; ``errors`` and ``newline`` are as for :func:`open`.
        :raises flask_pyfs.errors.OperationNotSupported: for any other mode.
        """
        kind = mode.replace("b", "").replace("t", "")
        if kind not in ("r", "w", "x", "a") or ("b" in mode and "t" in mode):
            raise OperationNotSupported(
                f"open does not support the mode {mode!r}: use r, w, x or a, with b or t, or storage.fs.open",
                path=filename,
                storage=self.name,
            )
        guard = self._translated(filename)
        with guard:
            file: Any = self._open_binary(filename, kind, guard)
        if "b" in mode:
            return cast(IO[Any], file)
        text: Any = (io.TextIOWrapper if kind == "r" else PendingText)(file, encoding, errors, newline)
        text.content_type = file.content_type
        return cast(IO[Any], text)

    def _open_binary(self, filename: str, kind: str, guard: translated) -> StorageFile:
        if kind == "r":
            return StorageFile(self._first(filename, self.store.open_read), guard)
        if kind == "a":
            try:
                return self._first(filename, lambda path: self._open_append(path, guard))
            except (ResourceNotFound, PathError):
                return StorageFile(self.store.open_write(self._path(names.normalize(filename))), guard)
        path = self._target(filename, overwrite=kind != "x")
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

    def location(self, start: str) -> tuple[Hashable, str] | None:
        """Return where names that begin with a text are, as that of the store. No request."""
        return self.store.location(self._above() + start)

    def fetch(self, filename: str) -> tuple[Facts, BinaryIO]:
        """Return the facts of a file, without its checksum, and its content, of the same version and open for reading.

        Makes one request to the store.
        """
        guard = self._translated(filename)
        with guard:
            facts, file = self._first(filename, self.store.fetch)
        return facts, cast(BinaryIO, StorageFile(file, guard))

    def read(self, filename: str) -> bytes:
        """Return the content of a file."""
        with self._translated(filename):
            return self._first(filename, self.store.read_file)

    def read_chunks(
        self, filename: str, chunk_size: int = CHUNK_SIZE, *, chunks_size: int | None = None
    ) -> Iterator[bytes]:
        """Return an iterator over the content of a file, in pieces of at most ``chunk_size`` bytes.

        :param chunks_size: the same; flask-fs2 calls it so on ``s3`` and ``swift``.
        :raises ValueError: if the size is not positive.
        """
        chunk_size = chunk_size if chunks_size is None else chunks_size
        if chunk_size <= 0:
            raise ValueError(f"chunk_size must be a positive number of bytes, not {chunk_size}")
        with self._translated(filename):
            # a subclass may open it by other means
            return Chunks(cast(BinaryIO, self.open(filename, "rb")), chunk_size)

    def write(
        self, filename: str, content: Any, overwrite: bool = True, *, content_type: str | None = None
    ) -> StoredName:
        """Store text (as UTF-8), bytes, or a file from its current position on. Return the name, with its version: that
        of the file which is replaced, or the normal form.

        :param content_type: the media type, for stores that keep one. Without it, they keep that of a ``FileStorage``,
            or guess it from the name.
        :raises TypeError: if the content is none of these.
        :raises flask_pyfs.errors.FileExists: without ``overwrite``, if the name is taken. A file that can seek is back
            at its position then.
        """
        return self._write(filename, content, overwrite, content_type or declared_type(content))

    def _write(
        self,
        filename: str,
        content: Any,
        overwrite: bool,
        content_type: str | None,
        description: Description | None = None,
    ) -> StoredName:
        kept = self._kept(description, filename)
        source = Source(content)
        try:
            with translated(self.name, filename, source):
                path = self._target(filename, overwrite=overwrite)
                source.hash_by(self.store.checksum_algorithm)
                version = self.store.put(path, source, overwrite=overwrite, content_type=content_type, **kept)
        except FileExists:
            source.rewind()
            raise
        return self._stored(path, version, source, content_type)

    def _kept(self, description: Description | None, filename: str) -> dict[str, Any]:
        """Return what a description adds to a call of the store.

        :raises flask_pyfs.errors.OperationNotSupported: if the store cannot keep the content encoding.
        """
        if description is None:
            return {}
        with self._translated(filename):
            if self.store.keeps_descriptions:
                return {"description": description}
        refuse_encoded(description, filename, self.name)
        return {}

    def _stored(self, path: str, version: str | None, source: Source, content_type: str | None = None) -> StoredName:
        stored = self._named(path, version, content_type)
        stored.size, stored.checksum = source.size, source.checksum
        return stored

    def _named(self, path: str, version: str | None, content_type: str | None) -> StoredName:
        stored = StoredName(self._name(path), version)
        if content_type is None:
            # not every store keeps the type that it is given, but each has that of the name
            stored.content_type = files.mime(stored, self.DEFAULT_MIME)
        return stored

    def save(
        self,
        file: Any,
        filename: str,
        overwrite: bool = True,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> str:
        """Store a file. Return the name, with its version.

        As in Flask-FS, it calls ``write`` if a subclass overrides that, with the whole content unless that method takes
        ``content_type``.

        :param description: that of a file whose copy this is. Without a content encoding, a store that cannot keep it
            leaves it out.
        :raises flask_pyfs.errors.OperationNotSupported: if it has a content encoding that the store cannot keep.
        """
        if getattr(self.write, "__func__", None) is not _WRITE:
            refuse_encoded(description, filename, self.name)
            if accepts(self.write, "content_type"):
                return self.write(filename, file, overwrite, content_type=content_type)
            self._refuse_taken(filename, overwrite)
            stored: Any = call(self.write, filename, file.read(), overwrite=overwrite)
            return stored if isinstance(stored, StoredName) else StoredName(filename)
        return self._write(filename, file, overwrite, content_type, description)

    def join(
        self,
        paths: Sequence[str],
        filename: str,
        overwrite: bool = True,
        *,
        sizes: Sequence[int] | None = None,
        content_type: str | None = None,
        store: StoreFS | None = None,
    ) -> StoredName:
        """Store the content of several files of the store, one after the other, as one file. Return the same as
        :meth:`write`. The files stay.

        The store joins them without sending their content through the app if it can. If a subclass overrides ``save``,
        ``write`` or ``open``, ``save`` gets the content, because that method may change it.

        :param paths: the paths in :attr:`store`, in order, as they are.
        :param sizes: the length of each in bytes, as a listing tells it.
        :param content_type: as for :meth:`write`.
        :param store: the store that has the files, if it is one that ``for_upload`` of :attr:`store` returned.
        :raises flask_pyfs.errors.FileExists: without ``overwrite``, if the name is taken.
        :raises flask_pyfs.errors.FileNotFound: if one of the files is missing.
        """
        if overrides_any(self, WRITING):
            with self.joined(paths, sizes, store=store) as file:
                saved: Any = self.save(file, filename, overwrite, content_type=content_type)
            return saved if isinstance(saved, StoredName) else StoredName(filename)
        return self._join(paths, filename, overwrite, sizes, content_type, store)

    def _join(
        self,
        paths: Sequence[str],
        filename: str,
        overwrite: bool,
        sizes: Sequence[int] | None,
        content_type: str | None,
        store: StoreFS | None,
    ) -> StoredName:
        with self._translated(filename):
            store = store or self.store
            if sizes is None:
                sizes = store.sizes_of(paths)
            path = self._target(filename, overwrite=overwrite)
            options: dict[str, Any] = {"sizes": sizes, "overwrite": overwrite, "content_type": content_type}
            stored = self._named(path, store.join_files(paths, path, **options), content_type)
        stored.size = sum(sizes)
        return stored

    def joined(
        self, paths: Sequence[str], sizes: Sequence[int] | None = None, *, store: StoreFS | None = None
    ) -> BinaryIO:
        """Return several files of the store as one that is open for reading.

        :param paths: as for :meth:`join`, like ``sizes`` and ``store``.
        """
        guard = self._translated()
        with guard:
            store = store or self.store
            file = JoinedFile(store, paths, store.sizes_of(paths) if sizes is None else sizes)
        return cast(BinaryIO, StorageFile(cast(BinaryIO, file), guard))

    def version(self, filename: str) -> str | None:
        """Return the version of a file, or None if the store knows no versions. Makes one request to the store."""
        with self._translated(filename):
            return self._first(filename, self.store.version)

    def delete_version(self, filename: str, version: str) -> str | None:
        """Delete a file if it still is this version. Return its name, or None if it was not."""
        with self._translated(filename):
            paths = self._paths(filename)

            def delete(path: str) -> str | None:
                if self.store.delete_version(path, version):
                    return self._name(path)
                self._require(path, paths)
                return None

            return first(self.store, paths, delete)

    def replace_version(
        self,
        filename: str,
        content: Any,
        version: str,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> StoredName:
        """Replace a file if it still is this version. Return the name, with the new version.

        :param content: see :meth:`write`.
        :param content_type: the media type, for stores that keep one. Without it, they guess it from the name.
        :param description: as for :meth:`save`.
        :raises flask_pyfs.errors.VersionChanged: if the file was replaced or deleted. A file that can seek is back at
            its position then.
        """
        kept = self._kept(description, filename)
        source = Source(content)
        with translated(self.name, filename, source):
            source.hash_by(self.store.checksum_algorithm)
            paths = self._paths(filename)
            if len(paths) > 1 and not source.rewind():
                # it is read only once
                paths = (existing(self.store, paths) or paths[0],)

            def replace(path: str) -> StoredName:
                if source.error is not None:
                    raise source.error
                try:
                    replaced = self.store.replace_version(path, source, version, content_type=content_type, **kept)
                    return self._stored(path, replaced, source, content_type)
                except OtherVersion:
                    source.rewind()
                    self._require(path, paths)
                    raise

            try:
                return first(self.store, paths, replace)
            except OtherVersion as error:
                raise self._changed(filename) from error
            except PathError:
                if source.error is not None:
                    # what looks like an error of the name is one of the caller's file
                    raise source.error from None
                raise

    def _changed(self, filename: str) -> VersionChanged:
        message = f"{filename!r} in storage {self.name!r} was replaced or deleted: read it again"
        return VersionChanged(message, path=filename, storage=self.name)

    def delete(self, filename: str) -> str:
        """Delete a file, or everything below a directory. Return its name, or the normal form.

        A name that is not in normal form means only the file or the directory with exactly this name, if there is one.
        Otherwise each spelling is deleted in which the name would be read.
        """
        with self._translated(filename):
            path = self._only_path(filename)
            if path is not None:
                self.store.delete_tree(path)
                return self._name(path)
            paths = self._deleted(filename)
            impossible = []
            for path in paths:
                try:
                    first(self.store, [path], self.store.delete_tree)
                except PathError as error:
                    impossible.append(error)
            if len(impossible) == len(paths):
                raise impossible[0]
        return self._name(paths[0])

    def copy(self, filename: str, target: str, overwrite: bool = True) -> None:
        """Copy a file inside the storage."""
        with translated(self.name, filename, target=target):
            self._transfer(self.store.copy_file, filename, target, overwrite, moves=False)

    def copy_from(
        self, other: Operations, filename: str, target: str, overwrite: bool = True, version: str | None = None
    ) -> bool:
        """Copy a file of another storage without reading it. Return False if no server has both.

        :param filename: its name there.
        :param target: its name here, of which an existing spelling is taken.
        :param version: replace only this version of the target.
        :raises flask_pyfs.errors.VersionChanged: with ``version``, if the target was replaced or deleted; or if the
            file changed meanwhile, and then ``storage`` and ``path`` of the error are those of the source.
        """
        if not isinstance(other, BaseBackend) or overrides_any(other, READING) or overrides_any(self, WRITING):
            return False
        with translated(self.name, target):
            try:
                return self._copy_from(other, other.found(filename), target, overwrite, version)
            except (ResourceNotFound, FileExpected) as error:
                missing = f"{filename!r} in storage {other.name!r}: there is no such file"
                raise FileNotFound(missing, path=filename, storage=other.name) from error
            except SourceChanged as error:
                message = f"{filename!r} in storage {other.name!r} changed while it was copied: copy it again"
                raise VersionChanged(message, path=filename, storage=other.name) from error
            except OtherVersion as error:
                raise self._changed(target) from error

    def _copy_from(self, other: BaseBackend, source: str, target: str, overwrite: bool, version: str | None) -> bool:
        if version is None:
            path = self._target(target, overwrite=overwrite)
            return self.store.copy_from(other.store, source, path, overwrite=overwrite)
        paths = self._paths(target)

        def replace(path: str) -> bool:
            try:
                return self.store.copy_from(other.store, source, path, version=version)
            except OtherVersion:
                self._require(path, paths)
                raise

        return first(self.store, paths, replace)

    def move(self, filename: str, target: str, overwrite: bool = True) -> None:
        """Move a file inside the storage. To its own normal form, this renames it.

        As in Flask-FS, it calls ``copy`` and ``delete`` if a subclass overrides one of them, unless both names may mean
        one file.
        """
        is_copied = (
            getattr(self.copy, "__func__", None) is not _COPY or getattr(self.delete, "__func__", None) is not _DELETE
        )
        # what is copied to itself would be deleted
        if is_copied and not self.may_be_one(filename, target):
            self._refuse_taken(target, overwrite)
            with self._translated(filename):
                source = self.meant(filename)
            call(self.copy, source, target, overwrite=overwrite)
            self.delete(source)
        else:
            self._move(filename, target, overwrite)

    def _move(self, filename: str, target: str, overwrite: bool) -> None:
        with translated(self.name, filename, target=target):
            self._transfer(self.store.move_file, filename, target, overwrite, moves=True)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of the files, lazily.

        :param prefix: the start of the names. It stands for each of its spellings: ``/2026`` for ``2026`` too. Files
            with a name that no operation accepts are logged and left out.
        """
        return self._list_files(names.prefixes(prefix))

    def entries(
        self, prefix: str | None = None, *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        """Iterate over the names of the files in key order, lazily, each with the facts that the listing tells.

        If a subclass overrides :meth:`list_files`, this sorts the names that it returns and asks for the facts of each.

        :param prefix: as for :meth:`list_files`.
        :param unread: is called with the name of each directory that the listing leaves out because it cannot be read,
            with a slash at its end, or of each file whose name is invalid, and with the error. Without it, that is
            logged.
        """
        if is_foreign(self.list_files):
            return by_names(self.list_files(prefix), self.facts)
        return self._entries(names.prefixes(prefix), unread)

    def level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        """Iterate over the names of what is in a directory, lazily, in no particular order: files with their
        facts, and directories, which end with a slash, with None. A missing directory has nothing.

        :param directory: the name, in this spelling alone; an empty one is the root.
        """
        if is_foreign(self.list_files):
            return level_of(self.entries, directory)
        return self._level(directory)

    def metadata(self, filename: str, checksum: bool = True) -> dict[str, Any]:
        """Return ``name``, ``checksum``, ``size`` (bytes), ``mime`` and ``modified`` of a file.

        :param checksum: read the file for its checksum if the store keeps none.
        """
        metadata = call(self.get_metadata, filename, checksum=checksum)
        metadata["mime"] = metadata.get("mime") or files.mime(filename, self.DEFAULT_MIME)
        return cast("dict[str, Any]", metadata)

    def get_metadata(self, filename: str, checksum: bool = True) -> dict[str, Any]:
        """Return the same as the store has it; ``mime`` may be None."""
        with self._translated(filename):
            path, facts = self._first(filename, lambda path: (path, self.store.facts(path, checksum=checksum)))
        return {
            "name": self._name(path),
            "checksum": facts.checksum,
            "size": facts.size,
            "mime": facts.content_type,
            "modified": facts.modified,
        }

    def size(self, filename: str) -> int:
        """Return the length of a file in bytes. Makes one request to the store."""
        with self._translated(filename):
            return self._first(filename, self.store.facts).size

    def serve(
        self,
        filename: str,
        respond: Respond[Response] | None = None,
        announce: Callable[[], object] | None = None,
        wanted: Wanted = WHOLE,
    ) -> Response:
        """Return the response to a request for a file. Makes one request to the store.

        With the name alone, as Flask-FS calls it, it is a response of Flask to the current request.

        :param respond: a callable that returns the response. Its arguments are the name, the facts, the open content,
            and the context that translates the errors of reading it.
        :param announce: a callable without arguments, called before ``respond`` if the file exists.
        :param wanted: the part of the file that the request asks for.
        :raises NotModified: if the store sends no content, because the client has this version.
        :raises NotSatisfiable: if the file has none of the bytes, and the store tells only its size.
        """
        if respond is None:
            return cast(Response, surroundings.respond(self, filename))
        guard = translated(self.name, filename)
        with guard:
            facts, file = self._first(filename, partial(self._fetch, wanted=wanted))
        try:
            if announce is not None:
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
            # the conditions need facts that the error does not have
            return self.store.fetch(path, 0, 0)

    def facts(self, filename: str) -> Facts:
        """Return the facts of a file, without its checksum. Makes one request to the store."""
        with self._translated(filename):
            return self._first(filename, self.store.facts)

    def remove_leftovers(self, older_than: float = DAY, *, dry_run: bool = False) -> int:
        """Remove the leftovers of uploads and renderings whose process was killed, and return their number.

        A store that knows the file of a leftover looks only below PREFIX.

        :param older_than: the age of a leftover in seconds. Younger ones stay, because their upload may still run; so
            do resumable uploads, and all multipart uploads of S3, for at least UPLOAD_LIFETIME.
        :param dry_run: only count.
        """
        with self._translated():
            store, above = self.store, self._above()
            # an upload that has not expired goes on
            expired = max(older_than, self.config.get("upload_lifetime") or 0)
            return (
                store.remove_leftovers(expired if store.takes_parts else older_than, above, dry_run=dry_run)
                + store.remove_leases(older_than, above, dry_run=dry_run)
                + store.remove_uploads(expired, above, dry_run=dry_run)
            )

    def as_binary(self, content: Any, encoding: str = "utf-8") -> Any:
        """Return text as bytes, and anything else unchanged. Backends that were written for Flask-FS call it."""
        return content.encode(encoding) if isinstance(content, str) else content

    def local_path(self, filename: str) -> str | None:
        """Return the absolute path of a file in the operating system, or None if it has none there."""
        return self.root and os.path.join(self.root, names.collapse(filename and names.given(filename)))

    def keeper(self, filename: str) -> BaseBackend | None:
        """Return the backend on whose disk a file stays until the app changes it: this one, or, if it has several, one
        of these; None if none of them is known, or if a wrapper keeps other content there. Makes no request if there is
        only one.
        """
        return self

    def _refuse_taken(self, filename: str, overwrite: bool) -> None:
        # for methods of subclasses that cannot decide it in the write itself
        if not overwrite and self.exists(filename):
            raise FileExists(f"{filename!r} exists in storage {self.name!r}", path=filename, storage=self.name)

    def _first(self, filename: str, operation: Callable[[str], Result]) -> Result:
        path = self._only_path(filename)
        if path is not None:
            return operation(path)
        return first(self.store, self._paths(filename), operation)

    def _target(self, filename: str, *, overwrite: bool) -> str:
        path = self._only_path(filename)
        if path is not None:
            return path
        return self._target_of(filename, self._paths(filename), overwrite=overwrite)

    def _only_path(self, filename: str) -> str | None:
        """Return the path of a name that needs no further check and has one spelling, else None."""
        if not names.is_plain(filename):
            return None
        return f"{self.prefix}/{filename}" if self.prefix else filename

    def _path(self, filename: str) -> str:
        if isinstance(filename, names.Reserved):
            return filename
        name = names.given(filename)
        return f"{self.prefix}/{name}" if self.prefix else name

    def _name(self, path: str) -> str:
        return path[len(self.prefix) + 1 :] if self.prefix else path

    def _translated(self, filename: str | None = None) -> translated:
        return translated(self.name, filename)


def _no_way_round(*arguments: Any, **options: Any) -> None:
    return None


_WRITE, _COPY, _DELETE = BaseBackend.write, BaseBackend.copy, BaseBackend.delete
