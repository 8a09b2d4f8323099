"""The storage: what an app talks to."""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import os
import re
import secrets
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import IO, Any

from flask import Flask, Response, abort
from fs.base import FS
from werkzeug.datastructures import FileStorage

from . import config as configuration
from . import names
from .backends import registry
from .backends.contract import UploadTerms, UploadURL
from .config import Config, storage_key
from .errors import (
    ConfigurationError,
    InvalidPath,
    OperationNotSupported,
    PermissionDenied,
    UnauthorizedFileType,
    UploadNotAllowed,
)
from .files import DEFAULTS, denied_part, extension, has_extension, is_empty, only_images
from .filesystems.base import CHUNK_SIZE
from .signals import file_deleted, file_uploaded
from .state import State, find
from .uploads import client_name
from .web import delivery, links, urls
from .web.access import is_allowed
from .web.signing import lifetime_of

__all__ = ["Config", "Storage"]


class Storage:
    """A set of files under one name.

    One storage may serve many apps: what each configured lives with that app and is found through ``current_app``.
    Outside an app context, the app that was configured last counts.

    Names of files are relative POSIX paths; a leading ``/`` is the root of the storage. An invalid name raises
    :exc:`~flask_pyfs.errors.InvalidPath` in every method, before anything is touched. Errors of a store become
    :exc:`~flask_pyfs.errors.FSError`.

    >>> import flask_pyfs as fs
    >>> photos = fs.Storage("photos", fs.IMAGES, upload_to="2026")
    >>> notes = fs.Storage("notes", ["md", "txt"], overwrite=True)

    :param name: the name, which the keys of its settings begin with.
    :param extensions: the extensions that may be uploaded; see :mod:`flask_pyfs.files`.
    :param upload_to: the directory that ``save`` puts in front, or a callable that returns it.
    :param overwrite: whether ``save`` and ``write`` may replace files by default.
    :raises ConfigurationError: for a name that cannot be part of a URL and a directory.
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
        State(app, self, backend_name, config, backend, operations).attach()

    @property
    def backend(self) -> Any:
        """The backend: an instance of the class that is registered under :attr:`backend_name`."""
        return find(self).backend

    @property
    def backend_name(self) -> str:
        """The name of the backend."""
        return find(self).backend_name

    @property
    def config(self) -> Config:
        """The settings, in lower case."""
        return find(self).config

    @property
    def root(self) -> str | None:
        """The directory of the operating system that holds the files, or None."""
        return find(self).root

    @property
    def fs(self) -> FS:
        """The standard PyFilesystem handle, rooted at this storage. Its errors are ``fs.errors``.

        :raises OperationNotSupported: for a backend without a filesystem.
        """
        return find(self).operations.fs

    # URLs

    @property
    def has_url(self) -> bool:
        """Whether a URL is configured, at any level."""
        return bool(find(self).config["url"])

    @property
    def base_url(self) -> str:
        """The URL below which the files are found, with its final slash."""
        state = find(self)
        return urls.base_url(state.app, self.name, state.config["url"])

    def url(
        self,
        filename: str,
        external: bool = False,
        *,
        expires: float | timedelta | None = None,
        download: bool = False,
    ) -> str:
        """Return the URL of a file. No request to the store: there need not be such a file.

        >>> files.url("reports/2026.txt")
        '/files/reports/2026.txt'

        :param external: make it absolute; outside a request, without ``SERVER_NAME``, it is the path alone.
        :param expires: sign it, so that whoever has it may read the file for that many seconds, and for three quarters
            of them at least: calls shortly after each other return the same URL, which can be cached. It is a URL of
            the store if that signs URLs, else of the app's own route.
        :param download: let browsers save the file rather than show it. If a URL is configured, its server has to
            understand ``?download=1``.
        :raises PermissionDenied: with ``expires``, if AUTHORIZE does not allow it.
        :raises ConfigurationError: with ``expires``, if the app would sign and has no ``SECRET_KEY``.
        :raises ValueError: for a time that is not positive, or longer than the store takes.
        """
        state, name = find(self), names.normalize(filename)
        if expires is not None:
            _require_permission(state, name, "read")
            return links.signed_url(state, name, expires, external=external, download=download)
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
        """Return where a client may send one file itself, straight to the store if possible.

        The store takes it if it can hold all terms: no store holds ``unique=False`` without ``overwrite``, and Swift
        neither ``content_type`` nor ``max_size``. No store looks at the content. So if it does not hold a term, or the
        storage :attr:`verifies` uploads, the app's own route takes the file.

        :param filename: the name; the file is stored as ``upload_to/prefix/filename``.
        :param expires: for how long, in seconds; for three quarters of it at least.
        :param prefix: a directory, or a callable that returns one.
        :param unique: put a random part in front of the extension.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``. With ``unique``,
            nobody else's file can have that name, but stores let the client send its own again.
        :param content_type: the media type that the client must send.
        :param max_size: how many bytes the file may have at most.
        :param external: make the URL of the app's route absolute; those of stores always are.
        :raises UploadNotAllowed: if the storage takes no uploads.
        :raises UnauthorizedFileType: if it takes no files with that extension.
        :raises PermissionDenied: if AUTHORIZE does not allow it.
        :raises ValueError: for an impossible time, type or size.
        :raises ConfigurationError: if the app would sign and has no ``SECRET_KEY``.
        """
        name = self._upload_name(None, filename, prefix, unique)
        replace = self.overwrite if overwrite is None else overwrite
        terms = UploadTerms(*lifetime_of(expires), replace, content_type and content_type.lower(), max_size)
        state = find(self)
        _require_permission(state, name, "write")
        return links.signed_upload(state, name, terms, external=external, unique=unique, verifies=self.verifies)

    def path(self, filename: str) -> str:
        """Return the absolute path of a file in the operating system. The file need not exist.

        :raises OperationNotSupported: if the backend keeps no files there.
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

        >>> files.exists("reports/2026.txt"), "reports" in files
        (True, False)

        :raises FSError: if the store does not answer the question.
        """
        return find(self).operations.exists(names.normalize(filename))

    def __contains__(self, filename: str) -> bool:
        return self.exists(filename)

    def read(self, filename: str) -> bytes:
        """Return the content of a file.

        >>> files.read("reports/2026.txt")
        b'All is well.'

        :raises FileNotFound: if there is no such file.
        """
        return find(self).operations.read(names.normalize(filename))

    def read_chunks(self, filename: str, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Return an iterator over the content of a file, which holds one piece at a time.

        >>> list(files.read_chunks("reports/2026.txt", 8))
        [b'All is w', b'ell.']

        :param chunk_size: the most bytes of a piece.
        :raises FileNotFound: at once, if there is no such file.
        """
        return find(self).operations.read_chunks(names.normalize(filename), chunk_size)

    def open(self, filename: str, mode: str = "r", encoding: str = "utf-8", **options: Any) -> IO[Any]:
        """Open a file.

        What is written becomes visible when the file closes without an exception; an exception inside ``with`` leaves
        everything as it was. Parent directories are made.

        >>> with files.open("reports/2027.txt", "w") as file:
        ...     print("All is better.", file=file)
        >>> files.read("reports/2027.txt")
        b'All is better.\\n'

        :param mode: ``r``; ``w``, which replaces a file whatever ``overwrite`` says; ``x``, which does not; or ``a``;
            with ``b`` for bytes.
        :param encoding: the encoding of text; ``errors`` and ``newline`` work as for :func:`open`.
        :raises FileNotFound: for ``r``, if there is no such file.
        :raises FileExists: for ``x``, if the name is taken, at once or when the file closes.
        """
        return find(self).operations.open(names.normalize(filename), mode, encoding, **options)

    def write(self, filename: str, content: Any, overwrite: bool = False) -> str:
        """Store content under a name, whatever its extension, and return the name.

        >>> files.write("/reports//café.txt", "Open all day.")
        'reports/café.txt'

        :param content: text (UTF-8), anything like bytes, a binary file or a ``FileStorage``, which is left open.
        :param overwrite: replace a file of that name; the storage's own ``overwrite`` counts too.
        :raises FileExists: if the name is taken.
        """
        name = names.normalize(filename)
        find(self).operations.write(name, content, overwrite=overwrite or self.overwrite)
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

        If the storage :attr:`verifies` uploads, the content must be what the extension says.

        >>> from werkzeug.datastructures import FileStorage
        >>> upload = FileStorage(io.BytesIO(b"..."), filename="../My Report.TXT")
        >>> files.save(upload, prefix="2026")
        '2026/My_Report.txt'

        :param file_or_wfs: a ``FileStorage`` or a binary file, which is left open.
        :param filename: the name. Without it, a ``FileStorage`` has its client's name, made safe by
            :func:`~flask_pyfs.uploads.client_name`.
        :param prefix: a directory, or a callable that returns one.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``.
        :param unique: put a random part in front of the extension.
        :raises ValueError: without a name.
        :raises UploadNotAllowed: if the storage takes no uploads.
        :raises UnauthorizedFileType: if it takes no files with that extension, or not this content.
        :raises FileExists: if the name is taken.
        """
        if not filename and isinstance(file_or_wfs, FileStorage):
            filename = client_name(file_or_wfs.filename or "")
        name = self._upload_name(file_or_wfs, filename, prefix, unique)
        replace = self.overwrite if overwrite is None else overwrite
        with self.prepared(file_or_wfs, name) as content:
            find(self).operations.save(content, name, overwrite=replace)
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
            self._require_allowed(file_or_wfs, names.normalize(filename))
            with self.prepared(file_or_wfs, filename):
                pass
        finally:
            file_or_wfs.seek(position)

    def prepared(self, file_or_wfs: Any, filename: str) -> AbstractContextManager[Any]:
        """Return a context that gives what is to be stored for an upload: the upload itself, or what VERIFY and
        VERIFY_SVG make of it.

        :param file_or_wfs: a ``FileStorage`` or a binary file.
        :param filename: the name that it will have.
        :raises UnauthorizedFileType: when the context is entered, if the content is not what the extension says.
        """
        if not self.verifies:
            return nullcontext(file_or_wfs)
        from .uploads.prepare import prepared

        return prepared(file_or_wfs, filename, self.config, self.name)

    def _require_allowed(self, file: Any, name: str) -> None:
        if is_empty(self.extensions) and is_empty(self.config["allow"]):
            raise UploadNotAllowed(
                f"storage {self.name!r} takes no uploads; {storage_key(self.name, 'ALLOW')} would name some",
                storage=self.name,
            )
        basename = name.rpartition("/")[2]
        if not self.file_allowed(file, basename):
            raise UnauthorizedFileType(
                f"storage {self.name!r} does not take {basename!r}: files of this type are not allowed",
                path=name,
                storage=self.name,
            )

    def _upload_name(
        self, file: Any, filename: str | None, prefix: str | Callable[[], str] | None, unique: bool
    ) -> str:
        if not filename:
            raise InvalidPath("a filename is required", storage=self.name)
        name = names.normalize(filename)
        self._require_allowed(file, name)
        if unique:
            stem, ext = os.path.splitext(name)
            name = f"{stem}-{secrets.token_hex(8)}{ext}"
        if self.upload_to or prefix:
            name = names.join(_directory(self.upload_to), _directory(prefix), name)
        return names.normalize(name)

    def delete(self, filename: str) -> None:
        """Delete a file, or everything below a directory. What is not there is no error.

        >>> files.delete("reports/2026.txt")
        >>> files.exists("reports/2026.txt")
        False
        """
        name = names.normalize(filename)
        find(self).operations.delete(name)
        file_deleted.send(self, filename=name)

    def copy(self, filename: str, target: str, overwrite: bool = False) -> None:
        """Copy a file inside the storage; onto itself it does nothing.

        >>> files.copy("reports/2026.txt", "archive/2026.txt")

        :raises FileNotFound: if there is no such file.
        :raises FileExists: if the target is taken.
        """
        find(self).operations.copy(names.normalize(filename), names.normalize(target), overwrite=overwrite)

    def move(self, filename: str, target: str, overwrite: bool = False) -> None:
        """Move a file inside the storage; onto itself it does nothing.

        :raises FileNotFound: if there is no such file.
        :raises FileExists: if the target is taken.
        """
        find(self).operations.move(names.normalize(filename), names.normalize(target), overwrite=overwrite)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of all files, lazily, in no particular order.

        >>> list(files.list_files("reports/"))
        ['reports/2026.txt']

        :param prefix: how the names must start: ``'a/'`` is the directory, ``'a'`` also finds ``ab.txt``.
        """
        return find(self).operations.list_files(prefix)

    def metadata(self, filename: str) -> dict[str, Any]:
        """Return ``filename`` (without directories), ``url`` (absolute), ``checksum`` (``'algorithm:digits'`` or None),
        ``size`` (bytes), ``mime`` and ``modified`` (with a time zone) of a file.

        A store that keeps no checksums but reads cheaply (local, memory) reads the whole file for it.

        >>> found = files.metadata("reports/2026.txt")
        >>> found["size"], found["mime"], found["checksum"]
        (12, 'text/plain', 'sha1:95eb9081e26fdedc99cf75232ab60ef87015c47e')

        :raises FileNotFound: if there is no such file.
        """
        name = names.normalize(filename)
        metadata = find(self).operations.metadata(name)
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
        """Whether ``save`` takes a file. A subclass may override it to look further.

        :param file: what is to be saved, or None if a client is about to get a URL for it.
        :param basename: its name, without directories.
        """
        return self.extension_allowed(extension(basename)) and not denied_part(basename, self.config["deny"])

    def extension_allowed(self, ext: str) -> bool:
        """Whether files with an extension may be saved: it is in ``extensions`` or ALLOW, and not in DENY.

        :param ext: the extension in any case, without its dot.
        """
        config = self.config
        if config["deny"] and has_extension(config["deny"], ext):
            return False
        return has_extension(self.extensions, ext) or has_extension(config["allow"], ext)

    @property
    def verifies(self) -> bool:
        """Whether ``save`` and uploads to a URL of the app look at the content: VERIFY, which by default is on for
        storages that take only images.
        """
        verify, allow = self.config["verify"], self.config["allow"]
        return only_images(self.extensions, allow) if verify is None else bool(verify)

    # Serving

    def serve(self, filename: str) -> Response:
        """Answer the current request with a file as SERVE_MODE says, whether or not the app's route serves the storage.

        .. code-block:: python

            @app.get("/invoices/<int:number>")
            @login_required
            def invoice(number):
                return invoices.serve(f"{current_user.id}/{number}.pdf")

        :raises NotFound: (404) if there is no such file.
        :raises Forbidden: (403) if AUTHORIZE does not allow it.
        """
        try:
            name = names.normalize(filename)
        except InvalidPath:
            abort(404)
        return delivery.serve(find(self), name)

    @property
    def is_served(self) -> bool:
        """Whether the app's route serves the files: ``FS_SERVE``, or SERVE at a level nearer to the storage."""
        state = find(self)
        served = state.config["serve"]
        if served is None:
            # an app may change it at any time, also to a text
            served = state.app.config.get("FS_SERVE")
        return served if isinstance(served, bool) else configuration.serves(state.app.config)


def _directory(value: str | Callable[[], str] | None) -> str:
    return (value() if callable(value) else value) or ""


def _require_permission(state: State, name: str, action: str) -> None:
    if not is_allowed(state, name, action):
        storage = state.storage.name
        raise PermissionDenied(
            f"AUTHORIZE of storage {storage!r} does not allow to {action} {name!r}", path=name, storage=storage
        )
