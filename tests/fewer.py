"""Which tests run with ``--rows``: each function, with a few of its parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def some_of_each(values: Sequence[T], key: Callable[[T], Hashable], most: int) -> list[T]:
    """Return at most so many of the values that have one key, in the order of all: the first, the last, and between."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        groups[key(value)].append(index)
    return [values[index] for index in sorted(index for group in groups.values() for index in _spread(group, most))]


def _spread(values: Sequence[int], most: int) -> Sequence[int]:
    if len(values) <= most:
        return values
    # with the last one, so that no step is a multiple of how many values an inner parameter has
    return [values[(len(values) - 1) * number // max(most - 1, 1)] for number in range(most)]
