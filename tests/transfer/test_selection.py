"""Which files are chosen."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import LATE, side

import flask_pyfs as fs
from flask_pyfs.transfer.comparing import compare
from flask_pyfs.transfer.selection import Selection, shard_of

NAMES = ["a.jpg", "a.txt", "keep.jpg", "tmp/a.jpg", "x/tmp/b.txt", "x/y.jpg"]


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        ([], [], NAMES),
        (["*.jpg"], [], ["a.jpg", "keep.jpg", "tmp/a.jpg", "x/y.jpg"]),
        ([], ["*.jpg"], ["a.txt", "x/tmp/b.txt"]),
        (["*.jpg"], ["tmp/"], ["a.jpg", "keep.jpg", "x/y.jpg"]),
        ([], ["/tmp/"], ["a.jpg", "a.txt", "keep.jpg", "x/tmp/b.txt", "x/y.jpg"]),
        ([], ["*.jpg", "!keep.jpg"], ["a.txt", "keep.jpg", "x/tmp/b.txt"]),
        (["x"], [], ["x/tmp/b.txt", "x/y.jpg"]),
        (["nothing"], [], []),
        ([], ["# a comment", ""], NAMES),
    ],
)
def test_patterns(include, exclude, chosen):
    selection = Selection(include, exclude)
    assert [name for name in NAMES if selection.has(name)] == chosen
    found = list(compare(side(NAMES), side(["a.txt", "gone.jpg"], LATE), include=include, exclude=exclude))
    assert [each.name for each in found if each.source_name] == chosen
    # what is left out at the target is no difference either
    assert any(each.name == "gone.jpg" for each in found) is selection.has("gone.jpg")


def test_a_pattern_is_asked_for_the_name_that_is_compared():
    [found] = compare(side(["e\u0301.jpg", "x//a.txt"]), side([]), include=["\xe9.*"])
    assert found.name == "\xe9.jpg"
    [found] = compare(side(["e\u0301.jpg", "x//a.txt"]), side([]), include=["x/a.txt"])
    assert found.name == "x/a.txt"


@pytest.mark.parametrize("patterns", [["!"], ["ok", "\\"], "*.jpg"])
@pytest.mark.parametrize("option", ["include", "exclude"])
def test_an_invalid_pattern_is_refused_at_once(option, patterns):
    with pytest.raises(fs.ConfigurationError, match=r"pattern"):
        compare(side([]), side([]), **{option: patterns})


@pytest.mark.parametrize("shard", [(0, 1), (2, 1), (1, 0), (-1, 3)])
def test_an_invalid_shard_is_refused_at_once(shard):
    with pytest.raises(fs.ConfigurationError, match="I from 1 to N"):
        compare(side([]), side([]), shard=shard)


@given(st.text(st.characters(blacklist_categories=())), st.integers(1, 50))
def test_each_name_is_in_one_shard(name, shards):
    assert [Selection(shard=(i, shards)).has(name) for i in range(1, shards + 1)].count(True) == 1


def test_shards_stay_what_they_are():
    # another machine, and a later version, must come to the same
    assert [shard_of(name, 7) for name in ("a", "2026/a.jpg", "\xe9", "\udc80")] == [3, 6, 3, 7]


def test_shards_are_of_one_size():
    counts = [0] * 4
    for number in range(4000):
        counts[shard_of(f"photos/{number:06}.jpg", 4) - 1] += 1
    assert min(counts) > 900


def test_without_pathspec_all_else_works():
    code = (
        "import sys; sys.modules['pathspec'] = None\n"
        "from flask_pyfs.transfer.selection import Selection\n"
        "assert Selection(shard=(1, 1)).has('a')\n"
        "try: Selection(['a'])\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'flask_pyfs[cli]'" in done.stdout
