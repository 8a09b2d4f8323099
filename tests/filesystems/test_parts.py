"""The plan of an object that is made of others."""

from hypothesis import given
from hypothesis import strategies as st

from flask_pyfs.filesystems.objects.parts import plan

SIZES = st.lists(st.integers(0, 12) | st.integers(0, 100), max_size=20)


@given(SIZES, st.integers(1, 10), st.integers(0, 30), st.booleans())
def test_each_byte_is_in_one_part_and_no_part_is_too_short_or_too_long(sizes, least, more, splits):
    most = 2 * least + more
    parts = plan(sizes, least, most, splits=splits)
    ranges = [each for part in parts for each in part.ranges]
    whole = [(number, offset) for number, size in enumerate(sizes) for offset in range(size)]
    assert [(number, offset) for number, start, stop in ranges for offset in range(start, stop)] == whole
    assert all(part.ranges and all(each.size for each in part.ranges) for part in parts)
    for number, part in enumerate(parts):
        is_last = part is parts[-1]
        if part.is_copied:
            assert len(part.ranges) == 1
            assert least <= part.size <= most
        else:
            # what is read fits in memory
            assert part.size < 2 * least
            assert part.size >= least or is_last or (not splits and parts[number + 1].is_copied)


@given(SIZES, st.integers(1, 10))
def test_without_splits_each_large_file_is_copied_whole(sizes, least):
    parts = plan(sizes, least, 1000, splits=False)
    copied = [each for part in parts if part.is_copied for each in part.ranges]
    assert copied == [(number, 0, size) for number, size in enumerate(sizes) if size >= least]
