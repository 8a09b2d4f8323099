"""The operations that a storage calls on its backend, and the values that they exchange."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, BinaryIO, NamedTuple, Protocol, TypeVar

from fs.base import FS

from ..filesystems.base import CHUNK_SIZE
from ..filesystems.parts import InParts
from ..filesystems.store import DAY, Description, Facts, StoreFS

Response = TypeVar("Response")

#: Makes the response of the name, the facts, the open content, and the context that translates what reading it raises.
Respond = Callable[[str, Facts, BinaryIO, AbstractContextManager[Any]], Response]


class Wanted(NamedTuple):
    """The part of a file that an HTTP request asks for, and on which conditions.

    :param start: the first byte; a negative number counts from the end.
    :param stop: the byte to stop before, None for the end.
    :param unless: the entity tag of If-None-Match, if no other condition applies. A store may then send nothing if the
        file has it.
    :param conditional: whether the response depends on more than the range and ``unless``.
    """

    start: int = 0
    stop: int | None = None
    unless: str | None = None
    conditional: bool = False


#: An unconditional request for a whole file.
WHOLE = Wanted()


class NotModified(Exception):
    """The client has the current version of the file.

    :ivar etag: its entity tag.
    """

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


class NotSatisfiable(Exception):
    """The file has none of the bytes that the client asks for.

    :ivar size: the length of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class StoredName(str):
    """The name of a file that was just stored, which also knows the version that this write made.

    >>> name = StoredName("cv/ann.pdf", "5f1c")
    >>> name, name.version
    ('cv/ann.pdf', '5f1c')

    :ivar version: what tells this write of the file from all others, for
        :meth:`~flask_pyfs.Storage.delete_version` and :meth:`~flask_pyfs.Storage.replace_version`; None if the store
        knows no versions.
    :ivar original_name: what the client calls the file; None if it is not known, or the file is no upload.
    :ivar size: the length of what was stored, in bytes; None if it is not known, as with a method of other code.
    :ivar content_type: the media type that it was stored with; None if it is not known.
    :ivar checksum: ``'algorithm:hexadecimal digits'`` of what was stored; None but for the file of a field.
    """

    version: str | None
    original_name: str | None = None
    size: int | None = None
    content_type: str | None = None
    checksum: str | None = None

    def __new__(cls, name: str, version: str | None = None) -> StoredName:
        stored = super().__new__(cls, name)
        stored.version = version
        return stored

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # a copy or a pickle is a plain name: it may outlive the version, and the rest
        return str, (str(self),)


class Entry(NamedTuple):
    """A file in a listing.

    :param name: its name.
    :param size: its length in bytes.
    :param modified: the time of the last write, with a time zone, or None if the store does not tell it.
    :param content_type: the media type that the listing tells; else that of the extension.
    """

    name: str
    size: int
    modified: datetime | None
    content_type: str


@dataclass(frozen=True)
class UploadTerms:
    """The terms of an upload by a signed URL.

    :param expires: when the URL expires, in seconds since 1970.
    :param lifetime: how long the URL is valid, in seconds.
    :param overwrite: whether the upload may replace a file of that name.
    :param content_type: the media type that the file must have, in lower case.
    :param max_size: the maximum size of the file in bytes.
    """

    expires: int
    lifetime: int
    overwrite: bool
    content_type: str | None = None
    max_size: int | None = None


def require_size(size: int | None) -> int | None:
    """Return the maximum size of an upload, if it is one.

    :raises ValueError: if it is neither None nor a whole number of bytes, 1 or more.
    """
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(f"max_size must be a whole number of bytes, 1 or more, not {size!r}")
    return size


def require_type(media_type: str | None) -> str | None:
    """Return the media type of an upload in lower case, if it is one.

    :raises ValueError: if it is neither None nor a media type without parameters.
    """
    media_type = media_type and media_type.lower()
    if media_type is not None and not re.fullmatch(r"[a-z0-9_.+-]+/[a-z0-9_.+-]+", media_type):
        raise ValueError(
            f"content_type must be a media type without parameters, such as 'image/png', not {media_type!r}"
        )
    return media_type


@dataclass(frozen=True)
class UploadURL:
    """The request with which a client uploads one file.

    :param name: the name that the file will have.
    :param url: the URL of the request.
    :param method: ``'POST'``, with a body of ``multipart/form-data``: the fields, and last the file in the field
        ``file``; or ``'PUT'``, with the file as the body.
    :param fields: the fields of the form.
    :param headers: the headers of the request.
    :param original_name: what the client calls the file, as :func:`~flask_pyfs.display_names.display_name` shows it.
    :param token: what :meth:`~flask_pyfs.Storage.confirm` takes when the client has uploaded the file; None if the
        upload needs no confirmation.
    :param confirm_url: where the client itself may confirm it, with an empty POST; None likewise.
    """

    name: str
    url: str
    method: str = "POST"
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    original_name: str | None = None
    token: str | None = None
    confirm_url: str | None = None


