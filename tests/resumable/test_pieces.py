"""The chain of pieces that makes a file, and the stream that is cut into them."""

import io
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from flask_pyfs.filesystems.piece_names import PieceName
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.resumable import pieces

MARKS = ("0" * 16, "8" * 16, "f" * 16)
# few offsets, so that pieces meet
PIECES = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 3), st.sampled_from(MARKS), st.booleans()), max_size=12)
PROOFS = st.sets(st.sampled_from(MARKS))


def listed(found, proofs=()):
    files = {str(PieceName(offset, mark, waits)): Facts(size, None) for offset, size, mark, waits in found}
    return files | {pieces.name_of_proof(mark): Facts(0, None) for mark in proofs} | {"begun": Facts(7, None)}


def all_chains(files, length, offset=0):
    """Every chain there is, by trying all."""
    yield []
    for name, facts in files.items():
        is_piece = name[16:17] == "-" and facts.size and int(name[:16], 16) == offset
        if is_piece and (name[-1] != "c" or f"checked-{name[17:33]}" in files):
            end = offset + facts.size
            if length is None or end <= length:
                yield from ([(name, facts.size), *rest] for rest in all_chains(files, length, end))


@given(PIECES, PROOFS, st.none() | st.integers(0, 8))
def test_the_best_chain_is_chosen(found, proofs, length):
    files = listed(found, proofs)
    best = min(
        all_chains(files, length),
        key=lambda chain: (-sum(size for _, size in chain), len(chain), [name for name, _ in chain]),
    )
    chain = pieces.chain_of(files, length)
    assert [(piece.name, piece.size) for piece in chain] == best
    assert all(piece.offset + piece.size == after.offset for piece, after in pairwise(chain))
    assert pieces.read(pieces.written(chain)) == chain


@given(PIECES, PIECES, PROOFS, PROOFS, st.none() | st.integers(0, 8))
def test_what_is_added_takes_nothing_back(found, added, proofs, more, length):
    def reached(files):
        return sum(piece.size for piece in pieces.chain_of(files, length))

    # no name is given twice
    before = listed(found, proofs)
    assert reached(listed(added, more) | before) >= reached(before)


def test_a_chain_may_be_long():
    files = listed((number, 1, MARKS[0], False) for number in range(100_000))
    assert len(pieces.chain_of(files, None)) == 100_000


@pytest.mark.parametrize(
    ("files", "length"),
    [([], None), (["begun", "lease"], None), (["length-7"], 7), (["length-7", "length-12", "length-x"], 7)],
)
def test_the_length_that_was_said(files, length):
    assert pieces.length_in(files) == length


class Broken(Exception):
    pass


class Dripping(io.RawIOBase):
    """A stream that gives as much as it likes, and may break."""

    def __init__(self, parts, breaks):
        super().__init__()
        self.parts, self.breaks = list(parts), breaks

    def readinto(self, buffer):
        if not self.parts:
            if self.breaks:
                raise Broken
            return 0
        part, size = self.parts.pop(0), len(buffer)
        if len(part) > size:
            self.parts.insert(0, part[size:])
        buffer[: len(part[:size])] = part[:size]
        return len(part[:size])


@given(
    st.lists(st.binary(min_size=1, max_size=7), max_size=6),
    st.booleans(),
    st.none() | st.integers(0, 20),
    st.integers(0, 9),
)
def test_a_stream_is_cut(parts, breaks, most, offset):
    content, taken, ends, error = b"".join(parts), [], [], None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_READ_SIZE", 3)
        try:
            for piece, is_end in pieces.cut(Dripping(parts, breaks), offset, 4, most, OverflowError()):
                taken.append(bytes(piece))
                ends.append(is_end)
        except (Broken, OverflowError) as raised:
            error = type(raised)
    joined = b"".join(taken)
    assert content.startswith(joined)
    starts = [offset + sum(map(len, taken[:number])) for number in range(len(taken))]
    assert all(0 < len(piece) <= 4 - start % 4 for start, piece in zip(starts, taken, strict=True))
    # none but the first begins anywhere else, so that those of a large file are all alike
    assert all(start % 4 == 0 for start in starts[1:])
    is_larger = most is not None and len(content) > most
    if is_larger:
        # a stream that breaks need not be read to its end
        assert error in ((OverflowError, Broken) if breaks else (OverflowError,))
        assert len(joined) <= most
        assert not any(ends)
    elif breaks:
        assert (error, joined) == (Broken, content)
        assert not any(ends)
    else:
        assert (error, joined) == (None, content)
        assert ends == [False] * (len(taken) - 1) + [True] * bool(taken)
