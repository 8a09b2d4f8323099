"""What a client sends: its name made safe, and its bytes as a file that can be read again."""

from __future__ import annotations

import io
import operator
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from werkzeug.datastructures import FileStorage
from werkzeug.utils import secure_filename

from .files import lower_extension

__all__ = ["View", "client_name", "copied", "rewindable"]

#: A client's name is cut to so many bytes; file systems take 255, and a random part may be added.
LONGEST = 200


def client_name(filename: str) -> str:
    """Return a file name without directories that is safe on any system, its extension in lower case.

    It is what werkzeug's ``secure_filename`` makes of it, unless that would drop letters: a name in another script
    keeps them. It may be empty.
    """
    safe = secure_filename(filename)
    if any(character.isalnum() and not _to_ascii(character) for character in filename):
        base = unicodedata.normalize("NFC", filename).replace("\\", "/").rpartition("/")[2]
        safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in "_".join(base.split())).strip("._")
    stem, ext = os.path.splitext(lower_extension(safe))
    room = max(LONGEST - len(ext.encode()), 0)
    return stem.encode()[:room].decode(errors="ignore") + ext


def _to_ascii(character: str) -> bytes:
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore")


# the offsets that every system takes
_LARGEST = 2**62

_PIECE = 1024 * 1024


@contextmanager
def rewindable(file: Any) -> Iterator[BinaryIO]:
    """Give an upload as a file that can seek, inside the block: the file itself, or a copy of what is left of it.

    :param file: a ``FileStorage``, a binary file, text (UTF-8) or anything like bytes.
    """
    stream: Any = file.stream if isinstance(file, FileStorage) else file
    if isinstance(stream, str):
        stream = stream.encode()
    if not hasattr(stream, "read"):
        yield io.BytesIO(stream)
        return
    try:
        stream.seek(stream.tell())
        is_rewindable = True
    except Exception:
        # a pipe has neither, and what stands in for a file may have anything
        is_rewindable = False
    if is_rewindable:
        yield stream
    else:
        with copied(stream) as copy:
            yield copy


@contextmanager
def copied(file: Any) -> Iterator[BinaryIO]:
    """Give a temporary copy of what is left of a file, at its first byte, inside the block."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield cast(BinaryIO, copy)


class View:
    """A file from some byte on, as a file that begins there. It cannot be closed.

    :param file: a binary file that can seek.
    :param start: the byte.
    :ivar error: what the file raised, or None.
    """

    def __init__(self, file: BinaryIO, start: int = 0) -> None:
        self.error: Exception | None = None
        self._file = file
        self._start = start

    def read(self, size: int = -1) -> bytes:
        if size > _PIECE:
            # a damaged file may say any length, and room for all of it would be made
            position = self.tell()
            size = min(size, max(self.seek(0, io.SEEK_END) - position, 0))
            self.seek(position)
        return self._asked(self._file.read, size)  # type: ignore[no-any-return]

    def tell(self) -> int:
        return self._asked(self._file.tell) - self._start  # type: ignore[no-any-return]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        offset = operator.index(offset)
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            offset += self._asked(self._file.seek, 0, io.SEEK_END) - self._start
        if not 0 <= offset < _LARGEST:
            # whoever reads a damaged file may ask for anything, which is no failure of the file
            raise ValueError("a file has no such place")
        self._asked(self._file.seek, offset + self._start)
        return offset

    def _asked(self, operation: Any, *arguments: Any) -> Any:
        try:
            return operation(*arguments)
        except Exception as error:
            self.error = error
            raise
