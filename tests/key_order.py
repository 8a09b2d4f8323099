"""Names that break orders, and what holds for the listing of them on every store."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# "-" and "." come before the slash, "0" after it; UTF-16 has the emoji before U+FFFD; U+E9 has another spelling
COMPONENTS = ("a", "a-", "a.txt", "a0", "a b", "A", "é", "\ufffd", "\U0001f600", "b")

NAMES = st.lists(st.sampled_from(COMPONENTS), min_size=1, max_size=3).map("/".join)

#: No name is that of a directory of another.
TREES = st.sets(NAMES, max_size=12).map(lambda names: {name for name in names if not _is_above(name, names)})

#: A store of objects has both.
OBJECTS = st.sets(NAMES, max_size=12)

#: The start of a name, perhaps in the middle of a component.
PREFIXES = NAMES.map(lambda name: name[:3]) | st.just("")

#: For tests whose fixtures live through all examples.
FEW = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def _is_above(name: str, names: set[str]) -> bool:
    return any(other.startswith(f"{name}/") for other in names)


def check_order(storage: Any, names: set[str], prefix: str) -> None:
    """Store files in a directory of their own, and check what is listed there."""
    storage.delete("tree")
    for name in names:
        storage.write(f"tree/{name}", name)
    expected = sorted((name for name in names if name.startswith(prefix)), key=str.encode)
    found = list(storage.entries(f"tree/{prefix}"))
    assert [entry.name for entry in found] == [f"tree/{name}" for name in expected]
    assert [entry.size for entry in found] == [len(name.encode()) for name in expected]
    assert sorted(storage.list_files(f"tree/{prefix}")) == sorted(entry.name for entry in found)
