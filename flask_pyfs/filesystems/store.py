"""What uploads need of a filesystem beyond the standard methods of PyFilesystem."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, BinaryIO, cast

from fs import errors
from fs.base import FS
from fs.mode import Mode, validate_open_mode

from .base import CarefulFS, Readable, copy_stream
from .streams import PendingFile, PendingText

__all__ = ["DAY", "Facts", "RangeNotSatisfiable", "StoreFS", "Unchanged"]


#: A day in seconds: how long an unfinished upload is left alone.
DAY = 24 * 60 * 60


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

    :ivar etag: the entity tag of the file, which is the caller's.
    """

    default_message = "resource '{path}' is unchanged"

    def __init__(self, path: str, etag: str, exc: Exception | None = None) -> None:
        super().__init__(path, exc)
        self.etag = etag


class RangeNotSatisfiable(errors.ResourceError):
    """The file has none of the bytes that were asked for.

    :ivar size: its length in bytes, which may be all that the store says of it.
    """

    default_message = "resource '{path}' has no such bytes"

    def __init__(self, path: str, size: int, exc: Exception | None = None) -> None:
        super().__init__(path, exc)
        self.size = size


class StoreFS(CarefulFS):
    """A filesystem with the verbs that uploads need. Paths are those of any PyFilesystem; errors are ``fs.errors``.

    Unlike the standard methods, these make the directories that they need, and never show an unfinished file.
    """

    @property
    def standard(self) -> FS:
        """The filesystem for code that asks for standard methods alone."""
        return self

    def open(
        self,
        path: str,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str = "",
        line_buffering: bool = False,
        **options: Any,
    ) -> IO[Any]:
        validate_open_mode(mode)
        binary = Mode(mode).binary
        file: Any = self.openbin(path, Mode(mode).to_platform_bin(), buffering if binary else -1, **options)
        if binary:
            return cast(IO[Any], file)
        # the base would publish what was written in a "with" that an exception ended
        text: Any = PendingText if isinstance(file, PendingFile) else io.TextIOWrapper
        return cast(IO[Any], text(file, encoding or "utf-8", errors, newline, line_buffering))

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
        :param stop: the byte before which reading will stop, None for the end. If it is ``start``, nothing is read.
        :param unless: the entity tag of a version that the caller has.
        :raises Unchanged: for that version, if the store then sends no content.
        :raises RangeNotSatisfiable: if the file has no such bytes, and the store then says nothing but its size.
        :raises fs.errors.ResourceNotFound: if there is no file, which may be all that a store knows of a directory.
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

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Remove what uploads of killed processes left behind, and return of how many uploads that was.

        A store that never keeps anything of an unfinished upload has nothing to remove.

        :param older_than: leave uploads alone that wrote in the last so many seconds; they may still be under way.
        :param prefix: the start of the paths of the files that were to be written, as for :meth:`iter_files`. A store
            that does not know which file a leftover belongs to looks at all of them.
        :param dry_run: only count.
        """
        return 0
