"""The base of all filesystems here: it copies streams in constant memory, and fixes two faults of PyFilesystem's base
class.
"""

from __future__ import annotations

from typing import IO, Any, BinaryIO, Protocol

from fs import errors
from fs.base import FS

from ..names import Reserved, has_reserved

#: The size of the pieces that streams are copied in, in bytes.
CHUNK_SIZE = 1024 * 1024


class Readable(Protocol):
    """A stream whose ``read`` returns pieces, and an empty piece at the end. A piece may be shorter than ``size``."""

    def read(self, size: int = -1, /) -> Any: ...


class Writable(Protocol):
    def write(self, data: Any, /) -> Any: ...


class CarefulFS(FS):
    """A filesystem without two faults of its base. It holds no lock while it copies bytes, so a slow client does not
    block the others. It never loses a directory that is moved onto or into itself.
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
            raise errors.OperationFailed(target, msg="cannot copy or move a directory into itself: '{path}'")
        if here == there and not self.getinfo(path).is_dir:
            raise errors.DirectoryExpected(path)
        return here != there

    def _location(self, path: str) -> str:
        return self.validatepath(path)


def refuse_reserved(path: str, normal: str | None = None) -> None:
    """Refuse the path of a reserved name, unless the caller means one.

    :param path: the path, which is a :class:`~flask_pyfs.names.Reserved` if that is meant.
    :param normal: its normal form, if that is another one.
    :raises fs.errors.InvalidPath: if it has a reserved component.
    """
    if has_reserved(path if normal is None else normal) and not isinstance(path, Reserved):
        raise errors.InvalidPath(path, "path '{path}' belongs to an unfinished upload")


def copy_stream(source: Readable, target: Writable, size: int = CHUNK_SIZE) -> None:
    """Copy a stream from its current position to its end. Text is encoded as UTF-8.

    :param size: the size of the pieces in bytes.
    """
    while piece := source.read(size):
        target.write(piece.encode() if isinstance(piece, str) else piece)
