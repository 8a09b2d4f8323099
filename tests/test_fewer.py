"""With ``--rows``, each test function still runs."""

import pytest
from fewer import some_of_each


@pytest.mark.parametrize(
    ("names", "most", "expected"),
    [
        ("a1 a2 a3 a4 a5 a6 a7", 3, "a1 a4 a7"),
        ("a1 b1 a2 c1 b2 a3 c2 a4", 2, "a1 b1 c1 b2 c2 a4"),
        ("a1 b1 a2", 3, "a1 b1 a2"),
        ("a1 b1 a2", 1, "a1 b1"),
        ("", 3, ""),
    ],
)
def test_each_key_keeps_its_first_and_last(names, most, expected):
    assert some_of_each(names.split(), lambda name: name[0], most) == expected.split()


def test_all_values_of_an_inner_parameter_are_met():
    for inner in (2, 3):
        for outer in (2, 3, 4, 5):
            rows = [(each, of) for each in range(outer) for of in range(inner)]
            assert len({of for _, of in some_of_each(rows, lambda row: 0, 3)}) > 1, (outer, inner)
