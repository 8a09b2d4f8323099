"""The memory that a comparison takes does not depend on the number of names."""

import tracemalloc
import unicodedata

import pytest
from simulated import EARLY, LATE, Simulated, facts

from flask_pyfs.transfer import Side
from flask_pyfs.transfer.comparing import compare

MIB = 1024 * 1024


def simulated(count, modified, form="NFC"):
    """Return a side of an object store that makes up the names that it lists, in key order."""

    def listing():
        for number in range(count):
            name = unicodedata.normalize(form, f"\xe9/{number:07}-\xe9.jpg")
            yield name, facts(20480, modified, etag=f"{number:032x}")

    return Side(Simulated(listing))


@pytest.mark.parametrize(("source", "target"), [("NFC", "NFC"), ("NFD", "NFC")])
def test_names(source, target, soak):
    count = 1_000_000 if soak else 5_000
    tracemalloc.start()
    try:
        found = compare(simulated(count, EARLY, source), simulated(count, LATE, target))
        assert sum(each.kind == "same" for each in found) == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # of 5,000 names, each with its facts, a list of each side takes 3.6 MiB
    assert peak < 1.5 * MIB
