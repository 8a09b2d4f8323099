"""The storage: what an app talks to."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Container, Iterator
from datetime import timedelta
from typing import IO, Any

from flask import Flask, Response, abort
from fs.base import FS
from werkzeug.datastructures import FileStorage

from . import config as configuration
from . import names
from .backends import registry
from .backends.handles import UploadTerms, UploadURL
from .config import Config, storage_key
from .errors import ConfigurationError, InvalidPath, OperationNotSupported, UnauthorizedFileType, UploadNotAllowed
from .files import DEFAULTS, denied_part, extension, has_extension, is_empty
from .filesystems.store import CHUNK_SIZE
from .seekable import client_name
from .signals import file_deleted, file_uploaded
from .state import State, find
from .uploads import prepare as incoming
from .web import delivery as serving
from .web import links, urls
from .web.signing import lifetime_of

__all__ = ["Config", "Storage"]


class Storage:
    """A set of files under one name.

    One storage may serve many apps: what each configured lives with that app and is found through ``current_app``.
    Outside an app context the app that was configured last is meant.

    Names of files are relative POSIX paths; a leading ``/`` means the storage itself. A name that is not acceptable
    raises :exc:`~flask_pyfs.errors.InvalidPath` in every method, before anything is touched. What a store raises
    becomes an :exc:`~flask_pyfs.errors.FSError`.

    :param name: the name, from which the keys of its settings are made.
    :param extensions: the extensions that may be uploaded; see :mod:`flask_pyfs.files`.
    :param upload_to: the directory that ``save`` puts in front, or a callable that returns it.
    :param overwrite: whether ``save`` and ``write`` may replace files unless told otherwise.
    :raises ConfigurationError: for a name that could not stand in a URL and a directory.
    """

    def __init__(
        self,
        name: str = "files",
        extensions: Container[str] = DEFAULTS,
        upload_to: str | Callable[[], str] | None = None,
        overwrite: bool = False,
    ) -> None:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ConfigurationError(f"a storage's name is made of letters, digits, '_', '-' and '.', not {name!r}")
        self.name = name
        self.extensions = extensions
        self.upload_to = upload_to
        self.overwrite = overwrite
        self.last_state: State | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __copy__(self) -> Storage:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Storage:
        # mongoengine copies the fields of a document, and with them the storage that they name
        return self

    # Configuration

    def configure(self, app: Flask) -> None:
        """Resolve the settings that the app has for this storage and make its backend. No store is reached.

        :raises ConfigurationError: for a missing or wrong setting; the message names the keys that could set it.
        """
        backend_name = configuration.backend_name(app.config, self.name)
        backend_class = registry.load(backend_name, self.name)
        config = configuration.resolve(
            app.config, self.name, backend_name, registry.options_of(backend_class), registry.all_options
        )
        backend, operations = registry.build(backend_name, backend_class, self.name, config)
        State(app, backend_name, config, backend, operations).attach(self)

    @property
    def _state(self) -> State:
        return find(self)

    @property
    def backend(self) -> Any:
        """The backend: an instance of the class that is registered under :attr:`backend_name`."""
        return self._state.backend

    @property
    def backend_name(self) -> str:
        """The name of the backend."""
        return self._state.backend_name

    @property
    def config(self) -> Config:
        """The settings, in lower case."""
        return self._state.config

    @property
    def root(self) -> str | None:
        """The directory of the operating system that holds the files, or None."""
        root: str | None = getattr(self._state.backend, "root", None)
        return root

    @property
    def fs(self) -> FS:
        """The standard PyFilesystem handle, rooted at this storage. Its errors are ``fs.errors``.

        :raises OperationNotSupported: for a backend without a filesystem.
        """
        return self._state.operations.fs

    # URLs

    @property
    def has_url(self) -> bool:
        """Whether a URL is configured, at any level."""
        return bool(self._state.config["url"])

    @property
    def base_url(self) -> str:
        """The URL below which the files are found, with its final slash."""
        state = self._state
        return urls.base_url(state.app, self.name, state.config["url"])

    def url(
        self,
        filename: str,
        external: bool = False,
        *,
        expires: float | timedelta | None = None,
        download: bool = False,
    ) -> str:
        """Return the URL of a file. The store is not asked whether there is one.

        :param external: make it absolute; outside a request, without ``SERVER_NAME``, it is the path alone.
        :param expires: sign it, so that whoever has it may read the file for that long, in seconds, and for three
            quarters of it at least: calls shortly after each other return the same URL, which can be cached. It is one
            of the store where that signs URLs, else of the app's own route.
        :param download: let browsers save the file rather than show it. Whoever serves a configured URL has to
            understand ``?download=1`` for that.
        :raises PermissionDenied: with ``expires``, where AUTHORIZE does not allow it.
        :raises ConfigurationError: with ``expires``, where the app would sign and has no ``SECRET_KEY``.
        :raises ValueError: for a time that is not positive, or longer than the store takes.
        """
        state, name = self._state, names.normalize(filename)
        if expires is not None:
            return links.signed_url(self, state, name, expires, external=external, download=download)
        if state.config["url"]:
            # whoever serves the store itself sees the PREFIX as a directory
            name = names.join(state.config["prefix"], name)
        url = urls.file_url(state.app, self.name, state.config["url"], name, external)
        return urls.with_query(url, "download=1") if download else url

    def upload_url(
        self,
        filename: str,
        *,
        expires: float | timedelta,
        prefix: str | Callable[[], str] | None = None,
        unique: bool = True,
        overwrite: bool | None = None,
        content_type: str | None = None,
        max_size: int | None = None,
        external: bool = False,
    ) -> UploadURL:
        """Return where a client may send one file itself, straight to the store where that is possible.

        The store takes it where it can hold all that is asked; no store holds ``unique=False`` without ``overwrite``,
        Swift none of the last two, and none looks at the content where the storage :attr:`verifies` uploads. Otherwise
        the app's own route takes it.

        :param filename: the name; the file is stored as ``upload_to/prefix/filename``.
        :param expires: for how long, in seconds; for three quarters of it at least.
        :param prefix: a directory, or a callable that returns one.
        :param unique: put a random part in front of the extension.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``. With ``unique``,
            nobody else's file can have that name, but stores let the client send its own again.
        :param content_type: the media type that the client must send.
        :param max_size: how many bytes the file may have at most.
        :param external: make the URL of the app's route absolute; those of stores always are.
        :raises UploadNotAllowed: where the storage takes no uploads at all.
        :raises UnauthorizedFileType: where it takes none with that extension.
        :raises PermissionDenied: where AUTHORIZE does not allow it.
        :raises ValueError: for a time, a type or a size that cannot be.
        :raises ConfigurationError: where the app would sign and has no ``SECRET_KEY``.
        """
        name = self._upload_name(None, filename, prefix, unique)
        replace = self.overwrite if overwrite is None else overwrite
        terms = UploadTerms(*lifetime_of(expires), replace, content_type and content_type.lower(), max_size)
        return links.signed_upload(self, self._state, name, terms, external=external, unique=unique)

    def path(self, filename: str) -> str:
        """Return the absolute path of a file in the operating system. The file need not exist.

        :raises OperationNotSupported: where the backend keeps no files there.
        """
        name, root = names.normalize(filename), self.root
        if not root:
            raise OperationNotSupported(
                f"storage {self.name!r} has no direct access to files: its backend is {self.backend_name!r}",
                path=name,
                storage=self.name,
            )
        return os.path.join(root, name)

    # Files

    def exists(self, filename: str) -> bool:
        """Whether there is a file of that name. One request to the store.

        :raises FSError: where the store does not answer the question.
        """
        return self._state.operations.exists(names.normalize(filename))

    def __contains__(self, filename: str) -> bool:
        return self.exists(filename)

    def read(self, filename: str) -> bytes:
        """Return the content of a file.

        :raises FileNotFound: where there is none.
        """
        return self._state.operations.read(names.normalize(filename))

    def read_chunks(self, filename: str, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Return an iterator over the content of a file, which holds one piece at a time.

        :param chunk_size: the most bytes of a piece.
        :raises FileNotFound: at once, where there is none.
        """
        return self._state.operations.read_chunks(names.normalize(filename), chunk_size)

    def open(self, filename: str, mode: str = "r", encoding: str = "utf-8", **options: Any) -> IO[Any]:
        """Open a file.

        What is written becomes visible when the file closes without an exception; an exception inside ``with`` leaves
        everything as it was. Parent directories are made.

        :param mode: ``r``; ``w``, which replaces whatever ``overwrite`` says; ``x``, which does not; or ``a``; with
            ``b`` for bytes.
        :param encoding: of text; ``errors`` and ``newline`` are taken too, as by :func:`open`.
        :raises FileNotFound: for ``r``, where there is none.
        :raises FileExists: for ``x``, where the name is taken, at once or when the file closes.
        """
        return self._state.operations.open(names.normalize(filename), mode, encoding, **options)

    def write(self, filename: str, content: Any, overwrite: bool = False) -> str:
        """Store content under a name, whatever its extension, and return the name.

        :param content: text (UTF-8), anything like bytes, a binary file or a ``FileStorage``, which is left open.
        :param overwrite: replace a file of that name; the storage's own ``overwrite`` counts too.
        :raises FileExists: where the name is taken.
        """
        name = names.normalize(filename)
        self._state.operations.write(name, content, overwrite=overwrite or self.overwrite)
        file_uploaded.send(self, filename=name)
        return name

    def save(
        self,
        file_or_wfs: Any,
        filename: str | None = None,
        prefix: str | Callable[[], str] | None = None,
        overwrite: bool | None = None,
        unique: bool = False,
    ) -> str:
        """Store an upload and return its name, ``upload_to/prefix/filename``.

        Where the storage :attr:`verifies` uploads, the content must be what the extension says.

        :param file_or_wfs: a ``FileStorage`` or a binary file, which is left open.
        :param filename: the name; a ``FileStorage`` has one of its client, which is made safe.
        :param prefix: a directory, or a callable that returns one.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``.
        :param unique: put a random part in front of the extension.
        :raises ValueError: without a name.
        :raises UploadNotAllowed: where the storage takes no uploads at all.
        :raises UnauthorizedFileType: where it takes none with that extension, or not with this content.
        :raises FileExists: where the name is taken.
        """
        if not filename and isinstance(file_or_wfs, FileStorage):
            filename = client_name(file_or_wfs.filename or "")
        name = self._upload_name(file_or_wfs, filename, prefix, unique)
        replace = self.overwrite if overwrite is None else overwrite
        state = self._state
        with incoming.prepared(file_or_wfs, name, self.extensions, state.config, self.name) as content:
            state.operations.save(content, name, overwrite=replace)
        file_uploaded.send(self, filename=name)
        return name

    def check(self, file_or_wfs: Any, filename: str) -> None:
        """Look at an upload as :meth:`save` does, and store nothing. The file stands afterwards where it stood.

        :param file_or_wfs: a ``FileStorage`` or a binary file that can seek.
        :param filename: the name that it would have.
        :raises UploadNotAllowed: see :meth:`save`.
        :raises UnauthorizedFileType: see :meth:`save`.
        """
        position = file_or_wfs.tell()
        try:
            self._require_allowed(file_or_wfs, filename)
            with incoming.prepared(file_or_wfs, filename, self.extensions, self.config, self.name):
                pass
        finally:
            file_or_wfs.seek(position)

    def _require_allowed(self, file: Any, filename: str) -> None:
        if is_empty(self.extensions) and is_empty(self.config["allow"]):
            raise UploadNotAllowed(
                f"storage {self.name!r} takes no uploads; {storage_key(self.name, 'ALLOW')} would name some",
                storage=self.name,
            )
        basename = names.normalize(filename).rpartition("/")[2]
        if not self.file_allowed(file, basename):
            raise UnauthorizedFileType(
                f"storage {self.name!r} does not take {basename!r}: files of this type are not allowed",
                path=filename,
                storage=self.name,
            )

    def _upload_name(
        self, file: Any, filename: str | None, prefix: str | Callable[[], str] | None, unique: bool
    ) -> str:
        if not filename:
            raise InvalidPath("a filename is required", storage=self.name)
        self._require_allowed(file, filename)
        folder, _, basename = names.normalize(filename).rpartition("/")
        if unique:
            stem, ext = os.path.splitext(basename)
            basename = f"{stem}-{secrets.token_hex(8)}{ext}"
        return names.normalize(names.join(_directory(self.upload_to), _directory(prefix), folder, basename))

    def delete(self, filename: str) -> None:
        """Delete a file, or everything below a directory. What is not there is no error."""
        name = names.normalize(filename)
        self._state.operations.delete(name)
        file_deleted.send(self, filename=name)

    def copy(self, filename: str, target: str, overwrite: bool = False) -> None:
        """Copy a file inside the storage; onto itself it does nothing.

        :raises FileNotFound: where there is no such file.
        :raises FileExists: where the target is taken.
        """
        self._state.operations.copy(names.normalize(filename), names.normalize(target), overwrite=overwrite)

    def move(self, filename: str, target: str, overwrite: bool = False) -> None:
        """Move a file inside the storage; onto itself it does nothing.

        :raises FileNotFound: where there is no such file.
        :raises FileExists: where the target is taken.
        """
        self._state.operations.move(names.normalize(filename), names.normalize(target), overwrite=overwrite)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of all files, lazily, in no particular order.

        :param prefix: how the names must start: ``'a/'`` is the directory, ``'a'`` also finds ``ab.txt``.
        """
        return self._state.operations.list_files(prefix)

    def metadata(self, filename: str) -> dict[str, Any]:
        """Return ``filename`` (without directories), ``url`` (absolute), ``checksum`` (``'algorithm:digits'`` or None),
        ``size`` (bytes), ``mime`` and ``modified`` (with a time zone) of a file.

        A store that keeps no checksums but lets files be read cheaply (local, memory) reads the whole file for it.

        :raises FileNotFound: where there is none.
        """
        name = names.normalize(filename)
        metadata = self._state.operations.metadata(name)
        metadata["filename"] = name.rpartition("/")[2]
        metadata["url"] = self.url(name, external=True)
        return metadata

    def resolve_conflict(self, target_folder: str, basename: str) -> str:
        """Return the first of ``name_1.ext``, ``name_2.ext``… that is free.

        :param target_folder: the directory, relative to the storage.
        :param basename: the name that is taken.
        """
        stem, ext = os.path.splitext(basename)
        number = 1
        while self.exists(names.join(target_folder, f"{stem}_{number}{ext}")):
            number += 1
        return f"{stem}_{number}{ext}"

    # What may be uploaded

    def file_allowed(self, file: Any, basename: str) -> bool:
        """Whether ``save`` takes a file; to be overridden by storages that look further.

        :param file: what is to be saved, or None where a client is about to get a URL for it.
        :param basename: its name, without directories.
        """
        return self.extension_allowed(extension(basename)) and not denied_part(basename, self.config["deny"])

    def extension_allowed(self, ext: str) -> bool:
        """Whether files with an extension may be saved: it is among ``extensions`` or ALLOW and not in DENY.

        :param ext: the extension in any case, without its dot.
        """
        config = self.config
        if has_extension(config["deny"], ext):
            return False
        return has_extension(self.extensions, ext) or has_extension(config["allow"], ext)

    @property
    def verifies(self) -> bool:
        """Whether ``save`` and uploads by a URL of the app look at the content: VERIFY, which without a setting is on
        for storages that take only images.
        """
        return incoming.verifies(self.extensions, self.config)

    # Serving

    def serve(self, filename: str) -> Response:
        """Answer the current request with a file as SERVE_MODE says, whether or not the app's route serves the storage.

        :raises NotFound: (404) where there is none.
        :raises Forbidden: (403) where AUTHORIZE does not allow it.
        """
        try:
            name = names.normalize(filename)
        except InvalidPath:
            abort(404)
        return serving.serve(self, self._state, name)

    @property
    def is_served(self) -> bool:
        """Whether the app's route serves the files: ``FS_SERVE``, or SERVE at a level nearer to the storage."""
        state = self._state
        own = state.config["serve"]
        return configuration.serves(state.app.config) if own is None else bool(own)


def _directory(value: str | Callable[[], str] | None) -> str:
    return (value() if callable(value) else value) or ""
