"""What belongs together of two sides, against a model of dictionaries."""

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from simulated import EARLY, LATE, Simulated, facts, side

import flask_pyfs as fs
from flask_pyfs import names
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.transfer import Side
from flask_pyfs.transfer.comparing import compare

# pairs that are one name, in both directions of the order: NFC and NFD, the signs of Kelvin, Ohm and Angstrom, U+037E
# and U+1FEF in ASCII, CJK compatibility ideographs, a letter that no NFC composes
COMPONENTS = (
    *("a", "b", "-", "K", "\u212a", "\u03a9", "\u2126", "\xe5", "\u212b", "a\u030a", "\xe9", "e\u0301", "z\xe9"),
    *(";", "\u037e", "`", "\u1fef", "\u8c48", "\uf900", "\u0958", "\u0915\u093c", "\U0001f600", "", ".", "\\", "a\\b"),
    *("\x07", "a\x7f", "\ufffd", "A"),
)
NAMES = (
    st.lists(st.sampled_from(COMPONENTS), min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda name: not names.is_refused(name) and not name.endswith("/"))
)
SETS = st.sets(NAMES, max_size=10)


def told(differences):
    """Return what was told of each file, by its name on its side."""
    sources, targets = {}, {}
    for each in differences:
        if each.source_name is not None:
            assert each.source_name not in sources
            sources[each.source_name] = (each.kind, each.name, each.target_name if each.target else None)
        else:
            assert each.target_name not in targets
            targets[each.target_name] = (each.kind, each.name)
    return sources, targets


def key_of(target, name):
    return names.normal_form(name) or target.candidates(name)[0]


def model(sources, targets, target):
    """Return what has to be told, from sets of names: files of one side are all of one size and time."""
    told_of, taken = {}, set()
    keys = [key_of(target, name) for name in sources]
    for name in sources:
        key = key_of(target, name)
        found = next((each for each in target.candidates(name) if each in targets), None)
        taken.add(found)
        if keys.count(key) > 1 or (found is None and names.normal_form(name) is None):
            kind = "failed"
        else:
            kind = "only_source" if found is None else "same"
        told_of[name] = (kind, key, found)
    return told_of, {name: ("only_target", key_of(target, name)) for name in targets if name not in taken}


def check_order(differences):
    order = [each.name.encode(errors="surrogatepass") for each in differences]
    assert order == sorted(order)


@given(sources=SETS, targets=SETS)
@example({"K", "\u212a"}, {"K"})
@example({"\u212a"}, {"K", "\u212a"})
@example({"\xe9"}, {"e\u0301"})
@example({"\xe9"}, {"e\u0301", "\xe9"})
@example({"e\u0301"}, {"e\u0301", "\xe9"})
@example({"a/-"}, {"a//-"})
@example({"a//-"}, {"a/-"})
@example({"a\x07"}, {"a\x07"})
@example({"a\x07"}, set())
def test_an_object_store(sources, targets):
    target = side(targets, LATE)
    found = list(compare(side(sources), target))
    assert told(found) == model(sources, targets, target)
    check_order(found)


