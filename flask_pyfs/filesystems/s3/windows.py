"""Which part of a multipart upload each piece of an unfinished upload is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from typing import NamedTuple

from fs import errors

from ...names import Reserved
from ..parts import MOST_PARTS
from ..piece_names import PieceName
from ..store import OPEN, PARTS, UPLOADS, StoreFS

__all__ = ["Kept", "Windows", "mark_of", "slots_for", "windows_in"]

#: The slot of the parts that a worker makes of short pieces. No request has it.
JOINED = 0


class Windows(NamedTuple):
    """The windows of an object that comes in pieces: ranges of one length, which follow each other.

    Each has as many numbers of parts as there are slots. A request whose pieces become parts has a slot of its own, so
    no two requests send a part of one number, however late.

    :param upload: what S3 calls the multipart upload.
    :param mark: the mark of the object that it becomes.
    :param target: the path of that object.
    :param size: the length of a window, in bytes.
    :param slots: how many there are.
    """

    upload: str
    mark: str
    target: str
    size: int
    slots: int

    def written(self) -> bytes:
        """Return this as the content of a file, which :meth:`read` reads."""
        return json.dumps(self).encode()

    @classmethod
    def read(cls, content: bytes) -> Windows:
        """Return what was written."""
        return cls(*json.loads(content))

    def number(self, offset: int, slot: int = JOINED) -> int:
        """Return the number of the part of the window that begins at an offset in bytes."""
        return 1 + offset // self.size * self.slots + slot

    def number_of(self, piece: PieceName) -> int:
        """Return the number of the part that a piece is."""
        return self.number(piece.offset, int(piece.mark, 16))

    def name(self, number: int) -> PieceName | None:
        """Return the name of the piece that a part is; None if it is that of no request."""
        window, slot = divmod(number - 1, self.slots)
        return None if slot == JOINED else PieceName(window * self.size, mark_of(slot), in_place=True)


def mark_of(slot: int) -> str:
    """Return the mark of the pieces of the request that has a slot."""
    return f"{slot:016x}"


def slots_for(length: int, size: int) -> int:
    """Return how many slots there are.

    :param length: the length of the object in bytes.
    :param size: that of a window in bytes.
    """
    return MOST_PARTS // -(-length // size)


def windows_in(files: StoreFS, prefix: str) -> Iterator[tuple[str, Windows]]:
    """Iterate over the directories of the unfinished uploads that have parts, each with its windows. One listing, and
    one request for each.

    :param files: the bucket.
    :param prefix: the path in front of ``.flask_pyfs/``.
    """
    below = f"/{OPEN}{PARTS}"
    for path, _ in files.iter_facts(Reserved(f"{prefix}{UPLOADS}/")):
        if path.endswith(below):
            # it may be finished meanwhile
            with suppress(errors.ResourceNotFound):
                yield path[: -len(below)], Windows.read(files.read_file(Reserved(path)))


class Kept:
    """The multipart uploads of a bucket that have pieces of unfinished uploads, whichever storage has begun them.

    :param files: the bucket.
    """

    def __init__(self, files: StoreFS) -> None:
        self._files = files
        self._known: dict[str, set[str]] = {}

    def has(self, target: str, upload: str) -> bool:
        """Return whether a multipart upload of an object is among them. For each directory above the object, what
        :func:`windows_in` costs, once.
        """
        above = accumulate((f"{name}/" for name in target.split("/")[:-1]), initial="")
        return any(upload in self._below(prefix) for prefix in above)

    def _below(self, prefix: str) -> set[str]:
        if prefix not in self._known:
            self._known[prefix] = {windows.upload for _, windows in windows_in(self._files, prefix)}
        return self._known[prefix]
