"""Compares two sides, by their names alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..filesystems.store import Facts
from ..names import stored_as
from .sides import Side

__all__ = ["Difference", "compare"]


class Difference(NamedTuple):
    kind: str
    name: str
    source_name: str | None
    target_name: str
    source: Facts | None
    target: Facts | None
    error: Exception | None = None


def compare(
    source: Side,
    target: Side,
    *,
    checksum: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
) -> Iterator[Difference]:
    sides: list[dict[str, Any]] = [
        {stored_as(name): (name, facts) for name, facts in side.entries()} for side in (source, target)
    ]
    for name in sorted({*sides[0], *sides[1]}):
        here, there = (side.get(name) for side in sides)
        if here is None or there is None:
            kind = "only_target" if here is None else "only_source"
        else:
            is_same = here[1].size == there[1].size and here[1].modified < there[1].modified
            kind = "same" if is_same else "differs"
        yield Difference(
            kind, name, here and here[0], there[0] if there else name, here and here[1], there and there[1]
        )
