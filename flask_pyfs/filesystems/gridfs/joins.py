"""Plans how the chunks of several files become those of a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from .facts import Revision

__all__ = ["Stretch", "read_parts", "stretches"]


class Stretch(NamedTuple):
    """Chunks of a new file that follow each other.

    :param first: the number of the first.
    :param chunks: how many they are.
    :param revision: the file whose first chunks the server copies, or None if they are read and sent.
    """

    first: int
    chunks: int
    revision: Revision | None = None


def read_parts(stretch: Stretch, file: BinaryIO, chunk_size: int, most: int) -> Iterator[tuple[int, bytearray]]:
    """Iterate over the content of chunks that are read: each time the number of the first chunk, and the content of as
    many as one command should write.

    :param file: the content of the new file.
    :param chunk_size: the length of a chunk in bytes.
    :param most: how many chunks one command should write.
    """
    file.seek(stretch.first * chunk_size)
    end = stretch.first + stretch.chunks
    for start in range(stretch.first, end, most):
        content, wanted = bytearray(), min(most, end - start) * chunk_size
        while len(content) < wanted and (piece := file.read(wanted - len(content))):
            content += piece
        yield start, content


def stretches(revisions: Sequence[Revision], chunk_size: int, whole: Revision | None = None) -> list[Stretch]:
    """Return the plan for a file that has the content of others.

    The server copies the chunks of each file that begins where a chunk of the new one begins. If a file is no whole
    number of chunks, its end is read, and the bytes after it too, up to the next file that begins with a chunk.

    :param chunk_size: the length of a chunk of the new file in bytes.
    :param whole: the new file, if some of the others have its chunks: then only these, where they belong, are not read.
    """
    total = sum(revision.size for revision in revisions)
    found: list[Stretch] = []
    # the byte at which the next file begins, and the first chunk that is not planned yet
    position = planned = 0
    for revision in revisions:
        end = position + revision.size
        # the last chunk of all may be shorter
        count = -(-revision.size // chunk_size) if end == total else revision.size // chunk_size
        first = position // chunk_size
        is_there = whole is None or (revision.holder, revision.first_chunk) == (whole.id, first)
        if count and position % chunk_size == 0 and revision.chunk_size == chunk_size and is_there:
            if planned < first:
                found.append(Stretch(planned, first - planned))
            found.append(Stretch(first, count, revision))
            planned = first + count
        position = end
    chunks = -(-total // chunk_size)
    return [*found, Stretch(planned, chunks - planned)] if planned < chunks else found
