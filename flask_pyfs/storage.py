"""The storage, which is the interface for apps."""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import copy
import dataclasses
import os
import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response
from fs.base import FS
from werkzeug.datastructures import FileStorage

from . import config as configuration
from . import names
from .backends import registry
from .backends.contract import Entry, StoredName, UploadURL, require_size, require_type
from .backends.overrides import call
from .common import COMMON, serves
from .config import Config
from .display_names import display_name
from .errors import ConfigurationError, InvalidPath, OperationNotSupported
from .files import DEFAULTS, denied_part, extension, has_extension, mime
from .filesystems.base import CHUNK_SIZE
from .keys import backend_key
from .local_copies import local_copy
from .misspelt import require_storage
from .rooms import room
from .signals import file_deleted, file_uploaded
from .state import HasConfig, StandIn, State, constructed_names, find, remember
from .uploads import client_name, intake
from .uploads.terms import Terms
from .values import converted
from .web import delivery, links, urls
from .web.downloads import PARAMETER, value_of
from .web.failures import missing
from .web.requirements import require_possible

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Config", "Storage"]


class Storage:
    """A set of files under one name.

    Several apps may use one storage: each app has its own settings for it, and ``current_app`` selects them. Outside an
    app context, the settings of the app configured last apply.

    Names of files are relative POSIX paths. A new file gets the normal form of its name: in Unicode's NFC, and without
    a leading ``/`` and empty or ``.`` components. A name that is not in normal form means the file with exactly this
    name, which another tool may have stored, and else the one with its normal form. Every method raises
    :exc:`~flask_pyfs.errors.InvalidPath` for an invalid name, before it does anything. Errors of a store are raised as
    :exc:`~flask_pyfs.errors.FSError`.

    >>> import flask_pyfs as fs
    >>> photos = fs.Storage("photos", fs.IMAGES, upload_to="2026")
    >>> notes = fs.Storage("notes", ["md", "txt"], overwrite=True)

    :param name: the name. The keys of the storage's settings begin with it.
    :param extensions: the extensions that may be uploaded; see :mod:`flask_pyfs.files`.
    :param upload_to: the directory that ``save`` puts files in, or a callable that returns it.
    :param overwrite: whether ``save``, ``write``, ``copy`` and ``move`` replace files by default.
    :raises ConfigurationError: if the name has characters other than letters, digits, ``_``, ``-`` and ``.``, or begins
        with ``-`` or ``.``.
    """

    def __init__(
        self,
        name: str = "files",
        extensions: Container[str] = DEFAULTS,
        upload_to: str | Callable[[], str] | None = None,
        overwrite: bool = False,
    ) -> None:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ConfigurationError(
                f"invalid storage name {name!r}: use letters, digits, '_', '-' and '.', but not '-' or '.' at the start"
            )
        self.name = name
        self.extensions = extensions
        self.upload_to = upload_to
        self.overwrite = overwrite
        self.last_state: State | None = None
        remember(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __copy__(self) -> Storage:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Storage:
        # mongoengine copies the fields of a document, and with them their storages
        return self

    # Configuration

    def configure(self, app: Flask | HasConfig) -> None:
        """Read this storage's settings from the app and build its backend. Makes no request to the store.

        :param app: the app, or any object whose ``config`` is a mapping: scripts need no app. The settings of such an
            object are read now, and apply outside an app context and on apps that have not configured the storage.
        :raises ConfigurationError: if a setting is missing or invalid; the message names its keys.
        """
        if not isinstance(app, Flask):
            app = StandIn(app.config)
        require_storage(app.config, self.name, constructed_names())
        backend_name = configuration.backend_name(app.config, self.name)
        key = configuration.backend_setting(app.config, self.name)
        backend_class = registry.load(backend_name, self.name, key)
        config = configuration.resolve(
            app.config,
            self.name,
            backend_name,
            registry.options_of(backend_class),
            registry.all_options,
            lambda name, key: registry.options_of(registry.load(name, self.name, key)),
        )
        intake.require_reach(self, app.config, config)
        backend, callee = registry.build(backend_class, self.name, config)
        state = State(app, self, backend_name, config, backend, callee)
        require_possible(state)
        state.attach()

    @property
    def backend(self) -> Any:
        """The backend: an instance of the class registered as :attr:`backend_name`.

        A test may assign another object with the operations of a backend, for the current app; see :doc:`testing`.
        """
        return find(self).backend

    @backend.setter
    def backend(self, backend: Any) -> None:
        find(self).assign(backend=backend)

    @backend.deleter
    def backend(self) -> None:
        find(self).restore("backend")

    @property
    def backend_name(self) -> str:
        """The name of the backend."""
        return find(self).backend_name

    @property
    def backend_prefix(self) -> str:
        """What the keys of the backend's settings begin with: ``'FS_S3_'``."""
        return backend_key(self.backend_name, "")

    @property
    def config(self) -> Config:
        """The settings. Their keys are in lower case.

        A test may assign others, for the current app; the backend keeps those that it was built with.
        """
        return find(self).config

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        find(self).assign(config=configuration.with_defaults(config, COMMON, self.name))

    @config.deleter
    def config(self) -> None:
        find(self).restore("config")

    @property
    def root(self) -> str | None:
        """The directory of the operating system that has the files, encrypted if the storage is, or None.

        A test may assign another directory, for the current app, if the backend has the setting ROOT.
        """
        return find(self).root

    @root.setter
    def root(self, root: str | os.PathLike[str]) -> None:
        state = find(self)
        backend_class = registry.load(state.backend_name, self.name, "BACKEND")
        option = next((each for each in registry.options_of(backend_class) or () if each.name == "ROOT"), None)
        if option is None:
            raise OperationNotSupported(
                f"storage {self.name!r} has no directory: its backend {self.backend_name!r} has no setting ROOT",
                storage=self.name,
            )
        config = copy.copy(state.config)
        config["root"] = converted(option, "ROOT", root, self.name)
        backend, _ = registry.build(backend_class, self.name, config)
        state.assign(backend=backend, config=config)

    @root.deleter
    def root(self) -> None:
        find(self).restore("backend", "config")

    @property
    def fs(self) -> FS:
        """The PyFilesystem of this storage, with the storage as its root. It raises ``fs.errors``.

        :raises OperationNotSupported: if the backend has no filesystem.
        """
        return find(self).operations.fs

    @property
    def fsspec(self) -> AbstractFileSystem:
        """The storage as a filesystem of fsspec, for pandas, pyarrow, Dask and others; see
        :class:`~flask_pyfs.fsspec.StorageFileSystem`.

        Each access makes one. It needs the extra ``fsspec``.

        :raises ModuleNotFoundError: if fsspec is not installed.
        """
        filesystem: AbstractFileSystem = room("fsspec", self.name).StorageFileSystem(self)
        return filesystem

    # URLs

    @property
    def has_url(self) -> bool:
        """Whether URL is set, at any level."""
        return bool(find(self).config["url"])

    @property
    def base_url(self) -> str:
        """The URL that the URLs of all files begin with. It ends with a slash.

        It is absolute if URL has a host. That of the app's route is absolute too, but outside a request and without
        ``SERVER_NAME`` it is a path.
        """
        state = find(self)
        return urls.base_url(state.app, self.name, state.config["url"])

    def url(
        self,
        filename: str,
        external: bool = False,
        *,
        expires: float | timedelta | None = None,
        download: bool | str | None = False,
    ) -> str:
        """Return the URL of a file. The file need not exist.

        Makes no request to the store, except that signing a URL of Swift needs one login per process. So the URL has
        the name as it is given. A signed one opens only the file with exactly this name; or, if there is none, the one
        with its NFD, which AUTHORIZE judges as without a signature.

        >>> files.url("reports/2026.txt")
        '/files/reports/2026.txt'

        :param filename: the name. An empty one stands for :attr:`base_url`, and a slash at the end is kept.
        :param external: return an absolute URL.
        :param expires: sign the URL: anybody who has it may read the file for at most this time, in seconds, and for at
            least three quarters of it. Calls that follow each other closely return the same URL, so clients can cache
            it. It is a URL of the store if the store signs URLs, else one of the app's own route.
        :param download: make browsers save the file instead of showing it, under its name or under this one; an
            ``original_name`` that is None asks for nothing. Without a signature, another extension than that of the
            file does not count: the file's is appended. If URL is set, the server behind it must support
            ``?download=``.
        :raises RuntimeError: with ``external``, outside a request, if neither ``SERVER_NAME`` nor URL tells the host.
            Flask's ``url_for`` raises the same.
        :raises NotAuthorized: with ``expires``, if AUTHORIZE denies it.
        :raises ConfigurationError: with ``expires``, if the app itself has to sign and has no ``SECRET_KEY``.
        :raises ValueError: if ``expires`` is not positive, or longer than the store supports.
        """
        state, name = find(self), names.given(filename) if filename != "" else ""
        if not names.is_plain(name) and state.root:
            # in a directory, these are one file
            name = names.collapse(name)
        if expires is not None:
            # no file has a name that ends with a slash
            name = names.spellings(name)[0]
            return links.signed_url(state, name, expires, external=external, download=download)
        if state.config["url"] and state.config["prefix"]:
            # to a server that serves the store itself, PREFIX is a directory
            name = f"{state.config['prefix']}/{name}"
        url = urls.file_url(state.app, self.name, state.config["url"], name, external)
        return urls.with_query(url, f"{PARAMETER}={quote(value_of(download), safe='')}") if download else url

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
        original_name: str | None = None,
        external: bool = False,
    ) -> UploadURL:
        """Return a URL to which a client uploads one file, directly to the store if possible.

        The upload goes to the store if the store can enforce all terms. Only S3 can enforce ``unique=False`` without
        ``overwrite``, if there is no ``max_size`` and its server knows ``If-None-Match``; and Swift enforces neither
        ``content_type`` nor ``max_size``. No store inspects the content. If the store cannot enforce a term, or the
        storage :attr:`inspects` uploads, the URL is one of the app's own route. With CONFIRM, each upload goes to the
        store if it signs any. Nobody can read the file before :meth:`confirm` has checked it, and ``token`` and
        ``confirm_url`` of the result are set.

        On S3 and Swift, the first call in a process may make the bucket or the container, and log in to Swift. Further
        calls make no request.

        :param filename: the name; the file is stored as ``upload_to/prefix/filename``.
        :param expires: how long the URL is valid at most, in seconds; it is valid for at least three quarters of that.
            With CONFIRM, that is no longer than UPLOAD_LIFETIME.
        :param prefix: a directory, or a callable that returns one.
        :param unique: put a random part in front of the extension.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``. With ``unique``, no
            other file can have the name, but a store lets the client replace its own upload.
        :param content_type: the media type that the client must send.
        :param max_size: the maximum size of the file in bytes. If the setting MAX_SIZE is less, it applies.
        :param original_name: what the client calls the file, for the result; by default the last part of ``filename``.
        :param external: make a URL of the app's route absolute; URLs of a store always are.
        :raises RuntimeError: with ``external``, outside a request and without ``SERVER_NAME``.
        :raises UploadNotAllowed: if the storage accepts no uploads.
        :raises UnauthorizedFileType: if the storage does not accept files with this extension.
        :raises NotAuthorized: if AUTHORIZE denies it.
        :raises ValueError: if the time, type or size is invalid.
        :raises ConfigurationError: if the app itself has to sign and has no ``SECRET_KEY``.
        """
        terms = self._terms(filename, prefix, unique, overwrite, content_type, max_size, original_name)
        state = find(self)
        upload: UploadURL | None = None
        if state.config["confirm"]:
            upload = room("confirming", self.name).begin(self, terms, expires, external=external)
        if upload is None:
            upload = links.signed_upload(state, terms, expires, external=external, verifies=self.inspects)
        return dataclasses.replace(upload, original_name=terms.original_name)

    def resumable_url(
        self,
        filename: str,
        *,
        expires: float | timedelta,
        prefix: str | Callable[[], str] | None = None,
        unique: bool = True,
        overwrite: bool | None = None,
        content_type: str | None = None,
        max_size: int | None = None,
        original_name: str | None = None,
        external: bool = False,
    ) -> UploadURL:
        """Return a URL at which a client begins one upload that survives interruptions: it goes on where it was, with
        any worker of the app. The URL speaks tus 1.0.0 and the IETF's Resumable Uploads for HTTP.

        The content goes through the app to any store, piece by piece, and is checked as :meth:`save` does when it is
        complete. Then ``file_uploaded`` is sent. Makes no request to the store.

        :param expires: how long the upload may begin, in seconds; one that has begun lives UPLOAD_LIFETIME after its
            last piece.
        :raises OperationNotSupported: if the backend was written for Flask-FS.

        The other parameters and errors are those of :meth:`upload_url`.
        """
        terms = self._terms(filename, prefix, unique, overwrite, content_type, max_size, original_name)
        upload: UploadURL = room("resumable", self.name).begin(self, terms, expires, external=external)
        return upload

    def multipart_url(
        self,
        filename: str,
        *,
        expires: float | timedelta,
        prefix: str | Callable[[], str] | None = None,
        unique: bool = True,
        overwrite: bool | None = None,
        content_type: str | None = None,
        max_size: int | None = None,
        original_name: str | None = None,
        external: bool = False,
    ) -> UploadURL:
        """Return the URL of a companion for Uppy's ``@uppy/aws-s3``: the browser sends one file in parts straight to
        S3, and the app signs each part and completes the upload. Makes no request to the store.

        :param expires: how long the upload may begin, in seconds; one that has begun lives UPLOAD_LIFETIME after its
            last part.
        :raises OperationNotSupported: if the store is not S3.

        The other parameters and errors are those of :meth:`upload_url`.
        """
        terms = self._terms(filename, prefix, unique, overwrite, content_type, max_size, original_name)
        upload: UploadURL = room("multipart", self.name).begin(self, terms, expires, external=external)
        return upload

    def _terms(
        self,
        filename: str,
        prefix: intake.Directory,
        unique: bool,
        overwrite: bool | None,
        content_type: str | None,
        max_size: int | None,
        original_name: str | None,
    ) -> Terms:
        config = find(self).config
        accepted = intake.accepted_name(self, None, filename, config)
        name = names.normalize(intake.place(self, accepted, prefix, unique))
        replace = self.overwrite if overwrite is None else overwrite
        sizes = [size for size in (require_size(max_size), config["max_size"]) if size is not None]
        original = display_name(original_name or filename)
        return Terms(name, replace, require_type(content_type), min(sizes, default=None), original, unique)

    def confirm(self, token: str) -> str:
        """Take a file that a client has uploaded straight to the store, by an :meth:`upload_url` with CONFIRM: check
        its content as :meth:`save` does, and move it to its name. Then ``file_uploaded`` is sent.

        To confirm an upload again returns the same.

        For a small file, eleven requests on S3 and fourteen on Swift. The store copies the file twice, if it is large;
        the app reads the bytes that VERIFY and SCAN need.

        :param token: ``token`` of the :class:`~flask_pyfs.UploadURL`, which the app may give to the client.
        :return: the name of the file.
        :raises NotAuthorized: if the text is no token of this storage.
        :raises FileNotFound: if the client has not uploaded the file, or longer ago than UPLOAD_LIFETIME.
        :raises BackendError: if another request is confirming it, or as :meth:`save` does; then try again.
        :raises UnauthorizedFileType: if the storage does not take the file, which is deleted then.
        :raises FileTooLarge: if it is larger than MAX_SIZE or the terms permit, likewise.
        :raises FileExists: if the name is taken, likewise.
        """
        name: str = room("confirming", self.name).confirm(self, token)
        return name

    def path(self, filename: str) -> str:
        """Return the absolute path of a file in the operating system. The file need not exist. An empty name stands for
        the root.

        :raises OperationNotSupported: if the files are not in the operating system, or encrypted there.
        """
        name = names.given(filename) if filename != "" else ""
        state = find(self)
        place = state.place_of(name)
        if place is None:
            raise OperationNotSupported(
                f"files of storage {self.name!r} have no path: {state.kind_of_store}; use open instead",
                path=name,
                storage=self.name,
            )
        # a backend may put a file beside PREFIX
        return os.path.normpath(place.path) if place.below.startswith("../") else place.path

    # Files

    def exists(self, filename: str) -> bool:
        """Return whether there is a file of that name; False for a directory. Makes one request to the store.

        >>> files.exists("reports/2026.txt"), "reports" in files
        (True, False)

        :raises FSError: if the store fails or cannot be reached.
        """
        return find(self).operations.exists(names.given(filename))

    def __contains__(self, filename: str) -> bool:
        return self.exists(filename)

    def read(self, filename: str) -> bytes:
        """Return the content of a file.

        >>> files.read("reports/2026.txt")
        b'All is well.'

        :raises FileNotFound: if there is no such file.
        """
        return find(self).operations.read(names.given(filename))

    def read_chunks(self, filename: str, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Return an iterator over the content of a file. It keeps one piece in memory at a time.

        >>> list(files.read_chunks("reports/2026.txt", 8))
        [b'All is w', b'ell.']

        :param chunk_size: the maximum size of a piece in bytes.
        :raises FileNotFound: if there is no such file; the call itself raises it, not the iterator.
        """
        return find(self).operations.read_chunks(names.given(filename), chunk_size)

    def open(self, filename: str, mode: str = "r", encoding: str = "utf-8", **options: Any) -> IO[Any]:
        """Open a file.

        Written content becomes visible when the file closes without an exception. An exception inside ``with`` discards
        it, and an old file stays as it was. Missing parent directories are made.

        >>> with files.open("reports/2027.txt", "w") as file:
        ...     print("All is better.", file=file)
        >>> files.read("reports/2027.txt")
        b'All is better.\\n'

        :param mode: ``r``, ``w``, ``x`` or ``a``, with ``b`` for bytes. ``w`` replaces a file even if ``overwrite`` is
            false.
        :param encoding: the encoding of text.
        :param options: ``errors`` and ``newline``, as for :func:`open`.
        :raises FileNotFound: with ``r``, if there is no such file.
        :raises FileExists: with ``x``, if the name is taken, at once or when the file closes.
        :raises OperationNotSupported: for any other mode.
        """
        return find(self).operations.open(names.given(filename), mode, encoding, **options)

    def local_copy(self, filename: str) -> AbstractContextManager[str]:
        """Return a context manager that yields the path of a file, for programs that want one.

        On ``local``, it is the path of the file itself: only read it. Elsewhere, and if the files are encrypted, it is
        a temporary copy that only this user may read, whose name has the same extension and which is removed at the end
        of the block. Nothing is written back.

        >>> import subprocess
        >>> with files.local_copy("reports/2026.txt") as path:
        ...     subprocess.check_output(["wc", "-c", path]).split()[0]
        b'12'

        If the file is replaced while it is copied, the copy is the old one or the new one, whole.

        :raises FileNotFound: if there is no such file, when the block is entered.
        """
        return local_copy(find(self), names.given(filename))

    def write(self, filename: str, content: Any, overwrite: bool | None = None) -> StoredName:
        """Store content under a name, whatever its extension, and return the name, which also knows its version: the
        normal form of the name, or the name of the file that is replaced.

        >>> files.write("/reports//café.txt", "Open all day.")
        'reports/café.txt'

        :param content: text, which is stored as UTF-8, bytes or another buffer, or a file or ``FileStorage``, which is
            read from its current position and left open.
        :param overwrite: replace a file of that name. None means the storage's own ``overwrite``, and so does False,
            the default that Flask-FS had; :meth:`write_only_new` never replaces a file.
        :raises FileExists: if the name is taken.
        """
        name = names.given(filename)
        return self._announced(name, find(self).operations.write(name, content, overwrite=overwrite or self.overwrite))

    def write_only_new(self, filename: str, content: Any) -> StoredName:
        """Store content as :meth:`write` does, but never replace a file, even if the storage's ``overwrite`` is true.

        :param content: see :meth:`write`.
        :raises FileExists: if the name is taken.
        """
        name = names.given(filename)
        return self._announced(name, find(self).operations.write(name, content, overwrite=False))

    def _announced(self, name: str, stored: Any, original_name: str | None = None) -> StoredName:
        # backends that were written for Flask-FS return other values
        announced = stored if isinstance(stored, StoredName) else StoredName(names.stored_as(name))
        if original_name is not None:
            announced.original_name = original_name
        file_uploaded.send(self, filename=announced)
        return announced

    def save(
        self,
        file_or_wfs: Any,
        filename: str | None = None,
        prefix: str | Callable[[], str] | None = None,
        overwrite: bool | None = None,
        unique: bool = False,
    ) -> StoredName:
        """Store an upload and return its name, ``upload_to/prefix/filename``, which also knows its version and what the
        client called it.

        If the storage :attr:`verifies` uploads, the content must match the extension; with VERIFY_RENAME, an image gets
        the right one.

        >>> from werkzeug.datastructures import FileStorage
        >>> upload = FileStorage(io.BytesIO(b"..."), filename="../My Report.TXT")
        >>> files.save(upload, prefix="2026")
        '2026/My_Report.txt'

        :param file_or_wfs: a ``FileStorage`` or a binary file. It is left open.
        :param filename: the name. Without it, the name is the one that the client sent with a ``FileStorage``, made
            safe by :func:`~flask_pyfs.uploads.client_name`.
        :param prefix: a directory, or a callable that returns one.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``.
        :param unique: put a random part in front of the extension.
        :raises InvalidPath: if there is no name.
        :raises UploadNotAllowed: if the storage accepts no uploads.
        :raises UnauthorizedFileType: if the storage does not accept files with this extension, or the content does not
            match it.
        :raises FileTooLarge: if the file is larger than MAX_SIZE.
        :raises EmptyUpload: if the stream of the file was read to its end before.
        :raises FileExists: if the name is taken.
        """
        state, original_name = find(self), None
        if isinstance(file_or_wfs, FileStorage):
            original_name = display_name(file_or_wfs.filename)
            filename = filename or client_name(file_or_wfs.filename or "")
        name = intake.accepted_name(self, file_or_wfs, filename, state.config)
        replace = self.overwrite if overwrite is None else overwrite
        with self._rightly_named(file_or_wfs, name, state.config) as (upload, name):
            name = intake.place(self, name, prefix, unique)
            with self.prepared(upload, name) as content:
                stored = state.operations.save(content, name, overwrite=replace)
        return self._announced(name, stored, original_name)

    def check(self, file_or_wfs: Any, filename: str) -> str:
        """Check an upload as :meth:`save` does, but store nothing. The position of the file does not change.

        :param file_or_wfs: a ``FileStorage`` or a binary file that can seek.
        :param filename: the name for the file.
        :return: the name; with VERIFY_RENAME, it has the extension of the content.
        :raises FSError: see :meth:`save`.
        """
        config, position = self.config, file_or_wfs.tell()
        try:
            name = intake.accepted_name(self, file_or_wfs, filename, config)
            with self._rightly_named(file_or_wfs, name, config) as (upload, name), self.prepared(upload, name):
                return name
        finally:
            file_or_wfs.seek(position)

    def prepared(self, file_or_wfs: Any, filename: str) -> AbstractContextManager[Any]:
        """Return a context manager that yields the content to store for an upload: the upload itself, or the result of
        VERIFY and VERIFY_SVG, which SCAN has let pass.

        :param file_or_wfs: a ``FileStorage`` or a binary file.
        :param filename: the name for the file.
        :raises FSError: now, when the context is entered, or while a stream of unknown length is read: see
            :meth:`save`.
        """
        config = find(self).config
        upload = intake.measured(self, file_or_wfs, filename, config["max_size"])
        content: AbstractContextManager[Any] = nullcontext(upload)
        if self.verifies:
            from .uploads.prepare import prepared

            content = prepared(upload, filename, config, self.name)
        if config["scan"] is not None:
            content = room("scanning", self.name).scanned(self, content, filename)
        return content

    def _rightly_named(self, file: Any, name: str, config: Config) -> AbstractContextManager[tuple[Any, str]]:
        if not config["verify_rename"] or not self.verifies:
            return nullcontext((file, name))
        from .uploads.renaming import renamed

        return renamed(self, file, name, config)

    def delete(self, filename: str) -> None:
        """Delete a file, or everything below a directory. A missing file is no error.

        A name that is not in normal form means only the file or the directory with exactly this name, if there is one.
        A name in NFC means the file in NFD too.

        >>> files.delete("reports/2026.txt")
        >>> files.exists("reports/2026.txt")
        False
        """
        name = names.given(filename)
        deleted = find(self).operations.delete(name)
        file_deleted.send(self, filename=deleted or names.stored_as(name))

    # Versions

    def version(self, filename: str) -> str | None:
        """Return what tells the last write of a file from all others, or None if the backend knows no versions.

        Makes one request to the store.

        :raises FileNotFound: if there is no such file.
        """
        return find(self).operations.version(names.given(filename))

    def delete_version(self, filename: str, version: str) -> bool:
        """Delete a file if it still is a certain version, and return whether it was.

        >>> draft = files.write("drafts/1.txt", "A beginning.")
        >>> changed = files.write("drafts/1.txt", "An ending.", overwrite=True)
        >>> files.delete_version("drafts/1.txt", draft.version)
        False

        Some stores look first and then delete, so what is written in between is lost: see :doc:`backends`.

        :param version: as ``version()`` and the names that ``save`` and ``write`` return have it.
        :raises OperationNotSupported: if the backend knows no versions.
        """
        name = names.given(filename)
        deleted = find(self).operations.delete_version(name, version)
        if deleted:
            known = deleted if isinstance(deleted, str) else names.stored_as(name)
            file_deleted.send(self, filename=known)
        return bool(deleted)

    def replace_version(self, filename: str, content: Any, version: str) -> StoredName:
        """Replace a file if it still is a certain version: no change of another writer is lost.

        >>> draft = files.write("drafts/2.txt", "A beginning.")
        >>> files.replace_version("drafts/2.txt", "The end.", draft.version)
        'drafts/2.txt'

        Some stores look first and then write, so what is written in between is lost: see :doc:`backends`.

        :param content: see :meth:`write`.
        :param version: see :meth:`delete_version`.
        :returns: the name, which knows the new version.
        :raises VersionChanged: if the file was replaced or deleted.
        :raises OperationNotSupported: if the backend knows no versions.
        """
        name = names.given(filename)
        stored = find(self).operations.replace_version(name, content, version)
        return self._announced(name, stored)

    def copy(self, filename: str, target: str, overwrite: bool | None = None) -> None:
        """Copy a file inside the storage. If both names are the same, this does nothing.

        >>> files.copy("reports/2026.txt", "archive/2026.txt")

        :param target: the name of the copy.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``.
        :raises FileNotFound: if there is no such file.
        :raises FileExists: if the target is taken.
        """
        replace = self.overwrite if overwrite is None else overwrite
        find(self).operations.copy(names.given(filename), names.given(target), overwrite=replace)

    def move(self, filename: str, target: str, overwrite: bool | None = None) -> None:
        """Move a file inside the storage. If both names are the same, this does nothing.

        :param target: the new name.
        :param overwrite: replace a file of that name; None means the storage's own ``overwrite``.
        :raises FileNotFound: if there is no such file.
        :raises FileExists: if the target is taken.
        """
        replace = self.overwrite if overwrite is None else overwrite
        find(self).operations.move(names.given(filename), names.given(target), overwrite=replace)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of all files, lazily, in no particular order. See :meth:`entries` for more.

        >>> list(files.list_files("reports/"))
        ['reports/2026.txt']

        :param prefix: the start of the names: ``'a/'`` lists the directory, ``'a'`` also lists ``ab.txt``. It stands
            for each of its spellings: ``'/a/'`` also lists what is in ``'a/'``.
        """
        return find(self).operations.list_files(prefix)

    def entries(self, prefix: str | None = None) -> Iterator[Entry]:
        """Iterate over all files with their sizes, times and media types, lazily, without reading any.

        They are in key order on every backend, that of the UTF-8 of their names: ``a.txt``, ``a/b``, ``a0``. Two
        storages can so be compared step by step.

        >>> [(entry.name, entry.size, entry.content_type) for entry in files.entries("reports/")]
        [('reports/2026.txt', 12, 'text/plain')]

        One request lists 1,000 files on S3, and 10,000 on Swift and GridFS. Swift needs one more for each empty
        file, because it lists dynamic large objects as empty. Backends that were written for Flask-FS are asked for
        the metadata of each file.

        A file that was there all the time is listed once, also while others are written and deleted.

        :param prefix: the start of the names, as for :meth:`list_files`.
        """
        state = find(self)
        unknown = state.callee.kind.DEFAULT_MIME
        return (
            Entry(name, facts.size, facts.modified, facts.content_type or mime(name, unknown))
            for name, facts in state.operations.entries(prefix)
        )

    def size(self, filename: str) -> int:
        """Return the length of a file in bytes. Makes one request to the store, and does not read the file.

        >>> files.size("reports/2026.txt")
        12

        :raises FileNotFound: if there is no such file.
        """
        return find(self).operations.size(names.given(filename))

    def metadata(self, filename: str, checksum: bool = True) -> dict[str, Any]:
        """Return ``filename`` (without directories), ``url``, ``checksum`` (``'algorithm:digits'`` or None), ``size``
        (bytes), ``mime`` and ``modified`` (a datetime with a time zone) of a file. Makes one request to the store.

        The URL is absolute; outside a request and without ``SERVER_NAME``, that of the app's route is a path.

        The backends local, memory and pyfs keep no checksums: they read the whole file to compute one.

        >>> found = files.metadata("reports/2026.txt")
        >>> found["size"], found["mime"], found["checksum"]
        (12, 'text/plain', 'sha1:95eb9081e26fdedc99cf75232ab60ef87015c47e')

        :param checksum: read the file for its checksum if the store keeps none. Without it, the checksum is None there.
        :raises FileNotFound: if there is no such file.
        """
        name, state = names.given(filename), find(self)
        operation = state.operations.metadata
        # of a backend that was written for this package before it had checksum
        metadata = operation(name) if checksum else call(operation, name, checksum=False)
        name = metadata.pop("name", name)
        metadata["filename"] = name.rpartition("/")[2]
        metadata["url"] = self.url(name, external=urls.knows_host(state.app))
        return metadata

    def resolve_conflict(self, target_folder: str, basename: str) -> str:
        """Return the first free name of ``name_1.ext``, ``name_2.ext``…, without the directory.

        Makes one request for each name that it tries. Another upload may take the name before the caller uses it.

        :param target_folder: the directory, relative to the storage.
        :param basename: the taken name.
        """
        stem, ext = os.path.splitext(basename)
        number = 1
        while self.exists(names.join(target_folder, f"{stem}_{number}{ext}")):
            number += 1
        return f"{stem}_{number}{ext}"

    # What may be uploaded

    def file_allowed(self, file: Any, basename: str) -> bool:
        """Return whether ``save`` accepts a file. A subclass may override it with stricter rules.

        :param file: the upload, or None if the file is not known yet because :meth:`upload_url` asks.
        :param basename: its name, without directories.
        """
        return self.extension_allowed(extension(basename)) and not denied_part(basename, self.config["deny"])

    def extension_allowed(self, ext: str) -> bool:
        """Return whether files with an extension may be saved: it is in ``extensions`` or ALLOW, and not in DENY.

        :param ext: the extension without its dot, in upper or lower case.
        """
        config = find(self).config
        if config["deny"] and has_extension(config["deny"], ext):
            return False
        return has_extension(self.extensions, ext) or has_extension(config["allow"], ext)

    @property
    def verifies(self) -> bool:
        """Whether ``save`` and uploads to the app's own route check the content: the setting VERIFY. By default, it is
        on if the storage accepts only images.
        """
        return intake.verifies(self.extensions, find(self).config)

    @property
    def inspects(self) -> bool:
        """Whether the content of an upload decides whether it is accepted: the storage :attr:`verifies` uploads, has a
        SCAN, or overrides :meth:`file_allowed`. Then no upload goes straight to a store unseen.
        """
        overrides = getattr(self.file_allowed, "__func__", None) is not Storage.file_allowed
        return self.verifies or overrides or find(self).config["scan"] is not None

    # Serving

    def serve(self, filename: str, *, download: bool | str | None = None) -> Response:
        """Return a response to the current request with a file, as SERVE_MODE says. The storage need not be served by
        the app's route.

        .. code-block:: python

            @app.get("/invoices/<int:number>")
            @login_required
            def invoice(number):
                return invoices.serve(f"{current_user.id}/{number}.pdf", download=f"Invoice {number}.pdf")

        :param download: whether browsers save the file, or under which name; None as the query of the request says.
        :raises NotFound: (404) if there is no such file.
        :raises Forbidden: (403) if AUTHORIZE denies it.
        """
        try:
            name = names.given(filename)
        except InvalidPath as error:
            raise missing(filename, self.name) from error
        return delivery.serve(find(self), name, download)

    @property
    def is_served(self) -> bool:
        """Whether the app's route serves the files: SERVE of the storage or of its backend, else ``FS_SERVE``."""
        state = find(self)
        served = state.config["serve"]
        if served is None:
            # an app may change it at any time, and may set a str
            served = state.app.config.get("FS_SERVE")
        return served if isinstance(served, bool) else serves(state.app.config)
