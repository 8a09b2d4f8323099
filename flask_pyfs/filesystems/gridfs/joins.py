"""Plans how the chunks of several files become those of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .facts import Revision

__all__ = ["Stretch", "stretches"]


class Stretch(NamedTuple):
    """Chunks of a new file that follow each other.

    :param first: the number of the first.
    :param chunks: how many they are.
    :param revision: the file whose first chunks the server copies, or None if they are read and sent.
    """

    first: int
    chunks: int
    revision: Revision | None = None


def stretches(revisions: Sequence[Revision], chunk_size: int) -> list[Stretch]:
    """Return the plan for a file that has the content of others.

    The server copies the chunks of each file that begins where a chunk of the new one begins. If a file is no whole
    number of chunks, its end is read, and the bytes after it too, up to the next file that begins with a chunk.

    :param chunk_size: the length of a chunk of the new file in bytes.
    """
    total = sum(revision.size for revision in revisions)
    found: list[Stretch] = []
    # the byte at which the next file begins, and the first chunk that is not planned yet
    position = planned = 0
    for revision in revisions:
        end = position + revision.size
        # the last chunk of all may be shorter
        count = -(-revision.size // chunk_size) if end == total else revision.size // chunk_size
        if count and position % chunk_size == 0 and revision.chunk_size == chunk_size:
            first = position // chunk_size
            if planned < first:
                found.append(Stretch(planned, first - planned))
            found.append(Stretch(first, count, revision))
            planned = first + count
        position = end
    chunks = -(-total // chunk_size)
    return [*found, Stretch(planned, chunks - planned)] if planned < chunks else found
