"""Uploads as files that can seek."""

from __future__ import annotations

import io
import operator
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from werkzeug.datastructures import FileStorage

# every system accepts offsets below this
_OFFSET_LIMIT = 2**62

_READ_SIZE = 1024 * 1024


@contextmanager
def rewindable(file: Any, max_size: int | None = None) -> Iterator[BinaryIO]:
    """Yield an upload as a file that can seek: the file itself, or a temporary copy of what is left of it.

    :param file: a ``FileStorage``, a file, or content. Text becomes UTF-8.
    :param max_size: the maximum size of an upload, in bytes. The copy of a larger one ends after a byte more.
    """
    stream: Any = file.stream if isinstance(file, FileStorage) else file
    if isinstance(stream, str):
        stream = stream.encode()
    if not hasattr(stream, "read"):
        yield io.BytesIO(stream)
        return
    try:
        stream.seek(stream.tell())
        # what a text has must become UTF-8
        can_seek = not isinstance(stream, io.TextIOBase)
    except Exception:
        # pipes have neither method, and wrappers of files raise whatever they like
        can_seek = False
    if can_seek:
        yield stream
    else:
        with copied(stream, max_size) as copy:
            yield copy


@contextmanager
def copied(file: Any, max_size: int | None = None) -> Iterator[BinaryIO]:
    """Yield a temporary copy of what is left of a file, positioned at its first byte.

    :param max_size: how many bytes to copy, and one more if there are more; None for all.
    """
    room = _OFFSET_LIMIT if max_size is None else max_size + 1
    with tempfile.TemporaryFile() as copy:
        while room > 0 and (piece := file.read(min(room, _READ_SIZE))):
            piece = piece.encode() if isinstance(piece, str) else piece
            copy.write(piece)
            room -= len(piece)
        copy.seek(0)
        yield cast(BinaryIO, copy)


def as_given(file: Any, content: BinaryIO) -> Any:
    """Return an upload itself if :func:`rewindable` yielded its stream, else the copy."""
    return file if content is getattr(file, "stream", file) else content


class FileView:
    """Presents a file from an offset on as a file that begins there. It cannot be closed.

    :param file: a binary file that can seek.
    :param start: the offset in the file, in bytes.
    :ivar error: the last exception that the file raised, or None.
    """

    def __init__(self, file: BinaryIO, start: int = 0) -> None:
        self.error: Exception | None = None
        self._file = file
        self._start = start

    def read(self, size: int = -1) -> bytes:
        if size > _READ_SIZE:
            # a damaged file may claim any length, and some files allocate a buffer of the whole size
            position = self.tell()
            size = min(size, max(self.seek(0, io.SEEK_END) - position, 0))
            self.seek(position)
        return self._call(self._file.read, size)  # type: ignore[no-any-return]

    def tell(self) -> int:
        return self._call(self._file.tell) - self._start  # type: ignore[no-any-return]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        offset = operator.index(offset)
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            offset += self._call(self._file.seek, 0, io.SEEK_END) - self._start
        if not 0 <= offset < _OFFSET_LIMIT:
            # parsers of damaged files ask for such offsets: the file itself has not failed, so error stays None
            raise ValueError(f"cannot seek to offset {offset}")
        self._call(self._file.seek, offset + self._start)
        return offset

    def _call(self, operation: Any, *arguments: Any) -> Any:
        try:
            return operation(*arguments)
        except Exception as error:
            self.error = error
            raise


class OwnFile(FileView):
    """Presents a file that was made here of an upload: only the upload had to be as small as MAX_SIZE says."""
