"""A store for an upload that began when the storage was another: some pieces are elsewhere than in its directory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, BinaryIO

from .below import PiecesFS
from .store import PART, Facts, StoreFS

__all__ = ["Elsewhere"]


class Elsewhere(PiecesFS):
    """A store whose new pieces are files as any others. Older ones may be elsewhere, and a worker may still join them.

    :param store: the store.
    :param places: what :meth:`StoreFS.for_upload` returned of the stores below, for those with pieces elsewhere.
    """

    def __init__(self, store: StoreFS, places: Sequence[StoreFS]) -> None:
        super().__init__(store)
        self._places = places

    def part_mark(self, mark: str, offset: int, size: int, *, waits: bool) -> str | None:
        return None

    def _holder(self, path: str) -> StoreFS:
        places = self._places if path.endswith(PART) else ()
        return next((place for place in places if place.has_file(path)), self.whole)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        return self._holder(path).fetch(path, start, stop, unless=unless)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        return self._holder(path).facts(path, checksum=checksum)

    def iter_facts(self, prefix: str = "", **options: Any) -> Iterator[tuple[str, Facts]]:
        # first to the end: who removes pieces has written before why
        elsewhere = [[each for each in place.iter_facts(prefix) if each[0].endswith(PART)] for place in self._places]
        yield from heapq.merge(super().iter_facts(prefix, **options), *elsewhere, key=itemgetter(0))

    def delete_tree(self, path: str) -> None:
        for store in (*self._places, self.whole):
            store.delete_tree(path)

    def join_files(self, paths: Sequence[str], target: str, **options: Any) -> str | None:
        return StoreFS.join_files(self, paths, target, **options)
