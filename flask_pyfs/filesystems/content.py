"""The standard methods of PyFilesystem that read, write, copy and move files, over the verbs of a store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, BinaryIO

from fs import errors
from fs.mode import Mode
from fs.path import dirname, relpath

from .base import copy_stream
from .store import StoreFS
from .streams import spooled


class ContentFS(StoreFS):
    """The standard methods about the content of files, made of verbs and of two steps that a subclass has for
    directories.

    The rules of PyFilesystem hold: the parent of a new file must exist, unless :attr:`strict` is off.
    """

    @abstractmethod
    def _is_directory(self, key: str) -> bool:
        """Return whether there is a directory."""

    @abstractmethod
    def _keep_directory(self, key: str) -> None:
        """Make a directory again whose last file was moved away, if it would be missing now."""

    def isfile(self, path: str) -> bool:
        key = self._key(path)
        return bool(key) and self.has_file(key)

    def openbin(self, path: str, mode: str = "r", buffering: int = -1, **options: Any) -> BinaryIO:
        opened = Mode(mode)
        opened.validate_bin()
        key = self._standard_key(path)
        if not opened.writing:
            return self._open_read(path, key)
        if self.strict:
            self._require_directory(dirname(key), path)
            if self._is_directory(key):
                raise errors.FileExpected(path)
        if opened.exclusive and self.isfile(key):
            raise errors.FileExists(path)
        content_type = options.get("content_type")
        if opened.reading or opened.appending:
            return self._open_update(path, key, opened, content_type)
        return self.open_write(key, overwrite=not opened.exclusive, content_type=content_type)

    def _open_read(self, path: str, key: str) -> BinaryIO:
        try:
            return self.open_read(key)
        except errors.ResourceNotFound:
            raise self._no_file(path) from None

    def _open_update(self, path: str, key: str, mode: Mode, content_type: str | None) -> BinaryIO:
        # objects are immutable: a local copy is edited, and sent when the file is closed
        def fill(file: BinaryIO) -> None:
            nonlocal content_type
            if not mode.truncate and not mode.exclusive:
                content_type = self._download_to(file, path, key, mode) or content_type

        def publish(content: BinaryIO) -> None:
            self.put(key, content, overwrite=not mode.exclusive, content_type=content_type)

        return spooled(publish, mode.to_platform_bin(), fill)

    def _download_to(self, file: Any, path: str, key: str, mode: Mode) -> str | None:
        try:
            facts, source = self.fetch(key)
        except errors.ResourceNotFound:
            if mode.create:
                return None
            raise self._no_file(path) from None
        with source:
            copy_stream(source, file)
        if not mode.appending:
            file.seek(0)
        return facts.content_type

    def readbytes(self, path: str) -> bytes:
        with self.openbin(path) as file:
            return file.read()

    def writebytes(self, path: str, contents: bytes) -> None:
        if not isinstance(contents, bytes):
            raise TypeError("contents must be bytes")
        with self.openbin(path, "w") as file:
            file.write(contents)

    def upload(self, path: str, file: BinaryIO, chunk_size: int | None = None, **options: Any) -> None:
        # fs.copy passes the open file of another filesystem, which may know its type
        options.setdefault("content_type", getattr(file, "content_type", None))
        super().upload(path, file, chunk_size, **options)

    def copy(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        self._transfer(self.copy_file, src_path, dst_path, overwrite)

    def move(self, src_path: str, dst_path: str, overwrite: bool = False, preserve_time: bool = False) -> None:
        self._transfer(self.move_file, src_path, dst_path, overwrite)
        self._keep_directory(dirname(self._key(src_path)))

    def _transfer(self, transfer: Callable[..., None], path: str, target: str, overwrite: bool) -> None:
        key, target_key = self._standard_key(path), self._standard_key(target)
        self._require_directory(dirname(target_key), target)
        if self.strict and self._is_directory(target_key):
            raise errors.FileExpected(target) if overwrite else errors.DestinationExists(target)
        if target_key == key and not overwrite and self.has_file(key):
            raise errors.DestinationExists(target)
        try:
            transfer(key, target_key, overwrite=overwrite)
        except errors.FileExists:
            raise errors.DestinationExists(target) from None
        except errors.ResourceNotFound:
            raise self._no_file(path) from None

    def _standard_key(self, path: str) -> str:
        key = self._key(path)
        if not key:
            raise errors.FileExpected(path)
        return key

    def _key(self, path: str) -> str:
        return str(relpath(self.validatepath(path)))

    def _no_file(self, path: str) -> errors.FSError:
        if self._is_directory(self._key(path)):
            return errors.FileExpected(path)
        return errors.ResourceNotFound(path)

    def _require_directory(self, key: str, path: str) -> None:
        if self.strict and not self._is_directory(key):
            raise errors.ResourceNotFound(path)
