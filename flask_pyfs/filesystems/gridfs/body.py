"""A file of GridFS being read."""

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

# how many bytes one command brings: at first, because more may not be wanted, and then
_FIRST = 1 * _MIB
_MORE = 4 * _MIB


class RevisionBody:
    """The content of a revision from some byte on.

    :param bucket: where it is.
    :param revision: the revision.
    :param start: the first byte.
    :param stop: the byte before which it ends.
    """

    def __init__(self, bucket: GridBucket, revision: Revision, start: int, stop: int) -> None:
        self._bucket = bucket
        self._revision = revision
        self._stop = stop
        # what has been brought ends here
        self._position = start
        self._pieces: deque[memoryview] = deque()
        self._cursor: Cursor[dict[str, Any]] | None = None
        self._begun = False

    def load(self) -> None:
        """Bring the next chunks. One command.

        :raises Incomplete: where they are not there.
        """
        size, start = self._revision.chunk_size, self._position
        first, end = start // size, -(-self._stop // size)
        last = min(end, first + -(-(_MORE if self._begun else _FIRST) // size))
        with self._bucket.errors(self._revision.filename):
            chunks = self._more(first, last, end) if self._begun else list(self._find(first, last))
        self._begun = True
        lengths = [(n, min(size, self._revision.size - n * size)) for n in range(first, last)]
        if [(chunk["n"], len(chunk["data"])) for chunk in chunks] != lengths:
            raise Incomplete(self._revision.filename)
        self._position = min(self._stop, last * size)
        pieces = [memoryview(chunk["data"]) for chunk in chunks]
        pieces[-1] = pieces[-1][: self._position - (last - 1) * size]
        pieces[0] = pieces[0][start - first * size :]
        self._pieces.extend(pieces)

    def _find(self, first: int, end: int) -> Cursor[dict[str, Any]]:
        query = {"files_id": self._revision.id, "n": {"$gte": first, "$lt": end}}
        return self._bucket.chunks.find(query, sort=[("n", 1)], limit=end - first)

    def _more(self, first: int, last: int, end: int) -> list[dict[str, Any]]:
        for _ in range(2):
            if self._cursor is None:
                self._cursor = self._find(first, end).batch_size(last - first)
            try:
                return list(islice(self._cursor, last - first))
            except CursorNotFound:
                # the server forgets one that is not used for ten minutes
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
        # the driver tells the server when it has the time: this may be the garbage collector
        self._cursor = None
