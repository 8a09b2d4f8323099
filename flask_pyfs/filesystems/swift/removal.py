"""Removing objects with all that belongs to them: their segments, and the markers of directories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from fs import errors

from ..store import OtherVersion
from .container import SwiftContainer
from .deletion import delete, remove
from .listing import entries, foreign_marker
from .reading import Reading
from .segments import remove_segments, segments_in, segments_of


@dataclass(frozen=True)
class Removal:
    """Removes the objects of a container.

    :param container: the container.
    :param segments: the container of their segments.
    """

    container: SwiftContainer
    segments: SwiftContainer

    def each(self, keys: Iterable[str]) -> None:
        """Remove objects. Missing ones are no error."""
        for key in keys:
            segments = segments_of(self.container, self.segments, key)
            self._remove(key, segments)
            if key.endswith("/"):
                self._remove_marker(key)

    def if_meant(self, key: str, is_meant: Callable[[Mapping[str, str]], bool]) -> bool:
        """Remove an object if its headers are those that are meant, and return whether it was removed."""
        # Swift knows no condition for DELETE: what is written after this look is deleted
        try:
            headers = self.container.head(key).headers
            Reading(self.container).facts_in(key, headers)
            if not is_meant(headers):
                return False
            segments = segments_in(self.container, self.segments, key, headers)
        except (errors.ResourceNotFound, OtherVersion):
            return False
        return self._remove(key, segments)

    def below(self, prefix: str, *others: str) -> None:
        """Do what :meth:`ObjectStore.delete_objects_below` does."""
        segments: list[str] = []

        def keys() -> Iterator[str]:
            for entry in entries(self.container, prefix):
                if "slo_etag" in entry:
                    segments.extend(segments_of(self.container, self.segments, entry["name"]))
                yield entry["name"]

        for key in others:
            segments += segments_of(self.container, self.segments, key)
        delete(self.container, chain(others, keys()))
        remove_segments(self.segments, prefix, segments)
        if not others:
            self._remove_marker(prefix)

    def _remove(self, key: str, segments: list[str]) -> bool:
        # an object that is gone may have been replaced: the segments are those of who deleted it
        if not remove(self.container, key):
            return False
        remove_segments(self.segments, key, segments)
        return True

    def _remove_marker(self, key: str) -> None:
        if foreign_marker(self.container, key):
            remove(self.container, key[:-1])
