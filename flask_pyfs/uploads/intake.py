"""What a storage asks of every upload, before its content is verified: a name that it takes, and a size."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Protocol

from werkzeug.datastructures import FileStorage

from .. import names
from ..config import Config
from ..errors import EmptyUpload, UploadNotAllowed
from ..files import has_extension, is_empty, only_images
from ..keys import own_key, refusal, storage_key
from ..origins import set_by
from ..seekable import OwnFile
from .refusals import too_large, unnamed, wrong_type

Directory = str | Callable[[], str] | None


class Receiver(Protocol):
    """The part of a storage that the modules of this package use."""

    name: str
    extensions: Container[str]
    upload_to: Directory

    def file_allowed(self, file: Any, basename: str) -> bool:
        """Return whether the storage accepts a file."""


def accepted_name(storage: Receiver, file: Any, filename: str | None, config: Config) -> str:
    """Return the name of an upload, without directories of the storage, if the storage takes it.

    :param file: the upload, or None if it is not known yet.
    :raises InvalidPath: if there is no name, or it is not valid.
    :raises UploadNotAllowed: if the storage accepts no uploads.
    :raises UnauthorizedFileType: if it does not accept files with this name.
    """
    if not filename:
        raise unnamed(file, storage.name)
    # all that judges the name looks at its last part
    name = names.uploaded(filename)
    if is_empty(storage.extensions) and is_empty(config["allow"]):
        raise UploadNotAllowed(
            f"storage {storage.name!r} accepts no uploads: set {storage_key(storage.name, 'ALLOW')} to some extensions",
            storage=storage.name,
        )
    for basename in names.last_parts(name):
        if not allows(storage, file, basename):
            raise wrong_type(storage.name, name, basename, storage.extensions, config)
    return name


def allows(storage: Receiver, file: Any, basename: str) -> bool:
    """Return whether the storage accepts a file. If its ``file_allowed`` reads the file, that goes back to its position
    afterwards.
    """
    stream = file.stream if isinstance(file, FileStorage) else file
    try:
        position = stream.tell()
    except Exception:
        # None, a pipe, or an object like a file
        return storage.file_allowed(file, basename)
    try:
        return storage.file_allowed(file, basename)
    finally:
        # the method may have given the upload another stream
        stream = file.stream if isinstance(file, FileStorage) else file
        with suppress(Exception):
            if stream.tell() != position:
                stream.seek(position)


def place(storage: Receiver, name: str, prefix: Directory, unique: bool) -> str:
    """Return the name under which an upload is stored: ``upload_to/prefix/name``.

    :param name: what :func:`accepted_name` returned.
    :param unique: put a random part in front of the extension.
    :raises InvalidPath: if the whole name is not valid.
    """
    if unique:
        # nothing else can have the name, in any spelling
        stem, ext = os.path.splitext(names.normalize(name))
        name = f"{stem}-{secrets.token_hex(8)}{ext}"
    if storage.upload_to or prefix:
        # Flask-FS puts them together so, and its files must be found
        name = "/".join(filter(None, (_directory(storage.upload_to), _directory(prefix), name)))
    return names.Exact(names.normalize(name)) if unique else names.given(name)


def _directory(value: Directory) -> str:
    return (value() if callable(value) else value) or ""


def measured(storage: Receiver, file: Any, name: str, max_size: int | None) -> Any:
    """Return an upload whose size is in order. One that cannot seek raises :exc:`FileTooLarge` while it is read.

    The position of the file does not change. No request.

    :param max_size: MAX_SIZE, in bytes, or None.
    :raises FileTooLarge: if more than that is left.
    :raises EmptyUpload: if the file has a size, but was read to its end.
    """
    stream = file.stream if isinstance(file, FileStorage) else file
    if isinstance(stream, OwnFile):
        return file
    is_file = hasattr(stream, "read")
    try:
        position = stream.tell() if is_file else 0
        if not position and max_size is None:
            return file
        size = _end_of(stream, position) if is_file else _length_of(stream)
    except Exception:
        # a pipe has no position, an object like a file may raise anything, and what is neither is refused later
        size = None
    if size and is_file and position >= size and _is_at_end(stream, position):
        message = f"nothing is left of {name!r}: its stream was read to its end before; seek(0) first"
        raise EmptyUpload(message, path=name, storage=storage.name)
    if max_size is None:
        return file
    if not size or isinstance(stream, io.TextIOBase):
        # a device says 0, and of a text file, the size is not one in bytes
        counted = CountedStream(stream, max_size, too_large(storage.name, name, max_size))
        return _like(file, counted) if is_file else file
    if size - position > max_size:
        raise too_large(storage.name, name, max_size)
    return file


def _end_of(stream: Any, position: int) -> int:
    try:
        # not what seek returns: some objects like a file return nothing
        stream.seek(0, io.SEEK_END)
        return int(stream.tell())
    finally:
        stream.seek(position)


def _is_at_end(stream: Any, position: int) -> bool:
    # the position of a text file is a number for the state of its decoder
    if not isinstance(stream, io.TextIOBase):
        return True
    try:
        return not stream.read(1)
    finally:
        stream.seek(position)


def _length_of(content: Any) -> int:
    return len(content.encode()) if isinstance(content, str) else memoryview(content).nbytes


def _like(file: Any, stream: Any) -> Any:
    if isinstance(file, FileStorage):
        return FileStorage(stream, file.filename, file.name, headers=file.headers)
    return stream


class CountedStream:
    """A stream of unknown length that raises an error once more than some bytes of it were read. It cannot seek.

    :param stream: a binary file, or one of text, which becomes UTF-8.
    :param most: how many bytes it may have.
    :param error: the error.
    """

    def __init__(self, stream: Any, most: int, error: Exception) -> None:
        self._stream = stream
        self._room = most
        self._error = error

    def read(self, size: int | None = -1) -> Any:
        if size is not None and size >= 0:
            return self._piece(size)
        pieces = []
        while piece := self._piece(self._room + 1):
            pieces.append(piece)
        return b"".join(pieces)

    def _piece(self, size: int) -> Any:
        # one byte more tells whether it goes on
        piece = self._stream.read(min(size, self._room + 1))
        if isinstance(piece, str):
            piece = piece.encode()
        self._room -= len(piece or b"")
        if self._room < 0:
            raise self._error
        return piece


def require_reach(storage: Receiver, settings: Mapping[str, Any], config: Config) -> None:
    """Check that VERIFY_RENAME, if the storage itself has it, has an effect, that VERIFY_SVG can strip, and SCAN ask.

    :param settings: the configuration of the app.
    :raises ConfigurationError: if it has none, because nothing is verified, or Pillow is not installed; or if SVG files
        would be stripped, and py-svg-hush is not installed; or clamd asked, and clamav-client is not.
    """
    if config["verify_svg"] == "strip" and _takes_svg(storage, config) and find_spec("py_svg_hush") is None:
        needed = "needs py-svg-hush: pip install 'flask_pyfs[images]'"
        raise refusal(f"{set_by(config, 'VERIFY_SVG')} is 'strip', which {needed}", storage.name)
    if isinstance(config["scan"], str) and find_spec("clamav_client") is None:
        needed = "needs clamav-client: pip install 'flask_pyfs[scan]'"
        raise refusal(f"{set_by(config, 'SCAN')} {needed}", storage.name)
    key = own_key(settings, storage.name, "VERIFY_RENAME")
    if key is None or not config["verify_rename"]:
        return
    if not verifies(storage.extensions, config):
        verify = storage_key(storage.name, "VERIFY")
        raise refusal(f"{key} is on, but storage {storage.name!r} verifies nothing: set {verify} to True", storage.name)
    from .content import has_pillow

    if not has_pillow():
        raise refusal(f"{key} needs Pillow: pip install 'flask_pyfs[images]'", storage.name)


def _takes_svg(storage: Receiver, config: Config) -> bool:
    is_taken = any(has_extension(each, "svg") for each in (storage.extensions, config["allow"]))
    return is_taken and not has_extension(config["deny"], "svg") and verifies(storage.extensions, config)


def verifies(extensions: Container[str], config: Config) -> bool:
    """Return what VERIFY says: by default, it is on for storages that accept only images."""
    verify = config["verify"]
    return only_images(extensions, config["allow"]) if verify is None else bool(verify)
