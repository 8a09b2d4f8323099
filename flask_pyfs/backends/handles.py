"""The streams that a storage reads from, and the files that it returns."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, BinaryIO

from ..errors import OperationNotSupported
from ..filesystems.base import Readable
from ..filesystems.store import Description
from ..filesystems.streams import Discardable, WrappedFile

_hashed = ContextVar("flask_pyfs.hashed", default=False)


@contextmanager
def hashing() -> Iterator[None]:
    """Compute the checksum of what the block stores, on its way to the store.

    It is no parameter, because methods of apps and of their backends, whose parameters are those of Flask-FS, are
    between who wants it and the store.
    """
    before = _hashed.set(True)
    try:
        yield
    finally:
        _hashed.reset(before)


# with its parameters, in printable ASCII
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+ *(;[ -~]*)?")


class Source:
    """The content to store, as a stream.

    :param content: text, which becomes UTF-8, bytes or another buffer, or a file, which is left open.
    :ivar error: the exception that the caller's own file raised on reading, or None.
    :raises TypeError: if the content is none of these.
    """

    def __init__(self, content: Any) -> None:
        self.error: Exception | None = None
        self._digest: Any = None
        # where the next byte is, and how many were read from the first one on without a gap; counted from the start
        self._position, self._read = 0, 0
        if isinstance(content, str):
            content = content.encode()
        if hasattr(content, "read"):
            self._file: Readable = content
        elif isinstance(content, bytes):
            self._file = io.BytesIO(content)
        else:
            try:
                self._file = BufferFile(memoryview(content).cast("B"))
            except TypeError:
                raise TypeError(f"cannot store {type(content).__name__}: pass str, bytes or a file") from None
        # a FileStorage looks it up in its stream, each time
        self._read_on = self._file.read
        self._start: int | None
        try:
            self._start = int(self._file.tell())
        except Exception:
            # a pipe has no position, and an object like a file may raise anything
            self._start = None

    def rewind(self) -> bool:
        """Return to the first position, so that it can be stored under another name. Return whether the file can."""
        if self._start is not None:
            with suppress(Exception):
                self._file.seek(self._start)  # type: ignore[attr-defined]
                self._position = 0
                return True
        return False

    def hash_by(self, algorithm: str) -> None:
        """Compute the checksum of what is read, if that is wanted: see :func:`hashing`.

        :param algorithm: the name that :mod:`hashlib` has for it.
        """
        if _hashed.get():
            self._digest = hashlib.new(algorithm, usedforsecurity=False)

    @property
    def size(self) -> int | None:
        """How many bytes were read, all of which the store has; None if some were passed over."""
        return self._read if self._read >= 0 else None

    @property
    def checksum(self) -> str | None:
        """``'algorithm:hexadecimal digits'`` of these bytes, or None."""
        if self._digest is None or self.size is None:
            return None
        return f"{self._digest.name}:{self._digest.hexdigest()}"

    def seek(self, offset: int, whence: int = 0) -> Any:
        found = self._file.seek(offset, whence)  # type: ignore[attr-defined]
        if self._start is None:
            self._read = -1
        else:
            # some objects like a file return nothing
            self._position = (self.tell() if found is None else found) - self._start
        return found

    def tell(self) -> Any:
        return self._file.tell()  # type: ignore[attr-defined]

    def read(self, size: int = -1) -> Any:
        try:
            piece = self._read_on(size)
            if piece is None:
                raise BlockingIOError("the file to store is non-blocking and has no data yet: pass a blocking one")
        except Exception as error:
            self.error = error
            raise
        self._note(piece.encode() if isinstance(piece, str) else piece)
        return piece

    def _note(self, piece: Any) -> None:
        if self._read < 0 or not isinstance(piece, (bytes, bytearray, memoryview)):
            # of anything else, the store knows what it is
            self._read = -1
            return
        start, self._position = self._position, self._position + len(piece)
        if start > self._read and piece:
            self._read = -1
        elif self._position > self._read:
            # a store that tries again reads some bytes again
            if self._digest is not None:
                self._digest.update(piece[self._read - start :] if self._read > start else piece)
            self._read = self._position


def declared_type(content: Any) -> str | None:
    """Return the media type that a ``FileStorage`` declares, or None if there is none, or no valid one."""
    declared = getattr(content, "content_type", None)
    return declared if isinstance(declared, str) and _MEDIA_TYPE.fullmatch(declared) else None


def refuse_encoded(description: Description | None, filename: str, storage: str) -> None:
    """Refuse content that is encoded, for a store that does not keep how: it would be shown as if it were not.

    :raises flask_pyfs.errors.OperationNotSupported: with what to do.
    """
    encoding = description.content_encoding if description is not None else None
    if encoding is not None:
        raise OperationNotSupported(
            f"{filename!r} has the Content-Encoding {encoding!r}, which storage {storage!r} cannot keep: decode the "
            "file first, or copy it to a storage on s3 or swift",
            path=filename,
            storage=storage,
        )


class BufferFile(io.RawIOBase):
    """Reads bytes that are in memory, without a copy of them.

    :param view: the bytes.
    """

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._view[self._position :][: len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, len(self._view))[whence])
        return self._position

    def tell(self) -> int:
        return self._position


class StorageFile(Discardable, WrappedFile):
    """A binary file of a storage, which translates the errors of its filesystem.

    :param file: the file of the filesystem.
    :param guard: the context that translates errors. Each operation enters it.
    """

    def __init__(self, file: BinaryIO, guard: AbstractContextManager[Any]) -> None:
        super().__init__(file, guard)
        #: The media type of a file that is read, if the store keeps one.
        self.content_type: str | None = getattr(file, "content_type", None)
        #: Whether its content is that of one version, whatever is written to the file meanwhile.
        self.is_steady: bool = getattr(file, "is_steady", False)

    def discard(self) -> None:
        """Close the file without storing written content."""
        if self.closed:
            return
        try:
            self._call(getattr(self._file, "discard", self._file.close))
        finally:
            super().close()

    def __del__(self) -> None:
        if hasattr(self, "_guard") and not self.closed:
            self.discard()


class Chunks(Iterator[bytes]):
    """An iterator over the content of a file. The file is closed at its end, or by ``close``.

    :param file: the file.
    :param size: the maximum size of a piece in bytes.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    def __next__(self) -> bytes:
        if self._file.closed:
            raise StopIteration
        piece = self._file.read(self._size)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()