class Operations(Protocol):
    """The operations that a storage calls. Names have passed ``names.given``; each operation finds the file that a name
    means, as :meth:`spellings` says. Errors are those of :mod:`flask_pyfs.errors`.

    :class:`~flask_pyfs.backends.BaseBackend` implements them with a filesystem, and ``FlaskFSBackend`` with a backend
    that was written for Flask-FS.
    """

    @property
    def fs(self) -> FS:
        """The PyFilesystem of the storage, with the storage as its root."""

    def spellings(self, filename: str) -> tuple[str, ...]:
        """Return the names of the files that a name may mean, in the order in which they are tried. No request.

        :raises flask_pyfs.errors.InvalidPath: if no operation accepts the name.
        """

    def exists(self, filename: str) -> bool:
        """Return whether there is a file of that name; False for a directory."""

    def open(
        self,
        filename: str,
        mode: str = "r",
        encoding: str = "utf-8",
        *,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Open a file with mode ``r``, ``w``, ``x`` or ``a``, and ``b`` for bytes."""

    def fetch(self, filename: str) -> tuple[Facts, BinaryIO]:
        """Return the facts of a file, without its checksum, and its content of the same version, to be closed."""

    def read(self, filename: str) -> bytes:
        """Return the content of a file."""

    def read_chunks(self, filename: str, chunk_size: int = CHUNK_SIZE) -> Iterator[bytes]:
        """Return an iterator over the content of a file, in pieces of at most ``chunk_size`` bytes."""

    def write(self, filename: str, content: Any, overwrite: bool = True) -> Any:
        """Store text, bytes, or a file from its current position on. Return a :class:`StoredName`, or anything else if
        the backend knows no versions.
        """

    def save(
        self,
        file: Any,
        filename: str,
        overwrite: bool = True,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> Any:
        """Store an upload. Return the same as :meth:`write`.

        :param description: that of a file whose copy this is. A store keeps all of it or nothing.
        :raises flask_pyfs.errors.OperationNotSupported: if the file has a content encoding that the store cannot keep.
        """

    def version(self, filename: str) -> str | None:
        """Return the version of a file, or None if the backend knows no versions."""

    def delete_version(self, filename: str, version: str) -> Any:
        """Delete a file if it still is this version. Return its name, or True; something false if it was not."""

    def replace_version(
        self,
        filename: str,
        content: Any,
        version: str,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> Any:
        """Replace a file if it still is this version. Return the same as :meth:`write`.

        :param description: as for :meth:`save`.
        """

    def delete(self, filename: str) -> Any:
        """Delete a file, or everything below a directory. Return its name, or None."""

    def copy(self, filename: str, target: str, overwrite: bool = True) -> None:
        """Copy a file inside the storage."""

    def copy_from(
        self, other: Operations, filename: str, target: str, overwrite: bool = True, version: str | None = None
    ) -> bool:
        """Copy a file of another storage without reading it. Return False if no server has both. If both are one file,
        nothing is written.

        :param filename: its name there.
        :param version: replace only this version of the target.
        :raises flask_pyfs.errors.VersionChanged: with ``version``, if the target was replaced or deleted; or if the
            file changed meanwhile, and then ``storage`` and ``path`` of the error are those of the source.
        """

    def join(
        self,
        paths: Sequence[str],
        filename: str,
        overwrite: bool = True,
        *,
        sizes: Sequence[int] | None = None,
        content_type: str | None = None,
        store: StoreFS | None = None,
    ) -> Any:
        """Store the content of several files of the store as one file, which may be done by the store itself. Return
        the same as :meth:`write`.

        :param paths: their paths in the filesystem of the backend, in order.
        :param sizes: the length of each in bytes, as a listing tells it.
        :param store: the store that has the files, if it is one that ``for_upload`` of the filesystem returned.
        :raises flask_pyfs.errors.OperationNotSupported: if the backend was written for Flask-FS.
        """

    def joined(
        self, paths: Sequence[str], sizes: Sequence[int] | None = None, *, store: StoreFS | None = None
    ) -> BinaryIO:
        """Return several files of the store as one that is open for reading.

        :param paths: as for :meth:`join`, like ``sizes`` and ``store``.
        :raises flask_pyfs.errors.OperationNotSupported: if the backend was written for Flask-FS.
        """

    def move(self, filename: str, target: str, overwrite: bool = True) -> None:
        """Move a file inside the storage."""

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of all files that start with a prefix."""

    def entries(self, prefix: str | None = None) -> Iterator[tuple[str, Facts]]:
        """Iterate over the names of all files that start with a prefix, in key order, each with facts of the file.

        One that may leave out directories that cannot be read, or files whose names no operation accepts, also takes
        ``unread``, a function that is called with the name of each, and with the error.
        """

    def level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        """Iterate over the names of what is in a directory: files with their facts, and directories, which end with
        a slash, with None.
        """

    def metadata(self, filename: str, checksum: bool = True) -> dict[str, Any]:
        """Return ``checksum``, ``size`` (bytes), ``mime`` and ``modified`` of a file, and perhaps its ``name``.

        Without ``checksum``, the file is not read for one.
        """

    def size(self, filename: str) -> int:
        """Return the length of a file in bytes."""

    def facts(self, filename: str) -> Facts | None:
        """Return the facts of a file, or None if the backend cannot tell them."""

    def serve(
        self,
        filename: str,
        respond: Respond[Response],
        announce: Callable[[], object],
        wanted: Wanted = WHOLE,
    ) -> Response:
        """Return the response to a request for a file.

        :raises NotModified: if the store sends no content, because the client has this version.
        :raises NotSatisfiable: if the file has none of the bytes, and the store tells only its size.
        """

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a URL of the store with which anybody may read a file until it expires; None if it signs none."""

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a request with which anybody may upload a file to the store until it expires; None if the store cannot
        enforce the terms.
        """

    def in_parts(self, filename: str) -> InParts | None:
        """Return the file of a name, or of a path that is reserved, as clients send it to the store in parts; None if
        the store takes none. No request.
        """

    def remove_leftovers(self, older_than: float = DAY, *, dry_run: bool = False) -> int:
        """Remove the leftovers of uploads whose process was killed, and return the number of these uploads.

        :raises flask_pyfs.errors.OperationNotSupported: if the backend knows of none because it was written for
            Flask-FS.
        """
