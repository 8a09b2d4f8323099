"""Copies between a file and a stream: standard input or output, a pipe, a device."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import click

from ..errors import FileExists
from .exits import DONE, Failure
from .places import Place, require_path
from .steps import Sides

__all__ = ["copy_by_stream", "is_stream"]

# what a pipe holds
_PIPE = 64 * 1024


def is_stream(place: Place) -> bool:
    """Return whether a place is standard input or output, or a path that is neither a file nor a directory."""
    if place.storage_name is not None:
        return False
    path = place.name
    return place.is_standard or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path))


def copy_by_stream(sources: Sequence[Place], target: Place, *, overwrite: bool) -> int:
    """Copy a file to a stream, or a stream to a file, which appears when the stream has ended."""
    if len(sources) != 1 or is_stream(sources[0]) == is_stream(target):
        raise click.UsageError("a stream can be copied to one file, and one file to a stream; for several, use cat")
    source = sources[0]
    file = target if is_stream(source) else source
    require_path(file)
    if file.is_directory or (file.storage_name is None and os.path.isdir(file.name)):
        raise click.UsageError(f"{str(file)!r} is a directory: write the name of a file")
    with Sides() as sides:
        side, name = sides.file(file)
        if file is source:
            with _opened(target, "wb") as stream:
                for chunk in side.operations.read_chunks(name):
                    stream.write(chunk)
                stream.flush()
            return DONE
        try:
            with _opened(source, "rb") as stream:
                side.operations.save(_Interruptible(stream), name, overwrite)
        except FileExists as error:
            raise Failure(f"{error}; --overwrite replaces files") from error
    return DONE


class _Interruptible:
    """A stream that Ctrl-C ends while it waits. A buffered one looks for signals only between whole pieces."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = getattr(stream, "raw", stream)

    def read(self, size: int = -1) -> bytes | None:
        pieces = list[bytes]()
        while size:
            piece: bytes | None = self._stream.read(min(size, _PIPE) if size > 0 else _PIPE)
            if not piece:
                return b"".join(pieces) or piece
            pieces.append(piece)
            size -= len(piece) if size > 0 else 0
        return b"".join(pieces)


@contextmanager
def _opened(place: Place, mode: str) -> Iterator[BinaryIO]:
    if place.is_standard:
        yield sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
    else:
        with open(place.name, mode) as stream:
            yield stream  # type: ignore[misc]
