"""Copying an object inside a container, or from another one of the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from fs import errors

from ..objects.store import ObjectStore
from ..objects.writer import in_parts
from .container import SwiftContainer
from .facts import description_of, is_copied, version_of
from .segments import remove_segments, segments_of, whole_segments
from .upload import SwiftUpload


@dataclass(frozen=True)
class Copies:
    """Copies objects.

    :param store: the filesystem.
    :param container: the container of the objects.
    :param segments: the container of their segments.
    """

    store: ObjectStore
    container: SwiftContainer
    segments: SwiftContainer

    def copy(
        self, key: str, target: str, *, overwrite: bool, origin: Copies | None = None, note: str | None = None
    ) -> Callable[[Mapping[str, str]], bool]:
        """Copy an object. Return a function that tells by the headers of a version whether the copy is of it.

        :param origin: the copies of the container of the source, if that is another one.
        :param note: the note of the copy, or None.
        """
        origin = origin or self
        if not overwrite and self.container.is_taken(target):
            # a missing source is reported before a taken target
            origin.store.head_object(key)
            raise errors.FileExists(target)
        old = segments_of(self.container, self.segments, target) if overwrite else []
        try:
            answer = origin.container.copy(key, self.container, target, note)
        except errors.InsufficientStorage:
            # a large object that exceeds the size limit of one object: copy its segments
            version = self._copy_segments(key, target, origin, overwrite=overwrite, note=note)
            return lambda headers: version_of(headers) == version
        remove_segments(self.segments, target, old)
        return partial(is_copied, answer)

    def _copy_segments(self, key: str, target: str, origin: Copies, *, overwrite: bool, note: str | None) -> str | None:
        headers = origin.container.head(key).headers
        upload = SwiftUpload(
            self.container, self.segments, target, overwrite=overwrite, headers=description_of(headers), note=note
        )
        parts = whole_segments(origin.container, key)
        if parts is None:
            with origin.store.open_read(key) as source:
                self.store.send(upload, source)
            return version_of(headers)
        with in_parts(upload):
            for number, (container, below, part) in enumerate(parts, 1):
                upload.copy_part(number, container, below, part["bytes"], part["hash"])
        return version_of(headers)
