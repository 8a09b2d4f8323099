"""A storage as a filesystem of fsspec."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from glob import has_magic
from typing import Any, BinaryIO

from flask import has_app_context
from fsspec.callbacks import DEFAULT_CALLBACK

from ...backends.contract import NotSatisfiable, Wanted
from ...errors import ConfigurationError, FileExists, FileNotFound, translated
from ...extension import by_name
from ...filesystems.store import Facts
from ...filesystems.streams import PendingText
from ...state import find
from .files import Compressed, OpenedFile
from .listing import ListedStorage


class StorageFileSystem(ListedStorage):
    """A storage as a filesystem of fsspec, for pandas, pyarrow, Dask and others that take one.

    It is bound to the app that is current when it is made, and other threads may use it. Paths are names of files; a
    leading slash means nothing. A directory is made with its first file, and ``mkdir`` makes none. On a disk it stays
    when its last file is deleted.

    Written files become visible when they close, and an exception in the ``with`` block discards them. As with
    :meth:`Storage.open <flask_pyfs.Storage.open>`, ``w`` replaces a file whatever ``overwrite`` of the storage says,
    and the extension may be any. Only what is read is fetched. Nothing is cached: neither listings nor instances.

    Errors are those of :class:`~flask_pyfs.Storage`, so they are also those that users of fsspec expect:
    ``FileNotFoundError``, ``FileExistsError``, ``PermissionError``, ``NotImplementedError``, and ``ConnectionError`` if
    the store fails. A pickle holds the name of the storage, which is found by it on the app that is current where the
    pickle is loaded.

    :param storage: the storage.
    :raises ConfigurationError: if the storage is not configured on the current app.
    """

    protocol = "flask-pyfs"

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, (self.storage.name,)

    # Reading

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        """Return the content of a file, or of its bytes from ``start`` to ``end``, by one request for these alone.

        With a negative ``end``, the store is asked for the rest of the file.
        """
        path = self._strip_protocol(path)
        if not start and end is None:
            with self._context():
                return self.storage.read(path)
        start = start or 0
        if end is not None and (start < 0 or end < 0):
            with self.open(path) as file:
                first, last, _ = slice(start, end).indices(file.size)
                file.seek(first)
                content: bytes = file.read(max(0, last - first))
                return content
        stop = end if end is None else max(start, end)

        def read(name: str, facts: Facts, file: BinaryIO, guard: AbstractContextManager[Any]) -> bytes:
            with guard, file:
                file.seek(start if start >= 0 else max(0, facts.size + start))
                return file.read() if stop is None else file.read(stop - start)

        try:
            with self._context():
                return find(self.storage).operations.serve(path, read, lambda: None, Wanted(start, stop))
        except NotSatisfiable:
            return b""

    def head(self, path: str, size: int = 1024) -> bytes:
        """Return the first bytes of a file, by one request for these alone."""
        return self.cat_file(path, 0, size)

    def tail(self, path: str, size: int = 1024) -> bytes:
        """Return the last bytes of a file, by one request for these alone."""
        return self.cat_file(path, -size) if size else b""

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file. A file that is read fetches what is read; ``block_size`` and ``cache_options`` mean nothing.

        What is written is stored when the file closes. An exception in the ``with`` block discards it, also with text
        and with ``compression``.

        :param mode: ``r``, ``w``, ``x`` or ``a``, with ``b`` for bytes. Without ``encoding``, text is UTF-8.
        :raises FileNotFound: with ``r``, if there is no such file.
        :raises FileExists: with ``x``, if the name is taken, at once or when the file closes.
        """
        if "b" not in mode:
            text = [kwargs.pop(option, default) for option, default in _TEXT]
            kind = io.TextIOWrapper if "r" in mode else PendingText
            return kind(self.open(path, mode.replace("t", "") + "b", compression=compression, **kwargs), *text)
        file = super().open(path, mode, **kwargs)
        return file if compression is None else Compressed(file, compression)

    def _open(self, path: str, mode: str = "rb", *args: Any, autocommit: bool = True, **kwargs: Any) -> OpenedFile:
        with self._context():
            if "x" in mode and self.storage.exists(path):
                message = f"{path!r} in storage {self.storage.name!r}: the name is taken"
                raise FileExists(message, path=path, storage=self.storage.name)
            return OpenedFile(self, path, self.storage.open(path, mode), autocommit or "r" in mode)

    # Writing

    def pipe_file(self, path: str, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        """Store bytes, as :meth:`Storage.write <flask_pyfs.Storage.write>` does.

        :param mode: ``'overwrite'``, or ``'create'``, with which the store refuses a name that is taken.
        """
        path = self._strip_protocol(path)
        with self._context():
            if mode == "create":
                self.storage.write_only_new(path, value)
            else:
                self.storage.write(path, value, overwrite=True)

    def put_file(self, lpath: Any, rpath: str, callback: Any = None, mode: str = "overwrite", **kwargs: Any) -> None:
        """Store a local file. A directory is left out.

        :param mode: ``'overwrite'``, or ``'create'``, with which the store refuses a name that is taken.
        """
        if os.path.isdir(lpath):
            return
        callback = DEFAULT_CALLBACK if callback is None else callback
        with open(lpath, "rb") as source, self.open(rpath, "xb" if mode == "create" else "wb") as target:
            callback.set_size(os.fstat(source.fileno()).st_size)
            while piece := source.read(self.blocksize):
                target.write(piece)
                callback.relative_update(len(piece))

    def cp_file(self, path1: str, path2: str, moves: bool = False, **kwargs: Any) -> None:
        """Copy a file, by the store where it can."""
        source, target = self._strip_protocol([path1, path2])
        with self._context():
            try:
                (self.storage.move if moves else self.storage.copy)(source, target, overwrite=True)
            except FileNotFound:
                # a directory is there with the files that are copied to it
                if not self._is_directory(source):
                    raise

    def copy(self, path1: Any, path2: Any, *arguments: Any, **kwargs: Any) -> None:
        """Copy files, by the store where it can."""
        super().copy(*self._named(path1, path2, self.isdir), *arguments, **kwargs)

    def get(self, rpath: Any, lpath: Any, *arguments: Any, **kwargs: Any) -> None:
        """Copy files to local ones."""
        super().get(*self._named(rpath, lpath, os.path.isdir), *arguments, **kwargs)

    def _named(self, source: Any, target: Any, is_directory: Callable[[str], bool]) -> tuple[Any, Any]:
        # fsspec puts what a pattern means into a directory: the name of a file may look like one
        if not isinstance(source, str) or not has_magic(source) or not self.isfile(source):
            return source, target
        if target.endswith("/") or is_directory(target):
            target = f"{target.rstrip('/')}/{source.rpartition('/')[2]}"
        return [source], [target]

    def mv(self, path1: Any, path2: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any) -> None:
        """Move files, by the store where it can."""
        source = self._strip_protocol(path1)
        if source == self._strip_protocol(path2):
            return
        if isinstance(source, str) and not (recursive or has_magic(source)) and self.isdir(source):
            raise IsADirectoryError(errno.EISDIR, "is a directory: pass recursive=True", source)
        self.copy(path1, path2, recursive=recursive, maxdepth=maxdepth, on_error="raise", moves=True)

    def rm_file(self, path: str) -> None:
        """Delete one file.

        :raises FileNotFound: if there is no such file.
        """
        path = self._strip_protocol(path)
        with self._context():
            # delete would remove what is below the name too
            while (version := self.storage.version(path)) is not None:
                if self.storage.delete_version(path, version):
                    return
            self.storage.delete(path)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete files, and with ``recursive`` directories with all that is in them.

        :raises FileNotFound: if there is nothing of that name.
        :raises IsADirectoryError: without ``recursive``, if it is a directory.
        :raises InvalidPath: if it is the root.
        """
        named = self._strip_protocol(path if isinstance(path, list) else [path])
        for each in self.expand_path(path, recursive=recursive and maxdepth is not None, maxdepth=maxdepth):
            kind = self._type(each)
            if kind is None:
                if each in named:
                    message = f"{each!r} is not in storage {self.storage.name!r}"
                    raise FileNotFound(message, path=each, storage=self.storage.name)
                # it went with its directory
                continue
            if kind == "file":
                self.rm_file(each)
            elif not recursive:
                raise IsADirectoryError(errno.EISDIR, "is a directory: pass recursive=True", each)
            elif maxdepth is None:
                with self._context():
                    self.storage.delete(each)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory.

        :raises OSError: if there is something in it.
        """
        path = self._strip_protocol(path)
        if self.ls(path):
            raise OSError(errno.ENOTEMPTY, "the directory is not empty", path)
        with self._context(), translated(self.storage.name, path):
            self.storage.fs.removedir(path)

    def sign(self, path: str, expiration: float = 100, **kwargs: Any) -> str:
        """Return a signed URL; see :meth:`Storage.url <flask_pyfs.Storage.url>`.

        :param expiration: how long it is valid at most, in seconds.
        """
        with self._context():
            return self.storage.url(self._strip_protocol(path), external=True, expires=expiration)


_TEXT = (("encoding", "utf-8"), ("errors", None), ("newline", None))


def _loaded(name: str) -> StorageFileSystem:
    storage = by_name(name) if has_app_context() else None
    if storage is None:
        raise ConfigurationError(
            f"the filesystem of storage {name!r} was pickled by another process: load it in the context of an app that "
            "has this storage",
            storage=name,
        )
    return StorageFileSystem(storage)
