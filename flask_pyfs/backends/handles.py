"""What a storage hands out and takes: files, with errors of this package, and what is wanted of them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from ..filesystems.store import Readable
from ..filesystems.streams import Discardable, Result, WrappedFile

__all__ = ["WHOLE", "Chunks", "Source", "StorageFile", "UploadTerms", "UploadURL", "Wanted"]


class Wanted(NamedTuple):
    """What an HTTP request wants of a file.

    :param start: the first byte, which is negative where it counts from the end.
    :param stop: the byte before which it stops, None for the end.
    :param unless: the entity tag of the version that the client has, where that is all that matters.
    :param conditional: whether the answer depends on more than the range and ``unless``.
    """

    start: int = 0
    stop: int | None = None
    unless: str | None = None
    conditional: bool = False


#: All of it.
WHOLE = Wanted()


@dataclass(frozen=True)
class UploadTerms:
    """What holds for an upload by a signed URL.

    :param expires: when the URL expires, in seconds since 1970.
    :param lifetime: how long it is valid, in seconds.
    :param overwrite: replace a file of that name.
    :param content_type: the media type that the file must have, in lower case.
    :param max_size: how many bytes it may have at most.
    :raises ValueError: for a type or a size that cannot be.
    """

    expires: int
    lifetime: int
    overwrite: bool
    content_type: str | None = None
    max_size: int | None = None

    def __post_init__(self) -> None:
        if self.max_size is not None and (not isinstance(self.max_size, int) or self.max_size < 1):
            raise ValueError(f"max_size is a whole number of bytes, 1 or more, not {self.max_size!r}")
        if self.content_type is not None and not re.fullmatch(r"[a-z0-9_.+-]+/[a-z0-9_.+-]+", self.content_type):
            raise ValueError(
                f"content_type is a media type without parameters, such as 'image/png', not {self.content_type!r}"
            )


@dataclass(frozen=True)
class UploadURL:
    """Where and how a client may send one file itself.

    :param name: the name that the file will have.
    :param url: where it is sent.
    :param method: ``'POST'``, as ``multipart/form-data`` with the fields and, as the last one, the file in the field
        ``file``; or ``'PUT'``, as the body.
    :param fields: the fields of the form.
    :param headers: the headers of the request.
    """

    name: str
    url: str
    method: str = "POST"
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Source:
    """What is to be stored, as a stream: text (UTF-8), anything like bytes, or a file, which is left open.

    :ivar error: what the caller's own file raised while it was read, or None.
    :raises TypeError: for anything else.
    """

    def __init__(self, content: Any) -> None:
        self.error: Exception | None = None
        if isinstance(content, str):
            content = content.encode()
        if hasattr(content, "read"):
            self._file: Readable = content
        elif isinstance(content, bytes):
            self._file = io.BytesIO(content)
        else:
            try:
                self._file = _View(memoryview(content).cast("B"))
            except TypeError:
                raise TypeError(f"cannot store {type(content).__name__}: give str, bytes or a file") from None
        self._start = _position(self._file)

    def rewind(self) -> None:
        """Set the file to where it stood, if it can be, so that it can be stored under another name."""
        if self._start is not None:
            with suppress(Exception):
                self._file.seek(self._start)  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = 0) -> Any:
        return self._file.seek(offset, whence)  # type: ignore[attr-defined]

    def tell(self) -> Any:
        return self._file.tell()  # type: ignore[attr-defined]

    def read(self, size: int = -1) -> Any:
        try:
            piece = self._file.read(size)
            if piece is None:
                raise BlockingIOError("the source has nothing to read yet, and what it has later would be lost")
        except Exception as error:
            self.error = error
            raise
        return piece


def _position(file: Any) -> int | None:
    # a pipe has neither, and what stands in for a file may have anything
    with suppress(Exception):
        return int(file.tell())
    return None


class _View(io.RawIOBase):
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
    """A binary file of a storage. What its filesystem raises becomes an error of this package.

    :param file: the file of a filesystem.
    :param guard: returns the context that translates errors.
    """

    def __init__(self, file: BinaryIO, guard: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(file)
        self._guard = guard

    @property
    def is_real(self) -> bool:
        """Whether it is a file of the operating system and nothing else."""
        return isinstance(getattr(self._file, "raw", None), io.FileIO)

    def _call(self, operation: Callable[..., Result], *arguments: Any) -> Result:
        with self._guard():
            return super()._call(operation, *arguments)

    def discard(self) -> None:
        """Close the file; one that was written is forgotten."""
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
    """The content of a file, piece by piece. The file is closed at its end, or by ``close``.

    :param file: the file.
    :param size: the most bytes of a piece.
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
