"""What uploads need of a filesystem beyond the standard methods of PyFilesystem."""

from __future__ import annotations

import posixpath
import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, BinaryIO, Protocol

from fs import errors
from fs.base import FS

from ..names import RESERVED

__all__ = [
    "CHUNK_SIZE",
    "CarefulFS",
    "Facts",
    "Readable",
    "StoreFS",
    "Unchanged",
    "copy_stream",
    "is_reserved",
    "known_type",
    "literal",
    "strong_tag",
]

#: How many bytes are moved at a time.
CHUNK_SIZE = 1024 * 1024


class Readable(Protocol):
    """Anything that gives its bytes piece by piece, an empty piece at the end. Pieces may be short."""

    def read(self, size: int = -1, /) -> Any: ...


class Writable(Protocol):
    def write(self, data: Any, /) -> Any: ...


@dataclass(frozen=True)
class Facts:
    """What a store says of a file.

    :param size: its length in bytes.
    :param modified: when it was written, with a time zone.
    :param etag: a strong entity tag without its quotes (RFC 9110, section 8.8.3), or None.
    :param content_type: its media type where the store keeps one, else None.
    :param checksum: ``'algorithm:hexadecimal digits'`` of its content, or None.
    """

    size: int
    modified: datetime | None
    etag: str | None = None
    content_type: str | None = None
    checksum: str | None = None


class Unchanged(errors.ResourceError):
    """The caller knows the content of the file already.

    :ivar facts: what is known of the file. Its size may not be.
    """

    default_message = "resource '{path}' is unchanged"

    def __init__(self, path: str, facts: Facts, exc: Exception | None = None) -> None:
        super().__init__(path, exc)
        self.facts = facts


class CarefulFS(FS):
    """A filesystem without two faults of the base: it holds no lock while bytes move, so one slow client stops nobody,
    and it keeps a directory that is moved onto or into itself.
    """

    def upload(self, path: str, file: BinaryIO, chunk_size: int | None = None, **options: Any) -> None:
        with self.openbin(path, "w", **options) as target:
            copy_stream(file, target, chunk_size or CHUNK_SIZE)

    def download(self, path: str, file: BinaryIO, chunk_size: int | None = None, **options: Any) -> None:
        with self.openbin(path, "r", **options) as source:
            copy_stream(source, file, chunk_size or CHUNK_SIZE)

    def writefile(
        self,
        path: str,
        file: IO[Any],
        encoding: str | None = None,
        errors: str | None = None,
        newline: str = "",
    ) -> None:
        mode = "wb" if encoding is None else "wt"
        with self.open(path, mode, encoding=encoding, errors=errors, newline=newline) as target:
            while piece := file.read(CHUNK_SIZE):
                target.write(piece)

    def copydir(self, src_path: str, dst_path: str, create: bool = False, preserve_time: bool = False) -> None:
        if self._is_other_directory(src_path, dst_path):
            super().copydir(src_path, dst_path, create, preserve_time)

    def movedir(self, src_path: str, dst_path: str, create: bool = False, preserve_time: bool = False) -> None:
        if self._is_other_directory(src_path, dst_path):
            super().movedir(src_path, dst_path, create, preserve_time)

    def _is_other_directory(self, path: str, target: str) -> bool:
        here, there = self._location(path), self._location(target)
        if there.startswith(f"{here.rstrip('/')}/"):
            raise errors.OperationFailed(target, msg="a directory cannot go into itself: '{path}'")
        if here == there and not self.getinfo(path).is_dir:
            raise errors.DirectoryExpected(path)
        return here != there

    def _location(self, path: str) -> str:
        return self.validatepath(path)


