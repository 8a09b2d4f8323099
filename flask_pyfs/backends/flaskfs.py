"""An adapter for operations that were written for Flask-FS: those of a whole backend, or some of a built-in one."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from typing import IO, Any, BinaryIO, cast

from fs.base import FS

from .. import files, names
from ..errors import FileExists, FileNotFound, InvalidPath, OperationNotSupported, translated
from ..filesystems.base import CHUNK_SIZE
from ..filesystems.store import Description, Facts, level_of
from .base import BaseBackend
from .contract import WHOLE, Respond, Response, StoredName, Wanted
from .handles import Chunks, refuse_encoded
from .listing import Unread, by_names, leave_out
from .overrides import NAMES, WRITING, accepts, call, overrides_any

# the methods of Flask-FS that an operation calls
_CALLED = {
    "exists": {"exists"},
    "open": {"exists", "open"},
    "fetch": {"exists", "open", "metadata", "get_metadata"},
    "read": {"exists", "read"},
    "read_chunks": {"exists", "read_chunks"},
    "write": {"exists", "write"},
    "save": {"exists", "save"},
    "delete": {"delete"},
    "copy": {"exists", "copy"},
    "move": {"exists", "move"},
    "list_files": {"list_files"},
    "entries": {"list_files", "metadata", "get_metadata"},
    "level": {"list_files", "metadata", "get_metadata"},
    "metadata": {"metadata", "get_metadata"},
    "size": {"metadata", "get_metadata"},
    "serve": {"exists", "serve"},
}

# the operations that Flask-FS does not have
_NEW = {
    "spellings",
    "version",
    "delete_version",
    "replace_version",
    "facts",
    "signed_url",
    "signed_upload",
    "in_parts",
    "remove_leftovers",
}


class FlaskFSBackend:
    """Gives a backend of Flask-FS the operations that a storage calls.

    As in Flask-FS, ``exists`` is called before an operation that must not overwrite or that needs the file. Methods get
    the arguments of Flask-FS, and others only if they take them. If the backend has no ``read_chunks``, ``save``,
    ``copy``, ``move`` or ``metadata``, its other methods are used.

    :param backend: an object with the methods of a Flask-FS backend.
    :param name: the storage's name.
    :param prefix: the storage's PREFIX, if the methods get names with it.
    :param own: the backend itself, if it is one with a filesystem, which adds PREFIX itself.
    :param foreign: the methods that other code wrote. All other operations go to ``own`` directly.
    """

    def __init__(
        self,
        backend: Any,
        name: str,
        prefix: str,
        own: BaseBackend | None = None,
        foreign: frozenset[str] = NAMES,
    ) -> None:
        self._backend = backend
        self._name = name
        self._prefix = names.normalize_prefix(prefix).rstrip("/")
        self._filesystem = own
        #: The methods that other code wrote.
        self.foreign: frozenset[str] = foreign
        #: Whether the operations with versions are there.
        self.knows_versions: bool = own is not None
        if own is not None:
            untouched = {operation for operation, called in _CALLED.items() if foreign.isdisjoint(called)}
            for operation in _NEW | untouched:
                setattr(self, operation, getattr(own, operation))

    @property
    def fs(self) -> FS:
        if self._filesystem is not None:
            return self._filesystem.fs
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
        method, path = self._method("open"), self._path(filename)
        with self._translated(filename):
            if "b" in mode:
                return cast(IO[Any], call(method, path, mode, **options))
            if accepts(method, "encoding") or not inspect.isfunction(getattr(method, "__func__", method)):
                return cast(IO[Any], call(method, path, mode, encoding=encoding, **options))
            return _as_text(method(path, mode.replace("t", "") + "b"), "r" in mode, encoding, **options)

    def fetch(self, filename: str) -> tuple[Facts, BinaryIO]:
        return self.known(filename), cast(BinaryIO, self.open(filename, "rb"))

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

    def write(self, filename: str, content: Any, overwrite: bool = True) -> StoredName:
        if not overwrite:
            self._refuse_taken(filename)
        with self._translated(filename):
            return self._stored(
                call(self._method("write"), self._path(filename), content, overwrite=overwrite), filename
            )

    def save(
        self,
        file: Any,
        filename: str,
        overwrite: bool = True,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> StoredName:
        refuse_encoded(description, filename, self._name)
        save = self._own("save")
        if save is None:
            return self.write(filename, file.read(), overwrite)
        if not overwrite:
            self._refuse_taken(filename)
        with self._translated(filename):
            stored = call(save, file, self._path(filename), overwrite=overwrite, content_type=content_type)
            return self._stored(stored, filename)

    def delete(self, filename: str) -> str | None:
        with self._translated(filename):
            deleted = self._method("delete")(self._path(filename))
        # the name, if the method returns what that of the backend itself does
        return deleted if self._filesystem is not None and isinstance(deleted, str) else None

    def copy(self, filename: str, target: str, overwrite: bool = True) -> None:
        if self._filesystem is not None and self._filesystem.may_be_one(filename, target):
            BaseBackend.copy(self._filesystem, filename, target, overwrite)
            return
        if not self._ready(filename, target, overwrite):
            return
        copy = self._own("copy")
        with self._translated(filename):
            if copy is not None:
                call(copy, self._path(filename), self._path(target), overwrite=overwrite)
            else:
                self.write(target, self.read(filename))

    def copy_from(self, *arguments: Any, **options: Any) -> bool:
        # its methods may do more with the content than a server does
        return False

    def join(self, paths: Sequence[str], filename: str, overwrite: bool = True, **options: Any) -> Any:
        own = self._joining(filename)
        if not overrides_any(own, WRITING):
            return own.join(paths, filename, overwrite, **options)
        with own.joined(paths, options.pop("sizes", None), store=options.pop("store", None)) as file:
            return self.save(file, filename, overwrite, **options)

    def joined(self, paths: Sequence[str], sizes: Sequence[int] | None = None, **options: Any) -> BinaryIO:
        return self._joining().joined(paths, sizes, **options)

    def _joining(self, filename: str | None = None) -> BaseBackend:
        if self._filesystem is None:
            message = f"{type(self._backend).__name__} was written for Flask-FS, and joins no files"
            raise OperationNotSupported(message, path=filename, storage=self._name)
        return self._filesystem

    def move(self, filename: str, target: str, overwrite: bool = True) -> None:
        if self._filesystem is not None and self._filesystem.may_be_one(filename, target):
            # a method of Flask-FS copies, and deletes then what may be the copy
            BaseBackend.move(self._filesystem, filename, target, overwrite)
            return
        if not self._ready(filename, target, overwrite):
            return
        move = self._own("move")
        with self._translated(filename):
            if self._filesystem is not None:
                filename = self._filesystem.meant(filename)
            if move is not None:
                call(move, self._path(filename), self._path(target), overwrite=overwrite)
            else:
                self.copy(filename, target)
                self.delete(filename)

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        above = f"{self._prefix}/" if self._prefix else ""
        if self._filesystem is None:
            starts: tuple[str, ...] = (above + names.normalize_prefix(prefix),)
        else:
            starts = names.prefixes(prefix)
        # what other text is the start of a name, backends of flask-storage do not agree about
        below = {"prefix": starts[0]} if len(starts) == 1 and starts[0].endswith("/") else {}
        with self._translated():
            for path in call(self._method("list_files"), **below):
                if path.startswith(starts):
                    yield path[len(above) :]

    def entries(self, prefix: str | None = None, *, unread: Unread | None = None) -> Iterator[tuple[str, Facts]]:
        return by_names((each for each in self.list_files(prefix) if self._is_found(each, unread)), self.known)

    def _is_found(self, filename: str, unread: Unread | None) -> bool:
        if self._filesystem is not None or names.is_normal(filename):
            return True
        # a lease or an unfinished upload, or the marker of a directory
        if not filename.endswith("/") and not names.has_reserved(filename):
            reason = f"because {type(self._backend).__name__} finds files only by names in normal form"
            message = f"storage {self._name!r}: the file {filename!r} is left out, {reason}"
            leave_out(InvalidPath(message, path=filename, storage=self._name), unread)
        return False

    def level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        return level_of(self.entries, directory)

    def known(self, filename: str) -> Facts:
        """Return what the backend tells of a file."""
        known = self.metadata(filename, checksum=False)
        told = known.get("modified")
        # it may tell anything; Flask-FS told the local time
        modified = told.astimezone(timezone.utc) if isinstance(told, datetime) else None
        size = self._size_in(known, filename)
        return Facts(size, modified, content_type=known["mime"], checksum=known.get("checksum"), marked=False)

    def metadata(self, filename: str, checksum: bool = True) -> dict[str, Any]:
        method = self._own("metadata") or self._method("get_metadata")
        try:
            with self._translated(filename):
                metadata = dict(call(method, self._path(filename), checksum=checksum))
        except FileNotFound:
            raise
        except Exception:
            # Flask-FS let each backend say in its own way that there is no such file
            self._require(filename)
            raise
        metadata["mime"] = metadata.get("mime") or files.mime(filename, BaseBackend.DEFAULT_MIME)
        return metadata

    def size(self, filename: str) -> int:
        return self._size_in(self.metadata(filename, checksum=False), filename)

    def _size_in(self, metadata: dict[str, Any], filename: str) -> int:
        size = metadata.get("size")
        if isinstance(size, int):
            return size
        message = f"{type(self._backend).__name__} does not tell the sizes of files"
        raise OperationNotSupported(message, path=filename, storage=self._name)

    def serve(
        self,
        filename: str,
        respond: Respond[Response],
        announce: Callable[[], object],
        wanted: Wanted = WHOLE,
    ) -> Response:
        self._require(filename)
        serve, path = self._method("serve"), self._path(filename)
        with self._translated(filename):
            if accepts(serve, "respond"):
                return cast(Response, call(serve, path, respond=respond, announce=announce, wanted=wanted))
            announce()
            return cast(Response, serve(path))

    def facts(self, filename: str) -> Facts | None:
        return None

    def version(self, filename: str) -> None:
        self._require(filename)

    def delete_version(self, filename: str, version: str) -> bool:
        raise self._without_versions(filename)

    def replace_version(self, filename: str, *arguments: Any, **options: Any) -> None:
        raise self._without_versions(filename)

    def _without_versions(self, filename: str) -> OperationNotSupported:
        message = f"{type(self._backend).__name__} knows no versions of files"
        return OperationNotSupported(message, path=filename, storage=self._name)

    def signed_url(self, *arguments: Any, **options: Any) -> None:
        return None

    def signed_upload(self, *arguments: Any, **options: Any) -> None:
        return None

    def in_parts(self, filename: str) -> None:
        return None

    def remove_leftovers(self, *arguments: Any, **options: Any) -> int:
        message = f"{type(self._backend).__name__} was written for Flask-FS, and tells of no unfinished uploads"
        raise OperationNotSupported(message, storage=self._name)

    def _stored(self, result: Any, filename: str) -> StoredName:
        # drivers' objects, which methods of Flask-FS return, know no version; the file is found by the name as it is
        return result if isinstance(result, StoredName) else StoredName(self._named(filename))

    def _own(self, name: str) -> Callable[..., Any] | None:
        method = getattr(self._backend, name, None)
        if self._filesystem is None and getattr(method, "__func__", None) is getattr(BaseBackend, name):
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
        name = self._named(filename)
        return name if self._filesystem is not None else names.join(self._prefix, name)

    def _named(self, filename: str) -> str:
        # a method may join it to a directory, from which a leading slash would lead out
        name = self.spellings(filename)[0]
        # the backend itself looks for no other spelling than the one that AUTHORIZE judges
        return names.Exact(name) if isinstance(filename, names.Exact) else name

    def _translated(self, filename: str | None = None) -> AbstractContextManager[None]:
        return translated(self._name, filename)


def _as_text(file: Any, reads: bool, encoding: str, **options: Any) -> IO[Any]:
    if isinstance(file, io.TextIOBase):
        # it ignores the mode
        return cast(IO[Any], file)
    if not hasattr(file, "read" if reads else "write") and hasattr(file, "__enter__"):
        return cast(IO[Any], _text_inside(file, encoding, options))
    return cast(IO[Any], io.TextIOWrapper(file, encoding, **options))


@contextmanager
def _text_inside(context: Any, encoding: str, options: dict[str, Any]) -> Iterator[io.TextIOWrapper]:
    with context as file:
        text = io.TextIOWrapper(file, encoding, **options)
        yield text
        # the context needs the file
        text.detach()
