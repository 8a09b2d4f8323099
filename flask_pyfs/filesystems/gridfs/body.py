"""Reading the content of a GridFS file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pymongo.cursor import Cursor
from pymongo.errors import CursorNotFound

from .bucket import GridBucket
from .facts import Incomplete, Revision

_MIB = 1024 * 1024

# bytes per command: few at first, because the reader may not need more
_FIRST = 1 * _MIB
_MORE = 4 * _MIB


class RevisionBody:
    """A range of the content of a revision.

    :param bucket: the bucket.
    :param revision: the revision.
    :param start: the offset of the first byte.
    :param stop: the offset to stop before.
    """

    def __init__(self, bucket: GridBucket, revision: Revision, start: int, stop: int) -> None:
        self._bucket = bucket
        self._revision = revision
        self._stop = stop
        # the offset after the last byte that was loaded
        self._position = start
        self._pieces: deque[memoryview] = deque()
        self._cursor: Cursor[dict[str, Any]] | None = None
        self._begun = False

    def load(self) -> None:
        """Load the next chunks. One command.

        :raises Incomplete: if chunks are missing or have the wrong size.
        """
        size, start = self._revision.chunk_size, self._position
        first, end = start // size, -(-self._stop // size)
        last = min(end, first + -(-(_MORE if self._begun else _FIRST) // size))
        with self._bucket.errors(self._revision.filename):
            chunks = self._more(first, last, end) if self._begun else list(self._find(first, last))
        self._begun = True
        above = self._revision.first_chunk
        lengths = [(above + n, min(size, self._revision.size - n * size)) for n in range(first, last)]
        if [(chunk["n"], _length(chunk)) for chunk in chunks] != lengths:
            raise Incomplete(self._revision.filename)
        self._position = min(self._stop, last * size)
        pieces = [memoryview(chunk["data"]) for chunk in chunks]
        pieces[-1] = pieces[-1][: self._position - (last - 1) * size]
        pieces[0] = pieces[0][start - first * size :]
        self._pieces.extend(pieces)

    def _find(self, first: int, end: int) -> Cursor[dict[str, Any]]:
        above = self._revision.first_chunk
        query = {"files_id": self._revision.holder, "n": {"$gte": above + first, "$lt": above + end}}
        return self._bucket.chunks_of(self._revision.filename).find(query, sort=[("n", 1)], limit=end - first)

    def _more(self, first: int, last: int, end: int) -> list[dict[str, Any]]:
        for _ in range(2):
            if self._cursor is None:
                self._cursor = self._find(first, end).batch_size(last - first)
            try:
                return list(islice(self._cursor, last - first))
            except CursorNotFound:
                # the server closes a cursor that is idle for ten minutes
                self._cursor = None
        raise Incomplete(self._revision.filename)

    def read(self, size: int) -> memoryview:
        if not self._pieces and self._position < self._stop:
            self.load()
        if not self._pieces:
            return memoryview(b"")
        piece = self._pieces.popleft()
        if len(piece) > size:
            self._pieces.appendleft(piece[size:])
        return piece[:size]

    def __iter__(self) -> Iterator[memoryview]:
        return iter(lambda: self.read(_MORE), memoryview(b""))

    def close(self, left: int = 0) -> None:
        self._pieces.clear()
        # dropped, not closed: the driver closes it on the server later, and the garbage collector may run this
        self._cursor = None


def _length(chunk: dict[str, Any]) -> int:
    data = chunk.get("data")
    return len(data) if isinstance(data, bytes) else -1
