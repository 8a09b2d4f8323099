"""The pieces of an upload, as files of a store: their names, and which of them make the file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ..filesystems.piece_names import PieceName
from ..filesystems.store import Facts

# how much is asked of a client at once
_READ_SIZE = 64 * 1024

#: How many pieces an upload may have that are shorter than the store would like. All are listed by each request.
MOST_SHORT = 10_000

_LENGTH = re.compile(r"length-([0-9]+)")


class TooManyPieces(Exception):
    """The client sends an upload in too many small parts.

    :ivar size: how many bytes a part should have at least.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Piece(NamedTuple):
    """A piece in a store.

    :param name: its name in the directory of the upload.
    :param offset: where it begins, in bytes.
    :param size: how long it is, in bytes.
    """

    name: str
    offset: int
    size: int


def new_mark() -> str:
    """Return what the names of the pieces of one request have in common, and no others."""
    return secrets.token_hex(8)


def name_of_proof(mark: str) -> str:
    """Return the name of the file that says that the waiting pieces of a request have the right checksum."""
    return f"checked-{mark}"


def name_of_length(length: int) -> str:
    """Return the name of the file that says how many bytes the upload will have."""
    return f"length-{length}"


def length_in(files: Iterable[str]) -> int | None:
    """Return how many bytes the upload will have, as a client has said later; None if none has.

    Of two clients that have said different lengths at the same moment, the one counts that said less.
    """
    return min((int(found[1]) for found in map(_LENGTH.fullmatch, files) if found), default=None)


def chain_of(files: Mapping[str, Facts], length: int | None) -> list[Piece]:
    """Return the pieces that make the file, as far as it is there: each begins where the one before ends.

    Of all such chains, the one that reaches furthest counts; of these, one with the fewest pieces; and of these, the
    one whose names come first. So what is added later never takes back what was there, and two workers that see the
    same files choose the same chain.

    :param length: how many bytes the upload will have, or None. A piece that reaches further does not count.
    """
    # of each offset: the end that is reached from there, negative, by how many pieces, and the first of them
    best: dict[int, tuple[int, int, Piece]] = {}
    for piece in sorted(_pieces_in(files), key=lambda piece: (-piece.offset, piece.name)):
        end = piece.offset + piece.size
        if length is not None and end > length:
            continue
        reached, number = best[end][:2] if end in best else (-end, 0)
        if piece.offset not in best or (reached, number + 1) < best[piece.offset][:2]:
            best[piece.offset] = (reached, number + 1, piece)
    chain: list[Piece] = []
    offset = 0
    while offset in best:
        chain.append(best[offset][2])
        offset += chain[-1].size
    return chain


def written(chain: Iterable[Piece]) -> bytes:
    """Return a chain as the content of a file, which :func:`read` reads."""
    return "\n".join(f"{piece.name} {piece.size}" for piece in chain).encode()


def read(content: bytes) -> list[Piece]:
    """Return the chain that was written."""
    parts = [line.split(" ") for line in content.decode().splitlines()]
    return [Piece(name, int(name[:16], 16), int(size)) for name, size in parts]


def _pieces_in(files: Mapping[str, Facts]) -> Iterator[Piece]:
    for name, facts in files.items():
        found = PieceName.parsed(name)
        if found and facts.size and (not found.waits or name_of_proof(found.mark) in files):
            yield Piece(name, found.offset, facts.size)


class Source(Protocol):
    """What bytes are read from."""

    def readinto(self, buffer: Any, /) -> int | None: ...


def has_room(files: Mapping[str, Facts], size: int) -> bool:
    """Return whether the upload may have another piece that does not end at a multiple of ``size``."""
    short = sum((piece.offset + piece.size) % size != 0 for piece in _pieces_in(files))
    return short < MOST_SHORT


def only_whole(
    cut: Iterator[tuple[memoryview, bool]], offset: int, size: int, length: int | None
) -> Iterator[tuple[memoryview, bool]]:
    """Yield what :func:`cut` does, if each piece ends at a multiple of ``size``, or where the upload does.

    :param length: how many bytes the upload will have, or None.
    :raises TooManyPieces: otherwise.
    """
    for piece, is_end in cut:
        offset += len(piece)
        if offset % size and offset != length:
            raise TooManyPieces(size)
        yield piece, is_end


def cut(
    stream: Source, offset: int, size: int, most: int | None, excess: Exception, *, keeps_broken: bool = True
) -> Iterator[tuple[memoryview, bool]]:
    """Cut a stream into pieces. Yield each, and whether the stream has ended with it. Each is valid until the next but
    one is asked for: there is memory for two.

    A piece ends where a multiple of ``size`` is, so that a short one, after which a client broke off, makes no others
    short, or shifts them.

    :param offset: where the stream begins in the upload, in bytes.
    :param size: the largest piece, in bytes.
    :param most: how many bytes the stream may have, or None.
    :param excess: what is raised if it has more, before the piece is yielded in which it has.
    :param keeps_broken: whether, if reading the stream fails, what has come of it is yielded first, as if more would
        follow.
    """
    # it grows on demand, because most requests have less
    buffer, before, carried, room = bytearray(), bytearray(), bytearray(1), most
    filled = 0
    while True:
        whole, more = size - offset % size, 0
        try:
            while filled < whole and (count := _read(stream, buffer, filled, whole)):
                filled += count
            # more than a piece may have nothing that follows
            more = (stream.readinto(carried) or 0) if filled == whole else 0
        except BaseException:
            # also SystemExit, by which servers end a worker that takes long
            if keeps_broken and filled and (room is None or filled <= room):
                yield memoryview(buffer)[:filled], False
            raise
        if room is not None:
            room -= filled
            if room < more:
                raise excess
        if filled:
            yield memoryview(buffer)[:filled], not more
        if not more:
            return
        offset += filled
        # one of a piece is not made again
        buffer, before = before if len(before) == size else bytearray(size), buffer
        buffer[:1], filled = carried, 1


def _read(stream: Source, buffer: bytearray, start: int, whole: int) -> int:
    stop = min(start + _READ_SIZE, whole)
    if len(buffer) < stop:
        buffer.extend(bytes(stop - len(buffer)))
    with memoryview(buffer) as view, view[start:stop] as free:
        return stream.readinto(free) or 0
