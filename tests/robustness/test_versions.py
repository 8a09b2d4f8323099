"""Two processes that replace or delete one version of a file."""

import pytest
from robust import run_script


@pytest.mark.parametrize("kind", ["replace", "replace or delete"])
def test_one_of_two_replacers_wins(kind, soak, tmp_path):
    rounds = 3000 if soak else 100
    assert run_script("child_replace.py", tmp_path, rounds, kind) == f"{rounds} rounds\n"