class StoreFS(CarefulFS):
    """A filesystem with the verbs that uploads need. Paths are those of any PyFilesystem; errors are ``fs.errors``.

    Unlike the standard methods, these make the directories that they need, and never show an unfinished file.
    """

    @property
    def standard(self) -> FS:
        """The filesystem for code that asks for standard methods alone."""
        return self

    @abstractmethod
    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        """Open a file for writing that appears under its name, whole, when it closes without an exception.

        :param overwrite: replace a file of that name.
        :param content_type: its media type, for stores that keep one; they guess it from the name without it.
        :raises fs.errors.FileExists: at once or at closing, without ``overwrite``, where the name is taken.
        """

    def put(self, path: str, file: Readable, *, overwrite: bool = True, content_type: str | None = None) -> None:
        """Store all that a stream holds from its current position. The stream is left open.

        :param overwrite: replace a file of that name; else the store decides, in the write itself, who is first.
        :param content_type: its media type, for stores that keep one; they guess it from the name without it.
        :raises fs.errors.FileExists: without ``overwrite``, where the name is taken, or where it is a directory's and
            the store has directories.
        :raises fs.errors.DirectoryExpected: where a parent of the path is a file, likewise.
        """
        with self.open_write(path, overwrite=overwrite, content_type=content_type) as target:
            copy_stream(file, target)

    @abstractmethod
    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        """Open a file for reading: its facts, without the checksum, and a seekable stream of the same version.

        The stream stands at the first byte. A store that answers over a network may ask at first for the bytes that
        will be read alone.

        :param start: the first byte that will be read; a negative number counts from the end.
        :param stop: the byte before which reading will stop, None for the end; nothing is read where it is ``start``.
            Where the file has no such bytes, a store may know the size alone, and of the other facts nothing.
        :param unless: the entity tag of a version that the caller has.
        :raises Unchanged: for that version, where the store need not send its content then.
        :raises fs.errors.ResourceNotFound: where there is no file, which may be all that a store knows of a directory.
        :raises fs.errors.FileExpected: for a directory.
        """

    def open_read(self, path: str) -> BinaryIO:
        """Open a file for reading; nobody knows yet which of its bytes.

        :raises fs.errors.FSError: as ``fetch`` does.
        """
        return self.fetch(path)[1]

    @abstractmethod
    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        """Return the facts of a file.

        :param checksum: with the checksum too, where the store has one or keeps files that can be read for it.
        :raises fs.errors.ResourceNotFound: where there is no file, which may be all that a store knows of a directory.
        :raises fs.errors.FileExpected: for a directory.
        """

    def isfile(self, path: str) -> bool:
        # in one request
        try:
            self.facts(path)
        except (errors.ResourceNotFound, errors.FileExpected):
            return False
        return True

    def readbytes(self, path: str) -> bytes:
        return self.read_file(path)

    def read_file(self, path: str) -> bytes:
        """Return the content of a file.

        :raises fs.errors.FSError: as ``fetch`` does.
        """
        with self.fetch(path)[1] as file:
            return file.read()

    @abstractmethod
    def iter_files(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the names of all files that start with a prefix, lazily, in no particular order.

        :param prefix: the start of the paths, without a leading slash; ``'a/'`` means the directory, ``'a'`` also
            ``ab.txt``.
        """

    @abstractmethod
    def delete_tree(self, path: str) -> None:
        """Delete a file, or a directory with everything below it; nothing else. What is not there is no error."""

    @abstractmethod
    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        """Copy a file inside the filesystem; onto itself it does nothing.

        :raises fs.errors.ResourceNotFound: where there is no file.
        :raises fs.errors.FileExists: without ``overwrite``, where the target is taken.
        """

    @abstractmethod
    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        """Move a file inside the filesystem; onto itself it does nothing.

        :raises fs.errors.ResourceNotFound: where there is no file.
        :raises fs.errors.FileExists: without ``overwrite``, where the target is taken.
        """


def copy_stream(source: Readable, target: Writable, size: int = CHUNK_SIZE) -> None:
    """Write all that a stream gives until it is empty; text is encoded as UTF-8.

    :param size: how many bytes to ask for at a time.
    """
    while piece := source.read(size):
        target.write(piece.encode() if isinstance(piece, str) else piece)


def known_type(content_type: str | None) -> str | None:
    """Return a media type that a store gives for a file, or None for those that it gives where it was told none."""
    return None if content_type in ("binary/octet-stream", "application/octet-stream", "") else content_type


def strong_tag(etag: str | None) -> str | None:
    """Return an entity tag without its quotes; None for a weak one, which proxies make, and for what is none."""
    match = re.fullmatch(r'"?([!#-\x7e]+)"?', etag or "")
    return match[1] if match else None


def literal(message: str) -> str:
    """Return a message for an error of ``fs``, which formats it."""
    return message.replace("{", "{{").replace("}", "}}")


def is_reserved(path: str) -> bool:
    """Whether the last component of a path belongs to an unfinished upload."""
    return posixpath.basename(path).startswith(RESERVED)