@given(sources=SETS, targets=SETS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_store_with_directories(kind, tmp_path_factory, sources, targets):
    # the files of the target are what was written there
    target = Side.of(tmp_path_factory.mktemp("target")) if kind == "local" else memory()
    written = set()
    for name in targets:
        try:
            target.operations.write(name, b"x")
        except fs.FSError:
            continue
    written = {name for name, _ in target.entries()}
    found = list(compare(side(sources, EARLY - timedelta(days=365)), target))
    assert told(found) == model(sources, written, target)
    check_order(found)


def memory():
    from flask_pyfs.backends.memory import MemoryBackend

    return Side(MemoryBackend("memory", {}), label="memory:")


@given(sources=SETS, targets=SETS)
@settings(max_examples=30)
def test_the_order_of_a_listing_costs_nothing_but_time(sources, targets):
    target = side(targets, LATE)
    backwards = Side(Simulated(lambda: [(name, facts()) for name in sorted(sources, reverse=True)]))
    assert told(compare(backwards, target)) == told(compare(side(sources), target))


def test_two_names_of_the_source_that_become_one():
    found = list(compare(side(["a/b", "a//b", "c"]), side(["a/b", "c"], LATE)))
    assert [(each.kind, each.name, each.source_name) for each in found] == [
        ("failed", "a/b", "a/b"),
        ("failed", "a/b", "a//b"),
        ("same", "c", "c"),
    ]
    assert "'a/b' and 'a//b' would both be 'a/b'" in str(found[1].error).replace("'a//b' and 'a/b'", "'a/b' and 'a//b'")
    assert [each.shown_name for each in found] == ["a/b", "a/b", "c"]


def test_the_target_has_another_spelling():
    nfd = unicodedata.normalize("NFD", "caf\xe9/\xe9.txt")
    [found] = compare(side(["caf\xe9/\xe9.txt"]), side([nfd], LATE))
    assert (found.kind, found.name, found.target_name) == ("same", "caf\xe9/\xe9.txt", nfd)


def test_the_other_spelling_is_a_file_of_its_own():
    nfd = "e\u0301"
    first, second = compare(side(["\xe9"]), side([nfd, "\xe9"], LATE))
    assert (first.kind, first.target_name) == ("same", "\xe9")
    assert (second.kind, second.name, second.target_name, second.shown_name) == ("only_target", "\xe9", nfd, nfd)


@pytest.mark.parametrize("name", ["a\\b", "bell\x07", "n" * 1025, "d\udc80"])
def test_a_name_that_no_new_file_can_have(name):
    [found, other] = compare(side([name, "zz"]), side([]))
    assert (found.kind, found.shown_name, other.kind) == ("failed", name, "only_source")
    assert isinstance(found.error, fs.InvalidPath)
    # but an old one can
    [found, _] = compare(side([name, "zz"]), side([name], LATE))
    assert (found.kind, found.target_name) == ("same", name)


@pytest.mark.parametrize("name", ["a/../b", "..\\b", "nul\0", ".flask_pyfs-x", "a/.FLASK_PYFS/b", "/", "."])
def test_a_name_that_no_operation_accepts(name):
    [found] = [each for each in compare(side([name, "zz"]), side(["zz"], LATE)) if each.kind != "same"]
    assert (found.kind, found.shown_name) == ("failed", name)
    [found] = [each for each in compare(side(["zz"]), side([name, "zz"], LATE)) if each.kind != "same"]
    assert (found.kind, found.shown_name, found.source) == ("failed", name, None)


def test_facts_arrive_as_they_were_listed():
    listed = Facts(
        *(7, datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc), "tag", "text/x", "md5:00", "mark", "gzip", "inline"),
        *("de", False),
    )
    naive = facts(7, datetime(2026, 1, 1))
    [first, second] = compare(side({"a": listed, "\u212a": naive}), side({}))
    assert second.source == listed
    # a time without a zone tells nothing
    assert first.source == facts(7, None)


@pytest.mark.parametrize("failing", ["source", "target"])
@pytest.mark.parametrize("after", [0, 1, 1500])
def test_half_a_listing_is_no_listing(failing, after):
    def listing():
        yield from ((f"{number:05}", facts()) for number in range(after))
        raise fs.BackendError("the store went away")

    sides = {"source": side(["a"]), "target": side(["a"]), failing: Side(Simulated(listing))}
    with pytest.raises(fs.BackendError, match="went away"):
        next(compare(sides["source"], sides["target"]))


def test_a_long_listing_is_written_in_pieces():
    listed = [f"{number:05}" for number in range(2500)]
    decomposed = [f"e\u0301{number:05}" for number in range(2500)]
    found = list(compare(side(listed + decomposed), side(decomposed[1000:], LATE)))
    assert [each.source_name for each in found] == listed + decomposed
    assert [each.kind for each in found] == ["only_source"] * 3500 + ["same"] * 1500


@given(shards=st.integers(1, 7), listed=SETS)
@settings(max_examples=30)
def test_shards_are_a_partition(shards, listed):
    whole = told(compare(side(listed), side(listed, LATE)))
    sources, targets = {}, {}
    for shard in range(1, shards + 1):
        more = told(compare(side(listed), side(listed, LATE), shard=(shard, shards)))
        assert sources.keys().isdisjoint(more[0])
        sources |= more[0]
        targets |= more[1]
    assert (sources, targets) == whole
